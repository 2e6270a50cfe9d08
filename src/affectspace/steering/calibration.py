"""Asked affect -> the projector's input: monotone, an axis each, fitted on validation sentences by one judge.

Without it, asking for one standard deviation more gives whatever the language model makes of it. The input follows a line and
bends before it leaves what the projector was trained on: beyond, the language model breaks before its affect grows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import ConfigError, RunError
from affectspace.files import write_text
from affectspace.progress import Progress, silent
from affectspace.steering.asking import ask
from affectspace.steering.judges import Judge, measured

if TYPE_CHECKING:
    from affectspace.steering.steerer import Steerer

LEAST = 0.1  # measured sd for one sd of input; an axis that responds less cannot be stretched without leaving the data


@dataclass(frozen=True)
class Line:
    """One axis: measured = intercept + slope * input, in sd. The asked value becomes (asked - intercept) / slope.

    responds : whether the measured slope is at least .1; else that is taken in its place, and `measured_slope` tells it
    """

    slope: float
    intercept: float
    measured_slope: float
    responds: bool = True


@dataclass(frozen=True)
class Calibration:
    """axis -> its line; judge, sentences : by what and on how many it was fitted; none where it was not.

    reach : sd from the mean that an input on a line comes near and never passes
    """

    lines_of: dict[str, Line]
    judge: str = ""
    sentences: int = 0
    reach: float = float("inf")

    def input_of(self, asked: np.ndarray, own: np.ndarray, relative: bool) -> np.ndarray:
        """Input (texts, steps, 3) of asked points, NaN where an axis stays as the sentence has it; own : (texts, 3).

        A relative question is stretched around the sentence's own affect, an absolute one around the corpus' mean; both bend
        towards the reach, x -> reach tanh(x / reach).
        """
        given = np.where(np.isnan(asked), own[:, None], asked)
        for axis, name in enumerate(AXES):
            line = self.lines_of.get(name)
            if line is None:
                continue
            if relative:
                difference = (asked[..., axis] - own[:, None, axis]) / line.slope
                stretched = self._unbent(own[:, None, axis]) + difference  # no difference leaves the sentence's own
            else:
                stretched = (asked[..., axis] - line.intercept) / line.slope
            given[..., axis] = np.where(np.isnan(asked[..., axis]), given[..., axis], self._bent(stretched))
        return given

    def _bent(self, values: np.ndarray) -> np.ndarray:
        return self.reach * np.tanh(values / self.reach) if np.isfinite(self.reach) else values

    def _unbent(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `_bent`; what lies beyond the reach is taken to be just within."""
        if not np.isfinite(self.reach):
            return values
        return self.reach * np.arctanh(np.clip(values / self.reach, -0.999, 0.999))

    def lines(self) -> list[str]:
        """What was found, a line an axis."""
        found = []
        for name, line in self.lines_of.items():
            weak = "" if line.responds else f"; it hardly responds, so that a slope of {LEAST:g} is assumed"
            found.append(
                f"calibration: {name}: one sd of input measures as {line.measured_slope:+.2f} sd by {self.judge} on "
                f"{self.sentences} validation sentences{weak}"
            )
        return found

    def axes(self) -> dict[str, dict[str, float | bool]]:
        """axis -> the fields of its line, as JSON has them."""
        return {name: vars(line) for name, line in self.lines_of.items()}

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        content = {"judge": self.judge, "sentences": self.sentences, "axes": self.axes()}
        content |= {"reach": self.reach} if np.isfinite(self.reach) else {}
        write_text(path, json.dumps(content, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """What `write` wrote; without lines where there is no file. Raises RunError where it is damaged."""
        if not path.is_file():
            return cls({})
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                {name: Line(**line) for name, line in content["axes"].items()},
                content["judge"],
                content["sentences"],
                float(content.get("reach", "inf")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{path} is damaged ({error}); delete it to steer without calibration, or train anew"
            ) from error


def fit_line(inputs: np.ndarray, values: np.ndarray) -> Line:
    """The least-squares line through (texts, points) values at (points,) inputs, with a slope within texts."""
    centred = inputs - inputs.mean()
    if not centred.any():
        raise ConfigError(f"calibration.points: {inputs.tolist()}; give two different values or more")
    slope = float((centred * (values - values.mean(axis=1, keepdims=True))).sum(axis=1).mean() / (centred**2).sum())
    used = max(slope, LEAST)
    return Line(used, float(values.mean() - used * inputs.mean()), slope, slope >= LEAST)


def calibrate(
    steerer: Steerer,
    texts: Sequence[str],
    judge: Judge,
    points: Sequence[float],
    *,
    candidates: int = 1,
    seed: int = 0,
    progress: Progress = silent,
) -> Calibration:
    """Steer sentences along each axis that the judge knows, uncalibrated, and fit the lines of what it measures.

    candidates : a step, ranked as later by a user; several answer more than one does. The mean of the judge's scores of the
    seeds themselves is what it calls zero.
    """
    zero = measured(judge, texts).mean(axis=0)
    lines = {}
    for axis in judge.axes:
        place = AXES.index(axis)
        found = steerer.steer(
            texts, ask(**{axis: list(points)}), calibrated=False, candidates=candidates, seed=seed, progress=progress
        )
        flat = [text for one in found for text in one.texts]
        values = measured(judge, flat)[:, place].reshape(len(texts), len(points)) - zero[place]
        lines[axis] = fit_line(np.asarray(points, dtype=np.float64), values)
    return Calibration(lines, judge.name, len(texts), steerer.projector.config.reach)
