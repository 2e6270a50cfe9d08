"""Tests over people against SciPy and closed forms, and differences within people and strata."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectspace.evaluation.significance import (
    holm,
    per_group,
    sign_flip_test,
    t_interval,
    within_person_difference,
)


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


def acted(seed: int = 0, effect: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """10 people, 4 emotions, 2 intensities, 3 takes; people and emotions have levels of their own."""
    rng = np.random.default_rng(seed)
    who, emotion, strong, _ = (grid.ravel() for grid in np.indices((10, 4, 2, 3)))
    levels = 2 * rng.normal(size=10)[who] + rng.normal(size=4)[emotion]
    return levels + effect * strong + 0.5 * rng.normal(size=len(who)), who, strong == 1, emotion


def test_against_the_paired_t_test():
    value, who, strong, emotion = acted()
    found = within_person_difference(value, who, strong, strata=emotion)
    each = np.array([value[(who == p) & strong].mean() - value[(who == p) & ~strong].mean() for p in range(10)])
    assert found.differences == pytest.approx(each)
    reference = stats.ttest_1samp(each, 0).confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((reference.low, reference.high))
    assert (found.interval.n, found.interval.groups) == (240, 10)
    assert found.p == sign_flip_test(each)
    assert found.effect == pytest.approx(each.mean() / each.std(ddof=1))
    assert found.share_above == np.mean(each > 0)
    assert found.people.tolist() == list(range(10))


def test_effect_and_none():
    assert within_person_difference(*acted(1, 0.5)[:3], strata=acted(1)[3]).interval.low > 0
    intervals = [
        within_person_difference(v, who, strong, strata=emotion).interval
        for v, who, strong, emotion in (acted(seed, 0.0) for seed in range(80))
    ]
    assert np.mean([interval.low <= 0 <= interval.high for interval in intervals]) > 0.88


def test_a_level_of_the_emotion_is_no_difference_within():
    """Strong takes are more often of a loud emotion: seen only where strata are not kept apart."""
    value, who, strong, emotion = acted(2, 0.0)
    value = value + 10 * (emotion == 0)
    rare = (emotion == 0) & ~strong & (np.arange(240) % 3 != 0)
    keep = ~rare
    kept = value[keep], who[keep], strong[keep]
    assert within_person_difference(*kept).interval.low > 0.5
    assert abs(within_person_difference(*kept, strata=emotion[keep]).interval.value) < 0.5


def test_strata_and_people_without_both_sides_take_no_part():
    value, who, strong, emotion = acted(3)
    plain = within_person_difference(value, who, strong, strata=emotion)
    neutral = np.full(30, 99.0), np.arange(30) % 10, np.zeros(30, dtype=bool), np.full(30, 7)
    joined = [np.concatenate(parts) for parts in zip((value, who, strong, emotion), neutral, strict=True)]
    more = within_person_difference(*joined[:3], strata=joined[3])
    assert more.differences == pytest.approx(plain.differences)
    keep = (who != 4) | strong
    less = within_person_difference(value[keep], who[keep], strong[keep], strata=emotion[keep])
    assert 4 not in less.people
    assert less.differences == pytest.approx(np.delete(plain.differences, 4))
    unknown = strong.astype(object)
    unknown[:24] = None  # the first person
    assert within_person_difference(value, who, unknown, strata=emotion).interval.groups == 9


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.1, 10))
def test_levels_of_people_and_strata_do_not_matter(seed, scale):
    value, who, strong, emotion = acted(seed)
    rng = np.random.default_rng(seed + 1)
    moved = scale * value + (20 * rng.normal(size=(10, 4)))[who, emotion]
    one = within_person_difference(value, who, strong, strata=emotion)
    two = within_person_difference(moved, who, strong, strata=emotion)
    assert two.differences == pytest.approx(scale * one.differences, abs=1e-9)
    assert two.p == one.p
    swapped = within_person_difference(value, who, ~strong, strata=emotion)
    assert swapped.interval.value == pytest.approx(-one.interval.value)


def test_seeds_are_averaged_before_the_difference():
    value, who, strong, emotion = acted(4)
    both = within_person_difference([value, -value], who, strong, strata=emotion)
    assert both.interval.value == pytest.approx(0)
    assert both.p == 1


def test_constant_and_perfect_differences():
    _, who, strong, emotion = acted()
    constant = within_person_difference(np.ones(240), who, strong, strata=emotion)
    assert (constant.interval.value, constant.interval.low, constant.p, constant.share_above) == (0, 0, 1, 0)
    assert np.isnan(constant.effect)
    perfect = within_person_difference(strong.astype(float), who, strong, strata=emotion)
    assert (perfect.interval.value, perfect.p, perfect.share_above) == (1, pytest.approx(2 / 2**10), 1)
