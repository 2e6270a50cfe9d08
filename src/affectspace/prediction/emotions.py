"""From a point with its uncertainty to the probability of each emotion.

Every emotion is a Gaussian around a centre on the map, all emotions alike probable before anything is known. A point that is
itself uncertain, a Gaussian, has the mean of the probabilities over it: the wider the prediction, the less sure the emotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from affectspace.affect import AXES
from affectspace.annotation.assignment import mahalanobis
from affectspace.annotation.transfer import AnnotationTransfer

SPREAD = (
    0.3  # standard deviation of an emotion around its centre, where the source publishes centres only: a convention
)
NODES = {1: 31, 2: 15, 3: 7}  # axes -> nodes of the Gauss-Hermite rule on each
ROWS = 256  # points at a time


@dataclass(frozen=True, eq=False)
class EmotionMap:
    """Emotions as Gaussians on some of the axes.

    names : (k,); axes : which of valence, arousal, dominance; centres : (k, d); covariances : (k, d, d)
    source : where the centres are from
    """

    names: tuple[str, ...]
    axes: tuple[str, ...]
    centres: np.ndarray
    covariances: np.ndarray
    source: str

    def probabilities(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """(n, k) from means and deviations (n, 3); an unknown deviation counts as none."""
        columns = [AXES.index(axis) for axis in self.axes]
        points = np.asarray(mean, np.float64)[:, columns]
        spread = np.nan_to_num(np.asarray(deviation, np.float64)[:, columns])
        nodes, weights = _rule(len(columns))
        energies = mahalanobis(self.centres, self.covariances, None)
        found = np.empty((len(points), len(self.names)))
        for start in range(0, len(points), ROWS):
            part = slice(start, start + ROWS)
            around = points[part, None] + spread[part, None] * nodes
            posterior = energies.posterior(around.reshape(-1, len(columns)))
            found[part] = (posterior.reshape(len(around), len(nodes), -1) * weights[:, None]).sum(axis=1)
        return found

    def on(self, axes: Sequence[str]) -> EmotionMap:
        """The map without the other axes."""
        columns = [place for place, axis in enumerate(self.axes) if axis in axes]
        return EmotionMap(
            self.names,
            tuple(self.axes[place] for place in columns),
            self.centres[:, columns],
            self.covariances[:, columns][:, :, columns],
            self.source,
        )


def published_emotions(known: Sequence[str] = (), axes: Sequence[str] = AXES) -> EmotionMap:
    """Russell & Mehrabian's centres with one spread, on these axes.

    known : the run's own emotions; where none of them is published, or fewer than two, all are taken
    """
    reference = AnnotationTransfer.reference("russell_mehrabian_1977")
    names = [name for name in reference.classes_.tolist() if name in known]
    names = names if len(names) > 1 else reference.classes_.tolist()
    spread = np.repeat(SPREAD**2 * np.eye(3)[None], len(names), axis=0)
    return EmotionMap(tuple(names), AXES, reference.centres(names), spread, str(reference.source_)).on(axes)


def affectnet_emotions() -> EmotionMap:
    """AffectNet's ellipses: centres and deviations of valence and arousal, of seven emotions on faces."""
    reference = AnnotationTransfer.reference("affectnet")
    names = tuple(reference.classes_.tolist())
    return EmotionMap(names, AXES[:2], reference.centres_, reference.spreads(), str(reference.source_))


@cache
def _rule(axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (m, d) and weights (m,) whose weighted mean is the expectation under a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES[axes])
    points = np.array(list(product(nodes, repeat=axes)))
    shares = np.array([np.prod(row) for row in product(weights / weights.sum(), repeat=axes)])
    return points, shares
