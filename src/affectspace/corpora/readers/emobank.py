"""EmoBank: English sentences with valence, arousal and dominance, of readers and of writers.

``emobank.csv`` (id, split, V, A, D, text), ``reader.csv`` and ``writer.csv`` (id, V, A, D, stdV, stdA, stdD, N), on 1..5. A
sentence may be the word "NA".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import axis_columns
from affectspace.errors import DataError
from affectspace.tables.reading import read_table, to_numbers

_SCALE = SCALES["emobank"]
_LETTERS = dict(zip(AXES, "VAD", strict=True))
_PARTS = {"train": "train", "dev": "validation", "test": "test"}


def read_emobank(root: Path) -> Corpus:
    """Read EmoBank. document (extra) is the text that a sentence is from; the headlines of SemEval count as one document.

    root: the folder of emobank.csv, or the file. ratings has a row for each sentence and perspective (channel reader or
    writer): canonical means, the raters' standard deviations (sd_valence, ...) in the same unit, and the number n of raters.
    """
    path = root / "emobank.csv" if root.is_dir() else root
    if not path.is_file() and (root / "corpus" / "emobank.csv").is_file():
        path = root / "corpus" / "emobank.csv"
    cells = read_table(path, ("id", "split", "V", "A", "D", "text"))
    unknown = sorted(set(cells["split"]) - set(_PARTS))
    if unknown:
        raise DataError(f"{path}: split is {unknown[0]!r}; parts are {', '.join(_PARTS)}")
    documents = document_of(cells["id"])
    notes = [
        f"{documents.nunique():,} documents (the {int((documents == 'SemEval').sum()):,} headlines of SemEval count as one); "
        "the published parts share documents, the split `document` keeps them apart"
    ]
    return Corpus.build(
        "emobank",
        {"id": cells["id"].tolist(), "text": cells["text"]},
        {"document": documents, "split": cells["split"].map(_PARTS)},
        where=path,
        scale=_SCALE,
        native=_native(cells, path),
        ratings=_ratings(path.parent, set(cells["id"]), notes),
        notes=notes,
    )


def document_of(ids: pd.Series) -> pd.Series:
    """Return the document in an id: the id without the two offsets, or the one number of a headline, at its end."""
    return ids.str.replace(r"_\d+_\d+$", "", regex=True).str.replace(r"^SemEval_\d+$", "SemEval", regex=True)


def _native(cells: pd.DataFrame, path: Path) -> dict[str, np.ndarray]:
    return {axis: to_numbers(cells[letter], letter, path) for axis, letter in _LETTERS.items()}


def _ratings(folder: Path, ids: set[str], notes: list[str]) -> pd.DataFrame | None:
    frames = []
    for channel in ("reader", "writer"):
        path = folder / f"{channel}.csv"
        if not path.is_file():
            notes.append(f"no {path.name} found: no ratings of the {channel}s")
            continue
        cells = read_table(path, ("id", "V", "A", "D", "stdV", "stdA", "stdD", "N"))
        columns: dict[str, Any] = {"id": cells["id"], "channel": channel}
        columns |= axis_columns(_SCALE, _native(cells, path), rows=cells["id"].tolist(), where=str(path))
        for (axis, letter), (low, high) in zip(_LETTERS.items(), _SCALE.ranges, strict=True):
            columns[f"sd_{axis}"] = to_numbers(cells[f"std{letter}"], f"std{letter}", path) / ((high - low) / 2)
        columns["n"] = to_numbers(cells["N"], "N", path).astype(np.int64)
        frame = pd.DataFrame(columns)
        known = frame["id"].isin(ids)
        if not known.all():
            notes.append(
                f"{int((~known).sum()):,} ratings in {path.name} are of sentences that the corpus does not have"
            )
        frames.append(frame[known])
    return pd.concat(frames, ignore_index=True) if frames else None
