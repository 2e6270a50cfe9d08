"""Counts, means and covariances per emotion, gathered over any number of pieces of a table."""

from __future__ import annotations

from typing import Any

import numpy as np


class Moments:
    """Weighted first and second moments of the rows of each emotion (lines 1 and 2 of Algorithm 1).

    A weight is a number of repetitions: a row of weight 2 counts as two rows, one of weight 0 as none.
    """

    def __init__(self, axes: int) -> None:
        self.axes = axes
        self._groups: dict[Any, tuple[float, np.ndarray, np.ndarray]] = {}

    def add(self, vad: np.ndarray, emotions: np.ndarray, weights: np.ndarray | None = None) -> Moments:
        """Add rows: vad (n, axes) without NaN, emotions (n,), weights (n,) or None. Returns itself."""
        names, codes = np.unique(emotions, return_inverse=True)
        for position, name in enumerate(names.tolist()):
            mine = codes == position
            rows = vad[mine]
            weight = np.ones(len(rows)) if weights is None else weights[mine]
            total = float(weight.sum())
            if total <= 0:
                continue
            mean = weight @ rows / total
            spread = (rows - mean).T @ ((rows - mean) * weight[:, None])
            self._groups[name] = _merged(self._groups.get(name), (total, mean, spread))
        return self

    @property
    def names(self) -> list[Any]:
        """The emotions seen, sorted."""
        return sorted(self._groups)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts (k,), means (k, axes) and covariances (k, axes, axes), in the order of `names`.

        The covariance divides by the count less one, as the published statistics do; it is NaN for a single row.
        """
        groups = [self._groups[name] for name in self.names]
        counts = np.array([count for count, _, _ in groups])
        freedom = np.where(counts > 1, counts - 1, np.nan)
        spreads = np.array([spread for _, _, spread in groups]).reshape(-1, self.axes, self.axes)
        means = np.array([mean for _, mean, _ in groups]).reshape(-1, self.axes)
        return counts, means, spreads / freedom[:, None, None]


def _merged(
    old: tuple[float, np.ndarray, np.ndarray] | None, new: tuple[float, np.ndarray, np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """The moments of two pieces together (Chan, Golub & LeVeque 1979): stable, unlike a sum of squares."""
    if old is None:
        return new
    total = old[0] + new[0]
    step = new[1] - old[1]
    spread = old[2] + new[2] + np.outer(step, step) * (old[0] * new[0] / total)
    return total, old[1] + step * (new[0] / total), spread
