"""Metrics against scikit-learn and SciPy, on perfect, useless and degenerate predictions, and their laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as reference

from affectspace.evaluation import metrics

NAN = float("nan")


def lin(t: np.ndarray, p: np.ndarray) -> float:
    covariance = np.cov(t, p, bias=True)
    return 2 * covariance[0, 1] / (np.trace(covariance) + (t.mean() - p.mean()) ** 2)


# metric: reference; its value for a perfect prediction, for the truth's mean, and for a constant truth (None: any)
REGRESSION = {
    metrics.mse: (reference.mean_squared_error, 0, None, None),
    metrics.mae: (reference.mean_absolute_error, 0, None, None),
    metrics.pearson: (lambda t, p: stats.pearsonr(t, p).statistic, 1, NAN, NAN),
    metrics.concordance: (lin, 1, 0, 0),
    metrics.r2: (reference.r2_score, 1, 0, NAN),
    metrics.explained_variance: (reference.explained_variance_score, 1, 0, NAN),
    metrics.spread_ratio: (lambda t, p: np.std(p) / np.std(t), 1, 0, NAN),
}
CLASSIFICATION = {
    metrics.accuracy: reference.accuracy_score,
    metrics.balanced_accuracy: lambda t, p: reference.recall_score(
        t, p, labels=np.unique(t), average="macro", zero_division=0
    ),
}
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
    return truth, np.where(rng.random(300) < 0.5, truth, rng.choice(["anger", "neutral", "calm"], 300))


@pytest.mark.parametrize(("metric", "cases"), REGRESSION.items())
def test_regression_metrics(metric, cases, pair) -> None:
    (t, p), (expected, perfect, mean, constant) = pair, cases
    assert metric(t, p) == pytest.approx(expected(t, p))
    assert metric(t, t) == pytest.approx(perfect)
    if mean is not None:
        assert metric(t, np.full_like(t, t.mean())) == pytest.approx(mean, nan_ok=True)
        assert metric(np.full(5, 0.1), np.arange(5.0)) == pytest.approx(constant, nan_ok=True)
    keep = np.arange(200) % 3 != 0
    masked, anything = np.where(keep, t, np.nan), np.where(keep, p, np.nan)
    assert metric(masked, anything) == metric(t[keep], p[keep])
    axes = metric(np.column_stack([masked, t, np.full(200, np.nan)]), np.column_stack([p, p, p]))
    assert axes == pytest.approx([metric(t[keep], p[keep]), metric(t, p), NAN], nan_ok=True)


def test_mae_is_not_the_absolute_mean_error() -> None:
    assert metrics.mae([0.0, 0.0], [1.0, -1.0]) == 1.0


def test_equal_and_shifted_constants() -> None:
    t = np.full(5, 0.1)
    assert np.isnan(metrics.concordance(t, t))
    assert metrics.concordance(t, t + 1) == 0
    varied = np.arange(5.0)
    shifted = np.full(5, 3.0)
    assert metrics.r2(varied, shifted) < metrics.explained_variance(varied, shifted) == pytest.approx(0)


def test_concordance_falls_when_predictions_shrink() -> None:
    """EVALUATION: at r = .70, predictions with .3/.5/.7 of the label's sd give .39/.56/.66."""
    rng = np.random.default_rng(0)
    t, e = np.linalg.qr(np.column_stack([np.ones(500), rng.normal(size=(500, 2))]))[0][:, 1:].T
    p = 0.7 * t + np.sqrt(1 - 0.49) * e
    for ratio, expected in ((0.3, 0.39), (0.5, 0.56), (0.7, 0.66)):
        assert metrics.concordance(t, ratio * p) == pytest.approx(expected, abs=0.005)
        assert metrics.spread_ratio(t, ratio * p) == pytest.approx(ratio)


@settings(deadline=None)
@given(pairs)
def test_bounds(pair) -> None:
    """Concordance is at most the correlation and symmetric; R2 is at most the explained variance."""
    t, p = pair
    r, c, r2, explained = (
        metric(t, p) for metric in (metrics.pearson, metrics.concordance, metrics.r2, metrics.explained_variance)
    )
    if not np.isnan(r):
        assert abs(c) <= abs(r) + 1e-9
        assert metrics.concordance(p, t) == pytest.approx(c)
    assert np.isnan(r2) == np.isnan(explained)
    assert np.isnan(r2) or r2 <= explained + 1e-9 * max(1, abs(r2))


@pytest.mark.parametrize(("metric", "expected"), CLASSIFICATION.items())
def test_classification_metrics(metric, expected, labels) -> None:
    t, p = labels
    assert metric(t, p) == pytest.approx(expected(t, p))
    assert metric(t, t) == metric(["a", "a"], ["a", "a"]) == 1
    assert metric(t, np.full(len(t), "neutral")) == pytest.approx(expected(t, np.full(len(t), "neutral")))
    assert metric(t, np.full(len(t), "calm")) == 0
    masked = t.astype(object)
    masked[::4], masked[1::4] = None, np.nan
    keep = np.array([isinstance(x, str) for x in masked])
    assert metric(masked, p) == metric(t[keep], p[keep])
    codes = np.where(np.arange(6) % 3 == 0, np.nan, np.array([0, 1, 2, 0, 1, 1.0]))
    assert metric(codes, np.array([2, 1, 2, 2, 0, 1])) == metric([1, 2, 1, 1], [1, 2, 0, 1])


def test_confusion(labels) -> None:
    classes, counts = metrics.confusion(*labels)
    assert classes.tolist() == ["anger", "calm", "fear", "neutral"]
    assert np.array_equal(counts, reference.confusion_matrix(*labels, labels=classes))
    assert metrics.balanced_accuracy(labels[0], np.full(300, "neutral")) == pytest.approx(1 / 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40), st.integers(0, 3))
def test_uar_does_not_change_when_a_class_is_duplicated(rows, duplicated) -> None:
    t, p = np.array(rows).T
    again = t == duplicated
    twice = metrics.balanced_accuracy(np.concatenate([t, t[again]]), np.concatenate([p, p[again]]))
    assert twice == pytest.approx(metrics.balanced_accuracy(t, p))


def test_axis_correlations() -> None:
    rng = np.random.default_rng(0)
    truth = 3 + 0.2 * rng.normal(size=(300, 3))
    good = truth + 0.1 * rng.normal(size=(300, 3))
    assert metrics.axis_correlations(good, truth) == pytest.approx(np.corrcoef(good.T, truth.T)[:3, 3:])
    assert np.diag(metrics.axis_correlations(truth, truth)) == pytest.approx(np.ones(3))
    masked, flat = truth.copy(), np.hstack([good[:, :2], np.full((300, 1), 0.3)])
    masked[::2, 1], masked[:, 2] = np.nan, np.nan
    table = metrics.axis_correlations(flat, masked)
    assert table[0, 1] == pytest.approx(np.corrcoef(good[1::2, 0], truth[1::2, 1])[0, 1])
    assert np.isnan(table[2]).all()
    assert np.isnan(table[:, 2]).all()
    assert metrics.axis_correlations(good[:, :2], truth).shape == (2, 3)
