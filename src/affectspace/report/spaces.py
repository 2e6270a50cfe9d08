"""Figures of a shared space: modalities, latents against each other, curves over a disturbance, the course of a dialogue."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from affectspace.errors import DataError
from affectspace.report.theme import GROUP_COLOURS, INK, MUTED, figure_style, group_colours, new_figure
from affectspace.scales import AXES

if TYPE_CHECKING:
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
