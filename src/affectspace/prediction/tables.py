"""Predictions of folders and complete tables, for the command line. Rows that fail are counted, with the reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, DataError
from affectspace.features.backbones.vectors import NamedVectors
from affectspace.files import write_atomic
from affectspace.prediction.predictor import Predictor
from affectspace.prediction.result import Failure, Outcome, row_of
from affectspace.prediction.sample import FILES, SUFFIXES, Sample, sample_of_file
from affectspace.progress import Progress, silent
from affectspace.tables.blocks import TableWriter, read_blocks, require_columns, require_new_columns

TIMES = ("start", "end")
ROWS = 4096  # of a table that are in memory at a time

NamedSample = tuple[str, Sample | Failure]


@dataclass
class Summary:
    """Counts of the outcomes of many samples, and the first ones.

    limit : number of outcomes and failures to keep; outcomes : (name, outcome); failures : (name, reason)
    """

    limit: float
    succeeded: int = 0
    failed: int = 0
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, names: Sequence[str], outcomes: Sequence[Outcome]) -> None:
        """Count outcomes, and keep them up to the limit."""
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, Failure):
                self.failed += 1
                if len(self.failures) < self.limit:
                    self.failures.append((name, outcome.reason))
            else:
                self.succeeded += 1
            if len(self.outcomes) < self.limit:
                self.outcomes.append((name, outcome))


def samples_of_folder(folder: Path, predictor: Predictor) -> tuple[list[NamedSample], Counter[str]]:
    """Return the files below a folder that the run reads, by name, and the number of the others by suffix.

    Raises DataError where it holds no file that the run reads.
    """
    readable = {suffix for kind in predictor.kinds for suffix in SUFFIXES[kind]}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    skipped = Counter(path.suffix.lower() or "no suffix" for path in paths if path.suffix.lower() not in readable)
    samples = [_named(path, folder) for path in paths if path.suffix.lower() in readable]
    if not samples:
        content = ", ".join(f"{number} {suffix}" for suffix, number in skipped.most_common(5))
        raise DataError(
            f"{folder} has no file that this run reads ({', '.join(sorted(readable)) or 'none'}); "
            + (f"it has {content}" if skipped else "it is empty")
        )
    return samples, skipped


def _named(path: Path, folder: Path) -> NamedSample:
    name = path.relative_to(folder).as_posix()
    try:
        return name, sample_of_file(path)
    except DataError as error:
        return name, Failure(str(error))


def samples_of_vectors(vectors: Mapping[str, NamedVectors]) -> list[NamedSample]:
    """Return a sample for every name in the files of vectors, in their order."""
    names = dict.fromkeys(key for part in vectors.values() for key in part.keys)
    return [(name, Sample(vectors=_vectors_of(vectors, name))) for name in names]


def combined_sample(text: str | None, files: Sequence[Path], vectors: Mapping[str, NamedVectors]) -> NamedSample:
    """Combine a text and files of different kinds into one sample with the name of the first file.

    Raises DataError for two files of a kind.
    """
    sample = Sample(text)
    for path in files:
        added = sample_of_file(path)
        [kind] = added.kinds
        if sample.has(kind):
            raise DataError(
                f"{path}: one sample takes one input of kind {kind}, and there is one already; predict several samples with "
                "--folder or --csv"
            )
        sample = replace(sample, **{kind: getattr(added, kind)})
    chosen: dict[str, np.ndarray] = {}
    for name, part in vectors.items():
        vector = part.find(*map(str, files))
        if vector is None and len(part.keys) > 1:
            raise DataError(
                f"{part.path}: it has {len(part.keys):,} vectors, none with the name of a given file; give a single vector"
            )
        chosen[name] = part.matrix[0] if vector is None else vector
    return str(files[0]) if files else "text", replace(sample, vectors=chosen)


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
        part, known = NamedVectors.read(Path(path)), predictor.columns.get(name)
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


def predict_table(
    predictor: Predictor,
    table: Path,
    columns: TableColumns,
    *,
    out: Path | None = None,
    media: Path | None = None,
    vectors: Mapping[str, NamedVectors] | None = None,
    prefix: str = "",
    force: bool = False,
    limit: float = 20,
    progress: Progress = silent,
) -> Summary:
    """Predict every row of a .csv, .tsv or .parquet; `out` gets the same rows with new columns at the end.

    An empty cell is an input that the row does not have. Paths of files are relative to `media`, by default the table's
    folder. limit : outcomes that the summary keeps. Raises DataError for columns that do not exist or exist already, and
    for columns of a kind that the run does not read.
    """
    chosen = columns.chosen()
    kinds = [kind for kind in chosen if kind not in (*TIMES, "id")]
    if not kinds and not vectors:
        raise ConfigError("--csv needs a column to predict from: --text-column, --audio-column, --video-column, ...")
    unknown = sorted(set(kinds) - set(predictor.kinds))
    if unknown:
        raise DataError(f"--{unknown[0]}-column: {predictor.name} reads no {unknown[0]}; {predictor.reads()}")
    require_columns(table, {f"--{kind}-column": column for kind, column in chosen.items()})
    if out is not None:
        require_new_columns(table, [prefix + name for name in row_of(Failure(""), predictor.modalities)])
    summary, done = Summary(limit), 0
    with TableWriter(out, table, force=force) if out is not None else nullcontext() as writer:
        for block in read_blocks(table, ROWS):
            cells = {kind: block.values(column) for kind, column in chosen.items()}
            cells |= {kind: block.numbers(column).tolist() for kind, column in chosen.items() if kind in TIMES}
            named = list(_samples_of_rows(block.row_numbers, cells, media or table.parent, vectors or {}))
            outcomes = predictor.predict_many([sample for _, sample in named], progress=_after(done, progress))
            done += len(outcomes)
            summary.add([name for name, _ in named], outcomes)
            if writer is not None:
                writer.add(block, _new_columns(outcomes, predictor.modalities, prefix))
    return summary


def _after(before: int, progress: Progress) -> Progress:
    return lambda done, total, text: progress(before + done, before + total, text)


def _samples_of_rows(
    numbers: Sequence[int], cells: Mapping[str, Sequence[Any]], folder: Path, vectors: Mapping[str, NamedVectors]
) -> Iterator[NamedSample]:
    for place, number in enumerate(numbers):
        values = {kind: column[place] for kind, column in cells.items() if kind not in TIMES}
        texts = {kind: str(value) for kind, value in values.items() if not _is_empty(value)}
        paths = {kind: folder / texts[kind] for kind in FILES if kind in texts}
        start, end = (_second(cells[kind][place]) if kind in cells else None for kind in TIMES)
        chosen = _vectors_of(vectors, texts.get("id"), *(texts[kind] for kind in paths))
        sample = Sample(
            texts.get("text"), paths.get("audio"), paths.get("video"), paths.get("image"), chosen, start, end
        )
        yield texts.get("id", f"row {number}"), sample if sample.kinds else Failure("its cells are empty")


def _second(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell)) or not str(cell).strip()


def _vectors_of(vectors: Mapping[str, NamedVectors], *names: str | None) -> dict[str, np.ndarray]:
    """The vectors of a sample with one of these names."""
    found = {kind: part.find(*names) for kind, part in vectors.items()}
    return {kind: vector for kind, vector in found.items() if vector is not None}


def _new_columns(outcomes: Sequence[Outcome], modalities: Sequence[str], prefix: str) -> dict[str, Any]:
    rows = [row_of(outcome, modalities) for outcome in outcomes]
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        numeric = name == "probability" or name.removesuffix("_sd").endswith(("valence", "arousal", "dominance"))
        columns[prefix + name] = np.array(values, np.float64) if numeric else values
    return columns


def write_table(frame: Any, path: Path, *, force: bool = False) -> None:
    """Write a DataFrame as .csv or .parquet. Raises DataError for another suffix, and if the file exists without `force`."""
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"{path}: predictions are written as .csv or .parquet")
    if path.exists() and not force:
        raise DataError(f"{path} exists already; use --force to replace it")
    if path.suffix == ".csv":
        write_atomic(path, lambda partial: frame.to_csv(partial, index=False, lineterminator="\n"))
    else:
        write_atomic(path, lambda partial: frame.to_parquet(partial, index=False))
