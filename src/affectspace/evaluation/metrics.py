"""Regression and classification metrics, each over all rows at once (never averaged over batches).

Regression metrics take (n,) and give a float, or (n, axes) and give (axes,). NaN in the truth is "not annotated": the row is
left out of that axis, and an axis without any label gives NaN. An undefined metric is NaN, without a warning. All raise
DataError for shapes that differ, no rows, or a prediction that is not finite where the truth is known.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import DataError
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    as_floats,
    label_codes,
    regression_pair,
    require_finite,
    require_rows,
    require_same_length,
)

PerAxis = float | Floats


def _over_axes(metric: Callable[[Floats, Floats], float], truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    true, predicted, single = regression_pair(truth, prediction)
    values = []
    for axis in range(true.shape[1]):
        known = ~np.isnan(true[:, axis])
        values.append(float(metric(true[known, axis], predicted[known, axis])) if known.any() else float("nan"))
    return values[0] if single else np.array(values)


def _constant(values: Floats) -> bool:
    return bool(values.min() == values.max())


def mse(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute the mean squared error, per axis.

    Examples
    --------
    >>> from affectspace.evaluation import mse
    >>> mse([0.0, 1.0], [0.0, 0.5])
    0.125
    """
    return _over_axes(lambda t, p: float(np.mean((t - p) ** 2)), truth, prediction)


def mae(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute the mean absolute error, mean |t - p|, per axis (not |mean(t - p)| as the published notebooks do).

    Examples
    --------
    >>> from affectspace.evaluation import mae
    >>> mae([[0.0, 1.0], [0.0, float("nan")]], [[0.5, 1.0], [-0.5, 0.0]])
    array([0.5, 0. ])
    """
    return _over_axes(lambda t, p: float(np.mean(np.abs(t - p))), truth, prediction)


def _pearson(true: Floats, predicted: Floats) -> float:
    if _constant(true) or _constant(predicted):
        return float("nan")
    t, p = true - true.mean(), predicted - predicted.mean()
    t, p = t / np.abs(t).max(), p / np.abs(p).max()
    return float(np.clip(np.dot(t, p) / np.sqrt(np.dot(t, t) * np.dot(p, p)), -1.0, 1.0))


def pearson(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute Pearson's correlation, per axis. NaN if the truth or the prediction is constant, also for one row.

    Examples
    --------
    >>> from affectspace.evaluation import pearson
    >>> pearson([0.1, 0.2, 0.3], [0.3, 0.2, 0.1])
    -1.0
    """
    return _over_axes(_pearson, truth, prediction)


def _concordance(true: Floats, predicted: Floats) -> float:
    if _constant(true) and _constant(predicted) and true[0] == predicted[0]:
        return float("nan")
    if _constant(true) or _constant(predicted):
        return 0.0
    t, p = true - true.mean(), predicted - predicted.mean()
    return float(2 * np.mean(t * p) / (np.mean(t * t) + np.mean(p * p) + (true.mean() - predicted.mean()) ** 2))


def concordance(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute Lin's concordance 2 cov / (var_t + var_p + (mean_t - mean_p)^2), population moments, per axis (Lin 1989).

    0 if one side is constant, NaN if both are the same constant.

    Examples
    --------
    >>> from affectspace.evaluation import concordance
    >>> concordance([0.0, 1.0], [1.0, 2.0])
    0.3333333333333333
    """
    return _over_axes(_concordance, truth, prediction)


def _r2(true: Floats, predicted: Floats) -> float:
    total = np.sum((true - true.mean()) ** 2)
    if _constant(true) or total == 0:
        return float("nan")
    return float(1 - np.sum((true - predicted) ** 2) / total)


def r2(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute the coefficient of determination 1 - SSE / SST, with SST about the mean of these very rows, per axis.

    0 for that mean, negative for worse predictions, NaN if the truth is constant.

    Examples
    --------
    >>> from affectspace.evaluation import r2
    >>> r2([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])
    0.5
    """
    return _over_axes(_r2, truth, prediction)


def explained_variance(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute 1 - var(t - p) / var(t), per axis: R2 after the mean error is removed. NaN if the truth is constant."""
    return _over_axes(lambda t, p: _r2(t, p + np.mean(t - p)), truth, prediction)


def spread_ratio(truth: ArrayLike, prediction: ArrayLike) -> PerAxis:
    """Compute the standard deviation of the prediction over that of the truth, per axis.

    0 for a constant prediction, NaN if the truth is constant.
    """

    def ratio(true: Floats, predicted: Floats) -> float:
        if _constant(true):
            return float("nan")
        return 0.0 if _constant(predicted) else float(np.std(predicted) / np.std(true))

    return _over_axes(ratio, truth, prediction)


def axis_correlations(prediction: ArrayLike, truth: ArrayLike) -> Floats:
    """Compute Pearson's r of each predicted axis (rows) with each true one (columns): the manifold paper's Table 1.

    `prediction` is (n, p) and finite, `truth` (n, q) with NaN left out per true axis. The r of a constant or unlabelled axis is
    NaN.

    Examples
    --------
    >>> from affectspace.evaluation import axis_correlations
    >>> axis_correlations([[0.0], [1.0]], [[0.0, 3.0], [1.0, 2.0]])
    array([[ 1., -1.]])
    """
    predicted, true = as_floats(prediction, "prediction"), as_floats(truth, "truth")
    if predicted.ndim != 2 or true.ndim != 2:
        raise DataError(f"prediction has shape {predicted.shape} and truth {true.shape}: give (n, axes) of each")
    require_rows(len(true), "truth")
    require_same_length(len(predicted), "prediction", len(true), "truth")
    known = ~np.isnan(true)
    require_finite(np.where(known, true, 0.0), "truth")
    rows = np.flatnonzero(known.any(axis=1))
    require_finite(predicted[rows], "prediction", rows)
    table = np.full((predicted.shape[1], true.shape[1]), np.nan)
    for axis, rated in enumerate(known.T):
        if rated.sum() > 1:
            p, t = predicted[rated], true[rated, axis]
            varies = (np.ptp(p, axis=0) > 0) & (np.ptp(t) > 0)
            p, t = p - p.mean(axis=0), t - t.mean()
            size = np.sqrt(np.sum(p * p, axis=0)) * np.sqrt(np.sum(t * t))
            table[varies, axis] = np.clip((p.T @ t)[varies] / size[varies], -1.0, 1.0)
    return table


def confusion(truth: ArrayLike, prediction: ArrayLike) -> tuple[NDArray, Codes]:
    """Return the classes (k,) of both sides together, sorted, and their counts (k, k): rows truth, columns prediction.

    Labels are (n,), text or numbers; NaN or None in the truth is left out. Raises DataError for lengths that differ, no
    labelled row, a missing prediction, or text against numbers.

    Examples
    --------
    >>> from affectspace.evaluation import confusion
    >>> confusion(["joy", "joy", "fear"], ["joy", "fear", "fear"])[1].tolist()
    [[1, 0], [1, 1]]
    """
    classes, true, (predicted,), _ = label_codes(truth, [prediction])
    k = len(classes)
    return classes, np.bincount(true * k + predicted, minlength=k * k).reshape(k, k)


def accuracy(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Compute the share of labelled rows with the right class. Labels and errors as `confusion`.

    Examples
    --------
    >>> from affectspace.evaluation import accuracy
    >>> accuracy(["joy", "joy", "fear", None], ["joy", "fear", "fear", "joy"])
    0.6666666666666666
    """
    counts = confusion(truth, prediction)[1]
    return float(np.trace(counts) / counts.sum())


def balanced_accuracy(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Compute the unweighted average recall (UAR) over the classes that occur in the truth; a constant gives 1 / k.

    A class that is only predicted has no recall and is not averaged. Labels and errors as `confusion`.

    Examples
    --------
    >>> from affectspace.evaluation import balanced_accuracy
    >>> balanced_accuracy(["joy", "joy", "joy", "fear"], ["joy", "joy", "joy", "joy"])
    0.5
    """
    counts = confusion(truth, prediction)[1]
    totals = counts.sum(axis=1)
    return float(np.mean(np.diag(counts)[totals > 0] / totals[totals > 0]))
