"""Read whole tables strictly, and the cells of a column as numbers. What is malformed is an error that names the row."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.errors import DataError, listed, quoted
from affectspace.tables import PARQUET
from affectspace.tables.formats import read_frames

EMPTY = frozenset({"", "nan", "na", "n/a", "null", "none"})  # in a column of numbers
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_CODE = re.compile(r"[+-]?0\d")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def read_table(
    path: Path,
    columns: Sequence[str] = (),
    *,
    texts: Collection[str] | None = None,
    separator: str | None = None,
    quoting: bool = True,
    header: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read a table as a whole, with the columns that it must have.

    texts: columns whose cells stay texts, so that "NA" is a word and "001" an id; by default all. Other columns become numbers,
    or true and false, if all of their cells are. Cells of Parquet keep their types. separator, quoting, header: as for
    `read_frames`. Raises DataError for a file that is absent, malformed or without rows, and for missing or repeated columns.
    """
    [part] = read_frames(path, separator=separator, quoting=quoting, header=header)
    frame = part if isinstance(part, pd.DataFrame) else part.to_pandas()
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise DataError(f"{path}: no column {', '.join(map(repr, absent))}; it has {listed(frame.columns)}")
    if not len(frame):
        raise DataError(f"{path}: the table has no rows; its columns are {listed(frame.columns)}")
    if texts is None or path.suffix.lower() in PARQUET:
        return frame
    return pd.DataFrame({name: cells if name in texts else with_types(cells) for name, cells in frame.items()})


def with_types(cells: pd.Series) -> pd.Series:
    """Return a column of texts as numbers, or as true and false, if all of its cells are; empty ones become NaN.

    Leading zeros make a text: 007.
    """
    texts = [cell.strip() for cell in cells]
    kept = [place for place, text in enumerate(texts) if text.lower() not in EMPTY]
    filled = [texts[place] for place in kept]
    if not filled or any(map(_CODE.match, filled)):
        return cells
    if {text.lower() for text in filled} <= {"true", "false"}:
        return cells.str.strip().str.lower() == "true" if len(filled) == len(cells) else cells
    try:
        numbers = pd.to_numeric(np.array(filled, dtype=object))
    except (ValueError, TypeError):
        return cells
    if len(filled) == len(cells):
        return pd.Series(numbers, cells.index)
    column = np.full(len(cells), np.nan)
    column[kept] = numbers
    return pd.Series(column, cells.index)


def to_numbers(cells: Any, name: str, where: str | Path, *, rows: Sequence[Any] | None = None) -> np.ndarray:
    """Convert the cells of a column to float64. Empty cells and NA, N/A, nan, null, none in any case become NaN.

    A column may have decimal commas, if no cell has a point and some cell shows that they are no thousands: 0,5.

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
    if pd.api.types.is_string_dtype(column) and column[~np.isfinite(numbers)].astype(str).str.contains(",").any():
        column, numbers = _without_decimal_commas(column.astype(object), numbers)
    for i in np.flatnonzero(~np.isfinite(numbers)).tolist():
        cell = column.iloc[[i]].tolist()[0]
        if not (pd.isna(cell) or str(cell).strip().lower() in EMPTY):
            raise DataError(
                f"{where}: row {i + 1 if rows is None else rows[i]}: {name} is {quoted(cell)}, which is not a number; "
                "correct it, or leave it empty if there is none"
            )
    return numbers


def _without_decimal_commas(column: pd.Series, numbers: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    """Replace decimal commas by points if the column has them; else return what was given."""
    cells = column.astype(str).str.strip()
    commas = cells.str.fullmatch(_DECIMAL_COMMA)
    if not commas.any() or cells.str.contains(".", regex=False).any() or cells[commas].str.fullmatch(_THOUSANDS).all():
        return column, numbers
    column = column.where(~commas, cells.str.replace(",", ".", regex=False))
    return column, pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
