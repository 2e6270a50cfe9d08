"""Pictures of a report, and the kinds of figures that are declarations over the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affectspace.evaluation.results import Result, Results, Where
from affectspace.report import IntervalRow, Reference, curves_figure, interval_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 6  # rows that an alternative text names


@dataclass(frozen=True)
class Bars:
    """Rows and reference lines that a report shows as text and lines instead of a picture; order : they are sorted."""

    rows: Sequence[IntervalRow]
    references: Sequence[Reference]
    label: str
    order: bool = True


@dataclass(frozen=True)
class Picture:
    """A figure with the name of its file, what it shows, what is to be seen in it, and how it was made.

    bars : what a report shows in its place
    """

    name: str
    figure: Figure
    title: str
    alt: str
    caption: str = ""
    bars: Bars | None = None

    def path(self, folder: Path) -> Path:
        """Return the figure's file below the folder of a run or a study."""
        return folder / "figures" / f"{self.name}.png"

    def save(self, folder: Path, *, pdf: bool = False) -> Path:
        """Write the figure as PNG, and as PDF beside it."""
        if pdf:
            save_figure(self.figure, self.path(folder).with_suffix(".pdf"))
        return save_figure(self.figure, self.path(folder))


def interval_picture(
    name: str,
    rows: Iterable[tuple[str, str, Result | None]],
    label: str,
    title: str,
    caption: str = "",
    references: Sequence[Reference] = (),
    *,
    order: bool = True,
) -> Picture | None:
    """Make a figure of results with their intervals: (label, group, result), missing results left out; None without any."""
    known = [
        IntervalRow(text, float("nan") if row.value is None else row.value, row.low, row.high, group, row.paper)
        for text, group, row in rows
        if row is not None
    ]
    if not known:
        return None
    bars = Bars(known, references, label, order)
    return Picture(
        name, interval_figure(known, references, label=label), title, ranking(known, references), caption, bars
    )


def ranking(rows: Sequence[IntervalRow], references: Sequence[Reference] = ()) -> str:
    """Write the largest values of a figure in words, and the reference lines."""
    best = sorted((row for row in rows if row.value == row.value), key=lambda row: -row.value)
    values = [f"{row.label} {row.value:.3f}" for row in best[:NAMED]]
    more = f", and {len(best) - NAMED} more below" if len(best) > NAMED else ""
    lines = "".join(f"; {line.label} {line.value:.3f}" for line in references)
    return f"From the largest value: {', '.join(values)}{more}{lines}."


def curve_picture(
    name: str,
    results: Results,
    line: Mapping[str, str],
    across: str,
    up: str,
    title: str,
    caption: str = "",
    **where: Where,
) -> Picture | None:
    """Make curves with bands: a line for each model (model -> title), over the number at the start of the condition."""
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for model, text in line.items():
        for row in results.filter(model=model, **where):
            if row.value is not None and row.low is not None and row.high is not None:
                lines.setdefault(text, []).append((float(row.condition.split()[0]), row.value, row.low, row.high))
    if not lines:
        return None
    ends = [
        f"{text} goes from {points[0][1]:.2f} at {points[0][0]:g} to {points[-1][1]:.2f} at {points[-1][0]:g}"
        for text, points in ((text, sorted(points)) for text, points in lines.items())
    ]
    return Picture(name, curves_figure(lines, across=across, up=up), title, "; ".join(ends) + ".", caption)
