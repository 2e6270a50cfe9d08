"""EmoBank: English sentences with valence, arousal and dominance, of readers and of writers.

``emobank.csv`` (id, split, V, A, D, text), ``reader.csv`` and ``writer.csv`` (id, V, A, D, stdV, stdA, stdD, N), 1..5. A
sentence may be the word "NA".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import numbers, read_cells
from affectspace.corpora.schema import ReadReport, axis_columns, build_table
from affectspace.errors import DataError

LICENCE = "CC BY-SA 4.0"
CITATION = (
    "Buechel, S., Hahn, U. (2017). EmoBank: studying the impact of annotation perspective and representation format on "
    "dimensional emotion analysis. EACL."
)
_LETTERS = dict(zip(AXES, "VAD", strict=True))
_PARTS = {"train": "train", "dev": "validation", "test": "test"}


def read_emobank(root: Path) -> Corpus:
    """Read EmoBank. document (extra) is the text that a sentence is from; the headlines of SemEval count as one.

    root: the folder of emobank.csv, or the file. ratings: a row a sentence and perspective (channel reader, writer):
    canonical means, their raters' standard deviations (sd_valence, ...) in the same unit, and n raters; absent where
    neither file is there. Raises DataError for another layout, values outside 1..5 and unknown parts.
    """
    path = root / "emobank.csv" if root.is_dir() else root
    if not path.is_file() and (root / "corpus" / "emobank.csv").is_file():
        path = root / "corpus" / "emobank.csv"
    cells = read_cells(path, ("id", "split", "V", "A", "D", "text"))
    unknown = sorted(set(cells["split"]) - set(_PARTS))
    if unknown:
        raise DataError(f"{path}: split is {unknown[0]!r}; parts are {', '.join(_PARTS)}")
    ids = cells["id"].tolist()
    native = {axis: numbers(cells[letter], letter, path) for axis, letter in _LETTERS.items()}
    axes = axis_columns(SCALES["emobank"], native, rows=ids, where=str(path))
    extras = {"document": document_of(cells["id"]), "split": cells["split"].map(_PARTS)}
    table = build_table("emobank", {"id": ids, "text": cells["text"], **axes}, extras, where=str(path))
    headlines = int((table["document"] == "SemEval").sum())
    notes = [
        f"{table['document'].nunique():,} documents (the {headlines:,} headlines of SemEval count as one); the published parts "
        "share them, `document` keeps them apart"
    ]
    ratings = _ratings(path.parent, set(ids), notes)
    report = ReadReport(len(table), notes=notes)
    return Corpus("emobank", table, SCALES["emobank"], LICENCE, CITATION, report, None, ratings)


def document_of(ids: pd.Series) -> pd.Series:
    """The document in an id: without the two offsets, or the one number of a headline, at its end."""
    return ids.str.replace(r"_\d+_\d+$", "", regex=True).str.replace(r"^SemEval_\d+$", "SemEval", regex=True)


def _ratings(folder: Path, known: set[str], notes: list[str]) -> pd.DataFrame | None:
    frames = []
    for channel in ("reader", "writer"):
        path = folder / f"{channel}.csv"
        if not path.is_file():
            notes.append(f"no {path.name} beside it: no ratings of the {channel}s")
            continue
        cells = read_cells(path, ("id", "V", "A", "D", "stdV", "stdA", "stdD", "N"))
        native = {axis: numbers(cells[letter], letter, path) for axis, letter in _LETTERS.items()}
        built: dict[str, Any] = {"id": cells["id"], "channel": channel}
        built |= axis_columns(SCALES["emobank"], native, rows=cells["id"].tolist(), where=str(path))
        for axis, letter in _LETTERS.items():
            low, high = SCALES["emobank"].ranges[AXES.index(axis)]
            built[f"sd_{axis}"] = np.array(numbers(cells[f"std{letter}"], f"std{letter}", path)) / ((high - low) / 2)
        built["n"] = np.array(numbers(cells["N"], "N", path)).astype(np.int64)
        frame = pd.DataFrame(built)
        of_sentences = frame["id"].isin(known)
        if not of_sentences.all():
            notes.append(f"{int((~of_sentences).sum()):,} ratings of {path.name} are of sentences that are not in it")
        frames.append(frame[of_sentences])
    return pd.concat(frames, ignore_index=True) if frames else None
