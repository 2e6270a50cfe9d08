"""What messages about tables quote: values and names cut to a length, and a parser's reason in one line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

_PARSERS = (  # what parsers say, and what it means
    (r"Expected (\d+) fields in line (\d+), saw (\d+)", "line {1} has {2} fields, the first line {0}"),
    (r"EOF inside string starting at row (\d+)", "a quotation mark in row {0} is never closed"),
    (r"No columns to parse from file", "it is empty"),
    (r"^Expecting value: line 1 column 1 ", "it does not begin as JSON does"),
    (r"^Extra data: line (\d+) ", "something follows the end of the JSON, in line {0}"),
    (
        r"^Expecting .*: line (\d+) column (\d+)",
        "the JSON breaks off, or a comma or colon is missing, in line {0}, column {1}",
    ),
    (
        r"^Unterminated string .*: line (\d+) column (\d+)",
        "the JSON's text that begins in line {0}, column {1} is never closed",
    ),
)


def reason(error: Exception) -> str:
    """Why a parser failed, in one line, with the remedy where the text is not UTF-8."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start}): save it as UTF-8 (it looks like latin-1 or UTF-16)"
    text = " ".join(str(error).split())
    for pattern, meaning in _PARSERS:
        if match := re.search(pattern, text):
            return meaning.format(*match.groups())
    return text


def short_row(path: Path, separator: str, *, quoted: bool = True) -> str | None:
    """The first line of a CSV with fewer fields than its first one, which parsers fill up with empty cells; None without any.

    To be asked where the last cell of a row is empty: only there a field can be missing.
    """
    return _first_row(path, separator, quoted, lambda fields, width: 0 < fields < width)


def long_row(path: Path, separator: str, *, quoted: bool = True) -> str | None:
    """The first line of a CSV with more fields than its first one; None without any.

    To be asked where a parser took surplus fields for names of rows, which it does where the first rows have them.
    """
    return _first_row(path, separator, quoted, lambda fields, width: fields > width)


def _first_row(path: Path, separator: str, quoted: bool, wrong: Callable[[int, int], bool]) -> str | None:
    """The first line whose number of fields is wrong beside that of the first one, in words."""
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        if _even(file, separator):
            return None
        file.seek(0)
        reader = csv.reader(file, delimiter=separator, quoting=quoting)
        try:
            width = len(next(reader, []))
            for row in reader:
                if wrong(len(row), width):
                    return f"line {reader.line_num} has {len(row)} fields, the first line {width}"
        except csv.Error:  # the table's own parser has read it
            return None
    return None


def _even(lines: Iterable[str], separator: str) -> bool:
    """Whether no line is quoted and all have as many separators: a look that costs a tenth of parsing."""
    counts = (-1 if '"' in line else line.count(separator) for line in lines)
    first = next(counts, 0)
    return first >= 0 and all(count == first for count in counts)


def repeated(names: Sequence[Any]) -> str | None:
    """The first name that stands twice among a header's; empty ones do not count."""
    seen: set[str] = set()
    for name in (str(cell).strip() for cell in names):
        if name and name in seen:
            return name
        seen.add(name)
    return None
