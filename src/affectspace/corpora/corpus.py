"""A corpus: one table of samples with fixed columns, what its reader kept and left out, and its licence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, Scale
from affectspace.corpora.splits import FRACTIONS, split_table
from affectspace.errors import DataError, quoted
from affectspace.tables.where import matching_rows

if TYPE_CHECKING:
    from affectspace.media.images import ImageSet


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


@dataclass(frozen=True, eq=False)
class Corpus:
    """Samples of one corpus.

    table: one row a sample, index 0..n-1, the columns of `COLUMNS` and then what else the corpus has; valence, arousal,
    dominance are canonical, [-1, 1], NaN where not annotated. ratings: one row per rater or channel and sample
    (column id), where known. scale: the scale that the files are written in. report: what was read and left out.
    media: folder or zip that the columns audio, video and image are relative to; None without such
    files.
    """

    name: str
    table: pd.DataFrame
    scale: Scale | None = None
    licence: str = ""
    citation: str = ""
    report: ReadReport = field(default_factory=lambda: ReadReport(0))
    media: Path | None = None
    ratings: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.table)

    def where(self, expression: str) -> Corpus:
        """The rows for which an expression over the columns holds, such as ``min(width, height) >= 48``.

        Comparisons, ``and or not in``, arithmetic, ``min max abs isna notna``, and constants. Raises DataError for an
        unknown column or a word that is none, and where no row is left.
        """
        rows = np.flatnonzero(matching_rows(self.table, expression))
        return self._keep(rows, f"where {expression}")

    def take(self, rows: Any) -> Corpus:
        """The rows at these positions, in that order. Raises DataError for none."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return self._keep(rows.astype(np.int64), "not taken")

    def _keep(self, rows: np.ndarray, reason: str) -> Corpus:
        if not len(rows):
            raise DataError(f"corpus {self.name}: no row of {len(self)} is left ({reason})")
        table = self.table.iloc[rows].reset_index(drop=True)
        ratings = self.ratings
        if ratings is not None:
            ratings = ratings[ratings["id"].isin(table["id"])].reset_index(drop=True)
        return replace(self, table=table, ratings=ratings, report=self.report.then(len(table), reason))

    def split(
        self,
        scheme: str = "person",
        *,
        fold: int | None = None,
        folds: int = 5,
        seed: int = 0,
        fractions: tuple[float, float, float] = FRACTIONS,
    ) -> pd.Series:
        """Which part each row is in, with the table's index: "train", "validation" or "test".

        scheme: "person" keeps people apart, stratified by emotion; "random" deals rows, stratified, and people are in
        several parts (leaky); "published" is what the corpus came with; "document" keeps documents apart; "session5",
        "loso", "loso_improvised" and "script_independent" are IEMOCAP's (`session_parts`; fold is the session from 0, and
        rows in no part are missing). fold: k of 0..folds-1 as the test part,
        validation out of the rest; None: fractions of train, validation, test. The same seed gives the same split.
        Remarks are in ``.attrs["notes"]``. Raises DataError where people are unknown or too few, naming the remedy.
        """
        return split_table(
            self.table, scheme, fold=fold, folds=folds, seed=seed, fractions=fractions, where=f"corpus {self.name}"
        )

    def images(
        self,
        size: int = 64,
        cache: str | Path | None = None,
        workers: int | None = None,
        progress: Callable[[int, int, str], None] | None = None,
        *,
        fit: str = "resize",
    ) -> ImageSet:
        """The decoded images, (rows, size, size, 3) uint8 RGB, through a cache on disk.

        cache: folder, else $AFFECTSPACE_CACHE, else ~/.cache/affectspace. fit: "resize" squeezes what is not square,
        "crop" takes its centre. An unreadable image is zeros and stands in `.failures`. Raises DataError without
        media.
        """
        from affectspace.media.images import decode_images

        if self.media is None or not self.table["image"].notna().any():
            raise DataError(
                f"corpus {self.name} was read without images; name their folder or zip (media=, --media) and their "
                "column (image)"
            )
        images = self.table["image"]
        return decode_images(self.media, images, size, cache=cache, workers=workers, progress=progress, fit=fit)

    def describe(self) -> dict[str, Any]:
        """Counts, ranges, splits and leakage of the corpus, fit for JSON."""
        from affectspace.corpora.description import describe_corpus

        return describe_corpus(self)
