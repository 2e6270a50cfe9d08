"""Tests over people: sign-flip, t interval over few of them, and Holm's correction over several comparisons."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    by_seed,
    group_codes,
    plain_labels,
    require_finite,
    require_same_length,
)
from affectspace.evaluation.intervals import Interval, require_confidence
from affectspace.evaluation.sufficient_statistics import recall_statistics

_EXACT = 14  # up to 2^14 sign patterns are all tried


def per_group(
    statistic: Callable[..., float], groups: ArrayLike, *arrays: ArrayLike
) -> tuple[NDArray, NDArray[np.float64]]:
    """Names (g,) of the people or documents and `statistic(*arrays)` on the rows of each, (g,).

    Raises DataError for lengths that differ or fewer than two groups.
    """
    values = np.asarray(groups)
    codes, count = group_codes(values, len(values))
    data = [np.asarray(array) for array in arrays]
    for i, array in enumerate(data):
        require_same_length(len(values), "groups", len(array), f"array {i}")
    names = np.unique(plain_labels(values, "groups"))
    return names, np.array([float(statistic(*(array[codes == g] for array in data))) for g in range(count)])


def _over_people(values: ArrayLike, what: str) -> Floats:
    numbers = as_floats(values, what)
    if numbers.ndim != 1 or len(numbers) < 2:
        raise DataError(
            f"{what} has shape {numbers.shape}: one value per person or document is needed, for at least two"
        )
    require_finite(numbers, what)
    return numbers


def _sign_flip(contributions: Floats, flips: int, seed: int) -> float:
    """Two-sided p of |sum|; the observed signs are one of the patterns."""
    if flips < 1:
        raise ConfigError(f"flips is {flips}: at least one is needed")
    g = len(contributions)
    observed = abs(contributions.sum())
    tolerance = 1e-12 * np.abs(contributions).sum()
    if g <= _EXACT:
        patterns = np.arange(2**g)[:, None] >> np.arange(g) & 1
        return float(np.mean(np.abs((1.0 - 2.0 * patterns) @ contributions) >= observed - tolerance))
    rng = np.random.default_rng(seed)
    extreme, block = 0, max(1, 2_000_000 // g)
    for start in range(0, flips, block):
        signs = 1.0 - 2.0 * rng.integers(0, 2, (min(block, flips - start), g))
        extreme += int(np.sum(np.abs(signs @ contributions) >= observed - tolerance))
    return (1 + extreme) / (1 + flips)


def sign_flip_test(differences: ArrayLike, *, flips: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of "the mean difference over people is zero", flipping the sign of each person's difference.

    `differences` (g,), one per person or document. Exact for up to 14 of them (the smallest p is then 2 / 2^g), else
    Monte Carlo with (1 + extreme) / (1 + flips). All zero gives 1. Raises DataError for fewer than two or NaN.
    """
    return _sign_flip(_over_people(differences, "differences"), flips, seed)


def paired_uar_test(
    truth: ArrayLike, predictions_a: Any, predictions_b: Any, groups: ArrayLike, *, flips: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p of "both models have the same UAR", exchanging the two models' predictions person by person.

    Arguments as `intervals.paired_uar_difference`. The statistic is the difference of UAR over all rows; each person's
    part in it is fixed, so that an exchange flips its sign. Exact for up to 14 people.
    """
    sums = recall_statistics("uar", truth, [by_seed(predictions_a), by_seed(predictions_b)], groups).sums
    share = (sums[:, 1] - sums[:, 2]) / sums[:, 0].sum(axis=0)
    return _sign_flip(share.mean(axis=1), flips, seed)


def t_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean over a few people, folds or seeds: `values` (g,), one of each.

    Raises DataError for fewer than two values or NaN, ConfigError for the confidence.
    """
    numbers = _over_people(values, "values")
    require_confidence(confidence)
    g, mean = len(numbers), float(numbers.mean())
    half = float(student.ppf((1 + confidence) / 2, g - 1) * numbers.std(ddof=1) / np.sqrt(g))
    return Interval(mean, mean - half, mean + half, g, g, confidence)


def holm(pvalues: Sequence[float] | Floats) -> Floats:
    """Holm's adjusted p-values, in the order given (Holm 1979): compare them with the level asked for.

    Raises DataError for a p outside 0 .. 1 or NaN.
    """
    p = as_floats(pvalues, "pvalues")
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"pvalues are {p.tolist()}: each must lie in 0 .. 1; leave out comparisons that were not made")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return adjusted
