"""From points to emotions: the nearest centre, or the most probable Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from affectspace.annotation.sampling import in_blocks
from affectspace.errors import ConfigError

_FLOOR = 1e-9  # of the largest variance: a class without spread on an axis is very narrow, not a division by 0


@dataclass(frozen=True)
class Energies:
    """Minus twice the log posterior of each class, up to a constant: |W_k (x - c_k)|^2 precision + offset_k.

    centres (k, d); whitening (k, d, d), or None for the Euclidean distance; precision: 1 / s^2 of the Euclidean posterior;
    offset (k,): the log determinant and the prior. temperature: of the posterior.
    """

    centres: np.ndarray
    whitening: np.ndarray | None
    precision: float
    offset: np.ndarray
    temperature: float = 1.0

    def nearest(self, vad: np.ndarray) -> np.ndarray:
        """Return the position of the class of least energy for each row, (n,) int16; the first one in a tie."""
        codes = np.zeros(len(vad), dtype=np.int16)

        def block(start: int, stop: int) -> None:
            columns = np.ascontiguousarray(vad[start:stop].T)
            out = codes[start:stop]
            least = self._of(columns, 0)
            for k in range(1, len(self.centres)):
                energy = self._of(columns, k)
                np.putmask(out, energy < least, k)
                np.minimum(least, energy, out=least)

        in_blocks(block, len(vad))
        return codes

    def posterior(self, vad: np.ndarray) -> np.ndarray:
        """Return probabilities, (n, k): the softmax of minus half the energies, divided by the temperature."""
        energies = np.stack([self._of(vad.T, k) for k in range(len(self.centres))], axis=1)
        logits = (energies - energies.min(axis=1, keepdims=True)) * (-0.5 / self.temperature)
        weights = np.exp(logits)
        return weights / weights.sum(axis=1, keepdims=True)

    def _of(self, columns: np.ndarray, k: int) -> np.ndarray:
        moved = [column - centre for column, centre in zip(columns, self.centres[k], strict=True)]
        if self.whitening is not None:
            moved = [_weighted_sum(row, moved) for row in self.whitening[k]]
        energy = np.square(moved[0])
        for axis in moved[1:]:
            energy += np.square(axis, out=axis)
        if self.precision != 1:
            energy *= self.precision
        if self.offset[k]:
            energy += self.offset[k]
        return energy


def _weighted_sum(weights: np.ndarray, columns: list[np.ndarray]) -> np.ndarray:
    """The weighted sum of the columns, skipping weights of 0: the matrix of a diagonal covariance has few others."""
    terms = [weight * column for weight, column in zip(weights, columns, strict=True) if weight]
    for term in terms[1:]:
        terms[0] += term
    return terms[0]


def euclidean(centres: np.ndarray, variance: float, priors: np.ndarray | None, temperature: float = 1.0) -> Energies:
    """Line 6 of Algorithm 1, with a matching posterior: softmax of -d^2 / (2 s^2), with the same s^2 for all classes.

    priors: None for equal ones. variance 0: the nearest centre has probability 1.
    """
    precision = 1 / max(variance, 1e-12) if np.isfinite(variance) else 1.0
    return Energies(centres, None, precision, _prior_term(priors, len(centres)), temperature)


def mahalanobis(
    centres: np.ndarray, covariances: np.ndarray, priors: np.ndarray | None, temperature: float = 1.0
) -> Energies:
    """The posterior of one Gaussian for each class (quadratic discriminant analysis). covariances (k, d, d)."""
    floor = max(_FLOOR * float(np.max(np.diagonal(covariances, axis1=1, axis2=2))), 1e-30)
    whitening, offset = [], _prior_term(priors, len(centres))
    for k, covariance in enumerate(covariances):
        diagonal = not np.any(covariance - np.diag(np.diag(covariance)))
        values, vectors = (np.diag(covariance), np.eye(len(covariance))) if diagonal else np.linalg.eigh(covariance)
        values = np.maximum(values, floor)
        whitening.append(vectors.T / np.sqrt(values)[:, None])
        offset[k] += np.log(values).sum()
    return Energies(centres, np.array(whitening), 1.0, offset - offset.min(), temperature)


def is_number(value: Any) -> bool:
    """Return whether a parameter is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def prior_probabilities(
    priors: str | dict[Any, float] | None, classes: list[Any], counts: np.ndarray | None, source: str
) -> np.ndarray:
    """Return the prior of each class, (k,), from the parameter `priors`. Raises ConfigError if it does not fit the classes."""
    if priors is None:
        return np.full(len(classes), 1 / len(classes))
    if isinstance(priors, str):
        if counts is None:
            raise ConfigError(f"priors='counts': {source} states no counts; give a dict of priors")
        return counts / counts.sum()
    if set(priors) != set(classes):
        raise ConfigError(f"priors must name each class once: {', '.join(map(str, classes))}; got {priors}")
    values = np.array([priors[name] if is_number(priors[name]) else -1 for name in classes], dtype=np.float64)
    if not ((values >= 0).all() and values.sum() > 0):
        raise ConfigError(f"priors must be numbers from 0 that are not all 0; got {priors}")
    return values / values.sum()


def _prior_term(priors: np.ndarray | None, k: int) -> np.ndarray:
    if priors is None:
        return np.zeros(k)
    with np.errstate(divide="ignore"):
        return -2 * np.log(priors)
