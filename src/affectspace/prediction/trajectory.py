"""A long input as a series of predictions: a table, its mean, its dynamics, a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.lexicon.speakers import SpeakerDynamics, series_dynamics
from affectspace.prediction.result import VAD, Estimate, Failure, Prediction, table_of
from affectspace.prediction.windows import Window

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_LINE, _HOME = "#1f5f8b", "#00826a"


def trajectory_figure(trajectory: Trajectory) -> Figure:
    """A panel an axis: the predictions, one deviation each way as a band, the home base as two lines; gaps where none is.

    Raises DataError for fewer than two windows with a prediction.
    """
    from affectspace.report.theme import figure_style, new_figure

    table = trajectory.table
    summary = trajectory.dynamics.summary.set_index("axis")
    axes = [axis for axis in AXES if axis in summary.index]
    middle = (table["start"] + table["end"]).to_numpy(float) / 2
    unit = trajectory.unit
    if unit == "s" and middle[-1] > 300:
        middle, unit = middle / 60, "min"
    with figure_style():
        figure = new_figure(9.0, 0.9 + 1.9 * len(axes))
        panels = figure.subplots(len(axes), 1, squeeze=False, sharex=True)[:, 0]
        for panel, axis in zip(panels, axes, strict=True):
            value, deviation = table[axis].to_numpy(float), np.nan_to_num(table[f"{axis}_sd"].to_numpy(float))
            row: Any = summary.loc[axis]
            panel.fill_between(middle, value - deviation, value + deviation, color=_LINE, alpha=0.18, linewidth=0)
            panel.plot(middle, value, color=_LINE, marker="o" if len(value) < 60 else "", markersize=3)
            for edge in (float(row["home_low"]), float(row["home_high"])):
                panel.axhline(edge, color=_HOME, linewidth=0.9, linestyle=(0, (4, 3)))
            at_home, displacements = float(row["in_home_base"]), int(row["displacements"])
            panel.set_title(
                f"{axis}: {at_home:.0%} of the windows at home (between the broken lines), {displacements} away"
            )
            panel.set_ylabel(axis)
            known = value[np.isfinite(value)]
            panel.set_ylim(min(-1.05, known.min() - 0.05), max(1.05, known.max() + 0.05))  # a model may say more than 1
            panel.margins(x=0.01)
        panels[-1].set_xlabel({"s": "seconds", "min": "minutes", "sentence": "sentence"}[unit])
        figure.suptitle(f"{PurePath(trajectory.name).name}; the band is one standard deviation each way")
    return figure


@dataclass(frozen=True)
class Trajectory:
    """Predictions of the windows of one input, in order.

    name : of the input; unit : "s" or "sentence", of the windows' start and end; outcomes : one a window
    modalities : of the run
    """

    name: str
    unit: str
    windows: Sequence[Window]
    outcomes: Sequence[Prediction | Failure]
    modalities: tuple[str, ...]

    @property
    def good(self) -> list[Prediction]:
        """The windows that have a prediction."""
        return [one for one in self.outcomes if isinstance(one, Prediction)]

    @property
    def table(self) -> pd.DataFrame:
        """A row a window: start, end, of a text its sentences, and the columns of `table_of`."""
        frame = table_of(self.outcomes, self.modalities)
        frame.insert(0, "start", [window.start for window in self.windows])
        frame.insert(1, "end", [window.end for window in self.windows])
        if self.unit == "sentence":
            frame.insert(2, "text", [window.sample.text for window in self.windows])
        return frame

    @cached_property
    def whole(self) -> Prediction:
        """The mean over windows. Its deviation is the root of their mean variance: windows of one speaker err together, so
        that a mean over many is not taken for surer than one. Raises DataError where no window has a prediction.
        """
        good = self.good
        if not good:
            reason = next((one.reason for one in self.outcomes if isinstance(one, Failure)), "it has no windows")
            raise DataError(reason if reason.startswith(self.name) else f"{self.name}: {reason}")
        mean, deviation = _mean(good)
        names = [name for name in self.modalities if any(name in one.by_modality for one in good)]
        alone = {
            name: Estimate(*_mean([one.by_modality[name] for one in good if name in one.by_modality])) for name in names
        }
        totals: dict[str, float] = {}
        for one in good:
            for emotion, value in one.probabilities.items():
                totals[emotion] = totals.get(emotion, 0.0) + value / len(good)
        ranked = dict(sorted(totals.items(), key=lambda pair: -pair[1]))
        emotion, probability = next(iter(ranked.items()))
        left = len(self.outcomes) - len(good)
        notes = [f"the mean of {len(good)} windows" + (f", {left} had no prediction" if left else "")]
        notes += dict.fromkeys(note for one in good for note in one.notes)
        return Prediction(mean, deviation, alone, emotion, probability, ranked, tuple(notes))

    @cached_property
    def dynamics(self) -> SpeakerDynamics:
        """Home base, displacements, rise and recovery of each axis (`series_dynamics`), steps being windows.

        Raises DataError for fewer than two windows with a prediction.
        """
        table = self.table
        good = table["reason"].isna().to_numpy()
        values = table.loc[good, [axis for axis in AXES if table.loc[good, axis].notna().any()]]
        if len(values) < 2:
            raise DataError(f"{self.name}: {len(values)} windows have a prediction; dynamics need two")
        return series_dynamics(values, [self.name] * len(values), times=table.loc[good, "start"].tolist())

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON: the whole, the windows, the dynamics of each axis (none with fewer than two windows)."""
        windows = [
            {"start": window.start, "end": window.end, **one.to_dict()}
            for window, one in zip(self.windows, self.outcomes, strict=True)
        ]
        summary = self.dynamics.summary.drop(columns="speaker") if len(self.good) > 1 else pd.DataFrame()
        dynamics = json.loads(summary.to_json(orient="records"))
        return {"unit": self.unit, "whole": self.whole.to_dict(), "windows": windows, "dynamics": dynamics}

    def figure(self) -> Figure:
        """Each axis over time, with its deviation and its home base. Raises DataError as `dynamics` does."""

        return trajectory_figure(self)


def _mean(estimates: Sequence[Estimate]) -> tuple[VAD, VAD]:
    means = np.array([one.mean for one in estimates])
    deviations = np.array([one.deviation for one in estimates])
    return VAD(*map(float, means.mean(axis=0))), VAD(*map(float, np.sqrt((deviations**2).mean(axis=0))))
