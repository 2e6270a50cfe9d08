"""Lexicon scores and dynamics of whole tables, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError
from affectspace.files import write_atomic
from affectspace.lexicon.contextual import Contextual
from affectspace.lexicon.figure import plot_trajectory
from affectspace.lexicon.reading import Lexicon
from affectspace.lexicon.scoring import as_strings, score_texts
from affectspace.lexicon.series import HomeBase
from affectspace.lexicon.speakers import SpeakerDynamics, series_dynamics, utterance_dynamics
from affectspace.tables.pieces import ROWS, TableWriter, columns_of, pieces, require_columns

Progress = Callable[[int], None]


@dataclass
class ScoreSummary:
    """What was scored. means: axis -> mean of the rows with a hit."""

    rows: int = 0
    with_hit: int = 0
    tokens: int = 0
    hits: int = 0
    means: dict[str, float | None] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    lexicon: str = ""
    out: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def score_table(
    table: Path,
    out: Path,
    lexicon: Lexicon,
    *,
    text: str,
    method: str = "emotiondynamics",
    contextual: Contextual | None = None,
    prefix: str = "",
    force: bool = False,
    chunk: int = ROWS,
    progress: Progress | None = None,
) -> ScoreSummary:
    """Add the columns of `score_texts` to a table, in pieces; rows without a hit have empty cells for the axes."""
    require_columns(table, {"--text": text})
    added = [prefix + name for name in (*lexicon.axes, "numTokens", "numLexTokens", "lexRatio")]
    taken = [name for name in added if name in columns_of(table)]
    if taken:
        raise DataError(f"{table} has columns {', '.join(taken)} already; --prefix gives the new ones other names")
    summary = ScoreSummary(columns=added, lexicon=lexicon.report.to_text(), out=str(out))
    sums = np.zeros(len(lexicon.axes))
    scored = np.zeros(len(lexicon.axes), dtype=np.int64)
    with TableWriter(out, table, force=force) as writer:
        for piece in pieces(table, chunk):
            texts = _texts(piece.values(text), piece.first, str(table))
            scores = score_texts(texts, lexicon, method, contextual=contextual)
            writer.add(piece, {prefix + name: scores[name].to_numpy() for name in scores.columns})
            values = scores[list(lexicon.axes)].to_numpy()
            sums += np.nansum(values, axis=0)
            scored += np.isfinite(values).sum(axis=0)
            summary.rows += len(piece)
            summary.with_hit += int((scores["numLexTokens"] > 0).sum())
            summary.tokens += int(scores["numTokens"].sum())
            summary.hits += int(scores["numLexTokens"].sum())
            if progress:
                progress(summary.rows)
    summary.means = {
        axis: float(total / n) if n else None
        for axis, total, n in zip(lexicon.axes, sums, scored.tolist(), strict=True)
    }
    return summary


def dynamics_table(
    table: Path,
    out: Path,
    *,
    speaker: str,
    text: str | None = None,
    lexicon: Lexicon | None = None,
    values: Sequence[str] = (),
    time: str | None = None,
    utterance: str | None = None,
    stop_words: Path | None = None,
    window: int = 5,
    min_words: int = 6,
    leave_out_neutral: bool = False,
    home_base: HomeBase | None = None,
    drawn: str | None = None,
    force: bool = False,
) -> tuple[SpeakerDynamics, dict[str, Path]]:
    """Dynamics of a table's speakers, over the words of a text column or over columns of values; writes a folder.

    The folder holds summary.csv, states.csv, left_out.csv and trajectory.png (of the speaker `drawn`, default the one
    with the most steps).
    """
    if bool(values) == bool(text) or bool(text) != (lexicon is not None):
        raise ConfigError("give either --text with --lexicon, or --values with the columns of predictions")
    files = {name: out / name for name in ("summary.csv", "states.csv", "left_out.csv", "trajectory.png")}
    there = [path for path in files.values() if path.exists()]
    if there and not force:
        raise DataError(f"{there[0]} exists already; --force overwrites it")
    wanted = {"--speaker": speaker, "--text": text, "--time": time, "--id": utterance}
    chosen = {option: column for option, column in wanted.items() if column}
    require_columns(table, {**chosen, **{f"--values {name}": name for name in values}})
    columns: dict[str, list[Any]] = {name: [] for name in chosen.values()}
    numbers: list[np.ndarray] = []
    for piece in pieces(table):
        for name, cells in columns.items():
            cells += _texts(piece.values(name), piece.first, str(table)) if name == text else piece.values(name)
        if values:
            numbers.append(np.stack([piece.numbers(name) for name in values], axis=1))
    speakers = _named(columns[speaker], speaker, table)
    times = _ordered(columns[time]) if time else None
    if lexicon is not None and text:
        result = utterance_dynamics(
            columns[text],
            speakers,
            lexicon,
            times=times,
            utterances=columns[utterance] if utterance else None,
            stop_words=_stop_words(stop_words),
            window=window,
            min_words=min_words,
            leave_out_neutral=leave_out_neutral,
            home_base=home_base,
        )
    else:
        frame = pd.DataFrame(np.concatenate(numbers), columns=list(values))
        if utterance:
            frame.index = pd.Index(columns[utterance])
        result = series_dynamics(frame, speakers, times=times, window=window, min_steps=min_words, home_base=home_base)
    figure = plot_trajectory(result, drawn)
    for name, data in (("summary", result.summary), ("states", result.states), ("left_out", result.left_out)):
        write_atomic(files[f"{name}.csv"], lambda partial, data=data: data.to_csv(partial, index=False))  # type: ignore[misc]
    write_atomic(files["trajectory.png"], lambda partial: figure.savefig(partial, format="png", dpi=160))
    return result, files


def _texts(cells: list[Any], first: int, where: str) -> list[str]:
    try:
        return as_strings(cells, first)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _named(cells: list[Any], column: str, table: Path) -> list[str]:
    """Speakers as texts; an empty one is an error."""
    for row, cell in enumerate(cells, start=1):
        if cell is None or not str(cell).strip():
            raise DataError(f"{table}: row {row}: {column} is empty; name the speaker or remove the row")
    return [str(cell) for cell in cells]


def _ordered(cells: list[Any]) -> list[Any]:
    """Times as numbers where all are numbers, so that 10 follows 9; else as they are."""
    numbers = pd.to_numeric(pd.Series(cells), errors="coerce")
    return cells if numbers.isna().any() else numbers.tolist()


def _stop_words(path: Path | None) -> set[str]:
    if path is None:
        return set()
    try:
        return {line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
    except OSError as error:
        raise DataError(f"the stop words {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the stop words {path} are no text in UTF-8, one word a line: {error}") from error
