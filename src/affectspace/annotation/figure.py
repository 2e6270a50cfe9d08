"""Figure 2 of the LeVAsa paper: the ellipses of the emotions, continuous and discretised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from affectspace.annotation.calibration import Reliability
from affectspace.annotation.geometry import covered_area, union_area
from affectspace.annotation.labels import to_levels
from affectspace.annotation.transfer import AnnotationTransfer
from affectspace.errors import DataError, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWS = 20_000  # samples for each emotion behind the grid of levels


def plot_ellipses(transfer: AnnotationTransfer, *, levels: int = 10) -> Figure:
    """Draw the ellipses on the plane of the first two axes, continuous and discretised. The title states the covered area.

    Parameters
    ----------
    transfer : AnnotationTransfer
        A reference with centres only gives one panel of points without ellipses.
    levels : int
        Steps for each unit of the discretised panel; 10 gives 21 levels from -1 to 1.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from affectspace.annotation import AnnotationTransfer, plot_ellipses
    >>> plot_ellipses(AnnotationTransfer.reference("affectnet")).get_suptitle()
    'The ellipses of AffectNet: 2.0% of the square each on average, 13.5% together'
    """
    from affectspace.report.theme import figure_style, new_figure

    if len(transfer.axes_) < 2:
        raise DataError(f"the figure needs two axes, but the transfer has only {transfer.axes_[0]}")
    plane = transfer.on(transfer.axes_[:2])
    with figure_style():
        if plane.deviations_ is None or np.isnan(plane.deviations_).any(axis=1).all():
            figure = new_figure(5.6, 5.9)
            _panel(figure.add_subplot(), plane, None)
        else:
            figure = new_figure(10.6, 5.9)
            left, right = figure.subplots(1, 2)
            _panel(left, plane, None)
            _panel(right, plane, levels)
        figure.suptitle(_title(plane))
    return figure


def plot_reliability(measured: Reliability, title: str = "") -> Figure:
    """Draw how often stated probabilities are right, for ten groups of rows from the least to the surest.

    Bars are one standard error of the share, with rows taken as independent.

    Parameters
    ----------
    measured : Reliability
        Result of `reliability`.
    title : str
        First line above the figure.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from affectspace.annotation import plot_reliability, reliability
    >>> measured = reliability(["fear", "calm"], [[0.4, 0.6], [0.9, 0.1]], ["calm", "fear"])
    >>> plot_reliability(measured).axes[0].get_ylabel()
    'share that is right'
    """
    from affectspace.report.theme import RULE, figure_style, new_figure

    stated, right, rows = np.array(measured.curve).T
    error = np.sqrt(right * (1 - right) / rows)
    with figure_style():
        figure = new_figure(5.2, 5.4)
        ax = figure.add_subplot()
        ax.set(
            xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xlabel="stated probability", ylabel="share that is right"
        )
        ax.plot([0, 1], [0, 1], color=RULE, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        label = f"{counted(len(rows), 'group')} of equal size; bar: one standard error"
        ax.errorbar(stated, right, error, marker="o", markersize=5, linewidth=1.6, elinewidth=1, label=label)
        ax.axhline(measured.most_frequent, color=RULE, linewidth=1, label="always the most frequent emotion")
        ax.legend(loc="upper left")
        ax.set_title(
            f"{title}{': ' if title else ''}{counted(measured.rows, 'row')}\naccuracy {measured.accuracy:.3f}, mean stated "
            f"{measured.stated:.3f}, calibration error {measured.error:.3f}"
        )
    return figure


def _title(plane: AnnotationTransfer) -> str:
    name = "" if plane.source_ == "fitted" else f" of {plane.source_.split('(')[0].split(',')[0].strip()}"
    if plane.deviations_ is None:
        return f"The emotions{name}: centres only"
    if np.isnan(plane.deviations_).any() or not (np.linalg.det(plane.spreads()) > 0).all():
        return f"The emotions{name}"
    mean, union = covered_area(plane), union_area(plane)
    return f"The ellipses{name}: {mean:.1%} of the square each on average, {union:.1%} together"


def _panel(ax: Axes, plane: AnnotationTransfer, steps: int | None) -> None:
    from matplotlib.patches import Circle

    from affectspace.report.theme import RULE, colours_for

    colours = colours_for(map(str, plane.classes_.tolist()))
    ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xlabel=plane.axes_[0], ylabel=plane.axes_[1])
    ax.set(xticks=np.linspace(-1, 1, 5), yticks=np.linspace(-1, 1, 5))
    ax.axhline(0, color=RULE, linewidth=0.8, zorder=0)
    ax.axvline(0, color=RULE, linewidth=0.8, zorder=0)
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=RULE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0))
    if steps is not None:
        _cells(ax, plane, steps, colours)
        ax.set_title(f"discretised: {2 * steps + 1} levels per axis")
    else:
        _ellipses(ax, plane, colours)
        ax.set_title("continuous")
    _names(ax, plane, colours)


def _ellipses(ax: Axes, plane: AnnotationTransfer, colours: dict[str, str]) -> None:
    from matplotlib.patches import Ellipse

    for k, name in enumerate(plane.classes_.tolist()):
        colour = colours[str(name)]
        ax.plot(*plane.centres_[k], marker="o", markersize=4.5, color=colour, markeredgecolor="white", zorder=4)
        if plane.deviations_ is None or np.isnan(plane.deviations_[k]).any():
            continue
        values, vectors = np.linalg.eigh(plane.spreads()[k])
        width, height = 2 * plane.n_sigma * np.sqrt(np.maximum(values, 0))
        angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
        for face, edge, alpha in ((colour, "none", 0.22), ("none", colour, 1.0)):
            shape = Ellipse(tuple(plane.centres_[k]), width, height, angle=angle, facecolor=face, edgecolor=edge)
            shape.set(alpha=alpha, linewidth=1.6, zorder=3)
            ax.add_patch(shape)


def _cells(ax: Axes, plane: AnnotationTransfer, steps: int, colours: dict[str, str]) -> None:
    """The grid of levels. A cell has the colour of its most frequent emotion, more opaque the more frequent it is."""
    from matplotlib.colors import to_rgb

    from affectspace.report.theme import RULE

    known = [name for k, name in enumerate(plane.classes_.tolist()) if not np.isnan(plane.deviations_[k]).any()]
    side = 2 * steps + 1
    counts = np.zeros((len(known), side, side))
    for k, name in enumerate(known):
        cells = to_levels(np.clip(plane.sample(np.full(_DRAWS, name), 0), -1, 1), steps, offset=steps)
        counts[k] = np.bincount(cells[:, 1] * side + cells[:, 0], minlength=side * side).reshape(side, side)
    palette = np.array([to_rgb(colours[str(name)]) for name in known])
    strength = counts / counts.max(axis=(1, 2), keepdims=True)
    alpha = 0.15 + 0.75 * strength.max(axis=0)
    image = np.dstack([palette[counts.argmax(axis=0)], np.where(counts.any(axis=0), alpha, 0)])
    half = 0.5 / steps
    edges = np.linspace(-1 - half, 1 + half, 2 * steps + 2)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(edges[0], edges[-1]))
    ax.imshow(
        image, origin="lower", extent=(edges[0], edges[-1], edges[0], edges[-1]), interpolation="nearest", zorder=1
    )
    ax.vlines(edges, edges[0], edges[-1], color=RULE, linewidth=0.4, zorder=2)
    ax.hlines(edges, edges[0], edges[-1], color=RULE, linewidth=0.4, zorder=2)


def _names(ax: Axes, plane: AnnotationTransfer, colours: dict[str, str]) -> None:
    """The names above their ellipses, moved up where they would overlap."""
    from matplotlib.patheffects import withStroke

    lift = np.zeros(len(plane.classes_)) if plane.deviations_ is None else np.nan_to_num(plane.deviations_[:, 1])
    placed: list[tuple[float, float]] = []
    dots = [] if lift.any() else plane.centres_.tolist()  # without ellipses, avoid the dots of other emotions
    for k in np.argsort(plane.centres_[:, 1] + plane.n_sigma * lift):
        name, x = str(plane.classes_[k]), float(np.clip(plane.centres_[k, 0], -0.85, 0.85))
        y = float(plane.centres_[k, 1] + plane.n_sigma * lift[k]) + 0.05
        while any(abs(x - at_x) < 0.4 and abs(y - at_y) < 0.075 for at_x, at_y in placed) or any(
            abs(x - at_x) < 0.2 and abs(y - at_y) < 0.04 for at_x, at_y in dots
        ):
            y += 0.02
        placed.append((x, y))
        text = ax.text(x, min(y, 1.0), name, color=colours[name], ha="center", va="center", zorder=6)
        text.set(fontsize=10, fontweight="bold", path_effects=[withStroke(linewidth=3, foreground="white")])
