"""Intervals over people: the fast paths against the plain bootstrap, pairing, seeds, coverage and edge cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import intervals, metrics


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    people = rng.choice([f"p{i:02d}" for i in range(15)], 400)
    truth = rng.choice(["anger", "fear", "neutral"], 400, p=[0.3, 0.2, 0.5])
    better = np.where(rng.random(400) < 0.6, truth, rng.choice(["anger", "fear", "neutral"], 400))
    worse = np.where(rng.random(400) < 0.2, truth, rng.choice(["anger", "fear", "neutral"], 400))
    v = rng.normal(size=400)
    return {
        "people": people,
        "truth": truth,
        "better": better,
        "worse": worse,
        "v": v,
        "good": v + 0.5 * rng.normal(size=400),
        "bad": 0.1 * rng.normal(size=400),
    }


def same(fast: intervals.Interval, slow: intervals.Interval) -> None:
    assert (fast.n, fast.groups, fast.undefined) == (slow.n, slow.groups, slow.undefined)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_fast_paths_equal_the_plain_bootstrap(rows):
    people, truth, a, b = rows["people"], rows["truth"], rows["better"], rows["worse"]
    v, good, bad = rows["v"], rows["good"], rows["bad"]
    options = {"resamples": 150, "seed": 3}

    def plain(statistic, *arrays):
        return intervals.group_bootstrap(statistic, people, *arrays, **options)

    uar = metrics.balanced_accuracy
    same(intervals.accuracy_interval(truth, a, people, **options), plain(metrics.accuracy, truth, a))
    same(intervals.uar_interval(truth, a, people, **options), plain(uar, truth, a))
    same(
        intervals.paired_uar_difference(truth, a, b, people, **options),
        plain(lambda t, x, y: uar(t, x) - uar(t, y), truth, a, b),
    )
    same(
        intervals.gap_closed(truth, a, b, truth, people, **options),
        plain(lambda t, x, y: (uar(t, x) - uar(t, y)) / (1 - uar(t, y)), truth, a, b),
    )
    same(intervals.r2_interval(v, good, people, **options), plain(metrics.r2, v, good))
    same(
        intervals.paired_r2_difference(v, good, bad, people, **options),
        plain(lambda t, x, y: metrics.r2(t, x) - metrics.r2(t, y), v, good, bad),
    )
    e, f = (v - good) ** 2, (v - bad) ** 2
    same(intervals.mean_interval(e, people, **options), plain(np.mean, e))
    same(intervals.paired_mean_difference(e, f, people, **options), plain(lambda x, y: x.mean() - y.mean(), e, f))
    same(intervals.paired_mean_ratio(e, f, people, **options), plain(lambda x, y: x.mean() / y.mean(), e, f))


def test_seeds_are_averaged_inside_each_resample(rows):
    people, truth, a, b = rows["people"], rows["truth"], rows["better"], rows["worse"]
    v, good, bad = rows["v"], rows["good"], rows["bad"]
    uar, options = metrics.balanced_accuracy, {"resamples": 80, "seed": 1}
    same(
        intervals.uar_interval(truth, [a, b], people, **options),
        intervals.group_bootstrap(lambda t, x, y: (uar(t, x) + uar(t, y)) / 2, people, truth, a, b, **options),
    )
    same(
        intervals.r2_interval(v, [good, bad], people, **options),
        intervals.group_bootstrap(
            lambda t, x, y: (metrics.r2(t, x) + metrics.r2(t, y)) / 2, people, v, good, bad, **options
        ),
    )
    same(
        intervals.paired_uar_difference(truth, [a, a, a], b, people, **options),
        intervals.paired_uar_difference(truth, a, b, people, **options),
    )
    assert intervals.mean_interval([v, v + 1], people).value == pytest.approx(v.mean() + 0.5)


def test_pairing(rows):
    people, truth, a, b = rows["people"], rows["truth"], rows["better"], rows["worse"]
    nothing = intervals.paired_uar_difference(truth, a, a, people)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    assert not nothing.excludes(0)
    assert intervals.paired_uar_difference(truth, a, b, people).excludes(0)
    ratio = intervals.paired_mean_ratio(rows["v"] ** 2, 2 * rows["v"] ** 2, people)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5))


def test_perfect_and_useless(rows):
    people, truth = rows["people"], rows["truth"]
    perfect = intervals.uar_interval(truth, truth, people)
    assert (perfect.value, perfect.low, perfect.high) == (1, 1, 1)
    majority = intervals.uar_interval(truth, np.full(400, "neutral"), people)
    assert majority.value == pytest.approx(1 / 3)
    assert intervals.gap_closed(truth, rows["worse"], rows["better"], rows["better"], people).undefined == 2000


def test_masked_equals_subset(rows):
    keep = np.arange(400) % 3 != 0
    truth, v = rows["truth"].astype(object), rows["v"].copy()
    truth[~keep], v[~keep] = None, np.nan
    good = np.where(keep, rows["good"], np.nan)
    people = rows["people"]
    same(
        intervals.uar_interval(truth, rows["better"], people, resamples=50),
        intervals.uar_interval(rows["truth"][keep], rows["better"][keep], people[keep], resamples=50),
    )
    same(
        intervals.r2_interval(v, good, people, resamples=50),
        intervals.r2_interval(rows["v"][keep], good[keep], people[keep], resamples=50),
    )
    same(
        intervals.mean_interval(v, people, resamples=50),
        intervals.mean_interval(rows["v"][keep], people[keep], resamples=50),
    )


def test_a_class_of_one_person_is_left_out_of_resamples_without_that_person():
    people = np.array(["a", "a", "b", "b", "c", "c"])
    truth = np.array([0, 0, 0, 0, 0, 1])
    guess = np.array([0, 0, 0, 0, 0, 0])
    interval = intervals.uar_interval(truth, guess, people)
    assert interval.value == 0.5
    assert (interval.low, interval.high, interval.undefined) == (0.5, 1.0, 0)


def test_undefined_resamples_are_counted():
    interval = intervals.r2_interval([0.0, 0.0, 1.0, 1.0], [0.1, 0.0, 0.9, 1.0], ["a", "a", "b", "b"], resamples=400)
    assert interval.value == pytest.approx(0.98)
    assert 100 < interval.undefined < 300
    assert np.isfinite([interval.low, interval.high]).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=8, max_size=40), st.integers(0, 5))
def test_interval_contains_the_mean_of_people_alike(values, seed):
    values = np.repeat(values, 2)
    interval = intervals.mean_interval(values, np.repeat(np.arange(len(values) // 2), 2), seed=seed, resamples=400)
    slack = 1e-9 + 0.05 * (interval.high - interval.low)
    assert interval.low - slack <= interval.value <= interval.high + slack


def test_coverage_over_people():
    """Rows of a person share an offset: the interval over people covers, one over rows would not."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(30), 10)
    hits = rows_hit = 0
    for _ in range(200):
        values = np.repeat(rng.normal(size=30), 10) + 0.1 * rng.normal(size=300)
        over_people = intervals.mean_interval(values, people, resamples=300)
        over_rows = intervals.mean_interval(values, np.arange(300), resamples=300)
        hits += over_people.low <= 0 <= over_people.high
        rows_hit += over_rows.low <= 0 <= over_rows.high
    assert hits / 200 > 0.88
    assert rows_hit / 200 < 0.7


def test_seed_and_confidence(rows):
    v, people = rows["v"], rows["people"]
    assert intervals.mean_interval(v, people, seed=4) == intervals.mean_interval(v, people, seed=4)
    assert intervals.mean_interval(v, people, seed=4) != intervals.mean_interval(v, people, seed=5)
    narrow, wide = (intervals.mean_interval(v, people, confidence=c) for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"people": np.full(400, "p01")}, r"400 labelled rows belong to 1 group \(p01\).* pool out-of-fold"),
        ({"people": np.array([None, *["a", "b"] * 199, "a"], dtype=object)}, "groups has no value in row 0"),
        ({"people": np.array(["a", "b"])}, "400 rows and groups has 2"),
        ({"better": np.array(["anger"])}, "truth has 400 rows and predicted has 1"),
    ],
)
def test_bad_rows(rows, change, message):
    given_rows = {**rows, **change}
    with pytest.raises(DataError, match=message):
        intervals.uar_interval(given_rows["truth"], given_rows["better"], given_rows["people"])


def test_bad_errors_and_options(rows):
    v, people = rows["v"], rows["people"]
    with pytest.raises(DataError, match="the truth or groups has 400 rows and predicted has 3"):
        intervals.r2_interval(v, [1.0, 2.0, 3.0], people)
    with pytest.raises(DataError, match="not finite"):
        intervals.r2_interval(v, np.full(400, np.nan), people)
    with pytest.raises(DataError, match="truth has 1 values that are not finite, the first in row 2"):
        intervals.r2_interval(np.where(np.arange(400) == 2, np.inf, v), v, people)
    with pytest.raises(DataError, match="none of the 400 rows"):
        intervals.mean_interval(np.full(400, np.nan), people)
    with pytest.raises(DataError, match="one axis at a time"):
        intervals.r2_interval(np.column_stack([v, v]), v, people)
    with pytest.raises(DataError, match="no rows"):
        intervals.mean_interval([], [])
    with pytest.raises(ConfigError, match="confidence is 95"):
        intervals.mean_interval(v, people, confidence=95)
    with pytest.raises(ConfigError, match="resamples is 0"):
        intervals.mean_interval(v, people, resamples=0)
    with pytest.raises(DataError, match="groups has 400 rows and array 0 has 2"):
        intervals.group_bootstrap(np.mean, people, [1.0, 2.0])
