"""Labels from emotions: marked, counted, rated rows untouched."""

import numpy as np
import pytest

from affectspace import AnnotationTransfer
from affectspace.corpora import Corpus, build_table
from affectspace.corpora.transferred import transfer_labels
from affectspace.errors import ConfigError, DataError

NAN = float("nan")


@pytest.fixture
def corpus() -> Corpus:
    columns = {
        "id": ["a", "b", "c", "d", "e"],
        "emotion": ["anger", "happiness", "boredom", None, "anger"],
        "valence": [NAN, NAN, NAN, NAN, 0.9],
    }
    return Corpus("some", build_table("some", columns, where="here"))


def test_centres_fill_what_is_open(corpus: Corpus) -> None:
    done = transfer_labels(corpus, "russell_mehrabian_1977")
    axes = done.table[["valence", "arousal", "dominance"]].to_numpy()
    np.testing.assert_array_equal(axes[:3], [[-0.51, 0.59, 0.25], [0.81, 0.51, 0.46], [-0.65, -0.62, -0.33]])
    assert np.isnan(axes[3]).all()
    assert axes[4, 0] == 0.9
    assert np.isnan(axes[4, 1:]).all()
    kinds = done.table["label_kind"].tolist()
    assert kinds[:3] == ["transferred"] * 3
    assert kinds[4] == "rated"
    assert kinds[3] not in ("rated", "transferred")
    assert corpus.table["valence"].isna().sum() == 4
    assert "3 rows have valence, arousal, dominance transferred" in done.report.notes[-1]


def test_emotions_that_the_reference_lacks_are_counted(corpus: Corpus) -> None:
    done = transfer_labels(corpus, "affectnet")
    assert done.table["valence"].notna().tolist() == [True, True, False, False, True]
    assert done.table["dominance"].isna().all()
    assert done.report.notes[-1] == "no values for 1 row of boredom: the transfer does not know this emotion"


def test_samples_lie_in_the_ellipse_and_are_reproducible(corpus: Corpus) -> None:
    transfer = AnnotationTransfer.reference("affectnet")
    one, same, other = (
        transfer_labels(corpus, transfer, distribution="uniform", random_state=seed).table[["valence", "arousal"]]
        for seed in (1, 1, 2)
    )
    assert one.equals(same)
    assert not one.equals(other)
    unit = (one.iloc[0] - [-0.452736, 0.566778]) / [0.174105, 0.197566]
    assert (unit**2).sum() <= 1
    assert transfer.get_params()["distribution"] == "uniform"
    gaussian = transfer_labels(corpus, transfer, distribution="gaussian", random_state=1).table
    assert transfer.get_params()["distribution"] == "uniform"
    assert gaussian["valence"].iloc[0] != one["valence"].iloc[0]


def test_what_cannot_be_transferred(corpus: Corpus) -> None:
    with pytest.raises(DataError, match="has centres but no deviations"):
        transfer_labels(corpus, "russell_mehrabian_1977", distribution="gaussian")
    with pytest.raises(ConfigError, match="unknown distribution 'middle'; choose from centres, uniform, gaussian"):
        transfer_labels(corpus, "affectnet", distribution="middle")
    with pytest.raises(DataError, match="no row without ratings has an emotion of the transfer"):
        transfer_labels(corpus.take([3, 4]), "affectnet")
    odd = AnnotationTransfer(axes=("smile",)).fit([[0.0], [1.0]], ["anger", "happiness"])
    with pytest.raises(DataError, match="the transfer has the axes smile, none of valence"):
        transfer_labels(corpus, odd)


def test_a_sample_does_not_depend_on_the_other_rows(corpus: Corpus) -> None:
    before = transfer_labels(corpus, "affectnet", distribution="uniform", random_state=1).table
    table = corpus.table.copy()
    table.loc[0, ["valence", "arousal"]] = 0.1
    rated = Corpus("some", table)
    after = transfer_labels(rated, "affectnet", distribution="uniform", random_state=1).table
    assert before.loc[1, ["valence", "arousal"]].tolist() == after.loc[1, ["valence", "arousal"]].tolist()


def test_trainings_draw_the_same_points(corpus: Corpus) -> None:
    from affectspace.data.configuration import LabelConfig
    from affectspace.data.labels import make_labels, step_seed

    rows = corpus.take([0, 1, 3])
    draws = make_labels(rows.table, LabelConfig().complete(images=True), seed=3).draws
    assert draws is not None
    seed = step_seed(3, 0, 0) % 2**32
    same = transfer_labels(rows, "affectnet", distribution="uniform", random_state=seed).table[["valence", "arousal"]]
    np.testing.assert_array_equal(draws(0)[:, :2], same.to_numpy(np.float32))
