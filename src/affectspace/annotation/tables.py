"""Annotation transfer of whole tables: fit, sample, label and judge, in blocks whose size does not change the result."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import Scale, scale
from affectspace.annotation.calibration import FEWEST, choose_parameters, fit_calibrated, reliability, splits_of
from affectspace.annotation.labels import to_levels
from affectspace.annotation.moments import Moments
from affectspace.annotation.ratings import RatedRows, Span, Summary, canonical_values, rated_rows
from affectspace.annotation.transfer import AnnotationTransfer
from affectspace.emotions import SKIP, Vocabulary, suggestions
from affectspace.errors import DataError
from affectspace.progress import Progress, silent
from affectspace.tables.blocks import ROWS, Block, add_columns, require_columns
from affectspace.tables.reading import read_table
from affectspace.tables.where import matching_rows

MOST_ROWS = 20_000  # on which the parameters of probabilities are chosen


def _new_summary(transfer: AnnotationTransfer, columns: list[str], out: Path) -> Summary:
    return Summary(counts=Counter(dict.fromkeys(transfer.classes_.tolist(), 0)), columns=columns, out=str(out))


def fit_table(
    table: Path,
    *,
    emotion: str = "emotion",
    columns: Mapping[str, str],
    scale_name: str | Scale = "canonical",
    spelling: str | Vocabulary | None = None,
    as_is: bool = False,
    calibrate: bool = True,
    person: str | None = None,
    chunk: int = ROWS,
    progress: Progress = silent,
) -> tuple[AnnotationTransfer, Summary]:
    """Fit the ellipses on a table.

    columns: axis -> column. as_is: keep the names of emotions, do not parse them. Rows without an emotion or without a value
    are left out and counted. calibrate: choose the parameters of probabilities as `fit_calibrated` does, on 20,000 rows at
    most; person: column that names the person of each row, default person or speaker if the table has one.
    """
    moments, summary, random = Moments(len(columns)), Summary(), np.random.default_rng(0)
    kept: list[RatedRows] = []
    keys = np.empty(0)  # rows for the choice: those of the smallest random numbers, however the table is cut
    options: dict[str, Any] = {
        "emotion": emotion,
        "columns": columns,
        "scale_name": scale_name,
        "spelling": spelling,
        "as_is": as_is,
    }
    for rows in rated_rows(table, summary, **options, person=person, chunk=chunk, progress=progress):
        moments.add(rows.points, rows.emotions)
        summary.count(rows.emotions.tolist())
        keys, kept = np.append(keys, random.random(len(rows.points))), [RatedRows.joined([*kept, rows])]
        if len(keys) > MOST_ROWS:
            least = np.sort(np.argpartition(keys, MOST_ROWS)[:MOST_ROWS])
            keys, kept = keys[least], [kept[0].take(least)]
    parameters: dict[str, Any] = {}
    if calibrate and kept:
        parameters, measured = choose_parameters(kept[0].points, kept[0].emotions, kept[0].people)
        summary.reliability = None if measured is None else measured.to_dict()
    transfer = AnnotationTransfer.from_moments(moments, tuple(summary.columns), **parameters)
    if not parameters:
        transfer.note_ = "Probabilities are not calibrated: " + (
            f"that needs {FEWEST} rows, and two people." if calibrate else "the transfer was fitted without it."
        )
    single = int((transfer.counts_ == 1).sum())
    if single:
        summary.notes["emotions with a single row: no deviation, cannot be sampled"] = single
    summary.counts = Counter({name: summary.counts[name] for name in transfer.classes_.tolist()})
    return transfer, summary


def judge_table(
    table: Path,
    transfer: AnnotationTransfer | None,
    *,
    emotion: str = "emotion",
    columns: Mapping[str, str],
    scale_name: str | Scale = "canonical",
    spelling: str | Vocabulary | None = None,
    person: str | None = None,
    progress: Progress = silent,
) -> tuple[RatedRows, np.ndarray, Summary]:
    """Compare stated probabilities with a table that has emotions and values.

    transfer: None judges what `fit_calibrated` learns from the other people's rows, five times. Returns the rows that the
    transfer could judge, the emotion that it names for each, and the summary with the reliability.
    """
    if transfer is not None:
        transfer = transfer.on([axis for axis in transfer.axes_ if axis in columns])
        columns = {axis: columns[axis] for axis in transfer.axes_}
    summary = Summary(columns=list(columns))
    options: dict[str, Any] = {
        "emotion": emotion,
        "columns": columns,
        "scale_name": scale_name,
        "spelling": spelling,
        "person": person,
    }
    parts = list(rated_rows(table, summary, **options, progress=progress))
    if not parts:
        raise DataError(f"{table}: no row has an emotion and a value on every axis, so there is nothing to judge")
    rows = RatedRows.joined(parts)
    if transfer is not None:
        classes = transfer.classes_
        judged = np.isin(rows.emotions, classes)
        summary.left_out["an emotion that the transfer does not have"] += int((~judged).sum())
        if not judged.any():
            raise DataError(
                f"{table}: the transfer has none of its emotions; choose from {', '.join(map(str, classes))}"
            )
        rows = rows.take(judged)
        stated = transfer.predict_proba(rows.points)
    else:
        classes = np.unique(rows.emotions)
        stated = np.zeros((len(rows.points), len(classes)))
        splits = list(splits_of(len(rows.points), rows.people))
        if not splits:
            raise DataError(f"{table}: two people (or rows) are needed to learn from some and judge the others")
        for train, test in splits:
            others = rows.take(train)
            fitted, _ = fit_calibrated(others.points, others.emotions, others.people)
            stated[np.ix_(test, np.searchsorted(classes, fitted.classes_))] = fitted.predict_proba(rows.points[test])
    summary.reliability = reliability(rows.emotions, stated, classes).to_dict()
    summary.left_out = +summary.left_out
    summary.count(rows.emotions.tolist())
    return rows, classes[stated.argmax(axis=1)], summary


def sample_table(
    table: Path,
    out: Path,
    transfer: AnnotationTransfer,
    *,
    emotion: str = "emotion",
    spelling: str | Vocabulary | None = None,
    levels: int | None = None,
    where: str | None = None,
    seed: int = 0,
    prefix: str = "",
    force: bool = False,
    chunk: int = ROWS,
    progress: Progress = silent,
) -> Summary:
    """Add a point of each row's emotion: a column for each axis, with levels also `<axis>_level`, and `label_kind`.

    Points beyond [-1, 1] (Gaussian ones may be) are moved to the border and counted. If the emotion is empty, so are the new
    cells. where: condition on the table's columns; rows that do not meet it get empty cells, and are counted.
    """
    axes = [prefix + axis for axis in transfer.axes_]
    added = [*axes, *([f"{axis}_level" for axis in axes] if levels else []), prefix + "label_kind"]
    require_columns(table, {"--emotion": emotion})
    transfer.spreads()
    summary = _new_summary(transfer, added, out)
    categories = _Categories(transfer, spelling, str(table))
    chosen = None if where is None else _chosen(read_table(table, texts=()), where, spelling)

    def sample(block: Block) -> list[Any]:
        """Compute the new columns of a block."""
        cells, unselected = block.values(emotion), 0
        if chosen is not None:
            wanted = chosen[block.first - 1 : block.first - 1 + len(block)]
            cells = [cell if use else None for cell, use in zip(cells, wanted.tolist(), strict=True)]
            unselected = int((~wanted).sum())
        names = categories.of(cells, block.first)
        points = transfer.sample(names, seed, start=block.first - 1)
        summary.notes["points moved to the border of [-1, 1]"] += int((np.abs(points) > 1).any(axis=1).sum())
        points = np.clip(points, -1, 1)
        level_columns = [_levels(column, levels) for column in points.T] if levels else []
        summary.count(names)
        summary.left_out.update({"not selected": unselected, "no emotion": sum(n is None for n in names) - unselected})
        return [*points.T, *level_columns, [None if name is None else "transferred" for name in names]]

    summary.rows = add_columns(table, out, added, sample, force=force, rows=chunk, progress=progress)
    summary.notes |= categories.words.notes()
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

    columns: axis -> column, for axes of the transfer. The transfer is used on these axes alone, and for each row on those that
    the row has. Rows without any value get no emotion.
    """
    unknown = [axis for axis in columns if axis not in transfer.axes_]
    if unknown or not columns:
        raise DataError(
            f"the transfer has the axes {', '.join(transfer.axes_)}, but columns are given for "
            f"{', '.join(columns) or 'none of them'}; leave out {', '.join(unknown) or 'no column'}, or use another transfer"
        )
    unused = [axis for axis in transfer.axes_ if axis not in columns]
    transfer = transfer.on([axis for axis in transfer.axes_ if axis in columns])
    columns = {axis: columns[axis] for axis in transfer.axes_}
    chosen = scale(scale_name).select(transfer.axes_)
    require_columns(table, {f"--{axis}": name for axis, name in columns.items()})
    with_probability = transfer.deviations_ is not None
    added = [prefix + "emotion", *([prefix + "probability"] if with_probability else [])]
    summary, span = _new_summary(transfer, added, out), Span(chosen)

    def label(block: Block) -> list[Any]:
        """Compute the new columns of a block."""
        vad = span.of(canonical_values(block, columns, chosen, summary))
        known = np.isfinite(vad).any(axis=1)
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
        summary.notes["rows without a value on an axis, judged by the others"] += int(
            (known & np.isnan(vad).any(axis=1)).sum()
        )
        return [emotions, probability][: len(added)]

    summary.rows = add_columns(table, out, added, label, force=force, rows=chunk, progress=progress)
    summary.left_out, summary.notes = +summary.left_out, +summary.notes
    if unused:
        options = ", ".join(f"--{axis}" for axis in unused)
        summary.warnings.append(
            f"{', '.join(unused)} of the transfer is not used; if the table has it, name its column with {options}"
        )
    summary.warnings += [*span.warnings(), *([transfer.note_] if transfer.note_ else [])]
    return summary


def _chosen(frame: pd.DataFrame, where: str, spelling: str | Vocabulary | None) -> np.ndarray:
    """Return which rows of a table meet a condition, in which a column emotion has our names."""
    if "emotion" in frame:
        words = copy.deepcopy(Vocabulary.of(spelling))
        words.unknown = SKIP
        names = words.parse(frame["emotion"])
        frame["emotion"] = [name or cell for name, cell in zip(names, frame["emotion"], strict=True)]
    return matching_rows(frame, where)


class _Categories:
    """Translates cells to the classes of a transfer."""

    def __init__(self, transfer: AnnotationTransfer, spelling: str | Vocabulary | None, where: str) -> None:
        self.classes, self.words, self.where = transfer.classes_.tolist(), Vocabulary.of(spelling), where

    def of(self, cells: list[Any], first: int) -> list[str | None]:
        """Translate the cells of consecutive rows, of which the first has the number `first`."""
        own = [cell if cell in self.classes and not self.words.has_own(cell) else None for cell in cells]
        rest = ["" if name is not None else cell for cell, name in zip(cells, own, strict=True)]
        names = self.words.parse(rest, self.where, rows=range(first, first + len(cells)))
        for place, name in enumerate(names):
            if name is not None and name not in self.classes:
                raise DataError(
                    f"{self.where}: row {first + place}: the transfer has no ellipse for {name!r} (written {cells[place]!r}); "
                    f"{suggestions(name, self.classes)}: use another reference, fit one, or leave such rows out with --labels "
                    f"and a file with the line '{cells[place]}: skip'"
                )
        return [mine if mine is not None else name for mine, name in zip(own, names, strict=True)]


def _levels(column: np.ndarray, steps: int) -> Any:
    """Integers that may be missing."""
    known = np.isfinite(column)
    levels = pd.array(np.zeros(len(column), dtype=np.int64), dtype="Int64")
    levels[known] = to_levels(column[known], steps)
    levels[~known] = pd.NA
    return levels
