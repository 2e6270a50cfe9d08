"""The report: blocks in reading order, written as one HTML file that needs nothing else."""

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import jinja2
import numpy as np

from affectspace import __version__
from affectspace.errors import DataError
from affectspace.report import formatting
from affectspace.report.blocks import CalloutKind, Cell, Claim, KeyFigure, Verdict
from affectspace.report.checks import check_choice
from affectspace.report.theme import figure_bytes, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS_PER_INCH = 100  # of a figure on the page: 10 inches fill the text width of 1000 pixels
SVG_LIMIT = 120_000  # bytes up to which a drawing is embedded as vectors
SVG_MARKS = 400  # points up to which a drawing is embedded as vectors
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


class Report:
    """Builder of an HTML report in one file. Every method appends and returns the report.

    Text may hold **bold**, `code` and links to pages beside it, such as `[words](faces/report.html)`. Everything is
    escaped.

    Parameters
    ----------
    title, subtitle : str
        Heading of the page.
    facts : mapping, optional
        Version, date, seeds, configuration ... for the foot of the page. A mapping as value is folded under its name.

    Examples
    --------
    >>> report = Report("Results").section("Accuracy", "On **held-out** people.")
    >>> report = report.table("Accuracy", ["model", "UAR"], [["ours", Cell(0.203, 0.190, 0.216)], ["chance", 0.143]])
    >>> "0.203" in report.to_html()
    True
    """

    def __init__(self, title: str, subtitle: str = "", facts: Mapping[str, object] | None = None) -> None:
        self.title = title
        self.subtitle = subtitle
        self.facts = dict(facts or {})
        self.blocks: list[dict[str, Any]] = []  # each has a kind, and what the template shows of it
        self.headline: list[KeyFigure] = []

    def section(self, title: str, text: str = "", *, level: int = 2) -> Self:
        """Begin a section (`level` 2) or a subsection (3). Blocks before the first section stand above the contents."""
        if level not in (2, 3):
            raise DataError(f"section {title!r} has level {level}; give 2 (section) or 3 (subsection)")
        self._append("section", title=title, anchor=f"part-{len(self.blocks) + 1}", level=level)
        return self.text(text) if text else self

    def text(self, text: str) -> Self:
        """Append paragraphs (separated by blank lines) and lists (``- `` or ``1. ``)."""
        return self._append("text", text=text)

    def table(self, caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> Self:
        """Append a table.

        Parameters
        ----------
        caption, note : str
            Text above and below the table.
        columns : sequence of str
            Headings.
        rows : iterable of sequences
            Cells: text, a number, a bool, a `Cell`, or None or NaN (an en dash). Columns of numbers are right-aligned.
            If the first column holds text only, it names the rows.

        Raises
        ------
        DataError
            If the length of a row or the type of a cell does not fit; it names row and column.
        """
        head = tuple(str(column) for column in columns)
        body = tuple(tuple(row) for row in rows)
        if not head:
            raise DataError(f"table {caption!r} has no columns")
        for i, row in enumerate(body):
            if len(row) != len(head):
                raise DataError(f"table {caption!r}: row {i} has {len(row)} cells for {len(head)} columns")
            for name, value in zip(head, row, strict=True):
                _check_cell(value, f"table {caption!r}: row {i}, column {name!r}")
        numeric = tuple(_is_numeric(row[j] for row in body) for j in range(len(head)))
        named = bool(body) and all(isinstance(row[0], str) for row in body)
        return self._append(
            "table", caption=caption, columns=head, rows=body, note=note, numeric=numeric, row_headers=named,
            anchor=f"table-{len(self.blocks) + 1}",
        )  # fmt: skip

    def figure(self, source: "str | Path | Figure", caption: str, alt: str) -> Self:
        """Append a picture.

        Parameters
        ----------
        source : matplotlib Figure, or path
            A figure, or an image file (PNG, JPEG, WebP, GIF).
        caption : str
            Text below it.
        alt : str
            What it shows, for readers who cannot see it.

        Raises
        ------
        DataError
            If `alt` is empty, or the file is not such an image.
        """
        if not alt.strip():
            raise DataError(f"figure {caption!r} has no alternative text; say in `alt` what it shows")
        address, width = _embed_file(Path(source)) if isinstance(source, str | Path) else _embed_figure(source)
        return self._append("figure", address=address, caption=caption, alt=alt, width=width)

    def claims(self, claims: Iterable[Claim]) -> Self:
        """Append claims with verdicts and evidence, and the number of claims per verdict."""
        claims = tuple(claims)
        counts = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in get_args(Verdict)}
        return self._append("claims", claims=claims, counts=counts)

    def callout(self, kind: CalloutKind, text: str) -> Self:
        """Append an emphasised paragraph. `kind` is "note", "assumption", "fault" or "warning"."""
        check_choice(kind, get_args(CalloutKind), "the kind of a callout")
        return self._append("callout", label=kind, text=text)

    def key_figures(self, figures: Iterable[KeyFigure]) -> Self:
        """Add to the large numbers below the title. They stand there whenever this is called."""
        self.headline.extend(figures)
        return self

    def _append(self, kind: str, **content: Any) -> Self:
        self.blocks.append({"kind": kind, **content})
        return self

    def to_html(self) -> str:
        """Render the page. The same content gives the same text."""
        first = next((i for i, block in enumerate(self.blocks) if block["kind"] == "section"), len(self.blocks))
        return (
            _environment()
            .get_template("template.html.j2")
            .render(
                report=self,
                preamble=self.blocks[:first],
                body=self.blocks[first:],
                sections=[block for block in self.blocks if block["kind"] == "section"],
                version=__version__,
                short_facts={name: value for name, value in self.facts.items() if not isinstance(value, Mapping)},
                long_facts={name: _flatten(value) for name, value in self.facts.items() if isinstance(value, Mapping)},
            )
        )

    def write(self, path: str | Path) -> Path:
        """Write the page, completely or not at all, and return its path. Raises RunError if that fails."""
        return write_bytes(path, self.to_html().encode("utf-8"))


def _check_cell(value: object, where: str) -> None:
    if not (isinstance(value, str | bool | Cell) or formatting.is_missing(value) or formatting.is_number(value)):
        kind = type(value).__name__
        raise DataError(f"{where} holds a {kind}; give text, a number, None or a Cell")


def _is_numeric(values: Iterable[object]) -> bool:
    known = [value for value in values if not formatting.is_missing(value)]
    return bool(known) and all(
        formatting.is_number(value) or (isinstance(value, Cell) and not isinstance(value.value, str)) for value in known
    )


def _embed_figure(figure: "Figure") -> tuple[str, int]:
    from PIL import Image

    if not hasattr(figure, "savefig"):
        raise DataError(f"a figure is a {type(figure).__name__}; give a matplotlib Figure or the path of an image")
    if _is_light_drawing(figure):
        svg = figure_bytes(figure, "svg")
        points = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', svg)
        if points and len(svg) <= SVG_LIMIT:
            return _address("image/svg+xml", svg), round(float(points[1]) / 72 * PIXELS_PER_INCH)
    png = figure_bytes(figure, "png", dpi=2 * PIXELS_PER_INCH)
    with Image.open(io.BytesIO(png)) as image:
        return _address("image/png", png), image.width // 2


def _is_light_drawing(figure: "Figure") -> bool:
    marks = sum(np.shape(collection.get_offsets())[0] for axes in figure.axes for collection in axes.collections)
    return marks <= SVG_MARKS and not any(axes.images for axes in figure.axes)


def _embed_file(path: Path) -> tuple[str, int]:
    from PIL import Image, UnidentifiedImageError

    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            media_type = _MEDIA_TYPES.get(image.format or "")
            dots = float(image.info.get("dpi", (PIXELS_PER_INCH,))[0]) or PIXELS_PER_INCH
            width = image.width
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"cannot put {path} into the report: {error}; give a PNG, JPEG, WebP or GIF file") from error
    if media_type is None:
        raise DataError(f"cannot put {path} into the report: it is not one of {', '.join(_MEDIA_TYPES)}; convert it")
    return _address(media_type, content), round(width * PIXELS_PER_INCH / max(dots, PIXELS_PER_INCH))


def _address(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _flatten(mapping: Mapping[Any, Any], prefix: str = "") -> list[tuple[str, object]]:
    """List the values of nested mappings with dotted names."""
    out: list[tuple[str, object]] = []
    for name, value in mapping.items():
        if isinstance(value, Mapping):
            out += _flatten(value, f"{prefix}{name}.")
        else:
            out.append((f"{prefix}{name}", value))
    return out


def _fact(value: object) -> str:
    """Format a fact of the foot. Integers and texts are unchanged (a seed is not 1,000), lists are joined."""
    if formatting.is_missing(value):
        return formatting.MISSING
    if isinstance(value, list | tuple):
        return ", ".join(_fact(item) for item in value)
    return str(value)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("affectspace", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        inline=formatting.inline,
        prose=formatting.prose,
        plain=formatting.plain,
        fixed=formatting.fixed,
        published=formatting.published,
        fact=_fact,
    )
    environment.globals.update(interval=formatting.interval)
    environment.tests.update(
        missing=formatting.is_missing,
        cell=lambda value: isinstance(value, Cell),
        flag=lambda value: isinstance(value, bool),
        numeral=formatting.is_number,
    )
    return environment
