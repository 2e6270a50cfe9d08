"""Do two modalities meet in the shared space? Retrieval of the partner, and the gap between the modalities' distributions.

Print effect sizes (centroids, accuracy of a classifier) beside p-values: with many rows any gap has a small p.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.floors import PermutationFloor
from affectspace.evaluation.folds import OutOfFold, out_of_fold
from affectspace.evaluation.inputs import Floats, feature_matrix, group_codes, require_same_length
from affectspace.evaluation.probes import ProbeResult, linear_probe

_BLOCK = 4_000_000  # similarities held at a time


@dataclass(frozen=True)
class Retrieval:
    """How well partners are found, beside a random order.

    top : k -> share of queries whose partner is among the k nearest. chance : k -> k / n. median_rank : of the partner, 1 is
    best, chance (n + 1) / 2. hits : k -> (n,), the share of each query, for `interval("mean", ...)`: 0, 1, or between where
    ties reach over the k-th place. ranks : (n,), the middle of tied places.
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
    """Look up the partner of each query, the same row of `targets`, among all targets.

    Ties count as a random order of the tied targets does on average, so codes that are all alike reach chance.

    Parameters
    ----------
    queries, targets : array_like
        (n, d) each, at least two rows.
    k : sequence of int
        Numbers of nearest targets to look at. Those above n are left out.
    metric : {"euclidean", "cosine"}
        What nearest means. A zero vector has the cosine 0 with all.

    Returns
    -------
    Retrieval

    Raises
    ------
    DataError
        If shapes differ, values are not finite, or there are fewer than two rows.

    Examples
    --------
    >>> from affectspace.evaluation import retrieval
    >>> retrieval([[0.0], [1.0], [2.0]], [[0.1], [1.1], [1.9]], k=[1]).top
    {1: 1.0}
    """
    if not len(k) or min(k) < 1:
        raise ConfigError(f"k is {tuple(k)}: it needs at least one number, each 1 or more")
    if metric not in ("euclidean", "cosine"):
        raise ConfigError(f"metric is {metric!r}: it must be 'euclidean' or 'cosine'")
    x, y = _of_one_space(queries, targets, "queries", "targets")
    require_same_length(len(x), "queries", len(y), "targets")
    nearer, tied = _nearer_and_tied(*_prepared(x, y, metric))
    kept = sorted({int(number) for number in k if number <= len(x)})
    hits = {number: np.clip((number - nearer) / (tied + 1), 0.0, 1.0) for number in kept}
    ranks = nearer + 1 + tied / 2
    return Retrieval(
        {number: float(hit.mean()) for number, hit in hits.items()},
        {number: number / len(x) for number in kept},
        float(np.median(ranks)),
        hits,
        ranks,
    )


def _of_one_space(a: ArrayLike, b: ArrayLike, first: str = "a", second: str = "b") -> tuple[Floats, Floats]:
    x, y = feature_matrix(a, first), feature_matrix(b, second)
    if x.shape[1] != y.shape[1]:
        raise DataError(f"{first} has {x.shape[1]} dimensions and {second} {y.shape[1]}: both must be of one space")
    if min(len(x), len(y)) < 2:
        raise DataError(f"{first} has {len(x)} rows and {second} {len(y)}: at least 2 of each are needed")
    return x, y


def _prepared(x: Floats, y: Floats, metric: str) -> tuple[Floats, Floats, Floats]:
    """Vectors and an offset (n,) for which offset - 2 x y' orders targets as the metric does, scaled to keep digits.

    For cosine these are unit vectors and no offset. Else the offset is |y|^2; with |x|^2, the same for all targets of a
    query, it would be the squared distance.
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


def _nearer_and_tied(x: Floats, y: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Per query the number of targets nearer than its partner, and of others equally near (to rounding)."""
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


def centroid_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Compute the distance of the means of (n, d) and (m, d) over the pooled standard deviation of all axes together.

    It is Cohen's d in one dimension, and does not change with rotation or scale. By chance it is about sqrt(1 / n + 1 / m).
    Infinite if neither set varies and the means differ, NaN if they do not.

    Examples
    --------
    >>> from affectspace.evaluation import centroid_distance
    >>> round(centroid_distance([[0.0], [2.0]], [[2.0], [4.0]]), 3)
    1.414
    """
    x, y = _of_one_space(a, b)
    distance = float(np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)))
    squares = np.sum((x - x.mean(axis=0)) ** 2) + np.sum((y - y.mean(axis=0)) ** 2)
    spread = float(np.sqrt(squares / (len(x) + len(y) - 2)))
    if spread == 0:
        return float("inf") if distance > 0 else float("nan")
    return distance / spread


def two_sample_test(
    a: ArrayLike,
    b: ArrayLike,
    *,
    paired: bool = False,
    groups: ArrayLike | None = None,
    permutations: int = 500,
    seed: int = 0,
) -> PermutationFloor:
    """Compute the energy distance of two distributions, with its floor and p when the modalities are exchanged at random.

    It is 2 E|a - b| - E|a - a'| - E|b - b'| (Szekely & Rizzo 2013). Pairs of a row with itself count, so its floor is above 0.

    Parameters
    ----------
    a, b : array_like
        (n, d) and (m, d).
    paired : bool
        Row i of both is one sample, whose two modalities are exchanged. Otherwise all rows are mixed.
    groups : array_like, optional
        (n,), with `paired`: people whose rows are exchanged together, as rows of one person are alike.
    permutations, seed : int
        Number of exchanges and their seed.

    Returns
    -------
    PermutationFloor

    Raises
    ------
    DataError
        If widths differ, values are not finite, all rows are one point, or `groups` comes without `paired`.
    """
    x, y = _of_one_space(a, b)
    if paired:
        require_same_length(len(x), "a", len(y), "b")
    if permutations < 1:
        raise ConfigError(f"permutations is {permutations}: at least one is needed")
    if groups is not None and not paired:
        raise DataError("groups exchange pairs of one person together: they need paired=True")
    both = np.vstack([x, y])
    both = both - both.mean(axis=0)
    similarity = -cdist(both, both)  # w' K w is the distance, with weights w of 1 / n and -1 / m
    if not similarity.min() < 0:
        raise DataError("all rows of a and b are the same point: there is no distribution to compare")
    rng = np.random.default_rng(seed)
    if paired:
        codes = np.arange(len(x)) if groups is None else group_codes(groups, len(x), least=1)[1]
        signs = np.ones((permutations + 1, codes.max() + 1))
        signs[1:] = 1.0 - 2.0 * rng.integers(0, 2, (permutations, codes.max() + 1))
        weights = np.concatenate([signs[:, codes], -signs[:, codes]], axis=1) / len(x)
    else:
        first = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
        weights = np.stack([first, *(rng.permutation(first) for _ in range(permutations))])
    values = np.sum((weights @ similarity) * weights, axis=1)
    values[np.abs(values - values[0]) <= 1e-12 * np.abs(similarity).max()] = values[0]  # equal but for rounding
    return PermutationFloor.of(float(values[0]), values[1:])


def classifier_two_sample(
    a: ArrayLike,
    b: ArrayLike,
    groups_a: ArrayLike,
    groups_b: ArrayLike,
    *,
    probe: Callable[..., ProbeResult] = linear_probe,
    folds: int = 5,
    seed: int = 0,
) -> OutOfFold:
    """Classify rows of (n, d) and (m, d) by their modality, out of fold (Lopez-Paz & Oquab 2017).

    The predictions are "a" and "b". The UAR is .5 if the modalities are alike and 1 if they are apart; its interval is
    `interval("uar", result.truth, result.predictions, result.groups)`. `groups_a` (n,) and `groups_b` (m,) are people, or at
    least the sample for paired rows, so that none stands on both sides of a fold. The rest is as in `out_of_fold`.
    """
    x, y = _of_one_space(a, b)
    names = [group_codes(groups, len(part), least=1) for groups, part in ((groups_a, x), (groups_b, y))]
    people = np.concatenate([labels.astype(str)[codes] for labels, codes in names])
    modality = np.repeat(["a", "b"], [len(x), len(y)])
    return out_of_fold(probe, np.vstack([x, y]), modality, people, folds=folds, seed=seed)
