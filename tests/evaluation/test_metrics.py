"""Regression and classification metrics against scikit-learn and SciPy, their laws and their degenerate cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as reference

from affectspace.errors import DataError
from affectspace.evaluation import metrics

REGRESSION = (
    metrics.mse,
    metrics.mae,
    metrics.pearson,
    metrics.concordance,
    metrics.r2,
    metrics.explained_variance,
    metrics.spread_ratio,
)
values = st.floats(-10, 10).map(lambda x: round(x, 3))
pairs = st.integers(2, 30).flatmap(
    lambda n: st.tuples(arrays(float, n, elements=values), arrays(float, n, elements=values))
)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200)
    return truth, 0.5 * truth + 0.3 + rng.normal(size=200)


@pytest.fixture
def labels() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = rng.choice(["anger", "fear", "neutral"], 300, p=[0.2, 0.1, 0.7])
    guess = np.where(rng.random(300) < 0.5, truth, rng.choice(["anger", "neutral", "calm"], 300))
    return truth, guess


def test_regression_matches_references(pair):
    t, p = pair
    assert metrics.mse(t, p) == pytest.approx(reference.mean_squared_error(t, p))
    assert metrics.mae(t, p) == pytest.approx(reference.mean_absolute_error(t, p))
    assert metrics.r2(t, p) == pytest.approx(reference.r2_score(t, p))
    assert metrics.explained_variance(t, p) == pytest.approx(reference.explained_variance_score(t, p))
    assert metrics.pearson(t, p) == pytest.approx(stats.pearsonr(t, p).statistic)
    assert metrics.spread_ratio(t, p) == pytest.approx(np.std(p) / np.std(t))
    covariance = np.cov(t, p, bias=True)
    expected = 2 * covariance[0, 1] / (np.trace(covariance) + (t.mean() - p.mean()) ** 2)
    assert metrics.concordance(t, p) == pytest.approx(expected)


def test_mae_is_not_the_absolute_mean_error():
    assert metrics.mae([0.0, 0.0], [1.0, -1.0]) == 1.0


def test_concordance_falls_when_predictions_shrink():
    """EVALUATION: at r = .70, predictions with .3/.5/.7 of the label's sd give .39/.56/.66."""
    rng = np.random.default_rng(0)
    t, e = np.linalg.qr(np.column_stack([np.ones(500), rng.normal(size=(500, 2))]))[0][:, 1:].T
    p = 0.7 * t + np.sqrt(1 - 0.49) * e
    for ratio, expected in ((0.3, 0.39), (0.5, 0.56), (0.7, 0.66)):
        assert metrics.concordance(t, ratio * p) == pytest.approx(expected, abs=0.005)
        assert metrics.spread_ratio(t, ratio * p) == pytest.approx(ratio)


def test_perfect_prediction(pair):
    t, _ = pair
    assert [float(m(t, t)) for m in REGRESSION] == pytest.approx([0, 0, 1, 1, 1, 1, 1])


def test_constant_prediction(pair):
    t, _ = pair
    guess = np.full_like(t, t.mean())
    assert metrics.concordance(t, guess) == 0
    assert metrics.spread_ratio(t, guess) == 0
    assert np.isnan(metrics.pearson(t, guess))
    assert metrics.r2(t, guess) == pytest.approx(0)
    assert metrics.r2(t, guess + 1) < metrics.explained_variance(t, guess + 1) == pytest.approx(0)


def test_constant_truth():
    t, p = np.full(5, 0.1), np.arange(5.0)
    for measure in (metrics.pearson, metrics.r2, metrics.explained_variance, metrics.spread_ratio):
        assert np.isnan(measure(t, p)), measure
    assert metrics.concordance(t, p) == 0
    assert np.isnan(metrics.concordance(t, t))
    assert metrics.concordance(t, t + 1) == 0


@pytest.mark.parametrize("measure", REGRESSION)
def test_masked_equals_subset(measure, pair):
    t, p = pair
    masked, guess = t.copy(), p.copy()
    masked[::3] = np.nan
    guess[::3] = np.nan  # what is masked may be anything
    keep = ~np.isnan(masked)
    assert measure(masked, guess) == measure(t[keep], p[keep])
    both = measure(np.column_stack([masked, t, np.full(200, np.nan)]), np.column_stack([p, p, p]))
    assert both.shape == (3,)
    assert both[:2] == pytest.approx([measure(t[keep], p[keep]), measure(t, p)])
    assert np.isnan(both[2])


@settings(deadline=None)
@given(pairs)
def test_concordance_is_at_most_the_correlation(pair):
    t, p = pair
    r, c = metrics.pearson(t, p), metrics.concordance(t, p)
    if not np.isnan(r):
        assert abs(c) <= abs(r) + 1e-9
        assert metrics.concordance(p, t) == pytest.approx(c)


@settings(deadline=None)
@given(pairs)
def test_explained_variance_is_at_least_r2(pair):
    t, p = pair
    r2, explained = metrics.r2(t, p), metrics.explained_variance(t, p)
    assert np.isnan(r2) == np.isnan(explained)
    if not np.isnan(r2):
        assert r2 <= explained + 1e-9 * max(1, abs(r2))


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([1.0, 2.0], [1.0], r"shape \(2,\) and prediction \(1,\)"),
        ([], [], "no rows"),
        ([1.0, 2.0], [1.0, np.nan], "prediction has 1 values that are not finite, the first in row 1"),
        ([1.0, np.inf], [1.0, 1.0], "truth is infinite in row 1"),
        (["a"], [1.0], "truth must hold numbers"),
    ],
)
def test_bad_regression_input(truth, predicted, message):
    with pytest.raises(DataError, match=message):
        metrics.mse(truth, predicted)


def test_classification_matches_references(labels):
    t, p = labels
    present = np.unique(t)
    assert metrics.accuracy(t, p) == pytest.approx(reference.accuracy_score(t, p))
    recall = reference.recall_score(t, p, labels=present, average="macro", zero_division=0)
    assert metrics.balanced_accuracy(t, p) == pytest.approx(recall)
    classes, counts = metrics.confusion(t, p)
    assert np.array_equal(counts, reference.confusion_matrix(t, p, labels=classes))


def test_perfect_and_useless_classification(labels):
    t, _ = labels
    assert metrics.accuracy(t, t) == metrics.balanced_accuracy(t, t) == 1
    constant = np.full(len(t), "neutral")
    assert metrics.balanced_accuracy(t, constant) == pytest.approx(1 / 3)
    assert metrics.accuracy(t, constant) == np.mean(t == "neutral")
    assert metrics.balanced_accuracy(t, np.full(len(t), "calm")) == 0
    assert metrics.balanced_accuracy(["a", "a"], ["a", "a"]) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40), st.integers(0, 3))
def test_uar_does_not_change_when_a_class_is_duplicated(rows, duplicated):
    t, p = np.array(rows).T
    again = t == duplicated
    twice = metrics.balanced_accuracy(np.concatenate([t, t[again]]), np.concatenate([p, p[again]]))
    assert twice == pytest.approx(metrics.balanced_accuracy(t, p))


@pytest.mark.parametrize("measure", [metrics.accuracy, metrics.balanced_accuracy])
def test_masked_labels_equal_subset(measure, labels):
    t, p = labels
    masked = t.astype(object)
    masked[::4], masked[1::4] = None, np.nan
    keep = np.array([isinstance(x, str) for x in masked])
    assert measure(masked, p) == measure(t[keep], p[keep])
    codes = np.where(np.arange(6) % 3 == 0, np.nan, np.array([0, 1, 2, 0, 1, 1.0]))
    assert measure(codes, np.array([2, 1, 2, 2, 0, 1])) == measure([1, 2, 1, 1], [1, 2, 0, 1])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (["a", "b"], ["a"], "truth has 2 rows and prediction has 1"),
        ([], [], "no rows"),
        ([None, None], ["a", "a"], "none of the 2 rows of truth has a label"),
        (["a", "b"], ["a", None], "prediction has no label in row 1"),
        (["a", "b"], [0, 1], "text on one side and numbers on the other"),
        ([["a"]], [["a"]], "one per row"),
    ],
)
def test_bad_labels(truth, predicted, message):
    with pytest.raises(DataError, match=message):
        metrics.accuracy(truth, predicted)


def test_axis_correlations():
    rng = np.random.default_rng(0)
    truth = 3 + 0.2 * rng.normal(size=(300, 3))
    good = truth + 0.1 * rng.normal(size=(300, 3))
    table = metrics.axis_correlations(good, truth)
    assert table == pytest.approx(np.corrcoef(good.T, truth.T)[:3, 3:])
    assert np.diag(metrics.axis_correlations(truth, truth)) == pytest.approx(np.ones(3))
    masked = truth.copy()
    masked[::2, 1] = np.nan
    masked[:, 2] = np.nan
    flat = np.hstack([good[:, :2], np.full((300, 1), 0.3)])
    table = metrics.axis_correlations(flat, masked)
    assert table[0, 1] == pytest.approx(np.corrcoef(good[1::2, 0], truth[1::2, 1])[0, 1])
    assert np.isnan(table[2]).all()
    assert np.isnan(table[:, 2]).all()
    assert metrics.axis_correlations(good[:, :2], truth).shape == (2, 3)
    with pytest.raises(DataError, match=r"give \(n, axes\) of each"):
        metrics.axis_correlations(good[:, 0], truth)
    with pytest.raises(DataError, match="prediction has 2 rows and truth has 300"):
        metrics.axis_correlations(good[:2], truth)
    with pytest.raises(DataError, match="prediction has 1 values"):
        metrics.axis_correlations(np.where(good == good[3, 1], np.inf, good), truth)
