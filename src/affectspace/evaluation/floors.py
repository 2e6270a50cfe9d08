"""Floors and ceilings that stand beside a figure, and whether a latent is alive."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    feature_matrix,
    known_labels,
    plain_labels,
    require_rows,
    require_same_length,
)
from affectspace.evaluation.metrics import PerAxis, accuracy, balanced_accuracy, mae, mse, r2


@dataclass(frozen=True)
class PermutationFloor:
    """The statistic as it is, its mean and central 95 % under permuted labels, and p of one at least as large."""

    value: float
    floor: float
    low: float
    high: float
    p: float
    permutations: int

    @classmethod
    def of(cls, value: float, draws: Floats) -> "PermutationFloor":
        """From the statistic and its values under permutation (permutations,); p = (1 + as large) / (1 + permutations).

        Raises DataError where any is NaN.
        """
        if np.isnan(value) or np.isnan(draws).any():
            raise DataError(
                "the statistic is undefined (NaN) on these rows: constant labels or predictions have no floor"
            )
        low, high = np.quantile(draws, [0.025, 0.975])
        p = float((1 + np.sum(draws >= value)) / (1 + len(draws)))
        return cls(float(value), float(draws.mean()), float(low), float(high), p, len(draws))


def permuted_orders(n: int, groups: ArrayLike | None, permutations: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Random orders of n rows, with `groups` (n,) within each person only; the same for the same seed.

    Raises ConfigError for no permutation and DataError for a row without a group.
    """
    if permutations < 1:
        raise ConfigError(f"permutations is {permutations}: at least one is needed")
    if groups is None:
        members = [np.arange(n)]
    else:
        names, known = known_labels(groups, "groups")
        require_same_length(n, "truth", len(names), "groups")
        if not known.all():
            raise DataError(f"groups has no value in row {int(np.flatnonzero(~known)[0])}: leave the row out")
        codes = np.unique(plain_labels(names, "groups"), return_inverse=True)[1]
        members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return _orders(n, members, permutations, np.random.default_rng(seed))


def _orders(
    n: int, members: list[NDArray[np.int64]], permutations: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    for _ in range(permutations):
        order = np.arange(n)
        for rows in members:
            order[rows] = rng.permutation(rows)
        yield order


def permutation_floor(
    statistic: Callable[..., float],
    truth: ArrayLike,
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> PermutationFloor:
    """`statistic(truth, *arrays)` with the rows of `truth` (n,) or (n, axes) permuted: what it gives by chance.

    With `groups` (n,) the labels are permuted within each person, which keeps what people differ in. Larger is taken as
    better; p = (1 + as large) / (1 + permutations). Raises DataError for lengths that differ or an undefined statistic.
    """
    labels = np.asarray(truth)
    require_rows(len(labels), "truth")
    for i, array in enumerate(arrays):
        require_same_length(len(labels), "truth", len(np.asarray(array)), f"array {i}")
    orders = permuted_orders(len(labels), groups, permutations, seed)
    draws = np.array([float(statistic(labels[order], *arrays)) for order in orders])
    return PermutationFloor.of(float(statistic(labels, *arrays)), draws)


def constant_floor(train: ArrayLike, test: ArrayLike) -> dict[str, PerAxis]:
    """MSE, MAE and R2 on test labels of the training labels' mean; (n,) or (n, axes), NaN left out per axis.

    R2 is at most 0. Raises DataError for an axis without training labels.
    """
    labels, truth = as_floats(train, "train"), as_floats(test, "test")
    require_rows(len(labels), "train")
    known = ~np.isnan(labels)
    if not known.any(axis=0).all():
        raise DataError("train has an axis without any annotated row: leave that axis out")
    mean = np.where(known, labels, 0.0).sum(axis=0) / known.sum(axis=0)
    guess = np.broadcast_to(mean, truth.shape)
    return {"mse": mse(truth, guess), "mae": mae(truth, guess), "r2": r2(truth, guess)}


def majority_floor(train: ArrayLike, test: ArrayLike) -> dict[str, Any]:
    """Training's most frequent class said of every test row: "label", "accuracy", "uar" (1 / k), and "share_of_part".

    "share_of_part" is the share of the test part's own most frequent class, which no constant can exceed. Ties go to
    the first class in order. Missing labels are left out.
    """
    values, known = known_labels(train, "train")
    if not known.any():
        raise DataError("none of the training rows has a label: there is no majority")
    names, counts = np.unique(plain_labels(values[known], "train"), return_counts=True)
    label = names[counts.argmax()]
    truth, has = known_labels(test, "test")
    guess = np.full(len(truth), label)
    own = np.unique(plain_labels(truth[has], "test"), return_counts=True)[1]
    return {
        "label": label.item(),
        "accuracy": accuracy(truth, guess),
        "uar": balanced_accuracy(truth, guess),
        "share_of_part": float(own.max() / own.sum()),
    }


def class_mean_ceiling(emotions: ArrayLike, labels: ArrayLike) -> PerAxis:
    """R2 of the label's mean within its emotion, the most that knowing the emotion can give: (n,) or (n, axes).

    In sample, on these rows. NaN labels and rows without an emotion are left out. Constant labels give NaN. For labels
    that are transferred from emotions it is near 1 by construction.
    """
    names, known = known_labels(emotions, "emotions")
    values = as_floats(labels, "labels")
    require_same_length(len(names), "emotions", len(values), "labels")
    if not known.any():
        raise DataError("none of the rows has an emotion: there are no class means")
    codes = np.unique(plain_labels(names[known], "emotions"), return_inverse=True)[1]
    columns = values[known].reshape(int(known.sum()), -1)
    means = np.zeros_like(columns)
    for axis in range(columns.shape[1]):
        rated = ~np.isnan(columns[:, axis])
        totals = np.bincount(codes[rated], weights=columns[rated, axis], minlength=codes.max() + 1)
        counts = np.bincount(codes[rated], minlength=codes.max() + 1)
        means[:, axis] = (totals / np.maximum(counts, 1))[codes]
    return r2(values[known], means.reshape(values[known].shape))


def active_units(means: ArrayLike, threshold: float = 0.01) -> NDArray[np.bool_]:
    """Which dimensions of the posterior means (n, k) vary over the data by more than `threshold` (variance), (k,).

    `.sum()` is the number of active units (Burda, Grosse & Salakhutdinov 2016, section 5.2).
    """
    return feature_matrix(means, "means").var(axis=0) > threshold


def kl_per_dimension(mean: ArrayLike, logvar: ArrayLike) -> Floats:
    """Mean over rows of KL(N(mean, exp logvar) || N(0, 1)) in nats, per dimension: (n, k) each -> (k,).

    The sum over dimensions is the rate of a rate-distortion curve. Raises DataError for shapes that differ or NaN.
    """
    mu, log_variance = feature_matrix(mean, "mean"), feature_matrix(logvar, "logvar")
    if mu.shape != log_variance.shape:
        raise DataError(f"mean has shape {mu.shape} and logvar {log_variance.shape}: they must be alike")
    with np.errstate(over="ignore"):
        return 0.5 * np.mean(mu**2 + np.expm1(log_variance) - log_variance, axis=0)
