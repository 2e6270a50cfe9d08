"""Retrieval of the other modality's vector, and the gap between modalities: perfect, useless, tied and degenerate sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectspace.evaluation import balanced_accuracy, cross_modal
from affectspace.evaluation.cross_modal import centroid_distance, classifier_two_sample, retrieval, two_sample_test
from affectspace.evaluation.probes import ProbeResult, linear_probe


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_perfect_and_useless(metric):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    perfect = retrieval(x, x, metric=metric)
    assert perfect.top == {1: 1.0, 5: 1.0, 10: 1.0}
    assert perfect.chance == {1: 1 / 200, 5: 5 / 200, 10: 10 / 200}
    assert perfect.median_rank == 1
    useless = retrieval(x, rng.normal(size=(200, 3)), metric=metric)
    assert useless.top[10] < 0.12
    assert 70 < useless.median_rank < 130


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_collapsed_codes_reach_chance(metric):
    flat = retrieval(np.full((40, 3), 0.7), np.full((40, 3), 0.1), metric=metric)
    assert flat.top == pytest.approx(flat.chance)
    assert flat.median_rank == 20.5
    half = retrieval(np.repeat(np.eye(2), 10, axis=0), np.repeat(np.eye(2), 10, axis=0), metric=metric, k=[1, 10, 15])
    assert half.top == pytest.approx({1: 1 / 10, 10: 1.0, 15: 1.0})
    assert half.hits[1] == pytest.approx(np.full(20, 0.1))


def test_zero_vectors_have_no_direction():
    x = np.eye(4)
    x[3] = 0
    result = retrieval(x, x, k=[1], metric="cosine")
    assert result.hits[1] == pytest.approx([1, 1, 1, 0.25])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_against_a_plain_loop_in_blocks(metric, monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 4))
    y = x + rng.normal(size=(30, 4))
    whole = retrieval(x, y, metric=metric)
    ranks = []
    for i in range(30):
        if metric == "euclidean":
            distances = np.linalg.norm(y - x[i], axis=1)
        else:
            distances = -(y @ x[i]) / np.linalg.norm(y, axis=1)
        ranks.append(1 + np.sum(distances < distances[i]))
    assert whole.ranks.tolist() == ranks
    assert whole.top[5] == np.mean(np.array(ranks) <= 5)
    monkeypatch.setattr(cross_modal, "_BLOCK", 70)
    assert retrieval(x, y, metric=metric).ranks.tolist() == ranks


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.01, 100))
def test_invariances(seed, scale):
    """One rotation and scale of both spaces, a shift of both, the order of samples: no rank changes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 3))
    y = x + 0.5 * rng.normal(size=(25, 3))
    rotation, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(25)
    for metric, shift in (("euclidean", 30.0), ("cosine", 0.0)):
        ranks = retrieval(x, y, metric=metric).ranks
        moved = retrieval(scale * x @ rotation + shift, scale * y @ rotation + shift, metric=metric).ranks
        assert moved.tolist() == ranks.tolist()
        assert retrieval(x[order], y[order], metric=metric).ranks.tolist() == ranks[order].tolist()


def test_k_above_n_is_left_out():
    assert list(retrieval(np.eye(3), np.eye(3)).top) == [1]


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
    here, there = two_sample_test(x, y, permutations=20), two_sample_test(*moved, permutations=20)
    assert (there.value, there.p) == (pytest.approx(scale * here.value, rel=1e-6), here.p)


def test_values_against_definitions():
    x, y = sets(1, 0.5, 12, 9)
    value = two_sample_test(x[:, :1], y[:, :1], permutations=1).value
    assert value == pytest.approx(stats.energy_distance(x[:, 0], y[:, 0]) ** 2)
    across, first, second = (np.linalg.norm(a[:, None] - b, axis=2).mean() for a, b in ((x, y), (x, x), (y, y)))
    assert two_sample_test(x, y, permutations=1).value == pytest.approx(2 * across - first - second)


def test_a_gap_is_found_and_none_is_not():
    x, y = sets(2, 1.0)
    assert two_sample_test(x, y, permutations=199).p == 0.005
    assert two_sample_test(x, 2 * (y - [1.0, 0, 0]), permutations=199).p < 0.05  # in spread
    ps = [two_sample_test(*sets(seed, 0, 25, 20), permutations=39).p for seed in range(150)]
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
    """Gaps of single people are no gap between modalities."""
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
    assert balanced_accuracy(apart.truth, apart.predictions) > 0.9
    same = classifier_two_sample(*sets(6, n=80, m=80), np.arange(80), np.arange(80))
    assert 0.35 < balanced_accuracy(same.truth, same.predictions) < 0.62
    assert set(same.predictions) <= {"a", "b"}
    assert same.groups.tolist() == [str(i) for i in range(80)] * 2


def test_both_modalities_of_a_sample_are_on_one_side():
    """Samples that can be recognised do not help to tell the modalities apart."""
    seen: list[set] = []

    def spy(train, labels, validation, validation_labels, test, **options) -> ProbeResult:
        seen.append({round(value) for value in train[:, 0]} & {round(value) for value in test[:, 0]})
        return linear_probe(train, labels, validation, validation_labels, test, **options)

    samples = np.arange(60.0)[:, None]
    classifier_two_sample(samples, samples + 0.1, np.arange(60), np.arange(60), probe=spy)
    assert seen == [set()] * 5
