"""LeVAsa's Table 1: distance of latent chunks to valence and arousal, and the cross-entropy of discrete levels.

The paper does not define its "normalized Euclidean and Manhattan distance"; ours is the mean over rows and
dimensions, which is not known to be the paper's. It compares k raw dimensions with one scalar, so that a constant passes it:
print `constant_distance` and `gaussian_distance` beside it.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, log_softmax

from affectspace.errors import DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    feature_matrix,
    require_finite,
    require_rows,
    require_same_length,
)


def _scalars(label: ArrayLike, what: str = "label") -> Floats:
    """Values (n,), at least one of which is known; NaN where unknown."""
    values = as_floats(label, what)
    if values.ndim != 1:
        raise DataError(f"{what} has shape {values.shape}: give one value per row, (n,)")
    require_rows(len(values), what)
    known = values[~np.isnan(values)]
    if len(known) == 0:
        raise DataError(f"none of the {len(values)} rows of {what} is annotated: there is nothing to measure")
    require_finite(known, what)
    return values


def chunk_distance(chunk: ArrayLike, label: ArrayLike) -> dict[str, float]:
    """Compute the distance of a chunk (n, k) to a scalar label (n,), NaN left out: Table 1, continuous.

    "mse" is the mean over rows and dimensions of (z - v)^2, "mae" that of |z - v|. Raises DataError for lengths that differ, no
    annotated row or codes that are not finite.

    Examples
    --------
    >>> from affectspace.evaluation import chunk_distance
    >>> chunk_distance([[0.0, 1.0], [1.0, 1.0]], [0.0, 1.0])
    {'mse': 0.25, 'mae': 0.25}
    """
    values, latent = _scalars(label), as_floats(chunk, "chunk")
    require_same_length(len(latent), "chunk", len(values), "label")
    rows = np.flatnonzero(~np.isnan(values))
    difference = feature_matrix(latent[rows], "chunk") - values[rows, None]
    return {"mse": float(np.mean(difference**2)), "mae": float(np.mean(np.abs(difference)))}


def constant_distance(label: ArrayLike, constant: float | None = None) -> dict[str, float]:
    """Compute `chunk_distance` of a code that is `constant` in every dimension, by default the label's own mean.

    Give the training mean for an honest floor, which any aligned chunk must beat.
    """
    values = _scalars(label)
    values = values[~np.isnan(values)]
    difference = values - (values.mean() if constant is None else constant)
    return {"mse": float(np.mean(difference**2)), "mae": float(np.mean(np.abs(difference)))}


def gaussian_distance(label: ArrayLike) -> dict[str, float]:
    """Compute the expected `chunk_distance` of a code z ~ N(0, I) that knows nothing of the label, in closed form.

    E (z - v)^2 = 1 + v^2, and E |z - v| = sqrt(2 / pi) exp(-v^2 / 2) + v erf(v / sqrt 2) (folded normal); mean over rows.
    """
    values = _scalars(label)
    values = values[~np.isnan(values)]
    absolute = np.sqrt(2 / np.pi) * np.exp(-(values**2) / 2) + values * erf(values / np.sqrt(2))
    return {"mse": float(1 + np.mean(values**2)), "mae": float(np.mean(absolute))}


def best_chunks(chunks: Sequence[ArrayLike], valence: ArrayLike, arousal: ArrayLike) -> tuple[int, int]:
    """Number the two different chunks that align best with valence and with arousal, for a model without alignment.

    `chunks` are at least two (n, k) arrays of validation rows, never of test rows. The pair with the smallest sum of "mse"
    (`chunk_distance`) wins, the first on a tie.
    """
    if len(chunks) < 2:
        raise DataError(f"there are {len(chunks)} chunks: valence and arousal need two different ones")
    cost = [[chunk_distance(chunk, label)["mse"] for label in (valence, arousal)] for chunk in chunks]
    return min(permutations(range(len(chunks)), 2), key=lambda pair: cost[pair[0]][0] + cost[pair[1]][1])


def _levels(levels: ArrayLike, n_levels: int, low: int) -> Floats:
    """Levels counted from 0, NaN where unknown."""
    values = _scalars(levels, "levels")
    wrong = ~np.isnan(values) & ((values < low) | (values > low + n_levels - 1) | (values != np.round(values)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"levels is {values[row]:g} in row {row}: levels are the whole numbers {low} .. {low + n_levels - 1}; "
            "scale and round the labels (annotation.to_levels), or set low and n_levels"
        )
    return values - low


def levels_cross_entropy(logits: ArrayLike, levels: ArrayLike, n_levels: int, low: int) -> float:
    """Compute the mean cross-entropy in nats of a softmax over levels: Table 1, discrete, for one axis.

    `logits` (n, n_levels) have column j for the level low + j; `levels` (n,) are whole numbers, NaN left out. The paper adds
    both axes. Raises DataError for a level out of range, another width, or logits that are not finite.
    """
    classes, scores = _levels(levels, n_levels, low), as_floats(logits, "logits")
    if scores.shape != (len(classes), n_levels):
        raise DataError(f"logits has shape {scores.shape}: expected ({len(classes)}, {n_levels}), a column per level")
    rows = np.flatnonzero(~np.isnan(classes))
    require_finite(scores[rows], "logits", rows)
    log_p = log_softmax(scores[rows], axis=1)
    return float(-np.mean(log_p[np.arange(len(rows)), classes[rows].astype(np.int64)]))


def uniform_cross_entropy(n_levels: int) -> float:
    """Compute ln n_levels, in nats per axis: a guess that knows nothing (2 ln 19 = 5.89 over both axes)."""
    if n_levels < 1:
        raise DataError(f"a uniform guess needs at least one level, not {n_levels}")
    return float(np.log(n_levels))


def marginal_cross_entropy(levels: ArrayLike, n_levels: int, low: int, fitted_on: ArrayLike) -> float:
    """Compute the cross-entropy in nats per axis of a constant guess at the frequencies of the training levels.

    One is added to the count of every level, so that a level without training rows costs a finite amount.
    """
    test, train = _levels(levels, n_levels, low), _levels(fitted_on, n_levels, low)
    counts = np.ones(n_levels) + np.bincount(train[~np.isnan(train)].astype(np.int64), minlength=n_levels)
    share = np.bincount(test[~np.isnan(test)].astype(np.int64), minlength=n_levels)
    return float(max(0.0, -np.sum(share * np.log(counts / counts.sum())) / share.sum()))
