"""Intervals over people of Pearson's r, concordance and mean absolute error, alone and paired, from moments per person.

For (n, axes) the measure is the mean over axes, such as the mean r over valence, arousal and dominance. Several seeds: give a
list; the measure is averaged over seeds in each resample (see `bootstrap`).
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import DataError
from affectspace.evaluation.bootstrap import RESAMPLES, Interval, interval_of, resampled_sums
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    Mask,
    as_floats,
    by_seed,
    group_codes,
    regression_pair,
    require_finite,
    require_rows,
    require_same_length,
)

Measure = Literal["pearson", "concordance", "mae"]


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


def pearson_interval(
    truth: ArrayLike,
    predictions: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Pearson's r; `truth` (n,) or (n, axes), NaN left out per axis; `predictions` alike, or one per seed; `groups` (n,).

    Undefined where an axis is constant among the drawn people. Raises DataError for shapes that differ, predictions that are
    not finite or fewer than two groups.
    """
    return _interval("pearson", truth, [predictions], groups, resamples, seed, confidence)


def concordance_interval(
    truth: ArrayLike,
    predictions: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Lin's concordance; arguments as `pearson_interval`. 0 where one side is constant."""
    return _interval("concordance", truth, [predictions], groups, resamples, seed, confidence)


def mae_interval(
    truth: ArrayLike,
    predictions: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Mean absolute error; arguments as `pearson_interval`."""
    return _interval("mae", truth, [predictions], groups, resamples, seed, confidence)


def paired_pearson_difference(
    truth: ArrayLike,
    predictions_a: Any,
    predictions_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Pearson's r of model a minus that of model b on the same drawn people; arguments as `pearson_interval`."""
    return _interval("pearson", truth, [predictions_a, predictions_b], groups, resamples, seed, confidence)


def paired_concordance_difference(
    truth: ArrayLike,
    predictions_a: Any,
    predictions_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Concordance of model a minus that of model b on the same drawn people; arguments as `pearson_interval`."""
    return _interval("concordance", truth, [predictions_a, predictions_b], groups, resamples, seed, confidence)


def paired_mae_difference(
    truth: ArrayLike,
    predictions_a: Any,
    predictions_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Mean absolute error of model a minus that of model b on the same drawn people; arguments as `pearson_interval`."""
    return _interval("mae", truth, [predictions_a, predictions_b], groups, resamples, seed, confidence)


def _interval(
    measure: Measure,
    truth: ArrayLike,
    models: list[Any],
    groups: ArrayLike,
    resamples: int,
    seed: int,
    confidence: float,
) -> Interval:
    """The measure of the first model, less that of the second where there are two."""
    seeds = [by_seed(predictions) for predictions in models]
    pairs = [regression_pair(truth, one)[:2] for each in seeds for one in each]
    true, guesses = pairs[0][0], np.stack([guess for _, guess in pairs])  # (n, axes), (models x seeds, n, axes)
    known = ~np.isnan(true)
    rows = np.asarray(known.any(axis=1))
    if not rows.any():
        raise DataError(f"none of the {len(true)} rows of truth has a label: there is nothing to measure")
    codes, count = group_codes(groups, len(true), rows)
    sums = _moments(true[rows], guesses[:, rows], known[rows], codes, count)
    bounds = np.cumsum([len(each) for each in seeds])[:-1]

    def combine(moments: Floats) -> Floats:
        values = _MEASURES[measure](moments).mean(axis=-1)  # over axes: (draws, models x seeds)
        means = [part.mean(axis=-1) for part in np.split(values, bounds, axis=-1)]
        return means[0] - means[1] if len(means) == 2 else means[0]

    value = float(combine(sums.sum(axis=0)[None])[0])
    draws = combine(resampled_sums(sums, resamples, seed))
    return interval_of(value, draws, int(rows.sum()), count, confidence)


def _moments(true: Floats, guesses: Floats, known: Mask, codes: Codes, count: int) -> Floats:
    """Per group, model and axis the sums of 1, t, t^2, p, p^2, t p, t - p and |t - p|: (groups, models, axes, 8).

    t and p are centred each by its own mean and scaled by the truth's spread, so that differences of large sums keep their
    digits, however far the guesses lie from the truth; t - p is of the values as they are, scaled; |t - p| is not scaled.
    """
    total = np.maximum(known.sum(axis=0), 1)
    t = _centred(true, known, total)
    scale = np.sqrt((t**2).sum(axis=0) / total)
    scale = np.where(scale > 0, scale, 1.0)
    t = t / scale
    columns = np.empty((*guesses.shape, 8))
    for i, guess in enumerate(guesses):
        p = _centred(guess, known, total) / scale
        error = np.where(known, true - guess, 0.0)
        columns[i] = np.stack(
            [known.astype(np.float64), t, t * t, p, p * p, t * p, error / scale, np.abs(error)], axis=-1
        )
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(count))
    return np.moveaxis(np.add.reduceat(columns[:, order], starts, axis=1), 1, 0)


def _centred(values: Floats, known: Mask, total: Floats) -> Floats:
    """Values less the mean of an axis; 0 where unknown, and where the difference is rounding only."""
    mean = np.where(known, values, 0.0).sum(axis=0) / total
    apart = values - mean
    return np.where(known & (np.abs(apart) > 1e-14 * np.abs(mean)), apart, 0.0)


def _variances(moments: Floats) -> tuple[Floats, ...]:
    """Variances of t and p, their covariance, and the mean of t - p; a variance of rounding only is 0."""
    n, t, tt, p, pp, tp, apart = (moments[..., i] for i in range(7))
    with np.errstate(invalid="ignore", divide="ignore"):  # an axis without rows among the drawn people is NaN
        t, tt, p, pp, tp, apart = t / n, tt / n, p / n, pp / n, tp / n, apart / n
    spread_t, spread_p = tt - t * t, pp - p * p
    spread_t = np.where(spread_t > 1e-12 * tt, spread_t, np.where(np.isnan(tt), np.nan, 0.0))
    spread_p = np.where(spread_p > 1e-12 * pp, spread_p, np.where(np.isnan(pp), np.nan, 0.0))
    return spread_t, spread_p, tp - t * p, apart


def _pearson(moments: Floats) -> Floats:
    spread_t, spread_p, covariance, _ = _variances(moments)
    size = np.sqrt(spread_t * spread_p)
    r = np.divide(covariance, size, out=np.full_like(size, np.nan), where=size > 0)
    return np.clip(r, -1.0, 1.0)


def _concordance(moments: Floats) -> Floats:
    spread_t, spread_p, covariance, apart = _variances(moments)
    covariance = np.where((spread_t == 0) | (spread_p == 0), 0.0, covariance)
    size = spread_t + spread_p + apart**2
    return np.divide(2 * covariance, size, out=np.full_like(size, np.nan), where=size > 0)


def _mae(moments: Floats) -> Floats:
    n = moments[..., 0]
    return np.divide(moments[..., 7], n, out=np.full_like(n, np.nan), where=n > 0)


_MEASURES = {"pearson": _pearson, "concordance": _concordance, "mae": _mae}
