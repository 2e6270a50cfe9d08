"""SemEval-2018 Task 1, V-reg: English tweets with valence in [0, 1].

``[2018-]Valence-reg-En-{train,dev,test-gold}.txt``: tab-separated, never quoted; ID, Tweet, Affect Dimension, Intensity
Score.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import visible_files
from affectspace.corpora.schema import axis_columns
from affectspace.errors import DataError
from affectspace.tables.reading import read_table, to_numbers

_PARTS = {"train": "train", "dev": "validation", "test": "test"}
_DIMENSION, _SCORE = "Affect Dimension", "Intensity Score"


def read_vreg(root: Path) -> Corpus:
    """Read the tweets with a valence. Those of a test list without gold scores (NONE) are left out and counted.

    root: the folder of the lists, or one list.
    """
    paths = visible_files(root, "*Valence-reg-En-*.txt") if root.is_dir() else [root]
    if not paths:
        raise DataError(f"{root}: no V-reg here; expected files such as Valence-reg-En-train.txt")
    frames = []
    left_out = 0
    for path in paths:
        cells = read_table(path, ("ID", "Tweet", _DIMENSION, _SCORE), separator="\t", quoting=False)
        other = cells[_DIMENSION] != "valence"
        if other.any():
            row = int(other.to_numpy().argmax())
            raise DataError(f"{path}: row {row + 1}: the dimension is {cells[_DIMENSION][row]!r}, not valence")
        gold = cells[_SCORE] != "NONE"
        left_out += int((~gold).sum())
        cells = cells[gold].reset_index(drop=True)
        native = {"valence": to_numbers(cells[_SCORE], _SCORE, path)}
        axes = axis_columns(SCALES["vreg"], native, rows=cells["ID"].tolist(), where=str(path))
        frames.append(cells.assign(valence=axes["valence"], split=_part(path)))
    frame = pd.concat(frames, ignore_index=True)
    columns = {"id": frame["ID"], "text": frame["Tweet"], "valence": frame["valence"]}
    extras, counts = {"split": frame["split"]}, {"no gold score": left_out}
    return Corpus.build("vreg", columns, extras, where=root, scale=SCALES["vreg"], left_out=counts)


def _part(path: Path) -> str:
    for word, part in _PARTS.items():
        if f"-{word}" in path.stem.lower():
            return part
    raise DataError(f"{path}: the file name must contain -train, -dev or -test")
