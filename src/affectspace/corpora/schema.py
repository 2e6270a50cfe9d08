"""The columns of every corpus' table, how to build one, and what a reader kept and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, Scale
from affectspace.errors import DataError, quoted

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class ReadReport:
    """What came of reading. kept: rows in the table. left_out, repaired: reason -> rows. notes: sentences."""

    kept: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def then(self, kept: int, reason: str) -> ReadReport:
        """The report after keeping fewer rows: the difference is left out for that reason."""
        gone = self.kept - kept
        left_out = Counter(dict(self.left_out))
        if gone:
            left_out[reason] += gone
        return ReadReport(kept, dict(left_out), dict(self.repaired), list(self.notes))

    def to_text(self) -> str:
        """A few lines: what was kept, left out and repaired, the most frequent reason first."""
        lines = [f"kept {self.kept:,} rows"]
        for title, counts in (("left out", self.left_out), ("repaired", self.repaired)):
            for reason, n in sorted(counts.items(), key=lambda item: -item[1]):
                lines.append(f"{title} {n:,}: {reason}")
        return "\n".join([*lines, *self.notes])


_TEXT_BEFORE = ("id", "corpus", "person", "session", "dialogue", "text", "audio", "video", "image")
_TEXT = (*_TEXT_BEFORE, "emotion", "label_kind")
COLUMNS = (*_TEXT_BEFORE, "start", "end", "emotion", *AXES, "sentiment", "label_kind")
LABEL_KINDS = ("rated", "transferred")
_TEXT_TYPE: Any = "str" if int(pd.__version__.split(".")[0]) >= 3 else object


def text_column(values: Any, n: int) -> pd.Series:
    """n strings; None, NaN and "" are missing (NaN)."""
    if values is None:
        return pd.Series([None] * n, dtype=_TEXT_TYPE)
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    return pd.Series([_string(value) for value in listed], dtype=_TEXT_TYPE)


def _string(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, float) and value.is_integer():  # a column of whole numbers with gaps is read as floats
        return str(int(value))
    return str(value)


def build_table(
    name: str, columns: dict[str, Any], extras: dict[str, Any] | None = None, *, where: str
) -> pd.DataFrame:
    """The table of a corpus: all of `COLUMNS` in their order, then the extras as they are.

    columns: our name -> n values; needs id. What is not given is missing. label_kind becomes "rated" where a row has
    a value on an axis and is not said to be transferred. where: the file, for messages. Raises DataError for no rows,
    ids that are missing or not unique, and a label_kind that is none.
    """
    n = len(columns["id"])
    if n == 0:
        raise DataError(f"{where}: no rows are left to read; the table of {name} would be empty")
    built: dict[str, Any] = {}
    for column in COLUMNS:
        if column in _TEXT:
            built[column] = text_column(columns.get(column), n)
        else:
            given = columns.get(column)
            built[column] = pd.Series(np.full(n, np.nan) if given is None else np.asarray(given, dtype=np.float64))
    table = pd.DataFrame(built)
    table["corpus"] = text_column([name] * n, n)
    _check_ids(table["id"], where)
    kind = table["label_kind"]
    wrong = kind.notna() & ~kind.isin(LABEL_KINDS)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{where}: row {row + 1}: label_kind is {quoted(kind[row])}; it must be one of {', '.join(LABEL_KINDS)}"
        )
    annotated = table[list(AXES)].notna().any(axis=1)
    table["label_kind"] = kind.where(kind.notna() | ~annotated, "rated").where(annotated)
    for extra, values in (extras or {}).items():
        listed = values.array if isinstance(values, pd.Series) else values
        table[extra] = pd.Series(listed, index=table.index)
    return table


def _check_ids(ids: pd.Series, where: str) -> None:
    absent = ids.isna()
    if absent.any():
        raise DataError(f"{where}: row {int(np.flatnonzero(absent)[0]) + 1} has no id ({int(absent.sum())} in all)")
    twice = ids.duplicated(keep=False)
    if twice.any():
        rows = np.flatnonzero(ids == ids[twice].iloc[0])
        raise DataError(
            f"{where}: id {quoted(ids[rows[0]])} stands in rows {', '.join(str(row + 1) for row in rows[:5])} "
            f"({int(ids.duplicated().sum())} repeated in all); "
            "ids must be unique: remove the copies, or name another column as id"
        )


def axis_columns(
    scale: Scale,
    values: dict[str, Any],
    *,
    rows: Sequence[Any] | None = None,
    where: str,
    columns: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Native columns (axis -> n values) to canonical ones. Raises DataError for a value outside, naming its row.

    rows: names of the rows for messages (default 1, 2, ...); columns: axis -> its column in the file, for messages.
    """
    if not values:
        return {}
    part = scale.select([axis for axis in scale.axes if axis in values])
    native = np.column_stack([np.asarray(values[axis], dtype=np.float64) for axis in part.axes])
    named = range(1, len(native) + 1) if rows is None else rows
    canonical = part.to_canonical(native, rows=named, where=where, columns=columns)
    return dict(zip(part.canonical_axes, canonical.T, strict=True))
