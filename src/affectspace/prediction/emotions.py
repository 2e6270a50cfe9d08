"""From a point with its uncertainty to the probability of each emotion.

Every emotion is a Gaussian around a centre on the map, and all emotions have the same prior probability. An uncertain point is
a Gaussian too; its probabilities are averaged over it, so that a wider prediction has a less certain emotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np

from affectspace.affect import AXES
from affectspace.annotation.assignment import Energies, mahalanobis
from affectspace.annotation.references import read_reference

SPREAD = 0.3  # standard deviation of an emotion if its source publishes centres only, by convention
NODES = {1: 31, 2: 15, 3: 7}  # number of axes -> nodes of the Gauss-Hermite rule on each
ROWS = 256  # points that are integrated at a time


@dataclass(frozen=True, eq=False)
class EmotionMap:
    """Emotions as Gaussians on some of the axes.

    names : (k,); axes : which of valence, arousal, dominance; centres : (k, d); covariances : (k, d, d)
    source : publication or data of the centres
    """

    names: tuple[str, ...]
    axes: tuple[str, ...]
    centres: np.ndarray
    covariances: np.ndarray
    source: str

    @cached_property
    def _energies(self) -> Energies:
        return mahalanobis(self.centres, self.covariances, None)

    def probabilities(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Compute the probabilities (n, k) at means with deviations (n, 3); an unknown deviation counts as zero."""
        columns = [AXES.index(axis) for axis in self.axes]
        points = np.asarray(mean, np.float64)[:, columns]
        spread = np.nan_to_num(np.asarray(deviation, np.float64)[:, columns])
        nodes, weights = _rule(len(columns))
        probabilities = np.empty((len(points), len(self.names)))
        for start in range(0, len(points), ROWS):
            part = slice(start, start + ROWS)
            around = points[part, None] + spread[part, None] * nodes
            posterior = self._energies.posterior(around.reshape(-1, len(columns)))
            probabilities[part] = (posterior.reshape(len(around), len(nodes), -1) * weights[:, None]).sum(axis=1)
        return probabilities

    def on(self, axes: Sequence[str]) -> EmotionMap:
        """Restrict the map to some of its axes."""
        columns = [column for column, axis in enumerate(self.axes) if axis in axes]
        if len(columns) == len(self.axes):
            return self
        return EmotionMap(
            self.names,
            tuple(self.axes[column] for column in columns),
            self.centres[:, columns],
            self.covariances[:, columns][:, :, columns],
            self.source,
        )


def published_emotions(known: Sequence[str] = ()) -> EmotionMap:
    """Make a map of Russell & Mehrabian's centres with one spread.

    known : the run's own emotions; all published ones are used if fewer than two of them are published
    """
    reference = read_reference("russell_mehrabian_1977")
    centres = dict(zip(reference["classes"], reference["centres"], strict=True))
    names = [name for name in centres if name in known]
    names = names if len(names) > 1 else list(centres)
    spread = np.repeat(SPREAD**2 * np.eye(3)[None], len(names), axis=0)
    return EmotionMap(tuple(names), AXES, np.array([centres[name] for name in names]), spread, reference["source"])


def affectnet_emotions() -> EmotionMap:
    """Make a map of AffectNet's ellipses: valence and arousal of seven emotions on faces."""
    reference = read_reference("affectnet")
    spreads = np.square(reference["deviations"])[:, None] * np.eye(2)
    return EmotionMap(
        tuple(reference["classes"]), AXES[:2], np.array(reference["centres"]), spreads, reference["source"]
    )


@cache
def _rule(axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (m, d) and weights (m,) of the expectation under a standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES[axes])
    points = np.array(list(product(nodes, repeat=axes)))
    return points, np.array([np.prod(row) for row in product(weights / weights.sum(), repeat=axes)])
