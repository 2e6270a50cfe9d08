"""Sums per person from which a metric follows.

The metric without one person follows from the sums less that person's, which takes milliseconds for any number of rows.
`intervals.interval` is the function for users.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import DataError
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    Mask,
    as_floats,
    group_codes,
    label_codes,
    regression_pair,
    require_finite,
    require_rows,
    seed_columns,
)

Model = list[Any]  # the predictions of one model, one array per seed
Scores = tuple[list[Floats], Floats | float]


@dataclass(frozen=True)
class Statistics:
    """Sums of each person's labelled rows, and how the metric of each model follows from sums.

    sums : (people, ...). n : number of labelled rows.
    scores : sums of several sets of people (sets, ...) -> one numerator (sets,) per model, averaged over its seeds, and
        their common denominator. Differences and ratios of means are taken before the division, so they lose no digits.
    """

    sums: Floats
    n: int
    scores: Callable[[Floats], Scores]


def recall_statistics(metric: str, truth: ArrayLike, models: list[Model], groups: ArrayLike) -> Statistics:
    """Statistics of accuracy and UAR. `sums` is (people, 1 + models, classes): rows, then the hits of each model.

    A class that none of the people has does not count.
    """
    classes, true, predicted, known = label_codes(truth, [prediction for seeds in models for prediction in seeds])
    names, group = group_codes(groups, len(known), known, least=1)
    people, k = len(names), len(classes)
    cell, present = group * k + true, np.unique(true)

    def count(weights: Floats | None = None) -> Floats:
        counts = np.bincount(cell, weights, minlength=people * k).reshape(people, k)
        return counts[:, present].astype(np.float64)

    remaining = iter(predicted)
    hits = [sum(count((next(remaining) == true).astype(np.float64)) for _ in seeds) / len(seeds) for seeds in models]

    def scores(sums: Floats) -> Scores:
        rows, *correct = np.moveaxis(sums, 1, 0)
        if metric == "accuracy":
            return [hit.sum(axis=-1) for hit in correct], rows.sum(axis=-1)
        drawn = rows > 0
        recalls = [np.divide(hit, rows, out=np.zeros_like(rows), where=drawn) for hit in correct]
        return [recall.sum(axis=-1) / drawn.sum(axis=-1) for recall in recalls], 1.0

    sums = np.asfortranarray(np.stack([count(), *hits], axis=1))  # sums over people are then pairwise, hence more exact
    return Statistics(sums, len(true), scores)


def mean_statistics(
    truth: ArrayLike | None, models: list[Model], groups: ArrayLike, shares: bool = False
) -> Statistics:
    """Statistics of the mean of a value per row. NaN in the first model is "not measured" and left out of all.

    shares : refuses values outside 0 .. 1
    """
    if truth is not None:
        raise DataError("this metric compares nothing with a truth: give None as truth and the values as prediction")
    n = len(np.asarray(groups))
    require_rows(n, "groups")
    columns = [np.mean(seed_columns(seeds, n, "the values"), axis=0) for seeds in models]
    if shares and any((np.abs(column - 0.5) > 0.5 + 1e-9).any() for column in columns):
        raise DataError("the metric 'share' takes values in 0 .. 1: use 'mean' for others")
    return _column_statistics([*columns, np.ones(n)], groups, lambda sums: (list(sums[:, :-1].T), sums[:, -1]))


def r2_statistics(truth: ArrayLike, models: list[Model], groups: ArrayLike) -> Statistics:
    """Statistics of R2 about the mean of these rows. Undefined where nothing but rounding varies among them."""
    true = as_floats(truth, "truth")
    if true.ndim != 1:
        raise DataError(f"truth has shape {true.shape}: give one axis at a time, (n,)")
    require_rows(len(true), "truth")
    known = ~np.isnan(true)
    require_finite(true[known], "truth", np.flatnonzero(known))
    around = true - (true[known].mean() if known.any() else 0.0)
    errors = [
        np.mean([(true - values) ** 2 for values in seed_columns(seeds, len(true), "prediction")], axis=0)
        for seeds in models
    ]

    def scores(sums: Floats) -> Scores:
        total = sums[:, 1] - sums[:, 0] ** 2 / sums[:, -1]
        varies = total > 1e-12 * np.maximum(sums[:, 1], 1e-300)
        ratios = [np.divide(e, total, out=np.full(len(sums), np.nan), where=varies) for e in sums[:, 2:-1].T]
        return [1 - ratio for ratio in ratios], 1.0

    return _column_statistics([around, around**2, *errors, np.ones(len(true))], groups, scores)


def _column_statistics(columns: list[Floats], groups: ArrayLike, scores: Callable[[Floats], Scores]) -> Statistics:
    """Sums per person of columns (n,). Rows with NaN in the first column are left out."""
    known = ~np.isnan(columns[0])
    if not known.any():
        raise DataError(f"none of the {len(known)} rows is annotated: there is nothing to measure")
    for column in columns:
        require_finite(column[known], "the values or predictions", np.flatnonzero(known))
    codes = group_codes(groups, len(known), known, least=1)[1]
    sums = [np.bincount(codes, weights=column[known]) for column in columns]
    return Statistics(np.column_stack(sums), int(known.sum()), scores)


def moment_statistics(metric: str, truth: ArrayLike, models: list[Model], groups: ArrayLike) -> Statistics:
    """Statistics of Pearson's r, concordance and mean absolute error, each the mean over axes.

    `sums` is (people, models x seeds, axes, 8), see `_moments`.
    """
    pairs = [regression_pair(truth, prediction)[:2] for seeds in models for prediction in seeds]
    true, predicted = pairs[0][0], np.stack([prediction for _, prediction in pairs])
    known = ~np.isnan(true)
    rows = np.asarray(known.any(axis=1))
    if not rows.any():
        raise DataError(f"none of the {len(true)} rows of truth has a label: there is nothing to measure")
    codes = group_codes(groups, len(true), rows, least=1)[1]
    bounds = np.cumsum([len(seeds) for seeds in models])[:-1]

    def scores(sums: Floats) -> Scores:
        values = _MOMENT_METRICS[metric](sums).mean(axis=-1)  # over axes: (sets, models x seeds)
        return [part.mean(axis=-1) for part in np.split(values, bounds, axis=-1)], 1.0

    return Statistics(_moments(true[rows], predicted[:, rows], known[rows], codes), int(rows.sum()), scores)


def _moments(true: Floats, predicted: Floats, known: Mask, codes: Codes) -> Floats:
    """Sums of 1, t, t^2, p, p^2, t p, t - p and |t - p| per person, prediction and axis.

    true (n, axes), predicted (predictions, n, axes) -> (people, predictions, axes, 8). t and p are centred by their own
    means and scaled by the truth's spread, so that differences of large sums keep their digits wherever the predictions
    lie. t - p is not centred, and |t - p| is neither centred nor scaled.
    """
    total = np.maximum(known.sum(axis=0), 1)
    t = _centred(true, known, total)
    scale = np.sqrt((t**2).sum(axis=0) / total)
    scale = np.where(scale > 0, scale, 1.0)
    t = t / scale
    columns = np.empty((*predicted.shape, 8))
    for i, prediction in enumerate(predicted):
        p = _centred(prediction, known, total) / scale
        error = np.where(known, true - prediction, 0.0)
        parts = (known.astype(np.float64), t, t * t, p, p * p, t * p, error / scale, np.abs(error))
        columns[i] = np.stack(parts, axis=-1)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.moveaxis(np.add.reduceat(columns[:, order], starts, axis=1), 1, 0)


def _centred(values: Floats, known: Mask, total: Floats) -> Floats:
    """Values less the mean of their axis; 0 where unknown and where the difference is only rounding."""
    mean = np.where(known, values, 0.0).sum(axis=0) / total
    around = values - mean
    return np.where(known & (np.abs(around) > 1e-14 * np.abs(mean)), around, 0.0)


def _variances(moments: Floats) -> tuple[Floats, ...]:
    """Variances of t and p, their covariance and the mean of t - p. A variance that is only rounding is 0."""
    n, t, tt, p, pp, tp, error = (moments[..., i] for i in range(7))
    with np.errstate(invalid="ignore", divide="ignore"):  # an axis without rows is NaN
        t, tt, p, pp, tp, error = t / n, tt / n, p / n, pp / n, tp / n, error / n
    variance_t, variance_p = tt - t * t, pp - p * p
    variance_t = np.where(variance_t > 1e-12 * tt, variance_t, np.where(np.isnan(tt), np.nan, 0.0))
    variance_p = np.where(variance_p > 1e-12 * pp, variance_p, np.where(np.isnan(pp), np.nan, 0.0))
    return variance_t, variance_p, tp - t * p, error


def _pearson(moments: Floats) -> Floats:
    variance_t, variance_p, covariance, _ = _variances(moments)
    size = np.sqrt(variance_t * variance_p)
    r = np.divide(covariance, size, out=np.full_like(size, np.nan), where=size > 0)
    return np.clip(r, -1.0, 1.0)


def _concordance(moments: Floats) -> Floats:
    variance_t, variance_p, covariance, error = _variances(moments)
    covariance = np.where((variance_t == 0) | (variance_p == 0), 0.0, covariance)
    size = variance_t + variance_p + error**2
    return np.divide(2 * covariance, size, out=np.full_like(size, np.nan), where=size > 0)


def _mae(moments: Floats) -> Floats:
    n = moments[..., 0]
    return np.divide(moments[..., 7], n, out=np.full_like(n, np.nan), where=n > 0)


_MOMENT_METRICS = {"pearson": _pearson, "concordance": _concordance, "mae": _mae}
