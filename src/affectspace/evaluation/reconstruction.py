"""How well images come back: squared error, PSNR and SSIM of each image, in chunks so that memory does not grow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectspace.errors import DataError
from affectspace.evaluation.inputs import Floats, require_rows

_WINDOW = 7  # scikit-image's default, with its constants K1 = .01, K2 = .03
_CHUNK = 64


def _pixels(images: NDArray, what: str, first_row: int) -> Floats:
    """A chunk as float64 in [0, 1]; uint8 is divided by 255."""
    if images.dtype == np.uint8:
        return images.astype(np.float64) / 255
    if images.dtype.kind != "f":
        raise DataError(f"{what} has the type {images.dtype}: images are uint8 in 0 .. 255 or floats in 0 .. 1")
    values = images.astype(np.float64)
    bad = ~((values >= -1e-6) & (values <= 1 + 1e-6))
    if bad.any():
        where = np.argwhere(bad)[0]
        raise DataError(
            f"{what} holds {values[tuple(where)]:g} in row {first_row + int(where[0])}: float images must lie in "
            "0 .. 1; divide by 255, or apply the decoder's sigmoid"
        )
    return values


def _check(truth: NDArray, reconstructed: NDArray) -> None:
    if truth.ndim != 4 or truth.shape != reconstructed.shape or truth.shape[-1] not in (1, 3):
        raise DataError(
            f"truth has shape {truth.shape} and reconstructed {reconstructed.shape}: both must be "
            "(n, height, width, 3), alike"
        )
    require_rows(len(truth), "truth")


def _window_mean(values: Floats) -> Floats:
    """Mean of each 7x7 window that lies inside, by shifted sums: (n, h, w, c) -> (n, h - 6, w - 6, c)."""
    height, width = values.shape[1] - _WINDOW + 1, values.shape[2] - _WINDOW + 1
    rows = values[:, :height].copy()
    for shift in range(1, _WINDOW):
        rows += values[:, shift : shift + height]
    total = rows[:, :, :width].copy()
    for shift in range(1, _WINDOW):
        total += rows[:, :, shift : shift + width]
    return total / _WINDOW**2


def _ssim(x: Floats, y: Floats) -> Floats:
    mx, my = _window_mean(x), _window_mean(y)
    unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
    vx = unbiased * (_window_mean(x * x) - mx * mx)
    vy = unbiased * (_window_mean(y * y) - my * my)
    vxy = unbiased * (_window_mean(x * y) - mx * my)
    c1, c2 = 0.01**2, 0.03**2
    ratio = ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return ratio.mean(axis=(1, 2, 3))


@dataclass(frozen=True)
class Reconstruction:
    """Errors per image, each (n,), for intervals over people; `summary` for the table."""

    mse: Floats
    psnr: Floats
    ssim: Floats

    def summary(self) -> dict[str, float]:
        """Means over images, and the PSNR of the mean MSE beside the mean of PSNRs (Jensen: never larger than it)."""
        mean_mse = float(self.mse.mean())
        return {
            "mse": mean_mse,
            "psnr": float(self.psnr.mean()),
            "psnr_of_mean_mse": float(psnr_of(np.array(mean_mse))),
            "ssim": float(self.ssim.mean()),
        }


def psnr_of(mse: Floats) -> Floats:
    """Peak signal-to-noise ratio in dB of a mean squared error on [0, 1]: -10 log10(mse); infinite for 0."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mse)


def reconstruction_quality(truth: NDArray, reconstructed: NDArray) -> Reconstruction:
    """Squared error, PSNR and SSIM of every image.

    `truth` and `reconstructed` are (n, height, width, 3), uint8 or floats in [0, 1] (memory maps are read image by
    image). MSE is the mean over pixels and channels. SSIM has scikit-image's defaults (7x7 uniform window, sample
    covariance, data_range 1, mean over channels and over pixels whose window is inside; Wang et al. 2004). Raises
    DataError for shapes that differ, values outside [0, 1] or NaN, no image, or sides below 7.
    """
    _check(truth, reconstructed)
    if min(truth.shape[1:3]) < _WINDOW:
        raise DataError(f"images are {truth.shape[1]}x{truth.shape[2]}: SSIM needs at least {_WINDOW} pixels a side")
    mse, ssim = np.empty(len(truth)), np.empty(len(truth))
    for start in range(len(truth)):  # one by one: an image and its windows stay in the cache
        rows = slice(start, start + 1)
        x = _pixels(np.asarray(truth[rows]), "truth", start)
        y = _pixels(np.asarray(reconstructed[rows]), "reconstructed", start)
        mse[rows] = ((x - y) ** 2).mean(axis=(1, 2, 3))
        ssim[rows] = _ssim(x, y)
    return Reconstruction(mse, psnr_of(mse), ssim)


def image_mse(truth: NDArray, reconstructed: NDArray) -> Floats:
    """Mean squared error of every image, (n,); arguments and errors as `reconstruction_quality`, any image size."""
    _check(truth, reconstructed)
    mse = np.empty(len(truth))
    for start in range(0, len(truth), _CHUNK):
        rows = slice(start, start + _CHUNK)
        x = _pixels(np.asarray(truth[rows]), "truth", start)
        mse[rows] = ((x - _pixels(np.asarray(reconstructed[rows]), "reconstructed", start)) ** 2).mean(axis=(1, 2, 3))
    return mse


def image_ssim(truth: NDArray, reconstructed: NDArray) -> Floats:
    """SSIM of every image, (n,); arguments and errors as `reconstruction_quality`."""
    return reconstruction_quality(truth, reconstructed).ssim
