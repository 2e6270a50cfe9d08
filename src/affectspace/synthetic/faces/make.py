"""A corpus of drawn faces on disk: an index, a zip of pictures, and the settings."""

import io
import os
import zipfile
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from affectspace.affect import AXES
from affectspace.corpora import Corpus, read_corpus
from affectspace.corpora.readers.synthetic import INDEX, PICTURES
from affectspace.corpora.registry import KINDS
from affectspace.errors import ConfigError
from affectspace.files import write_atomic
from affectspace.processes import map_in_order
from affectspace.progress import Progress, silent
from affectspace.synthetic.faces.drawing import SIZES, render_face
from affectspace.synthetic.faces.labels import checked_labels, invented_labels
from affectspace.synthetic.faces.parameters import FaceParameters
from affectspace.synthetic.faces.sampling import nuisance, sample_parameters
from affectspace.synthetic.folder import is_finished, write_about

VERSION = 1  # of the drawing; to be raised when the same seed draws another picture
CHUNK = 128
ALONE = 400  # faces up to which other processes do not save time
_EPOCH = (1980, 1, 1, 0, 0, 0)

Row = tuple[str, str, int, float, float, float | None]  # person, session, frame, valence, arousal, dominance


def make_faces(
    out: str | Path,
    *,
    n: int = 2000,
    labels: pd.DataFrame | None = None,
    size: int = 64,
    people: int = 40,
    seed: int = 0,
    distribution: str = "gaussian",
    workers: int | None = None,
    progress: Progress = silent,
    force: bool = False,
) -> Corpus:
    """Draw a corpus of faces to a folder and read it.

    Parameters
    ----------
    out : path
        Folder for faces.zip (PNG, ``<person>/<id>.png``), index.csv and corpus.json.
    n, people : int
        Number of photographs and of people.
    labels : DataFrame, optional
        Draw these rows instead: id, person, valence, arousal (canonical), and optionally session, emotion, dominance. The rows
        of a person and session are the frames of a clip, in their order.
    size : int
        Pixels of each side, 16..1024.
    seed : int
        The same seed draws the same faces.
    distribution : {"gaussian", "uniform", "even"}
        Of valence and arousal within an emotion; "even": over the whole map.
    workers : int, optional
        Processes; the pictures do not depend on their number. Default: one for each core.
    progress : callable, optional
        Called with (done, total, text).
    force : bool
        Overwrite other drawn faces in the folder.

    Returns
    -------
    Corpus
        If the folder already holds the finished faces, they are only read.

    Raises
    ------
    DataError
        If the labels cannot be drawn, or the folder holds something else.
    ConfigError
        If a number is impossible.
    RunError
        If the folder cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.synthetic.faces import make_faces
    >>> with TemporaryDirectory() as folder:
    ...     corpus = make_faces(folder, n=4, people=2, size=16, workers=1)
    >>> corpus.table["image"][0]
    'p000/face000000.png'
    """
    out = Path(out).expanduser()
    if not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(f"size={size}: faces are drawn with {SIZES[0]} to {SIZES[1]} pixels a side")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers}: at least one process is needed")
    table = checked_labels(invented_labels(n, people, seed, distribution) if labels is None else labels)
    settings: dict[str, Any] = {
        "kind": KINDS["faces"], "version": VERSION, "seed": seed, "size": size, "rows": len(table),
        "people": int(table["person"].nunique()), "digest": _digest(table),
        **({"labels": "invented", "distribution": distribution} if labels is None else {"labels": "given"}),
    }  # fmt: skip
    if not is_finished(out, "faces", settings, force=force):
        write_about(out, settings, finished=False)
        rows = _rows(table)
        index = _index(table, rows, seed, size)
        processes = 1 if len(rows) <= ALONE else workers or os.cpu_count() or 1
        write_atomic(
            out / PICTURES, partial(_write_pictures, index["image"].tolist(), rows, seed, size, processes, progress)
        )
        write_atomic(out / INDEX, lambda path: index.to_csv(path, index=False))
        write_about(out, settings, finished=True)
    return read_corpus("faces", out)


def _write_pictures(
    names: list[str], rows: list[Row], seed: int, size: int, processes: int, progress: Progress, path: Path
) -> None:
    """Draw all faces into a zip."""
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    done = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for files in map_in_order(partial(draw_files, seed, size, "PNG"), chunks, processes):
            for content in files:
                archive.writestr(zipfile.ZipInfo(names[done], _EPOCH), content)
                done += 1
            progress(done, len(rows), "faces drawn")


def _digest(table: pd.DataFrame) -> str:
    columns = [c for c in ("id", "person", "session", "emotion", *AXES) if c in table]
    return sha256(table[columns].to_csv(index=False).encode()).hexdigest()[:32]


def _rows(table: pd.DataFrame) -> list[Row]:
    dominance: list[float | None] = [None] * len(table)
    if "dominance" in table:
        dominance = [None if np.isnan(d) else float(d) for d in table["dominance"]]
    columns = (table[name].tolist() for name in ("person", "session", "frame", "valence", "arousal"))
    return list(zip(*columns, dominance, strict=True))


def _index(table: pd.DataFrame, rows: list[Row], seed: int, size: int) -> pd.DataFrame:
    index = table[["id", "person", "session"]].copy()
    index["image"] = table["person"] + "/" + table["id"] + ".png"
    for column in ("emotion", *AXES):
        if column in table:
            index[column] = table[column]
    index["label_kind"] = "rated"
    index["width"] = index["height"] = size
    index["frame"] = table["frame"]
    return index.join(pd.DataFrame([nuisance(_parameters(seed, row)) for row in rows]).round(5))


def _parameters(seed: int, row: Row) -> FaceParameters:
    person, session, frame, valence, arousal, dominance = row
    return sample_parameters(
        valence, arousal, person=person, session=session, frame=frame, dominance=dominance, seed=seed
    )


def draw_files(seed: int, size: int, kind: str, rows: list[Row]) -> list[bytes]:
    """Draw rows as picture files. kind : PNG or JPEG. Runs in a worker."""
    options: dict[str, Any] = {"compress_level": 4} if kind == "PNG" else {"quality": 92}
    files = []
    for row in rows:
        buffer = io.BytesIO()
        Image.fromarray(render_face(_parameters(seed, row), size)).save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return files
