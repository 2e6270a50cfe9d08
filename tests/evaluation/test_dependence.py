"""Kernel dependence and mutual information: definitions, what they see, their floors, and the level of the tests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score

from affectspace.evaluation.dependence import (
    binned_information,
    dependence_test,
    fixed_rows,
    ksg_information,
    pairwise_ksg_information,
)


def pair(seed: int, n: int = 120, d: int = 2, e: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, e))


def debiased(k: np.ndarray, el: np.ndarray) -> float:
    """Similarity of two kernels from the unbiased HSIC of Song et al. 2012, Eq. 5."""
    n = len(k)

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        a, b = a - np.diag(np.diag(a)), b - np.diag(np.diag(b))
        products = np.sum(a * b) + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * np.sum(a @ b) / (n - 2)
        return products / (n * (n - 3))

    return hsic(k, el) / np.sqrt(hsic(k, k) * hsic(el, el))


def test_against_definitions():
    x, y = pair(0, n=25)
    y[:, 0] += x[:, 0]
    a, b = (np.linalg.norm(z[:, None] - z[None], axis=2) for z in (x, y))
    assert dependence_test(x, y, kind="distance", permutations=1).value == pytest.approx(debiased(a, b))
    upper = np.triu_indices(25, 1)
    k, el = (np.exp(-(m**2) / (2 * np.median(m[upper] ** 2))) for m in (a, b))
    assert dependence_test(x, y, permutations=1).value == pytest.approx(debiased(k, el))


@pytest.mark.parametrize("kind", ["rbf", "distance"])
def test_what_correlation_does_not_see(kind):
    x, _ = pair(1, n=200)
    seen = dependence_test(x, x**2, kind=kind, permutations=99)
    assert seen.p == 0.01
    assert seen.value > 0.05
    assert abs(seen.floor) < 0.01


@pytest.mark.parametrize("kind", ["rbf", "distance"])
def test_equal_blocks_and_the_level_under_independence(kind):
    x, _ = pair(2)
    assert dependence_test(x, 3 * x, kind=kind, permutations=20).value == pytest.approx(1)
    tests = [dependence_test(*pair(seed, n=40), kind=kind, permutations=39) for seed in range(120)]
    assert np.mean([test.p <= 0.05 for test in tests]) < 0.12
    assert abs(np.mean([test.value for test in tests])) < 0.01


def test_within_people():
    """Offsets of people make rows dependent; permuted within people that is a part of the floor."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(6), 20)
    x, y = rng.normal(size=(6, 2))[who] + rng.normal(size=(120, 2)), rng.normal(size=(6, 2))[who] * 2
    y = y + rng.normal(size=(120, 2))
    assert dependence_test(x, y, permutations=99).p == 0.01
    within = dependence_test(x, y, groups=who, permutations=99)
    assert within.p > 0.05
    assert within.floor > 0.01
    assert dependence_test(x, y + x**2, groups=who, permutations=99).p < 0.05


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500), st.floats(0.1, 50), st.floats(-20, 20))
def test_invariances(seed, scale, shift):
    """Rotation, one scale, shift: nothing changes."""
    x, y = pair(seed, n=30)
    y[:, 0] += x[:, 0] ** 2
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    moved = scale * y @ rotation + shift
    for kind in ("rbf", "distance"):
        value = dependence_test(x, y, kind=kind, permutations=1).value
        assert dependence_test(x, moved, kind=kind, permutations=1).value == pytest.approx(value, abs=1e-9)
        assert dependence_test(y, x, kind=kind, permutations=1).value == pytest.approx(value)


def test_fixed_rows():
    assert fixed_rows(5, 9).tolist() == [0, 1, 2, 3, 4]
    rows = fixed_rows(1000, 50, seed=1)
    assert len(np.unique(rows)) == 50
    assert np.array_equal(rows, np.sort(rows))
    assert np.array_equal(rows, fixed_rows(1000, 50, seed=1))
    assert not np.array_equal(rows, fixed_rows(1000, 50, seed=2))


def test_gaussians_in_closed_form():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 1))
    y = 0.6 * x + 0.8 * rng.normal(size=(4000, 1))
    assert ksg_information(x, y) == pytest.approx(-0.5 * np.log(1 - 0.36), abs=0.02)
    assert binned_information(x, y, bins=20) == pytest.approx(-0.5 * np.log(1 - 0.36), abs=0.03)
    wide_x, wide_y = rng.normal(size=(3000, 2)), rng.normal(size=(3000, 2))
    wide_y = 0.6 * wide_x + 0.8 * wide_y
    assert ksg_information(wide_x, wide_y) == pytest.approx(-np.log(1 - 0.36), abs=0.05)


def test_bins_against_scikit_learn():
    x, y = pair(0, n=300)
    y[:, 0] += x[:, 0]

    def codes(column: np.ndarray) -> np.ndarray:
        return np.digitize(column, np.histogram_bin_edges(column, 10)[1:-1])

    each = [mutual_info_score(codes(a), codes(b)) for a in x.T for b in y.T]
    assert binned_information(x, y) == pytest.approx(np.mean(each))


def test_pairs_against_scikit_learn():
    x, y = pair(1, n=300, d=3, e=5)
    y[:, 0] += x[:, 0]
    reference = np.mean([mutual_info_regression(y, x[:, i], n_neighbors=3) for i in range(3)])
    assert pairwise_ksg_information(x, y) == pytest.approx(reference, abs=1e-9)
    assert ksg_information(x[:, :1], y[:, :1]) == pytest.approx(
        mutual_info_regression(y[:, :1], x[:, 0], n_neighbors=3)[0], abs=1e-9
    )


def test_perfect_bins():
    x = np.arange(100.0)[:, None]
    assert binned_information(x, 5 - 3 * x) == pytest.approx(np.log(10))
    assert binned_information(x, x, bins=4) == pytest.approx(np.log(4))


def test_floors_at_1000_rows_of_3_and_64():
    """EVALUATION's floors: 10 bins .04, 20 bins .14, KSG .012 (pairs, negative ones as 0: .009)."""
    x, y = pair(0, n=1000, d=3, e=64)
    assert binned_information(x, y) == pytest.approx(0.038, abs=0.002)
    assert binned_information(x, y, bins=20) == pytest.approx(0.141, abs=0.005)
    assert pairwise_ksg_information(x, y) == pytest.approx(0.009, abs=0.003)
    assert np.mean([ksg_information(*pair(seed, n=500, d=3, e=64)) for seed in range(6)]) == pytest.approx(0, abs=0.03)


def test_private_as_the_square_of_shared_is_seen():
    x = np.random.default_rng(0).normal(size=(1500, 3))
    assert ksg_information(x[:, :1], x[:, :1] ** 2) > 4.5
    assert ksg_information(x, x**2) > 2.5
    assert pairwise_ksg_information(x, x**2) > 1.0
    assert binned_information(x, x**2) > 5 * binned_information(x, np.random.default_rng(1).normal(size=(1500, 3)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_invariances_of_information(seed, scale, shift):
    """Shift, scale and the order of rows change nothing, and both sides may be exchanged."""
    x, y = pair(seed, n=60, e=2)
    y += x
    order = np.random.default_rng(seed).permutation(60)
    moved = scale * y + shift
    for measure in (binned_information, pairwise_ksg_information, ksg_information):
        # a value at the very edge of a bin, or equal distances, may fall on either side of it
        assert measure(x, moved) == pytest.approx(measure(x, y), abs=0.02)
        assert measure(y, x) == pytest.approx(measure(x, y), abs=1e-6)
        assert measure(x[order], y[order]) == pytest.approx(measure(x, y), abs=1e-6)
    assert 0 <= binned_information(x, y) <= np.log(10)


def test_degenerate_information():
    x, y = pair(2, n=50, e=2)
    flat = np.full((50, 1), 3.3)
    for measure in (binned_information, pairwise_ksg_information, ksg_information):
        assert np.isnan(measure(x, flat))
        assert measure(x, np.hstack([y, flat])) == pytest.approx(measure(x, y), abs=1e-6)
    ties = np.round(x)
    assert np.isfinite(ksg_information(ties, np.round(y)))
    assert np.isfinite(pairwise_ksg_information(ties, ties))
