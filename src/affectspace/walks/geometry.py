"""Walks by the model's own heads: the nearest code that reads as the target.

Each axis moves in its own chunk. A chunk has many dimensions and the target is one number, so that many codes would do.
We take the nearest, measured by the covariance of the training codes: with h the reading of an axis (any head; discrete
heads read their mean level), g its gradient and Sigma the covariance of the chunk over the training codes, a code z
moves to

    z' = z + Sigma g (target - h(z)) / (g' Sigma g).

For a linear h this is the move of least Mahalanobis length, in one step. Otherwise the step is repeated (damped
Gauss-Newton). z_z does not change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa
from affectspace.tensors import UNSEALED, require_unchanged, seal

AXES = ("valence", "arousal")
RIDGE = 1e-3  # of the mean variance of a chunk, added to its covariance
TOLERANCE = 1e-3  # between reading and target
STEPS = 20
LONGEST = 1.0  # Mahalanobis length of a step: 20 standard deviations in all
HALVINGS = 6


class SavedArrays:
    """Base of dataclasses of arrays that are kept in a run folder as safetensors."""

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        arrays = {name: np.ascontiguousarray(array) for name, array in vars(self).items() if array is not None}
        save_file(arrays, path, dict(UNSEALED))
        seal(path)

    @classmethod
    def read(cls, path: Path, shape: tuple[int, ...]) -> Self:
        """Read the file that `save` wrote; its first array must have this shape. Raises RunError if it is damaged."""
        remedy = "delete it, and it is computed again"
        require_unchanged(path, remedy)
        try:
            arrays = cls(**load_file(path))
        except (SafetensorError, TypeError, ValueError) as error:
            raise RunError(f"{path} is damaged or of another kind ({error}); {remedy}") from error
        numbers = [array for array in vars(arrays).values() if array is not None]
        if numbers[0].shape != shape:
            raise RunError(f"{path} belongs to another model ({numbers[0].shape}); {remedy}")
        if not all(np.isfinite(array).all() for array in numbers):
            raise RunError(f"{path} is damaged: it has missing or infinite numbers; {remedy}")
        return arrays


@dataclass(frozen=True, eq=False)
class WalkGeometry(SavedArrays):
    """Covariance of the valence and arousal chunks over the training codes."""

    covariance: np.ndarray  # (2, chunk, chunk), of the posterior means of z_v and z_a, with a small ridge
    readout: np.ndarray | None = None  # (2, chunk + 1), intercept last, each axis from its own chunk; None: the heads

    def readings(self, model: Levasa, codes: Tensor) -> Tensor:
        """Read valence and arousal off codes, (batch, 2), by the readout or else by the heads."""
        if self.readout is None:
            return model.read_affect(codes)
        readout = torch.as_tensor(self.readout, dtype=codes.dtype, device=codes.device)
        chunks = torch.stack(model.chunks(codes)[:2], dim=1)
        return (chunks * readout[:, :-1]).sum(dim=2) + readout[:, -1]

    def move(self, model: Levasa, codes: Tensor, targets: Tensor) -> Tensor:
        """Move codes to the nearest that read as the targets, (batch, 2). NaN leaves an axis as it is."""
        with torch.inference_mode(False), torch.enable_grad():
            sigma = torch.as_tensor(self.covariance, dtype=codes.dtype, device=codes.device)
            rest = codes[:, 2 * model.config.chunk :]

            def join(chunks: Tensor) -> Tensor:
                return torch.cat([chunks.flatten(1), rest], dim=1)

            chunks = torch.stack(model.chunks(codes)[:2], dim=1)  # (batch, axis, chunk)
            for _ in range(STEPS):
                chunks = chunks.detach().requires_grad_()
                reading = self.readings(model, join(chunks))
                gap = torch.where(targets.isnan(), torch.zeros_like(targets), targets - reading.detach())
                if bool((gap.abs() < TOLERANCE).all()):
                    break
                # an axis is read off its own chunk only, so the gradient of the sum holds both axes' gradients
                (gradient,) = torch.autograd.grad(reading.sum(), chunks)
                with torch.no_grad():
                    step = _gauss_newton_step(gap, gradient, sigma)
                    size = _step_size(lambda at: self.readings(model, join(at)), chunks, step, targets, gap)
                    chunks = chunks + size[..., None] * step
                if not bool(size.any()):
                    break
            return join(chunks.detach())


def fit_geometry(model: Levasa, mean_train: np.ndarray, readout: np.ndarray | None = None) -> WalkGeometry:
    """Fit the geometry of a model.

    Parameters
    ----------
    model : Levasa
        The model.
    mean_train : ndarray of shape (n, latent)
        Posterior means of training images.
    readout : ndarray of shape (2, chunk + 1), optional
        Result of `fit_readout`, used instead of the heads. Models without heads for valence and arousal need it.

    Returns
    -------
    WalkGeometry

    Raises
    ------
    DataError
        If a shape is wrong, codes are not finite, or a model without heads comes without a readout.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace import Levasa, LevasaConfig
    >>> model = Levasa(LevasaConfig(image_size=32, width=4, hidden=(8,), chunk=4))
    >>> fit_geometry(model, np.random.default_rng(0).normal(size=(50, 12))).covariance.shape
    (2, 4, 4)
    """
    chunk = model.config.chunk
    mean = np.asarray(mean_train, dtype=np.float64)
    if mean.ndim != 2 or mean.shape[1] != model.latent or len(mean) < 2:
        raise DataError(f"training codes have shape {mean.shape}; give (n, {model.latent}) with n of at least 2")
    if not np.isfinite(mean).all():
        row = int(np.flatnonzero(~np.isfinite(mean).all(axis=1))[0])
        raise DataError(f"the training code in row {row} is not finite; leave such rows out")
    if readout is None and not set(AXES) <= set(model.heads):
        raise DataError(
            f"a model with alignment {model.config.alignment!r} has no heads for valence and arousal; "
            "give readout=fit_readout(codes, affect), fitted on labelled training codes"
        )
    if readout is not None:
        readout = np.asarray(readout, dtype=np.float64)
        if readout.shape != (2, chunk + 1):
            raise DataError(f"the readout has shape {readout.shape}; give (2, {chunk + 1}), the intercepts last")
    covariances = []
    for part in (mean[:, :chunk], mean[:, chunk : 2 * chunk]):
        covariance = np.atleast_2d(np.cov(part, rowvar=False))
        ridge = RIDGE * np.trace(covariance) / chunk + 1e-12
        covariances.append(covariance + ridge * np.eye(chunk))
    return WalkGeometry(np.stack(covariances), readout)


def fit_readout(codes: np.ndarray, affect: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Fit ridge regressions of valence on z_v and of arousal on z_a.

    Parameters
    ----------
    codes : ndarray of shape (n, 2 * chunk)
        Posterior means of training images, z_v and z_a side by side.
    affect : ndarray of shape (n, 2)
        Valence and arousal on [-1, 1], NaN where not annotated.
    alpha : float
        Penalty, on standardised chunks.

    Returns
    -------
    ndarray of shape (2, chunk + 1)
        Weights, and the intercept last.

    Raises
    ------
    DataError
        If shapes do not fit, or an axis has fewer than two labels.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.random.default_rng(0).normal(size=(100, 2))
    >>> fit_readout(codes, np.stack([codes[:, 0], -codes[:, 1]], axis=1))[:, 0].round(1)
    array([ 1., -1.])
    """
    codes, affect = np.asarray(codes, dtype=np.float64), np.asarray(affect, dtype=np.float64)
    if codes.ndim != 2 or codes.shape[1] % 2 or affect.shape != (len(codes), 2):
        raise DataError(f"codes {codes.shape} and labels {affect.shape} do not fit: give (n, 2 * chunk) and (n, 2)")
    rows = []
    for axis, part, target in zip(AXES, np.split(codes, 2, axis=1), affect.T, strict=True):
        present = np.isfinite(target)
        if present.sum() < 2:
            raise DataError(f"{axis} is annotated in {present.sum()} of {len(target)} rows; a readout needs 2")
        scaler = StandardScaler().fit(part[present])
        ridge = Ridge(alpha).fit(scaler.transform(part[present]), target[present])
        weights = ridge.coef_ / scaler.scale_
        rows.append(np.append(weights, ridge.intercept_ - scaler.mean_ @ weights))
    return np.stack(rows)


def _gauss_newton_step(gap: Tensor, gradient: Tensor, sigma: Tensor) -> Tensor:
    """Return Sigma g gap / (g' Sigma g) per row and axis, (batch, 2, chunk), at most LONGEST in Mahalanobis length."""
    push = torch.einsum("aij,baj->bai", sigma, gradient)
    variance = (gradient * push).sum(dim=2)
    length = gap.abs() / variance.sqrt()
    scale = gap / variance * (LONGEST / length.clamp(min=LONGEST))
    return torch.where(variance > 0, scale, torch.zeros_like(scale))[..., None] * push


def _step_size(
    readings: Callable[[Tensor], Tensor], chunks: Tensor, step: Tensor, targets: Tensor, gap: Tensor
) -> Tensor:
    """Return the first of 1, 1/2, 1/4, ... that comes nearer to the target, (batch, 2); 0 if none does."""
    size = torch.zeros_like(gap)
    searching = gap.abs() >= TOLERANCE
    for halvings in range(HALVINGS + 1):
        trial = torch.where(searching, torch.full_like(gap, 0.5**halvings), size)
        nearer = (targets - readings(chunks + trial[..., None] * step)).abs() < gap.abs()
        size = torch.where(searching & nearer, trial, size)
        searching = searching & ~nearer
        if not bool(searching.any()):
            break
    return size
