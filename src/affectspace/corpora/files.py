"""Reading the files of a release: strict tables of text, and media found by name without the debris of other systems."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from affectspace.errors import DataError
from affectspace.errors import quoted as shown
from affectspace.tables.messages import reason, short_row

AUDIO = (".wav", ".flac", ".mp3")
VIDEO = (".mp4", ".avi", ".flv")
_FOLDERS = 6  # that a note names


def read_cells(path: Path, needed: Sequence[str], *, separator: str = ",", quoted: bool = True) -> pd.DataFrame:
    """A table of text as strings, cell for cell: "NA" is a word and "001" an id.

    Raises DataError for a file that is absent, not UTF-8 or no such table, for no rows, and for missing columns.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; copy it from the corpus")
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            index_col=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a table that can be read ({reason(error)}); copy it again from the corpus"
        ) from error
    short = short_row(path, separator, quoted=quoted) if len(frame) and (frame.iloc[:, -1] == "").any() else None
    if short:
        raise DataError(f"{path}: {short}; copy it again from the corpus")
    frame.columns = [str(column).strip() for column in frame.columns]
    absent = [column for column in needed if column not in frame.columns]
    if absent:
        raise DataError(f"{path}: no column {', '.join(absent)}; it has {', '.join(frame.columns)}")
    if not len(frame):
        raise DataError(f"{path}: no rows; copy it again from the corpus")
    return frame


def numbers(cells: Iterable[str], name: str, path: Path) -> list[float]:
    """Cells as floats, empty ones NaN. Raises DataError for what is no number, with its row (1 is the first)."""
    values = []
    for row, cell in enumerate(cells, start=1):
        try:
            values.append(float(cell) if cell.strip() else float("nan"))
        except ValueError as error:
            raise DataError(f"{path}: row {row}: {name} is {shown(cell)}, which is no number; correct it") from error
    return values


def files_below(root: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Files with these suffixes at any depth, in order; hidden ones (``._name`` of macOS archives) are passed over."""
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(folder) / name


def twin(path: Path, read: str) -> str:
    """Why a second file of one name is left out, for the report. read : the path of the one that is read"""
    if path.suffix.lower() == Path(read).suffix.lower():
        return "a copy of a file in another folder"
    return "a recording that is read from a file of another format"


def deeper(names: Iterable[str], at_home: str) -> list[str]:
    """A note on files that lie deeper than a corpus' own layout has them, with the folders that they were taken from.

    names : paths below the root; at_home : a regular expression of the folders in which a corpus has its files
    """
    folders = Counter(re.sub(rf"/?{at_home}$", "", Path(name).parent.as_posix()) for name in names)
    if not set(folders) - {"", "."}:
        return []
    most = [f"{folder or '.'} ({count:,})" for folder, count in folders.most_common(_FOLDERS)]
    more = f" and {len(folders) - _FOLDERS:,} more folders" if len(folders) > _FOLDERS else ""
    return [f"files were taken from folders below the one that was named: {', '.join(most)}{more}"]


def visible(folder: Path, pattern: str) -> list[Path]:
    """Files of one folder by pattern, in order, without hidden ones."""
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))


class MediaFiles:
    """Which media files there are below a folder: asked often, listed once a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[str, set[str]] = {}

    def find(self, folder: str, stem: str, suffixes: Sequence[str]) -> str | None:
        """The path relative to the root of ``folder/stem`` with the first of the suffixes that is there; else None."""
        if folder not in self._names:
            place = self.root / folder
            self._names[folder] = {entry.name for entry in os.scandir(place)} if place.is_dir() else set()
        for suffix in suffixes:
            if f"{stem}{suffix}" in self._names[folder]:
                return f"{folder}/{stem}{suffix}" if folder else f"{stem}{suffix}"
        return None


def without_media(columns: dict[str, list[str | None]], kinds: Sequence[str]) -> list[str]:
    """A note a kind of media that some or all rows lack."""
    notes = []
    for kind in kinds:
        lacking = sum(name is None for name in columns[kind])
        if lacking:
            rows = "no row" if lacking == len(columns[kind]) else f"{len(columns[kind]) - lacking:,} rows only"
            notes.append(f"{rows} with {kind}: the files are not here")
    return notes
