"""Berlin EmoDB: ten actors speak ten German sentences in seven emotions.

``wav/03a01Fa.wav``, or flat and as FLAC: speaker (2), sentence (3), emotion (1), version (1). The shares of listeners who
recognised the emotion and found it natural are in ``erkennung.txt`` (tab-separated, Latin-1, decimal commas) or
``manifest.csv``.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import AUDIO, duplicate_reason, files_below, subfolder_notes
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError
from affectspace.tables.reading import read_table, to_numbers

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
_WOMEN = ("08", "09", "13", "14", "16")


def read_emodb(root: Path) -> Corpus:
    """Read EmoDB. person is the speaker, sentence (extra) its code; recognised and natural are shares of listeners, 0..1.

    root: the folder that holds wav/, or the recordings. Of two recordings with the same name, the first is read and the
    other counted.
    """
    left_out: Counter[str] = Counter()
    recordings: dict[str, str] = {}
    for path in files_below(root, AUDIO):
        if _NAME.fullmatch(path.stem) is None:
            left_out["a file whose name is not speaker, sentence, emotion, version"] += 1
        elif path.stem in recordings:
            left_out[duplicate_reason(path, recordings[path.stem])] += 1
        else:
            recordings[path.stem] = path.relative_to(root).as_posix()
    if not recordings:
        raise DataError(f"{root}: no EmoDB here; expected files such as wav/03a01Fa.wav")
    ids = list(recordings)
    shares, notes = _listeners(root)
    columns = {
        "id": ids,
        "person": [name[:2] for name in ids],
        "audio": list(recordings.values()),
        "emotion": parse_emotions([name[5] for name in ids], "emodb", str(root), rows=ids),
    }
    unknown = (np.nan, np.nan)
    extras = {
        "gender": ["female" if name[:2] in _WOMEN else "male" for name in ids],
        "sentence": [name[2:5] for name in ids],
        "version": [name[6] for name in ids],
        "recognised": [shares.get(name, unknown)[0] for name in ids],
        "natural": [shares.get(name, unknown)[1] for name in ids],
    }
    notes += subfolder_notes(recordings.values(), "wav")
    return Corpus.build("emodb", columns, extras, where=root, left_out=left_out, notes=notes, media=root)


def _listeners(root: Path) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Name -> shares of listeners who recognised the emotion and found it natural."""
    path = root / "manifest.csv"
    if path.is_file():
        cells = read_table(path, ("file", "recognised_pct", "natural_pct"))
        names = cells["file"].tolist()
        columns = [cells[name].tolist() for name in ("recognised_pct", "natural_pct")]
    elif (path := root / "erkennung.txt").is_file():
        lines = path.read_bytes().decode("latin-1").splitlines()[1:]
        rows = [[field.strip("\xa0 ") for field in line.split("\t")] for line in lines if line.strip()]
        if any(len(row) < 4 for row in rows):
            raise DataError(f"{path}: every line needs number, recording, recognised, natural, separated by tabs")
        names, columns = [row[1] for row in rows], [[row[i].replace(",", ".") for row in rows] for i in (2, 3)]
    else:
        return {}, ["neither erkennung.txt nor manifest.csv found: judgements of listeners are not known"]
    recognised, natural = (to_numbers(column, "share", path) / 100 for column in columns)
    return {Path(name).stem: (r, n) for name, r, n in zip(names, recognised, natural, strict=True)}, []
