"""Figures that compare: intervals of models against floors and ceilings, and emotions taken for one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from affectspace.errors import DataError
from affectspace.report import text as numerals
from affectspace.report.blocks import check_choice, check_interval
from affectspace.report.theme import INK, MUTED, figure_style, group_colours, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PUBLISHED = "#7b3a6c"


@dataclass(frozen=True)
class Interval:
    """One row of an interval figure: a measured value, its interval where known, its group, the published figure."""

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
    """A line across an interval figure: a floor to beat or a ceiling to reach for."""

    label: str
    value: float
    kind: Literal["floor", "ceiling"] = "floor"

    def __post_init__(self) -> None:
        check_choice(self.kind, ("floor", "ceiling"), f"kind of the reference {self.label!r}")


def interval_figure(
    rows: Sequence[Interval | tuple[Any, ...]],
    references: Sequence[Reference | tuple[Any, ...]] = (),
    *,
    label: str = "",
    digits: int = 3,
) -> "Figure":
    """Values with their intervals, a row each, first on top; references as named vertical lines.

    ``rows``: ``Interval`` or tuples of its fields (label, value, low, high, group, paper). ``references``:
    ``Reference`` or tuples (label, value, kind). ``label``: what is measured. A row whose value is NaN keeps its place
    and shows an en dash. Raises DataError where there is no row or no finite value.
    """
    items = [row if isinstance(row, Interval) else Interval(*row) for row in rows]
    lines = [line if isinstance(line, Reference) else Reference(*line) for line in references]
    known = [value for item in items for value in (item.value, item.low, item.high, item.paper)]
    known += [line.value for line in lines]
    finite = np.array([value for value in known if value is not None and np.isfinite(value)], dtype=float)
    if not items or not finite.size:
        raise DataError("an interval figure needs one row with a finite value; give (label, value, low, high, group)")
    colours = group_colours(item.group for item in items)
    published = any(item.paper is not None for item in items)
    low, high = finite.min(), finite.max()
    pad = 0.08 * (high - low) or 0.05
    with figure_style():
        # a legend, where there is one, and the lines' names take their own room above the rows
        figure = new_figure(9.4, 0.36 * len(items) + 0.95 + 0.22 * len(lines) + 0.3 * (len(colours) > 1 or published))
        axes = figure.subplots()
        axes.set(xlim=(low - pad, high + pad), ylim=(len(items) - 0.4, -0.6))
        axes.set_yticks(range(len(items)), [item.label for item in items])
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9.5)
        axes.spines["left"].set_visible(False)
        axes.grid(True, axis="x")
        axes.set_xlabel(label)
        handles: dict[str, Any] = {}
        for y, item in enumerate(items):
            _draw_interval(axes, y, item, colours[item.group], handles, digits)
        _draw_references(axes, lines)
        if len(handles) > 1 or published:
            figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles))
    return figure


def confusion_figure(matrix: np.ndarray, labels: Sequence[str], title: str = "") -> "Figure":
    """Counts of true (rows) against predicted (columns) labels; shade and per cent are parts of the row.

    ``matrix``: (k, k) counts. A label that never occurs has en dashes in its row. Raises DataError for another shape,
    negative or non-finite counts.
    """
    counts = np.asarray(matrix, dtype=float)
    k = len(labels)
    if counts.shape != (k, k) or k == 0:
        raise DataError(f"the matrix has shape {counts.shape} for {k} labels; give ({k}, {k}), true by predicted")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError("the matrix holds counts that are negative or not finite")
    totals = counts.sum(1)
    share = np.divide(counts, totals[:, None], out=np.zeros_like(counts), where=totals[:, None] > 0)
    size = min(max(0.62 * k, 3.0), 7.4)
    with figure_style():
        figure = new_figure(size + 2.2, size + 1.0)
        axes = figure.subplots()
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i in range(k):
            for j in range(k):
                text = f"{100 * share[i, j]:.0f}" if totals[i] else numerals.MISSING
                weight = "bold" if i == j else "normal"
                shade = "white" if share[i, j] > 0.55 else INK
                axes.text(j, i, text, ha="center", va="center", color=shade, fontsize=9.5, fontweight=weight)
        names = [f"{name}  (n {int(total):,})" for name, total in zip(labels, totals, strict=True)]
        axes.set_yticks(range(k), names)
        axes.set_xticks(range(k), [str(name) for name in labels], rotation=35, ha="right", rotation_mode="anchor")
        axes.tick_params(length=0, labelcolor=INK)
        axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(True, which="minor", color="white", linewidth=1.5)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="predicted", ylabel="true", title=title)
        axes.text(1, 1.015, "per cent of the row", transform=axes.transAxes, ha="right", fontsize=8, color=MUTED)
    return figure


def _draw_interval(axes: "Axes", y: int, item: Interval, colour: str, handles: dict[str, Any], digits: int) -> None:
    text = f"{numerals.fixed(item.value, digits)}  {numerals.interval(item.low, item.high, digits)}".rstrip()
    if item.paper is not None:
        text += f"   paper {numerals.published(item.paper)}"
    axes.text(1.02, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=INK)
    if item.low is not None and item.high is not None:
        axes.plot([item.low, item.high], [y, y], color=colour, linewidth=2.6, alpha=0.55)
    if np.isfinite(item.value):
        (dot,) = axes.plot([item.value], [y], "o", color=colour, markersize=8, markeredgecolor="white", zorder=4)
        handles.setdefault(item.group or "measured", dot)
    if item.paper is not None:
        style: dict[str, Any] = {
            "markerfacecolor": "none",
            "markeredgecolor": PUBLISHED,
            "markeredgewidth": 1.5,
            "linestyle": "",
        }
        (mark,) = axes.plot([item.paper], [y], "D", markersize=6, zorder=3, **style)
        handles["published"] = mark


def _draw_references(axes: "Axes", lines: Sequence[Reference]) -> None:
    """Each line has a step of its own above the rows, so that names never meet, and runs to the side with room."""
    low, high = axes.get_xlim()
    for step, line in enumerate(sorted(lines, key=lambda line: line.value, reverse=True)):
        style = (0, (1, 2)) if line.kind == "floor" else (0, (6, 3))
        colour = MUTED if line.kind == "floor" else "#00664b"
        top = 1 + (0.22 * step + 0.16) / (0.36 * (axes.get_ylim()[0] + 0.6))
        axes.plot(
            [line.value] * 2, [0, top], transform=axes.get_xaxis_transform(), color=colour, linestyle=style,
            linewidth=1.2, clip_on=False, zorder=1,
        )  # fmt: skip
        right = line.value > (low + high) / 2
        axes.annotate(
            f"{line.label} {numerals.plain(line.value)}",
            (line.value, top),
            (-4 if right else 4, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            fontsize=8.5,
            color=colour,
        )
