"""Scatter figures: latent spaces beside the circumplex, modalities in the shared space, predictions against the truth."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse
from matplotlib.ticker import MaxNLocator

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.report.checks import check_not_empty, checked_array
from affectspace.report.theme import (
    GROUP_COLOURS,
    INK,
    MUTED,
    RULE,
    UNLABELLED,
    colours_for,
    dot_style,
    draw_dots,
    draw_origin,
    figure_style,
    group_colours,
    legend_dot,
    marker_size,
    markers_for,
    new_figure,
    spread_ellipse,
)

PANEL_POINTS, MODALITY_POINTS, READOUT_POINTS = 3000, 1500, 6000  # drawn per panel, modality and axis
LEVELS, LEVEL_ROWS = 25, 4  # distinct true values up to which each is a level, and their rows on average
TENTHS = 100  # rows from which values without levels are drawn in ten equal parts

Panel = tuple[np.ndarray, Sequence[Any]]
Limits = tuple[float, float, float, float]


class _Points(NamedTuple):
    """Checked points of a panel. xy : (n, 2); emotions : (n,), None where not labelled"""

    xy: np.ndarray
    emotions: list[str | None]


def circumplex_figure(
    panels: Mapping[str, Panel],
    truth: Panel | None = None,
    *,
    truth_name: str = "labels",
    canonical: bool = False,
) -> Figure:
    """Draw latent codes, reduced to two numbers, beside the true valence and arousal. This is Figure 3 of "LeVAsa".

    At most 3,000 points per panel are drawn; the panel states how many. The mean and the ellipse of one standard deviation of
    each emotion are those of all points.

    Parameters
    ----------
    panels : mapping
        Name -> (coordinates of shape (n, 2), one per chunk; n emotions, None where not labelled). All have the same limits.
    truth : tuple, optional
        The same for the labels on [-1, 1]; drawn first, with the unit circle.
    truth_name : str
        Title of the panel of labels.
    canonical : bool
        The panels hold valence and arousal on [-1, 1] and are drawn as the truth is, with the same limits.

    Raises
    ------
    DataError
        If a shape is wrong, lengths differ, or values are not finite.

    Examples
    --------
    >>> figure = circumplex_figure({"ours": ([[0.1, 0.2], [0.3, 0.1]], ["anger", None])})
    """
    latent = {name: _check_panel(panel, f"panel {name!r}") for name, panel in panels.items()}
    labels = None if truth is None else _check_panel(truth, "the truth")
    everything = [*latent.values(), *([labels] if labels else [])]
    check_not_empty(everything, "{panel name: (coordinates, emotions)}")
    count = len(everything)
    emotions = {emotion for points in everything for emotion in points.emotions if emotion is not None}
    colours, markers = colours_for(emotions), markers_for(emotions)
    columns = min(count, 2)  # legible on a narrow page
    widest = max(float(np.abs(points.xy).max(initial=0.0)) for points in (everything if canonical else everything[-1:]))
    limits = _limits(np.concatenate([points.xy for points in latent.values()])) if latent else (0.0, 0.0, 0.0, 0.0)
    rows = -(-count // columns)
    side = min(7.4 / columns, 4.4)
    with figure_style():
        figure = new_figure(side * columns, side * rows + 0.35 + 0.2 * (len(colours) > 6))
        places = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in places[count:]:
            axes.set_axis_off()
        if labels is not None:
            _draw_canonical(places.pop(0), truth_name, labels, colours, markers, widest)
        for axes, (name, points) in zip(places, latent.items(), strict=False):
            if canonical:
                _draw_canonical(axes, name, points, colours, markers, widest)
                continue
            _draw_points(axes, points, colours, markers)
            left, right, bottom, top = limits
            axes.set(xlim=(left, right), ylim=(bottom, top), title=fill(name, 32))
            axes.set(xlabel="valence chunk", ylabel="arousal chunk")
            axes.xaxis.set_major_locator(MaxNLocator(4))  # long numbers beside each other must not overlap
        handles = [legend_dot(markers[e], colours[e]) for e in colours]
        if handles:
            figure.legend(handles, list(colours), loc="outside lower center", ncols=min(len(colours), 7))
    return figure


def affect_map_figure(
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]], truth: Sequence[float] | None = None
) -> Figure:
    """Draw predictions on the map of valence and arousal, each with the ellipse of one standard deviation.

    Raises DataError if there are no points or a shape is wrong.

    Parameters
    ----------
    points : mapping
        Name -> means and standard deviations of valence and arousal. The last one is drawn larger.
    truth : sequence of two floats, optional
        The true place, a star.

    Examples
    --------
    >>> figure = affect_map_figure({"text": ([0.1, 0.2], [0.2, 0.3])}, truth=[0.2, 0.1])
    """
    check_not_empty(points, "{name: (two means, two deviations)}")
    with figure_style():
        figure = new_figure(4.8, 4.9)
        axes = figure.subplots()
        axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=RULE, linewidth=1))
        draw_origin(axes)
        for (name, colour), (mean, deviation) in zip(group_colours(points).items(), points.values(), strict=True):
            last = name == list(points)[-1]
            x, y = checked_array(mean, (2,), name)
            width, height = 2 * checked_array(deviation, (2,), name)
            axes.add_patch(Ellipse((x, y), width, height, facecolor=colour, alpha=0.16 if last else 0.07, linewidth=0))
            draw_dots(axes, [x], [y], colour, size=12 if last else 8).set_label(name)
        if truth is not None:
            x, y = checked_array(truth, (2,), "the truth")
            axes.plot(
                [x],
                [y],
                "*",
                color=INK,
                markersize=17,
                markeredgecolor="#ffffff",
                linestyle="",
                zorder=5,
                label="truth",
            )
        axes.set(xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), aspect="equal")
        axes.set(
            xlabel="unpleasant  \u2190  valence  \u2192  pleasant", ylabel="calm  \u2190  arousal  \u2192  excited"
        )
        figure.legend(loc="outside lower center", ncols=min(len(points) + 1, 5))
    return figure


def modality_figure(panels: Mapping[str, Mapping[str, np.ndarray]], axes: Sequence[str] = AXES) -> Figure:
    """Draw the samples of each modality in the shared space, a row of its planes per panel; centroids are stars.

    This is Figure 2 of "Anchoring the Affective Manifold". At most 1,500 points per modality are drawn, in random
    order, so that no modality covers another. Centroids are those of all points.

    Parameters
    ----------
    panels : mapping
        Name -> modality -> points of shape (n, axes).
    axes : sequence of str
        Names of the axes, two or three.

    Raises
    ------
    DataError
        If there are no points or a shape is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> figure = modality_figure({"ours": {"text": np.zeros((5, 3)), "audio": np.ones((5, 3))}})
    """
    names = list(dict.fromkeys(modality for clouds in panels.values() for modality in clouds))
    check_not_empty(names, "{panel: {modality: (n, axes)}}")
    checked = {
        panel: {name: checked_array(points, ("n", len(axes)), f"{panel}, {name}") for name, points in clouds.items()}
        for panel, clouds in panels.items()
    }
    colours, planes = group_colours(names), list(combinations(range(len(axes)), 2))
    with figure_style():
        figure = new_figure(8.4 if len(planes) > 1 else 4.6, 2.9 * len(checked) + 0.4)
        places = figure.subplots(len(checked), len(planes), squeeze=False)
        for row, (panel, clouds) in zip(places, checked.items(), strict=True):
            for place, plane in zip(row, planes, strict=True):
                _draw_clouds(place, clouds, plane, colours, np.random.default_rng(0))
                place.set(xlabel=f"shared {axes[plane[0]]}", ylabel=f"shared {axes[plane[1]]}")
            title = row[0].set_title(" ")  # keeps the height; the name may run over the other planes
            style = {
                "transform": row[0].transAxes,
                "fontproperties": title.get_fontproperties(),
                "color": title.get_color(),
            }
            row[0].text(0.0, 1.03, panel, **style).set_in_layout(False)
        handles = [places[0, 0].plot([], [], "o", color=colours[name])[0] for name in names]
        figure.legend(handles, [name.replace("_", " ") for name in names], loc="outside lower center", ncols=len(names))
    return figure


def scatter_readout_figure(
    truth: np.ndarray,
    prediction: np.ndarray,
    axis: str,
    *,
    measures: Mapping[str, float] | None = None,
) -> Figure:
    """Draw predictions against the truth of one axis, the line of equality, and the mean prediction of each level.

    Raises DataError if shapes differ or no row is left.

    Parameters
    ----------
    truth, prediction : ndarray of shape (n,)
        Canonical values. Rows with NaN on either side are left out, and the figure states their number. Levels are the
        distinct true values, if there are at most 25 with four rows on average. From 100 rows, other values are shown in
        tenths. Bars are one standard deviation, and the figure says so.
    axis : str
        Name of the axis.
    measures : mapping, optional
        Name -> value, to print in the figure.

    Examples
    --------
    >>> figure = scatter_readout_figure([0.0, 0.5, 1.0], [0.1, 0.4, 0.7], "valence", measures={"r": 0.99})
    """
    x, y = np.asarray(truth, dtype=float), np.asarray(prediction, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"truth has shape {x.shape} and prediction {y.shape}; give two of (n,)")
    known = np.isfinite(x) & np.isfinite(y)
    left_out = int((~known).sum())
    x, y = x[known], y[known]
    if not x.size:
        raise DataError(f"no row has both a truth and a prediction of {axis} ({left_out} rows are not finite)")
    parts, what = _levels(x)
    shown = _shuffled(x.size, READOUT_POINTS)
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    pad = 0.06 * (high - low) or 0.1
    ends = (low - pad, high + pad)
    with figure_style():
        figure = new_figure(5.0, 4.9)
        axes = figure.subplots()
        axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        jitter = np.zeros(shown.size)
        if what == "level":
            jitter = np.random.default_rng(0).uniform(-0.012, 0.012, shown.size) * (high - low)
        axes.scatter(x[shown] + jitter, y[shown], color=GROUP_COLOURS[0], linewidths=0, **dot_style(shown.size))
        if parts:
            centres, means = [x[part].mean() for part in parts], [y[part].mean() for part in parts]
            deviations = [y[part].std() if part.sum() > 1 else 0.0 for part in parts]
            bars = axes.errorbar(centres, means, yerr=deviations, fmt="o", color=GROUP_COLOURS[1])
            for artist in (bars.lines[0], *bars.lines[2]):
                artist.set_zorder(5)
            bars.lines[0].set(markersize=6.5, markeredgecolor="white")
            label = f"mean of a {what} of the true values, bar: one standard deviation"
            figure.legend(handles=[bars], labels=[label], loc="outside lower center")
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set(xlabel=f"true {axis}", ylabel=f"predicted {axis}", title=axis)
        notes = [f"{name} {value:.3f}".replace("-", "−") for name, value in (measures or {}).items()]
        notes.append(f"n {x.size:,}" + (f" ({left_out:,} without value left out)" if left_out else ""))
        axes.text(1, 1.02, "   ".join(notes), transform=axes.transAxes, ha="right", fontsize=8.5, color=MUTED)
    return figure


def _levels(x: np.ndarray) -> tuple[list[np.ndarray], str]:
    """Return which rows are in each part of the true values, and what a part is; no parts for few rows without levels."""
    levels = np.unique(x)
    if levels.size <= LEVELS and x.size >= LEVEL_ROWS * levels.size:
        return [x == level for level in levels], "level"
    if x.size < TENTHS:
        return [], ""
    bins = np.digitize(x, np.quantile(x, np.linspace(0, 1, 11)[1:-1]))
    return [bins == part for part in np.unique(bins)], "tenth"


def _draw_clouds(
    axes: Axes,
    clouds: Mapping[str, np.ndarray],
    plane: tuple[int, int],
    colours: Mapping[str, str],
    random: np.random.Generator,
) -> None:
    points, shades, shown = [], [], list(plane)
    for name, cloud in clouds.items():
        few = len(cloud) <= MODALITY_POINTS
        drawn = cloud if few else cloud[random.choice(len(cloud), MODALITY_POINTS, replace=False)]
        points.append(drawn[:, shown])
        shades += [colours[name]] * len(drawn)
    order = random.permutation(len(shades))
    across, up = np.concatenate(points)[order].T
    axes.scatter(across, up, c=np.array(shades)[order], linewidths=0, **dot_style(len(shades)))
    for name, cloud in clouds.items():
        x, y = cloud[:, shown].mean(axis=0)
        draw_dots(axes, x, y, colours[name], size=17, marker="*")
    draw_origin(axes)


def _draw_canonical(
    axes: Axes,
    name: str,
    points: _Points,
    colours: Mapping[str, str],
    markers: Mapping[str, str],
    widest: float,
) -> None:
    """Draw points of valence and arousal with the unit circle; widest : largest absolute value that is shown."""
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=RULE, linewidth=1))
    draw_origin(axes)
    _draw_points(axes, points, colours, markers)
    edge = max(1.05, widest * 1.05)
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), title=fill(name, 32))
    axes.set(xlabel="valence", ylabel="arousal")


def _draw_points(
    axes: Axes,
    points: _Points,
    colours: Mapping[str, str],
    markers: Mapping[str, str],
) -> None:
    """Draw points, and the mean and outline of each emotion. Points without one are grey where others have one."""
    xy, emotions = points
    shown = _shuffled(len(xy), PANEL_POINTS)
    other = UNLABELLED if colours else GROUP_COLOURS[0]
    shades = [other if emotions[i] is None else colours[str(emotions[i])] for i in shown]
    axes.scatter(xy[shown, 0], xy[shown, 1], c=shades, linewidths=0, **dot_style(len(shown)))
    labels = np.array(["" if emotion is None else emotion for emotion in emotions], dtype=object)
    for emotion, colour in colours.items():
        own = xy[labels == emotion]
        if not len(own):
            continue
        if len(own) > 2:
            axes.add_patch(spread_ellipse(own, colour, linewidth=1.3))
        x, y = own.mean(axis=0)
        draw_dots(axes, x, y, colour, marker_size(markers[emotion], 9.5), markers[emotion]).set_zorder(5)
    axes.set_box_aspect(1)
    text = f"n {len(xy):,}" if len(shown) == len(xy) else f"{len(shown):,} of n {len(xy):,} shown"
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
    axes.text(0.985, 0.03, text, transform=axes.transAxes, ha="right", fontsize=8, color=MUTED, bbox=box, zorder=6)


def _check_panel(panel: Panel, where: str) -> _Points:
    xy = checked_array(panel[0], ("n", 2), where)
    emotions = [None if emotion is None or emotion != emotion else str(emotion) for emotion in panel[1]]
    if len(emotions) != len(xy):
        raise DataError(f"{where} has {len(xy)} points but {len(emotions)} emotions")
    return _Points(xy, emotions)


def _limits(xy: np.ndarray) -> Limits:
    """Return the range of all points with a margin, per axis: left, right, bottom, top."""
    low, high = xy.min(0), xy.max(0)
    pad = np.where(high > low, 0.05 * (high - low), 0.5)
    return float(low[0] - pad[0]), float(high[0] + pad[0]), float(low[1] - pad[1]), float(high[1] + pad[1])


def _shuffled(count: int, at_most: int) -> np.ndarray:
    """Return the rows to draw, in a fixed random order, so that no class covers another."""
    return np.random.default_rng(0).permutation(count)[:at_most]
