"""Drawn faces in the official layouts of IMFDB and AFEW-VA, to try commands without the licence of these corpora."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.affect import SCALES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.registry import KINDS
from affectspace.errors import ConfigError
from affectspace.files import write_atomic, write_text
from affectspace.processes import map_in_order
from affectspace.progress import Progress, silent
from affectspace.synthetic.faces.labels import SHARES, invented_labels
from affectspace.synthetic.faces.make import ALONE, CHUNK, Row, draw_files
from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.folder import is_finished, write_about

_CLIP = 12  # frames of a clip


def write_imfdb(
    out: str | Path, *, n: int = 1200, people: int = 24, size: int = 64, seed: int = 0, force: bool = False,
    progress: Progress = silent,
) -> Path:  # fmt: skip
    """Draw faces in IMFDB's layout: IMFDB_final/<actor>/<movie>/ with <movie>.txt and images/. They have emotions only.

    Parameters
    ----------
    out : path
        New or empty folder. The same call continues an unfinished one.
    n, people : int
        Number of faces, and of actors, each of whom has two movies.
    size : int
        Pixels of each side.
    seed : int
        The same seed draws the same faces.
    force : bool
        Overwrite other drawn faces in the folder.
    progress : callable
        Called with (done, total, text).

    Returns
    -------
    Path
        The folder. `read_corpus("imfdb", folder)` reads it.

    Raises
    ------
    DataError
        If the folder holds something else.
    ConfigError
        If there are fewer faces than people.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.corpora import read_corpus
    >>> with TemporaryDirectory() as folder:
    ...     table = read_corpus("imfdb", write_imfdb(folder, n=4, people=2, size=32)).table
    >>> table["image"][0]
    'Actor00/Movie000/images/face000000.jpg'
    """
    table = invented_labels(n, people, seed)
    table["actor"] = "Actor" + table["person"].str[2:]
    take = table.groupby("actor").cumcount() // 2 % 2
    table["movie"] = "Movie" + table["person"].str[2:] + take.astype(str)
    images = "IMFDB_final/" + table["actor"] + "/" + table["movie"] + "/images/" + table["id"] + ".jpg"
    unknown: list[float | None] = [None] * n
    rows = list(zip(table["actor"], table["id"], [0] * n, table["valence"], table["arousal"], unknown, strict=True))
    texts = {
        f"IMFDB_final/{actor}/{movie}/{movie}.txt": "".join(_imfdb_line(row, size) for row in own.itertuples())
        for (actor, movie), own in table.groupby(["actor", "movie"])
    }
    settings = {"layout": "imfdb", "seed": seed, "size": size, "rows": n, "people": people}
    return _write(Path(out), settings, texts, images.tolist(), rows, force, progress)


def _imfdb_line(row: Any, size: int) -> str:
    """The 17 fields of a face. The box is the whole picture."""
    who = (row.movie, "2000", row.actor, "MALE" if int(row.person[1:]) % 2 else "FEMALE")
    fields = (row.movie, row.id, f"{row.id}.jpg", 0, 0, size, size, *who, row.emotion.upper())
    return "\t".join(map(str, (*fields, "NONE", "GOOD", "YOUNG", "FRONTAL", "PARTIAL"))) + "\r\n"


def write_afew_va(
    out: str | Path, *, n: int = 1200, people: int = 24, size: int = 64, seed: int = 0, force: bool = False,
    progress: Progress = silent,
) -> Path:  # fmt: skip
    """Draw clips in AFEW-VA's layout: NNN/NNN.json with NNN/FFFFF.png. Every frame has levels of valence and arousal.

    A clip has twelve frames of one actor, who goes from one expression to another. Arguments are those of `write_imfdb`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.corpora import read_corpus
    >>> with TemporaryDirectory() as folder:
    ...     table = read_corpus("afew_va", write_afew_va(folder, n=24, people=2, size=32)).table
    >>> table["image"][0], len(table)
    ('001/00000.png', 24)
    """
    clips = -(-n // _CLIP)
    if people > clips:
        raise ConfigError(f"{n} faces are {clips} clips, too few for {people} people; lower people or raise n")
    random = stream("afew_va", seed, n, people)
    emotions = random.choice(list(SHARES), size=2 * clips, p=list(SHARES.values()))
    ends = AnnotationTransfer.reference("affectnet", distribution="gaussian").sample(
        emotions, random_state=int(random.integers(1 << 31))
    )
    images: list[str] = []
    rows: list[Row] = []
    texts: dict[str, str] = {}
    for clip, (start, end) in enumerate(np.clip(ends, -1, 1).reshape(clips, 2, 2)):
        name, actor = f"{clip + 1:03d}", f"Actor {clip % people:02d}"
        frames = min(_CLIP, n - clip * _CLIP)
        path = start + np.linspace(0, 1, frames)[:, None] * (end - start)
        levels = np.rint(SCALES["afew_va"].to_native(path))
        content: dict[str, Any] = {"actor": actor, "video_id": name, "frames": {}}
        for frame, ((valence, arousal), level) in enumerate(zip(path.tolist(), levels.tolist(), strict=True)):
            content["frames"][f"{frame:05d}"] = {"valence": level[0], "arousal": level[1], "landmarks": []}
            images.append(f"{name}/{frame:05d}.png")
            rows.append((actor, name, frame, valence, arousal, None))
        texts[f"{name}/{name}.json"] = json.dumps(content, indent=1) + "\n"
    settings = {"layout": "afew_va", "seed": seed, "size": size, "rows": n, "people": people}
    return _write(Path(out), settings, texts, images, rows, force, progress)


def _write(
    out: Path, settings: Mapping[str, Any], texts: Mapping[str, str], images: list[str], rows: list[Row], force: bool,
    progress: Progress,
) -> Path:  # fmt: skip
    """Write corpus.json, which says that the faces are drawn, then the pictures, then the texts."""
    out = out.expanduser()
    complete = {"kind": KINDS["faces"], **settings}
    if is_finished(out, "faces", complete, force=force):
        return out
    write_about(out, complete, finished=False)
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    kind = "PNG" if images[0].endswith(".png") else "JPEG"
    done = 0
    draw = partial(draw_files, settings["seed"], settings["size"], kind)
    for files in map_in_order(draw, chunks, 1 if len(rows) <= ALONE else os.cpu_count() or 1):
        for content in files:
            write_atomic(out / images[done], partial(Path.write_bytes, data=content))
            done += 1
        progress(done, len(rows), "faces drawn")
    for name, text in texts.items():
        write_text(out / name, text)
    write_about(out, complete, finished=True)
    return out
