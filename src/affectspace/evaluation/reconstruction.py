"""How well images are reconstructed: squared error, PSNR and SSIM of every image."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from affectspace.errors import DataError
from affectspace.evaluation.inputs import Floats, require_rows

_CHUNK = 64  # images held at a time
_WINDOW = 7  # scikit-image's default for SSIM


def image_mse(truth: NDArray, reconstructed: NDArray) -> Floats:
    """Compute the mean squared error of every image over pixels and channels, (n,).

    Images are (n, height, width, 3), uint8 or floats in [0, 1], read in chunks. Raises DataError for shapes that differ, values
    outside [0, 1] or NaN, or no image.
    """
    _require_images(truth, reconstructed)
    mse = np.empty(len(truth))
    for start in range(0, len(truth), _CHUNK):
        rows = slice(start, start + _CHUNK)
        x, y = _pixels(truth[rows], "truth", start), _pixels(reconstructed[rows], "reconstructed", start)
        mse[rows] = ((x - y) ** 2).mean(axis=(1, 2, 3))
    return mse


def image_ssim(truth: NDArray, reconstructed: NDArray) -> Floats:
    """Compute the structural similarity of every image (Wang et al. 2004), (n,), by scikit-image with a data range of 1.

    Images and errors are those of `image_mse`; sides below 7 pixels are an error too.
    """
    _require_images(truth, reconstructed)
    if min(truth.shape[1:3]) < _WINDOW:
        raise DataError(f"images are {truth.shape[1]}x{truth.shape[2]}: SSIM needs at least {_WINDOW} pixels a side")
    pairs = (
        (_pixels(truth[row : row + 1], "truth", row)[0], _pixels(reconstructed[row : row + 1], "reconstructed", row)[0])
        for row in range(len(truth))
    )
    return np.array([structural_similarity(x, y, data_range=1.0, channel_axis=-1) for x, y in pairs])


def psnr_of(mse: Floats) -> Floats:
    """Compute the peak signal-to-noise ratio in dB of a mean squared error on [0, 1]: -10 log10(mse); infinite for 0."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mse)


def _require_images(truth: NDArray, reconstructed: NDArray) -> None:
    if truth.ndim != 4 or truth.shape != reconstructed.shape or truth.shape[-1] not in (1, 3):
        shapes = f"truth has shape {truth.shape} and reconstructed {reconstructed.shape}"
        raise DataError(f"{shapes}: both must be the same (n, height, width, 3)")
    require_rows(len(truth), "truth")


def _pixels(images: NDArray, what: str, first_row: int) -> Floats:
    """A chunk as float64 in [0, 1]; uint8 is divided by 255."""
    if images.dtype == np.uint8:
        return np.asarray(images, dtype=np.float64) / 255
    if images.dtype.kind != "f":
        raise DataError(f"{what} has the type {images.dtype}: images are uint8 in 0 .. 255 or floats in 0 .. 1")
    values = np.asarray(images, dtype=np.float64)
    bad = ~((values >= -1e-6) & (values <= 1 + 1e-6))
    if bad.any():
        where = np.argwhere(bad)[0]
        raise DataError(
            f"{what} holds {values[tuple(where)]:g} in row {first_row + int(where[0])}: float images must lie in "
            "0 .. 1; divide by 255, or apply the decoder's sigmoid"
        )
    return values
