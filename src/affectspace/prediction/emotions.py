"""From a point with its uncertainty to the probability of each emotion.

Every emotion is a Gaussian around a centre on the map. An uncertain point is a Gaussian too; its probabilities are averaged
over it, so that a wider prediction has a less certain emotion. Where the Gaussians are fitted to what a model puts out, they
contain its errors already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectspace.affect import AXES
from affectspace.annotation.assignment import Energies, mahalanobis
from affectspace.annotation.references import read_reference
from affectspace.errors import RunError
from affectspace.tensors import require_unchanged

BASIC = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
NEUTRAL = 0.5  # prior probability of neutral
PRIORS = {"sadness": 3.0, "fear": 0.25}  # relative to the other emotions
SAD_AROUSAL = 0.1  # of sadness, whose published arousal is -.27: sad sentences are rated higher than the word
TEMPERATURE = (
    2.5  # of names by published centres, so that a stated probability of .5 is right in about half of the cases
)
NARROWEST = 1e-3  # deviation of an axis
SMALLEST = 1e-30  # probability whose root is taken
SPREAD = 0.3  # standard deviation of an emotion if its source publishes centres only, by convention
NODES = {1: 31, 2: 15, 3: 7}  # number of axes -> nodes of the Gauss-Hermite rule on each
ROWS = 256  # points that are integrated at a time


@dataclass(frozen=True, eq=False)
class EmotionMap:
    """Emotions as Gaussians on some of the axes.

    names : (k,); axes : which of valence, arousal, dominance; centres : (k, d); covariances : (k, d, d)
    source : publication or data of the centres
    priors : (k,), probabilities before a point is known; None: equal ones
    limits : (2, d), lowest and highest point that the Gaussians were fitted for; points beyond count as these
    fitted : whether the Gaussians contain the errors of predictions, so that a point counts as certain
    temperature : probabilities are raised to its inverse and normalised, which changes their certainty, not their order
    """

    names: tuple[str, ...]
    axes: tuple[str, ...]
    centres: np.ndarray
    covariances: np.ndarray
    source: str
    priors: np.ndarray | None = None
    limits: np.ndarray | None = None
    fitted: bool = False
    temperature: float = 1.0

    @cached_property
    def _energies(self) -> Energies:
        return mahalanobis(self.centres, self.covariances, self.priors)

    def probabilities(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Compute the probabilities (n, k) at means with deviations (n, 3); an unknown deviation counts as zero."""
        columns = [AXES.index(axis) for axis in self.axes]
        points = np.asarray(mean, np.float64)[:, columns]
        spread = np.nan_to_num(np.asarray(deviation, np.float64)[:, columns])
        if self.limits is not None:
            points = points.clip(*self.limits)
        if self.fitted:
            spread = np.zeros_like(spread)
        nodes, weights = _rule(len(columns))
        probabilities = np.empty((len(points), len(self.names)))
        for start in range(0, len(points), ROWS):
            part = slice(start, start + ROWS)
            around = points[part, None] + spread[part, None] * nodes
            posterior = self._energies.posterior(around.reshape(-1, len(columns)))
            probabilities[part] = (posterior.reshape(len(around), len(nodes), -1) * weights[:, None]).sum(axis=1)
        if self.temperature != 1.0:
            probabilities = np.maximum(probabilities, SMALLEST) ** (1.0 / self.temperature)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

    def on(self, axes: Sequence[str]) -> EmotionMap:
        """Restrict the map to some of its axes."""
        columns = [column for column, axis in enumerate(self.axes) if axis in axes]
        if len(columns) == len(self.axes):
            return self
        return replace(
            self,
            axes=tuple(self.axes[column] for column in columns),
            centres=self.centres[:, columns],
            covariances=self.covariances[:, columns][:, :, columns],
            limits=None if self.limits is None else self.limits[:, columns],
        )


def published_emotions(known: Sequence[str] = (), moments: tuple[np.ndarray, np.ndarray] | None = None) -> EmotionMap:
    """Make a map of Russell & Mehrabian's centres, in the units of what a model puts out.

    A model's outputs vary less than the published centres. The centres are moved and scaled on each axis, so that their mean
    and standard deviation, weighted by the priors, are those of the outputs. The outputs' deviation is the spread of each
    emotion. Half of the prior is neutral's, sadness is expected more often than fear, and found at a higher arousal than that
    of the word. A temperature lowers the certainty. These constants were chosen on the training and validation parts of MELD.

    known : the run's own emotions; the seven basic ones are used if fewer than two of them are published
    moments : mean and standard deviation (3,) of the outputs on validation rows, NaN for axes that are not predicted. None: the
    centres as published with one spread and equal priors.
    """
    reference = read_reference("russell_mehrabian_1977")
    published = dict(zip(reference["classes"], reference["centres"], strict=True))
    names = [name for name in published if name in known]
    names = names if len(names) > 1 else list(BASIC)
    centres = np.array([published[name] for name in names], np.float64)
    if moments is None:
        spread = np.repeat(SPREAD**2 * np.eye(3)[None], len(names), axis=0)
        return EmotionMap(tuple(names), AXES, centres, spread, reference["source"])
    priors = np.array([0.0 if name == "neutral" else PRIORS.get(name, 1.0) for name in names])
    priors *= (1 - NEUTRAL) / priors.sum()
    priors[[name == "neutral" for name in names]] = NEUTRAL
    priors /= priors.sum()
    mean, deviation = (np.where(np.isfinite(part), part, start) for part, start in zip(moments, (0, 1), strict=True))
    deviation = np.maximum(deviation, NARROWEST)
    centres[[name == "sadness" for name in names], AXES.index("arousal")] = SAD_AROUSAL
    middle = priors @ centres
    scale = np.sqrt(priors @ np.square(centres - middle))
    centres = mean + deviation * (centres - middle) / np.maximum(scale, NARROWEST)
    spread = np.repeat(np.diag(np.square(deviation))[None], len(names), axis=0)
    return EmotionMap(
        tuple(names), AXES, centres, spread, reference["source"], priors, fitted=True, temperature=TEMPERATURE
    )


class KeptMoments(NamedTuple):
    """What a model's file says about its labels and outputs.

    outputs : mean and standard deviation (3,) of its outputs on validation rows; None in a model of an earlier version
    label_spread : (3,), standard deviation of its training labels; 0.5 where it does not keep them
    """

    outputs: tuple[np.ndarray, np.ndarray] | None
    label_spread: np.ndarray


def kept_moments(weights: Path) -> KeptMoments:
    """Read moments from a model's safetensors file, without loading the model."""
    from safetensors import SafetensorError, safe_open

    names = ("statistics.output_mean", "statistics.output_deviation", "spread", "label_scale")
    try:
        require_unchanged(weights, "train the run again with --force")
        with safe_open(weights, framework="numpy") as file:
            known = set(file.keys())
            kept = {name: file.get_tensor(name).astype(np.float64) for name in names if name in known}
    except (SafetensorError, OSError) as error:
        raise RunError(f"{weights} is damaged ({error}); train the run again with --force") from error
    mean, deviation = (kept.get(name, np.full(3, np.nan)) for name in names[:2])
    spread = kept.get("spread", kept.get("label_scale", np.full(3, 0.5)))
    return KeptMoments(None if np.isnan(mean).all() else (mean, deviation), spread)


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
