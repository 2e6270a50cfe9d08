"""Tables and sections of a report as declarations over the results, and the one renderer of all studies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from affectspace.evaluation.results import KEY, Result, Results, Where
from affectspace.report import Cell, Report
from affectspace.report.blocks import CalloutKind
from affectspace.studies.figures import Picture

Columns = Sequence[tuple[str, Mapping[str, str]]]  # heading and the columns that select a cell

DIGITS = {
    "dimensions": 0, "active": 1, "centroids": 2, "psnr": 2, "rate_nats": 1, "active_units": 1, "chosen": 0, "converged": 2,
}  # fmt: skip
LOWER = (
    "mse",
    "mae",
    "abs_mean_error",
    "cross_entropy",
    "nll",
    "crps",
    "rmse",
    "mean_abs_r",
    "debiased_cka",
)  # is better
OF_FITS = ("converged", "chosen", "share_of_part", "validation_r2")  # their numbers of rows are not those of the table
SMALLEST = 0.0005  # p that three decimals can show


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
    sort : rows of models stand from the best to the worst of the first column, within the other columns that name rows
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
    sort: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    basis: bool = True
    link: str = "to"  # between two modalities that name a row

    def emit(self, renderer: Renderer) -> bool:
        """Append the table; return whether it has a row that is not published."""
        cells = self._cells(renderer.results)
        measured = {place for row in cells.values() for place in row}
        columns = [(heading, place) for place, (heading, _) in enumerate(self.columns) if place in measured]
        body, bases = [], []
        for key, by_place in cells.items():
            shown = [by_place.get(place) for _, place in columns]
            bases.append([row for row in shown if row is not None and row.metric not in OF_FITS])
            name = renderer.title(dict(zip(self.rows, key, strict=True)), self.names, self.link)
            body.append((name, *(None if row is None else self.cell(row) for row in shown)))
        if body:
            shared = {basis_of(rows, seeds=False) for rows in bases}
            heads, note = [self.head, *(heading for heading, _ in columns)], self.note
            if self.basis and len(shared) == 1:
                seeds = dict.fromkeys(seed for rows in bases for row in rows for seed in row.seeds)
                averaged = f"; mean of seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else ""
                note = f"{note} Rows: {shared.pop()}{averaged}.".strip()
            elif self.basis:
                heads.append("basis")
                body = [(*row, basis_of(rows)) for row, rows in zip(body, bases, strict=True)]
            renderer.report.table(self.caption, heads, body, note)
        return any(row.study != "published" for by_place in cells.values() for row in by_place.values())

    def _cells(self, results: Results) -> dict[tuple[str, ...], dict[int, Result]]:
        """Return row key -> place of the column -> result, in the order of the results or of `order`."""
        cells: dict[tuple[str, ...], dict[int, Result]] = {}
        for row in results.filter(**self.where):
            for place, (_, selection) in enumerate(self.columns):
                if all(self._fits(row, name, selection) for name in KEY):
                    cells.setdefault(tuple(getattr(row, name) for name in self.rows), {})[place] = row
        if self.order is not None:
            return {key: cells[key] for value in self.order for key in cells if key[0] == value}
        if not self.sort or self.rows[0] != "model" or "versus" in self.rows or self.where.get("study"):
            return cells
        groups = list(dict.fromkeys(key[1:] for key in cells))

        def rank(key: tuple[str, ...]) -> tuple[int, float]:
            row = next((cells[key][place] for place in range(len(self.columns)) if place in cells[key]), None)
            if row is None or row.value is None:
                return groups.index(key[1:]), float("inf")
            return groups.index(key[1:]), row.value if row.metric in LOWER else -row.value

        return {key: cells[key] for key in sorted(cells, key=rank)}

    def _fits(self, row: Result, column: str, selection: Mapping[str, str]) -> bool:
        """Say whether a key column has the selected value, is free because it names rows or filters, or is empty."""
        if column in selection:
            return getattr(row, column) == selection[column]
        return column in self.rows or column in self.where or column == "study" or not getattr(row, column)

    def cell(self, row: Result) -> Cell:
        if row.metric.split("_")[-1] in ("p", "holm") and row.value is not None and row.value < SMALLEST:
            return Cell("< 0.001")
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

    results : of the study, and published ones; titles : of models and other values; pictures : by name
    """

    report: Report
    results: Results
    titles: Mapping[str, str]
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def add(self, *parts: Part) -> None:
        for part in parts:
            part.emit(self)

    def draw(self, *names: str) -> bool:
        """Append saved pictures; return whether there was one."""
        known = [self.pictures[name] for name in names if name in self.pictures]
        for picture in known:
            if picture.bars is None:
                self.report.figure(picture.figure, picture.title, picture.alt, picture.caption)
                continue
            bars = picture.bars
            self.report.bars(
                bars.rows,
                bars.references,
                title=picture.title,
                label=bars.label,
                caption=picture.caption,
                order=bars.order,
            )
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
