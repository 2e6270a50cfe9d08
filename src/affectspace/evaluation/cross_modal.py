"""Cross-modal retrieval: does the vector of one modality find that of the other modality of the same sample?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import Floats, feature_matrix, require_same_length

_BLOCK = 4_000_000  # similarities held at a time


@dataclass(frozen=True)
class Retrieval:
    """Accuracy at each k with the floor of a random order.

    top : k -> share of queries whose partner is among the k nearest. chance : k -> k / n.
    median_rank : of the partner, 1 is best, chance (n + 1) / 2. hits : k -> (n,), each query's own share for
    `mean_interval`: 0, 1, or between where ties reach over the k-th place. ranks : (n,), the middle of tied places.
    """

    top: dict[int, float]
    chance: dict[int, float]
    median_rank: float
    hits: dict[int, Floats]
    ranks: Floats


def retrieval(
    queries: ArrayLike,
    targets: ArrayLike,
    *,
    k: Sequence[int] = (1, 5, 10),
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> Retrieval:
    """Find for each of `queries` (n, d) its partner, the same row of `targets` (n, d), among all n targets.

    Ties count as a random order of the tied would on average: codes that are all alike reach chance, not everything or nothing.
    A zero vector has the cosine 0 to all. k above n is left out. Raises DataError for shapes that differ, values that are not
    finite or fewer than 2 rows; ConfigError for k or the metric.
    """
    if not len(k) or min(k) < 1:
        raise ConfigError(f"k is {tuple(k)}: it needs at least one number, each 1 or more")
    if metric not in ("euclidean", "cosine"):
        raise ConfigError(f"metric is {metric!r}: it must be 'euclidean' or 'cosine'")
    x = feature_matrix(queries, "queries")
    y = feature_matrix(targets, "targets")
    require_same_length(len(x), "queries", len(y), "targets")
    if x.shape[1] != y.shape[1]:
        raise DataError(f"queries have {x.shape[1]} dimensions and targets {y.shape[1]}: both must be of one space")
    if len(x) < 2:
        raise DataError("retrieval among 1 row always succeeds: give at least 2")
    nearer, tied = _counts(*_prepared(x, y, metric))
    kept = sorted({int(one) for one in k if one <= len(x)})
    hits = {one: np.clip((one - nearer) / (tied + 1), 0.0, 1.0) for one in kept}
    ranks = nearer + 1 + tied / 2
    return Retrieval(
        {one: float(hit.mean()) for one, hit in hits.items()},
        {one: one / len(x) for one in kept},
        float(np.median(ranks)),
        hits,
        ranks,
    )


def _prepared(x: Floats, y: Floats, metric: str) -> tuple[Floats, Floats, Floats]:
    """Vectors whose order by `offset` - 2 x y' is the metric's, small enough to keep their digits.

    For cosine unit vectors and no offset; else |y|^2, which with |x|^2, the same for all targets of a query, is the distance.
    """
    if metric == "cosine":
        return _unit(x), _unit(y), np.zeros(len(y))
    centre = y.mean(axis=0)
    x, y = x - centre, y - centre
    size = max(float(np.abs(x).max()), float(np.abs(y).max())) or 1.0
    x, y = x / size, y / size
    return x, y, np.sum(y * y, axis=1)


def _unit(vectors: Floats) -> Floats:
    vectors = vectors / np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-300)
    length = np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _counts(x: Floats, y: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Per query the targets that are nearer than its partner, and the others equally near (to rounding)."""
    n = len(x)
    nearer, tied = np.empty(n), np.empty(n)
    block = max(1, _BLOCK // n)
    for start in range(0, n, block):
        rows = np.arange(start, min(start + block, n))
        score = offset - 2 * x[rows] @ y.T
        partner = score[np.arange(len(rows)), rows][:, None]
        tolerance = 1e-12 * (1 + np.abs(partner))
        nearer[rows] = np.sum(score < partner - tolerance, axis=1)
        tied[rows] = np.sum(np.abs(score - partner) <= tolerance, axis=1) - 1
    return nearer, tied
