"""Predictions of complete tables, and of ready-made vectors. Rows that fail are counted, with the reason."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, DataError, listed
from affectspace.features.backbones.named_vectors import NamedVectors
from affectspace.features.ray_engine import RayEngine
from affectspace.files import write_atomic
from affectspace.media.content import Source, on_disk, stored_file
from affectspace.prediction.inputs import NamedSample, vectors_of
from affectspace.prediction.predictor import Predictor
from affectspace.prediction.result import Answer, Failure, Outcome, Summary, row_of
from affectspace.prediction.run_rows import PART, RunParts
from affectspace.prediction.sample import FILES, Sample
from affectspace.prediction.shards import ROWS as SHARD
from affectspace.prediction.shards import predict_shards
from affectspace.progress import Progress, silent
from affectspace.tables import PARQUET
from affectspace.tables.blocks import Block, TableWriter, read_blocks, require_columns, require_new_columns
from affectspace.tables.formats import columns_of, for_spreadsheets

TIMES = ("start", "end")
EMPTY = "its cells are empty"
NOT_NAMED = "no ready-made vector has its id or file name, and its cells are empty"
ROWS = 4096  # of a table that are in memory at a time
DIGITS = 4  # of the numbers in a written table


def read_vectors(options: Sequence[str], predictor: Predictor) -> dict[str, NamedVectors]:
    """Read ``name=FILE`` options: modality -> vectors, with their columns in the order of the training.

    Raises ConfigError for another form and for a modality that accepts no vectors, DataError for files that do not fit.
    """
    vectors = {}
    for option in options:
        name, _, path = option.partition("=")
        if not name or not path:
            raise ConfigError(f"--vectors {option!r}: write it as MODALITY=FILE, such as action_units=units.csv")
        refusal = predictor.refusal(Sample(vectors={name: np.zeros(1)}))  # once, not for every row
        if refusal:
            raise ConfigError(f"--vectors {option!r}: {refusal}")
        part, known = NamedVectors.read(Path(path), pool=predictor.pools.get(name)), predictor.columns.get(name)
        if known and part.columns and list(known) != list(part.columns):
            if sorted(known) != sorted(part.columns):
                missing = [column for column in known if column not in part.columns]
                problem = f"it lacks {missing[0]!r}" if missing else "it has additional columns"
                raise DataError(f"{path}: its columns are not those that the run was trained on ({problem})")
            order = [part.columns.index(column) for column in known]
            part = replace(part, matrix=part.matrix[:, order], columns=tuple(known))
        vectors[name] = part
    return vectors


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table with each kind of input; id : names of the rows, for messages and vectors."""

    text: str | None = None
    audio: str | None = None
    video: str | None = None
    image: str | None = None
    start: str | None = None
    end: str | None = None
    id: str | None = None

    def chosen(self) -> dict[str, str]:
        """Return kind of input -> its column, of the given ones."""
        return {kind: column for kind, column in vars(self).items() if column}

    def check(self, table: Path, media: Path | None, with_vectors: bool) -> None:
        """Raise ConfigError without a column to predict, DataError for a column or a folder of media that does not exist."""
        if not with_vectors and not any(kind not in (*TIMES, "id") for kind in self.chosen()):
            raise ConfigError(
                f"{table}: name the column to predict with --text-column, --audio-column, --video-column or --image-column; "
                f"it has {listed(columns_of(table))}"
            )
        require_columns(table, {f"--{kind}-column": column for kind, column in self.chosen().items()})
        if media is not None and not media.is_dir():
            raise DataError(f"--media {media}: there is no such folder")


def samples_of_table(
    predictor: Predictor,
    table: Path,
    columns: TableColumns,
    media: Path | None = None,
    vectors: Mapping[str, NamedVectors] | None = None,
) -> Iterator[tuple[Block, list[NamedSample]]]:
    """Yield blocks of a .csv, .tsv or .parquet, with a sample for each row.

    An empty cell is an input that the row does not have. Paths of files are relative to `media`, by default the table's
    folder. Raises DataError for columns that do not exist, and for columns of a kind that the model does not read;
    ConfigError without a column.
    """
    chosen = columns.chosen()
    columns.check(table, media, bool(vectors))
    unknown = sorted(set(chosen) - {*TIMES, "id"} - set(predictor.kinds))
    if unknown:
        raise DataError(f"--{unknown[0]}-column: {predictor.name} reads no {unknown[0]}; {predictor.reads()}")
    vectors, media = vectors or {}, media or table.parent
    names = [row for block in read_blocks(table, ROWS) for row in _names(block, chosen)] if vectors else []
    ready_made = iter(vectors_of(vectors, names, predictor.notices))
    in_cells = table.suffix.lower() in PARQUET and any(kind in chosen for kind in FILES)  # files may be in the cells
    for block in read_blocks(table, SHARD if in_cells else ROWS):
        cells = {kind: block.values(column) for kind, column in chosen.items()}
        cells |= {kind: block.seconds(column).tolist() for kind, column in chosen.items() if kind in TIMES}
        own = ready_made if vectors else repeat({})
        yield block, list(_samples_of_rows(block.row_numbers, cells, media, own, NOT_NAMED if vectors else EMPTY))


def predict_table(
    predictor: Predictor,
    table: Path,
    columns: TableColumns,
    *,
    out: Path | None = None,
    media: Path | None = None,
    vectors: Mapping[str, NamedVectors] | None = None,
    prefix: str = "",
    modalities: Sequence[str] = (),
    answer: Answer | None = None,
    parts: RunParts | None = None,
    force: bool = False,
    limit: float = 20,
    engine: RayEngine | None = None,
    reopen: Callable[[], Predictor] | None = None,
    progress: Progress = silent,
) -> Summary:
    """Predict every row of a table as `samples_of_table` reads it; `out` gets the same rows with new columns at the end.

    modalities : with columns of their own; answer : scale and names of the axes; parts : which part of the training each row
    had, a column of its own; limit : outcomes that the summary keeps; engine, reopen : see `predict_shards`.
    The same call continues an interrupted one with `out`. Raises DataError for new columns that exist already.
    """
    blocks = samples_of_table(predictor, table, columns, media, vectors)
    if out is not None:
        names = [*row_of(Failure(""), modalities, answer), *([PART] if parts else [])]
        require_new_columns(table, [prefix + name for name in names])
    waiting: deque[tuple[Block, list[NamedSample]]] = deque()  # blocks whose rows are not all predicted

    def shards() -> Iterator[list[Sample | Failure]]:
        for block, named in blocks:
            waiting.append((block, named))
            yield from ([sample for _, sample in named[start : start + SHARD]] for start in range(0, len(named), SHARD))

    summary, done = Summary(limit), 0
    outcomes: list[Outcome] = []
    with TableWriter(out, table, force=force) if out is not None else nullcontext() as writer:
        for shard in predict_shards(predictor, shards(), out=out, engine=engine, reopen=reopen):
            outcomes += shard
            done += len(shard)
            progress(done, 0, f"predicting: {done:,} rows")
            while waiting and len(outcomes) >= len(waiting[0][1]):
                block, named = waiting.popleft()
                summary.add([name for name, _ in named], outcomes[: len(named)])
                known = {prefix + PART: parts.of(block)} if parts else {}
                if writer is not None:
                    writer.add(block, _new_columns(outcomes[: len(named)], modalities, prefix, answer) | known)
                del outcomes[: len(named)]
    return summary


def _names(block: Block, columns: Mapping[str, str]) -> Iterator[tuple[str | None, ...]]:
    """Yield the id of each row and the names of its files, with which its vectors are found. A cut has no file's name."""
    kinds = [kind for kind in ("id", *FILES) if kind in columns]
    cells = [block.values(columns[kind]) for kind in kinds]
    times = [block.values(columns[kind]) for kind in TIMES if kind in columns]
    for place in range(len(block)):
        cut = any(not _is_empty(cell[place]) for cell in times)
        names = {
            kind: None if cut and kind != "id" else stored_file(column[place])[1]
            for kind, column in zip(kinds, cells, strict=True)
        }
        yield names.get("id"), *(names.get(kind) for kind in FILES)


def _samples_of_rows(
    numbers: Sequence[int],
    cells: Mapping[str, Sequence[Any]],
    folder: Path,
    vectors: Iterator[Mapping[str, np.ndarray]],
    reason: str,
) -> Iterator[NamedSample]:
    for place, number in enumerate(numbers):
        values = {kind: column[place] for kind, column in cells.items() if kind not in TIMES}
        texts = {kind: str(values[kind]) for kind in ("id", "text") if not _is_empty(values.get(kind))}
        start, end = (_second(cells[kind][place]) if kind in cells else None for kind in TIMES)
        audio, video, image = (_source(values.get(kind), folder) for kind in FILES)
        sample = Sample(texts.get("text"), audio, video, image, next(vectors), start, end)
        yield texts.get("id", f"row {number}"), sample if sample.kinds else Failure(reason)


def _source(cell: Any, folder: Path) -> Source | None:
    """The content of the file in a cell, or else its path; None for an empty cell."""
    content, name = stored_file(cell)
    if content is not None:
        return content
    return None if name is None else on_disk(folder / name)


def _second(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell)) or not str(cell).strip()


def _new_columns(
    outcomes: Sequence[Outcome], modalities: Sequence[str], prefix: str, answer: Answer | None
) -> dict[str, Any]:
    rows = [row_of(outcome, modalities, answer) for outcome in outcomes]
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        numeric = all(isinstance(value, float) for value in values)
        columns[prefix + name] = np.array(values, np.float64).round(DIGITS) if numeric else values
    return columns


def write_table(frame: Any, path: Path, *, force: bool = False) -> None:
    """Write a DataFrame as .csv or .parquet, with four digits.

    Raises DataError for another suffix, and if the file exists without `force`.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"{path}: predictions are written as .csv or .parquet")
    if path.exists() and not force:
        raise DataError(f"{path} exists already; use --force to replace it")
    frame = frame.round(DIGITS)
    if path.suffix == ".csv":
        write_atomic(path, lambda partial: for_spreadsheets(frame).to_csv(partial, index=False, lineterminator="\n"))
    else:
        write_atomic(path, lambda partial: frame.to_parquet(partial, index=False))
