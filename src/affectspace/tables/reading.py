"""Read whole tables strictly: what is malformed is an error that names the file and the line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.errors import DataError, listed, quoted

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
PARQUET = (".parquet", ".pq")
EMPTY = frozenset({"", "nan", "na", "n/a", "null", "none"})  # in a column of numbers
TEXT_OPTIONS: dict[str, Any] = {"keep_default_na": False, "encoding": "utf-8-sig"}
_MEANINGS = (  # of the messages of parsers
    (r"Expected (\d+) fields in line (\d+), saw (\d+)", "line {1} has {2} fields, the first line {0}"),
    (r"EOF inside string starting at row (\d+)", "a quotation mark in row {0} is never closed"),
    (r"No columns to parse from file", "it is empty"),
    (r"^Expecting value: line 1 column 1 ", "it does not begin like JSON"),
    (r"^Extra data: line (\d+) ", "the JSON ends before line {0}, where more text follows"),
    (
        r"^Expecting .*: line (\d+) column (\d+)",
        "the JSON breaks off, or a comma or colon is missing, in line {0}, column {1}",
    ),
    (r"^Unterminated string .*: line (\d+) column (\d+)", "the string in line {0}, column {1} is never closed"),
)


def parser_reason(error: Exception) -> str:
    """Return why a parser failed, in one line, with the remedy if the file is not UTF-8."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start}): save it as UTF-8 (it looks like latin-1 or UTF-16)"
    text = " ".join(str(error).split())
    for pattern, meaning in _MEANINGS:
        if match := re.search(pattern, text):
            return meaning.format(*match.groups())
    return text


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the errors of parsers and of the system into a DataError that names the file."""
    if not path.is_file():
        raise DataError(f"{path}: {'this is a folder' if path.is_dir() else 'there is no such file'}")
    try:
        yield
    except ValueError as error:  # the base of the errors of pandas, pyarrow, json and of decoding
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be read: {parser_reason(error)}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises DataError that says where it is malformed."""
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8-sig"))


def read_table(
    path: Path,
    columns: Sequence[str] = (),
    *,
    as_text: bool = True,
    separator: str | None = None,
    quoting: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Read a .csv, .tsv, .txt or .parquet file as a whole, with the columns that it must have.

    as_text keeps the cells of a text file as strings, so that "NA" is a word and "001" an id; otherwise pandas infers types.
    separator: default by the suffix. quoting: whether quotation marks enclose cells. options: of `pandas.read_csv`. Raises
    DataError for a file that is absent, malformed or without rows, and for missing or repeated columns.
    """
    suffix = path.suffix.lower()
    if separator is None and suffix not in (*SEPARATORS, *PARQUET):
        raise DataError(f"{path}: a table is a .csv, .tsv or .parquet file, not {suffix or 'a file without suffix'}")
    with reading(path):
        if suffix in PARQUET:
            frame = pd.read_parquet(path).reset_index(drop=True)
        else:
            frame = _read_text(path, separator or SEPARATORS[suffix], quoting, as_text, options)
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    require_different(path, frame.columns)
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise DataError(f"{path}: no column {', '.join(map(repr, absent))}; it has {listed(frame.columns)}")
    if not len(frame):
        raise DataError(f"{path}: the table has no rows; its columns are {listed(frame.columns)}")
    return frame


def _read_text(path: Path, separator: str, quoting: bool, as_text: bool, options: dict[str, Any]) -> pd.DataFrame:
    options = {"sep": separator, "quoting": csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE, **TEXT_OPTIONS, **options}
    if options.get("header", 0) == 0:
        try:
            require_different(path, header_of(path, options))
        except pd.errors.ParserError:
            require_even(path, separator, quoting)
            raise
    frame = pd.read_csv(path, **options, **({"dtype": str} if as_text else {"low_memory": False}))
    # Pandas fills up short rows, takes surplus fields for names of rows, and drops them if columns were chosen.
    suspicious = not isinstance(frame.index, pd.RangeIndex) or "usecols" in options
    if suspicious or (len(frame) and (frame.iloc[:, -1].isna() | frame.iloc[:, -1].eq("")).any()):
        require_even(path, separator, quoting)
    return frame


def header_of(path: Path, options: dict[str, Any]) -> list[str]:
    """Return the fields of the first line, as they are written. Raises ValueError if the second one has more."""
    chosen = {name: value for name, value in options.items() if name not in ("usecols", "dtype", "header")}
    return pd.read_csv(path, header=None, nrows=2, dtype=str, **chosen).iloc[0].tolist()


def require_different(path: Path, names: Iterable[Any]) -> None:
    """Raise DataError if two columns have the same name. Empty names do not count."""
    seen: set[str] = set()
    for name in (str(name).strip() for name in names):
        if name and name in seen:
            raise DataError(f"{path}: two columns are called {quoted(name)}; rename one")
        seen.add(name)


def require_even(path: Path, separator: str, quoting: bool = True) -> None:
    """Raise DataError for the first line of a text table that has more or fewer fields than the first line."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        separators = (-1 if '"' in line else line.count(separator) for line in file)
        first = next(separators, 0)
        if first >= 0 and all(count == first for count in separators):  # ten times as fast as parsing
            return
        file.seek(0)
        reader = csv.reader(file, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE)
        try:
            width = len(next(reader, []))
            for row in reader:
                if len(row) not in (0, width):
                    raise DataError(
                        f"{path}: line {reader.line_num} has {len(row)} fields, the first line {width}; give every row the "
                        "same number of fields, and quote cells that contain the separator"
                    )
        except csv.Error:  # pandas has read it
            return


def to_numbers(cells: Any, name: str, where: str | Path, *, rows: Sequence[Any] | None = None) -> np.ndarray:
    """Convert the cells of a column to float64. Empty cells and NA, N/A, nan, null, none in any case become NaN.

    name, where, rows: column, file and names of the rows (default 1, 2, ...) for messages. Raises DataError, which names the
    row, for a cell that is not a finite number.
    """
    column = pd.Series(cells)
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise DataError(f"{where}: column {quoted(name)} holds times, not numbers")
    mixed = column.dtype == object and any(isinstance(cell, bool | np.bool_) for cell in column)
    if mixed or pd.api.types.is_bool_dtype(column):
        raise DataError(f"{where}: column {quoted(name)} holds true and false, not numbers")
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    for i in np.flatnonzero(~np.isfinite(numbers)).tolist():
        cell = column.iloc[[i]].tolist()[0]
        if not (pd.isna(cell) or str(cell).strip().lower() in EMPTY):
            raise DataError(
                f"{where}: row {i + 1 if rows is None else rows[i]}: {name} is {quoted(cell)}, which is not a number; "
                "correct it, or leave it empty if there is none"
            )
    return numbers
