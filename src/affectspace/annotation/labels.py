"""Positions of emotions among the classes, and discrete levels of continuous values."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.annotation.sampling import in_blocks
from affectspace.emotions import is_missing, suggestions
from affectspace.errors import ConfigError, DataError

MOST_LEVELS = 1_000_000  # for each unit
_FEW = 32  # classes up to which comparing a fixed-width array with each of them is faster than hashing every element


def encode(emotions: Any, classes: np.ndarray) -> np.ndarray:
    """Return the position of each emotion in `classes`, (n,) int16; -1 where it is missing (None, NaN, "").

    Raises DataError for an unknown name; the message gives its row and the most similar names.
    """
    if hasattr(emotions, "cat"):  # a pandas Series of categories: encode the categories, not the rows
        categories = encode(np.asarray(emotions.cat.categories, dtype=object), classes)
        return np.append(categories, np.int16(-1))[emotions.cat.codes.to_numpy()]
    if isinstance(emotions, str):
        raise DataError(f"emotions must be a sequence with one name for each row, not the single name {emotions!r}")
    if isinstance(emotions, np.ndarray) and emotions.ndim != 1:
        raise DataError(f"emotions must have the shape (n,), got {emotions.shape}")
    if isinstance(emotions, np.ndarray) and emotions.dtype.kind == "U" and len(classes) <= _FEW:
        return _encode_text(emotions, classes)
    values = emotions.tolist() if hasattr(emotions, "tolist") else list(emotions)
    known = {name: position for position, name in enumerate(classes.tolist())}
    try:
        if len(known) <= 256:  # bytes() is the fastest way from an iterator of small integers to an array
            return np.frombuffer(bytes(map(known.__getitem__, values)), dtype=np.uint8).astype(np.int16)
        return np.fromiter(map(known.__getitem__, values), dtype=np.int16, count=len(values))
    except (KeyError, TypeError):  # rare: missing or unknown names
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
    return DataError(f"row {row}: unknown emotion {value!r}; {suggestions(value, [str(item) for item in classes])}")


def to_levels(vad: Any, steps: int = 10, *, offset: int = 0) -> np.ndarray:
    """Round values to levels: round(steps * x) + offset, halves away from zero.

    Parameters
    ----------
    vad : array_like
        Values without NaN. Those beyond [-1, 1] are rounded in the same way, not clipped.
    steps : int
        Levels for each unit. On [-1, 1] ten steps give the 21 levels -10..10, as in AFEW-VA.
    offset : int
        Added to the levels; 10 makes them the classes 0..20.

    Returns
    -------
    ndarray of int64 of the same shape

    Raises
    ------
    DataError
        If a value is NaN or infinite.
    ConfigError
        If `steps` is not from 1 to 1,000,000.

    Examples
    --------
    >>> from affectspace.annotation import to_levels
    >>> to_levels([0.05, -0.25, 1.0])
    array([ 1, -3, 10])
    """
    if not 1 <= steps <= MOST_LEVELS:
        raise ConfigError(f"steps is {steps}: give a number of levels from 1 to {MOST_LEVELS:,}")
    values = np.asarray(vad, dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"row {row} is NaN or infinite, so it has no level; leave such rows out")
    # The last bits of steps * x are noise (10 * 0.35 may be 3.4999999999999996): a half is meant to be a half.
    scaled = np.round(np.abs(values) * steps, 9)
    return (np.copysign(np.floor(scaled + 0.5), values)).astype(np.int64) + offset


def require_emotions(y: Any) -> None:
    """Raise DataError for a missing name. Scikit-learn checks the rest."""
    if isinstance(y, list) or getattr(getattr(y, "dtype", None), "kind", "") == "O":
        missing = [i for i, label in enumerate(y) if label is None or (isinstance(label, str) and not label.strip())]
        if missing:
            raise DataError(f"row {missing[0]} has no emotion; leave such rows out ({len(missing)} in all) before fit")


def require_finite(vad: np.ndarray, names: tuple[str, ...]) -> None:
    """Raise DataError, which names row and axis, for NaN and infinity."""
    bad = ~np.isfinite(vad)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        name = names[column] if column < len(names) else f"column {column}"
        count = int(bad.any(axis=1).sum())
        raise DataError(f"row {row}: {name} is NaN or infinity (inf); leave such rows out ({count} in all)")
