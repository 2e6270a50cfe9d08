"""Figures of a shared space, of a training, and of one moment."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.report.theme import GROUP_COLOURS, INK, MUTED, figure_style, group_colours, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


POINTS = 1500  # of each modality that are drawn


def modality_figure(panels: Mapping[str, Mapping[str, np.ndarray]], *, seed: int = 0) -> "Figure":
    """Points of each modality in the shared space, valence by arousal, their centroids as stars (the manifold's Figure 2).

    ``panels``: name -> modality -> (n, 3). At most 1,500 points of a modality are drawn, in one order for all, so that no
    modality covers another; centroids are of all. Raises DataError where there is nothing to draw or a shape is wrong.
    """
    names = list(dict.fromkeys(modality for clouds in panels.values() for modality in clouds))
    if not names:
        raise DataError("there is nothing to draw; give {panel: {modality: (n, 3)}}")
    for panel, clouds in panels.items():
        for modality, points in clouds.items():
            if np.ndim(points) != 2 or np.shape(points)[1] != len(AXES) or not np.isfinite(points).all():
                raise DataError(f"{panel}, {modality}: shape {np.shape(points)}; give finite (n, 3)")
    colours = group_colours(names)
    with figure_style():
        figure = new_figure(4.9 * len(panels), 4.6)
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (panel, clouds) in zip(row, panels.items(), strict=True):
            _clouds(axes, clouds, colours, seed)
            axes.set_title(fill(panel, 44))
        handles = [row[0].plot([], [], "o", color=colours[name])[0] for name in names]
        figure.legend(handles, [name.replace("_", " ") for name in names], loc="outside lower center", ncols=len(names))
    return figure


def _clouds(axes: "Axes", clouds: Mapping[str, np.ndarray], colours: Mapping[str, str], seed: int) -> None:
    random = np.random.default_rng(seed)
    points, shades = [], []
    for name, cloud in clouds.items():
        drawn = cloud if len(cloud) <= POINTS else cloud[random.choice(len(cloud), POINTS, replace=False)]
        points.append(drawn[:, :2])
        shades += [colours[name]] * len(drawn)
    order = random.permutation(len(shades))
    across, up = np.concatenate(points)[order].T
    axes.scatter(across, up, s=6, c=np.array(shades)[order], alpha=0.35, linewidths=0)
    for name, cloud in clouds.items():
        axes.plot(*cloud[:, :2].mean(axis=0), "*", color=colours[name], markersize=17, markeredgecolor="white")
    axes.axhline(0, color="#dddad3", linewidth=0.8, zorder=0)
    axes.axvline(0, color="#dddad3", linewidth=0.8, zorder=0)
    axes.set(xlabel="shared valence", ylabel="shared arousal")


def heatmap_figure(matrices: Mapping[str, np.ndarray], columns: Mapping[str, Sequence[str]]) -> "Figure":
    """Correlations of valence, arousal and dominance with each other and with private dimensions (the manifold's Figure 3).

    ``matrices``: name -> (3, k) in [-1, 1]; ``columns``: name -> k names. One row of a picture a matrix, one scale for all.
    Raises DataError for another shape.
    """
    if not matrices:
        raise DataError("there is nothing to draw; give {name: (3, k)}")
    for name, matrix in matrices.items():
        if np.shape(matrix) != (len(AXES), len(columns[name])):
            raise DataError(f"{name}: shape {np.shape(matrix)} with {len(columns[name])} columns; give (3, k)")
    with figure_style():
        figure = new_figure(10.0, 1.75 * len(matrices) + 0.4)
        rows = figure.subplots(len(matrices), 1, squeeze=False)[:, 0]
        for axes, (name, matrix) in zip(rows, matrices.items(), strict=True):
            image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
            axes.set_yticks(range(len(AXES)), AXES)
            step = max(1, len(columns[name]) // 40)
            places = [place for place in range(len(columns[name])) if place < len(AXES) or place % step == 0]
            axes.set_xticks(places, [columns[name][place] for place in places], fontsize=7.5)
            axes.tick_params(length=0, labelcolor=INK)
            axes.axvline(len(AXES) - 0.5, color="white", linewidth=3)
            axes.spines[:].set_visible(False)
            axes.set_title(name)
        figure.colorbar(image, ax=list(rows), label="Pearson's r", fraction=0.03)
    return figure


def curves_figure(
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]], *, across: str, up: str
) -> "Figure":
    """A measure over a disturbance, a line a model with its interval as a band.

    ``lines``: name -> (level, value, low, high); ``across``, ``up``: what the axes are. Raises DataError without lines.
    """
    if not any(lines.values()):
        raise DataError("there is nothing to draw; give {name: [(level, value, low, high), ...]}")
    colours = group_colours(lines)
    with figure_style():
        figure = new_figure(8.2, 4.2)
        axes = figure.subplots()
        axes.grid(True, axis="y")
        for name, points in lines.items():
            levels, values, low, high = np.array(sorted(points), dtype=float).T
            axes.fill_between(levels, low, high, color=colours[name], alpha=0.13, linewidth=0)
            axes.plot(levels, values, "o-", color=colours[name], markersize=5, label=name)
        axes.set(xlabel=across, ylabel=up)
        figure.legend(loc="outside right upper")
    return figure


def sequence_figure(means: np.ndarray, deviations: np.ndarray, *, across: str) -> "Figure":
    """Valence, arousal and dominance over a sequence of samples, with bands of one standard deviation.

    ``means``, ``deviations``: (n, 3); ``across``: what a step is. Raises DataError for other shapes.
    """
    if np.ndim(means) != 2 or np.shape(means) != np.shape(deviations) or np.shape(means)[1] != len(AXES):
        raise DataError(f"means have shape {np.shape(means)}, deviations {np.shape(deviations)}; give (n, 3) of each")
    from matplotlib.ticker import MaxNLocator

    steps = np.arange(1, len(means) + 1)
    with figure_style():
        figure = new_figure(9.4, 3.6)
        axes = figure.subplots()
        axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        for place, name in enumerate(AXES):
            mean, spread, colour = means[:, place], deviations[:, place], GROUP_COLOURS[place]
            axes.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.13, linewidth=0)
            axes.plot(steps, mean, "o-", color=colour, markersize=4, label=name)
        axes.set(xlabel=across, ylabel="predicted")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", ncols=len(AXES))
    return figure


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


TRUTH = "#1d2126"


def moment_figure(frames: Sequence[np.ndarray], sound: np.ndarray, rate: int, said: str) -> "Figure":
    """Frames of a clip over the wave of its sound, with what is said as the title.

    ``frames``: (height, width, 3) uint8 each; ``sound``: (samples,) at ``rate`` Hz. Raises DataError where either is empty.
    """
    if not len(frames) or not len(sound):
        raise DataError("a moment has no frame or no sound; give both")
    with figure_style():
        figure = new_figure(9.4, 3.1)
        grid = figure.add_gridspec(2, len(frames), height_ratios=(2.4, 1))
        for place, frame in enumerate(frames):
            axes = figure.add_subplot(grid[0, place])
            axes.imshow(frame)
            axes.axis("off")
        axes = figure.add_subplot(grid[1, :])
        seconds = len(sound) / rate
        axes.plot(np.linspace(0, seconds, len(sound)), sound, color=GROUP_COLOURS[0], linewidth=0.4)
        axes.set(xlim=(0, seconds), xlabel="seconds", yticks=[])
        axes.spines["left"].set_visible(False)
        figure.suptitle(f"\u201c{said}\u201d", fontsize=11, fontweight="normal")
    return figure


def subsets_figure(
    rows: Mapping[str, tuple[Sequence[float], Sequence[float]]], truth: Sequence[float] | None = None
) -> "Figure":
    """Valence, arousal and dominance from each subset of modalities, with bars of one standard deviation.

    ``rows``: what was given -> three means, three deviations; first on top. ``truth``: three values, as lines across.
    Raises DataError where there is nothing to draw or a shape is wrong.
    """
    if not rows or any(np.shape(means) != (3,) or np.shape(widths) != (3,) for means, widths in rows.values()):
        raise DataError("give {what was given: (three means, three deviations)}")
    with figure_style():
        figure = new_figure(9.4, 0.3 * len(rows) + 1.2)
        panels = figure.subplots(1, 3, sharey=True)
        for place, (axes, name) in enumerate(zip(panels, AXES, strict=True)):
            axes.grid(True, axis="x")
            for y, (means, widths) in enumerate(rows.values()):
                low, high = means[place] - widths[place], means[place] + widths[place]
                axes.plot([low, high], [y, y], color=GROUP_COLOURS[place], linewidth=2.6, alpha=0.45)
                axes.plot(
                    [means[place]],
                    [y],
                    "o",
                    color=GROUP_COLOURS[place],
                    markersize=7,
                    markeredgecolor="white",
                    zorder=4,
                )
            if truth is not None:
                axes.axvline(truth[place], color=TRUTH, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
            axes.set(ylim=(len(rows) - 0.4, -0.6), title=name)
            axes.set_yticks(range(len(rows)), list(rows))
            axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9.5)
            axes.spines["left"].set_visible(False)
    return figure
