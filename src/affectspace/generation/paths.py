"""Paths over the map of valence and arousal, as points that a face is walked along."""

from collections.abc import Sequence

import numpy as np

from affectspace.errors import ConfigError

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
