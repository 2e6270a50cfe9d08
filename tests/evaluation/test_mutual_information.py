"""Mutual information against closed forms and scikit-learn, with its floors, and what it sees that correlation does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.mutual_information import binned_information, ksg_information, pairwise_ksg_information


def independent(seed: int, n: int = 1000, d: int = 3, e: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, e))


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
    x, y = independent(0, n=300, d=2, e=3)
    y[:, 0] += x[:, 0]

    def codes(column: np.ndarray) -> np.ndarray:
        return np.digitize(column, np.histogram_bin_edges(column, 10)[1:-1])

    each = [mutual_info_score(codes(a), codes(b)) for a in x.T for b in y.T]
    assert binned_information(x, y) == pytest.approx(np.mean(each))


def test_pairs_against_scikit_learn():
    x, y = independent(1, n=300, e=5)
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
    x, y = independent(0)
    assert binned_information(x, y) == pytest.approx(0.038, abs=0.002)
    assert binned_information(x, y, bins=20) == pytest.approx(0.141, abs=0.005)
    assert pairwise_ksg_information(x, y) == pytest.approx(0.009, abs=0.003)
    assert np.mean([ksg_information(*independent(seed, n=500)) for seed in range(6)]) == pytest.approx(0, abs=0.03)


def test_private_as_the_square_of_shared_is_seen():
    x = np.random.default_rng(0).normal(size=(1500, 3))
    assert ksg_information(x[:, :1], x[:, :1] ** 2) > 4.5
    assert ksg_information(x, x**2) > 2.5
    assert pairwise_ksg_information(x, x**2) > 1.0
    assert binned_information(x, x**2) > 5 * binned_information(x, np.random.default_rng(1).normal(size=(1500, 3)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_invariances(seed, scale, shift):
    """Shift, scale and the order of rows change nothing, and both sides may be exchanged."""
    x, y = independent(seed, n=60, d=2, e=2)
    y += x
    order = np.random.default_rng(seed).permutation(60)
    moved = scale * y + shift
    for measure in (binned_information, pairwise_ksg_information, ksg_information):
        # a value at the very edge of a bin, or equal distances, may fall on either side of it
        assert measure(x, moved) == pytest.approx(measure(x, y), abs=0.02)
        assert measure(y, x) == pytest.approx(measure(x, y), abs=1e-6)
        assert measure(x[order], y[order]) == pytest.approx(measure(x, y), abs=1e-6)
    assert 0 <= binned_information(x, y) <= np.log(10)


def test_degenerate():
    x, y = independent(2, n=50, d=2, e=2)
    flat = np.full((50, 1), 3.3)
    for measure in (binned_information, pairwise_ksg_information, ksg_information):
        assert np.isnan(measure(x, flat))
        assert measure(x, np.hstack([y, flat])) == pytest.approx(measure(x, y), abs=1e-6)
    ties = np.round(x)
    assert np.isfinite(ksg_information(ties, np.round(y)))
    assert np.isfinite(pairwise_ksg_information(ties, ties))


def test_bad_input():
    x, y = independent(3, n=10, e=2)
    with pytest.raises(DataError, match="3 rows: 3 neighbours need at least 4"):
        ksg_information(x[:3], y[:3])
    with pytest.raises(DataError, match="10 rows and private has 9"):
        binned_information(x, y[:9])
    with pytest.raises(ConfigError, match="bins is 1"):
        binned_information(x, y, bins=1)
    with pytest.raises(ConfigError, match="k is 0"):
        ksg_information(x, y, k=0)
