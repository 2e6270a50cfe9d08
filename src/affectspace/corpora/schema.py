"""The columns of every corpus' table, how to build it, and the report of how a corpus was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import ALL_AXES, AXES, Scale
from affectspace.errors import DataError, counted, quoted

MEDIA_KINDS = ("audio", "video", "image")
_BEFORE_TIMES = ("id", "corpus", "person", "session", "dialogue", "text", *MEDIA_KINDS)
COLUMNS = (*_BEFORE_TIMES, "start", "end", "emotion", *ALL_AXES, "label_kind")
TEXT_COLUMNS = (*_BEFORE_TIMES, "emotion", "label_kind")
NUMBER_COLUMNS = ("start", "end", *ALL_AXES)
LABEL_KINDS = ("rated", "transferred")
_TEXT_TYPE: Any = "str" if int(pd.__version__.split(".")[0]) >= 3 else object


@dataclass(frozen=True)
class ReadReport:
    """How a corpus was read. kept: rows in the table. left_out, repaired: reason -> rows. notes: sentences."""

    kept: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def then(self, kept: int, reason: str) -> ReadReport:
        """Return the report after keeping fewer rows; the others are left out for that reason."""
        left_out = Counter(self.left_out)
        left_out[reason] += self.kept - kept
        return replace(self, kept=kept, left_out=dict(+left_out))

    def to_text(self) -> str:
        """Return a few lines: what was kept, left out and repaired, the most frequent reason first."""
        lines = [f"kept {counted(self.kept, 'row')}"]
        for title, counts in (("left out", self.left_out), ("repaired", self.repaired)):
            for reason, n in sorted(counts.items(), key=lambda item: -item[1]):
                lines.append(f"{title} {n:,}: {reason}")
        return "\n".join([*lines, *self.notes])


def text_column(values: Any, n: int) -> pd.Series:
    """Return n strings; None, NaN and "" are missing (NaN)."""
    if values is None:
        return pd.Series([None] * n, dtype=_TEXT_TYPE)
    cells = values.tolist() if hasattr(values, "tolist") else list(values)
    return pd.Series([_string(cell) for cell in cells], dtype=_TEXT_TYPE)


def _string(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, float) and value.is_integer():  # a column of integers with gaps is read as floats
        return str(int(value))
    return str(value)


def build_table(
    name: str, columns: Mapping[str, Any], extras: Mapping[str, Any] | None = None, *, where: str
) -> pd.DataFrame:
    """Build the table of a corpus: all of `COLUMNS` in their order, then the extra columns unchanged.

    Parameters
    ----------
    name : str
        Name of the corpus.
    columns : mapping
        Our name of a column -> n values; ``id`` is required. A column that is absent is missing in every row. ``label_kind``
        becomes "rated" where a row has a value on an axis and is not marked as transferred.
    extras : mapping, optional
        Further columns.
    where : str
        File name for messages.

    Raises
    ------
    DataError
        If there are no rows, if an id is missing or repeated, or if a ``label_kind`` is unknown.

    Examples
    --------
    >>> from affectspace.corpora import build_table
    >>> table = build_table("mine", {"id": ["a", "b"], "valence": [0.5, None]}, where="mine.csv")
    >>> table["label_kind"].tolist()
    ['rated', nan]
    """
    n = len(columns["id"])
    if n == 0:
        raise DataError(f"{where}: no rows are left; the table of {name} would be empty")
    table = pd.DataFrame(
        {
            column: text_column(columns.get(column), n)
            if column in TEXT_COLUMNS
            else pd.Series(np.asarray(columns.get(column, np.full(n, np.nan)), dtype=np.float64))
            for column in COLUMNS
        }
    )
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
    further = {
        extra: pd.Series(values.array if isinstance(values, pd.Series) else values, index=table.index)
        for extra, values in (extras or {}).items()
    }
    for extra in [extra for extra in further if extra in table]:
        table[extra] = further.pop(extra)
    return pd.concat([table, pd.DataFrame(further, index=table.index)], axis=1)  # at once: there may be thousands


def _check_ids(ids: pd.Series, where: str) -> None:
    absent = ids.isna()
    if absent.any():
        raise DataError(
            f"{where}: row {int(np.flatnonzero(absent)[0]) + 1} has no id ({counted(int(absent.sum()), 'row')} in all)"
        )
    repeated = ids.duplicated(keep=False)
    if repeated.any():
        rows = np.flatnonzero(ids == ids[repeated].iloc[0])
        raise DataError(
            f"{where}: the id {quoted(ids[rows[0]])} is in rows {', '.join(str(row + 1) for row in rows[:5])} "
            f"({int(ids.duplicated().sum())} rows repeat an id); ids must be unique: remove the copies, or choose another "
            "column as id"
        )


def axis_columns(
    scale: Scale,
    native: Mapping[str, Any],
    *,
    rows: Sequence[Any] | None = None,
    where: str,
    columns: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Convert native columns (axis -> n values) to canonical ones. Arguments and errors as in `Scale.to_canonical`.

    rows: names of the rows for messages; default 1, 2, ...
    """
    if not native:
        return {}
    part = scale.select([axis for axis in scale.axes if axis in native])
    values = np.column_stack([np.asarray(native[axis], dtype=np.float64) for axis in part.axes])
    canonical = part.to_canonical(
        values, rows=range(1, len(values) + 1) if rows is None else rows, where=where, columns=columns
    )
    return dict(zip(part.canonical_axes, canonical.T, strict=True))
