"""What judged walks look like: readings over asked values, and the walked faces themselves."""

from typing import TYPE_CHECKING

import numpy as np

from affectspace.evaluation import t_interval
from affectspace.evaluation.significance import per_group
from affectspace.report import image_grid
from affectspace.report.theme import INK, MUTED, figure_style, new_figure
from affectspace.studies.walks.judged import AXES, ELSEWHERE, WALK, Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WALKED, AWAY, REST = "#2f6db3", "#9a9ea4", "#c8452f"


def reading_figure(judged: Judged, reader: str) -> "Figure":
    """For each axis: how a reader reads walked faces over what was asked, less its reading at the start of the walk.

    Mean over people with a t interval; the other axis' reading and the walk elsewhere stand beside it.
    """
    with figure_style():
        figure = new_figure(10.0, 3.8)
        axes = figure.subplots(1, 2)
        for index, (label, panel) in enumerate(zip(AXES, axes, strict=True)):
            line, away = judged.lines[label, WALK], judged.lines[label, ELSEWHERE]
            _band(panel, line.asked, line.read[reader][..., index], judged.people, WALKED, f"{label} read")
            _band(panel, line.asked, line.read[reader][..., 1 - index], judged.people, REST, f"{AXES[1 - index]} read")
            _band(panel, line.asked, away.read[reader][..., index], judged.people, AWAY, f"{label} read, as far in z_z")
            panel.axhline(0, color=MUTED, linewidth=0.6)
            panel.set(xlabel=f"{label} asked", ylabel="reading, change from the start" if not index else "")
            panel.set_title(f"Walks along {label}", color=INK, fontsize=11, loc="left")
            panel.legend(frameon=False, fontsize=8.5)
    return figure


def _band(panel: object, asked: np.ndarray, read: np.ndarray, people: np.ndarray, colour: str, label: str) -> None:
    change = read - read[:, :1]
    intervals = [t_interval(per_group(np.mean, people, column)[1]) for column in change.T]
    middle, low, high = (np.array([getattr(one, name) for one in intervals]) for name in ("value", "low", "high"))
    panel.fill_between(asked, low, high, color=colour, alpha=0.16, linewidth=0)  # type: ignore[attr-defined]
    panel.plot(asked, middle, color=colour, marker="o", markersize=3, label=label)  # type: ignore[attr-defined]


def faces_figure(judged: Judged, axis: int) -> "Figure":
    """A row a person: one face over the walk along an axis."""
    asked = judged.lines[AXES[axis], WALK].asked
    heads = [f"{value:+.1f}".replace("-", "−") for value in asked]
    return image_grid(judged.shown[:, axis], None, heads, f"{AXES[axis]} asked", cell=0.95)
