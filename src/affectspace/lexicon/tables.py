"""Lexicon scores and dynamics of whole tables, for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError
from affectspace.files import text_of, write_atomic, write_text
from affectspace.lexicon.contextual import Contextual, is_foreign
from affectspace.lexicon.figure import plot_trajectory
from affectspace.lexicon.reading import Lexicon
from affectspace.lexicon.scoring import as_strings, score_texts
from affectspace.lexicon.series import HomeBase
from affectspace.lexicon.speakers import SpeakerDynamics, series_dynamics, utterance_dynamics
from affectspace.progress import Progress, silent
from affectspace.tables.blocks import ROWS, Block, add_columns, read_blocks, require_columns
from affectspace.tables.formats import for_spreadsheets
from affectspace.tables.times import to_seconds

FOREIGN = "few known words; another language?"


@dataclass
class ScoreSummary:
    """What was scored. means: axis -> mean over the rows with a hit, None without any; foreign: rows in another language"""

    rows: int = 0
    with_hit: int = 0
    tokens: int = 0
    hits: int = 0
    foreign: int = 0
    means: dict[str, float | None] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    lexicon: str = ""
    out: str = ""


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
    progress: Progress = silent,
) -> ScoreSummary:
    """Add the columns of `score_texts` and a note to a table. Rows without a hit have empty cells for the axes."""
    require_columns(table, {"--text": text})
    added = [prefix + name for name in (*lexicon.axes, "numTokens", "numLexTokens", "lexRatio", "note")]
    summary = ScoreSummary(columns=added, lexicon=lexicon.report.to_text(), out=str(out))
    sums, scored = np.zeros(len(lexicon.axes)), np.zeros(len(lexicon.axes), dtype=np.int64)

    def score(block: Block) -> list[Any]:
        """Compute the new columns of a block, and add to the sums."""
        nonlocal sums, scored
        texts = _texts(block, text)
        scores = score_texts(texts, lexicon, method, contextual=contextual)
        notes = [FOREIGN if is_foreign(each, lexicon) else None for each in texts]
        values = scores[list(lexicon.axes)].to_numpy()
        sums += np.nansum(values, axis=0)
        scored += np.isfinite(values).sum(axis=0)
        summary.with_hit += int((scores["numLexTokens"] > 0).sum())
        summary.tokens += int(scores["numTokens"].sum())
        summary.hits += int(scores["numLexTokens"].sum())
        summary.foreign += sum(note is not None for note in notes)
        return [*(scores[name].to_numpy() for name in scores.columns), notes]

    summary.rows = add_columns(table, out, added, score, force=force, rows=chunk, progress=progress)
    means = [float(total / n) if n else None for total, n in zip(sums, scored.tolist(), strict=True)]
    summary.means = dict(zip(lexicon.axes, means, strict=True))
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
    """Compute the dynamics of a table's speakers, over the words of a text column or over columns of values.

    Writes summary.csv, states.csv, left_out.csv and trajectory.png (of the speaker `drawn`, by default the one with the most
    steps) to the folder `out`.
    """
    if bool(values) == bool(text) or bool(text) != (lexicon is not None):
        raise ConfigError("give either --text with --lexicon, or --values with the columns of predictions")
    files = {name: out / name for name in ("summary.csv", "states.csv", "left_out.csv", "trajectory.png")}
    existing = [path for path in files.values() if path.exists()]
    if existing and not force:
        raise DataError(f"{existing[0]} exists already; use --force to replace it")
    options = {"--speaker": speaker, "--text": text, "--time": time, "--id": utterance}
    chosen = {option: column for option, column in options.items() if column}
    require_columns(table, {**chosen, **{f"--values {name}": name for name in values}})
    columns: dict[str, list[Any]] = {name: [] for name in chosen.values()}
    numbers: list[np.ndarray] = []
    for block in read_blocks(table):
        for name, cells in columns.items():
            cells += _texts(block, name) if name == text else block.values(name)
        if values:
            numbers.append(np.stack([block.numbers(name) for name in values], axis=1))
    speakers = _speakers(columns[speaker], speaker, table)
    times = columns[time] if time else None
    if time:
        to_seconds(columns[time], time, table)  # its errors name the column and the file
    names = columns[utterance] if utterance else None
    if lexicon is not None and text:
        result = utterance_dynamics(
            columns[text],
            speakers,
            lexicon,
            times=times,
            utterances=names,
            stop_words=_read_stop_words(stop_words),
            window=window,
            min_words=min_words,
            leave_out_neutral=leave_out_neutral,
            home_base=home_base,
        )
    else:
        frame = pd.DataFrame(np.concatenate(numbers), columns=list(values), index=names)
        result = series_dynamics(frame, speakers, times=times, window=window, min_steps=min_words, home_base=home_base)
    figure = plot_trajectory(result, drawn)
    for name, data in (("summary", result.summary), ("states", result.states), ("left_out", result.left_out)):
        write_text(files[f"{name}.csv"], for_spreadsheets(data).to_csv(index=False))
    write_atomic(files["trajectory.png"], lambda partial: figure.savefig(partial, format="png", dpi=160))
    return result, files


def _texts(block: Block, column: str) -> list[str]:
    try:
        return as_strings(block.values(column), block.first)
    except DataError as error:
        raise DataError(f"{block.where}: {error}") from error


def _speakers(cells: list[Any], column: str, table: Path) -> list[str]:
    """Speakers as texts; an empty one is an error."""
    for row, cell in enumerate(cells, start=1):
        if cell is None or not str(cell).strip():
            raise DataError(f"{table}: row {row}: {column} is empty; name the speaker or remove the row")
    return [str(cell) for cell in cells]


def _read_stop_words(path: Path | None) -> set[str]:
    if path is None:
        return set()
    try:
        return {line.strip() for line in text_of(path).splitlines() if line.strip()}
    except OSError as error:
        raise DataError(f"the stop words {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the stop words {path} are not UTF-8 text, one word on each line: {error}") from error
