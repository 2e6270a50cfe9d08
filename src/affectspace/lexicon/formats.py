"""The layouts in which lexicons are released, and how to tell them apart by a file's first lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from affectspace.affect import SCALES, Scale
from affectspace.errors import ConfigError, DataError

VADER = Scale("vader", ("valence",), -4, 4, (0,), source="Hutto & Gilbert 2014; ratings from -4 to 4")


@dataclass(frozen=True)
class Format:
    """A layout. term, columns: the header's names (axis -> column), or places where there is no header."""

    name: str
    scale: Scale
    term: str | int
    columns: Mapping[str, str | int]
    separator: str
    header: bool
    senses: bool = False  # "address (postal)": a sense in brackets


def _places(axes: tuple[str, ...]) -> dict[str, str | int]:
    return {axis: 1 + place for place, axis in enumerate(axes)}


_VAD = ("valence", "arousal", "dominance")
FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Format("nrc_vad_1", SCALES["nrc_vad_1"], 0, _places(_VAD), "\t", False),
        Format("nrc_vad_2", SCALES["nrc_vad_2"], "term", {axis: axis for axis in _VAD}, "\t", True),
        Format(
            "warriner",
            SCALES["warriner"],
            "Word",
            {"valence": "V.Mean.Sum", "arousal": "A.Mean.Sum", "dominance": "D.Mean.Sum"},
            ",",
            True,
        ),
        Format("glasgow", SCALES["glasgow"], "Word", {axis: axis.title() for axis in _VAD}, ",", True, senses=True),
        Format("vader", VADER, 0, _places(("valence",)), "\t", False),
    )
}


def own_format(path: Path, columns: Mapping[str, str], scale: Scale) -> Format:
    """The layout of somebody's own table with a header: columns maps `term` and axes to its names."""
    axes = [axis for axis in columns if axis != "term"]
    unknown = [axis for axis in axes if axis not in scale.axes]
    if "term" not in columns or not axes or unknown:
        raise ConfigError(
            f"{path}: columns needs term and axes of the scale {scale.name!r} ({', '.join(scale.axes)}), each with the "
            f"name of its column; got {dict(columns)}"
        )
    separator = "\t" if "\t" in _first_lines(path)[0] else ","
    chosen = scale.select(axes)
    return Format("table", chosen, columns["term"], {axis: columns[axis] for axis in axes}, separator, True)


def detect(path: Path) -> Format:
    """The format of a file, by its first lines. DataError where it is none of `FORMATS`."""
    lines = _first_lines(path)
    names = {name.strip().strip('"').lower() for name in lines[0].split("\t" if "\t" in lines[0] else ",")}
    if "\t" not in lines[0]:
        if {"word", "v.mean.sum"} <= names:
            return FORMATS["warriner"]
        if {"word", "valence", "valencesd"} <= names:
            return FORMATS["glasgow"]
    elif {"term", "valence", "arousal", "dominance"} <= names:
        return FORMATS["nrc_vad_2"]
    else:
        cells = [line.split("\t") for line in lines]
        if all(len(row) == 4 and row[3].strip().startswith("[") for row in cells):
            return FORMATS["vader"]
        if all(len(row) == 4 for row in cells) and any(_is_number(cell) for row in cells for cell in row[1:]):
            return FORMATS["nrc_vad_1"]
    raise DataError(
        f"{path}: its first line, {lines[0][:80]!r}, is none of {', '.join(FORMATS)}; of any other table with a header name "
        "the columns and the scale: --columns term=word,valence=v,arousal=a --scale sam (in Python columns={...}, scale=...)"
    )


def rows(path: Path, layout: Format) -> Iterator[tuple[int, list[str]]]:
    """(line number from 1, [term, value, ...]) in the order of the layout's columns; a short row has fewer cells.

    Nothing is converted: "null" and "nan" are words.
    """
    with _text(path) as file:
        if layout.separator == ",":
            reader = csv.reader(file)
        else:
            reader = csv.reader(file, delimiter=layout.separator, quoting=csv.QUOTE_NONE)
        try:
            wanted = [layout.term, *layout.columns.values()]
            places = [place for place in wanted if isinstance(place, int)]
            if layout.header:
                places = _find(path, layout, [str(name) for name in wanted], next(reader, []))
            for row in reader:
                if row:
                    yield reader.line_num, [row[place] for place in places if place < len(row)]
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: line {reader.line_num + 1} cannot be read: {error}; save it as UTF-8") from error


def _find(path: Path, layout: Format, wanted: list[str], header: list[str]) -> list[int]:
    names = [name.strip().lower() for name in header]
    absent = [name for name in wanted if name.lower() not in names]
    if absent:
        raise DataError(
            f"{path}: no column {', '.join(map(repr, absent))}, which the format {layout.name!r} has; its columns are "
            f"{', '.join(header) or 'none'}: name the right --format, or its columns instead: "
            "--columns term=word,valence=v,arousal=a --scale sam (in Python format=, columns={...}, scale=...)"
        )
    return [names.index(name.lower()) for name in wanted]


def _first_lines(path: Path) -> list[str]:
    with _text(path) as file:
        try:
            lines = [line.rstrip("\r\n") for line, _ in zip(file, range(5), strict=False)]
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is no text in UTF-8: {error}; save it as UTF-8") from error
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; a lexicon has a term and its values on each line")
    return lines


def _text(path: Path) -> TextIO:
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
