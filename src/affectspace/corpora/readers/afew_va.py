"""AFEW-VA: valence and arousal of every frame of 600 film clips.

Official layout: ``NNN/NNN.json`` with ``NNN/FFFFF.png``; the JSON holds actor, video_id and frames -> arousal, valence,
landmarks. Labels alone: ``labels.json``, ``NNN_FFFFF`` -> [valence, arousal]. All values are integers from -10 to 10.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.errors import DataError, counted
from affectspace.tables.formats import read_json

_CLIP = "[0-9][0-9][0-9].json"
_Rows = list[dict[str, Any]]


def read_afew_va(root: Path) -> Corpus:
    """Read AFEW-VA.

    root: the folder of the clips, the folder of one clip, or a folder with (or the file) labels.json. person is the actor, or
    the clip in labels.json, which has no actors; session is the clip. Frames without an image or a label are left out and
    counted; if no clip has images, only the labels are read. Landmarks are not kept.
    """
    clips = _find_clips(root)
    labels = root / "labels.json" if root.is_dir() else root
    if clips:
        rows, left_out, repaired, notes = _read_clips(root, clips)
    elif labels.is_file() and labels.suffix == ".json":
        rows, left_out, repaired, notes = _read_labels(labels)
    else:
        raise DataError(f"{root}: no AFEW-VA here; expected NNN/NNN.json with NNN/FFFFF.png, or labels.json")
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]} if rows else {"id": []}
    native = {axis: columns.pop(axis, []) for axis in ("valence", "arousal")}
    return Corpus.build(
        "afew_va",
        columns,
        {"frame": columns.pop("frame", [])},
        where=root if clips else labels,
        scale=SCALES["afew_va"],
        native=native,
        left_out=left_out,
        repaired=repaired,
        notes=notes,
        media=root,
    )


def _find_clips(root: Path) -> list[Path]:
    """The clips' JSON files: in the folder of one clip, in NNN/, or one folder deeper (the parts of the release)."""
    if not root.is_dir():
        return []
    for pattern in (f"*/{_CLIP}", f"*/*/{_CLIP}"):
        clips = sorted(path for path in root.glob(pattern) if path.parent.name == path.stem)
        if clips:
            return clips
    return sorted(root.glob(_CLIP))


def _read_clips(root: Path, paths: list[Path]) -> tuple[_Rows, Counter[str], Counter[str], list[str]]:
    rows: _Rows = []
    left_out, repaired = Counter[str](), Counter[str]()
    for path in paths:
        document = read_json(path)
        frames = document.get("frames") if isinstance(document, dict) else None
        if not isinstance(frames, dict):
            raise DataError(f"{path}: no frames; expected actor, video_id and frames -> valence, arousal")
        clip = path.stem
        actor = str(document.get("actor") or "").strip()
        if not actor:
            actor = f"unknown actor of clip {clip}"
            repaired["frames of a clip without an actor, which counts as a person of its own"] += len(frames)
        files = {file.name for file in path.parent.glob("*.png")}
        for frame in sorted(frames):
            valence, arousal = (_number(frames[frame], axis, path, frame) for axis in ("valence", "arousal"))
            if valence is None and arousal is None:
                left_out["a frame without valence and arousal"] += 1
                continue
            name = f"{frame}.png"
            image = (path.parent.relative_to(root) / name).as_posix() if name in files else None
            row = {"id": f"{clip}_{frame}", "person": actor, "session": clip, "image": image, "frame": frame}
            rows.append(row | {"valence": valence, "arousal": arousal})
    notes = [counted(len(paths), "clip")]
    with_image = [row for row in rows if row["image"] is not None]
    if with_image:
        left_out["the frame's image is missing"] += len(rows) - len(with_image)
        rows = with_image
    else:
        notes.append("no frame has an image: labels only")
    return rows, left_out, repaired, notes


def _number(label: Any, axis: str, path: Path, frame: str) -> float | None:
    value = label.get(axis) if isinstance(label, dict) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{path}: frame {frame}: {axis} is {value!r}; expected a number from -10 to 10")
    return float(value)


def _read_labels(path: Path) -> tuple[_Rows, Counter[str], Counter[str], list[str]]:
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected a JSON object, NNN_FFFFF -> [valence, arousal]")
    rows: _Rows = []
    for key in sorted(document):
        clip, underscore, frame = key.partition("_")
        pair = document[key]
        if not (underscore and isinstance(pair, list) and len(pair) == 2):
            raise DataError(f"{path}: {key!r} -> {pair!r}; expected NNN_FFFFF -> [valence, arousal]")
        label = dict(zip(("valence", "arousal"), pair, strict=True))
        row = {"id": key, "person": clip, "session": clip, "image": None, "frame": frame}
        rows.append(row | {axis: _number(label, axis, path, key) for axis in label})
    clips = len({row["session"] for row in rows})
    return (
        rows,
        Counter(),
        Counter(),
        [counted(clips, "clip"), "labels only, without actors: a clip counts as a person"],
    )
