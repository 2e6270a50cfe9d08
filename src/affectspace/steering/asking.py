"""What is asked of a sentence, and what steering gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Steered:
    """One sentence along a path. All affect is in standard deviations of the corpus.

    text : the seed; own : (3,), what the encoder reads of it; asked : (steps, 3), NaN for axes that were left as they are
    given : (steps, 3), the projector's input: the asked values through the calibration
    texts : one a step; reached : (steps, 3), what the encoder reads of them; content : (steps,) cosine to the seed
    clipped : steps whose input lies at the projector's reach, or was cut to it
    """

    text: str
    own: np.ndarray
    asked: np.ndarray
    given: np.ndarray
    texts: tuple[str, ...]
    reached: np.ndarray
    content: np.ndarray
    clipped: int = 0

    @property
    def asked_axes(self) -> tuple[int, ...]:
        """Places of the axes that were asked for."""
        return tuple(int(axis) for axis in np.flatnonzero(~np.isnan(self.asked).all(axis=0)))

    def table(self) -> pd.DataFrame:
        """A row a step: seed, step, asked and encoder's values in sd, content, text."""
        columns: dict[str, object] = {"seed": self.text, "step": np.arange(len(self.texts))}
        for axis in self.asked_axes:
            columns[f"asked_{AXES[axis]}"] = self.asked[:, axis]
        for axis, name in enumerate(AXES):
            columns[f"encoder_{name}"] = self.reached[:, axis]
        return pd.DataFrame({**columns, "content": self.content, "text": list(self.texts)})


def table_of(found: Sequence[Steered]) -> pd.DataFrame:
    """The tables of several sentences one after another."""
    return pd.concat([one.table() for one in found], ignore_index=True)


UNITS = ("sd", "canonical")
MOST = 100  # steps
FARTHEST = 4.0  # standard deviations of the corpus
_TINY = 1e-9


def ask(**axes: float | Sequence[float]) -> np.ndarray:
    """Points (steps, 3) from values of valence, arousal, dominance; NaN for an axis that is left as it is.

    A single number stands for all steps. Raises ConfigError for no axis, an unknown one, or different numbers of steps.

    >>> ask(valence=[-1, 0, 1], arousal=0.5).tolist()
    [[-1.0, 0.5, nan], [0.0, 0.5, nan], [1.0, 0.5, nan]]
    """
    unknown = [name for name in axes if name not in AXES]
    if unknown or not axes:
        raise ConfigError(
            f"axis {unknown[0]!r} is none; there are {', '.join(AXES)}" if unknown else "no axis is asked for"
        )
    values = {name: np.atleast_1d(np.asarray(given, dtype=np.float64)) for name, given in axes.items()}
    lengths = {name: len(given) for name, given in values.items() if len(given) != 1}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ConfigError(
            f"the axes have different numbers of steps ({told}); a path needs the same, or a single value"
        )
    steps = next(iter(lengths.values()), 1)
    if not 1 <= steps <= MOST:
        raise ConfigError(f"{steps} steps are asked for; give 1 to {MOST}")
    points = np.full((steps, len(AXES)), np.nan)
    for name, given in values.items():
        points[:, AXES.index(name)] = given
    return points


def parse_steps(text: str, option: str) -> list[float]:
    """Values of one axis: ``low:high:step`` (both ends included), ``a,b,c``, or one number. Raises ConfigError.

    >>> parse_steps("-2:2:1", "--valence")
    [-2.0, -1.0, 0.0, 1.0, 2.0]
    """
    example = f"{option} {text!r}: write low:high:step, such as -2:2:1, values with commas between them, or one value"
    try:
        numbers = [float(part) for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        raise ConfigError(example) from None
    if not np.isfinite(numbers).all():
        raise ConfigError(example)
    if ":" not in text:
        return numbers
    if len(numbers) != 3 or numbers[2] == 0:
        raise ConfigError(example)
    low, high, step = numbers
    if (high - low) * step < 0:
        raise ConfigError(f"{option} {text!r}: steps of {step:g} do not lead from {low:g} to {high:g}")
    count = float(np.floor((high - low) / step + 1e-6)) + 1
    if count > MOST:  # infinite for the smallest of steps
        raise ConfigError(f"{option} {text!r}: {count:.0f} steps; give {MOST} at most")
    return [round(low + step * place, 6) for place in range(int(count))]


def parse_path(text: str, steps: int) -> np.ndarray:
    """Points (steps, 3), evenly spaced along corners ``v,a,d;v,a,d;...`` of the cube. Raises ConfigError."""
    example = f"--path {text!r}: write corners v,a,d with ; between them, such as '-1,0,0;1,1,0'"
    corners = []
    for part in text.strip().strip(";").split(";"):
        try:
            corners.append([float(number) for number in part.split(",")])
        except ValueError:
            raise ConfigError(example) from None
        if len(corners[-1]) != len(AXES):
            raise ConfigError(f"{example}; {part.strip()!r} has {len(corners[-1])} numbers")
    places = np.array(corners)
    beyond = places[np.abs(places) > FARTHEST]
    if beyond.size and np.isfinite(places).all():
        raise ConfigError(f"--path {text!r}: {beyond[0]:g} lies beyond what can be asked for in any unit, {FARTHEST:g}")
    if len(places) < 2 or not np.isfinite(places).all() or not np.diff(places, axis=0).any():
        raise ConfigError(f"{example}; a path has two corners or more that differ")
    if not 2 <= steps <= MOST:
        raise ConfigError(f"--steps {steps}: give 2 to {MOST}")
    lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0, along[-1], steps)
    return np.stack([np.interp(at, along, places[:, axis]) for axis in range(len(AXES))], axis=1)


def in_deviations(
    points: np.ndarray, units: str, relative: bool, mean: np.ndarray, scale: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Asked points (steps, 3) as absolute ones in sd of the corpus, (texts, steps, 3); NaN where an axis is left as it is.

    units : "sd" or "canonical", on [-1, 1]; relative : to each text's own affect; mean, scale : (3,) of the corpus, canonical
    own : (texts, 3), in sd

    Raises ConfigError where a value lies outside [-1, 1] or farther than 4 sd; a relative one is checked as a difference.
    """
    if units not in UNITS:
        raise ConfigError(f"units {units!r}; there are {', '.join(UNITS)}")
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != len(AXES) or not len(points):
        raise ConfigError(f"points have shape {points.shape}; give (steps, 3): {', '.join(AXES)}")
    if np.isinf(points).any():
        raise ConfigError("an asked value is infinite")
    if np.isnan(points).all():
        raise ConfigError("no axis is asked for")
    _check(points, units, relative, mean, scale)
    if units == "canonical":
        points = points / scale if relative else (points - mean) / scale
    absolute = np.broadcast_to(points, (len(own), *points.shape))
    return absolute + own[:, None] if relative else absolute.copy()


def _check(points: np.ndarray, units: str, relative: bool, mean: np.ndarray, scale: np.ndarray) -> None:
    most = FARTHEST if units == "sd" else (2.0 if relative else 1.0)
    for axis, name in enumerate(AXES):
        beyond = points[np.abs(points[:, axis]) > most + _TINY, axis]
        if not len(beyond):
            continue
        ends = ", ".join(f"{mean[axis] + side * FARTHEST * scale[axis]:+.2f}" for side in (-1, 1))
        if units == "sd":
            raise ConfigError(
                f"{name} {beyond[0]:g}: asked values lie within {FARTHEST:g} standard deviations of the corpus ({ends} on "
                "[-1, 1]); on [-1, 1] ask with units canonical"
            )
        raise ConfigError(
            f"{name} {beyond[0]:g}: values on the canonical scale lie on [{-most:g}, {most:g}]; the corpus' standard "
            f"deviation there is {scale[axis]:.2f}"
        )
