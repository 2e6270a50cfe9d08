"""A corpus of drawn faces on disk: an index, a zip of pictures, and what they were made from."""

import io
import json
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.readers.faces import ABOUT, DRAWING, INDEX, KIND, PICTURES, read_faces
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.files import write_atomic, write_text
from affectspace.processes import worker_pool
from affectspace.synthetic.faces.drawing import render_face
from affectspace.synthetic.faces.labels import checked_labels, invented_labels
from affectspace.synthetic.faces.sampling import NUISANCE, nuisance, sample_parameters

VERSION = 1  # of the drawing: to be raised when the same seed draws another picture
_CHUNK = 128
_ALONE = 400  # so few faces are drawn faster without other processes
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
    progress: Callable[[int, int, str], None] | None = None,
    force: bool = False,
) -> Corpus:
    """Draw a corpus of faces into a folder and read it.

    n photographs of `people` people; or the rows of `labels` (id, person, valence, arousal, canonical; optional
    session, emotion, dominance), where the rows of a person and session are the frames of a clip in their order.
    size: pixels a side. distribution: how valence and arousal spread within an emotion, "gaussian" or "uniform".
    workers: processes (default: one a core); the pictures do not depend on it. progress(done, total, what).

    Writes faces.zip (PNG, ``<person>/<id>.png``), index.csv and corpus.json. What was finished with the same settings
    is read, not drawn again; until the last picture is drawn corpus.json says that it is not. Raises DataError for
    unfit labels, where the folder holds other faces and force is False, and, force or not, where it holds what is not
    ours; ConfigError for impossible numbers; RunError where nothing can be written.
    """
    out = Path(out).expanduser()
    if not 16 <= size <= 1024:
        raise ConfigError(f"size={size}: faces are drawn with 16 to 1024 pixels a side")
    given = invented_labels(n, people, seed, distribution) if labels is None else labels
    table = checked_labels(given)
    settings: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "seed": seed,
        "size": size,
        "rows": len(table),
        "people": int(table["person"].nunique()),
        "labels": "invented" if labels is None else "given",
        "digest": _digest(table),
    }
    if labels is None:
        settings["distribution"] = distribution
    if _finished(out, settings, force):
        return read_faces(out)
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers}: at least one process must draw")
    write_text(out / ABOUT, json.dumps(settings | {"state": DRAWING}, indent=1) + "\n")
    rows = _rows(table)
    _write_pictures(out / PICTURES, table, rows, seed, size, workers, progress)
    index = _index(table, rows, seed, size)
    write_atomic(out / INDEX, lambda partial: index.to_csv(partial, index=False))
    write_text(out / ABOUT, json.dumps(settings, indent=1) + "\n")
    return read_faces(out)


def _digest(table: pd.DataFrame) -> str:
    columns = [c for c in ("id", "person", "session", "emotion", "valence", "arousal", "dominance") if c in table]
    return sha256(table[columns].to_csv(index=False).encode()).hexdigest()[:32]


def _finished(out: Path, settings: dict[str, Any], force: bool) -> bool:
    """Whether the folder holds these faces already; an error where it holds what must not be drawn over."""
    there = _names_in(out) - {f"{ABOUT}.partial"}
    if not there:
        return False
    found: Any = {}
    if ABOUT in there:
        try:
            found = json.loads((out / ABOUT).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError):
            found = None
        except OSError as error:
            raise RunError(f"{out / ABOUT}: cannot be read ({error.strerror or error})") from error
    strange = there - {ABOUT, INDEX, PICTURES} if found is None else not _is_ours(found)
    if strange:
        raise DataError(
            f"{out} is not empty and holds no drawn faces of ours; choose another folder (nothing was changed)"
        )
    if force or (found is not None and found.get("state") == DRAWING):
        return False
    if found == settings:
        return {PICTURES, INDEX} <= there
    differing = [key for key in settings if not isinstance(found, dict) or found.get(key) != settings[key]]
    raise DataError(
        f"{out} holds faces drawn with another {', '.join(differing) or 'setting'}; choose another folder, or "
        "force=True (--force) to draw over them"
    )


def _is_ours(about: Any) -> bool:
    return isinstance(about, dict) and about.get("kind") == KIND


def _names_in(out: Path) -> set[str]:
    """What a folder holds; nothing where there is none, for whether it can be made shows when it is written."""
    try:
        return {entry.name for entry in out.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise RunError(
            f"{out}: not a folder that faces can be drawn into ({error.strerror or error}); choose another"
        ) from error


def _rows(table: pd.DataFrame) -> list[Row]:
    dominance: list[Any] = [None] * len(table)
    if "dominance" in table:
        dominance = [None if np.isnan(d) else float(d) for d in table["dominance"]]
    columns = (table[name].tolist() for name in ("person", "session", "frame", "valence", "arousal"))
    return list(zip(*columns, dominance, strict=True))


def _index(table: pd.DataFrame, rows: list[Row], seed: int, size: int) -> pd.DataFrame:
    index = table[["id", "person", "session"]].copy()
    index["image"] = table["person"] + "/" + table["id"] + ".png"
    for column in ("emotion", "valence", "arousal", "dominance"):
        if column in table:
            index[column] = table[column]
    index["label_kind"] = "rated"
    index["width"] = index["height"] = size
    index["frame"] = table["frame"]
    truth = np.array([nuisance(_parameters(seed, row)) for row in rows]).round(5)
    return index.join(pd.DataFrame(truth, columns=list(NUISANCE)))


def _parameters(seed: int, row: Row) -> Any:
    person, session, frame, valence, arousal, dominance = row
    return sample_parameters(
        valence, arousal, person=person, session=session, frame=frame, dominance=dominance, seed=seed
    )


def _draw(seed: int, size: int, rows: list[Row]) -> list[bytes]:
    """PNG files of rows; runs in a worker."""
    files = []
    for row in rows:
        buffer = io.BytesIO()
        Image.fromarray(render_face(_parameters(seed, row), size)).save(buffer, "PNG", compress_level=4)
        files.append(buffer.getvalue())
    return files


def _drawn(rows: list[Row], seed: int, size: int, workers: int) -> Iterator[list[bytes]]:
    """PNG files, a chunk of rows at a time and in order."""
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    if workers == 1 or len(rows) <= _ALONE:
        yield from (_draw(seed, size, chunk) for chunk in chunks)
        return
    with worker_pool(min(workers, len(chunks))) as pool:
        waiting: deque[Future[list[bytes]]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_draw, seed, size, chunk))
                if len(waiting) > 3 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _write_pictures(
    path: Path,
    table: pd.DataFrame,
    rows: list[Row],
    seed: int,
    size: int,
    workers: int | None,
    progress: Callable[[int, int, str], None] | None,
) -> None:
    names = (table["person"] + "/" + table["id"] + ".png").tolist()

    def write(partial: Path) -> None:
        done = 0
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for files in _drawn(rows, seed, size, workers or os.cpu_count() or 1):
                for content in files:
                    archive.writestr(zipfile.ZipInfo(names[done], _EPOCH), content)
                    done += 1
                if progress is not None:
                    progress(done, len(rows), "faces drawn")

    write_atomic(path, write)
