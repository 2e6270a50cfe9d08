"""The style of figures, and saving of figures and documents."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from numpy.typing import ArrayLike

from affectspace.affect import CATEGORIES
from affectspace.errors import DataError
from affectspace.files import write_atomic
from affectspace.report.checks import check_choice

INK = "#1d2126"
MUTED = "#5d636b"
RULE = "#d5d2cb"
UNLABELLED = "#b9b9b9"
ON_DARK, ON_LIGHT = "#fefefe", "#111111"  # of texts on the colours of a matrix, which are the same in every theme

# The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/) for the basic emotions and Tol's muted scheme for the
# others. Every emotion also has its own marker, so that colour is never the only sign.
EMOTION_COLOURS = {
    "neutral": "#6e6e6e", "happiness": "#e69f00", "sadness": "#0072b2", "anger": "#c9400a", "fear": "#cc79a7",
    "disgust": "#009e73", "surprise": "#4fb3ea", "contempt": "#882255", "calm": "#44aa99", "boredom": "#8c8c2b",
    "excitement": "#d9b300", "frustration": "#6b3d0f",
}  # fmt: skip
EMOTION_MARKERS = dict(zip(CATEGORIES, ("o", "^", "v", "s", "D", "P", "*", "X", "p", "h", "<", ">"), strict=True))
_MARKER_SIZES = {"*": 1.75, "P": 1.2, "X": 1.2, "p": 1.15, "h": 1.15, "D": 0.9}
_SPARE_COLOURS = ("#332288", "#117733", "#cc6677", "#ddcc77", "#88ccee", "#aa4499", "#999933", "#661100")
_SPARE_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
FORMATS = ("png", "svg", "pdf")
STYLE = Path(__file__).with_name("figures.mplstyle")
GROUP_COLOURS = ("#1f5f8b", "#d55e00", "#00826a", "#b8569b", "#7a7a7a", "#b58900", "#332288", "#6b3d0f")

DARK = {  # colour of a light figure -> that of the same figure on a dark page
    "#ffffff": "#1b1f24", "#fafafa": "#1b1f24", INK: "#e8e5df", MUTED: "#a6abb2", RULE: "#343a42", "#e8e5df": "#343a42",
    "#9a9ea4": "#7b8189", UNLABELLED: "#5a5f66", "#1f5f8b": "#6db3e8", "#d55e00": "#ff8b3d", "#00826a": "#3cc6a8",
    "#b8569b": "#e08cc8", "#7a7a7a": "#a5a5a5", "#b58900": "#dcb440", "#332288": "#9f92f2", "#6b3d0f": "#cf985f",
    "#7b3a6c": "#dca6cf", "#00664b": "#7fd6b5", "#6e6e6e": "#a8a8a8", "#0072b2": "#6f8ff5", "#c9400a": "#f0703c",
    "#009e73": "#2fc79b", "#882255": "#d8709f", "#8c8c2b": "#bcbc55", "#117733": "#58ba78", "#661100": "#d07a66",
}  # fmt: skip
VECTOR_MARKS = 400  # points of a scatter up to which they are vectors in an SVG


@contextmanager
def figure_style() -> Iterator[None]:
    """Use matplotlib's defaults with the style of our figures, inside the ``with`` only."""
    with matplotlib.rc_context():
        matplotlib.rcParams.update(matplotlib.rc_params_from_file(STYLE, fail_on_error=True))
        matplotlib.rcParams["text.parse_math"] = False  # names of speakers, files and classes may have dollar signs
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, width by height inches, outside pyplot. 10 inches fill the width of a report.

    Use it inside `figure_style`.

    Examples
    --------
    >>> with figure_style():
    ...     axes = new_figure(3, 2).subplots()
    """
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.07, w_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def colours_for(names: Iterable[str]) -> dict[str, str]:
    """Return a colour per name: that of the emotion, or a spare one. Emotions come first, in the order of the categories.

    Examples
    --------
    >>> list(colours_for(["awe", "fear", "neutral"]))
    ['neutral', 'fear', 'awe']
    """
    return _assign(names, EMOTION_COLOURS, _SPARE_COLOURS)


def markers_for(names: Iterable[str]) -> dict[str, str]:
    """Return a matplotlib marker per name, in the order of `colours_for`."""
    return _assign(names, EMOTION_MARKERS, _SPARE_MARKERS)


def marker_size(marker: str, size: float) -> float:
    """Return the size at which a marker looks as large as a disc of `size` points."""
    return _MARKER_SIZES.get(marker, 1.0) * size


def legend_dot(marker: str, colour: str) -> Line2D:
    """Make the sign of a group for a legend."""
    return Line2D([], [], linestyle="", marker=marker, color=colour, markersize=marker_size(marker, 7.5))


def spread_ellipse(points: np.ndarray, colour: str, linewidth: float) -> Ellipse:
    """Make the ellipse of one standard deviation of points (n, 2), n above 2, around their mean."""
    lengths, directions = np.linalg.eigh(np.cov(points.T))
    width, height = 2 * np.sqrt(np.maximum(lengths, 0))
    angle = float(np.degrees(np.arctan2(directions[1, 0], directions[0, 0])))
    shape: dict[str, Any] = {"angle": angle, "fill": False, "edgecolor": colour, "linewidth": linewidth, "zorder": 4}
    return Ellipse(tuple(points.mean(axis=0)), width, height, **shape)


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """Return a colour per group, in order of appearance."""
    return {name: GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, name in enumerate(dict.fromkeys(groups))}


def _assign(names: Iterable[str], known: dict[str, str], spare: tuple[str, ...]) -> dict[str, str]:
    present = set(names)
    others = sorted(present - known.keys())
    return {name: value for name, value in known.items() if name in present} | {
        name: spare[i % len(spare)] for i, name in enumerate(others)
    }


def figure_bytes(figure: Figure, kind: str = "png", dpi: int = 200) -> bytes:
    """Render a figure as PNG, SVG or PDF, cropped to what is drawn, without date and program name. Raises DataError."""
    check_choice(kind, FORMATS, "the format of a figure")
    if not 20 <= dpi <= 1200:
        raise DataError(f"the resolution of a figure is {dpi} dots per inch; give 20 to 1200")
    unnamed = {"png": ("Software",), "svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}
    metadata: dict[str, Any] = dict.fromkeys(unnamed[kind])
    buffer = io.BytesIO()
    with figure_style():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, bbox_inches="tight", pad_inches=0.12)
    return buffer.getvalue()


def figure_svg(figure: Figure, dpi: int = 200) -> bytes:
    """Render a figure as an SVG that follows the theme of the page in which it stands.

    Scatters of many points become pictures inside it.
    """
    crowded = [
        collection
        for axes in figure.axes
        for collection in axes.collections
        if np.shape(collection.get_offsets())[0] > VECTOR_MARKS
    ]
    for collection in crowded:
        collection.set_rasterized(True)
    svg = figure_bytes(figure, "svg", dpi)
    rules = "".join(
        f'[style*="{part}: {light}"]{{{part}:{dark}!important}}'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
        if f"{part}: {light}".encode() in svg
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>".encode()
    return (
        svg.replace(b"</metadata>", b"</metadata>" + style, 1)
        if b"</metadata>" in svg
        else svg.replace(b"<defs>", style + b"<defs>", 1)
    )


def save_figure(figure: Figure, path: str | Path, dpi: int = 200) -> Path:
    """Write a figure as ``.png``, ``.svg`` or ``.pdf``, completely or not at all. Folders are made.

    The same figure gives the same bytes with the same version of matplotlib.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure.
    path : path
        File to write.
    dpi : int
        Resolution, dots per inch.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the suffix is another one.
    RunError
        If the file cannot be written.
    """
    path = Path(path)
    return write_bytes(path, figure_bytes(figure, path.suffix.lower().removeprefix("."), dpi))


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file completely or not at all. Raises RunError, with the path and the reason, if that fails."""
    path = Path(path)
    write_atomic(path, lambda partial: partial.write_bytes(content))
    return path


# How things are drawn in all figures


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Label rows, the first on top, without a line at the left."""
    axes.set(ylim=(len(names) - 0.4, -0.6))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9.5)
    axes.spines["left"].set_visible(False)
    axes.grid(True, axis="x")


def draw_dots(axes: Axes, x: ArrayLike, y: ArrayLike, colour: str, size: float = 7.0, marker: str = "o") -> Line2D:
    """Draw marks with a white edge above lines and bands."""
    return axes.plot(x, y, marker, color=colour, markersize=size, markeredgecolor="white", zorder=4)[0]


def dot_style(n: int) -> dict[str, Any]:
    """Return size and opacity of the dots of a scatter of n points: few are seen, and many do not hide each other.

    Examples
    --------
    >>> dot_style(25), dot_style(3000)["s"]
    ({'s': 24.0, 'alpha': 0.8}, 6.0)
    """
    return {
        "s": float(np.clip(120 / np.sqrt(max(n, 1)), 6, 26)),
        "alpha": float(np.clip(16 / np.sqrt(max(n, 1)), 0.3, 0.8)),
    }


def draw_bar(axes: Axes, low: float, high: float, row: float, colour: str) -> None:
    """Draw a horizontal interval."""
    axes.plot([low, high], [row, row], color=colour, linewidth=2.6, alpha=0.5)


def draw_curve(
    axes: Axes, x: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str, name: str
) -> None:
    """Draw a line with marks, and its interval as a band."""
    axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
    axes.plot(x, y, "o-", color=colour, markersize=4.5, label=name)


def draw_origin(axes: Axes) -> None:
    """Draw lines through 0 of both axes, behind everything."""
    axes.axhline(0, color=RULE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=RULE, linewidth=0.8, zorder=0)


def remove_frame(axes: Axes) -> None:
    """Remove ticks and lines around a matrix."""
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
