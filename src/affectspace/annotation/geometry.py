"""What the geometry of the ellipses implies for transferred labels: area, recovery, and the highest possible R2."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from affectspace.annotation.transfer import AnnotationTransfer


def ellipse_areas(transfer: AnnotationTransfer) -> dict[Any, float]:
    """Return the area of each emotion's ellipse of `n_sigma` deviations, as a share of [-1, 1]^d (volume if d > 2).

    Examples
    --------
    >>> from affectspace.annotation import AnnotationTransfer, ellipse_areas
    >>> round(ellipse_areas(AnnotationTransfer.reference("affectnet"))["happiness"], 4)
    0.0212
    """
    spreads = transfer.spreads()
    d = spreads.shape[1]
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * transfer.n_sigma**d
    shares = ball * np.sqrt(np.maximum(np.linalg.det(spreads), 0)) / 2**d
    return dict(zip(transfer.classes_.tolist(), shares.tolist(), strict=True))


def covered_area(transfer: AnnotationTransfer) -> float:
    """Return the mean area of an ellipse as a share of the square (0.020 for AffectNet; the paper states 3 %)."""
    return float(np.mean(list(ellipse_areas(transfer).values())))


def union_area(transfer: AnnotationTransfer, *, points: int = 250_000) -> float:
    """Return the share of [-1, 1]^d in at least one ellipse, counted on a grid of about `points` points."""
    spreads = transfer.spreads()
    d = spreads.shape[1]
    side = max(2, round(points ** (1 / d)))
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    grid = np.stack([coordinate.ravel() for coordinate in np.meshgrid(*[axis] * d, indexing="ij")])
    inside = np.zeros(side**d, dtype=bool)
    for centre, spread in zip(transfer.centres_, spreads, strict=True):
        if not np.linalg.det(spread) > 0:  # a point, a line, or unknown: no area
            continue
        unit = np.linalg.solve(np.linalg.cholesky(spread), grid - centre[:, None])
        inside |= (unit * unit).sum(axis=0) <= transfer.n_sigma**2
    return float(inside.mean())


def recovery_rates(
    transfer: AnnotationTransfer, distribution: str | None = None, *, points: int = 200_000, seed: int = 0
) -> dict[Any, float]:
    """Return the share of each emotion's samples to which `predict` assigns the same emotion, by Monte Carlo.

    distribution: "uniform" or "gaussian"; None: the transfer's own. The standard error is at most 0.5 / sqrt(points).
    """
    if distribution is not None:
        transfer = copy.copy(transfer).set_params(distribution=distribution)
    shares = {}
    for name in transfer.classes_.tolist():
        predicted = transfer.predict(transfer.sample(np.full(points, name), seed))
        shares[name] = float((predicted == name).mean())
    return shares


def r2_given_emotion(transfer: AnnotationTransfer, distribution: str | None = None) -> dict[str, float]:
    """Return for each axis the highest R2 on sampled labels that a model reaches which knows only the emotion.

    It is the variance between the centres over the total, with the transfer's priors, in closed form. The variance of a uniform
    label is n_sigma^2 sigma^2 / (d + 2), of a Gaussian label sigma^2.
    """
    variances = np.diagonal(transfer.spreads(), axis1=1, axis2=2)
    if (distribution or transfer.distribution) == "uniform":
        variances = variances * transfer.n_sigma**2 / (variances.shape[1] + 2)
    priors = transfer.priors_
    within = priors @ variances
    between = priors @ (transfer.centres_ - priors @ transfer.centres_) ** 2
    return dict(zip(transfer.axes_, (between / (between + within)).tolist(), strict=True))
