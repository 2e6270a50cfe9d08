"""LeVAsa's Table 1: distance of latent chunks to valence and arousal, and the cross-entropy of discrete levels.

The paper says "normalized Euclidean and Manhattan distance" and not how it normalises; what stands here is the mean
over rows and dimensions, which is not known to be the paper's measure. It compares k raw dimensions with one scalar, so
a constant passes it: print `constant_distance` and `gaussian_distance` beside it.
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
from affectspace.evaluation.metrics import cross_entropy, r2, uniform_entropy


def _scalars(label: ArrayLike, what: str = "label") -> Floats:
    values = as_floats(label, what)
    if values.ndim != 1:
        raise DataError(f"{what} has shape {values.shape}: give one value per row, (n,)")
    require_rows(len(values), what)
    known = values[~np.isnan(values)]
    if len(known) == 0:
        raise DataError(f"none of the {len(values)} rows of {what} is annotated: there is nothing to measure")
    require_finite(known, what)
    return values


def _annotated(chunk: ArrayLike, label: ArrayLike) -> tuple[Floats, Floats]:
    values = _scalars(label)
    rows = np.flatnonzero(~np.isnan(values))
    latent = as_floats(chunk, "chunk")
    require_same_length(len(latent), "chunk", len(values), "label")
    return feature_matrix(latent[rows], "chunk"), values[rows]


def chunk_distance(chunk: ArrayLike, label: ArrayLike) -> dict[str, float]:
    """Distance of a chunk (n, k) to a scalar label (n,), NaN left out: Table 1, continuous.

    "mse" is the mean over rows and dimensions of (z - v)^2, "mae" of |z - v|. Raises DataError for lengths that differ,
    no annotated row or codes that are not finite.
    """
    z, v = _annotated(chunk, label)
    difference = z - v[:, None]
    return {"mse": float(np.mean(difference**2)), "mae": float(np.mean(np.abs(difference)))}


def constant_distance(label: ArrayLike, constant: float | None = None) -> dict[str, float]:
    """The same measure for a code that is `constant` in every dimension (default: the label's own mean).

    Give the training mean for an honest floor. It is what any aligned chunk must beat.
    """
    v = _scalars(label)
    v = v[~np.isnan(v)]
    off = v - (v.mean() if constant is None else constant)
    return {"mse": float(np.mean(off**2)), "mae": float(np.mean(np.abs(off)))}


def gaussian_distance(label: ArrayLike) -> dict[str, float]:
    """Expectation of the same measure for a code z ~ N(0, I) that knows nothing of the label, in closed form.

    E (z - v)^2 = 1 + v^2; E |z - v| = sqrt(2 / pi) exp(-v^2 / 2) + v erf(v / sqrt 2) (folded normal); mean over rows.
    """
    v = _scalars(label)
    v = v[~np.isnan(v)]
    absolute = np.sqrt(2 / np.pi) * np.exp(-(v**2) / 2) + v * erf(v / np.sqrt(2))
    return {"mse": float(1 + np.mean(v**2)), "mae": float(np.mean(absolute))}


def _readout_error(chunk: ArrayLike, label: ArrayLike) -> float:
    """1 - R2 of a least-squares read-out, fitted on these rows."""
    z, v = _annotated(chunk, label)
    design = np.column_stack([np.ones(len(z)), z])
    score = float(r2(v, design @ np.linalg.lstsq(design, v, rcond=None)[0]))
    return 1.0 if np.isnan(score) else 1.0 - score


def best_chunks(
    chunks: Sequence[ArrayLike], valence: ArrayLike, arousal: ArrayLike, *, measure: str = "mse"
) -> tuple[int, int]:
    """Numbers of the two different chunks that align best with valence and with arousal, for a model without alignment.

    `chunks` are at least two (n, k) arrays of validation rows, never of test rows. The pair with the smallest sum wins:
    of "mse" or "mae" (`chunk_distance`, the paper's), or of 1 - R2 of a least-squares read-out ("r2"). Ties go to the
    first pair. Raises DataError for fewer than two chunks or another measure.
    """
    if measure not in ("mse", "mae", "r2"):
        raise DataError(f"measure is {measure!r}: choose among 'mse', 'mae' and 'r2'")
    if len(chunks) < 2:
        raise DataError(f"there are {len(chunks)} chunks: valence and arousal need two different ones")

    def distance(chunk: ArrayLike, label: ArrayLike) -> float:
        return _readout_error(chunk, label) if measure == "r2" else chunk_distance(chunk, label)[measure]

    cost = [(distance(chunk, valence), distance(chunk, arousal)) for chunk in chunks]
    return min(permutations(range(len(chunks)), 2), key=lambda pair: cost[pair[0]][0] + cost[pair[1]][1])


def _classes(levels: ArrayLike, n_levels: int, low: int) -> Floats:
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
    """Mean cross-entropy in nats of a softmax over levels: Table 1, discrete, for one axis (the paper's is V plus A).

    `logits` (n, n_levels), column j for the level low + j; `levels` (n,) whole numbers, NaN left out. Raises DataError
    for a level outside low .. low + n_levels - 1, another width, or logits that are not finite.
    """
    classes = _classes(levels, n_levels, low)
    scores = as_floats(logits, "logits")
    if scores.shape != (len(classes), n_levels):
        raise DataError(f"logits has shape {scores.shape}: expected ({len(classes)}, {n_levels}), a column per level")
    rows = np.flatnonzero(~np.isnan(classes))
    require_finite(scores[rows], "logits", rows)
    return cross_entropy(classes[rows], log_softmax(scores[rows], axis=1))


def uniform_cross_entropy(n_levels: int) -> float:
    """ln n_levels in nats, per axis: a guess that knows nothing (2 ln 19 = 5.89 over both axes)."""
    return uniform_entropy(n_levels)


def marginal_cross_entropy(levels: ArrayLike, n_levels: int, low: int, fitted_on: ArrayLike | None = None) -> float:
    """Cross-entropy in nats of the constant guess at the frequencies of the levels, per axis.

    Without `fitted_on` the frequencies are those of these very rows (their entropy: the best a constant can do); with
    it they are those of the training levels, with one added to every level so that an unseen one costs a finite amount.
    """
    classes = _classes(levels, n_levels, low)
    test = np.bincount(classes[~np.isnan(classes)].astype(np.int64), minlength=n_levels)
    counts = test.astype(np.float64)
    if fitted_on is not None:
        train = _classes(fitted_on, n_levels, low)
        counts = np.ones(n_levels) + np.bincount(train[~np.isnan(train)].astype(np.int64), minlength=n_levels)
    seen = test > 0
    return float(max(0.0, -np.sum(test[seen] * np.log(counts[seen] / counts.sum())) / test.sum()))
