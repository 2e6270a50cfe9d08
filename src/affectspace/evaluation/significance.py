"""Tests and intervals over a value per person: sign flips, Student's t, Holm's correction, differences within people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from affectspace.errors import DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    by_seed,
    group_codes,
    known_labels,
    require_finite,
    require_rows,
    require_same_length,
    seed_columns,
)
from affectspace.evaluation.intervals import FLIPS, Interval, require_confidence, sign_flip_p


def per_group(statistic: Callable[..., float], groups: ArrayLike, *arrays: ArrayLike) -> tuple[NDArray, Floats]:
    """Compute `statistic(*arrays)` on the rows of each person or document; return their names (g,) and values (g,).

    Raises DataError for lengths that differ or fewer than two groups.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.evaluation import per_group
    >>> per_group(np.mean, ["ben", "ann", "ben"], [1.0, 2.0, 3.0])[1]
    array([2., 2.])
    """
    names, codes = group_codes(groups, len(np.asarray(groups)))
    data = [np.asarray(array) for array in arrays]
    for i, array in enumerate(data):
        require_same_length(len(codes), "groups", len(array), f"array {i}")
    return names, np.array([float(statistic(*(array[codes == g] for array in data))) for g in range(len(names))])


def _over_people(values: ArrayLike, what: str) -> Floats:
    numbers = as_floats(values, what)
    if numbers.ndim != 1 or len(numbers) < 2:
        raise DataError(f"{what} has shape {numbers.shape}: give one value per person or document, for at least two")
    require_finite(numbers, what)
    return numbers


def sign_flip_test(differences: ArrayLike, *, flips: int = FLIPS, seed: int = 0) -> float:
    """Compute the two-sided p of "the mean difference over people is 0" by flipping the sign of each person's difference.

    Parameters
    ----------
    differences : array_like
        (g,), one per person or document, at least two.
    flips, seed : int
        Sign patterns to draw for more than 14 people, p = (1 + extreme) / (1 + flips). For up to 14 all are tried; the
        smallest p is then 2 / 2^g.

    Returns
    -------
    float

    Raises
    ------
    DataError
        If there are fewer than two differences or one is not finite.

    Examples
    --------
    >>> from affectspace.evaluation import sign_flip_test
    >>> sign_flip_test([0.2, 0.1, 0.3, 0.2])
    0.125
    """
    return sign_flip_p(_over_people(differences, "differences"), flips, seed)


def t_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Compute Student's t interval of the mean over a few people, folds or seeds: `values` (g,), one of each.

    Raises DataError for fewer than two values or one that is not finite.

    Examples
    --------
    >>> from affectspace.evaluation import t_interval
    >>> mean = t_interval([0.4, 0.5, 0.6])
    >>> round(mean.low, 3), round(mean.high, 3)
    (0.252, 0.748)
    """
    numbers = _over_people(values, "values")
    require_confidence(confidence)
    g, mean = len(numbers), float(numbers.mean())
    half = float(student.ppf((1 + confidence) / 2, g - 1) * numbers.std(ddof=1) / np.sqrt(g))
    return Interval(mean, mean - half, mean + half, g, g, confidence, contributions=numbers)


def holm(pvalues: Sequence[float] | Floats) -> Floats:
    """Adjust p-values of several comparisons by Holm's method (1979), in the order given.

    Raises DataError for a p outside 0 .. 1 or NaN.

    Examples
    --------
    >>> from affectspace.evaluation import holm
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = as_floats(pvalues, "pvalues")
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"pvalues are {p.tolist()}: each must lie in 0 .. 1; leave out comparisons that were not made")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return adjusted


@dataclass(frozen=True)
class WithinPerson:
    """A mean difference over people with its t interval.

    p : two-sided, by sign flips over people. people, differences : (g,) names and the difference of each. effect : mean over
    standard deviation of the differences. share_above : share of people whose difference is above 0.
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
    """Compute the mean value where `contrast` is 1 less where it is 0, within each person and stratum.

    The differences are averaged over strata, then over people, with equal weights. A stratum in which a person has one side
    only is left out (RAVDESS has no strong neutral).

    Parameters
    ----------
    values : array_like or list of array_like
        (n,), such as predicted arousal of people that were not trained on; a list, one per seed, is averaged.
    people : array_like
        Person of each row, (n,).
    contrast : array_like
        (n,) bool or 0 / 1, such as strong acting. None or NaN is left out.
    strata : array_like, optional
        (n,), such as the emotion.
    confidence, seed : float, int
        Coverage of the interval, and the seed of the sign flips.

    Returns
    -------
    WithinPerson

    Raises
    ------
    DataError
        If values are not finite, `contrast` has other values, or fewer than two people have both sides.

    Examples
    --------
    >>> from affectspace.evaluation import within_person_difference
    >>> difference = within_person_difference([1.0, 3.0, 5.0, 8.0], ["ann", "ann", "ben", "ben"], [0, 1, 0, 1])
    >>> difference.differences
    array([2., 3.])
    """
    count = np.shape(by_seed(values)[0])[0]
    value = np.mean(seed_columns(by_seed(values), count, "values"), axis=0)
    require_rows(count, "values")
    sides, known = known_labels(contrast, "contrast")
    require_same_length(count, "values", len(sides), "contrast")
    if not known.any():
        raise DataError(f"none of the {count} rows has a side of the contrast: there is nothing to compare")
    if not pd.Series(sides[known]).isin([0, 1]).all():
        raise DataError("contrast must be 1 (strong), 0 (normal) or missing in every row: compare names with == first")
    names, person = group_codes(people, count, known, least=1, what="people")
    stratum = 0 if strata is None else group_codes(strata, count, known, least=1, what="strata")[1]
    require_finite(value[known], "values", np.flatnonzero(known))
    rows = pd.DataFrame({"value": value[known], "person": person, "stratum": stratum, "side": sides[known].astype(int)})
    means = rows.groupby(["person", "stratum", "side"])["value"].mean().unstack().reindex(columns=[0, 1])
    by_person = (means[1] - means[0]).groupby("person").mean().dropna()
    if len(by_person) < 2:
        raise DataError(
            f"{len(by_person)} of {len(names)} people have both sides of the contrast in one stratum: two are needed"
        )
    differences = by_person.to_numpy()
    over = t_interval(differences, confidence=confidence)
    interval = Interval(over.value, over.low, over.high, int(known.sum()), len(differences), confidence)
    spread = float(differences.std(ddof=1))
    effect = float(differences.mean() / spread) if spread > 0 else float("nan")
    p, above = sign_flip_test(differences, seed=seed), float(np.mean(differences > 0))
    return WithinPerson(interval, p, names[by_person.index], differences, effect, above)


def pooled_interval(intervals: Sequence[Interval]) -> Interval:
    """Average intervals over different people, such as those of folds that test different actors with their own models.

    Each is taken as a t interval over its people; squared errors add up, and so do degrees of freedom.

    Examples
    --------
    >>> from affectspace.evaluation import pooled_interval, t_interval
    >>> pooled_interval([t_interval([0.4, 0.5, 0.6]), t_interval([0.2, 0.3, 0.4])]).groups
    6
    """
    confidence = intervals[0].confidence
    quantile = (1 + confidence) / 2
    errors = [(one.high - one.low) / 2 / student.ppf(quantile, max(one.groups - 1, 1)) for one in intervals]
    error = float(np.sqrt(np.sum(np.square(errors))) / len(intervals))
    freedom = max(sum(one.groups - 1 for one in intervals), 1)
    value, half = float(np.mean([one.value for one in intervals])), float(student.ppf(quantile, freedom)) * error
    n, groups = sum(one.n for one in intervals), sum(one.groups for one in intervals)
    return Interval(value, value - half, value + half, n, groups, confidence)
