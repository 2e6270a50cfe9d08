"""The modality gap: none, a clear one, pairs, people, and degenerate sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.two_sample import centroid_distance, classifier_two_sample, two_sample_test


def sets(seed: int, gap: float = 0.0, n: int = 60, m: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(size=(m, 3)) + np.array([gap, 0, 0])


def test_centroids():
    x, y = sets(0)
    assert centroid_distance(x, x) == 0
    one = x[:, :1] + 2
    pooled = np.sqrt((59 * x[:, 0].var(ddof=1) + 49 * y[:, 0].var(ddof=1)) / 108)
    assert centroid_distance(one, y[:, :1]) == pytest.approx(abs(one.mean() - y[:, 0].mean()) / pooled)
    assert centroid_distance(x, x + np.array([3, 4, 0])) == pytest.approx(5 / np.sqrt(x.var(axis=0, ddof=1).sum()))
    assert centroid_distance(np.ones((3, 2)), np.zeros((3, 2))) == np.inf
    assert np.isnan(centroid_distance(np.ones((3, 2)), np.ones((3, 2))))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 200), st.floats(0.01, 100), st.floats(-20, 20))
def test_centroids_and_energy_do_not_depend_on_axes_or_unit(seed, scale, shift):
    x, y = sets(seed, 1.0, 20, 15)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    moved = scale * x @ rotation + shift, scale * y @ rotation + shift
    assert centroid_distance(*moved) == pytest.approx(centroid_distance(x, y), rel=1e-6)
    one, two = two_sample_test(x, y, permutations=20), two_sample_test(*moved, permutations=20)
    assert (two.value, two.p) == (pytest.approx(scale * one.value, rel=1e-6), one.p)


def test_values_against_definitions():
    x, y = sets(1, 0.5, 12, 9)
    one = two_sample_test(x[:, :1], y[:, :1], permutations=1).value
    assert one == pytest.approx(stats.energy_distance(x[:, 0], y[:, 0]) ** 2)
    both = np.vstack([x, y])
    distances = np.linalg.norm(both[:, None] - both[None], axis=2)
    k = np.exp(-(distances**2) / (2 * np.median(distances[np.triu_indices(21, 1)]) ** 2))
    mmd = k[:12, :12].mean() + k[12:, 12:].mean() - 2 * k[:12, 12:].mean()
    assert two_sample_test(x, y, kind="mmd", permutations=1).value == pytest.approx(mmd)


@pytest.mark.parametrize("kind", ["energy", "mmd"])
def test_a_gap_is_found_and_none_is_not(kind):
    x, y = sets(2, 1.0)
    assert two_sample_test(x, y, kind=kind, permutations=199).p == 0.005
    assert two_sample_test(x, 2 * (y - [1.0, 0, 0]), kind=kind, permutations=199).p < 0.05  # as to spread
    ps = [two_sample_test(*sets(seed, 0, 25, 20), kind=kind, permutations=39).p for seed in range(150)]
    assert 0.01 < np.mean(np.array(ps) <= 0.05) < 0.11


def test_pairs_see_a_gap_that_mixing_does_not():
    rng = np.random.default_rng(3)
    sample = 3 * rng.normal(size=(60, 2))
    x, y = sample + 0.1 * rng.normal(size=(60, 2)), sample + 0.1 * rng.normal(size=(60, 2)) + 0.3
    assert two_sample_test(x, y, permutations=199).p > 0.05
    assert two_sample_test(x, y, paired=True, permutations=199).p == 0.005
    nothing = two_sample_test(x, y - 0.3, paired=True, permutations=199)
    assert nothing.p > 0.05
    equal = two_sample_test(x, x, paired=True, permutations=19)
    assert (equal.value, equal.p) == (pytest.approx(0, abs=1e-12), 1.0)


def test_people_are_exchanged_together():
    """A gap of a few people's own is no gap of modalities."""
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(6), 20)
    x = rng.normal(size=(120, 2))
    y = x + rng.normal(size=(6, 2))[who]
    alone = two_sample_test(x, y, paired=True, permutations=199)
    together = two_sample_test(x, y, paired=True, groups=who, permutations=199)
    assert alone.value == together.value
    assert alone.p < 0.05 < together.p


def test_classifier():
    x, y = sets(5, 4.0)
    apart = classifier_two_sample(x, y, np.arange(60) % 12, np.arange(50) % 12)
    assert apart.uar > 0.9
    same = classifier_two_sample(*sets(6, n=80, m=80), np.arange(80), np.arange(80))
    assert 0.35 < same.uar < 0.62
    assert set(same.predictions) <= {"a", "b"}
    pairs = {group: set(same.fold[same.groups == group]) for group in np.unique(same.groups)}
    assert all(len(folds) == 1 for folds in pairs.values())  # both modalities of a sample on one side


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, y: two_sample_test(x, y[:, :2]), DataError, "a has 3 dimensions and b 2"),
        (lambda x, y: two_sample_test(x, y, paired=True), DataError, "a has 60 rows and b has 50"),
        (lambda x, y: two_sample_test(x, y, groups=np.arange(60)), DataError, "need paired=True"),
        (lambda x, y: two_sample_test(x[:1], y), DataError, "a has 1 rows and b 50"),
        (lambda x, y: two_sample_test(0 * x, 0 * y), DataError, "all rows of a and b are the same point"),
        (lambda x, y: two_sample_test(x, y, kind="t"), ConfigError, "kind is 't'"),
        (lambda x, y: two_sample_test(x, y, permutations=0), ConfigError, "permutations is 0"),
        (lambda x, y: classifier_two_sample(x, y, np.arange(60), [None] * 50), DataError, "no value in row 0"),
        (lambda x, y: classifier_two_sample(x, y, np.arange(60), np.arange(60)), DataError, "110 rows"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(*sets(7))
