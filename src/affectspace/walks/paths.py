"""Points of a path over the map: a grid, a circle, one axis, or straight lines between corners."""

from collections.abc import Sequence

import numpy as np

from affectspace.errors import ConfigError

AXES = ("valence", "arousal")
RANGES = {"valence": (-0.8, 0.8), "arousal": (-0.6, 0.8)}  # where AffectNet's emotions lie
PATHS = ("circle", *AXES)
MOST_FRAMES = 400


def grid_points(valences: Sequence[float], arousals: Sequence[float]) -> np.ndarray:
    """Return all pairs, (arousals * valences, 2): one row of valences per arousal."""
    return np.array([(valence, arousal) for arousal in arousals for valence in valences], dtype=np.float64)


def path_points(path: str, valences: Sequence[float], arousals: Sequence[float], frames: int = 48) -> np.ndarray:
    """Return the points of a path, (frames, 2) on [-1, 1]; NaN for an axis that the path leaves as it is.

    path : ``circle`` (within the ranges of both axes, anticlockwise from the greatest valence), ``valence`` or ``arousal``
    (from one end of its range to the other), or corners such as ``-0.8,0;0.8,0.5``, with evenly spaced points between
    valences, arousals : values whose ends are the ranges

    Raises ConfigError if the path is none of these, has one corner, or leaves [-1, 1].
    """
    if not 2 <= frames <= MOST_FRAMES:
        raise ConfigError(f"--frames {frames}: give 2 to {MOST_FRAMES}")
    if path == "circle":
        angle = np.linspace(0, 2 * np.pi, frames, endpoint=False)
        turns = zip((valences, arousals), (np.cos(angle), np.sin(angle)), strict=True)
        return np.stack(
            [(min(values) + max(values)) / 2 + (max(values) - min(values)) / 2 * turn for values, turn in turns], axis=1
        )
    if path in AXES:
        axis = AXES.index(path)
        points = np.full((frames, 2), np.nan)
        values = (valences, arousals)[axis]
        points[:, axis] = np.linspace(values[0], values[-1], frames)
        return points
    form = f"{', '.join(PATHS)}, or at least two corners, for example '-0.8,0;0.8,0.5'"
    return spaced_points(parse_corners(path, AXES, 1.0, form), frames)


def parse_corners(text: str, axes: Sequence[str], limit: float, form: str) -> np.ndarray:
    """Parse ``a,b;a,b;...`` as (corners, axes), two or more that differ, within [-limit, limit].

    form : what the user can write instead. Raises ConfigError.
    """
    usage = f"--path {text!r}: write {form}"
    corners = []
    for part in text.strip().strip(";").split(";"):
        try:
            corners.append([float(number) for number in part.split(",")])
        except ValueError:
            raise ConfigError(usage) from None
        if len(corners[-1]) != len(axes):
            raise ConfigError(f"{usage}; {part.strip()!r} needs {len(axes)} numbers: {', '.join(axes)}")
    points = np.array(corners)
    outside = points[~(np.abs(points) <= limit)]
    if outside.size:
        raise ConfigError(f"--path {text!r}: {outside[0]:g} is outside [{-limit:g}, {limit:g}]")
    if len(points) < 2 or not np.diff(points, axis=0).any():
        raise ConfigError(f"{usage}; a path has two or more corners that differ")
    return points


def spaced_points(corners: np.ndarray, count: int) -> np.ndarray:
    """Return evenly spaced points along the straight lines between corners, (count, axes)."""
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    distance = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0, distance[-1], count)
    return np.stack([np.interp(at, distance, axis) for axis in corners.T], axis=1)


def is_closed(points: np.ndarray) -> bool:
    """Return whether the last point is about one step from the first, so that an animation can loop."""
    steps = np.linalg.norm(np.diff(np.nan_to_num(points), axis=0), axis=1)
    return bool(np.linalg.norm(np.nan_to_num(points[-1] - points[0])) <= 1.5 * steps.max())
