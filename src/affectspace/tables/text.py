"""Rows of a text table. Encoding, separator and line ends are recognised, and every quotation mark is read strictly."""

from __future__ import annotations

import codecs
import csv
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from affectspace.errors import ConfigError, DataError, DataWarning, quoted
from affectspace.tables import TEXT

_CANDIDATES = (",", ";", "\t", "|")
_WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
_HEAD = 1 << 16  # characters that show the separator
_MARKS = (  # byte-order marks, the longest first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FILES = (  # first bytes -> what the file is
    (b"PK\x03\x04", "a zip or an Excel file; give an Excel file the suffix .xlsx, and unpack a zip"),
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Excel file; save it as .xlsx without a password"),
    (b"\x1f\x8b", "compressed with gzip; unpack it"),
    (b"PAR1", "a Parquet file; give it the suffix .parquet"),
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself; fetch it with `git lfs pull`"),
    (b"<!doctype html", "a web page; download the file itself"),
    (b"<html", "a web page; download the file itself"),
)
_DECLARED: dict[Path, str] = {}


@dataclass(frozen=True)
class Dialect:
    """How a text table is written. skipped: lines before the header"""

    encoding: str
    separator: str
    skipped: int = 0


def declare_separator(path: Path, separator: str | None) -> None:
    """State the separator of a file for everything that reads it in this process. None recognises it.

    Raises ConfigError unless it is one character, or the name of one.
    """
    if separator is None:
        return
    character = _WORDS.get(separator.lower(), separator)
    if len(character) != 1 or character.isalnum() or character in '"\r\n':
        raise ConfigError(f"--separator {quoted(separator)}: give one character, such as ';' or '|', or the word tab")
    _DECLARED[path.absolute()] = character


def dialect_of(path: Path) -> Dialect:
    """Return how a text table is written. Raises DataError for a file that is no text."""
    status = path.stat()
    return _dialect_of(path, status.st_size, status.st_mtime_ns, _DECLARED.get(path.absolute()))


@lru_cache(maxsize=64)
def _dialect_of(path: Path, size: int, changed: int, declared: str | None) -> Dialect:
    encoding = _encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        text = file.read(_HEAD)
    cut = len(text) == _HEAD
    if match := re.match(r'"?sep=(.)"?(?=\r|\n|$)', text):
        return Dialect(encoding, declared or match[1], 1)
    preferred = TEXT.get(path.suffix.lower(), ",")
    return Dialect(encoding, declared or _separator_of(text, preferred, cut))


def _separator_of(text: str, preferred: str, cut: bool) -> str:
    """The separator with which the first lines have several fields, and as many in every line."""
    scores = {}
    for separator in _CANDIDATES:
        try:
            rows = [row for row in islice(csv.reader(text.splitlines(True), delimiter=separator), 50) if row]
        except csv.Error:
            continue
        rows = rows[:-1] if cut and len(rows) > 1 else rows
        if rows and len(rows[0]) > 1:
            even = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            scores[separator] = (even, separator == preferred, len(rows[0]))
    return max(scores, key=lambda separator: scores[separator], default=preferred)


def _encoding_of(path: Path) -> str:
    """UTF-8, UTF-16 or UTF-32, or Windows-1252 with a warning if that is plausible."""
    with path.open("rb") as file:
        head = file.read(4096)
        for start, kind in _OTHER_FILES:
            if head.lower().startswith(start.lower()):
                raise DataError(f"{path}: this is {kind}")
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                return encoding
        zeros = [head[place::2].count(0) for place in (0, 1)]
        if max(zeros) > len(head) / 5:
            if min(zeros) > len(head) / 20:
                raise DataError(f"{path}: this is no text; give a table as text, .xlsx or .parquet")
            return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(0)
            _require_western(path, file.read())
            return "cp1252"
    return "utf-8"


def _require_western(path: Path, content: bytes) -> None:
    """Warn that bytes are read as Western European letters; raise DataError if words consist of such bytes only."""
    if re.search(rb"[\x00-\x08\x0e-\x1f]", content):
        raise DataError(f"{path}: this is no text; give a table as text, .xlsx or .parquet")
    high = re.findall(rb"[\x80-\xff]+", content)
    place = content.index(high[0])
    line = content.count(b"\n", 0, place) + 1
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if not text or sum(map(len, high)) > 1.5 * len(high):  # single accents; other alphabets have several bytes in a row
        raise DataError(f"{path}: line {line} is not UTF-8 text; save the file as UTF-8")
    word = next(word for word in re.findall(r"\w+|\S", text) if not word.isascii())
    warnings.warn(
        f"{path} is not UTF-8; it is read as Western European text (Windows-1252), such as {quoted(word)} in line {line}. If "
        "that is wrong, save the file as UTF-8",
        DataWarning,
        stacklevel=2,
    )


def text_rows(path: Path, separator: str | None = None, *, quoting: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each row that is not blank. The first one is the header, if there is one.

    separator: default recognised. quoting: whether quotation marks enclose cells. Raises DataError for a stray quotation mark,
    and for a file that is empty or no text.
    """
    dialect = dialect_of(path)
    csv.field_size_limit(1 << 31 - 1)
    with path.open(encoding=dialect.encoding, newline="") as file:
        for _ in range(dialect.skipped):
            next(file)
        mode: Any = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
        reader = csv.reader(file, delimiter=separator or dialect.separator, quoting=mode, strict=True)
        line, empty = dialect.skipped, True
        try:
            for row in reader:
                start, line = line + 1, reader.line_num + dialect.skipped
                if row:
                    if line > start:
                        _warn_of_swallowed_rows(path, start, row, reader.dialect.delimiter)
                    empty = False
                    yield line, row
        except csv.Error as error:
            raise DataError(f"{path}: {_quotation_error(error, line + 1)}") from error
    if empty:
        raise DataError(f"{path}: cannot be read: it is empty; a table has a header and rows")


def _quotation_error(error: csv.Error, line: int) -> str:
    if "end of data" in str(error):
        return f"a quotation mark in line {line} is never closed; remove it, or close it"
    return (
        f"line {line}: a quotation mark stands inside a quoted cell, or one before it is never closed ({error}); double the "
        "marks inside a quoted cell"
    )


def _warn_of_swallowed_rows(path: Path, line: int, row: list[str], separator: str) -> None:
    """Warn if a cell looks as if a quotation mark is missing, so that it holds the next rows."""
    for cell in row:
        lines = cell.splitlines()[1:]
        if len(row) > 2 and any(part.count(separator) == len(row) - 1 for part in lines):
            warnings.warn(
                f"{path}: line {line}: a cell has {len(lines) + 1} lines that look like rows of the table; is a quotation mark "
                "missing?",
                DataWarning,
                stacklevel=2,
            )
            return
