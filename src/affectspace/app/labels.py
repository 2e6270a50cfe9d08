"""`/v1/annotate`: emotion names of an uploaded table become valence and arousal, or values become emotion names."""

from __future__ import annotations

import io
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Request

from affectspace.affect import AXES, SCALES, scale
from affectspace.annotation import AnnotationTransfer
from affectspace.annotation.ratings import Summary, canonical_values
from affectspace.annotation.references import REFERENCES
from affectspace.annotation.tables import label_table, sample_table
from affectspace.app.answers import Refusal, finite
from affectspace.app.notes import noting
from affectspace.app.samples import require_small_text
from affectspace.app.uploads import Form, Upload, received
from affectspace.app.work import compute, stop_if_given_up
from affectspace.emotions import SPELLINGS, Vocabulary, is_missing, read_labels
from affectspace.errors import AffectspaceError, ConfigError, DataError, counted
from affectspace.tables import PARQUET
from affectspace.tables.blocks import read_blocks
from affectspace.tables.formats import columns_of, for_spreadsheets, read_frames
from affectspace.tables.reading import with_types

TO_VALUES, TO_EMOTIONS = "to_values", "to_emotions"
DIRECTIONS = {TO_VALUES: "Emotion names to values", TO_EMOTIONS: "Values to emotion names"}
SHOWN, DRAWN = 200, 600  # rows in the answer, points in its figure
EXAMINED = 2000  # rows from which columns are guessed
NAMES = {  # how tables call a column, without case; the first word that fits
    "valence": ("valence", "pleasure", "val", "v"),
    "arousal": ("arousal", "activation", "aro", "act", "a"),
    "dominance": ("dominance", "control", "power", "dom", "d"),
}
RANGES = ((-1, 1), (0, 1), (1, 5), (1, 7), (1, 9), (-3, 3), (-4, 4), (-5, 5), (-10, 10), (0, 10), (0, 100))
_OPTION = re.compile(r"--([a-z][a-z-]*)")  # of a command, in its messages; here it is a field
router = APIRouter()


@dataclass(frozen=True)
class Labelling:
    """What is done with a table. The fields are the options of `affectspace annotate sample` and `annotate label`.

    direction : "to_values" or "to_emotions"; labels : file with lines such as 'love: happiness'
    """

    direction: str
    emotion: str = "emotion"
    valence: str = "valence"
    arousal: str = "arousal"
    dominance: str = ""
    scale: str = "canonical"
    reference: str = "affectnet"
    spelling: str = ""
    labels: Path | None = None
    unknown: str = "error"
    prefix: str = ""
    seed: int = 0
    safe_csv: bool = False

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ConfigError(f"direction {self.direction!r} is not known; choose {' or '.join(DIRECTIONS)}")

    @property
    def columns(self) -> dict[str, str]:
        """Axis -> column of the table, for the axes that have one."""
        named = {axis: getattr(self, axis) for axis in AXES}
        return {axis: column for axis, column in named.items() if column}

    def vocabulary(self) -> Vocabulary:
        """Return the words for emotions of the table."""
        labels = None if self.labels is None else read_labels(self.labels)
        return Vocabulary(self.spelling or None, labels, self.unknown)


def describe_table(path: Path) -> dict[str, Any]:
    """List the columns of a table and guess what they hold, from its first rows.

    Returns
    -------
    dict
        columns: name, kind ("numbers", "words" or "empty"), low and high of numbers, up to four examples. guess: fields of
        `Labelling`, as far as the names and the cells show them.

    Raises
    ------
    DataError
        If the file is no table that can be read.
    """
    [frame] = islice(read_frames(path, EXAMINED), 1)
    table = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    if not len(table):
        raise DataError(f"{path} has no rows; at least one is needed")
    columns = [_described(str(name), cells) for name, cells in table.items()]
    return {"columns": columns, "rows_examined": len(table), "guess": _guess(table, columns)}


def _described(name: str, cells: pd.Series) -> dict[str, Any]:
    filled = [cell for cell in cells.tolist() if not is_missing(cell)]
    examples = [str(cell)[:60] for cell in dict.fromkeys(map(str, filled))][:4]
    typed = with_types(cells.fillna("").astype(str)) if cells.dtype == object else cells
    if not filled:
        return {"name": name, "kind": "empty", "examples": []}
    if pd.api.types.is_numeric_dtype(typed) and not pd.api.types.is_bool_dtype(typed):
        low, high = float(typed.min()), float(typed.max())
        if math.isfinite(low) and math.isfinite(high):
            return {"name": name, "kind": "numbers", "low": low, "high": high, "examples": examples}
    return {"name": name, "kind": "words", "examples": examples}


def _guess(table: pd.DataFrame, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = {column["name"]: column for column in columns}
    guess: dict[str, Any] = {}
    for axis, words in NAMES.items():
        for word in words:
            name = next((name for name in kinds if name.strip().lower() == word), None)
            if name is not None and kinds[name]["kind"] == "numbers":
                guess[axis] = name
                break
    if guess:
        guess["scale"] = _scale_of([(kinds[name]["low"], kinds[name]["high"]) for name in guess.values()])
    spellings = [(name, *_spelling_of(table[name].tolist())) for name in kinds if kinds[name]["kind"] == "words"]
    named = [(share, name, spelling) for name, spelling, share in spellings if share >= 0.5]
    if named:
        _, guess["emotion"], guess["spelling"] = max(named, key=lambda found: found[0])
    guess["direction"] = TO_EMOTIONS if {"valence", "arousal"} <= guess.keys() or "emotion" not in guess else TO_VALUES
    return guess


def _scale_of(ends: Sequence[tuple[float, float]]) -> str:
    """Return the narrowest usual range that holds all values, as LOW:HIGH; canonical for [-1, 1] and where none holds them."""
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    fits = [(most - least, least, most) for least, most in RANGES if least <= low and high <= most]
    if not fits or min(fits)[1:] == (-1, 1):
        return "canonical"
    _, least, most = min(fits)
    return f"{least}:{most}"


def _spelling_of(cells: Sequence[Any]) -> tuple[str, float]:
    """Return the spelling that knows most cells of a column ("" for common English words), and the share that it knows."""
    words = Counter(str(cell) for cell in cells if not is_missing(cell))
    best, most = "", 0.0
    for spelling in ("", *SPELLINGS):
        known = Vocabulary(spelling or None, unknown="skip").parse(words)
        share = sum(count for name, count in zip(known, words.values(), strict=True) if name) / max(words.total(), 1)
        if share > most:
            best, most = spelling, share
    return best, most


def label_upload(path: Path, wanted: Labelling) -> dict[str, Any]:
    """Add the other kind of labels to a table.

    Parameters
    ----------
    path : Path
        The table, in a folder that may be written: the result is made beside it.
    wanted : Labelling
        What is done.

    Returns
    -------
    dict
        columns, added, rows (the first 200, None for an empty cell), count, counts of each emotion, left_out, notes, csv (the
        whole table as text), and figure (points on valence and arousal, and the emotions behind them).

    Raises
    ------
    DataError, ConfigError
        For what the commands refuse too; the message names row, column and value.
    """
    transfer = AnnotationTransfer.reference(wanted.reference)
    suffix = ".parquet" if path.suffix.lower() in PARQUET else ".csv"
    out = path.with_name(f"labelled{suffix}")
    if wanted.direction == TO_VALUES:
        if transfer.deviations_ is None:
            raise ConfigError(
                f"the reference {wanted.reference} has no deviations, so no values can be drawn from it; use affectnet"
            )
        words = wanted.vocabulary()
        summary = sample_table(
            path,
            out,
            transfer,
            emotion=wanted.emotion,
            spelling=words,
            prefix=wanted.prefix,
            seed=wanted.seed,
            force=True,
            progress=stop_if_given_up,
        )
        note = "The values are random points from the ellipse of each emotion. They are proxies, not ratings."
    else:
        summary = label_table(
            path,
            out,
            transfer,
            columns=wanted.columns,
            scale_name=scale(wanted.scale),
            prefix=wanted.prefix,
            force=True,
            progress=stop_if_given_up,
        )
        note = ""
    left_out = [f"{counted(count, 'row')} left empty: {reason}" for reason, count in summary.left_out.items()]
    counted_notes = [f"{text}: {count:,}" for text, count in summary.notes.items()]
    notes = [text for text in (note, *left_out, *counted_notes, *summary.warnings) if text]
    shown = next(read_frames(out, SHOWN))
    table = shown if isinstance(shown, pd.DataFrame) else shown.to_pandas()
    return {
        "direction": wanted.direction,
        "columns": columns_of(out),
        "added": summary.columns,
        "rows": _rows(table),
        "count": summary.rows,
        "counts": dict(summary.counts),
        "left_out": dict(summary.left_out),
        "notes": notes,
        "csv": _csv(out, wanted.safe_csv),
        "figure": _figure(out, wanted, transfer),
    }


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    """Return cells as JSON has them: None for an empty cell, texts and numbers else."""

    def plain(cell: Any) -> Any:
        if isinstance(cell, list | dict | np.ndarray):
            return str(cell)
        if is_missing(cell):
            return None
        value = cell.item() if isinstance(cell, np.generic) else cell
        if isinstance(value, float):
            return round(value, 6) if math.isfinite(value) else str(value)
        return value if isinstance(value, str | int | bool) else str(value)

    return [[plain(cell) for cell in row] for row in table.itertuples(index=False, name=None)]


def _csv(path: Path, safe: bool) -> str:
    """Return the whole table as CSV. safe : no cell that a spreadsheet would run as a formula"""
    if path.suffix == ".csv" and not safe:
        return path.read_text(encoding="utf-8")
    text, first = io.StringIO(), True
    for block in read_blocks(path):
        frame = block.data if isinstance(block.data, pd.DataFrame) else block.data.to_pandas()
        (for_spreadsheets(frame, always=True) if safe else frame).to_csv(
            text, index=False, header=first, lineterminator="\n"
        )
        first = False
    return text.getvalue()


def _figure(path: Path, wanted: Labelling, transfer: AnnotationTransfer) -> dict[str, Any]:
    """Return evenly spaced rows as points of valence and arousal with their emotion, and the emotions behind them."""
    to_values = wanted.direction == TO_VALUES
    if to_values:
        columns, chosen = {axis: wanted.prefix + axis for axis in AXES[:2]}, scale("canonical")
    else:
        columns, chosen = {axis: wanted.columns.get(axis, "") for axis in AXES[:2]}, scale(wanted.scale)
    points: list[dict[str, Any]] = []
    if all(columns.values()):
        words = wanted.vocabulary()
        step = max(1, -(-sum(len(block) for block in read_blocks(path)) // DRAWN))
        for block in read_blocks(path):
            places = list(range((1 - block.first) % step, len(block), step))
            values = canonical_values(block, columns, chosen.select(AXES[:2]), Summary())[places].tolist()
            cells = block.values(wanted.emotion if to_values else f"{wanted.prefix}emotion")
            names = [cells[place] or None for place in places]
            names = words.parse(names) if to_values else names
            points += [
                {"row": block.first + place, "valence": round(v, 4), "arousal": round(a, 4), "emotion": name}
                for place, (v, a), name in zip(places, values, names, strict=True)
                if math.isfinite(v) and math.isfinite(a)
            ]
    return {"points": points, "emotions": emotion_map(transfer)}


def emotion_map(transfer: AnnotationTransfer) -> list[dict[str, Any]]:
    """Return centre and deviation of each emotion on valence and arousal, None where no deviation is published."""
    plane = transfer.on(AXES[:2])
    unknown = np.full_like(plane.centres_, np.nan)
    deviations = unknown if plane.deviations_ is None else plane.n_sigma * plane.deviations_
    return [
        {
            "name": str(name), "valence": centre[0], "arousal": centre[1],
            "valence_sd": finite(spread[0]), "arousal_sd": finite(spread[1]),
        }
        for name, centre, spread in zip(
            plane.classes_.tolist(), plane.centres_.tolist(), deviations.tolist(), strict=True
        )
    ]  # fmt: skip


@router.get("/v1/map")
def emotions() -> dict[str, Any]:
    """Return the emotions' Gaussians on valence and arousal, as published for AffectNet (annotation transfer)."""
    return {"reference": "affectnet", "emotions": emotion_map(AnnotationTransfer.reference("affectnet"))}


@router.get("/v1/annotate")
def list_choices() -> dict[str, Any]:
    """List what `POST /v1/annotate` can be asked for: directions, references, scales and spellings."""
    scales = [
        {
            "name": item.name,
            "axes": list(item.axes),
            "ranges": [list(ends) for ends in item.ranges],
            "source": item.source,
        }
        for item in SCALES.values()
        if "sentiment" not in item.axes
    ]
    references = [
        {
            "name": name,
            "axes": content["axes"],
            "emotions": content["classes"],
            "directions": list(DIRECTIONS) if content["deviations"] else [TO_EMOTIONS],
            "source": content["source"],
        }
        for name, content in REFERENCES.items()
    ]
    directions = [{"name": name, "title": title} for name, title in DIRECTIONS.items()]
    return {"directions": directions, "references": references, "scales": scales, "spellings": list(SPELLINGS)}


@router.post("/v1/annotate/columns")
async def columns(request: Request) -> dict[str, Any]:
    """Describe the columns of a table, the field `file`, and guess the fields of `POST /v1/annotate`."""
    async with received(request) as form:
        form.only("file")
        require_small_text(_table(form), request.app.state.settings.limits)
        return await compute(request, _noted, form, lambda: describe_table(_table(form).path))


@router.post("/v1/annotate")
async def annotate(request: Request) -> dict[str, Any]:
    """Label a table, the field `file`. The other fields are those of `affectspace annotate sample` and `annotate label`.

    `direction` is to_values (emotion names to values) or to_emotions. Empty columns, such as `dominance`, are not used.
    """
    async with received(request) as form:
        form.only("file", *(field.name for field in fields(Labelling)))
        require_small_text(_table(form), request.app.state.settings.limits)
        return await compute(request, _noted, form, lambda: label_upload(_table(form).path, _labelling(form)))


def _table(form: Form) -> Upload:
    if len(form.files) != 1 or form.files[0].field != "file":
        raise Refusal(422, f"give one table as the field file; there are {counted(len(form.files), 'file')}")
    return form.files[0]


def _labelling(form: Form) -> Labelling:
    given: dict[str, Any] = {name: form.text(name) or "" for name in form.fields}
    if "direction" not in given:
        raise Refusal(422, f"the field direction is missing; give {' or '.join(DIRECTIONS)}")
    seed = form.number("seed") or 0
    if not (seed >= 0 and seed == int(seed)):
        raise Refusal(422, f"the field seed is {seed:g}; give a whole number from 0")
    words = given.pop("labels", "").strip()
    if words:
        given["labels"] = _table(form).path.with_name("labels.yaml")
        given["labels"].write_text(words, encoding="utf-8")
    return Labelling(**{**given, "seed": int(seed), "safe_csv": form.flag("safe_csv")})


def _noted(form: Form, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Add what may have been read wrongly to the notes; messages name the client's file, and fields in place of options."""
    try:
        with noting() as messages:
            answer = work()
    except AffectspaceError as error:
        raise Refusal(422, _OPTION.sub(r"the field \1", _without_folder(form, str(error)))) from error
    answer["notes"] = [_without_folder(form, text) for text in [*messages, *answer.get("notes", [])]]
    return answer


def _without_folder(form: Form, message: str) -> str:
    for upload in form.files:
        message = message.replace(f"{upload.path.parent}{os.sep}", "")
    return form.named(message)
