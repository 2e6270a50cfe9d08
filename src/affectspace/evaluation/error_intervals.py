"""Intervals over people of R2 and of mean errors, alone and paired, from sums per person (see `bootstrap`)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import DataError
from affectspace.evaluation.bootstrap import RESAMPLES, Interval, interval_of, resampled_sums
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    by_seed,
    group_codes,
    require_finite,
    require_rows,
    require_same_length,
)


def _seeds(values: Any, n: int, what: str) -> list[Floats]:
    seeds = [as_floats(one, what) for one in by_seed(values)]
    for one in seeds:
        if one.ndim != 1:
            raise DataError(f"{what} has shape {one.shape}: give (n,), or a list of (n,) for several seeds")
        require_same_length(n, "the truth or groups", len(one), what)
    return seeds


def _sum_interval(
    columns: list[Floats],
    groups: ArrayLike,
    combine: Callable[[Floats], Floats],
    resamples: int,
    seed: int,
    confidence: float,
) -> Interval:
    """Interval of a function of column sums (resamples, columns); rows with NaN in the first column are left out."""
    known = ~np.isnan(columns[0])
    if not known.any():
        raise DataError(f"none of the {len(known)} rows is annotated: there is nothing to measure")
    for i, column in enumerate(columns):
        require_finite(column[known], f"column {i} of the errors or predictions", np.flatnonzero(known))
    codes, count = group_codes(groups, len(known), known)
    sums: Floats = np.column_stack([np.bincount(codes, weights=column[known], minlength=count) for column in columns])
    value = combine(sums.sum(axis=0)[None])
    return interval_of(
        float(value[0]), combine(resampled_sums(sums, resamples, seed)), int(known.sum()), count, confidence
    )


def _mean_columns(errors: list[Any], groups: ArrayLike) -> list[Floats]:
    n = len(np.asarray(groups))
    require_rows(n, "groups")
    columns = [np.mean(_seeds(one, n, "errors"), axis=0) for one in errors]
    return [*columns, np.ones(n)]


def mean_interval(
    errors: Any, groups: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Mean of a value per row, such as squared errors or hits: `errors` (n,) or a list, one per seed; `groups` (n,).

    NaN is "not measured" and left out. Rows weigh alike, so that people with more rows weigh more. Raises DataError for
    lengths that differ, infinite values or fewer than two groups.
    """
    columns = _mean_columns([errors], groups)
    return _sum_interval(columns, groups, lambda s: s[:, 0] / s[:, 1], resamples, seed, confidence)


def paired_mean_difference(
    errors_a: Any,
    errors_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Mean of a minus mean of b on the same drawn people; arguments as `mean_interval`, NaN in `errors_a` left out."""
    columns = _mean_columns([errors_a, errors_b], groups)
    return _sum_interval(columns, groups, lambda s: (s[:, 0] - s[:, 1]) / s[:, 2], resamples, seed, confidence)


def paired_mean_ratio(
    errors_a: Any,
    errors_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Mean of a over mean of b (such as reconstruction MSE of two models) on the same drawn people.

    Arguments as `mean_interval`, NaN in `errors_a` left out; over seeds it is the ratio of the means. NaN where b is 0.
    """
    columns = _mean_columns([errors_a, errors_b], groups)

    def ratio(s: Floats) -> Floats:
        return np.divide(s[:, 0], s[:, 1], out=np.full(len(s), np.nan), where=s[:, 1] != 0)

    return _sum_interval(columns, groups, ratio, resamples, seed, confidence)


def _r2_columns(truth: ArrayLike, models: list[Any]) -> list[Floats]:
    """Centred truth, its square, the squared error of each model averaged over seeds, and ones."""
    true = as_floats(truth, "truth")
    if true.ndim != 1:
        raise DataError(f"truth has shape {true.shape}: give one axis at a time, (n,)")
    require_rows(len(true), "truth")
    known = ~np.isnan(true)
    require_finite(true[known], "truth", np.flatnonzero(known))
    centre = true[known].mean() if known.any() else 0.0
    errors = [np.mean([(true - p) ** 2 for p in _seeds(model, len(true), "predicted")], axis=0) for model in models]
    return [true - centre, (true - centre) ** 2, *errors, np.ones(len(true))]


def _r2_of(s: Floats, error: int) -> Floats:
    """R2 from sums; NaN where no variance is left but rounding."""
    total = s[:, 1] - s[:, 0] ** 2 / s[:, -1]
    spread = total > 1e-12 * np.maximum(s[:, 1], 1e-300)
    return 1 - np.divide(s[:, error], total, out=np.full(len(s), np.nan), where=spread)


def r2_interval(
    truth: ArrayLike,
    predictions: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """R2 of one axis about the mean of the drawn rows: `truth` (n,), NaN left out; `predictions` (n,) or one per seed.

    Raises DataError for lengths that differ, predictions that are not finite or fewer than two groups.
    """
    columns = _r2_columns(truth, [predictions])
    return _sum_interval(columns, groups, lambda s: _r2_of(s, 2), resamples, seed, confidence)


def paired_r2_difference(
    truth: ArrayLike,
    predictions_a: Any,
    predictions_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """R2 of model a minus R2 of model b on the same drawn people; arguments as `r2_interval`."""
    columns = _r2_columns(truth, [predictions_a, predictions_b])
    return _sum_interval(columns, groups, lambda s: _r2_of(s, 2) - _r2_of(s, 3), resamples, seed, confidence)
