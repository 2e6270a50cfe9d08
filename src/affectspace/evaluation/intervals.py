"""Confidence intervals by the bootstrap over people (or documents), because rows of one person are not independent.

Each resample draws as many people as there are, with replacement; the interval is the percentile interval of the metric
over the resamples. Compared models see the same drawn people (paired). Resamples in which the metric is undefined are
left out and counted in `Interval.undefined`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import ConfigError
from affectspace.evaluation.inputs import Floats, by_seed, group_codes, require_rows, require_same_length
from affectspace.evaluation.sufficient_statistics import (
    Model,
    Scores,
    Statistics,
    mean_statistics,
    moment_statistics,
    r2_statistics,
    recall_statistics,
)

RESAMPLES = 2000
_BLOCK = 2_000_000  # counts held at a time
Metric = Literal["accuracy", "uar", "mean", "r2", "pearson", "concordance", "mae"]
How = Literal["difference", "ratio", "gap_closed"]
STATISTICS: dict[str, Callable[[Any, list[Model], ArrayLike], Statistics]] = {
    "accuracy": partial(recall_statistics, "accuracy"),
    "uar": partial(recall_statistics, "uar"),
    "mean": mean_statistics,
    "r2": r2_statistics,
    "pearson": partial(moment_statistics, "pearson"),
    "concordance": partial(moment_statistics, "concordance"),
    "mae": partial(moment_statistics, "mae"),
}


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    n : labelled rows. groups : people or documents. undefined : resamples in which the value is undefined.
    """

    value: float
    low: float
    high: float
    n: int
    groups: int
    confidence: float = 0.95
    undefined: int = 0


def interval(
    metric: Metric | Callable[[Any, Any], float],
    truth: ArrayLike | None,
    prediction: Any,
    groups: ArrayLike,
    versus: Any = None,
    *,
    how: How = "difference",
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Compute a metric of predictions, or its comparison with other predictions, with an interval over people.

    Parameters
    ----------
    metric : str or callable
        "accuracy" and "uar" (balanced accuracy) of labels; "pearson", "concordance" and "mae" of (n,) or (n, axes), the
        mean over axes; "r2" of (n,); "mean" of a value per row such as a squared error, with `truth=None`. A callable
        `metric(truth, prediction)` that returns one number works too, but is called once per resample and is slow.
    truth : array_like
        Labels, (n,) or (n, axes). NaN or None means "not annotated": the row is left out.
    prediction : array_like or list of array_like
        Predictions of the same shape; a list holds one array per seed, and the metric is averaged over seeds within each
        resample. The interval is then about people. It does not contain the spread between seeds.
    groups : array_like
        Person or document of each row, (n,), at least two different ones.
    versus : array_like or list of array_like, optional
        Predictions of another model for the same rows, also one array or a list of seeds. For `how="gap_closed"` a pair
        (floor, ceiling) of such predictions.
    how : {"difference", "ratio", "gap_closed"}
        What is computed with `versus`: prediction - versus; prediction / versus; or
        (prediction - floor) / (ceiling - floor), not to be trusted unless the ceiling is clearly above the floor.
    resamples, seed, confidence : int, int, float
        Number of resamples, the seed of their draws, and the coverage of the interval, between 0 and 1.

    Returns
    -------
    Interval

    Raises
    ------
    DataError
        If lengths differ, no row is labelled, a prediction is missing or not finite, or there are fewer than two groups.
    ConfigError
        If the metric, `how`, `resamples` or `confidence` is not one of those above.

    Examples
    --------
    >>> from affectspace.evaluation import interval
    >>> people = ["ann", "ann", "ben", "ben", "cem", "cem"]
    >>> truth = ["joy", "fear", "joy", "fear", "joy", "fear"]
    >>> better, worse = truth, ["joy", "joy", "joy", "fear", "joy", "joy"]
    >>> interval("accuracy", truth, worse, people).value
    0.6666666666666666
    >>> gap = interval("uar", truth, better, people, versus=worse)
    >>> round(gap.value, 3), gap.low, gap.high
    (0.333, 0.0, 0.5)
    """
    models = _models(prediction, versus, how)
    if callable(metric):
        value, draws, n, people = _resampled_rows(metric, truth, models, groups, how, resamples, seed)
    elif metric in STATISTICS:
        statistics = STATISTICS[metric](truth, models, groups)
        n, people = statistics.n, len(statistics.sums)
        value = _combined(statistics.scores(statistics.sums.sum(axis=0)[None]), how)
        draws = _combined(statistics.scores(_resampled_sums(statistics.sums, resamples, seed)), how)
    else:
        raise ConfigError(f"metric is {metric!r}: it must be one of {', '.join(STATISTICS)}, or a function")
    return percentile_interval(float(value[0]), draws, n, people, confidence)


def _models(prediction: Any, versus: Any, how: str) -> list[Model]:
    """The models to score, each as a list of seeds: the prediction, then what it is compared with."""
    if how not in ("difference", "ratio", "gap_closed"):
        raise ConfigError(f"how is {how!r}: it must be 'difference', 'ratio' or 'gap_closed'")
    if versus is None:
        if how != "difference":
            raise ConfigError(f"how is {how!r} without versus: give the predictions to compare with")
        return [by_seed(prediction)]
    if how != "gap_closed":
        return [by_seed(prediction), by_seed(versus)]
    if not isinstance(versus, list | tuple) or len(versus) != 2:
        raise ConfigError("how is 'gap_closed': versus must be a pair (floor, ceiling) of predictions")
    return [by_seed(prediction), by_seed(versus[0]), by_seed(versus[1])]


def _combined(scores: Scores, how: str) -> Floats:
    """The metric of one model, or the comparison of models, for each draw, (draws,); NaN where it is undefined."""
    numerators, denominator = scores
    if len(numerators) == 1:
        return numerators[0] / denominator
    if how == "difference":
        return (numerators[0] - numerators[1]) / denominator
    if how == "ratio":
        above, below = numerators
        usable = below != 0
    else:
        above, below = numerators[0] - numerators[1], numerators[2] - numerators[1]
        usable = np.abs(below) > 1e-12
    return np.divide(above, below, out=np.full(len(above), np.nan), where=usable)


def _resampled_sums(sums: Floats, resamples: int, seed: int) -> Floats:
    """Sums over the drawn groups, (resamples, ...), of sums per group (groups, ...)."""
    flat = sums.reshape(len(sums), -1)
    parts = [counts @ flat for counts in _draws(len(sums), resamples, seed)]
    return np.concatenate(parts).reshape(resamples, *sums.shape[1:])


def _resampled_rows(
    metric: Callable[[Any, Any], float],
    truth: ArrayLike | None,
    models: list[Model],
    groups: ArrayLike,
    how: str,
    resamples: int,
    seed: int,
) -> tuple[Floats, Floats, int, int]:
    """The value of any metric, (1,), its values over the rows of the drawn groups, (resamples,), rows and groups."""
    true = np.asarray(truth)
    n = len(np.asarray(groups))
    require_rows(n, "groups")
    for name, values in (("truth", true), *(("prediction", values) for seeds in models for values in seeds)):
        require_same_length(n, "groups", len(values), name)
    names, codes = group_codes(groups, n)
    count = len(names)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])

    def scores(rows: Any) -> list[float]:
        return [float(np.mean([metric(true[rows], values[rows]) for values in seeds])) for seeds in models]

    drawn = [
        scores(np.concatenate([np.tile(members[group], int(times[group])) for group in np.flatnonzero(times)]))
        for block in _draws(count, resamples, seed)
        for times in block
    ]
    value = _combined((list(np.array([scores(slice(None))]).T), 1.0), how)
    return value, _combined((list(np.array(drawn).T), 1.0), how), n, count


def _draws(groups: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each group is drawn, in blocks (resamples, groups); the same for the same seed."""
    if resamples < 1:
        raise ConfigError(f"resamples is {resamples}: at least one is needed")
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // groups)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, groups, (size, groups)) + groups * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * groups).reshape(size, groups).astype(np.float64)


def percentile_interval(value: float, draws: Floats, n: int, groups: int, confidence: float) -> Interval:
    """The percentile interval of a statistic from its resamples; NaN where it is undefined."""
    require_confidence(confidence)
    known = draws[~np.isnan(draws)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high), n, groups, confidence, len(draws) - len(known))


def require_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence}: it must lie between 0 and 1, such as 0.95")
