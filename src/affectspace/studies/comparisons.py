"""p values of comparisons, corrected together, and intervals that are pooled over folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from affectspace.evaluation import Interval, holm
from affectspace.evaluation.results import Recorder


def record_p_values(
    recorder: Recorder,
    tested: Sequence[tuple[Mapping[str, str], float]],
    n: int,
    primary: Mapping[str, str] | None = None,
    note: str = "two-sided",
) -> None:
    """Record p of each comparison (its columns, p), and p after Holm's correction of all but the primary one."""
    known = [(columns, p) for columns, p in tested if np.isfinite(p)]
    corrected = [(columns, p) for columns, p in known if columns != primary]
    for columns, p in known:
        uncorrected = "; the primary endpoint, not corrected" if columns == primary else ""
        recorder.add("p", p, n, note=note + uncorrected, seeds=(), **columns)
    holm_p = holm([p for _, p in corrected]) if corrected else ()
    for (columns, _), p in zip(corrected, holm_p, strict=True):
        recorder.add("p_holm", float(p), n, note=f"Holm over {len(corrected)} comparisons", seeds=(), **columns)


def interval_p(interval: Interval) -> float:
    """Two-sided p of "the difference is zero", as if the interval were that of a normal distribution."""
    width = interval.high - interval.low
    if not np.isfinite(width) or width <= 0:
        return float("nan")
    error = width / (2 * norm.ppf((1 + interval.confidence) / 2))
    return float(2 * norm.sf(abs(interval.value) / error))


def pooled_interval(intervals: Sequence[Interval]) -> Interval:
    """The mean of intervals over different people, such as of folds that test different actors, each with its own model.

    Each is taken as a t interval over its people; squared errors add up, and so do degrees of freedom.
    """
    confidence = intervals[0].confidence
    quantile = (1 + confidence) / 2
    errors = [(one.high - one.low) / 2 / student.ppf(quantile, max(one.groups - 1, 1)) for one in intervals]
    error = float(np.sqrt(np.sum(np.square(errors))) / len(intervals))
    freedom = max(sum(one.groups - 1 for one in intervals), 1)
    value, half = float(np.mean([one.value for one in intervals])), float(student.ppf(quantile, freedom)) * error
    n, groups = sum(one.n for one in intervals), sum(one.groups for one in intervals)
    return Interval(value, value - half, value + half, n, groups, confidence)
