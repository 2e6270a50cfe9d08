"""Figures of latent spaces: beside the circumplex, read out against the truth, and what alignment costs."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from affectspace.errors import DataError
from affectspace.report.theme import (
    GROUP_COLOURS,
    INK,
    MUTED,
    RULE,
    UNLABELLED,
    colours_for,
    figure_style,
    group_colours,
    marker_size,
    markers_for,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_PLACES = [
    (1.0, 0.0, "left", "center"),
    (-1.0, 0.0, "right", "center"),
    (0.0, 1.0, "center", "bottom"),
    (0.0, -1.0, "center", "top"),
    (0.8, 0.8, "left", "bottom"),
    (0.8, -0.8, "left", "top"),
    (-0.8, 0.8, "right", "bottom"),
    (-0.8, -0.8, "right", "top"),
]


_SHARES = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}


def place_labels(
    axes: "Axes",
    points: np.ndarray,
    names: Sequence[str],
    *,
    colour: str,
    lines: Sequence[np.ndarray] = (),
    size: float = 8.5,
) -> None:
    """Annotate ``points`` (n, 2), data coordinates, with ``names``; the first free place near each point is taken.

    ``lines``: series of points (m, 2), data coordinates, that the names should not lie on.
    The limits of the axes must be final. Where every place is taken, the one that overlaps least is used.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    centres = axes.transData.transform(np.asarray(points, dtype=float))
    unit = figure.dpi / 72
    taken = [Bbox.from_bounds(x - 5 * unit, y - 5 * unit, 10 * unit, 10 * unit) for x, y in centres]
    for line in lines:
        taken += [Bbox.from_bounds(x - unit, y - unit, 2 * unit, 2 * unit) for x, y in axes.transData.transform(line)]
    frame = axes.get_window_extent()
    for index, name in enumerate(names):
        best: tuple[float, tuple[float, float, str, str]] | None = None
        text = axes.annotate(name, points[index], (0, 0), textcoords="offset points", fontsize=size, color=colour)
        extent = text.get_window_extent()
        for distance in (8.0, 16.0, 26.0):
            for dx, dy, across, up in _PLACES:
                corner = centres[index] + unit * distance * np.array([dx, dy])
                corner -= (_SHARES[across] * extent.width, _SHARES[up] * extent.height)
                box = Bbox.from_bounds(corner[0], corner[1], extent.width, extent.height)
                cost = sum(_overlap(box, other) for i, other in enumerate(taken) if i != index)
                cost += 4 * (box.width * box.height - _overlap(box, frame)) + 0.01 * distance * unit
                if best is None or cost < best[0] - 1e-9:
                    best = cost, (dx * distance, dy * distance, across, up)
        assert best is not None
        dx, dy, across, up = best[1]
        text.set(position=(dx, dy), ha=across, va=up)
        text.set_in_layout(False)
        taken.append(text.get_window_extent().padded(1.5 * unit))
        if np.hypot(dx, dy) > 12:
            axes.annotate(
                "",
                points[index],
                (dx, dy),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": "#b5b8bc", "linewidth": 0.6, "shrinkB": 4},
            ).set_in_layout(False)


def _overlap(first: Bbox, second: Bbox) -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(0.0, width) * max(0.0, height)


Panel = tuple[np.ndarray, Sequence[Any]]


def circumplex_figure(
    panels: Mapping[str, Panel],
    truth: Panel | None = None,
    *,
    outlines: bool = True,
    shared_scale: bool = False,
    max_points: int = 3000,
    truth_name: str = "labels",
) -> "Figure":
    """Latents reduced to two numbers beside the true valence and arousal (the LeVAsa paper's Figure 3).

    ``panels``: name -> (coordinates (n, 2): valence chunk, arousal chunk; emotions (n,), None where not labelled).
    ``truth``: the same for the labels on [-1, 1]; drawn first, with the circle. Large marks are class means,
    ``outlines`` ellipses of one standard deviation (both over all points); at most ``max_points`` points are drawn
    and the panel says how many. ``shared_scale``: the same limits in every latent panel, where units compare.
    Raises DataError for another shape, unequal lengths or values that are not finite.
    """
    checked = {name: _check_panel(panel, f"panel {name!r}") for name, panel in panels.items()}
    first = None if truth is None else _check_panel(truth, "the truth")
    count = len(checked) + (first is not None)
    if count == 0:
        raise DataError("there is nothing to draw; give {panel name: (coordinates, emotions)}")
    everybody = [*checked.values(), *([first] if first else [])]
    emotions = {emotion for _, names in everybody for emotion in names if emotion is not None}
    colours, markers = colours_for(emotions), markers_for(emotions)
    columns = min(count, 3) if count != 4 else 2
    rows = -(-count // columns)
    side = min(10.0 / columns, 4.6)
    together = _limits(np.concatenate([xy for xy, _ in checked.values()])) if shared_scale and checked else None
    with figure_style():
        figure = new_figure(side * columns, side * rows + 0.35 + 0.2 * (len(colours) > 6))
        grid = figure.subplots(rows, columns, squeeze=False)
        places = list(grid.flat)
        for axes in places[count:]:
            axes.set_axis_off()
        if first is not None:
            axes = places.pop(0)
            axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=RULE, linewidth=1))
            axes.axhline(0, color=RULE, linewidth=0.8, zorder=0)
            axes.axvline(0, color=RULE, linewidth=0.8, zorder=0)
            edge = max(1.05, float(np.abs(first[0]).max()) * 1.05)
            _draw_panel(axes, truth_name, first, colours, markers, outlines, max_points, (-edge, edge, -edge, edge))
            axes.set(xlabel="valence", ylabel="arousal")
        for axes, (name, panel) in zip(places, checked.items(), strict=False):
            _draw_panel(axes, name, panel, colours, markers, outlines, max_points, together or _limits(panel[0]))
            axes.set(xlabel="valence chunk, 1-d", ylabel="arousal chunk, 1-d")
        handles = [
            Line2D([], [], linestyle="", marker=markers[e], color=colours[e], markersize=marker_size(markers[e], 7.5))
            for e in colours
        ]
        if handles:
            figure.legend(handles, list(colours), loc="outside lower center", ncols=min(len(colours), 7))
    return figure


def rate_distortion_figure(
    points: Sequence[Mapping[str, Any]],
    *,
    rate_label: str = "rate: KL to the prior, nats per image",
    distortion_label: str = "distortion: reconstruction MSE",
) -> "Figure":
    """What a code costs against how well it rebuilds; points of a group are joined in order of their rate.

    ``points``: dicts with ``name``, ``rate``, ``distortion`` and, optionally, ``group``. Axes are logarithmic where
    positive values span more than a factor 20. Raises DataError where a key is missing or a number is not finite.
    """
    rows = [_check_point(i, point) for i, point in enumerate(points)]
    if not rows:
        raise DataError("there are no points; give dicts with name, rate and distortion")
    colours = group_colours(group for _, _, _, group in rows)
    with figure_style():
        figure = new_figure(8.2, 4.9)
        axes = figure.subplots()
        axes.grid(True)
        joints = []
        for group, colour in colours.items():
            xy = np.array(sorted((rate, distortion) for _, rate, distortion, own in rows if own == group))
            joints += [np.linspace(xy[i], xy[i + 1], 24) for i in range(len(xy) - 1)]
            axes.plot(*xy.T, "-", color=colour, linewidth=1.2, alpha=0.55)
            axes.plot(*xy.T, "o", color=colour, markersize=7, markeredgecolor="white", label=group or None)
        _scale(axes, "x", [rate for _, rate, _, _ in rows])
        _scale(axes, "y", [distortion for _, _, distortion, _ in rows])
        axes.margins(0.12, 0.14)
        axes.set(xlabel=rate_label, ylabel=distortion_label)
        if len(colours) > 1:
            figure.legend(loc="outside upper left", ncols=min(len(colours), 5))
        spots = np.array([(rate, distortion) for _, rate, distortion, _ in rows])
        place_labels(axes, spots, [name for name, *_ in rows], colour=INK, lines=joints)
    return figure


def scatter_readout_figure(
    truth: np.ndarray,
    prediction: np.ndarray,
    axis: str,
    *,
    measures: Mapping[str, float] | None = None,
    max_points: int = 6000,
) -> "Figure":
    """Predictions against the truth of one axis, with the line of equality and the mean prediction per level.

    ``truth``, ``prediction``: (n,), canonical. Levels are the distinct truths, or ten equal parts where there are more
    than 25; bars are one standard deviation. ``measures``: name -> value, printed in the figure (computed elsewhere).
    Rows with NaN on either side are left out and counted in the figure. Raises DataError where nothing is left.
    """
    x, y = np.asarray(truth, dtype=float), np.asarray(prediction, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"truth has shape {x.shape} and prediction {y.shape}; give two of (n,)")
    known = np.isfinite(x) & np.isfinite(y)
    left_out = int((~known).sum())
    x, y = x[known], y[known]
    if not x.size:
        raise DataError(f"no row has both a truth and a prediction of {axis} ({left_out} rows are not finite)")
    levels = np.unique(x)
    parts = [x == level for level in levels]
    if levels.size > 25:
        bins = np.digitize(x, np.quantile(x, np.linspace(0, 1, 11)[1:-1]))
        parts = [bins == part for part in np.unique(bins)]
    centres, means = [x[p].mean() for p in parts], [y[p].mean() for p in parts]
    draw = _spread_out(x.size, max_points)
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    pad = 0.06 * (high - low) or 0.1
    with figure_style():
        figure = new_figure(5.0, 4.9)
        axes = figure.subplots()
        axes.plot([low - pad, high + pad], [low - pad, high + pad], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        jitter = np.zeros(draw.size)
        if levels.size <= 25:
            jitter = np.random.default_rng(0).uniform(-0.012, 0.012, draw.size) * (high - low)
        axes.scatter(x[draw] + jitter, y[draw], s=7, color=GROUP_COLOURS[0], alpha=0.22, linewidths=0)
        bars = axes.errorbar(centres, means, yerr=[y[p].std() for p in parts], fmt="o", color=GROUP_COLOURS[1])
        for artist in (bars.lines[0], *bars.lines[2]):
            artist.set_zorder(5)
        bars.lines[0].set(markersize=6.5, markeredgecolor="white")
        axes.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), aspect="equal")
        axes.set(xlabel=f"true {axis}", ylabel=f"predicted {axis}", title=axis)
        notes = [f"{name} {value:.3f}".replace("-", "−") for name, value in (measures or {}).items()]
        notes.append(f"n {x.size:,}" + (f" ({left_out:,} without value left out)" if left_out else ""))
        axes.text(1, 1.02, "   ".join(notes), transform=axes.transAxes, ha="right", fontsize=8.5, color=MUTED)
    return figure


def _draw_panel(
    axes: "Axes",
    name: str,
    panel: tuple[np.ndarray, list[str | None]],
    colours: dict[str, str],
    markers: dict[str, str],
    outlines: bool,
    max_points: int,
    limits: tuple[float, float, float, float],
) -> None:
    xy, emotions = panel
    draw = _spread_out(len(xy), max_points)
    shades = [UNLABELLED if emotions[i] is None else colours[str(emotions[i])] for i in draw]
    axes.scatter(xy[draw, 0], xy[draw, 1], s=6, c=shades, alpha=0.3, linewidths=0)
    labels = np.array(["" if emotion is None else emotion for emotion in emotions], dtype=object)
    for emotion, colour in colours.items():
        own = xy[labels == emotion]
        if not len(own):
            continue
        if outlines and len(own) > 2:
            lengths, directions = np.linalg.eigh(np.cov(own.T))
            width, height = 2 * np.sqrt(np.maximum(lengths, 0))
            angle = np.degrees(np.arctan2(directions[1, 0], directions[0, 0]))
            shape = {"angle": angle, "fill": False, "edgecolor": colour, "linewidth": 1.3, "zorder": 4}
            axes.add_patch(Ellipse(tuple(own.mean(0)), width, height, **shape))
        size = marker_size(markers[emotion], 9.5)
        axes.plot(*own.mean(0), markers[emotion], color=colour, markersize=size, markeredgecolor="white", zorder=5)
    axes.set(xlim=limits[:2], ylim=limits[2:], box_aspect=1, title=fill(name, 32))
    shown = f"n {len(xy):,}" if len(draw) == len(xy) else f"{len(draw):,} of n {len(xy):,} shown"
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
    axes.text(0.985, 0.03, shown, transform=axes.transAxes, ha="right", fontsize=8, color=MUTED, bbox=box, zorder=6)


def _check_panel(panel: Panel, where: str) -> tuple[np.ndarray, list[str | None]]:
    xy = np.asarray(panel[0], dtype=float)
    emotions = [None if emotion is None or emotion != emotion else str(emotion) for emotion in panel[1]]
    if xy.ndim != 2 or xy.shape[1] != 2 or not len(xy):
        raise DataError(f"{where} has coordinates of shape {xy.shape}; give (n, 2), one number per chunk, n > 0")
    if len(emotions) != len(xy):
        raise DataError(f"{where} has {len(xy)} points but {len(emotions)} emotions")
    if not np.isfinite(xy).all():
        row = int(np.flatnonzero(~np.isfinite(xy).all(axis=1))[0])
        raise DataError(f"{where}: row {row} is {xy[row].tolist()}; leave out rows without value first")
    return xy, emotions


def _check_point(index: int, point: Mapping[str, Any]) -> tuple[str, float, float, str]:
    missing = [key for key in ("name", "rate", "distortion") if key not in point]
    if missing:
        raise DataError(f"point {index} has no {', '.join(missing)}; it has {', '.join(map(str, point))}")
    rate, distortion = float(point["rate"]), float(point["distortion"])
    if not np.isfinite([rate, distortion]).all():
        raise DataError(f"point {index} ({point['name']}) has rate {rate} and distortion {distortion}; leave it out")
    return str(point["name"]), rate, distortion, str(point.get("group", ""))


def _limits(xy: np.ndarray) -> tuple[float, float, float, float]:
    """A square in standard deviations would hide outliers: the range of all points with a margin, per axis."""
    low, high = xy.min(0), xy.max(0)
    pad = np.where(high > low, 0.05 * (high - low), 0.5)
    return float(low[0] - pad[0]), float(high[0] + pad[0]), float(low[1] - pad[1]), float(high[1] + pad[1])


def _spread_out(count: int, at_most: int) -> np.ndarray:
    """Indices of the rows to draw, in an order that hides no class behind another; always the same."""
    return np.random.default_rng(0).permutation(count)[:at_most]


def _scale(axes: "Axes", which: str, values: Sequence[float]) -> None:
    if min(values) > 0 and max(values) / min(values) > 20:
        axes.set_xscale("log") if which == "x" else axes.set_yscale("log")
        along = axes.xaxis if which == "x" else axes.yaxis
        along.set_major_locator(LogLocator(subs=(1, 2, 5)))  # 0.2, 0.5, 1, 2, 5: plain numbers that do not collide
        along.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        along.set_minor_formatter(NullFormatter())
