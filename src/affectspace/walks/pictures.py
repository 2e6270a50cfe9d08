"""One face at other valences and arousals, along points and paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.models import Levasa
from affectspace.walks.geometry import AXES
from affectspace.walks.moving import TOLERANCE, Geometry, move, read

NAMED = ("circle", "valence", "arousal")
MOST = 400  # frames


def path_points(path: str, valences: Sequence[float], arousals: Sequence[float], frames: int = 48) -> np.ndarray:
    """(frames, 2), valence and arousal on [-1, 1]; NaN for the axis that a path along the other leaves as it is.

    path : ``circle``, inside the ranges of both axes, anticlockwise from the greatest valence; ``valence`` or ``arousal``,
        from one end of its range to the other; or corners such as ``-0.8,0;0.8,0.5``, with points evenly spaced between
    valences, arousals : values whose ends are the ranges

    Raises ConfigError where the path is none of these, has one corner, or leaves [-1, 1].
    """
    if not 2 <= frames <= MOST:
        raise ConfigError(f"--frames {frames}: give 2 to {MOST}")
    if path == "circle":
        angle = np.linspace(0, 2 * np.pi, frames, endpoint=False)
        turns = zip((valences, arousals), (np.cos(angle), np.sin(angle)), strict=True)
        return np.stack([_middle(values) + _reach(values) * turn for values, turn in turns], axis=1)
    if path in ("valence", "arousal"):
        axis = ("valence", "arousal").index(path)
        points = np.full((frames, 2), np.nan)
        values = (valences, arousals)[axis]
        points[:, axis] = np.linspace(values[0], values[-1], frames)
        return points
    corners = parse_corners(path)
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0, along[-1], frames)
    return np.stack([np.interp(at, along, corners[:, axis]) for axis in (0, 1)], axis=1)


def parse_corners(text: str) -> np.ndarray:
    """(corners, 2) of ``v,a;v,a;...``. Raises ConfigError."""
    example = f"--path {text!r}: write {', '.join(NAMED)}, or two corners or more, such as '-0.8,0;0.8,0.5'"
    corners = []
    for part in text.strip().strip(";").split(";"):
        numbers = part.split(",")
        try:
            corners.append([float(number) for number in numbers])
        except ValueError:
            raise ConfigError(example) from None
        if len(numbers) != 2:
            raise ConfigError(f"{example}; {part.strip()!r} is no pair of valence and arousal")
    points = np.array(corners)
    if not (np.abs(points) <= 1).all():
        valence, arousal = points[~(np.abs(points) <= 1).all(axis=1)][0]
        raise ConfigError(f"--path {text!r}: {valence:g},{arousal:g} is not on the map; both axes lie on [-1, 1]")
    if len(points) < 2 or not np.diff(points, axis=0).any():
        raise ConfigError(f"{example}; one point is no path")
    return points


def closed(points: np.ndarray) -> bool:
    """Whether the last point is about a step from the first, so that an animation may start again from there."""
    steps = np.linalg.norm(np.diff(np.nan_to_num(points), axis=0), axis=1)
    return bool(np.linalg.norm(np.nan_to_num(points[-1] - points[0])) <= 1.5 * steps.max())


def _middle(values: Sequence[float]) -> float:
    return (min(values) + max(values)) / 2


def _reach(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / 2


BATCH = 64

__all__ = ["Walk", "decode", "grid_points", "move", "read", "walk", "walk_grid", "walk_path"]


@dataclass(frozen=True, eq=False)
class Walk:
    """One face at n points of the map.

    images : (n, size, size, 3) uint8 RGB
    asked : (n, 2), valence and arousal, NaN where an axis was left as it is
    reached : (n, 2), what the geometry reads off the code that was decoded
    heads : (n, 2), what the model's heads read off it; NaN where it has none
    codes : (n, 3 * chunk) float32
    """

    images: np.ndarray
    asked: np.ndarray
    reached: np.ndarray
    heads: np.ndarray
    codes: np.ndarray

    @property
    def missed(self) -> np.ndarray:
        """(n, 2), where an asked value was not reached."""
        return np.abs(self.asked - self.reached) > 2 * TOLERANCE


def walk(model: Levasa, image: np.ndarray, points: np.ndarray, geometry: Geometry) -> Walk:
    """One face at points of the map.

    image : (size, size, 3) uint8 RGB, of the model's size
    points : (n, 2), valence and arousal on [-1, 1]; an axis that is NaN at all points is left as it is

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
    left = np.isnan(points).all(axis=0)
    codes, reached = [], []
    for start in range(0, len(points), BATCH):
        asked = torch.as_tensor(points[start : start + BATCH], dtype=weight.dtype, device=weight.device)
        axes = [None if left[axis] else asked[:, axis] for axis in (0, 1)]
        moved, reading = move(model, code.expand(len(asked), -1), geometry, *axes)
        codes.append(moved)
        reached.append(reading.double().cpu().numpy())
    found = torch.cat(codes)
    return Walk(
        decode(model, found), points, np.concatenate(reached), _heads(model, found), found.float().cpu().numpy()
    )


@torch.no_grad()
def decode(model: Levasa, codes: torch.Tensor) -> np.ndarray:
    """Pictures of codes, (n, 3 * chunk) -> (n, size, size, 3) uint8, batch by batch."""
    images = []
    for part in codes.split(BATCH):
        decoded = model.decode(part).permute(0, 2, 3, 1).float().clamp(0, 1)
        images.append((decoded * 255).round().to(torch.uint8).cpu().numpy())
    return np.concatenate(images)


@torch.no_grad()
def _heads(model: Levasa, codes: torch.Tensor) -> np.ndarray:
    if not set(AXES) <= set(model.heads):
        return np.full((len(codes), 2), np.nan)
    return model.read_affect(codes).double().cpu().numpy()


def walk_grid(
    model: Levasa, image: np.ndarray, valences: Sequence[float], arousals: Sequence[float], geometry: Geometry
) -> np.ndarray:
    """One face at every pair of values, (arousals, valences, size, size, 3) uint8.

    Row 0 is the first arousal given, column 0 the first valence. Raises as `walk`.
    """
    images = walk(model, image, grid_points(valences, arousals), geometry).images
    return images.reshape(len(arousals), len(valences), *images.shape[1:])


def walk_path(model: Levasa, image: np.ndarray, path: np.ndarray, geometry: Geometry, steps: int = 8) -> Walk:
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
