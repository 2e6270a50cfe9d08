"""Predictions of folders and whole tables, for the command line: a row a sample, and what fails costs its row."""

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
from affectspace.prediction.result import Failure, Prediction, row_of
from affectspace.prediction.sample import CLIPS, IMAGES, SOUNDS, TEXTS, Sample, sample_of_file
from affectspace.progress import Progress, silent
from affectspace.tables.blocks import TableWriter, columns_of, read_blocks, require_columns

FILES = ("audio", "video", "image")
TIMES = ("start", "end")
ROWS = 4096  # of a table that are in memory at a time
_KINDS = {"text": TEXTS, "audio": SOUNDS, "video": CLIPS, "image": IMAGES}


@dataclass(frozen=True, eq=False)
class Asked:
    """A named sample, or why there is none."""

    id: str
    sample: Sample
    reason: str | None = None


@dataclass
class Outcomes:
    """What became of many samples. kept : (id, outcome) of the first ones, for a look; failures : their first ones"""

    worked: int = 0
    failed: int = 0
    kept: list[tuple[str, Prediction | Failure]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, names: Sequence[str], outcomes: Sequence[Prediction | Failure], most: float) -> None:
        """Count some, and keep those that `most` has room for."""
        for name, one in zip(names, outcomes, strict=True):
            if isinstance(one, Failure):
                self.failed += 1
                if len(self.failures) < most:
                    self.failures.append((name, one.reason))
            else:
                self.worked += 1
            if len(self.kept) < most:
                self.kept.append((name, one))


def predict_asked(
    predictor: Predictor, asked: Sequence[Asked], progress: Progress = silent
) -> list[Prediction | Failure]:
    """Predictions of named samples; those that have a reason already fail with it."""
    good = [one.sample for one in asked if one.reason is None]
    said = iter(predictor.predict_many(good, progress=progress))
    return [next(said) if one.reason is None else Failure(one.reason) for one in asked]


def files_of_folder(folder: Path, predictor: Predictor) -> tuple[list[Asked], Counter[str]]:
    """The files of a folder and its subfolders that the run reads, by name, and how many there are of other suffixes.

    Raises DataError where there is no folder, or no file for this run in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; one file goes by --file")
    readable = {suffix for kind in predictor.kinds for suffix in _KINDS[kind]}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    others = Counter(path.suffix.lower() or "no suffix" for path in paths if path.suffix.lower() not in readable)
    found = [_of_file(path, folder) for path in paths if path.suffix.lower() in readable]
    if not found:
        there = (
            f"it has {', '.join(f'{n} {suffix}' for suffix, n in others.most_common(5))}" if others else "it is empty"
        )
        raise DataError(f"{folder} has no file that this run reads ({', '.join(sorted(readable)) or 'none'}); {there}")
    return found, others


def _of_file(path: Path, folder: Path) -> Asked:
    name = path.relative_to(folder).as_posix()
    try:
        return Asked(name, sample_of_file(path))
    except DataError as error:
        return Asked(name, Sample(), str(error))


def asked_of_vectors(vectors: Mapping[str, NamedVectors]) -> list[Asked]:
    """A sample for every name in the files of vectors, in their order."""
    names = dict.fromkeys(key for one in vectors.values() for key in one.keys)
    found = {name: {kind: one.find(name) for kind, one in vectors.items()} for name in names}
    return [
        Asked(name, Sample(vectors={kind: vector for kind, vector in each.items() if vector is not None}))
        for name, each in found.items()
    ]


def sample_of(text: str | None, files: Sequence[Path], vectors: Mapping[str, NamedVectors]) -> Asked:
    """One moment from a text and files of different kinds, called after its first file. Raises DataError for two of a kind."""
    sample = Sample(text=text)
    for path in files:
        one = sample_of_file(path)
        [kind] = one.kinds
        if sample.given(kind):
            raise DataError(
                f"{path}: there is {kind} already; files of different kinds are one moment, and several moments go by "
                "--folder or --csv"
            )
        sample = replace(sample, **{kind: getattr(one, kind)})
    chosen: dict[str, np.ndarray] = {}
    for name, given in vectors.items():
        vector = given.find(*map(str, files))
        if vector is None and len(given.keys) > 1:
            raise DataError(
                f"{given.path}: it has {len(given.keys):,} vectors, none of them named as a given file; give one alone"
            )
        chosen[name] = given.matrix[0] if vector is None else vector
    return Asked(str(files[0]) if files else "text", replace(sample, vectors=chosen))


def read_vector_files(written: Sequence[str], predictor: Predictor) -> dict[str, NamedVectors]:
    """``name=FILE`` -> modality -> its vectors, their columns in the order that the run was trained on.

    Raises ConfigError for another form and a modality that the run takes no vectors of, DataError for files that do not fit.
    """
    found = {}
    for text in written:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise ConfigError(f"--vectors {text!r}: write it as MODALITY=FILE, such as action_units=units.csv")
        refused = predictor.refusal(Sample(vectors={name: np.zeros(1)}))  # once, not for every row
        if refused:
            raise ConfigError(f"--vectors {text!r}: {refused}")
        given, known = NamedVectors.read(Path(path)), predictor.columns.get(name)
        if known and given.columns and list(known) != list(given.columns):
            if sorted(known) != sorted(given.columns):
                lacking = [column for column in known if column not in given.columns]
                what = f"it lacks {lacking[0]!r}" if lacking else "it has others besides"
                raise DataError(f"{path}: its columns are not those that the run was trained on ({what})")
            order = [given.columns.index(column) for column in known]
            given = replace(given, matrix=given.matrix[:, order], columns=tuple(known))
        found[name] = given
    return found


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a table hold what; paths of files count from `media`. id : names the rows, for messages and vectors"""

    text: str | None = None
    audio: str | None = None
    video: str | None = None
    image: str | None = None
    start: str | None = None
    end: str | None = None
    id: str | None = None

    def chosen(self) -> dict[str, str]:
        """What is held -> the column that holds it."""
        return {name: column for name, column in vars(self).items() if column}


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
    most: float = 20,
    progress: Progress = silent,
) -> Outcomes:
    """Predictions of every row of a .csv, .tsv or .parquet; `out` gets the same rows with new columns at the end.

    An empty cell is a modality that the row does not have. Raises DataError for columns that are not there or taken, and
    where the run does not read what they hold.
    """
    chosen = columns.chosen()
    held = {name for name in chosen if name not in (*TIMES, "id")}
    if not held and not vectors:
        raise ConfigError("--csv needs a column to predict from: --text-column, --audio-column, --video-column, ...")
    strange = sorted(held - set(predictor.kinds))
    if strange:
        raise DataError(f"--{strange[0]}-column: {predictor.name} reads no {strange[0]}; {predictor.reads()}")
    require_columns(table, {f"--{name}-column": column for name, column in chosen.items()})
    added = [prefix + name for name in row_of(Failure(""), predictor.modalities)]
    taken = sorted(set(added) & set(columns_of(table)))
    if taken and out is not None:
        raise DataError(f"{table} has columns {', '.join(taken)} already; --prefix gives the new ones other names")
    folder, outcomes = media or table.parent, Outcomes()
    with TableWriter(out, table, force=force) if out is not None else nullcontext() as writer:
        for block in read_blocks(table, ROWS):
            cells = {name: block.values(column) for name, column in chosen.items()}
            cells |= {name: block.numbers(column).tolist() for name, column in chosen.items() if name in TIMES}
            asked = list(_of_rows(block.row_numbers, cells, folder, vectors or {}))
            said = predict_asked(predictor, asked, _after(outcomes.worked + outcomes.failed, progress))
            outcomes.add([one.id for one in asked], said, most)
            if writer is not None:
                writer.add(block, _new_columns(said, predictor.modalities, prefix))
    return outcomes


def _after(before: int, progress: Progress) -> Progress:
    return lambda done, total, text: progress(before + done, before + total, text)


def _of_rows(
    numbers: Sequence[int], cells: Mapping[str, Sequence[Any]], folder: Path, vectors: Mapping[str, NamedVectors]
) -> Iterator[Asked]:
    for place, number in enumerate(numbers):
        name = _text(cells["id"][place]) if "id" in cells else None
        text = _text(cells["text"][place]) if "text" in cells else None
        paths = {kind: _text(cells[kind][place]) for kind in FILES if kind in cells}
        files = {kind: folder / path for kind, path in paths.items() if path}
        times = {kind: float(cells[kind][place]) for kind in TIMES if kind in cells}
        found = {kind: one.find(name, *paths.values()) for kind, one in vectors.items()}
        known = {kind: None if math.isnan(value) else value for kind, value in times.items()}
        chosen = {kind: vector for kind, vector in found.items() if vector is not None}
        sample = Sample(
            text,
            files.get("audio"),
            files.get("video"),
            files.get("image"),
            chosen,
            known.get("start"),
            known.get("end"),
        )
        empty = None if sample.kinds else "its cells are empty"
        yield Asked(name or f"row {number}", sample, empty)


def _text(cell: Any) -> str | None:
    """A cell as text; None for an empty one."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    text = str(cell)
    return text if text.strip() else None


def _new_columns(outcomes: Sequence[Prediction | Failure], modalities: Sequence[str], prefix: str) -> dict[str, Any]:
    rows = [row_of(one, modalities) for one in outcomes]
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        number = name == "probability" or name.removesuffix("_sd").endswith(("valence", "arousal", "dominance"))
        columns[prefix + name] = np.array(values, np.float64) if number else values
    return columns


def write_table(frame: Any, path: Path, *, force: bool = False) -> None:
    """A DataFrame as .csv or .parquet, by the name's ending. Raises DataError for another one, or where it is there."""
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"{path}: predictions are written as .csv or .parquet")
    if path.exists() and not force:
        raise DataError(f"{path} exists already; --force overwrites it")
    if path.suffix == ".csv":
        write_atomic(path, lambda partial: frame.to_csv(partial, index=False, lineterminator="\n"))
    else:
        write_atomic(path, lambda partial: frame.to_parquet(partial, index=False))
