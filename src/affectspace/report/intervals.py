"""Figures of values with intervals: models against floors and ceilings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from affectspace.errors import DataError
from affectspace.report import formatting
from affectspace.report.checks import check_choice, check_interval
from affectspace.report.theme import (
    INK,
    MUTED,
    draw_bar,
    draw_dots,
    figure_style,
    group_colours,
    name_rows,
    new_figure,
)

PUBLISHED = "#7b3a6c"
CEILING = "#00664b"


@dataclass(frozen=True)
class IntervalRow:
    """One row of an interval figure: a measured value with its interval, its group of models, and the published value."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    group: str = ""
    paper: float | None = None

    def __post_init__(self) -> None:
        check_interval(self.low, self.high, f"the row {self.label!r}")


@dataclass(frozen=True)
class Reference:
    """A vertical line in an interval figure: a "floor" to exceed or a "ceiling" to reach."""

    label: str
    value: float
    kind: Literal["floor", "ceiling"] = "floor"

    def __post_init__(self) -> None:
        check_choice(self.kind, ("floor", "ceiling"), f"the kind of the reference {self.label!r}")


def interval_figure(rows: Sequence[IntervalRow], references: Sequence[Reference] = (), *, label: str = "") -> Figure:
    """Draw values with their intervals, one per row, the first on top.

    Raises DataError if there is no finite value.

    Parameters
    ----------
    rows : sequence of IntervalRow
        The values. A row whose value is NaN keeps its place and shows an en dash.
    references : sequence of Reference
        Named vertical lines.
    label : str
        What is measured.

    Examples
    --------
    >>> figure = interval_figure([IntervalRow("ours", 0.2, 0.1, 0.3)], [Reference("chance", 0.14)], label="UAR")
    """
    known = [value for row in rows for value in (row.value, row.low, row.high, row.paper)]
    known += [line.value for line in references]
    finite = np.array([value for value in known if value is not None and np.isfinite(value)], dtype=float)
    if not rows or not finite.size:
        raise DataError("an interval figure needs at least one row with a finite value; give IntervalRow(label, value)")
    colours = group_colours(row.group for row in rows)
    published = any(row.paper is not None for row in rows)
    low, high = finite.min(), finite.max()
    pad = 0.08 * (high - low) or 0.05
    with figure_style():
        # the legend and the names of the lines need space of their own above and below the rows
        height = 0.36 * len(rows) + 0.95 + 0.22 * len(references) + 0.3 * (len(colours) > 1 or published)
        figure = new_figure(9.4, height)
        axes = figure.subplots()
        axes.set(xlim=(low - pad, high + pad), xlabel=label)
        name_rows(axes, [row.label for row in rows])
        handles: dict[str, Any] = {}
        for place, row in enumerate(rows):
            _draw_row(axes, place, row, colours[row.group], handles)
        _draw_references(axes, references)
        if len(handles) > 1 or published:
            figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles))
    return figure


def _draw_row(axes: Axes, y: int, row: IntervalRow, colour: str, handles: dict[str, Any]) -> None:
    text = f"{formatting.fixed(row.value)}  {formatting.interval(row.low, row.high)}".rstrip()
    if row.paper is not None:
        text += f"   paper {formatting.published(row.paper)}"
    axes.text(1.02, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=INK)
    if row.low is not None and row.high is not None:
        draw_bar(axes, row.low, row.high, y, colour)
    if np.isfinite(row.value):
        handles.setdefault(row.group or "measured", draw_dots(axes, [row.value], [y], colour, size=8))
    if row.paper is not None:
        style: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": PUBLISHED, "markeredgewidth": 1.5}
        (handles["published"],) = axes.plot([row.paper], [y], "D", markersize=6, zorder=3, linestyle="", **style)


def _draw_references(axes: Axes, lines: Sequence[Reference]) -> None:
    """Draw each line up to a height of its own, so that names do not overlap, and its name on the side with more space."""
    middle = sum(axes.get_xlim()) / 2
    for step, line in enumerate(sorted(lines, key=lambda line: line.value, reverse=True)):
        floor = line.kind == "floor"
        colour, style = (MUTED, (0, (1, 2))) if floor else (CEILING, (0, (6, 3)))
        top = 1 + (0.22 * step + 0.16) / (0.36 * (axes.get_ylim()[0] + 0.6))
        axes.plot(
            [line.value] * 2, [0, top], transform=axes.get_xaxis_transform(), color=colour, linestyle=style,
            linewidth=1.2, clip_on=False, zorder=1,
        )  # fmt: skip
        right = line.value > middle
        axes.annotate(
            f"{line.label} {formatting.plain(line.value)}", (line.value, top), (-4 if right else 4, 0),
            xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha="right" if right else "left", va="top",
            fontsize=8.5, color=colour,
        )  # fmt: skip
