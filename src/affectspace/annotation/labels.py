"""Emotion names to class positions, and continuous values to discrete levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.affect import is_missing, nearest
from affectspace.annotation.moments import in_blocks
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


def to_levels(vad: Any, steps: int = 10, *, offset: int = 0) -> np.ndarray:
    """round(steps * x) + offset, halves away from zero, int64 of the same shape.

    On [-1, 1] ten steps give the 21 levels -10..10 (as AFEW-VA writes them); offset 10 makes them the classes 0..20.
    Values beyond [-1, 1] are rounded alike, not clipped. Raises DataError for NaN.
    """
    values = np.asarray(vad, dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"row {row} is NaN or infinite: it has no level; leave out such rows first")
    # The last bits of steps * x are noise (10 * 0.35 is 3.4999999999999996 for some 0.35): a half is meant as a half.
    scaled = np.round(np.abs(values) * steps, 9)
    return (np.copysign(np.floor(scaled + 0.5), values)).astype(np.int64) + offset


def from_levels(levels: Any, steps: int = 10, *, offset: int = 0) -> np.ndarray:
    """The centre of each level, float64 of the same shape: (level - offset) / steps."""
    return (np.asarray(levels, dtype=np.float64) - offset) / steps
