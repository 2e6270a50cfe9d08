"""The layouts in which lexicons are released, and how to recognise them by a file's first lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from affectspace.affect import AXES, SCALES, Scale
from affectspace.errors import ConfigError, DataError, quoted
from affectspace.tables import PARQUET, TEXT
from affectspace.tables.formats import reading, table_rows
from affectspace.tables.text import dialect_of

_OWN_COLUMNS = "--columns term=word,valence=v,arousal=a --scale sam (in Python columns={...}, scale=...)"


@dataclass(frozen=True)
class Format:
    """A layout. term, columns: names in the header (axis -> column), or positions if there is no header."""

    name: str
    scale: Scale
    term: str | int
    columns: Mapping[str, str | int]
    separator: str | None  # None: recognised
    header: bool
    senses: bool = False  # "address (postal)": a sense in brackets


def _released(
    name: str, term: str | int, columns: Sequence[str | int], separator: str, header: bool, *, senses: bool = False
) -> Format:
    scale = SCALES[name]
    return Format(name, scale, term, dict(zip(scale.axes, columns, strict=True)), separator, header, senses)


FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        _released("nrc_vad_1", 0, (1, 2, 3), "\t", False),
        _released("nrc_vad_2", "term", AXES, "\t", True),
        _released("warriner", "Word", ("V.Mean.Sum", "A.Mean.Sum", "D.Mean.Sum"), ",", True),
        _released("glasgow", "Word", [axis.title() for axis in AXES], ",", True, senses=True),
        _released("vader", 0, (1,), "\t", False),
    )
}


def own_format(path: Path, columns: Mapping[str, str], scale: Scale) -> Format:
    """Return the layout of your own table with a header. columns: `term` and axes -> names of columns."""
    axes = [axis for axis in columns if axis != "term"]
    if "term" not in columns or not axes or not set(axes) <= set(scale.axes):
        raise ConfigError(
            f"{path}: columns needs term and axes of the scale {scale.name!r} ({', '.join(scale.axes)}), each with the name "
            f"of its column; got {dict(columns)}"
        )
    return Format("table", scale.select(axes), columns["term"], {axis: columns[axis] for axis in axes}, None, True)


def detect(path: Path) -> Format:
    """Return the format of a file, by its first rows. Raises DataError if it is none of `FORMATS`."""
    with reading(path):
        rows = [row for _, row in islice(_rows(path, None), 5)]
    names = {name.strip().strip('"').lower() for name in rows[0]}
    if {"word", "v.mean.sum"} <= names:
        return FORMATS["warriner"]
    if {"word", "valence", "valencesd"} <= names:
        return FORMATS["glasgow"]
    if {"term", *AXES} <= names:
        return FORMATS["nrc_vad_2"]
    if all(len(row) == 4 and row[3].strip().startswith("[") for row in rows):
        return FORMATS["vader"]
    if all(len(row) == 4 for row in rows) and any(_is_number(cell) for row in rows for cell in row[1:]):
        return FORMATS["nrc_vad_1"]
    raise DataError(
        f"{path}: the first line, {quoted(', '.join(rows[0]), 80)}, is none of {', '.join(FORMATS)}; for another table with a "
        f"header give the columns and the scale: {_OWN_COLUMNS}"
    )


def read_rows(path: Path, layout: Format) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, [term, value, ...]) in the order of the layout's columns; short rows have fewer cells.

    Cells are not converted: "null" and "nan" are words.
    """
    with reading(path):
        rows = _rows(path, layout.separator)
        columns = [layout.term, *layout.columns.values()]
        header = [name.strip().lower() for name in next(rows, (0, []))[1]] if layout.header else []
        absent = [column for column in columns if isinstance(column, str) and column.lower() not in header]
        if absent:
            raise DataError(
                f"{path}: no column {', '.join(map(repr, absent))}, which the format {layout.name!r} has; its columns are "
                f"{', '.join(header) or 'none'}: choose the right --format (format=), or give the columns: {_OWN_COLUMNS}"
            )
        places = [header.index(column.lower()) if isinstance(column, str) else column for column in columns]
        for line, row in rows:
            yield line, [row[place] for place in places if place < len(row)]


def _rows(path: Path, separator: str | None) -> Iterator[tuple[int, list[str]]]:
    """The rows of a lexicon. Quotation marks are words where tabs separate the cells."""
    if path.suffix.lower() in PARQUET:
        raise DataError(f"{path}: a lexicon is a text table, .xlsx or .jsonl")
    separator = separator or (dialect_of(path).separator if path.suffix.lower() in TEXT else None)
    return table_rows(path, separator, quoting=separator != "\t")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
