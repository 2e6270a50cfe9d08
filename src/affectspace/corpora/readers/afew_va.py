"""AFEW-VA: valence and arousal of every frame of 600 film clips.

Official layout: ``NNN/NNN.json`` with ``NNN/FFFFF.png``; the JSON has actor, video_id and frames -> arousal, valence,
landmarks. Labels alone: ``labels.json``, ``NNN_FFFFF`` -> [valence, arousal]. Integers -10..10.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import ReadReport, axis_columns, build_table
from affectspace.errors import DataError
from affectspace.tables.messages import reason

LICENCE = "research only; ask its owners (iBUG, Imperial College London) for other use"
CITATION = (
    "Kossaifi, J., Tzimiropoulos, G., Todorovic, S., Pantic, M. (2017). AFEW-VA database for valence and arousal "
    "estimation in-the-wild. Image and Vision Computing 65."
)
_CLIP = "[0-9][0-9][0-9].json"
_Columns = dict[str, list[Any]]


def read_afew_va(root: Path) -> Corpus:
    """Read AFEW-VA. person is the actor (in labels.json, which names none, the clip), session the clip.

    root: the folder of the clips, one clip's folder, or a folder with (or the file) labels.json. Frames without an
    image or a label are left out and counted; where no clip has any image, the labels are read alone. Landmarks are not
    kept. Raises DataError for another layout, for JSON that cannot be read and for values outside -10..10.
    """
    found = _find_clips(root)
    labels = root / "labels.json" if root.is_dir() else root
    if found:
        columns, report = _read_clips(root, found)
        where, media = str(root), None if not any(columns["image"]) else root
    elif labels.is_file() and labels.suffix == ".json":
        columns, report = _read_labels(labels)
        where, media = str(labels), None
    else:
        raise DataError(f"{root}: no AFEW-VA here; expected NNN/NNN.json with NNN/FFFFF.png, or labels.json")
    scale = SCALES["afew_va"]
    native = {axis: columns.pop(axis) for axis in ("valence", "arousal")}
    axes = axis_columns(scale, native, rows=columns["id"], where=where)
    extras = {"frame": columns.pop("frame")}
    table = build_table("afew_va", {**columns, **axes}, extras, where=where)
    return Corpus("afew_va", table, scale, LICENCE, CITATION, report, media)


def _find_clips(root: Path) -> list[Path]:
    """The clips' JSON files: the folder of one clip, NNN/NNN.json, or those one folder down (the parts of the
    release)."""
    if not root.is_dir():
        return []
    for pattern in (f"*/{_CLIP}", f"*/*/{_CLIP}"):
        found = sorted(path for path in root.glob(pattern) if path.parent.name == path.stem)
        if found:
            return found
    return sorted(root.glob(_CLIP))


def _empty() -> _Columns:
    return {name: [] for name in ("id", "person", "session", "image", "frame", "valence", "arousal")}


def _add(columns: _Columns, **values: Any) -> None:
    for name, value in values.items():
        columns[name].append(value)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise DataError(
            f"{path}: not JSON that can be read ({reason(error)}); copy it again from the corpus"
        ) from error


def _read_clips(root: Path, paths: list[Path]) -> tuple[_Columns, ReadReport]:
    columns, left_out, repaired = _empty(), Counter[str](), Counter[str]()
    images: list[str | None] = []
    for path in paths:
        document = _read_json(path)
        frames = document.get("frames") if isinstance(document, dict) else None
        if not isinstance(frames, dict):
            raise DataError(f"{path}: no frames; expected actor, video_id and frames -> valence, arousal")
        clip = path.stem
        actor = str(document.get("actor") or "").strip()
        if not actor:
            actor = f"unknown actor of clip {clip}"
            repaired["frames of a clip without an actor, who is taken for a person of their own"] += len(frames)
        files = {file.name for file in path.parent.glob("*.png")}
        for frame in sorted(frames):
            label = frames[frame]
            valence, arousal = (_number(label, axis, path, frame) for axis in ("valence", "arousal"))
            if valence is None and arousal is None:
                left_out["a frame without valence and arousal"] += 1
                continue
            name = f"{frame}.png"
            images.append((path.parent.relative_to(root) / name).as_posix() if name in files else None)
            _add(
                columns, id=f"{clip}_{frame}", person=actor, session=clip, frame=frame, valence=valence, arousal=arousal
            )
    notes = [f"{len(paths):,} clips"]
    columns["image"] = images
    if any(images):
        kept = [i for i, image in enumerate(images) if image is not None]
        if len(kept) < len(images):
            left_out["the frame's image is missing"] += len(images) - len(kept)
        columns = {name: [values[i] for i in kept] for name, values in columns.items()}
    else:
        notes.append("no frame has an image here: labels alone")
    return columns, ReadReport(len(columns["id"]), dict(left_out), dict(repaired), notes)


def _number(label: Any, axis: str, path: Path, frame: str) -> float | None:
    value = label.get(axis) if isinstance(label, dict) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{path}: frame {frame}: {axis} is {value!r}; expected a number from -10 to 10")
    return float(value)


def _read_labels(path: Path) -> tuple[_Columns, ReadReport]:
    document = _read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected a JSON object, NNN_FFFFF -> [valence, arousal]")
    columns = _empty()
    for key in sorted(document):
        clip, underscore, frame = key.partition("_")
        pair = document[key]
        if not (underscore and isinstance(pair, list) and len(pair) == 2):
            raise DataError(f"{path}: {key!r} -> {pair!r}; expected NNN_FFFFF -> [valence, arousal]")
        label = {"valence": pair[0], "arousal": pair[1]}
        valence, arousal = (_number(label, axis, path, key) for axis in ("valence", "arousal"))
        _add(columns, id=key, person=clip, session=clip, image=None, frame=frame, valence=valence, arousal=arousal)
    clips = len(set(columns["session"]))
    notes = [f"{clips:,} clips", "labels alone, without actors: a clip counts as a person"]
    return columns, ReadReport(len(columns["id"]), notes=notes)
