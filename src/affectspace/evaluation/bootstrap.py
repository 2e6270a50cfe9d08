"""Intervals by the bootstrap over people or documents, because rows of one person are not independent.

Whole groups are drawn with replacement, as many as there are; percentile interval. The named intervals add up
sufficient statistics per group (counts, hits, squared errors) and resample those sums: 2,000 resamples cost
milliseconds at any number of rows. Predictions may be a list of arrays, one per seed: the statistic is averaged over
seeds inside each resample, so the interval is about people, and the spread between seeds is to be shown beside it.
Compared models are resampled together (paired). A class that no drawn person has is left out of that resample's UAR.
Resamples in which the statistic is undefined are left out and counted in `Interval.undefined`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import ConfigError
from affectspace.evaluation.inputs import Floats, group_codes, require_rows, require_same_length

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A value with its interval: n rows (labelled ones), groups, and how many resamples were undefined."""

    value: float
    low: float
    high: float
    n: int
    groups: int
    confidence: float = 0.95
    undefined: int = 0

    def excludes(self, value: float = 0.0) -> bool:
        """Whether the interval lies wholly above or below `value`."""
        return self.low > value or self.high < value


def interval_of(value: float, draws: Floats, n: int, groups: int, confidence: float) -> Interval:
    """The percentile interval of a statistic's resamples (NaN: undefined there)."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence}: it must lie between 0 and 1, such as 0.95")
    known = draws[~np.isnan(draws)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high), n, groups, confidence, len(draws) - len(known))


def draw_groups(groups: int, resamples: int, seed: int, block: int) -> Iterator[Floats]:
    """How often each group is drawn: blocks (rows, groups) of float64, the same for the same seed."""
    if resamples < 1:
        raise ConfigError(f"resamples is {resamples}: at least one is needed")
    rng = np.random.default_rng(seed)
    block = max(1, block // groups)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, groups, (size, groups)) + groups * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * groups).reshape(size, groups).astype(np.float64)


def resampled_sums(sums: Floats, resamples: int, seed: int) -> Floats:
    """(resamples, ...) sums over the drawn groups of per-group sums (groups, ...)."""
    flat = sums.reshape(len(sums), -1)
    parts = [counts @ flat for counts in draw_groups(len(sums), resamples, seed, 2_000_000)]
    return np.concatenate(parts).reshape(resamples, *sums.shape[1:])


def group_bootstrap(
    statistic: Callable[..., float],
    groups: ArrayLike,
    *arrays: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Interval of any `statistic(*arrays)` that gives one number; `arrays` and `groups` (n,) are aligned by row.

    Drawn people's rows are concatenated and the statistic called again: slow for large n, see the named intervals.
    Raises DataError for lengths that differ or fewer than two groups.
    """
    data = [np.asarray(array) for array in arrays]
    n = len(np.asarray(groups))
    require_rows(n, "groups")
    for i, array in enumerate(data):
        require_same_length(n, "groups", len(array), f"array {i}")
    codes, count = group_codes(groups, n)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    draws = []
    for block in draw_groups(count, resamples, seed, 2_000_000):
        for times in block:
            rows = np.concatenate([np.tile(members[g], int(times[g])) for g in np.flatnonzero(times)])
            draws.append(float(statistic(*(array[rows] for array in data))))
    return interval_of(float(statistic(*data)), np.array(draws), n, count, confidence)
