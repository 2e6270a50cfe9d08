"""One face at other valences and arousals: how a chunk of the code is set for an asked value.

A chunk has many dimensions and the asked value is one number, so that many codes would do. We take the nearest, where
near is measured as the training codes vary: with h the model's reading of an axis (any head; discrete heads read their
mean level), g its gradient and Sigma the covariance of that chunk over the training codes, a code z moves to

    z' = z + Sigma g (asked - h(z)) / (g' Sigma g).

Where h is linear this is the least Mahalanobis move that reaches the asked value, in one go. Where it is not, the step
is repeated from where it came to (damped Gauss-Newton). Each axis moves in its own chunk, z_z stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from affectspace.errors import DataError, RunError
from affectspace.generation.geometry import AXES, WalkGeometry
from affectspace.models import Levasa

TOLERANCE = 1e-3  # of the reached against the asked value
STEPS = 20
LONGEST = 1.0  # Mahalanobis length of one step at most: 20 standard deviations in all
HALVINGS = 6
BATCH = 64


@dataclass(frozen=True, eq=False)
class Walk:
    """One face at n points of the map.

    images : (n, size, size, 3) uint8 RGB
    asked, reached : (n, 2), valence and arousal; reached is what the model reads off the code that was decoded
    """

    images: np.ndarray
    asked: np.ndarray
    reached: np.ndarray

    @property
    def missed(self) -> np.ndarray:
        """(n, 2), where the asked value was not reached."""
        return np.abs(self.asked - self.reached) > 2 * TOLERANCE


def move(
    model: Levasa,
    code: Tensor,
    geometry: WalkGeometry,
    valence: Tensor | None = None,
    arousal: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Codes that read as the asked values, and what they read as.

    code : (batch, 3 * chunk); valence, arousal : (batch,) on [-1, 1], None to leave an axis and its chunk as they are
    returns : codes (batch, 3 * chunk), detached, and readings (batch, 2); a value that cannot be reached is approached

    Raises DataError where an asked value is not on [-1, 1] or its number is not the codes'.
    """
    if code.ndim != 2 or code.shape[1] != model.latent:
        raise DataError(f"codes have shape {tuple(code.shape)}; give (batch, {model.latent})")
    with torch.inference_mode(False), torch.enable_grad():
        whole = code.detach().clone()
        asked = torch.stack([_asked(whole, *item) for item in zip(AXES, (valence, arousal), strict=True)], dim=1)
        sigma = torch.as_tensor(geometry.covariance, dtype=code.dtype, device=code.device)
        rest = whole[:, 2 * model.config.chunk :]

        def join(parts: Tensor) -> Tensor:
            return torch.cat([parts.flatten(1), rest], dim=1)

        parts = torch.stack(model.chunks(whole)[:2], dim=1)  # (batch, axis, chunk)
        for _ in range(STEPS):
            parts = parts.detach().requires_grad_()
            reading = read(model, join(parts), geometry)
            gap = torch.where(asked.isnan(), torch.zeros_like(asked), asked - reading.detach())
            if bool((gap.abs() < TOLERANCE).all()):
                break
            # an axis is read off its own chunk only, so that the gradient of the sum holds both axes' gradients
            (gradient,) = torch.autograd.grad(reading.sum(), parts)
            with torch.no_grad():
                step = _step(gap, gradient, sigma)
                share = _share(lambda at: read(model, join(at), geometry), parts, step, asked, gap)
                parts = parts + share[..., None] * step
            if not bool(share.any()):
                break
    with torch.no_grad():
        moved = join(parts.detach())
        return moved, read(model, moved, geometry)


def read(model: Levasa, code: Tensor, geometry: WalkGeometry) -> Tensor:
    """Valence and arousal of codes, (batch, 2): by the geometry's read-out where it has one, else by the heads."""
    if geometry.readout is None:
        return model.read_affect(code)
    readout = torch.as_tensor(geometry.readout, dtype=code.dtype, device=code.device)
    parts = torch.stack(model.chunks(code)[:2], dim=1)
    return (parts * readout[:, :-1]).sum(dim=2) + readout[:, -1]


def walk(model: Levasa, image: np.ndarray, points: np.ndarray, geometry: WalkGeometry) -> Walk:
    """One face at points of the map.

    image : (size, size, 3) uint8 RGB, of the model's size; points : (n, 2), valence and arousal on [-1, 1]

    Raises DataError where the image or a point is of another kind, RunError where the model is in training mode.
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
        code = model.encode(pixels).mean
        images, reached = [], []
        for start in range(0, len(points), BATCH):
            asked = torch.as_tensor(points[start : start + BATCH], dtype=weight.dtype, device=weight.device)
            moved, reading = move(model, code.expand(len(asked), -1), geometry, asked[:, 0], asked[:, 1])
            decoded = model.decode(moved).permute(0, 2, 3, 1).float().clamp(0, 1)
            images.append((decoded * 255).round().to(torch.uint8).cpu().numpy())
            reached.append(reading.double().cpu().numpy())
    return Walk(np.concatenate(images), points, np.concatenate(reached))


def walk_grid(
    model: Levasa, image: np.ndarray, valences: Sequence[float], arousals: Sequence[float], geometry: WalkGeometry
) -> np.ndarray:
    """One face at every pair of values, (arousals, valences, size, size, 3) uint8.

    Row 0 is the first arousal given, column 0 the first valence. Raises as `walk`.
    """
    images = walk(model, image, grid_points(valences, arousals), geometry).images
    return images.reshape(len(arousals), len(valences), *images.shape[1:])


def walk_path(model: Levasa, image: np.ndarray, path: np.ndarray, geometry: WalkGeometry, steps: int = 8) -> Walk:
    """One face along the straight lines between the corners of a path, each line in `steps` equal steps.

    path : (corners, 2), valence and arousal
    returns : the walk of (corners - 1) * steps + 1 points, corners included

    Raises as `walk`, and DataError with fewer than two corners or one step.
    """
    corners = np.asarray(path, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 2 or steps < 1:
        raise DataError(f"a path has at least two corners (n, 2) and one step; given: {corners.shape}, {steps} steps")
    share = np.arange(steps)[:, None] / steps
    lines = [start + share * (end - start) for start, end in pairwise(corners)]
    return walk(model, image, np.concatenate([*lines, corners[-1:]]), geometry)


def grid_points(valences: Sequence[float], arousals: Sequence[float]) -> np.ndarray:
    """(arousals * valences, 2): rows of one arousal each, in the order given."""
    return np.array([(valence, arousal) for arousal in arousals for valence in valences], dtype=np.float64)


def _asked(code: Tensor, axis: str, values: Tensor | None) -> Tensor:
    """(batch,) of the code's type; NaN stands for an axis to leave as it is."""
    if values is None:
        return torch.full_like(code[:, 0], torch.nan)
    values = torch.as_tensor(values, dtype=code.dtype, device=code.device).detach()
    if values.shape != code.shape[:1]:
        raise DataError(f"{axis} has shape {tuple(values.shape)} for {len(code)} codes; give one value a code")
    wrong = ~(values.abs() <= 1)
    if bool(wrong.any()):
        raise DataError(f"{axis} {float(values[wrong][0]):g} was asked; valence and arousal lie on [-1, 1]")
    return values.clone()


def _step(gap: Tensor, gradient: Tensor, sigma: Tensor) -> Tensor:
    """Sigma g gap / (g' Sigma g) of each row and axis, (batch, 2, chunk), of Mahalanobis length LONGEST at most."""
    push = torch.einsum("aij,baj->bai", sigma, gradient)
    variance = (gradient * push).sum(dim=2)
    length = gap.abs() / variance.sqrt()
    scale = gap / variance * (LONGEST / length.clamp(min=LONGEST))
    return torch.where(variance > 0, scale, torch.zeros_like(scale))[..., None] * push


def _share(reader: Callable[[Tensor], Tensor], parts: Tensor, step: Tensor, asked: Tensor, gap: Tensor) -> Tensor:
    """How much of the step to go, (batch, 2): 1, 1/2, 1/4, ..., the first that comes nearer; 0 where none does."""
    share = torch.zeros_like(gap)
    open_ = gap.abs() >= TOLERANCE
    for halvings in range(HALVINGS + 1):
        trial = torch.where(open_, torch.full_like(gap, 0.5**halvings), share)
        nearer = (asked - reader(parts + trial[..., None] * step)).abs() < gap.abs()
        share = torch.where(open_ & nearer, trial, share)
        open_ = open_ & ~nearer
        if not bool(open_.any()):
            break
    return share
