"""Emotion names to positions among the classes, fast for millions of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.annotation.blocks import in_blocks
from affectspace.emotions import is_missing, nearest
from affectspace.errors import DataError

_FEW = 32  # up to so many classes, comparing a fixed-width array with each class beats hashing every element


def encode(emotions: Any, classes: np.ndarray) -> np.ndarray:
    """The position of each emotion in `classes`, int16 of shape (n,); -1 where it is missing (None, NaN, "").

    Raises DataError for a name that is no class, with its row, the nearest and all known ones.
    """
    if hasattr(emotions, "cat"):  # a pandas Series of categories: encode the categories, not the rows
        categories = encode(np.asarray(emotions.cat.categories, dtype=object), classes)
        return np.append(categories, np.int16(-1))[emotions.cat.codes.to_numpy()]
    if isinstance(emotions, str):
        raise DataError(f"emotions must be a sequence of names, one a row, not the one name {emotions!r}")
    if isinstance(emotions, np.ndarray) and emotions.ndim != 1:
        raise DataError(f"emotions must be of shape (n,), got {emotions.shape}")
    if isinstance(emotions, np.ndarray) and emotions.dtype.kind == "U" and len(classes) <= _FEW:
        return _encode_text(emotions, classes)
    values = emotions.tolist() if hasattr(emotions, "tolist") else list(emotions)
    known = {item: position for position, item in enumerate(classes.tolist())}
    try:
        if len(known) <= 256:  # bytes() is the fastest way from an iterator of small numbers into an array
            return np.frombuffer(bytes(map(known.__getitem__, values)), dtype=np.uint8).astype(np.int16)
        return np.fromiter(map(known.__getitem__, values), dtype=np.int16, count=len(values))
    except (KeyError, TypeError):  # rare: missing ones, or an unknown one
        codes = np.full(len(values), -1, dtype=np.int16)
        for row, value in enumerate(values):
            if not is_missing(value):
                if value.__hash__ is None or value not in known:
                    raise _unknown(row, value, classes) from None
                codes[row] = known[value]
        return codes


def _encode_text(emotions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    codes = np.full(len(emotions), -1, dtype=np.int16)

    def block(start: int, stop: int) -> None:
        part, out = emotions[start:stop], codes[start:stop]
        for position, name in enumerate(classes.tolist()):
            np.putmask(out, part == str(name), position)

    in_blocks(block, len(emotions))
    for row in np.flatnonzero(codes < 0).tolist():
        if not is_missing(str(emotions[row])):
            raise _unknown(row, str(emotions[row]), classes)
    return codes


def _unknown(row: int, value: Any, classes: np.ndarray) -> DataError:
    return DataError(f"row {row}: unknown emotion {value!r}; {nearest(value, [str(item) for item in classes])}")
