"""Continuous values to discrete levels and back (line 5 of Algorithm 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.errors import DataError


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
