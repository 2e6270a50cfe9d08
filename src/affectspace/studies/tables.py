"""Tables and sections of a report as declarations over the results, and the one renderer of all studies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from affectspace.evaluation.results import KEY, Result, Results, Where
from affectspace.report import Cell, KeyFigure, Report
from affectspace.report.blocks import CalloutKind
from affectspace.studies.figures import Picture

Columns = Sequence[tuple[str, Mapping[str, str]]]  # heading and the columns that select a cell

DIGITS = {
    "p": 4, "p_holm": 4, "dimensions": 0, "active": 1, "centroids": 2, "psnr": 2, "ssim": 3, "rate_nats": 1, "active_units": 1,
    "mse_ratio": 3, "chosen": 0, "converged": 2,
}  # fmt: skip


def grid(heading: str, **values: str | Sequence[str] | Mapping[str, str]) -> Columns:
    """Return a column for every combination of values.

    Parameters
    ----------
    heading
        Format of the headings, in which ``{target}`` stands for the name of the target.
    **values
        Column of the results -> its value, its values, or its values with their names.

    Examples
    --------
    >>> grid("{metric} {target}", metric={"ccc": "CCC"}, target=("valence", "arousal"))[1]
    ('CCC arousal', {'metric': 'ccc', 'target': 'arousal'})
    """
    names: list[list[tuple[str, str]]] = []
    for given in values.values():
        if isinstance(given, Mapping):
            names.append(list(given.items()))
        else:
            names.append([(value, value) for value in ((given,) if isinstance(given, str) else given)])
    columns = []
    for combination in product(*names):
        cells = dict(zip(values, combination, strict=True))
        title = heading.format(**{column: name for column, (_, name) in cells.items()})
        columns.append((title, {column: value for column, (value, _) in cells.items()}))
    return columns


@dataclass(frozen=True)
class Table:
    """A table of a report. Rows, columns and the table itself are left out where nothing was measured.

    where : which results; columns : heading and the results columns of its cells; rows : the columns that name a row
    order : values of the first row column, in the order of printing; all that occur by default
    names : titles of values, before those of the study; digits : decimals, where the metric has no own number of decimals
    """

    caption: str
    where: Mapping[str, Where]
    columns: Columns
    rows: tuple[str, ...] = ("model",)
    head: str = "model"
    note: str = ""
    digits: int = 3
    order: Sequence[str] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    basis: bool = True
    link: str = "to"  # between two modalities that name a row

    def emit(self, renderer: Renderer) -> bool:
        """Append the table; return whether it has a row that is not published."""
        cells = self._cells(renderer.results)
        measured = {place for row in cells.values() for place in row}
        columns = [(heading, place) for place, (heading, _) in enumerate(self.columns) if place in measured]
        body = []
        for key, by_place in cells.items():
            shown = [by_place.get(place) for _, place in columns]
            printed = [None if row is None else self.cell(row) for row in shown]
            basis = [basis_of([row for row in shown if row is not None])] if self.basis else []
            body.append(
                (renderer.title(dict(zip(self.rows, key, strict=True)), self.names, self.link), *printed, *basis)
            )
        if body:
            heads = (self.head, *(heading for heading, _ in columns), *(["basis"] if self.basis else []))
            renderer.report.table(self.caption, heads, body, self.note)
        return any(row.study != "published" for by_place in cells.values() for row in by_place.values())

    def _cells(self, results: Results) -> dict[tuple[str, ...], dict[int, Result]]:
        """Return row key -> place of the column -> result, in the order of the results or of `order`."""
        cells: dict[tuple[str, ...], dict[int, Result]] = {}
        for row in results.filter(**self.where):
            for place, (_, selection) in enumerate(self.columns):
                if all(self._fits(row, name, selection) for name in KEY):
                    cells.setdefault(tuple(getattr(row, name) for name in self.rows), {})[place] = row
        if self.order is None:
            return cells
        return {key: cells[key] for value in self.order for key in cells if key[0] == value}

    def _fits(self, row: Result, column: str, selection: Mapping[str, str]) -> bool:
        """Say whether a key column has the selected value, is free because it names rows or filters, or is empty."""
        if column in selection:
            return getattr(row, column) == selection[column]
        return column in self.rows or column in self.where or column == "study" or not getattr(row, column)

    def cell(self, row: Result) -> Cell:
        return Cell(row.value, row.low, row.high, row.paper, digits=DIGITS.get(row.metric, self.digits))


@dataclass(frozen=True)
class Callout:
    """A paragraph that is set off. It does not keep a section that has nothing else."""

    kind: CalloutKind
    text: str

    def emit(self, renderer: Renderer) -> bool:
        renderer.report.callout(self.kind, self.text)
        return False


@dataclass(frozen=True)
class Figures:
    """Saved pictures by name, those that were made."""

    names: tuple[str, ...]

    def emit(self, renderer: Renderer) -> bool:
        return renderer.draw(*self.names)


@dataclass(frozen=True)
class Section:
    """A section with its parts; it is left out where no part shows a result."""

    title: str
    text: str = ""
    parts: Sequence[Part] = ()
    level: int = 2

    def emit(self, renderer: Renderer) -> bool:
        start = len(renderer.report.blocks)
        renderer.report.section(self.title, self.text, level=self.level)
        shown = [part.emit(renderer) for part in self.parts]
        if not any(shown):
            del renderer.report.blocks[start:]
        return any(shown)


Part = Table | Callout | Figures | Section


@dataclass(frozen=True)
class Renderer:
    """Appends declared parts to a report.

    results : of the study, and published ones; titles : of models and other values; folder : of the study, with its figures
    """

    report: Report
    results: Results
    titles: Mapping[str, str]
    folder: Path
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def add(self, *parts: Part) -> None:
        for part in parts:
            part.emit(self)

    def draw(self, *names: str) -> bool:
        """Append saved pictures; return whether there was one."""
        known = [self.pictures[name] for name in names if name in self.pictures]
        for picture in known:
            self.report.figure(picture.path(self.folder), picture.caption, picture.alt)
        return bool(known)

    def title(self, row: Mapping[str, str], names: Mapping[str, str], link: str = "to") -> str:
        """Write a row in words: the model, what it is compared with, then the other columns."""
        words = {column: self.word(value, names) for column, value in row.items() if value}
        first = words.pop("model", "")
        versus = words.pop("versus", "")
        if not first and versus:
            first = words.pop(next(iter(words)), "")
        first = f"{first} minus {versus}" if versus else first
        route = {"modality", "target"} <= set(row) and {"modality", "target"} <= set(words)
        rest = [f"{words.pop('modality')} {link} {words.pop('target')}"] if route else []
        return ": ".join(part for part in (first, ", ".join([*rest, *words.values()])) if part)

    def word(self, value: str, names: Mapping[str, str]) -> str:
        return names.get(value) or self.titles.get(value) or value.replace("_", " ")


def basis_of(rows: Iterable[Result], limit: int = 2, *, seeds: bool = True) -> str:
    """Write the protocol, number of rows and seeds behind figures; at most `limit` different ones."""
    texts = []
    for row in rows:
        averaged = f"seeds {' '.join(map(str, row.seeds))}" if row.seeds and seeds else ""
        texts.append(", ".join(part for part in (row.protocol, f"n {row.n:,}" if row.n else "", averaged) if part))
    known = list(dict.fromkeys(texts))
    longest = [text for text in known if not any(text != other and other.startswith(text) for other in known)]
    return "; ".join(longest[:limit])


def key_figures(results: Results, wanted: Mapping[str, Mapping[str, str]], digits: int = 3) -> list[KeyFigure]:
    """Return the figures at the top of a report, those that were measured (label -> key columns)."""
    rows = {label: results.find(**columns) for label, columns in wanted.items()}
    return [
        KeyFigure(label, row.value, row.low, row.high, row.paper, basis_of([row], seeds=False), digits)
        for label, row in rows.items()
        if row is not None
    ]
