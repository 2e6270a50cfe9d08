"""Placement of names beside points, so that they do not overlap."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

_PLACES = [  # direction from the point, and the side of the text that lies there
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
    axes: Axes,
    points: np.ndarray,
    names: Sequence[str],
    *,
    colour: str,
    lines: Sequence[np.ndarray] = (),
) -> None:
    """Write names beside points, each at the place that overlaps least with points, lines and earlier names.

    points : (n, 2), data coordinates; lines : series of points (m, 2) that names should not cover
    The limits of the axes must be final.
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
        text = axes.annotate(name, points[index], (0, 0), textcoords="offset points", fontsize=8.5, color=colour)
        extent = text.get_window_extent()
        obstacles = taken[:index] + taken[index + 1 :]
        least, best = np.inf, (0.0, 0.0, "left", "center")
        for distance in (8.0, 16.0, 26.0):
            for dx, dy, across, up in _PLACES:
                corner = centres[index] + unit * distance * np.array([dx, dy])
                corner -= (_SHARES[across] * extent.width, _SHARES[up] * extent.height)
                box = Bbox.from_bounds(corner[0], corner[1], extent.width, extent.height)
                cost = sum(_overlap(box, obstacle) for obstacle in obstacles)
                cost += 4 * (box.width * box.height - _overlap(box, frame)) + 0.01 * distance * unit
                if cost < least - 1e-9:
                    least, best = cost, (dx * distance, dy * distance, across, up)
        dx, dy, across, up = best
        text.set(position=(dx, dy), ha=across, va=up)
        text.set_in_layout(False)
        taken.append(text.get_window_extent().padded(1.5 * unit))
        if np.hypot(dx, dy) > 12:
            pointer = {"arrowstyle": "-", "color": "#b5b8bc", "linewidth": 0.6, "shrinkB": 4}
            arrow = axes.annotate("", points[index], (dx, dy), textcoords="offset points", arrowprops=pointer)
            arrow.set_in_layout(False)


def _overlap(first: Bbox, second: Bbox) -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(0.0, width) * max(0.0, height)
