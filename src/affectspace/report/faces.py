"""Figures made of small images: labelled grids, reconstructions under their originals, walks over the circumplex."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from affectspace.errors import DataError
from affectspace.report.theme import INK, MUTED, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 10.0  # inches, the text width of the report
_GAP = 0.05  # inches between images
_DOTS = 200  # per inch, to which images are enlarged
_LABEL = 9.0  # points


def image_grid(
    images: np.ndarray,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str = "",
    *,
    cell: float = 1.15,
) -> "Figure":
    """Images in rows and columns with labels at the left and on top.

    ``images``: (rows, columns, height, width, 3) uint8 RGB. ``cell``: inches per image at most; smaller where the
    row would not fit the report's width. Raises DataError for another shape or type, or labels of another number.
    """
    images = _check_images(images, 5, "images of a grid", "rows, columns, height, width, 3")
    rows, columns = images.shape[:2]
    names = _check_labels(row_labels, rows, "row")
    heads = _check_labels(column_labels, columns, "column")
    left = max((_text_width(line, _LABEL) for name in names for line in name.split("\n")), default=0.0)
    left += 0.14 if left else 0.0
    size = min(cell, (_WIDTH - left) / columns - _GAP)
    heads = [_wrap(head, size) for head in heads]
    top = (0.3 if title else 0.0) + (0.16 * max((head.count("\n") + 1 for head in heads), default=0) + 0.06)
    with figure_style():
        figure, axes, height = _sheet(left + columns * (size + _GAP), top + rows * (size + _GAP))
        if title:
            axes.text(0, height, title, ha="left", va="top", fontsize=12, fontweight="bold", color=INK)
        for j, head in enumerate(heads):
            x, y = left + j * (size + _GAP) + size / 2, height - top + 0.06
            axes.text(x, y, head, ha="center", va="bottom", fontsize=_fitting(head, size), color=MUTED)
        for i, name in enumerate(names):
            y = height - top - i * (size + _GAP) - size / 2
            axes.text(left - 0.14, y, name, ha="right", va="center", fontsize=_LABEL, color=INK)
        _paint(axes, images, left, height - top, size)
    return figure


def reconstruction_figure(
    originals: np.ndarray,
    reconstructions: Mapping[str, np.ndarray],
    title: str = "",
    *,
    column_labels: Sequence[str] | None = None,
) -> "Figure":
    """Originals on top and below them a row per model (the LeVAsa paper's Figure 4).

    ``originals`` and each of ``reconstructions``: (n, height, width, 3) uint8 RGB, the same faces in the same order.
    Raises DataError where a model's images differ in number or size from the originals.
    """
    originals = _check_images(originals, 4, "the originals", "n, height, width, 3")
    if not reconstructions:
        raise DataError("there are no reconstructions; give {model name: images}")
    rows = [originals]
    for name, images in reconstructions.items():
        checked = _check_images(images, 4, f"the reconstructions of {name!r}", "n, height, width, 3")
        if checked.shape != originals.shape:
            raise DataError(
                f"the reconstructions of {name!r} have shape {checked.shape}, the originals {originals.shape}; "
                "give the same faces at the same size"
            )
        rows.append(checked)
    labels = ["original", *(_wrap(name, 1.9) for name in reconstructions)]
    return image_grid(np.stack(rows), labels, column_labels, title)


def walk_figure(
    grid: np.ndarray,
    valences: Sequence[float] | np.ndarray,
    arousals: Sequence[float] | np.ndarray,
    original: np.ndarray | None = None,
    title: str = "",
) -> "Figure":
    """One face moved over the circumplex: valence rises to the right, arousal upwards, in whatever order they come.

    ``grid``: (arousal steps, valence steps, height, width, 3) uint8 RGB; ``grid[i, j]`` is at ``arousals[i]``,
    ``valences[j]`` (canonical, -1..1). ``original``: (height, width, 3) uint8, shown at the left.
    Raises DataError for another shape or type, or steps of another number than the grid's.
    """
    grid = _check_images(grid, 5, "the grid of a walk", "arousal steps, valence steps, height, width, 3")
    across, up = np.asarray(valences, dtype=float), np.asarray(arousals, dtype=float)
    if across.shape != (grid.shape[1],) or up.shape != (grid.shape[0],):
        raise DataError(
            f"the grid has {grid.shape[0]} arousal by {grid.shape[1]} valence steps, but {up.size} arousals and "
            f"{across.size} valences were given"
        )
    grid = grid[np.argsort(-up, kind="stable")][:, np.argsort(across, kind="stable")]
    across, up = np.sort(across), -np.sort(-up)
    rows, columns = grid.shape[:2]
    start = 0.0 if original is None else 1.55
    left, bottom, top = start + 0.75, 0.62, 0.4 if title else 0.0
    size = min(1.15, (_WIDTH - left) / columns - _GAP)
    span_x, span_y = columns * (size + _GAP) - _GAP, rows * (size + _GAP) - _GAP
    with figure_style():
        figure, axes, height = _sheet(left + span_x, max(bottom + span_y, 1.7 if start else 0.0) + top)
        if title:
            axes.text(0, height, title, ha="left", va="top", fontsize=12, fontweight="bold", color=INK)
        ceiling = height - top
        _paint(axes, grid, left, ceiling, size)
        for j, valence in enumerate(across):
            x = left + j * (size + _GAP) + size / 2
            axes.text(x, ceiling - span_y - 0.07, _signed(valence), ha="center", va="top", fontsize=8.5, color=MUTED)
        for i, arousal in enumerate(up):
            y = ceiling - i * (size + _GAP) - size / 2
            axes.text(left - 0.07, y, _signed(arousal), ha="right", va="center", fontsize=8.5, color=MUTED)
        arrow = {"arrowstyle": "-|>", "color": "#9a9ea4", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
        floor, side = ceiling - span_y - 0.32, left - 0.5
        axes.annotate("", (left + span_x, floor), (left, floor), arrowprops=arrow)
        axes.annotate("", (side, ceiling), (side, ceiling - span_y), arrowprops=arrow)
        axes.text(left + span_x / 2, floor - 0.06, "valence", ha="center", va="top", fontsize=9.5, color=INK)
        middle = ceiling - span_y / 2
        axes.text(side - 0.06, middle, "arousal", ha="right", va="center", rotation=90, fontsize=9.5, color=INK)
        if original is not None:
            face = _check_images(original, 3, "the original of a walk", "height, width, 3")
            _paint(axes, face[None, None], 0.0, middle + 0.575, 1.15)
            axes.text(0.575, middle - 0.65, "original", ha="center", va="top", fontsize=9, color=MUTED)
    return figure


def _sheet(width: float, height: float) -> "tuple[Figure, Axes, float]":
    """A figure whose one axes measures inches from the lower left corner, without frame or ticks."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), frameon=False)
    axes.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[])
    return figure, axes, height


def _paint(axes: "Axes", images: np.ndarray, left: float, top: float, size: float) -> None:
    """Draw (rows, columns, height, width, 3) as one picture; every image is enlarged smoothly by itself."""
    rows, columns = images.shape[:2]
    pixels, gap = round(size * _DOTS), round(_GAP * _DOTS)
    step = pixels + gap
    canvas = np.zeros((rows * step - gap, columns * step - gap, 4), dtype=np.uint8)
    for i in range(rows):
        for j in range(columns):
            face = Image.fromarray(np.ascontiguousarray(images[i, j]))
            face.thumbnail((4 * pixels, 4 * pixels))
            scale = pixels / max(face.size)
            shape = (max(1, round(face.width * scale)), max(1, round(face.height * scale)))
            block = np.asarray(face.resize(shape, Image.Resampling.BICUBIC))
            y, x = i * step + (pixels - shape[1]) // 2, j * step + (pixels - shape[0]) // 2
            canvas[y : y + shape[1], x : x + shape[0], :3] = block
            canvas[y : y + shape[1], x : x + shape[0], 3] = 255
    extent = (left, left + canvas.shape[1] / _DOTS, top - canvas.shape[0] / _DOTS, top)
    axes.imshow(canvas, extent=extent, aspect="auto", interpolation="antialiased")
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())


def _check_images(images: np.ndarray, dimensions: int, what: str, shape: str) -> np.ndarray:
    array = np.asarray(images)
    if array.dtype != np.uint8:
        raise DataError(f"{what} are of type {array.dtype}; give uint8 (times 255 and rounded, where they are 0..1)")
    if array.ndim != dimensions or array.shape[-1] != 3 or 0 in array.shape:
        raise DataError(f"{what} have shape {array.shape}; give ({shape}), none of them 0")
    return array


def _check_labels(labels: Sequence[str] | None, count: int, which: str) -> list[str]:
    if labels is not None and len(labels) != count:
        raise DataError(f"the grid has {count} {which}s, but {len(labels)} {which} labels were given")
    return [str(label) for label in labels or ()]


def _text_width(text: str, points: float) -> float:
    """Inches that a line takes; measured once, with the font of the figures."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    with figure_style():
        path = TextPath((0, 0), text, size=points, prop=FontProperties(family="DejaVu Sans"))
    return float(path.get_extents().width) / 72


def _wrap(text: str, width: float) -> str:
    """Break a label at blanks where it would be wider than ``width`` inches."""
    if _text_width(text, _LABEL) <= width:
        return text
    letters = max(4, int(width / (_text_width("n", _LABEL) + 0.015)))
    return "\n".join(textwrap.wrap(text, letters, break_long_words=False, break_on_hyphens=False))


def _fitting(text: str, width: float) -> float:
    """The size in points, 5.5 at least, at which the longest line fits."""
    longest = max(_text_width(line, _LABEL) for line in text.split("\n")) if text else 0.0
    return _LABEL if longest <= width else max(5.5, _LABEL * width / longest)


def _signed(value: float) -> str:
    """A step of a walk with its sign, at most two decimals."""
    text = f"{value:+.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("+0", "-0") else text.replace("-", "−")
