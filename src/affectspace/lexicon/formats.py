"""The layouts in which lexicons are released, and how to recognise them by a file's first lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from affectspace.affect import AXES, SCALES, Scale
from affectspace.errors import ConfigError, DataError

_OWN_COLUMNS = "--columns term=word,valence=v,arousal=a --scale sam (in Python columns={...}, scale=...)"


@dataclass(frozen=True)
class Format:
    """A layout. term, columns: names in the header (axis -> column), or positions if there is no header."""

    name: str
    scale: Scale
    term: str | int
    columns: Mapping[str, str | int]
    separator: str
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
    separator = "\t" if "\t" in _first_lines(path)[0] else ","
    return Format("table", scale.select(axes), columns["term"], {axis: columns[axis] for axis in axes}, separator, True)


def detect(path: Path) -> Format:
    """Return the format of a file, by its first lines. Raises DataError if it is none of `FORMATS`."""
    lines = _first_lines(path)
    separator = "\t" if "\t" in lines[0] else ","
    names = {name.strip().strip('"').lower() for name in lines[0].split(separator)}
    cells = [line.split("\t") for line in lines]
    if separator == ",":
        if {"word", "v.mean.sum"} <= names:
            return FORMATS["warriner"]
        if {"word", "valence", "valencesd"} <= names:
            return FORMATS["glasgow"]
    elif {"term", *AXES} <= names:
        return FORMATS["nrc_vad_2"]
    elif all(len(row) == 4 and row[3].strip().startswith("[") for row in cells):
        return FORMATS["vader"]
    elif all(len(row) == 4 for row in cells) and any(_is_number(cell) for row in cells for cell in row[1:]):
        return FORMATS["nrc_vad_1"]
    raise DataError(
        f"{path}: the first line, {lines[0][:80]!r}, is none of {', '.join(FORMATS)}; for another table with a header give the "
        f"columns and the scale: {_OWN_COLUMNS}"
    )


def read_rows(path: Path, layout: Format) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, [term, value, ...]) in the order of the layout's columns; short rows have fewer cells.

    Cells are not converted: "null" and "nan" are words.
    """
    quoting: Any = csv.QUOTE_MINIMAL if layout.separator == "," else csv.QUOTE_NONE
    with _open(path) as file:
        reader = csv.reader(file, delimiter=layout.separator, quoting=quoting)
        try:
            columns = [layout.term, *layout.columns.values()]
            header = [name.strip().lower() for name in next(reader, [])] if layout.header else []
            absent = [column for column in columns if isinstance(column, str) and column.lower() not in header]
            if absent:
                raise DataError(
                    f"{path}: no column {', '.join(map(repr, absent))}, which the format {layout.name!r} has; its columns are "
                    f"{', '.join(header) or 'none'}: choose the right --format (format=), or give the columns: {_OWN_COLUMNS}"
                )
            places = [header.index(column.lower()) if isinstance(column, str) else column for column in columns]
            for row in reader:
                if row:
                    yield reader.line_num, [row[place] for place in places if place < len(row)]
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: line {reader.line_num + 1} cannot be read: {error}; save it as UTF-8") from error


def _first_lines(path: Path) -> list[str]:
    with _open(path) as file:
        try:
            lines = [line.rstrip("\r\n") for line, _ in zip(file, range(5), strict=False)]
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text: {error}; save it as UTF-8") from error
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; a lexicon has a term and its values on each line")
    return lines


def _open(path: Path) -> TextIO:
    try:
        return open(path, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise DataError(f"the lexicon {path} cannot be opened: {error.strerror or error}") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
