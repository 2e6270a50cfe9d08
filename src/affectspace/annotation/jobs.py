"""Annotation transfer on whole tables: fit, sample and label, in pieces whose size does not change the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import Scale, is_missing, nearest, parse, scale
from affectspace.annotation.labels import to_levels
from affectspace.annotation.moments import Moments
from affectspace.annotation.transfer import AnnotationTransfer
from affectspace.errors import DataError
from affectspace.tables.pieces import ROWS, Piece, TableWriter, columns_of, pieces, require_columns

Progress = Callable[[int], None]


@dataclass
class Summary:
    """What a job did. counts: rows per emotion, in the order of the classes; left: rows without a label, by reason."""

    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    out: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def count(self, names: list[str | None]) -> None:
        for name, count in Counter(names).items():
            if name is not None:
                self.counts[name] = self.counts.get(name, 0) + count


def fit_table(
    table: Path,
    *,
    emotion: str = "emotion",
    columns: Mapping[str, str],
    scale_name: str = "canonical",
    spelling: str | None = None,
    as_is: bool = False,
    chunk: int = ROWS,
    progress: Progress | None = None,
) -> tuple[AnnotationTransfer, Summary]:
    """Fit the ellipses on a table. columns: axis -> column. as_is: the emotions' names are kept, not parsed.

    Rows without an emotion or without a value are left out and counted.
    """
    axes = tuple(columns)
    chosen = scale(scale_name).select(axes)
    require_columns(table, {"--emotion": emotion, **{f"--{axis}": name for axis, name in columns.items()}})
    moments, summary = Moments(len(axes)), Summary()
    for piece in pieces(table, chunk):
        vad = _canonical(piece, columns, chosen, summary)
        values = piece.values(emotion)
        if as_is:
            names = [None if is_missing(value) else str(value) for value in values]
        else:
            names = parse(values, spelling, f"{table}", rows=piece.row_numbers)
        known = np.isfinite(vad).all(axis=1)
        kept = [name if good else None for name, good in zip(names, known.tolist(), strict=True)]
        use = np.array([name is not None for name in kept], dtype=bool)
        _add(summary.left, "no emotion", sum(name is None for name in names))
        _add(summary.left, "no value", sum(name is not None for name in names) - sum(name is not None for name in kept))
        if use.any():
            moments.add(vad[use], np.array([name for name in kept if name is not None]))
        summary.rows += len(piece)
        summary.count(kept)
        if progress:
            progress(summary.rows)
    transfer = AnnotationTransfer.from_moments(moments, chosen.canonical_axes)
    lone = int((transfer.counts_ == 1).sum())
    _add(summary.notes, "emotions with a single row: no deviation, cannot be sampled", lone)
    summary.counts = {name: summary.counts[name] for name in transfer.classes_.tolist()}
    return transfer, summary


def sample_table(
    table: Path,
    out: Path,
    transfer: AnnotationTransfer,
    *,
    emotion: str = "emotion",
    spelling: str | None = None,
    levels: int | None = None,
    seed: int = 0,
    prefix: str = "",
    force: bool = False,
    chunk: int = ROWS,
    progress: Progress | None = None,
) -> Summary:
    """Give every row a point of its emotion: adds a column per axis, `<axis>_level` with levels, and `label_kind`.

    Points beyond [-1, 1] (Gaussian ones may be) are moved to the border and counted. Where the emotion is empty,
    so are the new cells.
    """
    axes = [prefix + axis for axis in transfer.axes_]
    added = [*axes, *([f"{axis}_level" for axis in axes] if levels else []), prefix + "label_kind"]
    require_columns(table, {"--emotion": emotion})
    _require_free(table, added)
    transfer.spreads()
    summary = _empty_summary(transfer, added, out)
    categories = _Categories(transfer, spelling, str(table))
    with TableWriter(out, table, force=force) as writer:
        for piece in pieces(table, chunk):
            names = categories.of(piece.values(emotion), piece.first)
            points = transfer.sample(names, seed, start=piece.first - 1)
            _add(summary.notes, "points moved to the border of [-1, 1]", int((np.abs(points) > 1).any(axis=1).sum()))
            points = np.clip(points, -1, 1)
            new: dict[str, Any] = dict(zip(axes, points.T, strict=True))
            if levels:
                for axis, column in zip(axes, points.T, strict=True):
                    new[f"{axis}_level"] = _levels(column, levels)
            new[prefix + "label_kind"] = [None if name is None else "transferred" for name in names]
            writer.add(piece, new)
            summary.rows += len(piece)
            summary.count(names)
            _add(summary.left, "no emotion", sum(name is None for name in names))
            if progress:
                progress(summary.rows)
    return summary


def label_table(
    table: Path,
    out: Path,
    transfer: AnnotationTransfer,
    *,
    columns: Mapping[str, str],
    scale_name: str = "canonical",
    prefix: str = "",
    force: bool = False,
    chunk: int = ROWS,
    progress: Progress | None = None,
) -> Summary:
    """Give every row its emotion: adds the columns emotion and, where the transfer has deviations, probability.

    columns: axis -> column, one for each axis of the transfer. Rows without a value on some axis stay without emotion.
    """
    if set(columns) != set(transfer.axes_):
        raise DataError(
            f"the transfer has the axes {', '.join(transfer.axes_)}, the columns are given for {', '.join(columns)}: "
            "name one column for each axis (--valence, --arousal, --dominance)"
        )
    columns = {axis: columns[axis] for axis in transfer.axes_}
    chosen = scale(scale_name).select(transfer.axes_)
    require_columns(table, {f"--{axis}": name for axis, name in columns.items()})
    with_probability = transfer.deviations_ is not None
    added = [prefix + "emotion", *([prefix + "probability"] if with_probability else [])]
    _require_free(table, added)
    summary = _empty_summary(transfer, added, out)
    with TableWriter(out, table, force=force) as writer:
        for piece in pieces(table, chunk):
            vad = _canonical(piece, columns, chosen, summary)
            known = np.isfinite(vad).all(axis=1)
            names = np.full(len(piece), None, dtype=object)
            probability = np.full(len(piece), np.nan)
            if known.any():
                names[known] = transfer.predict(vad[known])
                if with_probability:
                    probability[known] = transfer.predict_proba(vad[known]).max(axis=1)
            listed = [name or None for name in names.tolist()]
            writer.add(piece, dict(zip(added, [listed, probability], strict=False)))
            summary.rows += len(piece)
            summary.count(listed)
            _add(summary.left, "no value", int((~known).sum()))
            _add(summary.left, "abstained", sum(name is None for name in listed) - int((~known).sum()))
            if progress:
                progress(summary.rows)
    return summary


class _Categories:
    """Cells to the classes of a transfer, each spelling worked out once."""

    def __init__(self, transfer: AnnotationTransfer, spelling: str | None, where: str) -> None:
        self.classes, self.spelling, self.where = transfer.classes_.tolist(), spelling, where
        parse((), spelling)  # an unknown spelling is an error at once, not only where it is needed
        self.known: dict[Any, str | None] = {name: name for name in self.classes}

    def of(self, values: list[Any], first: int) -> list[str | None]:
        values = [None if is_missing(value) else value for value in values]
        for value in dict.fromkeys(values):
            if value not in self.known:
                row = first + values.index(value)
                (name,) = parse([value], self.spelling, self.where, rows=[row])
                if name is not None and name not in self.classes:
                    raise DataError(
                        f"{self.where}: row {row}: the transfer has no ellipse for {name!r} (written {value!r}); "
                        f"{nearest(name, self.classes)}: choose another reference or fit one, or leave out such rows"
                    )
                self.known[value] = name
        return [self.known[value] for value in values]


def _canonical(piece: Piece, columns: Mapping[str, str], chosen: Scale, summary: Summary) -> np.ndarray:
    native = np.stack([piece.numbers(name) for name in columns.values()], axis=1)
    _add(summary.notes, "values outside the nominal range, kept", chosen.outside_nominal(native))
    return chosen.to_canonical(native, rows=piece.row_numbers, where=piece.where, columns=columns)


def _levels(column: np.ndarray, steps: int) -> Any:
    """Whole numbers that may be missing."""
    known = np.isfinite(column)
    levels = pd.array(np.zeros(len(column), dtype=np.int64), dtype="Int64")
    levels[known] = to_levels(column[known], steps)
    levels[~known] = pd.NA
    return levels


def _empty_summary(transfer: AnnotationTransfer, added: list[str], out: Path) -> Summary:
    return Summary(counts=dict.fromkeys(transfer.classes_.tolist(), 0), columns=added, out=str(out))


def _require_free(table: Path, added: list[str]) -> None:
    taken = [name for name in added if name in columns_of(table)]
    if taken:
        raise DataError(f"{table} has columns {', '.join(taken)} already; --prefix gives the new ones other names")


def _add(counter: dict[str, int], reason: str, count: int) -> None:
    if count:
        counter[reason] = counter.get(reason, 0) + count
