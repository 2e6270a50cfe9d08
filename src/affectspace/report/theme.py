"""The look of figures, and saving figures and documents."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from affectspace.affect import EMOTION_COLOURS
from affectspace.errors import DataError
from affectspace.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


INK = "#1d2126"
MUTED = "#5d636b"
RULE = "#d5d2cb"
PANEL = "#f7f5f1"
PAPER = "#ffffff"
UNLABELLED = "#b9b9b9"

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/) for the six basic emotions, Tol's muted scheme for the
# rest; every emotion has a marker of its own too, so that colour is never the only sign.
EMOTION_MARKERS = dict(zip(EMOTION_COLOURS, ("o", "^", "v", "s", "D", "P", "*", "X", "p", "h", "<", ">"), strict=True))
_MARKER_SIZES = {"*": 1.75, "P": 1.2, "X": 1.2, "p": 1.15, "h": 1.15, "D": 0.9}
_SPARE_COLOURS = ("#332288", "#117733", "#cc6677", "#ddcc77", "#88ccee", "#aa4499", "#999933", "#661100")
_SPARE_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
GROUP_COLOURS = ("#1f5f8b", "#d55e00", "#00826a", "#b8569b", "#7a7a7a", "#b58900", "#332288", "#6b3d0f")

_STYLE: dict[str, Any] = {
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "savefig.facecolor": PAPER,
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same picture on every machine
    "font.size": 9.5,
    "text.color": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.titlecolor": INK,
    "axes.labelsize": 9.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#9a9ea4",
    "axes.linewidth": 0.8,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#e8e5df",
    "grid.linewidth": 0.8,
    "xtick.color": "#9a9ea4",
    "ytick.color": "#9a9ea4",
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.4,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "svg.fonttype": "path",
    "svg.hashsalt": "affectspace",
    "path.simplify": True,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """matplotlib's own defaults with the settings of our figures, inside the ``with`` only."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in _STYLE.items():
            matplotlib.rcParams[name] = value  # type: ignore[literal-required, index, unused-ignore]
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of width x height inches (10 inches fill the report) with a canvas, unknown to pyplot."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.07, w_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def colours_for(names: Iterable[str]) -> dict[str, str]:
    """A colour per name: the emotion's own, or a spare one; in the order of the categories, others sorted after."""
    return _assign(names, EMOTION_COLOURS, _SPARE_COLOURS)


def markers_for(names: Iterable[str]) -> dict[str, str]:
    """A matplotlib marker per name, in the order of ``colours_for``."""
    return _assign(names, EMOTION_MARKERS, _SPARE_MARKERS)


def marker_size(marker: str, size: float) -> float:
    """Points across at which a marker looks as large as a disc of ``size``."""
    return _MARKER_SIZES.get(marker, 1.0) * size


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """A colour per group of models, in order of appearance."""
    return {name: GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, name in enumerate(dict.fromkeys(groups))}


def _assign(names: Iterable[str], known: dict[str, str], spare: tuple[str, ...]) -> dict[str, str]:
    present = set(names)
    others = sorted(present - known.keys())
    return {name: value for name, value in known.items() if name in present} | {
        name: spare[i % len(spare)] for i, name in enumerate(others)
    }


FORMATS = ("png", "svg")


def figure_bytes(figure: "Figure", kind: str = "png", dpi: int = 200) -> bytes:
    """A figure as PNG or SVG, cropped to what is drawn, without date or program name. Raises DataError."""

    if kind not in FORMATS:
        raise DataError(f"a figure cannot be written as {kind!r}; choose one of {', '.join(FORMATS)}")
    if not 20 <= dpi <= 1200:
        raise DataError(f"a figure cannot be written with {dpi} dots per inch; give 20 to 1200")
    metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    buffer = io.BytesIO()
    with figure_style():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, bbox_inches="tight", pad_inches=0.12)
    return buffer.getvalue()


def save_figure(figure: "Figure", path: str | Path, dpi: int = 200) -> Path:
    """Write a figure as ``.png`` or ``.svg`` (by the name's ending); folders are made; the file appears whole.

    The same figure gives the same bytes (with the same matplotlib). Raises DataError for another ending, RunError
    where the disk refuses.
    """
    path = Path(path)
    return write_whole(path, figure_bytes(figure, path.suffix.lower().removeprefix("."), dpi))


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file under ``<name>.partial`` and rename it, so that readers see all of it or the old one.

    Raises RunError (naming the path and the system's reason) where that fails.
    """
    path = Path(path)
    write_atomic(path, lambda partial: partial.write_bytes(content))
    return path
