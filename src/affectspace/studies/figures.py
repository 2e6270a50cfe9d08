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


@dataclass(frozen=True)
class Picture:
    """A figure with the name of its file, its caption, and a description in words for those who cannot see it."""

    name: str
    figure: Figure
    caption: str
    alt: str

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
    caption: str,
    alt: str,
    references: Sequence[Reference] = (),
) -> Picture | None:
    """Make a figure of results with their intervals: (label, group, result), missing results left out; None without any."""
    known = [
        IntervalRow(title, float("nan") if row.value is None else row.value, row.low, row.high, group, row.paper)
        for title, group, row in rows
        if row is not None
    ]
    return Picture(name, interval_figure(known, references, label=label), caption, alt) if known else None


def curve_picture(
    name: str, results: Results, line: Mapping[str, str], across: str, up: str, caption: str, alt: str, **where: Where
) -> Picture | None:
    """Make curves with bands: a line for each model (model -> title), over the number at the start of the condition."""
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for model, title in line.items():
        for row in results.filter(model=model, **where):
            if row.value is not None and row.low is not None and row.high is not None:
                lines.setdefault(title, []).append((float(row.condition.split()[0]), row.value, row.low, row.high))
    return Picture(name, curves_figure(lines, across=across, up=up), caption, alt) if lines else None
