"""Times of a table's column as seconds: numbers, clock times such as 9:58, and dates."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.errors import DataError, quoted
from affectspace.tables.reading import EMPTY

_CLOCK = re.compile(r"(-?)(?:(\d+):)?(\d+):([0-5]?\d(?:[.,]\d+)?)(?:\s*([ap])\.?m\.?)?", re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)\s*([a-z]*)\.?", re.IGNORECASE)
_UNITS = {"": 1.0, "ms": 1e-3, "msec": 1e-3} | {
    unit: seconds
    for units, seconds in (
        ("s sec secs second seconds", 1.0),
        ("m min mins minute minutes", 60.0),
        ("h hr hrs hour hours", 3600.0),
    )
    for unit in units.split()
}
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d.*)?", re.IGNORECASE)
_LOCAL_DATE = re.compile(r"(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?:,?[T ]\s*(\S.*))?", re.IGNORECASE)
_FORMS = "write seconds (12.5), clock times (9:58 or 00:09:58.5) or dates (2024-01-31 or 2024-01-31T09:58:00)"
_NO_TIME = f"is not a time; {_FORMS}", math.nan
_TWO_DATES = "may be month/day or day/month; write dates as 2024-01-31", math.nan
_TWO_NUMBERS = "may be a thousand or a fraction; write seconds with a point and without other marks", math.nan


def to_seconds(
    cells: Iterable[Any], name: str, where: str | Path, *, rows: Sequence[Any] | None = None, required: bool = True
) -> np.ndarray:
    """Convert the times of a column to seconds, float64: of a recording, of a day, or since 1970.

    A cell is a number of seconds (with or without a unit), a clock time (minutes and seconds, or hours, minutes and seconds),
    or a date with or without a time of the day. All cells must have the same form.

    name, where, rows: column, file and names of the rows (default 1, 2, ...) for messages. required: an empty cell is an error,
    otherwise it becomes NaN.

    Raises
    ------
    DataError
        If a cell is empty or unreadable, or has another form than the first one; the message names the row.

    Examples
    --------
    >>> to_seconds(["9:58", "00:10:02.5", "1:00:00"], "when", "talk.csv").tolist()
    [598.0, 602.5, 3600.0]
    """
    cells = list(cells)
    day_first = _day_first(cells)
    seconds = np.full(len(cells), np.nan)
    first: tuple[str, int] | None = None  # form and position of the first time
    for i, cell in enumerate(cells):
        row = f"{where}: row {i + 1 if rows is None else rows[i]}: {name}"
        if _is_empty(cell):
            if required:
                raise DataError(f"{row} is empty; fill in the time, or leave the row out")
            continue
        form, seconds[i] = _parse(cell, day_first)
        if not math.isfinite(seconds[i]):
            raise DataError(f"{row} is {quoted(cell)}, which {form}")
        first = first or (form, i)
        if form != first[0]:
            start = f"row {first[1] + 1 if rows is None else rows[first[1]]}"
            raise DataError(
                f"{row} is {quoted(cell)}, {form}, but {start} has {quoted(cells[first[1]])}, {first[0]}; write all times "
                "of the column in the same form"
            )
    return seconds


def _is_empty(cell: Any) -> bool:
    return cell is None or cell is pd.NaT or cell is pd.NA or str(cell).strip().lower() in EMPTY


def _parse(cell: Any, day_first: bool | None) -> tuple[str, float]:
    """The form of a time and its seconds, or what is wrong with it and NaN."""
    if isinstance(cell, datetime.datetime | datetime.date | np.datetime64):
        return _date(pd.Timestamp(cell))
    if isinstance(cell, datetime.timedelta | np.timedelta64):
        return "seconds", pd.Timedelta(cell).total_seconds()
    if isinstance(cell, datetime.time):
        return "a clock time", cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
    text = str(cell).strip().replace("\u2212", "-")
    if not isinstance(cell, bool | np.bool_):
        if (match := _NUMBER.fullmatch(text)) and (unit := _UNITS.get(match[2].lower())) is not None:
            if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", match[1]):
                return _TWO_NUMBERS
            seconds = float(match[1].replace(",", ".")) * unit
            return ("seconds", seconds) if math.isfinite(seconds) else _NO_TIME
        if match := _CLOCK.fullmatch(text):
            return _clock(match)
        if match := _LOCAL_DATE.fullmatch(text):
            if day_first is None and match[2] == "/":
                return _TWO_DATES
            day, month = (match[1], match[3]) if day_first or match[2] == "." else (match[3], match[1])
            text = f"{match[4]}-{month:>02}-{day:>02} {match[5] or ''}".strip()
        if _ISO.fullmatch(text):
            try:
                return _date(pd.Timestamp(text))
            except ValueError:
                pass
    return _NO_TIME


def _clock(match: re.Match[str]) -> tuple[str, float]:
    sign, hours, minutes, seconds, half = match.groups()
    last = float(seconds.replace(",", "."))
    if half:
        hours, minutes, last = (hours, minutes, last) if hours else (minutes, seconds, 0.0)
        if not (1 <= int(hours) <= 12 and minutes.isdigit() and int(minutes) <= 59):
            return _NO_TIME
        hours = str(int(hours) % 12 + (12 if half.lower() == "p" else 0))
    elif hours and int(minutes) > 59:
        return _NO_TIME
    total = int(hours or 0) * 3600 + int(minutes) * 60 + last
    return "a clock time", -total if sign else total


def _date(moment: pd.Timestamp) -> tuple[str, float]:
    if moment is pd.NaT:
        return _NO_TIME
    return ("a date" if moment.tzinfo is None else "a date with a time zone"), moment.timestamp()


def _day_first(cells: Iterable[Any]) -> bool | None:
    """Whether dates such as 31/1/2024 begin with the day, None if all of them can be read in both ways."""
    matches = [_LOCAL_DATE.fullmatch(cell.strip()) for cell in cells if isinstance(cell, str)]
    slashed = [match for match in matches if match and match[2] == "/"]
    if any(int(match[1]) > 12 for match in slashed):
        return True
    return False if any(int(match[3]) > 12 for match in slashed) else None
