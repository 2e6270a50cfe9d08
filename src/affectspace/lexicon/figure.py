"""Figure of a speaker's trajectory: the series, its home base, and the displacements from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.errors import DataError, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from affectspace.lexicon.speakers import SpeakerDynamics

_LOW, _HIGH, _HOME = "#1f5f8b", "#d55e00", "#00826a"
_MARKERS = {"LOW": ("v", _LOW), "HIGH": ("^", _HIGH)}


def plot_trajectory(result: SpeakerDynamics, speaker: Any = None) -> Figure:
    """Draw the rolling mean of one speaker, with the home base as a band and displacements filled, a panel for each axis.

    Parameters
    ----------
    result : SpeakerDynamics
    speaker : optional
        Default: the speaker with the most steps.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    DataError
        If the speaker has no states.
    """
    from affectspace.report.theme import figure_style, new_figure

    summary = result.summary
    if speaker is None:
        speaker = summary["speaker"].iloc[int(summary["steps"].argmax())]
    rows = summary[summary["speaker"] == speaker]
    if rows.empty:
        known = ", ".join(map(str, summary["speaker"].unique()[:10]))
        raise DataError(f"speaker {speaker!r} has no states; there are {known}")
    with figure_style():
        figure = new_figure(9.0, 0.9 + 2.1 * len(rows))
        panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for panel, (_, row) in zip(panels, rows.iterrows(), strict=True):
            states = result.states
            _panel(panel, states[(states["speaker"] == speaker) & (states["axis"] == row["axis"])], row)
        panels[-1].set_xlabel("step")
        figure.suptitle(
            f"{speaker}: {counted(int(rows['words'].max()), 'value')} in {counted(int(rows['utterances'].max()), 'utterance')}"
        )
    return figure


def _panel(panel: Axes, states: Any, row: Any) -> None:
    step, value = states["step_number"].to_numpy(), states["value"].to_numpy()
    low, high = float(row["home_low"]), float(row["home_high"])
    panel.axhspan(low, high, color=_HOME, alpha=0.12, linewidth=0, label="home base")
    panel.axhline(float(row["mean"]), color=_HOME, linewidth=0.9, linestyle=(0, (4, 3)))
    panel.plot(step, value, color="#4a5058", linewidth=1.3 if len(step) < 200 else 0.9)
    panel.fill_between(step, value, low, where=value < low, interpolate=True, color=_LOW, alpha=0.35, linewidth=0)
    panel.fill_between(step, value, high, where=value > high, interpolate=True, color=_HIGH, alpha=0.35, linewidth=0)
    peak, size = states["is_peak"].to_numpy() == 1, 5 if len(step) < 200 else 3.5
    for state, (marker, colour) in _MARKERS.items():
        at = np.flatnonzero(peak & (states["state"].to_numpy() == state))
        panel.plot(step[at], value[at], marker, color=colour, markersize=size, label=f"peak {state.lower()}")
    inside, displacements = f"{row['in_home_base']:.0%}", int(row["displacements"])
    panel.set_title(f"{row['axis']}: {inside} of the steps inside the home base, {displacements} displacements")
    panel.set_ylabel(str(row["axis"]))
    panel.margins(x=0.01)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2, fontsize=8)
