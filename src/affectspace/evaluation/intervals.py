"""Intervals over people of accuracy and UAR, alone and paired, from counts per person (see `bootstrap`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affectspace.evaluation.bootstrap import RESAMPLES, Interval, group_bootstrap, interval_of, resampled_sums
from affectspace.evaluation.error_intervals import (
    mean_interval,
    paired_mean_difference,
    paired_mean_ratio,
    paired_r2_difference,
    r2_interval,
)
from affectspace.evaluation.inputs import Floats, by_seed, group_codes, label_codes

__all__ = [
    "Interval",
    "Recalls",
    "accuracy_interval",
    "gap_closed",
    "group_bootstrap",
    "mean_interval",
    "paired_mean_difference",
    "paired_mean_ratio",
    "paired_r2_difference",
    "paired_uar_difference",
    "r2_interval",
    "uar_interval",
]


@dataclass(frozen=True)
class Recalls:
    """Per group and class of the truth: rows (groups, k), and hits of each model (groups, k), mean over its seeds."""

    rows: Floats
    hits: list[Floats]
    n: int

    @classmethod
    def count(cls, truth: ArrayLike, models: list[Any], groups: ArrayLike) -> "Recalls":
        """Count rows and hits. Raises DataError as `metrics.confusion` and for fewer than two groups."""
        seeds = [by_seed(predictions) for predictions in models]
        classes, true, guesses, known = label_codes(truth, [one for each in seeds for one in each])
        group, count = group_codes(groups, len(known), known)
        k = len(classes)
        cell, size = group * k + true, count * k
        present = np.bincount(true, minlength=k) > 0
        remaining = iter(guesses)
        hits = []
        for each in seeds:
            total = np.zeros(size)
            for _ in each:
                total += np.bincount(cell, weights=(next(remaining) == true).astype(np.float64), minlength=size)
            hits.append(total.reshape(count, k)[:, present] / len(each))
        rows = np.bincount(cell, minlength=size).reshape(count, k)[:, present].astype(np.float64)
        return cls(rows, hits, len(true))


def _uar(hits: Floats, rows: Floats) -> Floats:
    present = rows > 0
    recall = np.divide(hits, rows, out=np.zeros_like(rows), where=present)
    return recall.sum(axis=-1) / present.sum(axis=-1)


def _recall_interval(
    truth: ArrayLike,
    models: list[Any],
    groups: ArrayLike,
    combine: Callable[[list[Floats], Floats], Floats],
    resamples: int,
    seed: int,
    confidence: float,
) -> Interval:
    counted = Recalls.count(truth, models, groups)
    value = combine([hits.sum(axis=0)[None] for hits in counted.hits], counted.rows.sum(axis=0)[None])
    drawn = resampled_sums(np.stack([counted.rows, *counted.hits], axis=1), resamples, seed)
    draws = combine([drawn[:, 1 + i] for i in range(len(models))], drawn[:, 0])
    return interval_of(float(value[0]), draws, counted.n, len(counted.rows), confidence)


def accuracy_interval(
    truth: ArrayLike,
    predictions: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Accuracy; `truth` (n,) labels, `predictions` (n,) or a list of them, one per seed; `groups` (n,)."""
    return _recall_interval(
        truth, [predictions], groups, lambda h, r: h[0].sum(axis=-1) / r.sum(axis=-1), resamples, seed, confidence
    )


def uar_interval(
    truth: ArrayLike,
    predictions: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Balanced accuracy (UAR); arguments as `accuracy_interval`."""
    return _recall_interval(truth, [predictions], groups, lambda h, r: _uar(h[0], r), resamples, seed, confidence)


def paired_uar_difference(
    truth: ArrayLike,
    predictions_a: Any,
    predictions_b: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """UAR of model a minus UAR of model b, both on the same drawn people; arguments as `accuracy_interval`."""
    return _recall_interval(
        truth,
        [predictions_a, predictions_b],
        groups,
        lambda h, r: _uar(h[0], r) - _uar(h[1], r),
        resamples,
        seed,
        confidence,
    )


def gap_closed(
    truth: ArrayLike,
    model: Any,
    floor: Any,
    ceiling: Any,
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """How much of the way from `floor` to `ceiling` the model goes in UAR: (model - floor) / (ceiling - floor), paired.

    NaN where ceiling and floor are equal; wide, and not to be trusted, where their difference is not clearly above
    zero.
    """

    def share(hits: list[Floats], rows: Floats) -> Floats:
        score, low, high = (_uar(h, rows) for h in hits)
        return np.divide(score - low, high - low, out=np.full(len(rows), np.nan), where=np.abs(high - low) > 1e-12)

    return _recall_interval(truth, [model, floor, ceiling], groups, share, resamples, seed, confidence)
