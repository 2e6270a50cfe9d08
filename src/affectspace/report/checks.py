"""Checks of what figures and reports receive. All raise DataError, which says what is wrong and what to give."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affectspace.errors import DataError


def check_interval(low: float | None, high: float | None, where: str) -> None:
    """Require both ends of an interval or neither, in order. NaN counts as unknown."""
    if (low is None) != (high is None):
        raise DataError(f"{where} has only one end of its interval (low={low}, high={high}); give both or neither")
    if low is not None and high is not None and low > high:
        raise DataError(f"{where} has an interval from {low} to {high}; low must not be above high")


def check_digits(digits: int, where: str) -> None:
    """Require a number of decimals that can be printed."""
    if not 0 <= digits <= 12:
        raise DataError(f"{where} has {digits} decimals; give 0 to 12")


def check_choice(value: str, choices: Sequence[str], where: str) -> None:
    """Require one of the choices."""
    if value not in choices:
        raise DataError(f"{where} is {value!r}; choose one of {', '.join(choices)}")


def checked_array(values: Any, shape: tuple[int | str, ...], what: str) -> np.ndarray:
    """Return finite floats of a shape, in which a name such as "n" stands for any size above 0."""
    array = np.asarray(values, dtype=float)
    _check_shape(array, shape, what)
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(f"{what}: row {row} is {array[row].tolist()}; leave out rows without a value")
    return array


def checked_images(values: Any, shape: tuple[int | str, ...], what: str) -> np.ndarray:
    """Return uint8 RGB pictures of a shape, as `checked_array`."""
    array = np.asarray(values)
    if array.dtype != np.uint8:
        raise DataError(f"{what}: type {array.dtype}; give uint8 (multiply by 255 and round if values are on 0..1)")
    _check_shape(array, shape, what)
    return array


def check_not_empty(content: Mapping[Any, Any] | Sequence[Any], form: str) -> None:
    """Require something to draw. form : for the message"""
    if not content:
        raise DataError(f"there is nothing to draw; give {form}")


def _check_shape(array: np.ndarray, shape: tuple[int | str, ...], what: str) -> None:
    fits = array.ndim == len(shape) and 0 not in array.shape
    if not fits or any(
        isinstance(size, int) and size != actual for size, actual in zip(shape, array.shape, strict=True)
    ):
        raise DataError(f"{what}: shape {array.shape}; give ({', '.join(map(str, shape))})")
