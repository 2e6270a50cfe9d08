"""A training as it went: one small plot per quantity, training and validation together."""

from typing import TYPE_CHECKING

import numpy as np

from affectspace.errors import DataError
from affectspace.report.theme import GROUP_COLOURS, MUTED, figure_style, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PARTS = {"train_": (GROUP_COLOURS[0], "training"), "validation_": (GROUP_COLOURS[1], "validation")}


def history_figure(history: "pd.DataFrame", *, best_epoch: int | None = None) -> "Figure":
    """Small multiples over epochs, one per name that follows ``train_`` or ``validation_``.

    ``history``: a row per epoch with column ``epoch`` and numeric columns ``train_*``, ``validation_*``; NaN where a
    quantity was not measured. ``best_epoch``: marked by a line. A quantity that is positive and spans more than a
    factor 50 has a logarithmic axis. Raises DataError where a column is missing or nothing can be drawn.
    """
    columns = [str(column) for column in history.columns]
    if "epoch" not in columns:
        raise DataError(f"the history has no column `epoch`; it has {', '.join(columns) or 'none'}")
    names = list(dict.fromkeys(c.removeprefix(p) for p in _PARTS for c in columns if c.startswith(p)))
    names = [name for name in names if any(history[p + name].notna().any() for p in _PARTS if p + name in columns)]
    if not names:
        raise DataError(f"the history has no values in columns train_* or validation_*; it has {', '.join(columns)}")
    across = min(3, len(names))
    down = -(-len(names) // across)
    with figure_style():
        figure = new_figure(10.0 if across == 3 else 4.4 * across, 2.25 * down + 0.5)
        grid = list(figure.subplots(down, across, squeeze=False).flat)
        handles = {}
        for axes, name in zip(grid, names, strict=False):
            values = []
            for prefix, (colour, label) in _PARTS.items():
                if prefix + name not in columns:
                    continue
                rows = history[["epoch", prefix + name]].dropna()
                x, y = rows["epoch"].to_numpy(float), rows[prefix + name].to_numpy(float)
                mark = "o" if x.size <= 2 else ""
                (handles[label],) = axes.plot(x, y, marker=mark, markersize=4, color=colour)
                values.append(y)
            if best_epoch is not None:
                style = {"color": MUTED, "linewidth": 1, "linestyle": (0, (2, 2)), "zorder": 0}
                handles[f"best epoch ({best_epoch})"] = axes.axvline(best_epoch, **style)
            every = np.concatenate(values)
            if every.size and every.min() > 0 and every.max() / every.min() > 50:
                axes.set_yscale("log")
            axes.grid(True, axis="y")
            axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
            axes.set_title(name.replace("_", " "))
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        for axes in grid[max(0, len(names) - across) : len(names)]:
            axes.set_xlabel("epoch")
        figure.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=3)
    return figure
