"""The modality gap: do the vectors of two modalities come from one distribution of the shared space?

Effect sizes (centroids, classifier accuracy) beside p-values (energy distance, MMD): with many rows any gap has a small p.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, squareform

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.floors import PermutationFloor
from affectspace.evaluation.folds import OutOfFold, out_of_fold
from affectspace.evaluation.inputs import Codes, Floats, feature_matrix, known_labels, plain_labels, require_same_length
from affectspace.evaluation.probes import linear_probe


def _samples(a: ArrayLike, b: ArrayLike, paired: bool) -> tuple[Floats, Floats]:
    x, y = feature_matrix(a, "a"), feature_matrix(b, "b")
    if x.shape[1] != y.shape[1]:
        raise DataError(f"a has {x.shape[1]} dimensions and b {y.shape[1]}: both must be of one space")
    if min(len(x), len(y)) < 2:
        raise DataError(f"a has {len(x)} rows and b {len(y)}: a distribution needs at least 2")
    if paired:
        require_same_length(len(x), "a", len(y), "b")
    return x, y


def centroid_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Distance of the means of (n, d) and (m, d) over the pooled standard deviation, root of the summed variances of all axes.

    Cohen's d for one dimension; does not change with rotation or scale. By chance about sqrt(1 / n + 1 / m). Infinite where
    neither set varies and the means differ, NaN where they do not.
    """
    x, y = _samples(a, b, paired=False)
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
    kind: Literal["energy", "mmd"] = "energy",
    paired: bool = False,
    groups: ArrayLike | None = None,
    permutations: int = 500,
    seed: int = 0,
) -> PermutationFloor:
    """Distance of two distributions, (n, d) and (m, d), with its value and p under exchange of the modalities.

    kind : "energy", 2 E|a - b| - E|a - a'| - E|b - b'| (Szekely & Rizzo 2013); "mmd", squared MMD with a Gaussian kernel of
        median width (Gretton et al. 2012, Eq. 5). Both include pairs of a row with itself, hence the floor above 0.
    paired : row i of both is one sample; its two modalities are exchanged, else all rows are mixed.
    groups : (n,), with `paired`: people whose rows are exchanged together, as rows of one person are alike.

    All permutations are one product of matrices; n + m up to some thousands. Raises DataError for shapes that do not fit,
    all rows equal, or groups without `paired`.
    """
    x, y = _samples(a, b, paired)
    if permutations < 1:
        raise ConfigError(f"permutations is {permutations}: at least one is needed")
    if groups is not None and not paired:
        raise DataError("groups exchange pairs of one person together: they need paired=True")
    both = np.vstack([x, y])
    both = both - both.mean(axis=0)
    similarity = _similarity(both, kind)
    rng = np.random.default_rng(seed)
    if paired:
        codes = np.arange(len(x)) if groups is None else _people(groups, len(x))
        signs = np.ones((permutations + 1, codes.max() + 1))
        signs[1:] = 1.0 - 2.0 * rng.integers(0, 2, (permutations, codes.max() + 1))
        weights = np.concatenate([signs[:, codes], -signs[:, codes]], axis=1) / len(x)
    else:
        first = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
        weights = np.stack([first, *(rng.permutation(first) for _ in range(permutations))])
    values = np.sum((weights @ similarity) * weights, axis=1)
    values[np.abs(values - values[0]) <= 1e-12 * np.abs(similarity).max()] = values[0]  # equal but for rounding
    return PermutationFloor.of(float(values[0]), values[1:])


def _similarity(both: Floats, kind: str) -> Floats:
    """The matrix K with distance w' K w for weights 1 / n and -1 / m."""
    distances = cdist(both, both)
    if not distances.max() > 0:
        raise DataError("all rows of a and b are the same point: there is no distribution to compare")
    if kind == "energy":
        return -distances
    if kind == "mmd":
        off = squareform(distances, checks=False)
        return np.exp(-(distances**2) / (2 * np.median(off[off > 0]) ** 2))
    raise ConfigError(f"kind is {kind!r}: it must be 'energy' or 'mmd'")


def _people(groups: ArrayLike, n: int) -> Codes:
    names, known = known_labels(groups, "groups")
    require_same_length(n, "a", len(names), "groups")
    if not known.all():
        raise DataError(f"groups has no value in row {int(np.flatnonzero(~known)[0])}: leave the row out")
    return np.unique(plain_labels(names, "groups"), return_inverse=True)[1].astype(np.int64)


def classifier_two_sample(
    a: ArrayLike,
    b: ArrayLike,
    groups_a: ArrayLike,
    groups_b: ArrayLike,
    *,
    probe: Any = linear_probe,
    folds: int = 5,
    seed: int = 0,
) -> OutOfFold:
    """Can a classifier tell the modalities apart (Lopez-Paz & Oquab 2017)? Out-of-fold predictions, labels "a" and "b".

    `a` (n, d), `b` (m, d); `groups_a` (n,), `groups_b` (m,) people (or, for paired rows, at least the sample), so that no
    sample or person stands on both sides. `uar` is .5 where the modalities are alike, 1 where they are apart; its interval:
    `uar_interval(result.truth, result.predictions, result.groups)`. The probe is any of this package's.
    """
    x, y = _samples(a, b, paired=False)
    codes = _people(np.concatenate([_text(groups_a), _text(groups_b)]), len(x) + len(y))
    labels = np.repeat(["a", "b"], [len(x), len(y)])
    return out_of_fold(probe, np.vstack([x, y]), labels, codes, folds=folds, seed=seed)


def _text(groups: ArrayLike) -> Any:
    names, known = known_labels(groups, "groups")
    if not known.all():
        raise DataError(f"groups has no value in row {int(np.flatnonzero(~known)[0])}: leave the row out")
    return plain_labels(names, "groups").astype(str)
