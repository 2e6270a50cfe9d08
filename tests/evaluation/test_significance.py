"""Tests over people against SciPy and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectspace.errors import DataError
from affectspace.evaluation.metrics import balanced_accuracy
from affectspace.evaluation.significance import holm, paired_uar_test, per_group, sign_flip_test, t_interval


def test_sign_flip_is_exact_for_few_people():
    assert sign_flip_test([1.0, 1.0, 1.0, 1.0]) == 2 / 16
    assert sign_flip_test([1.0, -1.0]) == 1
    assert sign_flip_test([0.0, 0.0, 0.0]) == 1
    x = np.random.default_rng(0).normal(0.5, 1, 9)
    reference = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(x) == pytest.approx(reference.pvalue)


def test_sign_flip_by_monte_carlo_is_close_to_t_and_never_zero():
    x = np.random.default_rng(1).normal(0.3, 1, 40)
    assert sign_flip_test(x) == pytest.approx(stats.ttest_1samp(x, 0).pvalue, abs=0.02)
    assert sign_flip_test(np.ones(40), flips=99) == 0.01
    assert sign_flip_test(x, seed=2) == sign_flip_test(x, seed=2)


def test_sign_flip_keeps_its_level():
    rng = np.random.default_rng(2)
    rejected = np.mean([sign_flip_test(rng.normal(size=10)) <= 0.05 for _ in range(400)])
    assert 0.02 < rejected < 0.09


def test_paired_uar_test():
    rng = np.random.default_rng(0)
    people, truth = rng.integers(0, 8, 300), rng.integers(0, 3, 300)
    better = np.where(rng.random(300) < 0.5, truth, rng.integers(0, 3, 300))
    chance = rng.integers(0, 3, 300)
    assert paired_uar_test(truth, better, chance, people) == 2 / 2**8
    assert paired_uar_test(truth, chance, chance, people) == 1
    assert paired_uar_test(truth, [better, chance], [chance, better], people) == 1
    swapped = np.where(people == 0, chance, better), np.where(people == 0, better, chance)
    observed = abs(balanced_accuracy(truth, better) - balanced_accuracy(truth, chance))
    assert abs(balanced_accuracy(truth, swapped[0]) - balanced_accuracy(truth, swapped[1])) < observed


def test_t_interval():
    x = np.random.default_rng(0).normal(size=7)
    interval = t_interval(x, confidence=0.9)
    assert (interval.low, interval.high) == pytest.approx(stats.ttest_1samp(x, 0).confidence_interval(0.9))
    assert (interval.value, interval.n, interval.groups) == (pytest.approx(x.mean()), 7, 7)
    constant = t_interval([0.2, 0.2])
    assert (constant.low, constant.high) == pytest.approx((0.2, 0.2))


def test_per_group():
    names, values = per_group(lambda x: x.mean(), ["b", "a", "b", "a"], [1.0, 2.0, 3.0, 6.0])
    assert names.tolist() == ["a", "b"]
    assert values.tolist() == [4.0, 2.0]


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]).tolist() == []
    assert holm([0.9, 0.8]).tolist() == [1, 1]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(p):
    p = np.array(p)
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sign_flip_test([0.1]), "for at least two"),
        (lambda: sign_flip_test([0.1, np.nan]), "first in row 1"),
        (lambda: t_interval([1.0]), "for at least two"),
        (lambda: holm([0.5, 1.5]), "must lie in 0 .. 1"),
        (lambda: holm([np.nan]), "must lie in 0 .. 1"),
        (lambda: per_group(np.mean, ["a", "b"], [1.0]), "groups has 2 rows and array 0 has 1"),
        (lambda: paired_uar_test([0, 1], [0, 1], [0, 1], ["a", "a"]), "1 group"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(DataError, match=message):
        call()
