"""Labels: rated before transferred, samples inside their ellipses, permutations that move every emotion."""

import numpy as np
import pandas as pd
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.errors import ConfigError, DataError
from affectspace.training.configuration import LabelConfig
from affectspace.training.labels import few_of_a_kind, make_labels, permuted


def table(emotions: list, valence: float = np.nan) -> pd.DataFrame:
    return pd.DataFrame({"emotion": emotions, "valence": valence, "arousal": valence})


def test_transferred_labels_lie_in_the_ellipses_and_evaluation_takes_the_centres() -> None:
    emotions = ["anger", "happiness", None] * 50
    labels = make_labels(table(emotions), LabelConfig(), seed=3)
    reference = AnnotationTransfer.reference("affectnet")
    centres = reference.centres(["anger", "happiness"])
    assert labels.kind == "transferred"
    assert labels.categories == ("happiness", "anger")
    assert labels.category.tolist()[:3] == [1, 0, -1]
    np.testing.assert_allclose(labels.evaluation[:2], centres, atol=1e-6)
    assert np.isnan(labels.evaluation[2]).all()
    drawn = labels.training(0)
    deviations = reference.deviations_[list(reference.classes_).index("anger")]
    assert ((((drawn[::3] - centres[0]) / deviations) ** 2).sum(axis=1) <= 1 + 1e-5).all()
    assert len(np.unique(drawn[::3, 0])) > 40
    np.testing.assert_array_equal(drawn, make_labels(table(emotions), LabelConfig(), seed=3).training(7))


def test_redrawn_labels_change_with_the_epoch_and_centres_do_not() -> None:
    redrawn = make_labels(table(["anger"] * 5), LabelConfig(redraw=True), seed=0)
    assert not np.array_equal(redrawn.training(0), redrawn.training(1))
    fixed = make_labels(table(["anger"] * 5), LabelConfig(distribution="centres"), seed=0)
    np.testing.assert_array_equal(fixed.training(0), fixed.evaluation)


def test_ratings_come_first() -> None:
    labels = make_labels(table(["anger", "fear"], valence=0.25), LabelConfig(), seed=0)
    assert labels.kind == "rated"
    np.testing.assert_array_equal(labels.training(0), np.full((2, 2), 0.25, np.float32))
    with pytest.raises(ConfigError, match="these labels are rated"):
        make_labels(table(["anger", "fear"], valence=0.25), LabelConfig(permute=1), seed=0)


def test_a_permutation_moves_every_emotion() -> None:
    names = ("neutral", "happiness", "sadness", "anger")
    for seed in range(10):
        moved = permuted(names, seed)
        assert sorted(moved) == sorted(names)
        assert all(one != other for one, other in zip(names, moved, strict=True))
    assert permuted(names, None) == names


def test_bad_labels() -> None:
    with pytest.raises(DataError, match="no row has valence or arousal"):
        make_labels(table(["anger"]), LabelConfig(source="rated"), seed=0)
    with pytest.raises(DataError, match="no row has an emotion"):
        make_labels(table([None, None]), LabelConfig(), seed=0)
    with pytest.raises(DataError, match=r"no ellipse for boredom .*it has anger"):
        make_labels(table(["boredom", "anger"]), LabelConfig(), seed=0)


def test_emotions_that_a_training_hardly_sees() -> None:
    training = np.array([0] * 5 + [1] + [2] * 4 + [-1] * 9)
    told = few_of_a_kind(("happiness", "anger", "fear", "disgust"), training)
    assert [line.partition(" in training")[0] for line in told] == [
        "emotion 'anger' has 1 row", "emotion 'fear' has 4 rows", "emotion 'disgust' has no row",
    ]  # fmt: skip
    assert few_of_a_kind((), np.array([-1, -1])) == []
