"""CSV and Parquet tables of any size, read and written in pieces, with columns added.

What is written has the same rows in the same order, every old column as it was (a CSV's cells stay the same text), and
the new ones at the end. It appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from affectspace.errors import DataError, listed, quoted
from affectspace.tables.messages import long_row, reason, repeated, short_row

ROWS = 131_072  # rows in memory at a time
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_EMPTY = frozenset({"", "nan", "na", "n/a", "null", "none"})


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of a table. first: the number of the first one; the first row of a file is 1."""

    where: str
    first: int
    data: pd.DataFrame | pa.Table

    def __len__(self) -> int:
        return len(self.data)

    @property
    def row_numbers(self) -> range:
        return range(self.first, self.first + len(self))

    def values(self, column: str) -> list[Any]:
        """The cells of a column."""
        return self.data[column].to_pylist() if isinstance(self.data, pa.Table) else self.data[column].tolist()

    def numbers(self, column: str) -> np.ndarray:
        """A column as float64, NaN for an empty cell; DataError for a cell that is no number."""
        if isinstance(self.data, pa.Table):
            if pa.types.is_boolean(self.data[column].type):
                raise DataError(f"{self.where}: column {column!r} holds true and false, not numbers")
            try:
                return self.data[column].cast(pa.float64()).to_numpy(zero_copy_only=False)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise DataError(f"{self.where}: column {column!r} does not hold numbers: {error}") from error
        cells = self.data[column]
        numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
        for i in np.flatnonzero(np.isnan(numbers)).tolist():
            if str(cells.iloc[i]).strip().lower() not in _EMPTY:
                raise DataError(
                    f"{self.where}: row {self.first + i}: {column} is {quoted(cells.iloc[i])}, not a number"
                )
        return numbers


def columns_of(path: Path) -> list[str]:
    """The names of a table's columns."""
    with _readable(path):
        if path.suffix in _PARQUET:
            return list(pq.read_schema(path).names)
        if path.suffix == ".json":
            return list(_read_labels(path).columns)
        options: dict[str, Any] = {"sep": _separator(path), "dtype": str, "keep_default_na": False}
        twice = repeated(pd.read_csv(path, header=None, nrows=1, encoding="utf-8-sig", **options).iloc[0].tolist())
        if twice is not None:
            raise DataError(f"{path}: two columns are called {quoted(twice)}; rename one")
        return list(pd.read_csv(path, nrows=0, encoding="utf-8-sig", **options).columns)


def require_columns(path: Path, wanted: Mapping[str, str]) -> None:
    """DataError unless the table has each of the wanted columns (option -> column); it lists those that there are."""
    there = columns_of(path)
    for option, column in wanted.items():
        if column not in there:
            raise DataError(f"{path} has no column {column!r}; it has {listed(there)}: {option} names the right one")


def pieces(path: Path, rows: int = ROWS) -> Iterator[Piece]:
    """The table in pieces of at most so many rows. DataError for a table without rows, or one that cannot be read."""
    done = 0
    with _readable(path):
        for data in _chunks(path, rows):
            if len(data):
                yield Piece(str(path), done + 1, data)
                done += len(data)
    if not done:
        raise DataError(f"{path} has no rows; a table with at least one is needed")


def _chunks(path: Path, rows: int) -> Iterator[pd.DataFrame | pa.Table]:
    if path.suffix in _PARQUET:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows):
                yield pa.Table.from_batches([batch])
    elif path.suffix == ".json":
        yield _read_labels(path)
    else:
        options: dict[str, Any] = {"sep": _separator(path), "dtype": str, "keep_default_na": False}
        known_whole = False
        with pd.read_csv(path, chunksize=rows, encoding="utf-8-sig", **options) as reader:
            for chunk in reader:
                if not isinstance(chunk.index, pd.RangeIndex):  # pandas takes surplus cells for names of rows
                    long = long_row(path, _separator(path)) or "its rows have more fields than its first line"
                    raise DataError(f"{path}: {long}; quote cells that hold the separator")
                if not known_whole and (chunk.iloc[:, -1] == "").any():
                    known_whole = True
                    if short := short_row(path, _separator(path)):
                        raise DataError(f"{path}: {short}; give each row as many fields, empty ones too")
                yield chunk


def _separator(path: Path) -> str:
    if path.suffix not in _SEPARATORS:
        raise DataError(f"{path}: a table is a .csv, .tsv or .parquet, or a .json of key -> [valence, arousal]")
    return _SEPARATORS[path.suffix]


def _read_labels(path: Path) -> pd.DataFrame:
    """A JSON object key -> [valence, arousal] or [valence, arousal, dominance] as a table with the column id."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected an object key -> [valence, arousal], got a {type(content).__name__}")
    width = len(next(iter(content.values()), ())) if all(isinstance(v, list) for v in content.values()) else 0
    if content and width not in (2, 3):
        raise DataError(f"{path}: expected key -> [valence, arousal] (or three numbers) throughout")
    for key, values in content.items():
        if len(values) != width or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            raise DataError(f"{path}: {quoted(key)}: expected {width} numbers, got {quoted(values)}")
    names = ["valence", "arousal", "dominance"][: width or 2]
    table = pd.DataFrame(list(content.values()), columns=names)
    table.insert(0, "id", list(content))
    return table


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty: not even a line with the columns' names") from error
    except (pd.errors.ParserError, pa.ArrowInvalid, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read as {path.suffix}: {reason(error)}") from error


class TableWriter:
    """Writes pieces with new columns to `<path>.partial`, and renames it at the end of the `with` block.

    When the block fails, or the disk is full, the partial file is removed and nothing is left under either name.
    """

    def __init__(self, path: Path, source: Path, *, force: bool = False) -> None:
        self.path, self.partial = path, Path(f"{path}.partial")
        self._parquet: pq.ParquetWriter | None = None
        self._text: IO[str] | None = None
        self._started = False
        if path.suffix not in (*_SEPARATORS, *_PARQUET):
            raise DataError(f"{path}: a table is written as .csv, .tsv or .parquet")
        if (source.suffix in _PARQUET) != (path.suffix in _PARQUET) and source.suffix != ".json":
            raise DataError(
                f"{path}: the output is of the input's kind ({source.suffix}), so that its cells stay as is"
            )
        if path.exists() and not force:
            raise DataError(f"{path} exists already; --force overwrites it")

    def __enter__(self) -> TableWriter:
        return self

    def add(self, piece: Piece, new: Mapping[str, Any]) -> None:
        """Write a piece's rows with the new columns (name -> n values; None and NaN are empty cells)."""
        try:
            if self.path.suffix in _PARQUET:
                self._add_parquet(piece, new)
            else:
                self._add_text(piece, new)
        except OSError as error:
            raise self._failed(error) from error

    def _add_text(self, piece: Piece, new: Mapping[str, Any]) -> None:
        if self._text is None:
            self._text = open(self.partial, "w", encoding="utf-8", newline="")  # noqa: SIM115 -- closed in __exit__
        table = piece.data.assign(**new)
        table.to_csv(self._text, sep=_separator(self.path), index=False, header=not self._started, lineterminator="\n")
        self._started = True

    def _add_parquet(self, piece: Piece, new: Mapping[str, Any]) -> None:
        table = piece.data
        if not isinstance(table, pa.Table):
            table = pa.Table.from_pandas(table, preserve_index=False)
        for name, values in new.items():
            if isinstance(values, list):
                table = table.append_column(name, pa.array(values, type=pa.string()))
            else:
                table = table.append_column(name, pa.array(values, from_pandas=True))
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self.partial, table.schema)
        self._parquet.write_table(table)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            for file in (self._parquet, self._text):
                if file is not None:
                    file.close()
            if kind is None:
                os.replace(self.partial, self.path)
        except OSError as problem:
            if kind is None:
                raise self._failed(problem) from problem
        finally:
            with suppress(OSError):  # a path below a file; what went wrong is said already
                self.partial.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> DataError:
        return DataError(
            f"cannot write {self.path}: {error.strerror or error}; what was written of it is removed: make room or "
            "choose another place, and run the command again"
        )
