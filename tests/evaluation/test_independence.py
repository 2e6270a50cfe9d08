"""Linear dependence of two blocks: definitions, invariances, floors of chance, and what is invisible to it."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectspace.evaluation.independence import (
    cka_interval,
    correlation_matrix,
    debiased_cka,
    linear_cka,
    mean_abs_correlation,
)


def blocks(n: int, seed: int, link: float = 0.0, d: int = 3, e: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, e))
    y[:, :d] = np.sqrt(1 - link**2) * y[:, :d] + link * x
    return x, y


def people_blocks(seed: int, people: int = 24, rows: int = 20, shares: tuple[float, float] = (0.1, 0.5)) -> tuple:
    """Independent blocks of 3 and 16 in which people's offsets make these shares of the variance."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rows)
    parts = [
        np.sqrt(share) * rng.normal(size=(people, d))[who] + np.sqrt(1 - share) * rng.normal(size=(len(who), d))
        for share, d in zip(shares, (3, 16), strict=True)
    ]
    return parts[0], parts[1], who


def song(x: np.ndarray, y: np.ndarray) -> float:
    """Debiased CKA as Song et al. write it, from n x n kernels."""

    def hsic(k: np.ndarray, el: np.ndarray) -> float:
        n = len(k)
        k, el = k - np.diag(np.diag(k)), el - np.diag(np.diag(el))
        one = np.ones(n)
        return (
            np.trace(k @ el) + one @ k @ one * (one @ el @ one) / (n - 1) / (n - 2) - 2 / (n - 2) * one @ k @ el @ one
        )

    k, el = x @ x.T, y @ y.T
    return hsic(k, el) / np.sqrt(hsic(k, k) * hsic(el, el))


def over_people(x: np.ndarray, y: np.ndarray, who: np.ndarray) -> float:
    """The estimator of centred blocks over rows of distinct people, written out."""
    members = [np.flatnonzero(who == p) for p in np.unique(who)]

    def mean(size: int, term) -> float:
        chosen = permutations(range(len(members)), size)
        values = [term(*np.ix_(*(members[p] for p in people))) for people in chosen]
        return sum(v.sum() for v in values) / sum(v.size for v in values)

    def hsic(k: np.ndarray, el: np.ndarray) -> float:
        return (
            mean(2, lambda i, j: k[i, j] * el[i, j])
            + mean(4, lambda i, j, q, r: k[i, j] * el[q, r])
            - 2 * mean(3, lambda i, j, q: k[i, j] * el[i, q])
        )

    k, el = x @ x.T, y @ y.T
    return hsic(k, el) / np.sqrt(hsic(k, k) * hsic(el, el))


def test_perfect():
    x, _ = blocks(50, 0)
    assert linear_cka(x, 3 * x + 1) == pytest.approx(1)
    assert debiased_cka(x, -x) == pytest.approx(1)
    assert mean_abs_correlation(x[:, :1], -2 * x[:, :1]) == pytest.approx(1)
    interval = cka_interval(x, x, np.arange(50))
    assert (interval.value, interval.low, interval.high) == pytest.approx((1, 1, 1))


def test_against_definitions():
    x, y = blocks(40, 1, link=0.5)
    k, el, centre = x @ x.T, y @ y.T, np.eye(40) - 1 / 40
    hsic = [np.trace(a @ centre @ b @ centre) for a, b in ((k, el), (k, k), (el, el))]
    assert linear_cka(x, y) == pytest.approx(hsic[0] / np.sqrt(hsic[1] * hsic[2]))
    assert debiased_cka(x, y) == pytest.approx(song(x, y))
    assert correlation_matrix(x, y) == pytest.approx(np.corrcoef(x.T, y.T)[:3, 3:])


def test_over_people_against_the_sum_written_out():
    x, y = blocks(14, 2, link=0.7, e=4)
    who = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5])
    interval = cka_interval(x, y, who)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    assert interval.value == pytest.approx(over_people(x, y, who))
    assert (interval.n, interval.groups) == (14, 6)
    left = np.array([over_people(x[who != p], y[who != p], who[who != p]) for p in range(6)])
    error = np.sqrt(5 / 6 * np.sum((left - interval.value) ** 2))
    assert interval.high - interval.value == pytest.approx(stats.t.ppf(0.975, 5) * error)


def test_one_row_a_person_is_the_plain_estimator():
    x, y = blocks(60, 3, link=0.3)
    assert cka_interval(x, y, np.arange(60)).value == pytest.approx(debiased_cka(x, y))


def test_floors_at_1000_rows_of_3_and_64():
    """EVALUATION's floors: mean |r| .025, linear CKA .012, debiased CKA 0."""
    drawn = [blocks(1000, seed, e=64) for seed in range(20)]
    assert np.mean([mean_abs_correlation(x, y) for x, y in drawn]) == pytest.approx(0.0252, abs=0.0006)
    assert np.mean([linear_cka(x, y) for x, y in drawn]) == pytest.approx(0.0133, abs=0.0010)
    debiased = np.array([debiased_cka(x, y) for x, y in drawn])
    assert abs(debiased.mean()) < 3 * debiased.std() / np.sqrt(20)
    assert debiased.std() < 0.003


def test_private_as_the_square_of_shared_is_invisible():
    x = np.random.default_rng(0).normal(size=(2000, 3))
    assert mean_abs_correlation(x, x**2) < 0.06
    assert abs(debiased_cka(x, x**2)) < 0.02


def test_rows_of_few_people_are_not_independent():
    """Offsets of people bias the plain debiased CKA, not the one over people, whose interval covers 0."""
    plain, over, covered = [], [], 0
    for seed in range(60):
        x, y, who = people_blocks(seed)
        interval = cka_interval(x, y, who)
        plain.append(debiased_cka(x, y))
        over.append(interval.value)
        covered += interval.low <= 0 <= interval.high
    assert np.mean(plain) > 0.010
    assert abs(np.mean(over)) < 0.003
    assert covered / 60 > 0.92


def test_interval_covers_a_true_dependence():
    truth = 3 * 0.4**2 / np.sqrt(3 * 16)  # |C_xy|^2 / (|C_x| |C_y|)
    covered = 0
    for seed in range(60):
        x, y, who = people_blocks(seed)
        y[:, :3] = np.sqrt(1 - 0.4**2) * y[:, :3] + 0.4 * x
        interval = cka_interval(x, y, who)
        covered += interval.low <= truth <= interval.high
    assert covered / 60 > 0.88


def test_seeds_are_averaged_within_each_jackknife_sample():
    x, y, who = people_blocks(0, people=8)
    other, _, _ = people_blocks(1, people=8)
    both = cka_interval([x, other], [y, y], who)
    assert both.value == pytest.approx((cka_interval(x, y, who).value + cka_interval(other, y, who).value) / 2)
    same = cka_interval([x, x], [y, y], who)
    assert (same.low, same.high) == pytest.approx((cka_interval(x, y, who).low, cka_interval(x, y, who).high))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_invariances(seed, scale, shift):
    """Rotation, scale, shift and the order of rows change nothing; both sides may be exchanged."""
    rng = np.random.default_rng(seed)
    x, y = blocks(30, seed, link=0.4)
    who = np.arange(30) // 3
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    moved, order = scale * y @ rotation + shift, rng.permutation(30)
    for measure in (linear_cka, debiased_cka, lambda a, b: cka_interval(a, b, who).high):
        assert measure(x, moved) == pytest.approx(measure(x, y), abs=1e-7)
        assert measure(y, x) == pytest.approx(measure(x, y), abs=1e-9)
    assert cka_interval(x[order], y[order], who[order]).low == pytest.approx(cka_interval(x, y, who).low, abs=1e-9)
    assert 0 <= linear_cka(x, y) <= 1
    assert mean_abs_correlation(x, scale * y + shift) == pytest.approx(mean_abs_correlation(x, y))


def test_degenerate():
    x, y = blocks(40, 5)
    flat = np.full((40, 2), 7.1)
    for measure in (linear_cka, debiased_cka, mean_abs_correlation):
        assert np.isnan(measure(x, flat))
        assert measure(x, np.hstack([y, flat])) == pytest.approx(measure(x, y))
    assert np.isnan(cka_interval(x, flat, np.arange(40)).value)
    table = correlation_matrix(x, np.hstack([y[:, :1], flat]))
    assert np.isfinite(table[:, 0]).all()
    assert np.isnan(table[:, 1:]).all()
    assert debiased_cka(x, 1e-140 * x) == pytest.approx(1)
