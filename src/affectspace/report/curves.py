"""Figures of curves: measures over disturbances, affect over a sequence, trainings over epochs, rate and distortion."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.report.checks import check_not_empty, checked_array
from affectspace.report.labels import place_labels
from affectspace.report.theme import (
    GROUP_COLOURS,
    INK,
    MUTED,
    draw_curve,
    draw_dots,
    figure_style,
    group_colours,
    new_figure,
)

if TYPE_CHECKING:
    import pandas as pd

HISTORY_PARTS = {"train_": (GROUP_COLOURS[0], "training"), "validation_": (GROUP_COLOURS[1], "validation")}


def curves_figure(lines: Mapping[str, Sequence[tuple[float, float, float, float]]], *, across: str, up: str) -> Figure:
    """Draw a measure over the level of a disturbance, with intervals as bands.

    Raises DataError if there are no points.

    Parameters
    ----------
    lines : mapping
        Name of a model -> (level, value, low, high) of each point.
    across, up : str
        Names of the axes.

    Examples
    --------
    >>> figure = curves_figure({"ours": [(0, 0.5, 0.4, 0.6), (1, 0.3, 0.2, 0.4)]}, across="noise", up="r")
    """
    check_not_empty([points for points in lines.values() if points], "{name: [(level, value, low, high), ...]}")
    colours = group_colours(lines)
    with figure_style():
        figure = new_figure(8.2, 4.2)
        axes = figure.subplots()
        axes.grid(True, axis="y")
        for name, points in lines.items():
            levels, values, low, high = np.array(sorted(points), dtype=float).T
            draw_curve(axes, levels, values, low, high, colours[name], name)
        axes.set(xlabel=across, ylabel=up)
        figure.legend(loc="outside right upper")
    return figure


def sequence_figure(means: np.ndarray, deviations: np.ndarray, *, across: str) -> Figure:
    """Draw valence, arousal and dominance over a sequence of samples, with bands of one standard deviation.

    Raises DataError if a shape is wrong.

    Parameters
    ----------
    means, deviations : ndarray of shape (n, 3)
        Predictions.
    across : str
        Name of a step, for example "utterance".

    Examples
    --------
    >>> import numpy as np
    >>> figure = sequence_figure(np.zeros((5, 3)), np.full((5, 3), 0.1), across="utterance")
    """
    means = checked_array(means, ("n", len(AXES)), "means")
    deviations = checked_array(deviations, means.shape, "deviations")
    steps = np.arange(1, len(means) + 1)
    with figure_style():
        figure = new_figure(9.4, 3.6)
        axes = figure.subplots()
        axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        for place, name in enumerate(AXES):
            mean, spread = means[:, place], deviations[:, place]
            draw_curve(axes, steps, mean, mean - spread, mean + spread, GROUP_COLOURS[place], name)
        axes.set(xlabel=across, ylabel="predicted")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", ncols=len(AXES))
    return figure


def history_figure(history: "pd.DataFrame", *, kept_epoch: int | None = None) -> Figure:
    """Draw the measures of a training over epochs, each in a panel with training and validation.

    Raises DataError if a column is missing or there are no values.

    Parameters
    ----------
    history : DataFrame
        One row per epoch with columns ``epoch``, counted from 0, ``train_*`` and ``validation_*``; NaN where nothing was
        measured. A positive measure that spans more than a factor of 50 gets a logarithmic axis. The figure counts epochs
        from 1.
    kept_epoch : int, optional
        Epoch to mark, counted from 0.

    Examples
    --------
    >>> import pandas as pd
    >>> figure = history_figure(pd.DataFrame({"epoch": [0, 1], "train_loss": [2.0, 1.0]}), kept_epoch=1)
    """
    columns = [str(column) for column in history.columns]
    if "epoch" not in columns:
        raise DataError(f"the history has no column `epoch`; it has {', '.join(columns) or 'none'}")
    names = list(dict.fromkeys(c.removeprefix(p) for p in HISTORY_PARTS for c in columns if c.startswith(p)))
    names = [
        name for name in names if any(history[p + name].notna().any() for p in HISTORY_PARTS if p + name in columns)
    ]
    if not names:
        raise DataError(f"the history has no values in columns train_* or validation_*; it has {', '.join(columns)}")
    across = min(3, len(names))
    down = -(-len(names) // across)
    with figure_style():
        figure = new_figure(10.0 if across == 3 else 4.4 * across, 2.25 * down + 0.5)
        grid = list(figure.subplots(down, across, squeeze=False).flat)
        handles: dict[str, Any] = {}
        for axes, name in zip(grid, names, strict=False):
            values = []
            for prefix, (colour, label) in HISTORY_PARTS.items():
                if prefix + name not in columns:
                    continue
                rows = history[["epoch", prefix + name]].dropna()
                x, y = rows["epoch"].to_numpy(float) + 1, rows[prefix + name].to_numpy(float)
                marker = "o" if x.size <= 2 else ""
                (handles[label],) = axes.plot(x, y, marker=marker, markersize=4, color=colour)
                values.append(y)
            if kept_epoch is not None:
                line = axes.axvline(kept_epoch + 1, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
                handles[f"kept epoch ({kept_epoch + 1})"] = line
            if _spans(np.concatenate(values), 50):
                axes.set_yscale("log")
            axes.grid(True, axis="y")
            axes.xaxis.get_major_locator().set_params(integer=True, nbins=6, min_n_ticks=1)
            if len(history) == 1:
                axes.set_xticks([1])
            axes.set_title(name.replace("_", " "))
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        for axes in grid[max(0, len(names) - across) : len(names)]:
            axes.set_xlabel("epoch")
        figure.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=3)
    return figure


def rate_distortion_figure(points: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the cost of codes against the quality of their reconstructions; the points of a group are joined.

    Raises DataError if a key is missing or a number is not finite.

    Parameters
    ----------
    points : sequence of mappings
        Each with ``name``, ``rate``, ``distortion`` and, optionally, ``group``. An axis is logarithmic if its values
        are positive and span more than a factor of 20.

    Examples
    --------
    >>> figure = rate_distortion_figure([{"name": "VAE", "rate": 12.0, "distortion": 0.02}])
    """
    check_not_empty(points, "dicts with name, rate and distortion")
    spots = np.array([_check_point(i, point) for i, point in enumerate(points)])
    groups = [str(point.get("group", "")) for point in points]
    colours = group_colours(groups)
    with figure_style():
        figure = new_figure(8.2, 4.9)
        axes = figure.subplots()
        axes.grid(True)
        joints = []
        for group, colour in colours.items():
            xy = np.array(sorted(map(tuple, spots[[name == group for name in groups]])))
            joints += [np.linspace(xy[i], xy[i + 1], 24) for i in range(len(xy) - 1)]
            axes.plot(*xy.T, "-", color=colour, linewidth=1.2, alpha=0.55)
            draw_dots(axes, xy[:, 0], xy[:, 1], colour).set_label(group or "")
        for which, values in zip("xy", spots.T, strict=True):
            if _spans(values, 20):
                _use_logarithm(axes, which)
        axes.margins(0.12, 0.14)
        axes.set(xlabel="rate: KL to the prior, nats per image", ylabel="distortion: reconstruction MSE")
        if len(colours) > 1:
            figure.legend(loc="outside upper left", ncols=min(len(colours), 5))
        place_labels(axes, spots, [str(point["name"]) for point in points], colour=INK, lines=joints)
    return figure


def _check_point(index: int, point: Mapping[str, Any]) -> tuple[float, float]:
    missing = [key for key in ("name", "rate", "distortion") if key not in point]
    if missing:
        raise DataError(f"point {index} has no {', '.join(missing)}; it has {', '.join(map(str, point))}")
    rate, distortion = float(point["rate"]), float(point["distortion"])
    if not np.isfinite([rate, distortion]).all():
        raise DataError(f"point {index} ({point['name']}) has rate {rate} and distortion {distortion}; leave it out")
    return rate, distortion


def _spans(values: np.ndarray, factor: float) -> bool:
    """Return whether values are positive and span more than a factor."""
    return bool(values.size and values.min() > 0 and values.max() / values.min() > factor)


def _use_logarithm(axes: Axes, which: str) -> None:
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # 0.2, 0.5, 1, 2, 5: plain numbers that do not overlap
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
