"""The plane of valence and arousal of one's own values: points, densities, groups and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse

from affectspace.affect import AXES, CATEGORIES
from affectspace.errors import DataError
from affectspace.report.checks import checked_array
from affectspace.report.theme import (
    GROUP_COLOURS,
    MUTED,
    RULE,
    UNLABELLED,
    colours_for,
    dot_style,
    draw_origin,
    figure_style,
    group_colours,
    legend_dot,
    markers_for,
    new_figure,
    spread_ellipse,
)

MOST_POINTS, MOST_ELLIPSES = 3000, 60  # that are drawn
MOST_EMOTIONS, MOST_GROUPS = 12, len(GROUP_COLOURS)  # groups with a colour of their own
LEVELS = (0.25, 0.5, 0.75, 0.95)  # shares of the rows inside the lines of a density
MOST_DENSITIES = 3  # groups with all lines; more groups have one line each, or nothing could be seen
HALF = (0.5,)
SIDE = 80  # cells of a density
OTHERS = "others"
FEWEST_OF_A_MEAN = 3  # rows of a group; the mean of fewer would only cover them
MEAN: dict[str, Any] = {  # the sign of a mean
    "linestyle": "", "marker": "o", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 1.5,
}  # fmt: skip


def plane_figure(
    points: np.ndarray,
    groups: Sequence[Any] | None = None,
    *,
    deviations: np.ndarray | None = None,
    density: bool = False,
    axes: tuple[str, str] = AXES[:2],
    group_name: str = "",
    title: str = "",
) -> Figure:
    """Draw values on the plane of valence and arousal, with mean and spread of each group.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Values on [-1, 1]. Rows with NaN are left out, and the figure states their number. At most 3,000 are drawn.
    groups : sequence of length n, optional
        Emotion, person or another group of each row; emotions have their usual colours. A group of three rows or more
        has its mean, and an ellipse of one standard deviation of its rows. Beyond 12 emotions or 8 other groups, the smallest
        are drawn as others.
    deviations : ndarray of shape (n, 2), optional
        Standard deviation of each point. Up to 60 points have an ellipse of their own.
    density : bool
        Draw lines around 25, 50, 75 and 95 % of the rows in place of points; around half the rows for more than three groups.
    axes : tuple of str
        Names of the two axes.
    group_name : str
        What a group is, for the legend.
    title : str

    Raises
    ------
    DataError
        If a shape is wrong, or no row has both values.

    Examples
    --------
    >>> figure = plane_figure([[0.1, 0.2], [0.5, -0.3]], ["anger", "calm"])
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise DataError(f"points have shape {values.shape}; give (n, 2)")
    known: np.ndarray = np.asarray(np.isfinite(values).all(axis=1))
    if not known.any():
        raise DataError(f"no row has both {axes[0]} and {axes[1]} ({len(values):,} rows)")
    spreads = (
        None if deviations is None else checked_array(np.nan_to_num(deviations), values.shape, "deviations")[known]
    )
    names = _named(groups, len(values), known)
    xy = values[known]
    order = [name for name in dict.fromkeys(names) if name is not None]
    emotions = set(order) <= set(CATEGORIES)
    colours = colours_for(order) if emotions else group_colours(order) | {OTHERS: UNLABELLED}
    markers = markers_for(order) if emotions else dict.fromkeys([*order, OTHERS], "o")
    with figure_style():
        figure = new_figure(6.4, 6.2 + 0.25 * (len(order) > 6))
        panel = figure.subplots()
        panel.add_patch(Circle((0, 0), 1, fill=False, edgecolor=RULE, linewidth=1))
        draw_origin(panel)
        chosen = np.random.default_rng(0).permutation(len(xy))[:MOST_POINTS]
        means = False
        shares = LEVELS if len(order) <= MOST_DENSITIES else HALF
        for name in [None, *order] if None in names else order:
            rows = np.array([one == name for one in names])
            colour = UNLABELLED if name is None else colours[name]
            if density:
                _draw_density(panel, xy[rows], colour, shares)
            else:
                shown = chosen[rows[chosen]]
                marker = "o" if name is None else markers[name]
                style = dot_style(min(len(xy), MOST_POINTS))
                panel.scatter(xy[shown, 0], xy[shown, 1], color=colour, marker=marker, linewidths=0, zorder=2, **style)
            if name is not None and rows.sum() >= FEWEST_OF_A_MEAN:
                _draw_group(panel, xy[rows], colour, ellipse=not density)
                means = True
        if spreads is not None and len(xy) <= MOST_ELLIPSES:
            for place, spread in enumerate(spreads):
                group = names[place]
                colour = MUTED if group is None else colours[group]
                panel.add_patch(
                    Ellipse(tuple(xy[place]), 2 * spread[0], 2 * spread[1], facecolor=colour, alpha=0.12, zorder=1)
                )
        edge = max(1.05, 1.05 * float(np.abs(xy).max()))
        panel.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xlabel=axes[0], ylabel=axes[1])
        panel.set_title(title)
        notes = _notes(known, shares if density else (), spreads is not None, bool(order))
        panel.text(1, 1.01, notes, transform=panel.transAxes, ha="right", fontsize=8.5, color=MUTED)
        if order:
            handles = [legend_dot(markers[name], colours[name]) for name in order]
            labels = list(order)
            if means:
                handles.append(Line2D([], [], color=MUTED, **MEAN))
                labels.append("mean of a group" if density else "mean of a group, one deviation")
            figure.legend(
                handles, labels, loc="outside lower center", ncols=min(len(labels), 6), title=group_name or None
            )
    return figure


def _notes(known: np.ndarray, lines: tuple[float, ...], spreads: bool, groups: bool) -> str:
    """Say what is drawn: the rows, and what lines and shades mean. lines : shares inside the lines, () for points"""
    rows, left_out = int(known.sum()), int((~known).sum())
    notes = [f"n {rows:,}" + (f" ({left_out:,} without a value left out)" if left_out else "")]
    if lines:
        inside = "half" if lines == HALF else "25, 50, 75 and 95 %"
        notes.append(f"lines around {inside} of the rows{' of a group' if groups else ''}")
    elif rows > MOST_POINTS:
        notes.append(f"{MOST_POINTS:,} drawn")
    if spreads:
        few = rows <= MOST_ELLIPSES
        notes.append("shaded: one deviation" if few else f"deviations are drawn for up to {MOST_ELLIPSES} rows")
    return "   ".join(notes)


def _named(groups: Sequence[Any] | None, count: int, known: np.ndarray) -> list[str | None]:
    """Return the group of each known row, None without one; the smallest of many groups become one."""
    if groups is None:
        return [None] * int(known.sum())
    if len(groups) != count:
        raise DataError(f"{len(groups)} groups for {count} points; give one a row")
    names = [
        None if group is None or group != group or not str(group).strip() else str(group).strip()
        for group, use in zip(groups, known.tolist(), strict=True)
        if use
    ]
    counts = {name: names.count(name) for name in dict.fromkeys(names) if name is not None}
    most = MOST_EMOTIONS if counts.keys() <= set(CATEGORIES) else MOST_GROUPS
    if len(counts) > most:
        kept = set(sorted(counts, key=lambda name: -counts[name])[: most - 1])
        names = [name if name is None or name in kept else OTHERS for name in names]
    return names


def _draw_group(panel: Axes, xy: np.ndarray, colour: str, *, ellipse: bool) -> None:
    """Draw the mean of a group and, if asked, the ellipse of one standard deviation."""
    panel.plot(*xy.mean(axis=0), color=colour, zorder=5, **MEAN)
    if ellipse:
        panel.add_patch(spread_ellipse(xy, colour, linewidth=1.6))


def _draw_density(panel: Axes, xy: np.ndarray, colour: str, inside: tuple[float, ...]) -> None:
    """Draw lines around shares of the rows, from a smoothed histogram. Several lines are filled."""
    from scipy.ndimage import gaussian_filter

    if len(xy) < 5:
        panel.scatter(xy[:, 0], xy[:, 1], color=colour, s=16, linewidths=0)
        return
    edge = max(1.2, 1.1 * float(np.abs(xy).max()))
    counts, across, up = np.histogram2d(xy[:, 0], xy[:, 1], bins=SIDE, range=[[-edge, edge], [-edge, edge]])
    width = float(np.clip(len(xy) ** (-1 / 6) * xy.std(axis=0).mean(), 0.03, 0.4)) / (2 * edge / SIDE)
    smooth = gaussian_filter(counts, width)
    ordered = np.sort(smooth.ravel())[::-1]
    shares = np.cumsum(ordered) / ordered.sum()
    levels = sorted({float(ordered[min(int(np.searchsorted(shares, share)), len(ordered) - 1)]) for share in inside})
    middles = ((across[1:] + across[:-1]) / 2, (up[1:] + up[:-1]) / 2)
    if inside == HALF:
        panel.contour(*middles, smooth.T, levels=levels, colors=[colour], linewidths=1.6)
        return
    panel.contourf(*middles, smooth.T, levels=[*levels, float(ordered[0]) * 1.01], colors=[colour], alpha=0.16)
    panel.contour(*middles, smooth.T, levels=levels, colors=[colour], linewidths=1)


def time_figure(
    times: np.ndarray,
    values: np.ndarray,
    deviations: np.ndarray | None = None,
    *,
    axes: Sequence[str] = AXES,
    across: str = "time",
    title: str = "",
) -> Figure:
    """Draw each axis over time, a panel each, with bands of one standard deviation where they are known.

    Rows are drawn in the order of their times. A row without a value leaves a gap.

    Parameters
    ----------
    times : ndarray of shape (n,)
        Seconds, or numbers of steps.
    values, deviations : ndarray of shape (n, axes)
        Values on [-1, 1], and their standard deviations.
    axes : sequence of str
        Names of the axes.
    across, title : str
        Name of the times, and of the figure.

    Raises
    ------
    DataError
        If a shape is wrong, or fewer than two rows have a time and a value.

    Examples
    --------
    >>> figure = time_figure([0.0, 1.0, 2.0], [[0.1], [0.4], [0.2]], axes=("valence",))
    """
    means = np.asarray(values, dtype=np.float64)
    seconds = np.asarray(times, dtype=np.float64)
    if means.shape != (len(seconds), len(axes)):
        raise DataError(f"values have shape {means.shape}; give ({len(seconds)}, {len(axes)})")
    usable = np.isfinite(seconds)
    if (usable & np.isfinite(means).any(axis=1)).sum() < 2:
        raise DataError("fewer than two rows have a time and a value; a course over time needs two")
    order = np.flatnonzero(usable)[np.argsort(seconds[usable], kind="stable")]
    with figure_style():
        figure = new_figure(9.0, 0.7 + 1.8 * len(axes))
        for place, panel in enumerate(figure.subplots(len(axes), 1, squeeze=False, sharex=True)[:, 0]):
            mean, colour = means[order, place], GROUP_COLOURS[place]
            if deviations is not None:
                spread = np.nan_to_num(np.asarray(deviations, dtype=np.float64)[order, place])
                panel.fill_between(seconds[order], mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
            panel.plot(seconds[order], mean, color=colour, marker="o" if len(order) < 60 else "", markersize=3.5)
            panel.axhline(0, color=RULE, linewidth=0.8, zorder=0)
            edge = max(1.05, 1.05 * float(np.nanmax(np.abs(mean), initial=0.0)))
            panel.set(ylim=(-edge, edge), ylabel=axes[place])
            panel.margins(x=0.01)
        panel.set_xlabel(across)
        figure.suptitle(
            title
            + (f"{'; ' if title else ''}the band is one standard deviation each way" if deviations is not None else "")
        )
    return figure
