"""Targets of steering: points of valence, arousal and dominance, and their conversion to the corpus' units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import ConfigError
from affectspace.walks.paths import parse_corners, spaced_points

UNITS = ("sd", "canonical")
MAX_STEPS = 100
MAX_DEVIATIONS = 4.0
_TOLERANCE = 1e-9


def target_points(**axes: float | Sequence[float]) -> np.ndarray:
    """Build the targets of a path, one point a step.

    Parameters
    ----------
    **axes
        Values of ``valence``, ``arousal`` or ``dominance``, one a step. A single number holds for all steps.

    Returns
    -------
    ndarray, (steps, 3)
        NaN for axes that are not named; these stay as the sentence has them.

    Raises
    ------
    ConfigError
        For no axis, an unknown axis, axes with different numbers of steps, or more than 100 steps.

    Examples
    --------
    >>> target_points(valence=[-1, 0, 1], arousal=0.5).tolist()
    [[-1.0, 0.5, nan], [0.0, 0.5, nan], [1.0, 0.5, nan]]
    """
    unknown = [name for name in axes if name not in AXES]
    if unknown:
        raise ConfigError(f"unknown axis {unknown[0]!r}; use {', '.join(AXES)}")
    if not axes:
        raise ConfigError(f"no axis is given; use {', '.join(AXES)}")
    values = {name: np.atleast_1d(np.asarray(value, dtype=np.float64)) for name, value in axes.items()}
    lengths = {name: len(value) for name, value in values.items() if len(value) != 1}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ConfigError(f"the axes have different numbers of steps ({counts}); give equal numbers, or a single value")
    steps = next(iter(lengths.values()), 1)
    if not 1 <= steps <= MAX_STEPS:
        raise ConfigError(f"{steps} steps; give 1 to {MAX_STEPS}")
    points = np.full((steps, len(AXES)), np.nan)
    for name, value in values.items():
        points[:, AXES.index(name)] = value
    return points


def parse_steps(text: str, option: str) -> list[float]:
    """Parse the values of one axis: ``low:high:step`` (both ends included), ``a,b,c``, or one number.

    >>> parse_steps("-2:2:1", "--valence")
    [-2.0, -1.0, 0.0, 1.0, 2.0]
    """
    usage = f"{option} {text!r}: write low:high:step, such as -2:2:1, or values separated by commas, or one value"
    try:
        numbers = [float(part) for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        raise ConfigError(usage) from None
    if not np.isfinite(numbers).all():
        raise ConfigError(usage)
    if ":" not in text:
        return numbers
    if len(numbers) != 3 or numbers[2] == 0:
        raise ConfigError(usage)
    low, high, step = numbers
    if (high - low) * step < 0:
        raise ConfigError(f"{option} {text!r}: steps of {step:g} do not lead from {low:g} to {high:g}")
    count = float(np.floor((high - low) / step + 1e-6)) + 1
    if count > MAX_STEPS:  # infinite for a subnormal step
        raise ConfigError(f"{option} {text!r}: {count:.0f} steps; give at most {MAX_STEPS}")
    return [round(low + step * place, 6) for place in range(int(count))]


def parse_path(text: str, steps: int) -> np.ndarray:
    """Parse a path along corners ``v,a,d;v,a,d;...`` and return evenly spaced points, (steps, 3)."""
    corners = parse_corners(text, AXES, MAX_DEVIATIONS, "corners v,a,d separated by ;, such as '-1,0,0;1,1,0'")
    if not 2 <= steps <= MAX_STEPS:
        raise ConfigError(f"--steps {steps}: give 2 to {MAX_STEPS}")
    return spaced_points(corners, steps)


def absolute_targets(
    points: np.ndarray, units: str, relative: bool, mean: np.ndarray, scale: np.ndarray, seed_affect: np.ndarray
) -> np.ndarray:
    """Convert points (steps, 3) to absolute targets of each text, (texts, steps, 3), in sd of the corpus.

    NaN marks an axis that stays. Canonical values lie on [-1, 1], relative ones are differences from the text's own affect.
    mean, scale : (3,), canonical, of the corpus; seed_affect : (texts, 3), in sd
    """
    if units not in UNITS:
        raise ConfigError(f"unknown units {units!r}; use {' or '.join(UNITS)}")
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != len(AXES) or not len(points):
        raise ConfigError(f"points have shape {points.shape}; give (steps, 3): {', '.join(AXES)}")
    if np.isinf(points).any():
        raise ConfigError("a target is infinite; give finite values, and NaN for an axis that stays")
    if np.isnan(points).all():
        raise ConfigError("no axis has a target; give a value for at least one")
    _require_range(points, units, relative, mean, scale)
    if units == "canonical":
        points = points / scale if relative else (points - mean) / scale
    absolute = np.broadcast_to(points, (len(seed_affect), *points.shape))
    return absolute + seed_affect[:, None] if relative else absolute.copy()


def _require_range(points: np.ndarray, units: str, relative: bool, mean: np.ndarray, scale: np.ndarray) -> None:
    limit = MAX_DEVIATIONS if units == "sd" else (2.0 if relative else 1.0)
    for axis, name in enumerate(AXES):
        too_far = points[np.abs(points[:, axis]) > limit + _TOLERANCE, axis]
        if not len(too_far):
            continue
        if units == "sd":
            ends = ", ".join(f"{mean[axis] + side * limit * scale[axis]:+.2f}" for side in (-1, 1))
            raise ConfigError(
                f"{name} {too_far[0]:g}: targets must lie within {limit:g} standard deviations of the corpus ({ends} on "
                "[-1, 1]); for values on [-1, 1] use units canonical"
            )
        raise ConfigError(
            f"{name} {too_far[0]:g}: canonical values must lie on [{-limit:g}, {limit:g}]; one standard deviation of the "
            f"corpus is {scale[axis]:.2f}"
        )
