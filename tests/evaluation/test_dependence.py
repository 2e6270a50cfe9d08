"""Distance correlation and HSIC: definitions, what they see, the level of their permutation tests; the whole table 2."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.dependence import dependence_test, distance_correlation, fixed_rows, rbf_hsic
from affectspace.evaluation.independence import debiased_cka
from affectspace.evaluation.independence_table import independence_measures
from affectspace.evaluation.intervals import Interval


def pair(seed: int, n: int = 120, d: int = 2, e: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, e))


def test_against_definitions():
    x, y = pair(0, n=25)
    y[:, 0] += x[:, 0]
    a, b = (np.linalg.norm(z[:, None] - z[None], axis=2) for z in (x, y))
    h = np.eye(25) - 1 / 25

    def dcov(p: np.ndarray, q: np.ndarray) -> float:
        return np.mean((h @ p @ h) * (h @ q @ h))

    assert distance_correlation(x, y) == pytest.approx(np.sqrt(dcov(a, b) / np.sqrt(dcov(a, a) * dcov(b, b))))
    upper = np.triu_indices(25, 1)
    k, el = (np.exp(-(m**2) / (2 * np.median(m[upper] ** 2))) for m in (a, b))
    assert rbf_hsic(x, y) == pytest.approx(np.trace(k @ h @ el @ h) / 24**2)
    assert dependence_test(x, y, kind="linear", permutations=1).value == pytest.approx(debiased_cka(x, y))


def test_distance_correlation_is_1_for_a_line_and_r_of_gaussians_in_closed_form():
    x = np.random.default_rng(0).normal(size=(60, 1))
    assert distance_correlation(x, 5 - 2 * x) == pytest.approx(1)
    rng, r = np.random.default_rng(1), 0.6
    x = rng.normal(size=(2000, 1))
    y = r * x + 0.8 * rng.normal(size=(2000, 1))
    s = np.arcsin  # Szekely et al. 2007, Theorem 7
    square = (r * s(r) + np.sqrt(1 - r**2) - r * s(r / 2) - np.sqrt(4 - r**2) + 1) / (1 + np.pi / 3 - np.sqrt(3))
    assert distance_correlation(x, y) == pytest.approx(np.sqrt(square), abs=0.03)


@pytest.mark.parametrize("kind", ["rbf", "distance"])
def test_what_correlation_does_not_see(kind):
    x, _ = pair(1, n=200)
    seen = dependence_test(x, x**2, kind=kind, permutations=99)
    assert seen.p == 0.01
    assert seen.value > 0.05
    assert abs(seen.floor) < 0.01


@pytest.mark.parametrize("kind", ["rbf", "distance", "linear"])
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
    assert distance_correlation(x, moved) == pytest.approx(distance_correlation(x, y), abs=1e-9)
    assert rbf_hsic(x, moved) == pytest.approx(rbf_hsic(x, y), abs=1e-9)
    assert distance_correlation(y, x) == pytest.approx(distance_correlation(x, y))
    assert 0 <= distance_correlation(x, y) <= 1


def test_floor_at_1000_rows_of_3_and_64():
    x, y = pair(3, n=1000, d=3, e=64)
    assert distance_correlation(x, y) == pytest.approx(0.213, abs=0.01)


def test_fixed_rows():
    assert fixed_rows(5, 9).tolist() == [0, 1, 2, 3, 4]
    rows = fixed_rows(1000, 50, seed=1)
    assert len(np.unique(rows)) == 50
    assert np.array_equal(rows, np.sort(rows))
    assert np.array_equal(rows, fixed_rows(1000, 50, seed=1))
    assert not np.array_equal(rows, fixed_rows(1000, 50, seed=2))
    with pytest.raises(ConfigError, match="size is 0"):
        fixed_rows(10, 0)


def test_degenerate_and_bad_input():
    x, y = pair(4)
    flat = np.ones((120, 2))
    assert np.isnan(distance_correlation(x, flat))
    assert np.isnan(rbf_hsic(flat, y))
    with pytest.raises(DataError, match="private is constant over its 120 rows"):
        dependence_test(x, flat)
    with pytest.raises(DataError, match=r"have 3 rows: .* at least 4"):
        dependence_test(x[:3], y[:3])
    with pytest.raises(ConfigError, match="kind is 'cubic'"):
        dependence_test(x, y, kind="cubic")
    with pytest.raises(ConfigError, match="permutations is 0"):
        dependence_test(x, y, permutations=0)
    with pytest.raises(DataError, match="truth has 120 rows and groups has 2"):
        dependence_test(x, y, groups=["a", "b"])
    mostly = np.zeros((120, 1))
    mostly[0] = 1
    assert np.isfinite(rbf_hsic(mostly, y))


def test_the_whole_table():
    x, y = pair(5, n=300)
    options = {"size": 80, "permutations": 19, "dear_permutations": 3}
    table = independence_measures(x, y, np.arange(300) % 10, **options)
    assert list(table) == [
        "mean_abs_correlation", "linear_cka", "debiased_cka", "information_10_bins", "information_20_bins",
        "pairwise_ksg", "ksg", "distance_correlation", "hsic", "bias_corrected_distance_correlation",
        "hsic_within_people", "cka_over_people",
    ]  # fmt: skip
    assert isinstance(table["cka_over_people"], Interval)
    assert table["cka_over_people"].n == 300
    assert table["linear_cka"].low <= table["linear_cka"].floor <= table["linear_cka"].high
    assert "cka_over_people" not in independence_measures(x, y, **options)
    linked = independence_measures(x, np.hstack([x[:, :1], y]), **options)
    for name, measure in linked.items():
        if name not in ("pairwise_ksg", "ksg", "information_20_bins"):
            assert measure.value > measure.high, name
    with pytest.raises(DataError, match="private is constant over its 300 rows: a dead latent"):
        independence_measures(x, np.ones((300, 2)))
