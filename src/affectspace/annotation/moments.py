"""Weighted means and covariances of the rows of each emotion, independent of how a table is cut into blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

_Group = tuple[float, np.ndarray, np.ndarray]  # weight, mean, sum of squares and products about the mean


class Moments:
    """First and second moments of the rows of each emotion (lines 1 and 2 of Algorithm 1).

    A weight is a number of repetitions: a row of weight 2 counts as two rows, a row of weight 0 as none.
    """

    def __init__(self, axes: int) -> None:
        self.axes = axes
        self._groups: dict[Any, _Group] = {}

    def add(self, vad: np.ndarray, emotions: np.ndarray, weights: np.ndarray | None = None) -> Moments:
        """Add rows: vad (n, axes) without NaN, emotions (n,), weights (n,) or None. Return the object itself."""
        names, codes = np.unique(emotions, return_inverse=True)
        for code, name in enumerate(names.tolist()):
            selected = codes == code
            rows = vad[selected]
            weight = np.ones(len(rows)) if weights is None else weights[selected]
            total = float(weight.sum())
            if total <= 0:
                continue
            mean = weight @ rows / total
            products = (rows - mean).T @ ((rows - mean) * weight[:, None])
            group = (total, mean, products)
            self._groups[name] = _merged(self._groups[name], group) if name in self._groups else group
        return self

    @property
    def names(self) -> list[Any]:
        """The emotions, sorted."""
        return sorted(self._groups)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return counts (k,), means (k, axes) and covariances (k, axes, axes), in the order of `names`.

        Covariances divide by the count less one, like the published statistics; they are NaN for a single row.
        """
        groups = [self._groups[name] for name in self.names]
        counts = np.array([count for count, _, _ in groups])
        freedom = np.where(counts > 1, counts - 1, np.nan)
        products = np.array([product for _, _, product in groups]).reshape(-1, self.axes, self.axes)
        means = np.array([mean for _, mean, _ in groups]).reshape(-1, self.axes)
        return counts, means, products / freedom[:, None, None]


def _merged(first: _Group, second: _Group) -> _Group:
    """The moments of two blocks together (Chan, Golub & LeVeque 1979), which is stable, unlike a sum of squares."""
    total = first[0] + second[0]
    step = second[1] - first[1]
    products = first[2] + second[2] + np.outer(step, step) * (first[0] * second[0] / total)
    return total, first[1] + step * (second[0] / total), products
