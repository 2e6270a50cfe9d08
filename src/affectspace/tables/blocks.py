"""Read tables of any size in blocks, and write them as CSV or Parquet with columns added.

The output has the same rows in the same order, every old column unchanged (the cells of a CSV keep their text), and the new
columns at the end. It appears under its name only when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from affectspace.errors import DataError, listed
from affectspace.files import locked_output
from affectspace.progress import Progress, silent
from affectspace.tables import PARQUET, TEXT
from affectspace.tables.formats import columns_of, for_spreadsheets, read_frames
from affectspace.tables.reading import to_numbers
from affectspace.tables.times import to_seconds

ROWS = 131_072  # in memory at a time
_WRITTEN = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class Block:
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
        """Return the cells of a column."""
        return self.data[column].to_pylist() if isinstance(self.data, pa.Table) else self.data[column].tolist()

    def numbers(self, column: str) -> np.ndarray:
        """Return a column as float64, NaN for an empty cell. Raises DataError for a cell that is not a number."""
        if not isinstance(self.data, pa.Table):
            return to_numbers(self.data[column], column, self.where, rows=self.row_numbers)
        if pa.types.is_boolean(self.data[column].type):
            raise DataError(f"{self.where}: column {column!r} holds true and false, not numbers")
        try:
            return self.data[column].cast(pa.float64()).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"{self.where}: column {column!r} does not hold numbers: {error}") from error

    def seconds(self, column: str) -> np.ndarray:
        """Return a column of times in seconds, NaN for an empty cell. Raises DataError for a cell that is not a time."""
        return to_seconds(self.values(column), column, self.where, rows=self.row_numbers, required=False)


def require_columns(path: Path, wanted: Mapping[str, str], existing: Sequence[str] | None = None) -> None:
    """Raise DataError unless the table has each of the wanted columns (command-line option -> column).

    existing : columns of a table that is already read
    """
    existing = columns_of(path) if existing is None else existing
    for option, column in wanted.items():
        if column not in existing:
            raise DataError(f"{path} has no column {column!r}; it has {listed(existing)}: choose one with {option}")


def read_blocks(path: Path, rows: int = ROWS) -> Iterator[Block]:
    """Yield the table in blocks of at most `rows` rows. Raises DataError if it cannot be read or has no rows."""
    done = 0
    for data in read_frames(path, rows):
        if len(data):
            yield Block(str(path), done + 1, data)
            done += len(data)
    if not done:
        raise DataError(f"{path} has no rows; at least one is needed")


def require_new_columns(source: Path, names: Sequence[str]) -> None:
    """Raise DataError if a table already has one of these columns."""
    existing = columns_of(source)
    taken = [name for name in names if name in existing]
    if taken:
        raise DataError(f"{source} already has columns {', '.join(taken)}; give the new ones other names with --prefix")


def add_columns(
    source: Path,
    out: Path,
    names: Sequence[str],
    compute: Callable[[Block], Sequence[Any]],
    *,
    force: bool = False,
    rows: int = ROWS,
    progress: Progress = silent,
) -> int:
    """Write a table with new columns, which `compute` returns for each block of rows, and return the number of rows.

    compute: from a block of n rows to n values for each of the names; a list is text, and None and NaN are empty cells. force
    overwrites an existing output. Raises DataError if the table has such a column already.
    """
    require_new_columns(source, names)
    done = 0
    with TableWriter(out, source, force=force) as writer:
        for block in read_blocks(source, rows):
            writer.add(block, dict(zip(names, compute(block), strict=True)))
            done += len(block)
            progress(done, 0, f"{source.name}: {done:,} rows")
    return done


class TableWriter:
    """Writes blocks with new columns to `<path>.partial` and renames it at the end of the `with` block.

    If the block fails or the disk is full, nothing is left under either name. Entering the block raises RunError while another
    process writes the table.
    """

    def __init__(self, path: Path, source: Path, *, force: bool = False) -> None:
        self.path, self.partial = path, Path(f"{path}.partial")
        self._parquet: pq.ParquetWriter | None = None
        self._text: IO[str] | None = None
        self._suffix, read = path.suffix.lower(), source.suffix.lower()
        if self._suffix not in (*_WRITTEN, *PARQUET):
            raise DataError(f"{path}: write the table as .csv, .tsv or .parquet")
        if (read in PARQUET) != (self._suffix in PARQUET) and read in (*TEXT, *PARQUET):
            raise DataError(
                f"{path}: the output must be of the same kind as the input ({source.suffix}), so that its cells do not change"
            )
        self._force, self._lock = force, ExitStack()
        self._require_free()

    def _require_free(self) -> None:
        if self.path.exists() and not self._force:
            raise DataError(f"{self.path} exists already; use --force to replace it")

    def __enter__(self) -> TableWriter:
        self._lock.enter_context(locked_output(self.path))
        try:
            self._require_free()  # another process may just have written it
        except DataError:
            self._lock.close()
            raise
        return self

    def add(self, block: Block, new: Mapping[str, Any]) -> None:
        """Write a block's rows with the new columns (name -> n values; None and NaN are empty cells)."""
        try:
            if self._suffix in PARQUET:
                self._add_parquet(block, new)
            else:
                self._add_text(block, new)
        except OSError as error:
            raise self._failure(error) from error

    def _add_text(self, block: Block, new: Mapping[str, Any]) -> None:
        first = self._text is None
        if self._text is None:
            self._text = open(self.partial, "w", encoding="utf-8", newline="")  # noqa: SIM115 -- closed in __exit__
        table = block.data.assign(**new)
        for_spreadsheets(table).to_csv(
            self._text, sep=_WRITTEN[self._suffix], index=False, header=first, lineterminator="\n"
        )

    def _add_parquet(self, block: Block, new: Mapping[str, Any]) -> None:
        table = block.data
        if not isinstance(table, pa.Table):
            table = pa.Table.from_pandas(table, preserve_index=False)
        for name, values in new.items():
            options = {"type": pa.string()} if isinstance(values, list) else {"from_pandas": True}
            table = table.append_column(name, pa.array(values, **options))
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
                raise self._failure(problem) from problem
        finally:
            self.partial.unlink(missing_ok=True)
            self._lock.close()

    def _failure(self, error: OSError) -> DataError:
        return DataError(
            f"cannot write {self.path}: {error.strerror or error}; the partial file has been removed: make room or choose "
            "another place, and run the command again"
        )
