"""Labels: rated before transferred, samples inside their ellipses, permutations that move every emotion."""

import numpy as np
import pandas as pd
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.data.configuration import LabelConfig
from affectspace.data.labels import Labels, encode_categories, few_of_a_kind, make_labels, permuted
from affectspace.errors import ConfigError, DataError


def labels_of(emotions: list, valence: float | list[float] = np.nan, seed: int = 0, **settings: object) -> Labels:
    table = pd.DataFrame({"emotion": emotions, "valence": valence, "arousal": valence, "dominance": np.nan})
    table["label_kind"] = np.where(table["valence"].notna(), "rated", None)
    return make_labels(table, LabelConfig(**settings).complete(images=True), seed=seed)  # type: ignore[arg-type]


def test_transferred_labels_lie_in_the_ellipses_and_evaluation_takes_the_centres() -> None:
    emotions = ["anger", "happiness", None] * 50
    labels = labels_of(emotions, seed=3)
    reference = AnnotationTransfer.reference("affectnet")
    centres = reference.centres(["anger", "happiness"])
    assert labels.kind.tolist()[:3] == ["transferred", "transferred", None]
    np.testing.assert_allclose(labels.affect[:2, :2], centres, atol=1e-6)
    assert np.isnan(labels.affect[2]).all()
    assert np.isnan(labels.affect[:, 2]).all()  # AffectNet has no dominance
    assert labels.draws is not None
    drawn = labels.draws(0)[:, :2]
    deviations = reference.deviations_[list(reference.classes_).index("anger")]
    assert ((((drawn[::3] - centres[0]) / deviations) ** 2).sum(axis=1) <= 1 + 1e-5).all()
    assert len(np.unique(drawn[::3, 0])) > 40
    again = labels_of(emotions, seed=3)
    assert again.draws is not None
    np.testing.assert_array_equal(drawn, again.draws(7)[:, :2])


def test_redrawn_labels_change_with_the_epoch_and_centres_do_not() -> None:
    redrawn = labels_of(["anger"] * 5, redraw=True).draws
    assert redrawn is not None
    assert not np.array_equal(redrawn(0), redrawn(1))
    assert labels_of(["anger"] * 5, distribution="centres").draws is None


def test_ratings_come_first_and_rows_without_one_take_their_emotion() -> None:
    labels = labels_of(["anger", "fear"], valence=0.25)
    assert labels.kind.tolist() == ["rated", "rated"]
    np.testing.assert_array_equal(labels.affect[:, :2], np.full((2, 2), 0.25, np.float32))
    mixed = labels_of(["anger", "fear"], valence=[0.25, np.nan], distribution="centres")
    assert mixed.kind.tolist() == ["rated", "transferred"]
    assert mixed.affect[0, 0] == np.float32(0.25)
    np.testing.assert_allclose(
        mixed.affect[1, :2], AnnotationTransfer.reference("affectnet").centres(["fear"])[0], atol=1e-6
    )
    assert labels_of(["anger", "fear"], valence=[0.25, np.nan], source="rated").kind.tolist()[0] == "rated"
    with pytest.raises(ConfigError, match="permute moves ellipses, but these labels are ratings"):
        labels_of(["anger", "fear"], valence=0.25, permute=1)


def test_a_permutation_gives_every_row_the_ellipse_of_another_emotion() -> None:
    labels = labels_of(["anger", "happiness", "sadness"], permute=1, distribution="centres")
    plain = labels_of(["anger", "happiness", "sadness"], distribution="centres")
    assert sorted(labels.affect[:, 0]) == sorted(plain.affect[:, 0])
    assert (labels.affect[:, 0] != plain.affect[:, 0]).all()


def test_a_permutation_moves_every_emotion() -> None:
    names = ("neutral", "happiness", "sadness", "anger")
    for seed in range(10):
        moved = permuted(names, seed)
        assert sorted(moved) == sorted(names)
        assert all(one != other for one, other in zip(names, moved, strict=True))
    assert permuted(names, None) == names


def test_bad_labels() -> None:
    with pytest.raises(DataError, match=r"source: rated, but no row has a rating"):
        labels_of(["anger"], source="rated")
    with pytest.raises(DataError, match=r"source: transferred, but no row has an emotion"):
        labels_of([None, None], source="transferred")
    with pytest.raises(DataError, match=r"affectnet knows none of the emotions boredom .*it knows .*anger"):
        labels_of(["boredom"])
    notes = labels_of(["boredom", "anger"]).notes
    assert "no labels for 1 row of boredom: affectnet does not know it" in notes


def test_images_and_features_have_their_own_defaults() -> None:
    images, features = LabelConfig().complete(images=True), LabelConfig().complete(images=False)
    assert (images.reference, images.distribution, images.redraw) == ("affectnet", "uniform", False)
    assert (features.reference, features.distribution, features.redraw) == ("russell_mehrabian_1977", "centres", True)
    assert LabelConfig(reference="mine.json").complete(images=True).reference == "mine.json"


def test_emotions_are_indices_in_our_order() -> None:
    names, index = encode_categories(pd.Series(["anger", None, "happiness"]))
    assert names == ("happiness", "anger")
    assert index.tolist() == [1, -1, 0]


def test_emotions_that_a_training_hardly_sees() -> None:
    training = np.array([0] * 5 + [1] + [2] * 4 + [-1] * 9)
    message = few_of_a_kind(("happiness", "anger", "fear", "disgust"), training)
    assert [line.partition(" in training")[0] for line in message] == [
        "emotion 'anger' has 1 row", "emotion 'fear' has 4 rows", "emotion 'disgust' has no row",
    ]  # fmt: skip
    assert few_of_a_kind((), np.array([-1, -1])) == []
