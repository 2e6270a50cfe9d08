"""Writes the measurements of one experiment, each with its protocol, seeds, and the paper's figure where it has one."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from affectspace.evaluation import Interval, Measurement, MetricsFile, holm
from affectspace.studies.manifold.published import published


class Sheet:
    """One experiment of a metrics file.

    table : name of the paper's table whose figures stand beside ours; "" for none
    """

    def __init__(self, metrics: MetricsFile, experiment: str, protocol: str, table: str = "") -> None:
        self.metrics, self.experiment, self.protocol, self.table = metrics, experiment, protocol, table

    def value(
        self,
        row: str,
        metric: str,
        value: float,
        n: int,
        seeds: Sequence[int] = (),
        note: str = "",
        paper: float | None = None,
    ) -> None:
        """A figure without an interval."""
        self._set(row, metric, Measurement(value, n=n, **self._facts(row, metric, seeds, note, paper)))

    def interval(
        self,
        row: str,
        metric: str,
        interval: Any,
        seeds: Sequence[int] = (),
        note: str = "",
        paper: float | None = None,
    ) -> None:
        """A figure with its interval (value, low, high, n)."""
        self._set(row, metric, Measurement.of(interval, **self._facts(row, metric, seeds, note, paper)))

    def spread(
        self, row: str, metric: str, values: Iterable[float], n: int, seeds: Sequence[int], note: str = ""
    ) -> None:
        """The mean over seeds; the note tells each."""
        told = [float(value) for value in values]
        each = ", ".join(f"{value:.3f}" for value in told)
        text = f"seeds: {each}" if len(told) > 1 else ""
        self.value(row, metric, float(np.mean(told)), n, seeds, "; ".join(part for part in (note, text) if part))

    def p_values(self, tested: dict[str, float], n: int, primary: str = "") -> None:
        """p of each comparison, and after Holm of all but the primary one; what has no p is left out."""
        known = {row: p for row, p in tested.items() if np.isfinite(p)}
        others = [row for row in known if row != primary]
        corrected = dict(zip(others, holm([known[row] for row in others]), strict=True)) if others else {}
        for row, p in known.items():
            note = "two-sided" + ("; the primary endpoint, not corrected" if row == primary else "")
            self.value(row, "p", p, n, note=note)
            if row in corrected:
                self.value(row, "p_holm", float(corrected[row]), n, note=f"Holm over {len(others)} comparisons")

    def _facts(
        self, row: str, metric: str, seeds: Sequence[int], note: str, paper: float | None = None
    ) -> dict[str, Any]:
        if paper is None and self.table:
            paper = published(self.table, row, metric)
        return {"protocol": self.protocol, "seeds": tuple(seeds), "paper": paper, "note": note}

    def _set(self, row: str, metric: str, measurement: Measurement) -> None:
        self.metrics.set(self.experiment, row, metric, measurement)


def interval_p(interval: Interval) -> float:
    """Two-sided p of "the difference is zero", the interval's width taken as that of a normal distribution."""
    width = interval.high - interval.low
    if not np.isfinite(width) or width <= 0:
        return float("nan")
    error = width / (2 * norm.ppf((1 + interval.confidence) / 2))
    return float(2 * norm.sf(abs(interval.value) / error))


def pooled_interval(intervals: Sequence[Interval]) -> Interval:
    """The mean of intervals of different people, such as of folds that test different actors, each with its own model.

    Each is taken as a t interval over its people; errors add in squares, degrees of freedom add up.
    """
    confidence = intervals[0].confidence
    quantile = (1 + confidence) / 2
    errors = [(one.high - one.low) / 2 / student.ppf(quantile, max(one.groups - 1, 1)) for one in intervals]
    error = float(np.sqrt(np.sum(np.square(errors))) / len(intervals))
    freedom = max(sum(one.groups - 1 for one in intervals), 1)
    value, half = float(np.mean([one.value for one in intervals])), float(student.ppf(quantile, freedom)) * error
    n, groups = sum(one.n for one in intervals), sum(one.groups for one in intervals)
    return Interval(value, value - half, value + half, n, groups, confidence)
