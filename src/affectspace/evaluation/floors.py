"""Floors and ceilings that stand beside a figure, and whether a latent is alive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.fitting import Standardiser
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    as_floats,
    feature_matrix,
    group_codes,
    known_labels,
    plain_labels,
    require_rows,
    require_same_length,
    rows_with_classes,
)
from affectspace.evaluation.metrics import PerAxis, accuracy, balanced_accuracy, mae, mse, r2
from affectspace.evaluation.probes import REGULARISATION, linear_probe
from affectspace.evaluation.ridge import one_thread

_ITERATIONS = 500
_CHUNK = 512
_OVERSAMPLE = 16
_PASSES = 4
_FEW = 4096  # all passes but the last see about this many evenly spaced images


@dataclass(frozen=True)
class PermutationFloor:
    """A statistic beside what it is by chance.

    value : the statistic. floor, low, high : its mean and central 95 % under permuted labels. p : of a value at least as
        large, (1 + as large) / (1 + permutations).
    """

    value: float
    floor: float
    low: float
    high: float
    p: float
    permutations: int

    @classmethod
    def of(cls, value: float, draws: Floats) -> PermutationFloor:
        """Make one from the statistic and its values under permutation. Raises DataError if any is NaN."""
        if np.isnan(value) or np.isnan(draws).any():
            raise DataError(
                "the statistic is undefined (NaN) on these rows: constant labels or predictions have no floor"
            )
        low, high = np.quantile(draws, [0.025, 0.975])
        p = float((1 + np.sum(draws >= value)) / (1 + len(draws)))
        return cls(float(value), float(draws.mean()), float(low), float(high), p, len(draws))


def permuted_orders(n: int, groups: ArrayLike | None, permutations: int, seed: int) -> Iterator[Codes]:
    """Random orders of n rows, within each person if `groups` (n,) is given; the same for the same seed."""
    if permutations < 1:
        raise ConfigError(f"permutations is {permutations}: at least one is needed")
    codes = np.zeros(n, dtype=np.int64) if groups is None else group_codes(groups, n, least=1)[1]
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return _orders(n, members, permutations, np.random.default_rng(seed))


def _orders(n: int, members: list[Codes], permutations: int, rng: np.random.Generator) -> Iterator[Codes]:
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
    """Compute `statistic(truth, *arrays)` and what it gives by chance, with the rows of `truth` permuted.

    Parameters
    ----------
    statistic : callable
        Returns one number; larger is better.
    truth, *arrays : array_like
        (n,) or (n, axes), aligned by row.
    groups : array_like, optional
        People, (n,). Labels are then permuted within each person, which keeps the differences between people.
    permutations, seed : int
        Number of permutations and their seed.

    Returns
    -------
    PermutationFloor

    Raises
    ------
    DataError
        If lengths differ or the statistic is undefined.

    Examples
    --------
    >>> from affectspace.evaluation import balanced_accuracy, permutation_floor
    >>> floor = permutation_floor(balanced_accuracy, ["a", "b"] * 20, ["a", "b"] * 20)
    >>> floor.value, floor.p < 0.01
    (1.0, True)
    """
    labels = np.asarray(truth)
    require_rows(len(labels), "truth")
    for i, array in enumerate(arrays):
        require_same_length(len(labels), "truth", len(np.asarray(array)), f"array {i}")
    orders = permuted_orders(len(labels), groups, permutations, seed)
    draws = np.array([float(statistic(labels[order], *arrays)) for order in orders])
    return PermutationFloor.of(float(statistic(labels, *arrays)), draws)


def constant_floor(train: ArrayLike, test: ArrayLike) -> dict[str, PerAxis]:
    """Compute "mse", "mae" and "r2" of the training labels' mean on test labels.

    Labels are (n,) or (n, axes); NaN is left out per axis. R2 is at most 0. Raises DataError for an axis without training
    labels.

    Examples
    --------
    >>> from affectspace.evaluation import constant_floor
    >>> constant_floor([0.0, 1.0], [0.0, 1.0])
    {'mse': 0.25, 'mae': 0.5, 'r2': 0.0}
    """
    labels, truth = as_floats(train, "train"), as_floats(test, "test")
    require_rows(len(labels), "train")
    if np.isnan(labels).all(axis=0).any():
        raise DataError("train has an axis without any annotated row: leave that axis out")
    mean = np.broadcast_to(np.nanmean(labels, axis=0), truth.shape)
    return {"mse": mse(truth, mean), "mae": mae(truth, mean), "r2": r2(truth, mean)}


def majority_floor(train: ArrayLike, test: ArrayLike) -> dict[str, Any]:
    """Compute what predicting training's most frequent class for every test row gives.

    Returns
    -------
    dict
        "label", "accuracy", "uar" (1 / k), and "share_of_part": the share of the test part's own most frequent class, which no
        constant can exceed. Ties go to the first class in order. Missing labels are left out.

    Examples
    --------
    >>> from affectspace.evaluation import majority_floor
    >>> majority_floor(["joy", "joy", "fear"], ["joy", "fear", "fear", "fear"])
    {'label': 'joy', 'accuracy': 0.25, 'uar': 0.5, 'share_of_part': 0.75}
    """
    values, known = known_labels(train, "train")
    if not known.any():
        raise DataError("none of the training rows has a label: there is no majority")
    names, counts = np.unique(plain_labels(values[known], "train"), return_counts=True)
    label = names[counts.argmax()]
    truth, has = known_labels(test, "test")
    constant = np.full(len(truth), label)
    own = np.unique(plain_labels(truth[has], "test"), return_counts=True)[1]
    return {
        "label": label.item(),
        "accuracy": accuracy(truth, constant),
        "uar": balanced_accuracy(truth, constant),
        "share_of_part": float(own.max() / own.sum()),
    }


def class_mean_ceiling(emotions: ArrayLike, labels: ArrayLike) -> PerAxis:
    """Compute R2 of the label's mean within its emotion: the most that knowing the emotion can give, on these very rows.

    Emotions are (n,), labels (n,) or (n, axes). Rows without an emotion and NaN labels are left out. NaN for constant
    labels. For labels that are transferred from emotions it is near 1 by construction.
    """
    names, known = known_labels(emotions, "emotions")
    values = as_floats(labels, "labels")
    require_same_length(len(names), "emotions", len(values), "labels")
    if not known.any():
        raise DataError("none of the rows has an emotion: there are no class means")
    rows = pd.DataFrame(values[known].reshape(int(known.sum()), -1))
    means = rows.groupby(plain_labels(names[known], "emotions")).transform("mean").to_numpy()
    return r2(values[known], np.nan_to_num(means).reshape(values[known].shape))


def class_centres(emotions: ArrayLike, affect: ArrayLike) -> dict[str, Floats]:
    """Compute the mean affect of each emotion: emotion -> (axes,), NaN for an axis without a label.

    Emotions are (n,), affect is (n, axes) with NaN left out per axis.
    """
    names, known = known_labels(emotions, "emotions")
    values = as_floats(affect, "affect")
    require_same_length(len(names), "emotions", len(values), "affect")
    if values.ndim != 2:
        raise DataError(f"affect has shape {values.shape}: it must be (n, axes)")
    means = pd.DataFrame(values[known]).groupby(names[known].astype(str)).mean()
    return dict(zip(means.index, means.to_numpy(), strict=True))


@dataclass(frozen=True, eq=False)
class SoftmaxFloor:
    """A fitted softmax over emotions. Call it with features (n, k) for expected affect, (n, axes).

    model : classifier of standardised features. centres : (classes, axes), in the order of `model.classes_`. chosen : C.
    """

    model: Pipeline
    centres: Floats
    chosen: float

    def __call__(self, features: ArrayLike) -> Floats:
        """Predict expected affect: the emotions' centres, weighed by their probabilities."""
        return self.probabilities(features) @ self.centres

    def probabilities(self, features: ArrayLike) -> Floats:
        """Predict probabilities (n, classes). Classes have equal weights in training, so they follow a uniform prior."""
        return self.model.predict_proba(feature_matrix(features, "features", self.model.n_features_in_))

    def refitted(self, features: ArrayLike, emotions: ArrayLike, centres: Mapping[str, ArrayLike]) -> SoftmaxFloor:
        """Fit the same C to other rows, such as train and validation together."""
        return _fitted_softmax(features, emotions, centres, self.chosen)


def softmax_floor(
    train: ArrayLike,
    train_emotions: ArrayLike,
    validation: ArrayLike,
    validation_emotions: ArrayLike,
    centres: Mapping[str, ArrayLike],
    *,
    grid: Sequence[float] = REGULARISATION,
) -> SoftmaxFloor:
    """Fit a logistic regression over emotions that predicts affect: the centres, weighed by their probabilities.

    Where labels are a function of the emotion (as RAVDESS' proxies are) this is the floor, and no evidence for regression.

    Parameters
    ----------
    train, validation : array_like
        Features (n, k) of different people.
    train_emotions, validation_emotions : array_like
        Emotions (n,). Rows with None are left out. Classes have equal weights.
    centres : mapping
        Emotion -> (axes,), published ones or `class_centres` of train; every training emotion must have one.
    grid : sequence of float
        Values of C, of which validation UAR chooses, as in `linear_probe`.

    Returns
    -------
    SoftmaxFloor

    Raises
    ------
    DataError
        If an emotion has no finite centre, or as `linear_probe`.
    """
    probe = linear_probe(train, train_emotions, validation, validation_emotions, validation, grid=grid)
    return _fitted_softmax(train, train_emotions, centres, probe.chosen["C"])


def _fitted_softmax(
    features: ArrayLike, emotions: ArrayLike, centres: Mapping[str, ArrayLike], strength: float
) -> SoftmaxFloor:
    x, labels = rows_with_classes(features, emotions, "train")
    names = np.unique(labels.astype(str)).tolist()
    missing = [name for name in names if name not in centres]
    if missing:
        raise DataError(f"train has the emotions {', '.join(missing)}, which have no centre: add or leave them out")
    table = np.stack([as_floats(centres[name], f"centre of {name}") for name in names])
    if not np.isfinite(table).all():
        first = names[int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])]
        raise DataError(f"the centre of {first} is not finite: a centre needs every axis that is to be predicted")
    model = make_pipeline(Standardiser(), LogisticRegression(C=strength, class_weight="balanced", max_iter=_ITERATIONS))
    with one_thread():
        model.fit(x, labels.astype(str))
    return SoftmaxFloor(model, table, float(strength))


def active_units(means: ArrayLike, threshold: float = 0.01) -> NDArray[np.bool_]:
    """Say which dimensions of posterior means (n, k) have a variance above `threshold` over the data, (k,).

    `.sum()` is the number of active units (Burda, Grosse & Salakhutdinov 2016, section 5.2).

    Examples
    --------
    >>> from affectspace.evaluation import active_units
    >>> active_units([[0.0, 0.5], [1.0, 0.5]]).tolist()
    [True, False]
    """
    return feature_matrix(means, "means").var(axis=0) > threshold


def kl_per_dimension(mean: ArrayLike, logvar: ArrayLike) -> Floats:
    """Compute KL(N(mean, exp logvar) || N(0, 1)) in nats, mean over rows, per dimension: (n, k) each -> (k,).

    Its sum is the rate of a rate-distortion curve. Raises DataError for shapes that differ or values that are not finite.
    """
    mu, log_variance = feature_matrix(mean, "mean"), feature_matrix(logvar, "logvar")
    if mu.shape != log_variance.shape:
        raise DataError(f"mean has shape {mu.shape} and logvar {log_variance.shape}: they must be equal")
    with np.errstate(over="ignore"):
        return 0.5 * np.mean(mu**2 + np.expm1(log_variance) - log_variance, axis=0)


@dataclass(frozen=True)
class PixelPCA:
    """Principal components of pixels. Call it with images (n, height, width, 3) for their scores (n, k) float32.

    mean : (pixels,). components : (k, pixels), orthonormal. explained : (k,), share of the training variance of each.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    explained: Floats
    shape: tuple[int, ...]

    def __call__(self, images: NDArray) -> NDArray[np.float32]:
        """Compute scores. Raises DataError for another image size, no image, or values that are not finite."""
        scores = np.empty((len(images), len(self.components)), dtype=np.float32)
        for start, flat in _pixel_rows(images, self.shape, "images"):
            scores[start : start + len(flat)] = (flat - self.mean) @ self.components.T
        return scores


def pca_pixels(train: NDArray, k: int = 96, *, seed: int = 0) -> PixelPCA:
    """Fit the first k principal components of the pixels of training images, a floor that needs no network.

    It is a randomised subspace iteration (Halko, Martinsson & Tropp 2011, algorithm 4.4, with Rayleigh-Ritz at the end) that
    reads the images in chunks: memory holds a chunk and k + 16 images, and memory maps stay on disk. The sign of a component
    makes its largest entry positive.

    Parameters
    ----------
    train : ndarray
        (n, height, width, 3), uint8 or floats in [0, 1].
    k, seed : int
        Number of components, and the seed of the start.

    Returns
    -------
    PixelPCA

    Raises
    ------
    DataError
        If there are fewer images or pixels than k.
    ConfigError
        If k is below 1.
    """
    if k < 1:
        raise ConfigError(f"k is {k}: at least one component is needed")
    shape = tuple(train.shape[1:])
    n, width = len(train), int(np.prod(shape))
    if k > min(n, width):
        raise DataError(f"{k} components need at least {k} training images and pixels: there are {n} and {width}")
    total, square = np.zeros(width), 0.0
    for _, flat in _pixel_rows(train, shape, "train"):
        total += flat.sum(axis=0, dtype=np.float64)
    mean = (total / n).astype(np.float32)
    size = min(k + _OVERSAMPLE, n, width)
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, size), dtype=np.float32))[0]
    stride = max(1, -(-n // _FEW))
    for remaining in range(_PASSES - 1, -1, -1):
        product = np.zeros((width, size), dtype=np.float32)
        for _, flat in _pixel_rows(train[::stride] if remaining else train, shape, "train"):
            flat -= mean
            product += flat.T @ (flat @ basis)
        basis = np.linalg.qr(product)[0]
    gram = np.zeros((size, size))
    for _, flat in _pixel_rows(train, shape, "train"):
        flat -= mean
        square += float(np.sum(flat * flat, dtype=np.float64))
        scores = (flat @ basis).astype(np.float64)
        gram += scores.T @ scores
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(values)[::-1][:k]
    components = (basis @ vectors[:, order].astype(np.float32)).T
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    components = components * np.where(largest < 0, -1, 1).astype(np.float32)
    explained = np.maximum(values[order], 0) / square if square > 0 else np.zeros(k)
    return PixelPCA(mean, np.ascontiguousarray(components, dtype=np.float32), explained, shape)


def _pixel_rows(images: NDArray, shape: tuple[int, ...], what: str) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Number of the first row, and flat rows in [0, 1], of each chunk of images."""
    if images.ndim < 2 or images.shape[1:] != shape:
        raise DataError(f"{what} has shape {images.shape}: expected (n, {', '.join(map(str, shape))})")
    require_rows(len(images), what)
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(f"{what} has the type {images.dtype}: images are uint8 in 0 .. 255 or floats in 0 .. 1")
    for start in range(0, len(images), _CHUNK):
        chunk = np.asarray(images[start : start + _CHUNK])
        flat = chunk.reshape(len(chunk), -1).astype(np.float32)
        if images.dtype == np.uint8:
            flat /= 255
        elif not np.isfinite(flat).all():
            row = start + int(np.argwhere(~np.isfinite(flat))[0][0])
            raise DataError(f"{what} is not finite in row {row}: leave unreadable images out")
        yield start, flat
