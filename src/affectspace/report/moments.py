"""Figures of one moment: what is seen and heard of it, and what is predicted from each part of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from affectspace.errors import DataError
from affectspace.report.theme import GROUP_COLOURS, INK, figure_style, new_figure
from affectspace.scales import AXES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
