"""Figures of small images: labelled grids, reconstructions below their originals, walks over the circumplex, clips."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from PIL import Image

from affectspace.errors import DataError
from affectspace.report.checks import check_not_empty, checked_images
from affectspace.report.differences import LEGEND, colours
from affectspace.report.formatting import signed
from affectspace.report.theme import GROUP_COLOURS, INK, MUTED, figure_style, new_figure

_WIDTH = 10.0  # inches, the text width of a report
_GAP = 0.05  # inches between images
_DOTS = 200  # per inch, to which images are enlarged
_LABEL = 9.0  # points
FRAMES_ACROSS = 3  # of a sample


def image_grid(
    images: np.ndarray,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str = "",
    *,
    cell: float = 1.15,
    captions: Sequence[Sequence[str]] | None = None,
) -> Figure:
    """Draw images in rows and columns.

    Raises DataError if shape or type of the images, or the number of labels, is wrong.

    Parameters
    ----------
    images : ndarray of shape (rows, columns, height, width, 3), uint8
        RGB pictures.
    row_labels, column_labels : sequence of str, optional
        Labels at the left and on top.
    title : str
        Title.
    cell : float
        Largest size of an image in inches. Images are smaller if a row would not fit the width of a report.
    captions : sequence of rows of str, optional
        A text below each image.

    Examples
    --------
    >>> import numpy as np
    >>> figure = image_grid(np.zeros((1, 2, 8, 8, 3), np.uint8), ["faces"], ["before", "after"])
    """
    images = checked_images(images, ("rows", "columns", "height", "width", 3), "images of a grid")
    rows, columns = images.shape[:2]
    names = _check_labels(row_labels, rows, "row")
    heads = _check_labels(column_labels, columns, "column")
    left = max((_text_width(line, _LABEL) for name in names for line in name.split("\n")), default=0.0)
    left += 0.14 if left else 0.0
    size = min(cell, (_WIDTH - left) / columns - _GAP)
    below, pitch = _room_below(captions, images.shape[:2]), size + _GAP + _room_below(captions, images.shape[:2])
    heads = [_wrap(head, size) for head in heads]
    top = (0.3 if title else 0.0) + (0.16 * max((head.count("\n") + 1 for head in heads), default=0) + 0.06)
    with figure_style():
        figure, axes, height = _sheet(left + columns * (size + _GAP), top + rows * pitch)
        if title:
            axes.text(0, height, title, ha="left", va="top", fontsize=12, fontweight="bold", color=INK)
        for j, head in enumerate(heads):
            x, y = left + j * (size + _GAP) + size / 2, height - top + 0.06
            axes.text(x, y, head, ha="center", va="bottom", fontsize=_fitting(head, size), color=MUTED)
        for i, name in enumerate(names):
            y = height - top - i * pitch - size / 2
            axes.text(left - 0.14, y, name, ha="right", va="center", fontsize=_LABEL, color=INK)
        _paint(axes, images, left, height - top, size, below)
        _write_captions(axes, captions, left, height - top, size, pitch)
    return figure


def reconstruction_figure(originals: np.ndarray, reconstructions: Mapping[str, np.ndarray]) -> Figure:
    """Draw originals, and below them a row of reconstructions per model. This is Figure 4 of "LeVAsa".

    Parameters
    ----------
    originals : ndarray of shape (n, height, width, 3), uint8
        RGB pictures.
    reconstructions : mapping
        Model -> pictures of the shape of the originals, in the same order.

    Raises
    ------
    DataError
        If there are no reconstructions, or their number or size differs from the originals.

    Examples
    --------
    >>> import numpy as np
    >>> faces = np.zeros((4, 8, 8, 3), np.uint8)
    >>> figure = reconstruction_figure(faces, {"Vanilla VAE": faces, "LeVAsa": faces})
    """
    originals = checked_images(originals, ("n", "height", "width", 3), "originals")
    check_not_empty(reconstructions, "{model: reconstructions}")
    rows = [
        checked_images(images, originals.shape, f"reconstructions of {name!r}, in the shape of the originals")
        for name, images in reconstructions.items()
    ]
    labels = ["original", *(_wrap(name, 1.9) for name in reconstructions)]
    return image_grid(np.stack([originals, *rows]), labels)


def walk_figure(
    grid: np.ndarray,
    valences: Sequence[float] | np.ndarray,
    arousals: Sequence[float] | np.ndarray,
    original: np.ndarray | None = None,
    missed: np.ndarray | None = None,
    *,
    captions: Sequence[Sequence[str]] | None = None,
    original_label: str = "original",
    limit: float | None = None,
) -> Figure:
    """Draw one face moved over the circumplex. Valence rises to the right and arousal upwards.

    Raises DataError if shape or type of the images, or the number of values, is wrong.

    Parameters
    ----------
    grid : ndarray of shape (arousals, valences, height, width, 3), uint8
        RGB pictures; ``grid[i, j]`` is at ``arousals[i]`` and ``valences[j]``.
    valences, arousals : sequence of float
        Canonical values, in any order.
    original : ndarray of shape (height, width, 3), uint8, optional
        Picture at the left.
    missed : ndarray of shape (arousals, valences), bool, optional
        Targets that were not reached. Their pictures have a dashed frame, and a line below says what it means.
    captions : sequence of rows of str, optional
        A text below each picture, in the order of the grid, such as what a judge reads in it.
    original_label : str
        What the picture at the left is.
    limit : float, optional
        The pictures are those of `difference_images` with this limit; a legend of the colours is drawn.

    Examples
    --------
    >>> import numpy as np
    >>> figure = walk_figure(np.zeros((2, 3, 8, 8, 3), np.uint8), [-0.5, 0, 0.5], [-0.5, 0.5])
    """
    grid = checked_images(grid, ("arousals", "valences", "height", "width", 3), "the grid of a walk")
    across, up = np.asarray(valences, dtype=float), np.asarray(arousals, dtype=float)
    if across.shape != (grid.shape[1],) or up.shape != (grid.shape[0],):
        raise DataError(
            f"the grid has {grid.shape[0]} arousal by {grid.shape[1]} valence steps, but {up.size} arousals and "
            f"{across.size} valences were given"
        )
    beyond = np.zeros(grid.shape[:2], dtype=bool) if missed is None else np.asarray(missed, dtype=bool)
    if beyond.shape != grid.shape[:2]:
        raise DataError(f"missed has shape {beyond.shape}; give {grid.shape[:2]}, one value for each picture")
    order = np.ix_(np.argsort(-up, kind="stable"), np.argsort(across, kind="stable"))
    below = _room_below(captions, grid.shape[:2])
    texts = None if captions is None else np.array(captions, dtype=object)[order].tolist()
    grid, beyond = grid[order], beyond[order]
    across, up = np.sort(across), -np.sort(-up)
    rows, columns = grid.shape[:2]
    start = 0.0 if original is None else 1.55
    left, bottom = start + 0.75, 0.62 + (0.3 if beyond.any() else 0.0) + (0.0 if limit is None else 0.5)
    size = min(1.15, (_WIDTH - left) / columns - _GAP)
    pitch = size + _GAP + below
    span_x, span_y = columns * (size + _GAP) - _GAP, rows * pitch - _GAP
    with figure_style():
        figure, axes, ceiling = _sheet(left + span_x, max(bottom + span_y, 1.7 if start else 0.0))
        _paint(axes, grid, left, ceiling, size, below)
        _write_captions(axes, texts, left, ceiling, size, pitch)
        for j, valence in enumerate(across):
            x = left + j * (size + _GAP) + size / 2
            axes.text(x, ceiling - span_y - 0.07, _tick(valence), ha="center", va="top", fontsize=8.5, color=MUTED)
        for i, arousal in enumerate(up):
            y = ceiling - i * pitch - size / 2
            axes.text(left - 0.07, y, _tick(arousal), ha="right", va="center", fontsize=8.5, color=MUTED)
        arrow = {"arrowstyle": "-|>", "color": "#9a9ea4", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
        floor, side = ceiling - span_y - 0.32, left - 0.5
        axes.annotate("", (left + span_x, floor), (left, floor), arrowprops=arrow)
        axes.annotate("", (side, ceiling), (side, ceiling - span_y), arrowprops=arrow)
        axes.text(left + span_x / 2, floor - 0.06, "valence", ha="center", va="top", fontsize=9.5, color=INK)
        middle = ceiling - span_y / 2
        axes.text(side - 0.06, middle, "arousal", ha="right", va="center", rotation=90, fontsize=9.5, color=INK)
        frame: dict[str, Any] = {
            "fill": False,
            "edgecolor": GROUP_COLOURS[1],
            "linewidth": 1.6,
            "linestyle": (0, (4, 2)),
        }
        for i, j in np.argwhere(beyond):
            corner = left + j * (size + _GAP), ceiling - i * pitch - size
            axes.add_patch(Rectangle(corner, size, size, **frame))
        if beyond.any():
            text = (
                f"dashed: beyond the reach of the model, which came as near as it can ({beyond.sum()} of {beyond.size})"
            )
            axes.text(left, floor - 0.32, text, ha="left", va="top", fontsize=8.5, color=GROUP_COLOURS[1])
        if original is not None:
            face = checked_images(original, ("height", "width", 3), "the original of a walk")
            _paint(axes, face[None, None], 0.0, middle + 0.575, 1.15)
            axes.text(0.575, middle - 0.65, original_label, ha="center", va="top", fontsize=9, color=MUTED)
        if limit is not None:
            _write_legend(axes, left, 0.32, limit)
    return figure


def sample_figure(frames: Sequence[np.ndarray], sound: np.ndarray, rate: int, text: str) -> Figure:
    """Draw one sample: frames of its clip, the waveform of its sound, and its text as the title.

    Raises DataError if there are no frames or no sound.

    Parameters
    ----------
    frames : sequence of ndarray of shape (height, width, 3), uint8
        RGB pictures.
    sound : ndarray of shape (samples,)
        The sound.
    rate : int
        Samples per second.
    text : str
        The text.

    Examples
    --------
    >>> import numpy as np
    >>> figure = sample_figure([np.zeros((8, 8, 3), np.uint8)], np.zeros(16_000), 16_000, "Good morning!")
    """
    if not len(frames) or not len(sound):
        raise DataError("the sample has no frame or no sound; give both")
    with figure_style():
        rows = -(-len(frames) // FRAMES_ACROSS)
        across = min(len(frames), FRAMES_ACROSS)
        figure = new_figure(4.8, 1.65 * rows + 1.3)
        grid = figure.add_gridspec(rows + 1, across, height_ratios=(*[1.65] * rows, 0.7))
        for place, frame in enumerate(frames):
            axes = figure.add_subplot(grid[place // across, place % across])
            axes.imshow(frame)
            axes.axis("off")
        axes = figure.add_subplot(grid[rows, :])
        seconds = len(sound) / rate
        axes.plot(np.linspace(0, seconds, len(sound)), sound, color=GROUP_COLOURS[0], linewidth=0.4)
        axes.set(xlim=(0, seconds), xlabel="seconds", yticks=[])
        axes.spines["left"].set_visible(False)
        figure.suptitle(textwrap.fill(f"\u201c{text}\u201d", 52), fontsize=11, fontweight="normal")
    return figure


def _sheet(width: float, height: float) -> tuple[Figure, Axes, float]:
    """Make a figure with one axes in inches from the lower left corner, without frame and ticks."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), frameon=False)
    axes.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[])
    return figure, axes, height


def _room_below(captions: Sequence[Sequence[str]] | None, shape: tuple[int, ...]) -> float:
    """Return the inches below a row that its captions need. Raises DataError if there is not one caption an image."""
    if captions is None:
        return 0.0
    if len(captions) != shape[0] or any(len(row) != shape[1] for row in captions):
        raise DataError(f"the grid has {shape[0]} rows of {shape[1]} images; give one caption for each image")
    return 0.05 + 0.13 * max((text.count("\n") + 1 for row in captions for text in row), default=0)


def _write_captions(
    axes: Axes, captions: Sequence[Sequence[str]] | None, left: float, top: float, size: float, pitch: float
) -> None:
    for i, row in enumerate(captions or ()):
        for j, text in enumerate(row):
            x, y = left + j * (size + _GAP) + size / 2, top - i * pitch - size - 0.03
            axes.text(x, y, text, ha="center", va="top", fontsize=min(7.5, _fitting(text, size)), color=INK)


def _write_legend(axes: Axes, left: float, bottom: float, limit: float) -> None:
    """Draw the colours of differences, from darker to brighter, with the share of the full brightness at the ends."""
    ramp, width = colours(np.linspace(-1, 1, 201))[None], 1.8
    axes.imshow(ramp, extent=(left, left + width, bottom - 0.12, bottom), aspect="auto")
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    for place, text in ((0.0, f"−{limit:.0%}"), (0.5, "0"), (1.0, f"+{limit:.0%}")):
        axes.text(left + place * width, bottom - 0.15, text, ha="center", va="top", fontsize=7.5, color=MUTED)
    axes.text(left + width + 0.25, bottom - 0.06, f"brightness; {LEGEND}", va="center", fontsize=8.5, color=INK)


def _paint(axes: Axes, images: np.ndarray, left: float, top: float, size: float, below: float = 0.0) -> None:
    """Draw (rows, columns, height, width, 3) as one picture, with inches below each row. Every image is enlarged on its own."""
    rows, columns = images.shape[:2]
    pixels, gap = round(size * _DOTS), round(_GAP * _DOTS)
    step, row_step = pixels + gap, pixels + round((_GAP + below) * _DOTS)
    canvas = np.zeros(((rows - 1) * row_step + pixels, columns * step - gap, 4), dtype=np.uint8)
    for i in range(rows):
        for j in range(columns):
            face = Image.fromarray(np.ascontiguousarray(images[i, j]))
            face.thumbnail((4 * pixels, 4 * pixels))
            scale = pixels / max(face.size)
            shape = (max(1, round(face.width * scale)), max(1, round(face.height * scale)))
            block = np.asarray(face.resize(shape, Image.Resampling.BICUBIC))
            y, x = i * row_step + (pixels - shape[1]) // 2, j * step + (pixels - shape[0]) // 2
            canvas[y : y + shape[1], x : x + shape[0], :3] = block
            canvas[y : y + shape[1], x : x + shape[0], 3] = 255
    extent = (left, left + canvas.shape[1] / _DOTS, top - canvas.shape[0] / _DOTS, top)
    axes.imshow(canvas, extent=extent, aspect="auto", interpolation="antialiased")
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())


def _check_labels(labels: Sequence[str] | None, count: int, which: str) -> list[str]:
    if labels is not None and len(labels) != count:
        raise DataError(f"the grid has {count} {which}s, but {len(labels)} {which} labels were given")
    return [str(label) for label in labels or ()]


def _text_width(text: str, points: float) -> float:
    """Return the width of a line in inches."""
    if not text.strip():
        return 0.0
    with figure_style():
        path = TextPath((0, 0), text, size=points, prop=FontProperties(family="DejaVu Sans"))
    return float(path.get_extents().width) / 72


def _wrap(text: str, width: float) -> str:
    """Break a label at spaces if it is wider than `width` inches."""
    if _text_width(text, _LABEL) <= width:
        return text
    letters = max(4, int(width / (_text_width("n", _LABEL) + 0.015)))
    return "\n".join(textwrap.wrap(text, letters, break_long_words=False, break_on_hyphens=False))


def _fitting(text: str, width: float) -> float:
    """Return the size in points, 5.5 at least, at which the longest line fits."""
    longest = max(_text_width(line, _LABEL) for line in text.split("\n")) if text else 0.0
    return _LABEL if longest <= width else max(5.5, _LABEL * width / longest)


def _tick(value: float) -> str:
    """Format a step with its sign and at most two decimals."""
    return signed(value).rstrip("0").rstrip(".") or "0"
