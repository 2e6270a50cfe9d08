"""Regression and classification metrics, each over all rows at once (never averaged over batches).

Regression measures take (n,) and give a float, or (n, axes) and give (axes,). NaN in the truth is "not annotated": the
row is left out of that axis, so that masked equals subset; an axis without any label gives NaN. Where a measure is
undefined (stated at each) it is NaN, without a warning.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from affectspace.errors import DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    known_labels,
    label_codes,
    plain_labels,
    regression_pair,
    require_finite,
    require_rows,
    require_same_length,
)

PerAxis = float | Floats


def _over_axes(measure: Callable[[Floats, Floats], float], truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    true, guess, single = regression_pair(truth, predicted)
    values = []
    for axis in range(true.shape[1]):
        known = ~np.isnan(true[:, axis])
        values.append(float(measure(true[known, axis], guess[known, axis])) if known.any() else float("nan"))
    return values[0] if single else np.array(values)


def _constant(values: Floats) -> bool:
    return bool(values.min() == values.max())


def mse(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """Mean squared error, per axis."""
    return _over_axes(lambda t, p: float(np.mean((t - p) ** 2)), truth, predicted)


def mae(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """Mean absolute error, mean |t - p|, per axis (not |mean(t - p)|, as the published notebooks have it)."""
    return _over_axes(lambda t, p: float(np.mean(np.abs(t - p))), truth, predicted)


def _pearson(true: Floats, guess: Floats) -> float:
    if _constant(true) or _constant(guess):
        return float("nan")
    t, p = true - true.mean(), guess - guess.mean()
    t, p = t / np.abs(t).max(), p / np.abs(p).max()
    return float(np.clip(np.dot(t, p) / np.sqrt(np.dot(t, t) * np.dot(p, p)), -1.0, 1.0))


def pearson(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """Pearson's correlation, per axis. NaN where the truth or the prediction is constant (also for one row)."""
    return _over_axes(_pearson, truth, predicted)


def _concordance(true: Floats, guess: Floats) -> float:
    if _constant(true) and _constant(guess) and true[0] == guess[0]:
        return float("nan")
    if _constant(true) or _constant(guess):
        return 0.0
    t, p = true - true.mean(), guess - guess.mean()
    return float(2 * np.mean(t * p) / (np.mean(t * t) + np.mean(p * p) + (true.mean() - guess.mean()) ** 2))


def concordance(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """Lin's concordance 2 cov / (var_t + var_p + (mean_t - mean_p)^2), population moments, per axis (Lin 1989).

    0 where one side is constant, NaN where both are the same constant.
    """
    return _over_axes(_concordance, truth, predicted)


def _r2(true: Floats, guess: Floats) -> float:
    total = np.sum((true - true.mean()) ** 2)
    if _constant(true) or total == 0:
        return float("nan")
    return float(1 - np.sum((true - guess) ** 2) / total)


def r2(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """Coefficient of determination 1 - SSE / SST with SST about the mean of these very rows, per axis.

    0 for that mean, negative for what is worse; NaN where the truth is constant.
    """
    return _over_axes(_r2, truth, predicted)


def explained_variance(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """1 - var(t - p) / var(t), per axis: R2 after the mean error is taken off. NaN where the truth is constant."""
    return _over_axes(lambda t, p: _r2(t, p + np.mean(t - p)), truth, predicted)


def spread_ratio(truth: ArrayLike, predicted: ArrayLike) -> PerAxis:
    """Standard deviation of the prediction over that of the truth, per axis.

    0 for a constant prediction, NaN where the truth is constant.
    """
    return _over_axes(
        lambda t, p: float("nan") if _constant(t) else 0.0 if _constant(p) else float(np.std(p) / np.std(t)),
        truth,
        predicted,
    )


def regression_measures(truth: ArrayLike, predicted: ArrayLike) -> dict[str, PerAxis]:
    """All regression measures of this module by name; shapes as there."""
    measures = (mse, mae, pearson, concordance, r2, explained_variance, spread_ratio)
    return {measure.__name__: measure(truth, predicted) for measure in measures}


def axis_correlations(predicted: ArrayLike, truth: ArrayLike) -> Floats:
    """Table 1: Pearson's r of each predicted axis (rows) with each true one (columns), (axes, axes).

    `predicted` (n, p) finite, `truth` (n, q), NaN left out per true axis; NaN where a side is constant or not annotated.
    """
    guess, true = as_floats(predicted, "predicted"), as_floats(truth, "truth")
    if guess.ndim != 2 or true.ndim != 2:
        raise DataError(f"predicted has shape {guess.shape} and truth {true.shape}: give (n, axes) of each")
    require_rows(len(true), "truth")
    require_same_length(len(guess), "predicted", len(true), "truth")
    require_finite(np.where(np.isnan(true), 0.0, true), "truth")
    known = ~np.isnan(true)
    rows = np.flatnonzero(known.any(axis=1))
    require_finite(guess[rows], "predicted", rows)
    table = np.full((guess.shape[1], true.shape[1]), np.nan)
    for axis in range(true.shape[1]):
        rated = known[:, axis]
        if rated.sum() > 1:
            p, t = guess[rated], true[rated, axis]
            p, t = p - p.mean(axis=0), t - t.mean()
            size = np.sqrt(np.sum(p * p, axis=0)) * np.sqrt(np.sum(t * t))
            varies = (np.ptp(guess[rated], axis=0) > 0) & (np.ptp(true[rated, axis]) > 0)
            table[varies, axis] = np.clip((p.T @ t)[varies] / size[varies], -1.0, 1.0)
    return table


def confusion(truth: ArrayLike, predicted: ArrayLike) -> tuple[NDArray, NDArray[np.int64]]:
    """Classes (k,) of truth and prediction together, sorted, and counts (k, k): rows truth, columns prediction.

    Labels are one-dimensional, text or numbers; NaN or None in the truth is left out. Raises DataError for lengths that
    differ, no labelled row, a missing prediction, or text against numbers.
    """
    classes, true, (guess,), _ = label_codes(truth, [predicted])
    k = len(classes)
    return classes, np.bincount(true * k + guess, minlength=k * k).reshape(k, k)


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of labelled rows with the right class."""
    counts = confusion(truth, predicted)[1]
    return float(np.trace(counts) / counts.sum())


def class_recalls(truth: ArrayLike, predicted: ArrayLike) -> dict:
    """Recall of each class that occurs in the truth."""
    classes, counts = confusion(truth, predicted)
    totals = counts.sum(axis=1)
    return {c.item(): float(counts[i, i] / totals[i]) for i, c in enumerate(classes) if totals[i]}


def balanced_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Unweighted average recall (UAR) over the classes that occur in the truth; one constant class gives 1 / k.

    A class that is predicted only and never true has no recall and is not averaged.
    """
    return float(np.mean(list(class_recalls(truth, predicted).values())))


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean F1 over the classes that occur in the truth; a class that is never predicted has F1 0."""
    counts = confusion(truth, predicted)[1]
    true, guessed = counts.sum(axis=1), counts.sum(axis=0)
    present = true > 0
    return float(np.mean(2 * np.diag(counts)[present] / (true + guessed)[present]))


def classification_measures(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Accuracy, balanced accuracy and macro F1 by name."""
    measures = (accuracy, balanced_accuracy, macro_f1)
    return {measure.__name__: measure(truth, predicted) for measure in measures}


def cross_entropy(truth: ArrayLike, log_probabilities: ArrayLike) -> float:
    """Mean -log p(true class) in nats.

    `truth` (n,) holds column numbers 0 .. k - 1, NaN left out (all NaN: NaN); `log_probabilities` (n, k) are natural
    logarithms that sum to one as probabilities. Infinite where a true class has probability 0. Raises DataError for
    logits or probabilities in their place, and for a class outside 0 .. k - 1.
    """
    labels, log_p = as_floats(truth, "truth"), as_floats(log_probabilities, "log_probabilities")
    if labels.ndim != 1 or log_p.ndim != 2:
        raise DataError(
            f"truth has shape {labels.shape} and log_probabilities {log_p.shape}: they must be (n,) and (n, k)"
        )
    require_rows(len(labels), "truth")
    require_same_length(len(labels), "truth", len(log_p), "log_probabilities")
    rows = np.flatnonzero(~np.isnan(labels))
    if len(rows) == 0:
        return float("nan")
    labels, log_p = labels[rows], log_p[rows]
    wrong = (labels != np.floor(labels)) | (labels < 0) | (labels >= log_p.shape[1])
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"truth is {labels[first]:g} in row {rows[first]}: classes are the columns "
            f"0 .. {log_p.shape[1] - 1} of log_probabilities"
        )
    off = ~(np.abs(logsumexp(log_p, axis=1)) < 1e-3)
    if off.any():
        raise DataError(
            f"row {rows[np.flatnonzero(off)[0]]} of log_probabilities does not sum to one as probabilities: "
            "give natural logarithms of probabilities (log-softmax of the logits)"
        )
    return float(-np.mean(log_p[np.arange(len(rows)), labels.astype(np.int64)]))


def marginal_entropy(labels: ArrayLike) -> float:
    """Entropy in nats of the labels' own frequencies: the cross-entropy of the best constant guess.

    Missing labels are left out; none left gives NaN.
    """
    values, known = known_labels(labels, "labels")
    if not known.any():
        return float("nan")
    counts = np.unique(plain_labels(values[known], "labels"), return_counts=True)[1]
    share = counts / counts.sum()
    return float(max(0.0, -np.sum(share * np.log(share))))


def uniform_entropy(k: int) -> float:
    """ln k in nats: the cross-entropy of a uniform guess among k classes."""
    if k < 1:
        raise DataError(f"a uniform guess needs at least one class, not {k}")
    return float(np.log(k))
