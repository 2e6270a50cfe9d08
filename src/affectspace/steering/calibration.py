"""Calibration: from target affect to the projector's input, one monotone curve an axis, fitted on validation sentences.

Without it, a target of one standard deviation more gives whatever the language model makes of it. The input follows a line
and bends before it leaves the range of training: beyond it the text breaks before its affect grows.
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
from affectspace.files import parse_json, write_text
from affectspace.progress import Progress, silent
from affectspace.steering.judges import Judge
from affectspace.steering.targets import target_points

if TYPE_CHECKING:
    from affectspace.steering.steerer import Steerer

MIN_SLOPE = 0.1  # measured sd for one sd of input; with less, targets would be stretched out of the range of training


@dataclass(frozen=True)
class Line:
    """Response of one axis in sd: measured = intercept + slope * input. A target becomes (target - intercept) / slope."""

    measured_slope: float
    intercept: float

    @property
    def slope(self) -> float:
        """The measured slope, at least .1."""
        return max(self.measured_slope, MIN_SLOPE)

    @classmethod
    def fit(cls, inputs: np.ndarray, values: np.ndarray) -> Line:
        """Fit least squares to values (texts, points) at inputs (points,), with the slope taken within texts."""
        centred = inputs - inputs.mean()
        if not centred.any():
            raise ConfigError(f"calibration.points: {inputs.tolist()}; give at least two different values")
        within = values - values.mean(axis=1, keepdims=True)
        measured_slope = float((centred * within).sum(axis=1).mean() / (centred**2).sum())
        return cls(measured_slope, float(values.mean() - max(measured_slope, MIN_SLOPE) * inputs.mean()))


@dataclass(frozen=True)
class Calibration:
    """Lines by axis; an axis without one is not calibrated.

    judge, sentences : what the lines were fitted with; reach : inputs approach this distance from the mean, in sd, and never
    pass it
    """

    lines: dict[str, Line]
    judge: str = ""
    sentences: int = 0
    reach: float = float("inf")

    def inputs(self, targets: np.ndarray, seed_affect: np.ndarray, relative: bool) -> np.ndarray:
        """Convert targets (texts, steps, 3), NaN where an axis stays, to inputs; seed_affect : (texts, 3).

        A relative target is stretched around the sentence's own affect, an absolute one around the corpus' mean. Both bend
        towards the reach: x -> reach tanh(x / reach).
        """
        stays = np.isnan(targets)
        inputs = np.where(stays, seed_affect[:, None], targets)
        for axis, name in enumerate(AXES):
            if name not in self.lines:
                continue
            line, own = self.lines[name], seed_affect[:, None, axis]
            if relative:
                stretched = self._unbent(own) + (targets[..., axis] - own) / line.slope  # a difference of 0 gives `own`
            else:
                stretched = (targets[..., axis] - line.intercept) / line.slope
            inputs[..., axis] = np.where(stays[..., axis], inputs[..., axis], self._bent(stretched))
        return inputs

    def _bent(self, values: np.ndarray) -> np.ndarray:
        return self.reach * np.tanh(values / self.reach) if np.isfinite(self.reach) else values

    def _unbent(self, values: np.ndarray) -> np.ndarray:
        """Invert `_bent`. Values beyond the reach are clipped to just within it."""
        if not np.isfinite(self.reach):
            return values
        return self.reach * np.arctanh(np.clip(values / self.reach, -0.999, 0.999))

    def summary(self) -> list[str]:
        """Describe each axis in a sentence."""
        weak = f"; this hardly responds, so a slope of {MIN_SLOPE:g} is assumed"
        return [
            f"calibration: {name}: one sd of input measures as {line.measured_slope:+.2f} sd by {self.judge} on "
            f"{self.sentences} validation sentences{weak if line.measured_slope < MIN_SLOPE else ''}"
            for name, line in self.lines.items()
        ]

    def write(self, path: Path) -> None:
        """Write a JSON file that `read` reads."""
        axes = {name: vars(line) for name, line in self.lines.items()}
        content = {"judge": self.judge, "sentences": self.sentences, "axes": axes}
        content |= {"reach": self.reach} if np.isfinite(self.reach) else {}
        write_text(path, json.dumps(content, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """Read what `write` wrote; without a file nothing is calibrated. Raises RunError where it is damaged."""
        if not path.is_file():
            return cls({})
        try:
            content = parse_json(path.read_text(encoding="utf-8"))
            lines = {name: Line(line["measured_slope"], line["intercept"]) for name, line in content["axes"].items()}
            return cls(lines, content["judge"], content["sentences"], float(content.get("reach", "inf")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{path} is damaged ({error}); delete it to steer without calibration, or train the projector again"
            ) from error


def calibrate(
    steerer: Steerer,
    texts: Sequence[str],
    judge: Judge,
    points: Sequence[float],
    *,
    axes: Sequence[str] | None = None,
    candidates: int = 1,
    progress: Progress = silent,
) -> Calibration:
    """Steer sentences along each axis without calibration and fit lines to the judge's scores.

    The mean score of the seeds themselves is zero. axes : by default all that the judge knows; candidates : a step, as in use,
    because the best of several responds more than a single one
    """
    zero = judge.score(texts).mean(axis=0)
    lines = {}
    for axis in axes or judge.axes:
        place = AXES.index(axis)
        path = target_points(**{axis: list(points)})
        results = steerer.steer(texts, path, calibrated=False, candidates=candidates, progress=progress)
        scores = judge.score([text for result in results for text in result.texts])[:, place]
        values = scores.reshape(len(texts), len(points)) - zero[place]
        lines[axis] = Line.fit(np.asarray(points, dtype=np.float64), values)
    return Calibration(lines, judge.name, len(texts), steerer.projector.config.reach)
