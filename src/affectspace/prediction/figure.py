"""The trajectory of a long input: valence, arousal, dominance over time."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.scales import AXES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from affectspace.prediction.trajectory import Trajectory

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
