"""The floor that needs no network: principal components of the pixels, fitted on the training faces."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import require_rows

_CHUNK = 512
_OVERSAMPLE = 16
_PASSES = 4
_FEW = 4096  # all passes but the last see evenly spaced images, about this many


def _rows(images: NDArray, shape: tuple[int, ...], what: str) -> Iterator[tuple[int, NDArray[np.float32]]]:
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


@dataclass(frozen=True)
class PixelPCA:
    """Call it on images (n, height, width, 3), uint8 or floats in [0, 1], for their scores (n, k) float32, in chunks.

    mean (pixels,), components (k, pixels) orthonormal, explained (k,): share of the training variance of each.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    explained: NDArray[np.float64]
    shape: tuple[int, ...]

    def __call__(self, images: NDArray) -> NDArray[np.float32]:
        """Scores (n, k). Raises DataError for another image size, no image, or values that are not finite."""
        scores = np.empty((len(images), len(self.components)), dtype=np.float32)
        for start, flat in _rows(images, self.shape, "images"):
            scores[start : start + len(flat)] = (flat - self.mean) @ self.components.T
        return scores


def pca_pixels(train: NDArray, k: int = 96, *, seed: int = 0) -> PixelPCA:
    """The first k principal components of the training images' pixels, by randomised subspace iteration.

    `train` (n, height, width, 3) is read in chunks (memory maps stay on disk): memory is that of a chunk and of
    k + 16 images, not of n (Halko, Martinsson & Tropp 2011, algorithm 4.4, with Rayleigh-Ritz at the end). The sign of
    a component is such that its largest entry is positive. Raises DataError for fewer images than k, ConfigError for k
    < 1.
    """
    if k < 1:
        raise ConfigError(f"k is {k}: at least one component is needed")
    shape = tuple(train.shape[1:])
    n, width = len(train), int(np.prod(shape))
    if k > min(n, width):
        raise DataError(f"{k} components need at least {k} training images and pixels: there are {n} and {width}")
    total, square = np.zeros(width), 0.0
    for _, flat in _rows(train, shape, "train"):
        total += flat.sum(axis=0, dtype=np.float64)
    mean = (total / n).astype(np.float32)
    size = min(k + _OVERSAMPLE, n, width)
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, size), dtype=np.float32))[0]
    stride = max(1, -(-n // _FEW))
    for remaining in range(_PASSES - 1, -1, -1):
        seen = train[::stride] if remaining else train
        product = np.zeros((width, size), dtype=np.float32)
        for _, flat in _rows(seen, shape, "train"):
            flat -= mean
            product += flat.T @ (flat @ basis)
        basis = np.linalg.qr(product)[0]
    gram = np.zeros((size, size))
    for _, flat in _rows(train, shape, "train"):
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
