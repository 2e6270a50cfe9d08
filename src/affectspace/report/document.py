"""The report: blocks in reading order, written as one HTML file that needs nothing else."""

import base64
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import jinja2
from markupsafe import Markup

from affectspace import __version__
from affectspace.errors import DataError, counted
from affectspace.report import formatting
from affectspace.report.bars import bars_block
from affectspace.report.blocks import CalloutKind, Cell, Claim, KeyFigure, Verdict
from affectspace.report.checks import check_choice
from affectspace.report.intervals import IntervalRow, Reference
from affectspace.report.terms import used_terms
from affectspace.report.theme import figure_svg, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS_PER_INCH = 100  # of a figure on the page: 10 inches fill the text width of 1000 pixels
STYLE = Path(__file__).with_name("report.css")
COUNTED = {"table": "table", "figure": "figure", "bars": "figure", "claims": "claim"}  # in a section's heading
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


class Report:
    """Builder of an HTML report in one file. Every method appends and returns the report.

    What a reader must know in half a minute stands on top: `sentences`, the blocks before the first section, and
    `key_figures`. Sections are folded. Nothing in the page runs as a script.

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
        self.sentences: list[str] = []

    def summary(self, sentences: Iterable[str]) -> Self:
        """Add to the few sentences below the title: what a reader may take home."""
        self.sentences.extend(sentence for sentence in sentences if sentence)
        return self

    def section(self, title: str, text: str = "", *, level: int = 2, open: bool = False) -> Self:
        """Begin a section (`level` 2) or a subsection (3), which is folded unless it is `open`.

        Blocks before the first section stand above all sections.
        """
        if level not in (2, 3):
            raise DataError(f"section {title!r} has level {level}; give 2 (section) or 3 (subsection)")
        self._append("section", title=title, anchor=f"part-{len(self.blocks) + 1}", level=level, open=open)
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

    def figure(self, source: "str | Path | Figure", title: str, alt: str, caption: str = "") -> Self:
        """Append a picture, which a click or the keyboard enlarges.

        Parameters
        ----------
        source : matplotlib Figure, or path
            A figure, which follows the theme of the page, or an image file (PNG, JPEG, WebP, GIF).
        title : str
            What the picture shows, above it.
        alt : str
            What is to be seen in it, for readers who cannot see it: the finding, not the kind of drawing.
        caption : str
            How it was made, below it.

        Raises
        ------
        DataError
            If `title` or `alt` is empty, or the file is not such an image.
        """
        if not title.strip():
            raise DataError("a figure has no title; say in `title` what it shows")
        if not alt.strip():
            raise DataError(f"figure {title!r} has no alternative text; say in `alt` what is to be seen")
        address, width = _embed_file(Path(source)) if isinstance(source, str | Path) else _embed_figure(source)
        anchor = f"figure-{len(self.blocks) + 1}"
        return self._append(
            "figure", address=address, title=title, caption=caption, alt=alt, width=width, anchor=anchor
        )

    def bars(
        self,
        rows: Sequence[IntervalRow],
        references: Sequence[Reference] = (),
        *,
        title: str,
        label: str,
        caption: str = "",
        order: bool = True,
        digits: int = 3,
    ) -> Self:
        """Append values with their intervals, each in a row with its number, the largest on top.

        Parameters
        ----------
        rows, references
            As of `interval_figure`. References get a row, too.
        title, label, caption : str
            What is shown, what is measured, and how.
        order : bool
            Sort the rows. Otherwise they keep their order.
        digits : int
            Decimals.

        Raises
        ------
        DataError
            There is no finite value.
        """
        block = bars_block(rows, references, label, order=order, digits=digits)
        return self._append("bars", title=title, caption=caption, anchor=f"bars-{len(self.blocks) + 1}", **block)

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
        preamble, parts = _nested(self.blocks)
        css = STYLE.read_text(encoding="utf-8")
        return (
            _environment()
            .get_template("template.html.j2")
            .render(
                report=self,
                preamble=preamble,
                parts=parts,
                terms=used_terms(_texts([self.sentences, self.headline, self.blocks])),
                css=Markup(css),
                css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii"),
                version=__version__,
                short_facts={name: value for name, value in self.facts.items() if not isinstance(value, Mapping)},
                long_facts={name: _flatten(value) for name, value in self.facts.items() if isinstance(value, Mapping)},
            )
        )

    def write(self, path: str | Path) -> Path:
        """Write the page, completely or not at all, and return its path. Raises RunError if that fails."""
        return write_bytes(path, self.to_html().encode("utf-8"))


def _nested(blocks: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the blocks before the first section, and the sections with their blocks and subsections."""
    preamble: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    place = preamble
    for block in blocks:
        if block["kind"] != "section":
            place.append(block)
            continue
        part = {**block, "blocks": [], "parts": []}
        (parts[-1]["parts"] if block["level"] == 3 and parts else parts).append(part)
        place = part["blocks"]
    for part in (inner for outer in parts for inner in (outer, *outer["parts"])):
        kinds: list[str] = []
        for block in (block for one in (part, *part["parts"]) for block in one["blocks"]):
            kinds += [COUNTED[block["kind"]]] * len(block.get("claims", "1")) if block["kind"] in COUNTED else []
        part["blocks"] = _side_by_side(part["blocks"])
        part["contents"] = ", ".join(counted(kinds.count(kind), kind) for kind in dict.fromkeys(kinds))
    return _side_by_side(preamble), parts


def _side_by_side(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put pictures that follow each other into one block, so that they stand side by side where there is space."""
    placed: list[dict[str, Any]] = []
    for block in blocks:
        if block["kind"] == "figure":
            if not placed or placed[-1]["kind"] != "figures":
                placed.append({"kind": "figures", "figures": []})
            placed[-1]["figures"].append(block)
        else:
            placed.append(block)
    return placed


def _texts(content: object) -> Iterator[str]:
    """Yield the texts in blocks, without pictures."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if name != "address":
                yield from _texts(value)
    elif is_dataclass(content) and not isinstance(content, type):
        if getattr(content, "low", None) is not None:
            yield "["  # an interval
        yield from _texts(asdict(content))
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _texts(value)


def _check_cell(value: object, where: str) -> None:
    if not (isinstance(value, str | bool | Cell) or formatting.is_missing(value) or formatting.is_number(value)):
        kind = type(value).__name__
        raise DataError(f"{where} holds a {kind}; give text, a number, None or a Cell")


def _is_numeric(values: Iterable[object]) -> bool:
    """Return whether a column holds numbers; a cell such as "< 0.001" may stand among them."""
    known = [value for value in values if not formatting.is_missing(value)]
    numbers = [formatting.is_number(getattr(value, "value", value)) for value in known]
    cells = [isinstance(value, Cell) for value in known]
    missing = [isinstance(value, Cell) and value.value is None for value in known]
    return bool(known) and all(map(max, numbers, cells)) and any(map(max, numbers, missing))


def _embed_figure(figure: "Figure") -> tuple[str, int]:
    if not hasattr(figure, "savefig"):
        raise DataError(f"a figure is a {type(figure).__name__}; give a matplotlib Figure or the path of an image")
    svg = figure_svg(figure)
    points = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', svg)
    assert points is not None
    return _address("image/svg+xml", svg), round(float(points[1]) / 72 * PIXELS_PER_INCH)


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
