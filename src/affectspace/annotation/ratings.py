"""What a table says on the axes: its rated rows, and values that hint at another scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.affect import SCALES, Scale, scale
from affectspace.emotions import Vocabulary, is_missing
from affectspace.errors import counted
from affectspace.progress import Progress, silent
from affectspace.tables.blocks import ROWS, Block, read_blocks, require_columns
from affectspace.tables.formats import columns_of

FEWEST_VALUES = 20  # on an axis, to say that it never uses one half of its scale
_EDGE = 1e-9


@dataclass
class Summary:
    """What was done.

    counts: rows of each emotion, in the order of the classes; left_out: rows without a label, by reason; warnings: what may be
    wrong; reliability: of the stated probabilities, see `Reliability`.
    """

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    columns: list[str] = field(default_factory=list)
    out: str = ""
    warnings: list[str] = field(default_factory=list)
    reliability: dict[str, Any] | None = None

    def count(self, names: Iterable[str | None]) -> None:
        self.counts.update(name for name in names if name is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, fit for JSON."""
        counters = {name: dict(getattr(self, name)) for name in ("counts", "left_out", "notes")}
        rest = {"warnings": self.warnings, "reliability": self.reliability}
        return {"rows": self.rows, **counters, "columns": self.columns, "out": self.out, **rest}


@dataclass(frozen=True, eq=False)
class RatedRows:
    """Rows that have an emotion and a value on each axis. people: "" where unknown, or None if the table does not name them."""

    points: np.ndarray
    emotions: np.ndarray
    people: np.ndarray | None

    def take(self, rows: np.ndarray) -> RatedRows:
        """Return some of the rows."""
        return RatedRows(self.points[rows], self.emotions[rows], None if self.people is None else self.people[rows])

    @classmethod
    def joined(cls, parts: Sequence[RatedRows]) -> RatedRows:
        """Return the rows of several blocks of a table."""
        people = [part.people for part in parts if part.people is not None]
        points, emotions = (
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.emotions for part in parts]),
        )
        return cls(points, emotions, np.concatenate(people) if people else None)


def rated_rows(
    table: Path,
    summary: Summary,
    *,
    emotion: str,
    columns: Mapping[str, str],
    scale_name: str | Scale,
    spelling: str | Vocabulary | None,
    as_is: bool = False,
    person: str | None = None,
    chunk: int = ROWS,
    progress: Progress = silent,
) -> Iterator[RatedRows]:
    """Yield the rated rows of a table in blocks; count all rows in the summary. Arguments as for `fit_table`.

    person: column of the person; None: the column person or speaker, if there is one.
    """
    chosen = scale(scale_name).select(tuple(columns))
    wanted = {"--emotion": emotion, **{f"--{axis}": name for axis, name in columns.items()}}
    require_columns(table, wanted | ({} if person is None else {"--person": person}))
    if person is None:
        person = next((name for name in ("person", "speaker") if name in columns_of(table)), None)
    span, words = Span(chosen), Vocabulary.of(spelling)
    for block in read_blocks(table, chunk):
        vad = span.of(canonical_values(block, columns, chosen, summary))
        cells = block.values(emotion)
        if as_is:
            names = [None if is_missing(cell) else str(cell) for cell in cells]
        else:
            names = words.parse(cells, str(table), rows=block.row_numbers)
        named = np.array([name is not None for name in names], dtype=bool)
        use = named & np.isfinite(vad).all(axis=1)
        summary.left_out.update({"no emotion": int((~named).sum()), "no value": int((named & ~use).sum())})
        summary.rows += len(block)
        progress(summary.rows, 0, f"{table.name}: {counted(summary.rows, 'row')}")
        if use.any():
            emotions = np.array([name for name, used in zip(names, use.tolist(), strict=True) if used])
            who = None if person is None else np.array(["" if is_missing(c) else str(c) for c in block.values(person)])
            yield RatedRows(vad[use], emotions, None if who is None else who[use])
    summary.notes |= words.notes()
    summary.left_out, summary.columns = +summary.left_out, list(chosen.canonical_axes)
    summary.warnings += span.warnings()


class Span:
    """The values that a table has on each axis, to find a scale that does not fit. chosen: the scale as the table names it."""

    def __init__(self, chosen: Scale) -> None:
        axes = len(chosen.canonical_axes)
        self.chosen, self.rows = chosen, np.zeros(axes, dtype=np.int64)
        self.low, self.high = np.full(axes, np.inf), np.full(axes, -np.inf)

    def of(self, vad: np.ndarray) -> np.ndarray:
        """Take note of canonical values, and return them."""
        self.rows += np.isfinite(vad).sum(axis=0)
        self.low, self.high = np.fmin(self.low, np.fmin.reduce(vad)), np.fmax(self.high, np.fmax.reduce(vad))
        return vad

    def warnings(self) -> list[str]:
        """Return a warning for each axis that never uses one half of its scale, with the scale that would fit."""
        order, halves, found = self.chosen.axes, dict(zip(self.chosen.axes, self.chosen.ranges, strict=True)), []
        for axis, rows, low, high in zip(self.chosen.canonical_axes, self.rows, self.low, self.high, strict=True):
            if rows < FEWEST_VALUES or low == high or (low < -_EDGE and high > _EDGE):
                continue
            bottom, top = halves[axis]
            middle, half = (bottom + top) / 2, "upper" if low >= -_EDGE else "lower"
            halves[axis] = (middle, top) if half == "upper" else (bottom, middle)
            least, most = (float(middle + value * (top - bottom) / 2) for value in (low, high))
            end = "lowest" if half == "upper" else "highest"
            found.append(
                f"{axis} uses only the {half} half of the scale {self.chosen.name!r} ({bottom:g}:{top:g}): its values are "
                f"{least:.3g} to {most:.3g}. If {middle:g} is the {end} value that a rater could give, the emotions are wrong"
            )
        ranges = tuple(halves[axis] for axis in order)
        named = [
            item.name
            for item in SCALES.values()
            if set(order) <= set(item.axes) and item.select(order).ranges == ranges
        ]
        own = f"--axes {','.join(order)} --scale=" + ",".join(f"{low:g}:{high:g}" for low, high in ranges)
        return [f"{text}: use {f'--scale {named[0]}' if named else own}" for text in found]


def canonical_values(block: Block, columns: Mapping[str, str], chosen: Scale, summary: Summary) -> np.ndarray:
    """Return the values of a block on [-1, 1], axes in canonical order. Values outside the nominal range are counted."""
    native = np.stack([block.numbers(name) for name in columns.values()], axis=1)
    outside = chosen.outside_nominal(native)
    if outside:
        summary.notes["values outside the nominal range, kept"] += outside
    return chosen.to_canonical(native, rows=block.row_numbers, where=block.where, columns=columns)
