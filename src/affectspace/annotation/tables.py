"""Annotation transfer of whole tables: fit, sample and label, in blocks whose size does not change the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import Scale, is_missing, parse_emotions, scale, suggestions
from affectspace.annotation.labels import to_levels
from affectspace.annotation.moments import Moments
from affectspace.annotation.transfer import AnnotationTransfer
from affectspace.errors import DataError
from affectspace.progress import Progress, silent
from affectspace.tables.blocks import ROWS, Block, add_columns, read_blocks, require_columns


@dataclass
class Summary:
    """What was done. counts: rows of each emotion, in the order of the classes; left_out: rows without a label, by reason."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    columns: list[str] = field(default_factory=list)
    out: str = ""

    def count(self, names: Iterable[str | None]) -> None:
        self.counts.update(name for name in names if name is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, fit for JSON."""
        counters = {name: dict(getattr(self, name)) for name in ("counts", "left_out", "notes")}
        return {"rows": self.rows, **counters, "columns": self.columns, "out": self.out}


def _new_summary(transfer: AnnotationTransfer, columns: list[str], out: Path) -> Summary:
    return Summary(counts=Counter(dict.fromkeys(transfer.classes_.tolist(), 0)), columns=columns, out=str(out))


def fit_table(
    table: Path,
    *,
    emotion: str = "emotion",
    columns: Mapping[str, str],
    scale_name: str | Scale = "canonical",
    spelling: str | None = None,
    as_is: bool = False,
    chunk: int = ROWS,
    progress: Progress = silent,
) -> tuple[AnnotationTransfer, Summary]:
    """Fit the ellipses on a table.

    columns: axis -> column. as_is: keep the names of emotions, do not parse them. Rows without an emotion or without a value
    are left out and counted.
    """
    chosen = scale(scale_name).select(tuple(columns))
    require_columns(table, {"--emotion": emotion, **{f"--{axis}": name for axis, name in columns.items()}})
    moments, summary = Moments(len(columns)), Summary()
    for block in read_blocks(table, chunk):
        vad = _canonical(block, columns, chosen, summary)
        cells = block.values(emotion)
        if as_is:
            names = [None if is_missing(cell) else str(cell) for cell in cells]
        else:
            names = parse_emotions(cells, spelling, str(table), rows=block.row_numbers)
        named = np.array([name is not None for name in names], dtype=bool)
        use = named & np.isfinite(vad).all(axis=1)
        summary.left_out.update({"no emotion": int((~named).sum()), "no value": int((named & ~use).sum())})
        if use.any():
            emotions = np.array([name for name, used in zip(names, use.tolist(), strict=True) if used])
            moments.add(vad[use], emotions)
            summary.count(emotions.tolist())
        summary.rows += len(block)
        progress(summary.rows, 0, f"{table.name}: {summary.rows:,} rows")
    transfer = AnnotationTransfer.from_moments(moments, chosen.canonical_axes)
    single = int((transfer.counts_ == 1).sum())
    if single:
        summary.notes["emotions with a single row: no deviation, cannot be sampled"] = single
    summary.counts = Counter({name: summary.counts[name] for name in transfer.classes_.tolist()})
    summary.left_out, summary.columns = +summary.left_out, list(transfer.axes_)
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
    progress: Progress = silent,
) -> Summary:
    """Add a point of each row's emotion: a column for each axis, with levels also `<axis>_level`, and `label_kind`.

    Points beyond [-1, 1] (Gaussian ones may be) are moved to the border and counted. If the emotion is empty, so are the new
    cells.
    """
    axes = [prefix + axis for axis in transfer.axes_]
    added = [*axes, *([f"{axis}_level" for axis in axes] if levels else []), prefix + "label_kind"]
    require_columns(table, {"--emotion": emotion})
    transfer.spreads()
    summary = _new_summary(transfer, added, out)
    categories = _Categories(transfer, spelling, str(table))

    def sample(block: Block) -> list[Any]:
        """Compute the new columns of a block."""
        names = categories.of(block.values(emotion), block.first)
        points = transfer.sample(names, seed, start=block.first - 1)
        summary.notes["points moved to the border of [-1, 1]"] += int((np.abs(points) > 1).any(axis=1).sum())
        points = np.clip(points, -1, 1)
        level_columns = [_levels(column, levels) for column in points.T] if levels else []
        summary.count(names)
        summary.left_out["no emotion"] += sum(name is None for name in names)
        return [*points.T, *level_columns, [None if name is None else "transferred" for name in names]]

    summary.rows = add_columns(table, out, added, sample, force=force, rows=chunk, progress=progress)
    summary.notes, summary.left_out = +summary.notes, +summary.left_out
    return summary


def label_table(
    table: Path,
    out: Path,
    transfer: AnnotationTransfer,
    *,
    columns: Mapping[str, str],
    scale_name: str | Scale = "canonical",
    prefix: str = "",
    force: bool = False,
    chunk: int = ROWS,
    progress: Progress = silent,
) -> Summary:
    """Add the emotion of each row: the columns emotion and, if the transfer has deviations, probability.

    columns: axis -> column, one for each axis of the transfer. Rows without a value on an axis get no emotion.
    """
    if set(columns) != set(transfer.axes_):
        raise DataError(
            f"the transfer has the axes {', '.join(transfer.axes_)}, but columns are given for {', '.join(columns)}: "
            "name one column for each axis (--valence, --arousal, --dominance)"
        )
    columns = {axis: columns[axis] for axis in transfer.axes_}
    chosen = scale(scale_name).select(transfer.axes_)
    require_columns(table, {f"--{axis}": name for axis, name in columns.items()})
    with_probability = transfer.deviations_ is not None
    added = [prefix + "emotion", *([prefix + "probability"] if with_probability else [])]
    summary = _new_summary(transfer, added, out)

    def label(block: Block) -> list[Any]:
        """Compute the new columns of a block."""
        vad = _canonical(block, columns, chosen, summary)
        known = np.isfinite(vad).all(axis=1)
        names = np.full(len(block), None, dtype=object)
        probability = np.full(len(block), np.nan)
        if known.any():
            names[known] = transfer.predict(vad[known])
            if with_probability:
                probability[known] = transfer.predict_proba(vad[known]).max(axis=1)
        emotions = [name or None for name in names.tolist()]
        summary.count(emotions)
        without_value = int((~known).sum())
        abstained = sum(name is None for name in emotions) - without_value
        summary.left_out.update({"no value": without_value, "abstained": abstained})
        return [emotions, probability][: len(added)]

    summary.rows = add_columns(table, out, added, label, force=force, rows=chunk, progress=progress)
    summary.left_out = +summary.left_out
    return summary


class _Categories:
    """Translates cells to the classes of a transfer, each spelling only once."""

    def __init__(self, transfer: AnnotationTransfer, spelling: str | None, where: str) -> None:
        self.classes, self.spelling, self.where = transfer.classes_.tolist(), spelling, where
        parse_emotions((), spelling)  # an unknown spelling is an error even if it is not needed
        self.known: dict[Any, str | None] = {name: name for name in self.classes}

    def of(self, cells: list[Any], first: int) -> list[str | None]:
        """Translate the cells of consecutive rows, of which the first has the number `first`."""
        cells = [None if is_missing(cell) else cell for cell in cells]
        for cell in dict.fromkeys(cells):
            if cell not in self.known:
                row = first + cells.index(cell)
                (name,) = parse_emotions([cell], self.spelling, self.where, rows=[row])
                if name is not None and name not in self.classes:
                    raise DataError(
                        f"{self.where}: row {row}: the transfer has no ellipse for {name!r} (written {cell!r}); "
                        f"{suggestions(name, self.classes)}: use another reference, fit one, or leave such rows out"
                    )
                self.known[cell] = name
        return [self.known[cell] for cell in cells]


def _canonical(block: Block, columns: Mapping[str, str], chosen: Scale, summary: Summary) -> np.ndarray:
    native = np.stack([block.numbers(name) for name in columns.values()], axis=1)
    outside = chosen.outside_nominal(native)
    if outside:
        summary.notes["values outside the nominal range, kept"] += outside
    return chosen.to_canonical(native, rows=block.row_numbers, where=block.where, columns=columns)


def _levels(column: np.ndarray, steps: int) -> Any:
    """Integers that may be missing."""
    known = np.isfinite(column)
    levels = pd.array(np.zeros(len(column), dtype=np.int64), dtype="Int64")
    levels[known] = to_levels(column[known], steps)
    levels[~known] = pd.NA
    return levels
