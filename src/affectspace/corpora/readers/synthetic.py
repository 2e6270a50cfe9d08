"""The corpora that `make_faces` and `make_speakers` write.

The folder has ``index.csv``, ``corpus.json`` (the settings, with a "state" until everything is made), and ``faces.zip`` or
``{text,audio,video}/<session>/<id>.{txt,wav,mp4}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from affectspace.affect import AXES, SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.registry import ABOUT, KINDS
from affectspace.corpora.schema import COLUMNS, MEDIA_KINDS, TEXT_COLUMNS
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError, counted
from affectspace.media.files import open_media
from affectspace.tables.formats import read_json
from affectspace.tables.reading import read_table

PICTURES, INDEX = "faces.zip", "index.csv"
_SPEAKER_TEXT = ("id", "person", "session", "dialogue", "text", "audio", "video", "emotion", "label_kind", "topic")


def read_faces(root: Path) -> Corpus:
    """Read drawn faces. Valence and arousal, and the columns of pose, light, place and person, are the true values."""
    index = _read_index(root, "faces", ("id", "person", "session", "image", "valence", "arousal", "label_kind"))
    notes = ["drawn faces: valence and arousal are the true values of each picture"]
    return _build(root, "faces", index, root / PICTURES, notes)


def read_speakers(root: Path) -> Corpus:
    """Read synthetic speakers. Valence, arousal and dominance are true; emotion is the nearest term of Russell & Mehrabian.

    Further columns hold the true values of what is private to a modality: topic, turn, the person's voice and home base, the
    microphone, the place.
    """
    index = _read_index(root, "speakers", (*_SPEAKER_TEXT, *AXES))
    notes = ["synthetic people: valence, arousal and dominance are the true values of each utterance"]
    for kind in ("text", "audio", "video"):
        lacking = int(index[kind].isna().sum())
        if lacking:
            notes.append(f"{counted(lacking, 'row')} without {kind}, as requested")
    return _build(root, "speakers", index, root, notes)


def read_about(root: Path, name: str) -> dict[str, Any]:
    """Return corpus.json. Raises DataError if the folder is not one of this kind."""
    about = read_json(root / ABOUT)
    if not isinstance(about, dict) or about.get("kind") != KINDS[name]:
        raise DataError(f"{root / ABOUT}: this does not describe {KINDS[name]}; {_remedy(name)}")
    return about


def _remedy(name: str) -> str:
    return f"make them with `affectspace corpus make {name} OUT`"


def _read_index(root: Path, name: str, needed: tuple[str, ...]) -> pd.DataFrame:
    files = (ABOUT, INDEX, *((PICTURES,) if name == "faces" else ()))
    about = read_about(root, name) if (root / ABOUT).is_file() else {}
    if "state" in about:
        raise DataError(
            f"{root}: the {KINDS[name]} are not finished; if no other command is making them, run `affectspace corpus make "
            f"{name} {root}` again with the same options"
        )
    absent = [file for file in files if not (root / file).is_file()]
    if absent:
        raise DataError(f"{root}: no {', '.join(absent)}: not a folder of {KINDS[name]}; {_remedy(name)}")
    texts = [*TEXT_COLUMNS, "topic"]
    index = read_table(root / INDEX, needed, texts=texts)
    for name_of_column in index.columns.intersection(texts):
        index[name_of_column] = index[name_of_column].replace("", None)
    if about.get("rows") != len(index):
        raise DataError(f"{root / INDEX}: {len(index)} rows, but {ABOUT} states {about.get('rows')}; {_remedy(name)}")
    return index


def _build(root: Path, name: str, index: pd.DataFrame, media: Path, notes: list[str]) -> Corpus:
    where = root / INDEX
    with open_media(media) as opened:
        for kind in MEDIA_KINDS:
            paths = index[kind].dropna().tolist() if kind in index else []
            absent = [path for path, present in zip(paths, opened.present(paths), strict=True) if not present]
            if absent:
                raise DataError(
                    f"{media}: {len(absent)} {kind} files in {INDEX} are missing, the first is {absent[0]!r}; {_remedy(name)}"
                )
    native = {axis: index[axis] for axis in AXES if axis in index}
    columns = {column: index[column] for column in TEXT_COLUMNS if column in index} | {"id": index["id"].tolist()}
    if "emotion" in index:
        columns["emotion"] = parse_emotions(index["emotion"].tolist(), where=str(where))
    extras = {str(column): index[column] for column in index if column not in COLUMNS}
    scale = SCALES["canonical"].select(tuple(native))
    return Corpus.build(name, columns, extras, where=where, scale=scale, native=native, notes=notes, media=media)
