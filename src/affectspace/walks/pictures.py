"""Walks: one face at other valences and arousals, at points and along paths of the map."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa
from affectspace.walks.directions import AffectDirections
from affectspace.walks.geometry import AXES, TOLERANCE, WalkGeometry
from affectspace.walks.paths import grid_points

Geometry = WalkGeometry | AffectDirections

BATCH = 64


def move(
    model: Levasa,
    code: Tensor,
    geometry: Geometry,
    valence: Tensor | None = None,
    arousal: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Move codes so that they read as target values.

    Parameters
    ----------
    model : Levasa
        The model.
    code : Tensor of shape (batch, latent)
        Codes to start from.
    geometry : AffectDirections or WalkGeometry
        How codes move, see `fit_directions` and `fit_geometry`.
    valence, arousal : Tensor of shape (batch,), optional
        Targets on [-1, 1]. None leaves an axis as it is.

    Returns
    -------
    codes : Tensor of shape (batch, latent)
        Moved codes, detached.
    readings : Tensor of shape (batch, 2)
        Valence and arousal of the moved codes. A target that cannot be reached is approached.

    Raises
    ------
    DataError
        If a target is not on [-1, 1], or a shape does not fit.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from affectspace import Levasa, LevasaConfig
    >>> from affectspace.walks import fit_geometry, move
    >>> model = Levasa(LevasaConfig(image_size=32, width=4, head="linear", chunk=4)).eval()
    >>> codes = np.random.default_rng(0).normal(size=(50, 12))
    >>> moved, readings = move(model, torch.zeros(1, 12), fit_geometry(model, codes), valence=torch.tensor([0.5]))
    >>> round(float(readings[0, 0]), 2)
    0.5
    """
    if code.ndim != 2 or code.shape[1] != model.latent:
        raise DataError(f"codes have shape {tuple(code.shape)}; give (batch, {model.latent})")
    code = code.detach().clone()
    targets = torch.stack([_targets(code, *item) for item in zip(AXES, (valence, arousal), strict=True)], dim=1)
    moved = geometry.move(model, code, targets)
    with torch.no_grad():
        return moved, geometry.readings(model, moved)


def _targets(code: Tensor, axis: str, values: Tensor | None) -> Tensor:
    """Return the targets of one axis, (batch,), NaN to leave it as it is."""
    if values is None:
        return torch.full_like(code[:, 0], torch.nan)
    values = torch.as_tensor(values, dtype=code.dtype, device=code.device).detach()
    if values.shape != code.shape[:1]:
        raise DataError(f"{axis} has shape {tuple(values.shape)} for {len(code)} codes; give one value per code")
    wrong = ~(values.abs() <= 1)
    if bool(wrong.any()):
        raise DataError(f"the target {axis} is {float(values[wrong][0]):g}; valence and arousal lie on [-1, 1]")
    return values.clone()


@dataclass(frozen=True, eq=False)
class Walk:
    """One face at n points of the map."""

    images: np.ndarray  # (n, size, size, 3) uint8, RGB
    targets: np.ndarray  # (n, 2), target valence and arousal, NaN where an axis was left as it is
    reached: np.ndarray  # (n, 2), valence and arousal of the decoded code, by the geometry
    heads: np.ndarray  # (n, 2), the same by the heads of the model, NaN if it has none
    codes: np.ndarray  # (n, latent) float32, decoded
    reconstruction: np.ndarray  # (size, size, 3) uint8, the face as the model shows it before the walk
    uncertainty: float  # mean log variance of the face's code

    @property
    def missed(self) -> np.ndarray:
        """Which targets were not reached, (n, 2)."""
        return np.abs(self.targets - self.reached) > 2 * TOLERANCE


def walk(model: Levasa, image: np.ndarray, points: np.ndarray, geometry: Geometry) -> Walk:
    """Move one face to points of the map.

    Parameters
    ----------
    model : Levasa
        The model, in evaluation mode.
    image : ndarray of shape (size, size, 3), uint8
        RGB picture of the size of the model.
    points : ndarray of shape (n, 2)
        Valence and arousal on [-1, 1]. An axis that is NaN at all points is left as it is.
    geometry : AffectDirections or WalkGeometry
        How codes move.

    Returns
    -------
    Walk

    Raises
    ------
    DataError
        If the image or a point does not fit.
    RunError
        If the model is in training mode.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace import Levasa, LevasaConfig
    >>> from affectspace.walks import fit_geometry, walk
    >>> model = Levasa(LevasaConfig(image_size=32, width=4, head="linear", chunk=4)).eval()
    >>> geometry = fit_geometry(model, np.random.default_rng(0).normal(size=(50, 12)))
    >>> walk(model, np.zeros((32, 32, 3), np.uint8), [(0.5, 0.0), (-0.5, 0.0)], geometry).images.shape
    (2, 32, 32, 3)
    """
    size, points = model.config.image_size, np.asarray(points, dtype=np.float64)
    if image.shape != (size, size, 3) or image.dtype != np.uint8:
        raise DataError(f"the image is {image.shape} of {image.dtype}; give ({size}, {size}, 3) of uint8")
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise DataError(f"the points have shape {points.shape}; give (n, 2), valence and arousal")
    if model.training:
        raise RunError("the model is in training mode, where batch norm mixes the images of a batch; call model.eval()")
    weight = next(model.parameters())
    with torch.no_grad():
        pixels = torch.tensor(image, device=weight.device).permute(2, 0, 1)[None].to(weight.dtype) / 255.0
        posterior = model.encode(pixels)
        code = posterior.mean
    unchanged = np.isnan(points).all(axis=0)
    moved, reached = [], []
    for start in range(0, len(points), BATCH):
        targets = torch.as_tensor(points[start : start + BATCH], dtype=weight.dtype, device=weight.device)
        axes = [None if unchanged[axis] else targets[:, axis] for axis in (0, 1)]
        codes, readings = move(model, code.expand(len(targets), -1), geometry, *axes)
        moved.append(codes)
        reached.append(readings.double().cpu().numpy())
    codes = torch.cat(moved)
    return Walk(
        decode(model, codes), points, np.concatenate(reached), _heads(model, codes), codes.float().cpu().numpy(),
        decode(model, code)[0], float(posterior.log_variance.mean()),
    )  # fmt: skip


@torch.no_grad()
def decode(model: Levasa, codes: Tensor) -> np.ndarray:
    """Decode codes, (n, latent), to pictures, (n, size, size, 3) uint8, in batches."""
    images = []
    for part in codes.split(BATCH):
        decoded = model.decode(part).permute(0, 2, 3, 1).float().clamp(0, 1)
        images.append((decoded * 255).round().to(torch.uint8).cpu().numpy())
    return np.concatenate(images)


@torch.no_grad()
def _heads(model: Levasa, codes: Tensor) -> np.ndarray:
    """Return what the heads read, (n, 2); NaN for a model without heads."""
    if not set(AXES) <= set(model.heads):
        return np.full((len(codes), 2), np.nan)
    return model.read_affect(codes).double().cpu().numpy()


def walk_grid(
    model: Levasa, image: np.ndarray, valences: Sequence[float], arousals: Sequence[float], geometry: Geometry
) -> np.ndarray:
    """Move one face to every pair of values, see `walk`.

    Returns
    -------
    ndarray of shape (arousals, valences, size, size, 3), uint8
        Row 0 is the first arousal, column 0 the first valence.
    """
    images = walk(model, image, grid_points(valences, arousals), geometry).images
    return images.reshape(len(arousals), len(valences), *images.shape[1:])


def walk_path(model: Levasa, image: np.ndarray, path: np.ndarray, geometry: Geometry, steps: int = 8) -> Walk:
    """Move one face along straight lines between the corners of a path, see `walk`.

    Parameters
    ----------
    path : ndarray of shape (corners, 2)
        Valence and arousal of the corners.
    steps : int
        Number of equal steps of each line.

    Returns
    -------
    Walk
        It has (corners - 1) * steps + 1 points, corners included.

    Raises
    ------
    DataError
        If there are fewer than two corners or one step.
    """
    corners = np.asarray(path, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 2 or steps < 1:
        raise DataError(f"the path has shape {corners.shape} and {steps} steps; give at least two corners and one step")
    share = np.arange(steps)[:, None] / steps
    lines = [start + share * (end - start) for start, end in pairwise(corners)]
    return walk(model, image, np.concatenate([*lines, corners[-1:]]), geometry)
