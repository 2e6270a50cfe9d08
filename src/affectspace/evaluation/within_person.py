"""A difference within people and conditions, such as of predicted arousal between strong and normal acting of one emotion."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    by_seed,
    known_labels,
    plain_labels,
    require_finite,
    require_rows,
    require_same_length,
)
from affectspace.evaluation.intervals import Interval
from affectspace.evaluation.significance import sign_flip_test, t_interval


@dataclass(frozen=True)
class WithinPerson:
    """The mean difference over people with its t interval, and how it is spread.

    p : two-sided, sign-flip over people. people, differences : (g,) names and each one's difference. effect : mean over sd
    of the differences. share_above : of people whose difference is above 0.
    """

    interval: Interval
    p: float
    people: NDArray
    differences: Floats
    effect: float
    share_above: float


def within_person_difference(
    values: Any,
    people: ArrayLike,
    contrast: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> WithinPerson:
    """Mean value where `contrast` is 1 less where it is 0, within person and stratum, then over strata, then over people.

    values : (n,), such as predicted arousal, or a list, one per seed, averaged; out of fold where people were trained on.
    people : (n,). contrast : (n,) bool or 0 / 1, None or NaN left out. strata : (n,), such as the emotion.

    A stratum in which a person lacks a side takes no part (RAVDESS has no strong neutral); strata weigh alike, people weigh
    alike. Raises DataError for values that are not finite, another contrast, or fewer than two people with both sides.
    """
    seeds = [as_floats(one, "values") for one in by_seed(values)]
    for one in seeds:
        if one.ndim != 1:
            raise DataError(f"values has shape {one.shape}: give (n,), or a list of (n,) for several seeds")
        require_same_length(len(seeds[0]), "values", len(one), "values of another seed")
    value = np.mean(seeds, axis=0)
    n = len(value)
    require_rows(n, "values")
    side, known = _sides(contrast, n)
    names, person = _codes(people, n, known, "people")
    cell = person
    if strata is not None:
        kinds, stratum = _codes(strata, n, known, "strata")
        cell = person * len(kinds) + stratum
    require_finite(value[known], "values", np.flatnonzero(known))
    size = len(names) * (len(kinds) if strata is not None else 1)
    means = np.full((2, size), np.nan)
    for which in (0, 1):
        rows = side == which
        count = np.bincount(cell[rows], minlength=size)
        total = np.bincount(cell[rows], weights=value[known][rows], minlength=size)
        np.divide(total, count, out=means[which], where=count > 0)
    difference = (means[1] - means[0]).reshape(len(names), -1)
    both = ~np.isnan(difference)
    usable = both.any(axis=1)
    if usable.sum() < 2:
        raise DataError(
            f"{int(usable.sum())} of {len(names)} people have both sides of the contrast in one stratum: two are needed"
        )
    each = np.where(both, difference, 0.0).sum(axis=1)[usable] / both.sum(axis=1)[usable]
    over = t_interval(each, confidence=confidence)
    interval = Interval(over.value, over.low, over.high, int(known.sum()), len(each), confidence)
    spread = float(each.std(ddof=1))
    effect = float(each.mean() / spread) if spread > 0 else float("nan")
    return WithinPerson(
        interval, sign_flip_test(each, seed=seed), names[usable], each, effect, float(np.mean(each > 0))
    )


def _sides(contrast: ArrayLike, n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """0 or 1 of the rows that have a side, and which rows those are."""
    values, known = known_labels(contrast, "contrast")
    require_same_length(n, "values", len(values), "contrast")
    try:
        numbers = values[known].astype(np.float64)
    except (TypeError, ValueError):
        numbers = np.full(1, np.nan)
    if not np.isin(numbers, (0.0, 1.0)).all():
        raise DataError("contrast must be 1 (strong), 0 (normal) or missing in every row: compare names with == first")
    return numbers.astype(np.int64), known


def _codes(labels: ArrayLike, n: int, keep: NDArray[np.bool_], what: str) -> tuple[NDArray, NDArray[np.int64]]:
    values, known = known_labels(labels, what)
    require_same_length(n, "values", len(values), what)
    if not known[keep].all():
        row = int(np.flatnonzero(keep & ~known)[0])
        raise DataError(f"{what} has no value in row {row}: leave the row out, or its contrast missing")
    if not keep.any():
        raise DataError(f"none of the {n} rows has a side of the contrast: there is nothing to compare")
    names, codes = np.unique(plain_labels(values[keep], what), return_inverse=True)
    return names, codes.astype(np.int64)
