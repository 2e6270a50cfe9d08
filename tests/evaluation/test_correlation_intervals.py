"""Intervals of r, concordance and absolute error: the fast paths against the plain bootstrap, means over axes, seeds, masks."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import correlation_intervals as fast
from affectspace.evaluation import intervals, metrics


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    people = rng.choice([f"p{i:02d}" for i in range(12)], 300)
    truth = 3 + 0.2 * rng.normal(size=(300, 3))
    return {
        "people": people,
        "truth": truth,
        "good": truth + 0.1 * rng.normal(size=(300, 3)),
        "poor": 2.9 + 0.3 * (truth - 3) + 0.2 * rng.normal(size=(300, 3)),
    }


def same(one: intervals.Interval, other: intervals.Interval) -> None:
    assert (one.n, one.groups, one.undefined) == (other.n, other.groups, other.undefined)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


ALONE = [
    (fast.pearson_interval, metrics.pearson),
    (fast.concordance_interval, metrics.concordance),
    (fast.mae_interval, metrics.mae),
]
PAIRED = [
    (fast.paired_pearson_difference, metrics.pearson),
    (fast.paired_concordance_difference, metrics.concordance),
    (fast.paired_mae_difference, metrics.mae),
]


@pytest.mark.parametrize(("interval", "measure"), ALONE)
def test_alone_equals_the_plain_bootstrap(rows, interval, measure):
    truth, good, people = rows["truth"], rows["good"], rows["people"]
    options = {"resamples": 60, "seed": 3}
    same(
        interval(truth[:, 0], good[:, 0], people, **options),
        intervals.group_bootstrap(measure, people, truth[:, 0], good[:, 0], **options),
    )
    same(
        interval(truth, good, people, **options),
        intervals.group_bootstrap(lambda t, p: np.mean(measure(t, p)), people, truth, good, **options),
    )


@pytest.mark.parametrize(("interval", "measure"), PAIRED)
def test_paired_over_seeds_equals_the_plain_bootstrap(rows, interval, measure):
    truth, good, poor, people = (rows[name] for name in ("truth", "good", "poor", "people"))
    options = {"resamples": 60, "seed": 1}

    def difference(t: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return np.mean([measure(t, a), measure(t, b)]) - np.mean(measure(t, c))

    same(
        interval(truth, [good, poor], poor, people, **options),
        intervals.group_bootstrap(difference, people, truth, good, poor, poor, **options),
    )
    nothing = interval(truth, good, good, people)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_perfect_useless_and_better(rows):
    truth, good, poor, people = (rows[name] for name in ("truth", "good", "poor", "people"))
    perfect = fast.pearson_interval(truth, truth, people)
    assert (perfect.value, perfect.low, perfect.high) == pytest.approx((1, 1, 1))
    exact = fast.mae_interval(truth, truth, people)
    assert (exact.value, exact.low, exact.high) == (0, 0, 0)
    chance = np.random.default_rng(9).normal(size=(60, *truth.shape))
    useless = [fast.pearson_interval(truth, guess, people, resamples=200) for guess in chance]
    assert np.mean([interval.low < 0 < interval.high for interval in useless]) > 0.8
    assert fast.paired_pearson_difference(truth, good, poor, people).low > 0
    assert fast.paired_mae_difference(truth, good, poor, people).high < 0


def test_shrunken_predictions():
    """EVALUATION: at r = .70, predictions with .3, .5, .7 of the label's sd give a concordance of .39, .56, .66."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20000)
    noise = rng.normal(size=20000)
    truth = (truth - truth.mean()) / truth.std()
    noise = noise - noise.mean() - truth * np.mean(truth * noise)
    guess = 0.7 * truth + np.sqrt(1 - 0.49) * noise / noise.std()
    people = np.arange(20000) % 50
    for shrink, expected in ((0.3, 0.39), (0.5, 0.56), (0.7, 0.66)):
        value = fast.concordance_interval(truth, shrink * guess, people, resamples=2).value
        assert value == pytest.approx(expected, abs=0.005)


def test_masked_equals_subset(rows):
    truth, good, people = rows["truth"].copy(), rows["good"].copy(), rows["people"]
    keep = np.arange(300) % 3 != 0
    truth[~keep], good[~keep] = np.nan, np.nan
    same(
        fast.pearson_interval(truth, good, people, resamples=40),
        fast.pearson_interval(truth[keep], good[keep], people[keep], resamples=40),
    )
    truth[::2, 1] = np.nan
    value = fast.concordance_interval(truth, good, people, resamples=2).value
    assert value == pytest.approx(np.mean(metrics.concordance(truth, good)))


def test_constant_and_unannotated_axes(rows):
    truth, people = rows["truth"], rows["people"]
    flat = np.full_like(truth, 3.1)
    assert np.isnan(fast.pearson_interval(truth, flat, people).value)
    assert fast.pearson_interval(truth, flat, people).undefined == 2000
    assert fast.concordance_interval(truth, flat, people).value == 0
    lacking = truth.copy()
    lacking[:, 2] = np.nan
    assert np.isnan(fast.mae_interval(lacking, truth, people).value)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.01, 100), st.floats(-1000, 1000))
@example(0, 0.01171875, 955.5)
def test_invariances(seed, scale, shift):
    """r takes no notice of scale and shift, also of large ones; concordance and error only of those of both sides."""
    rng = np.random.default_rng(seed)
    truth, people = rng.normal(size=60), np.arange(60) % 6
    guess = truth + rng.normal(size=60)
    options = {"resamples": 20}
    one = fast.pearson_interval(truth, guess, people, **options)
    same(one, fast.pearson_interval(truth, scale * guess + shift, people, **options))
    assert -1 <= one.low <= one.high <= 1
    both = fast.concordance_interval(scale * truth + shift, scale * guess + shift, people, **options)
    same(both, fast.concordance_interval(truth, guess, people, **options))
    assert abs(both.value) <= abs(one.value) + 1e-9


def test_axis_correlations(rows):
    truth, good = rows["truth"], rows["good"]
    table = fast.axis_correlations(good, truth)
    assert table == pytest.approx(np.corrcoef(good.T, truth.T)[:3, 3:])
    assert np.diag(fast.axis_correlations(truth, truth)) == pytest.approx(np.ones(3))
    masked = truth.copy()
    masked[::2, 1] = np.nan
    masked[:, 2] = np.nan
    flat = np.hstack([good[:, :2], np.full((300, 1), 0.3)])
    table = fast.axis_correlations(flat, masked)
    assert table[0, 1] == pytest.approx(np.corrcoef(good[1::2, 0], truth[1::2, 1])[0, 1])
    assert np.isnan(table[2]).all()
    assert np.isnan(table[:, 2]).all()
    assert fast.axis_correlations(good[:, :2], truth).shape == (2, 3)


def test_many_rows_and_resamples_are_fast(rows):
    rng = np.random.default_rng(0)
    truth, people = rng.normal(size=(10000, 3)), np.arange(10000) % 300
    seeds = [truth + rng.normal(size=truth.shape) for _ in range(5)]
    interval = fast.paired_pearson_difference(truth, seeds, seeds[::-1], people, resamples=500)
    assert interval.value == pytest.approx(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"people": np.full(300, "p01")}, "1 group"),
        ({"good": np.full((300, 3), np.nan)}, "predicted has 900 values that are not finite"),
        ({"good": np.zeros((299, 3))}, r"truth has shape \(300, 3\) and predicted \(299, 3\)"),
        ({"truth": np.full((300, 3), np.nan)}, "none of the 300 rows of truth"),
    ],
)
def test_bad_rows(rows, change, message):
    given_rows = {**rows, **change}
    with pytest.raises(DataError, match=message):
        fast.pearson_interval(given_rows["truth"], given_rows["good"], given_rows["people"])


def test_bad_tables_and_options(rows):
    truth, good, people = rows["truth"], rows["good"], rows["people"]
    with pytest.raises(DataError, match=r"give \(n, axes\) of each"):
        fast.axis_correlations(good[:, 0], truth)
    with pytest.raises(DataError, match="predicted has 2 rows and truth has 300"):
        fast.axis_correlations(good[:2], truth)
    with pytest.raises(DataError, match="predicted has 1 values"):
        fast.axis_correlations(np.where(good == good[3, 1], np.inf, good), truth)
    with pytest.raises(ConfigError, match="resamples is 0"):
        fast.mae_interval(truth, good, people, resamples=0)
