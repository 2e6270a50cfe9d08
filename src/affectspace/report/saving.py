"""Figures and documents to files, at once or not at all, and the same bytes for the same input."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.errors import DataError
from affectspace.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")


def figure_bytes(figure: "Figure", kind: str = "png", dpi: int = 200) -> bytes:
    """A figure as PNG or SVG, cropped to what is drawn, without date or program name. Raises DataError."""
    from affectspace.report.theme import figure_style

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
