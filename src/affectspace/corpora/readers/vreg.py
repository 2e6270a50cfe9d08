"""SemEval-2018 Task 1, V-reg: English tweets with valence in [0, 1].

``[2018-]Valence-reg-En-{train,dev,test-gold}.txt``: tab-separated, never quoted; ID, Tweet, Affect Dimension, Intensity
Score.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import numbers, read_cells, visible
from affectspace.corpora.schema import ReadReport, axis_columns, build_table
from affectspace.errors import DataError

LICENCE = "research only; the texts are Twitter's and their writers'"
CITATION = (
    "Mohammad, S., Bravo-Marquez, F., Salameh, M., Kiritchenko, S. (2018). SemEval-2018 Task 1: affect in "
    "tweets. SemEval."
)
_PARTS = {"train": "train", "dev": "validation", "test": "test"}
_SCORE = "Intensity Score"


def read_vreg(root: Path) -> Corpus:
    """Read the tweets with a valence; those of a test list without gold scores (NONE) are left out and counted.

    root: the folder of the lists, or one list. Raises DataError for another layout, a dimension that is not valence and
    scores outside 0..1.
    """
    paths = visible(root, "*Valence-reg-En-*.txt") if root.is_dir() else [root]
    if not paths:
        raise DataError(f"{root}: no V-reg here; expected Valence-reg-En-train.txt and its like")
    scored = []
    without = 0
    for path in paths:
        cells = read_cells(path, ("ID", "Tweet", "Affect Dimension", _SCORE), separator="\t", quoted=False)
        other = cells["Affect Dimension"] != "valence"
        if other.any():
            row = int(other.to_numpy().argmax())
            raise DataError(f"{path}: row {row + 1}: the dimension is {cells['Affect Dimension'][row]!r}, not valence")
        gold = cells[_SCORE] != "NONE"
        without += int((~gold).sum())
        cells = cells[gold].reset_index(drop=True)
        native = {"valence": numbers(cells[_SCORE], _SCORE, path)}
        axes = axis_columns(SCALES["vreg"], native, rows=cells["ID"].tolist(), where=str(path))
        scored.append(cells.assign(valence=axes["valence"], split=_part(path)))
    frame = pd.concat(scored, ignore_index=True)
    columns = {"id": frame["ID"], "text": frame["Tweet"], "valence": frame["valence"]}
    table = build_table("vreg", columns, {"split": frame["split"]}, where=str(root))
    left_out = {"no gold score": without} if without else {}
    return Corpus("vreg", table, SCALES["vreg"], LICENCE, CITATION, ReadReport(len(table), left_out))


def _part(path: Path) -> str:
    for word, part in _PARTS.items():
        if f"-{word}" in path.stem.lower():
            return part
    raise DataError(f"{path}: its name does not say which part it is; expected -train, -dev or -test in it")
