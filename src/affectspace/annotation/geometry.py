"""What the ellipses' geometry says about transferred labels: area, how many come back, how much of R2 they allow."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from affectspace.annotation.transfer import AnnotationTransfer


def ellipse_areas(transfer: AnnotationTransfer) -> dict[Any, float]:
    """The area of each emotion's ellipse of `n_sigma` deviations, as a share of [-1, 1]^d (volume where d > 2)."""
    spreads = transfer.spreads()
    d = spreads.shape[1]
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * transfer.n_sigma**d
    shares = ball * np.sqrt(np.maximum(np.linalg.det(spreads), 0)) / 2**d
    return dict(zip(transfer.classes_.tolist(), shares.tolist(), strict=True))


def covered_area(transfer: AnnotationTransfer) -> float:
    """The mean area of an ellipse as a share of the square (0.020 for AffectNet; the paper says 3 %)."""
    return float(np.mean(list(ellipse_areas(transfer).values())))


def union_area(transfer: AnnotationTransfer, *, points: int = 250_000) -> float:
    """The share of [-1, 1]^d that lies in at least one ellipse, counted on a grid of about `points` points."""
    spreads = transfer.spreads()
    d = spreads.shape[1]
    side = max(2, round(points ** (1 / d)))
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    grid = [coordinate.ravel() for coordinate in np.meshgrid(*[axis] * d, indexing="ij")]
    inside = np.zeros(side**d, dtype=bool)
    for centre, spread in zip(transfer.centres_, spreads, strict=True):
        if not np.linalg.det(spread) > 0:  # a point or a line, or not known: no area
            continue
        moved = np.stack([coordinate - middle for coordinate, middle in zip(grid, centre, strict=True)])
        unit = np.linalg.solve(np.linalg.cholesky(spread), moved)
        inside |= (unit * unit).sum(axis=0) <= transfer.n_sigma**2
    return float(inside.mean())


def expected_return(
    transfer: AnnotationTransfer, distribution: str | None = None, *, points: int = 200_000, seed: int = 0
) -> dict[Any, float]:
    """The share of each emotion's samples that `predict` gives back to it, by Monte Carlo.

    distribution: "uniform" or "gaussian"; None: the transfer's own. The standard error is at most 0.5 / sqrt(points).
    """
    asked = transfer if distribution is None else _with(transfer, distribution=distribution)
    shares = {}
    for name in asked.classes_.tolist():
        back = asked.predict(asked.sample(np.full(points, name), seed))
        shares[name] = float((back == name).mean())
    return shares


def r2_given_emotion(transfer: AnnotationTransfer, distribution: str | None = None) -> dict[str, float]:
    """Per axis, the highest R2 that anything which knows only the emotion can reach on sampled labels.

    It is the variance between the centres over the total, with the transfer's priors; closed form. A uniform label has
    the variance n_sigma^2 sigma^2 / (d + 2), a Gaussian one sigma^2.
    """
    variances = np.diagonal(transfer.spreads(), axis1=1, axis2=2)
    if (distribution or transfer.distribution) == "uniform":
        variances = variances * transfer.n_sigma**2 / (variances.shape[1] + 2)
    priors = transfer.priors_
    within = priors @ variances
    between = priors @ (transfer.centres_ - priors @ transfer.centres_) ** 2
    return dict(zip(transfer.axes_, (between / (between + within)).tolist(), strict=True))


def _with(transfer: AnnotationTransfer, **parameters: Any) -> AnnotationTransfer:
    return copy.copy(transfer).set_params(**parameters)
