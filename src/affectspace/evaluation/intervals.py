"""Confidence intervals over people (or documents), because rows of one person are not independent.

The metric is computed again without each person (the jackknife). How much it moves gives the standard error, and Student's t
with one degree of freedom less than there are people gives the interval. It holds for few people, where the percentile
bootstrap is too narrow. Correlations are treated on Fisher's scale, shares on that of the arcsine, ratios as
logarithms. Compared models lose the same person (paired). `Interval.p` flips the sign of each person's contribution.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

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

FLIPS = 10_000  # sign patterns that are drawn for many people
_EXACT = 14  # up to 2^14 sign patterns are all tried
_BLOCKS = 200  # a function is called at most so often: more people are left out in blocks
_BLOCK = 2_000_000  # signs held at a time
Metric = Literal["accuracy", "uar", "mean", "share", "r2", "pearson", "concordance", "mae"]
How = Literal["difference", "ratio", "gap_closed"]


@dataclass(frozen=True)
class _Scale:
    """Where an interval is computed: a function that makes the spread even, its inverse, and the bounds of the value."""

    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]
    low: float = -np.inf
    high: float = np.inf


def _same(x: Any) -> Any:
    return x


_PLAIN = _Scale(_same, _same)
_ERROR = _Scale(_same, _same, 0.0)
_FISHER = _Scale(np.arctanh, np.tanh, -1.0, 1.0)
_SHARE = _Scale(lambda x: np.arcsin(np.sqrt(x)), lambda y: np.sin(np.clip(y, 0.0, np.pi / 2)) ** 2, 0.0, 1.0)
_RATIO = _Scale(np.log, np.exp)
_RATIO_PLAIN = _Scale(lambda x: x - 1, lambda y: y + 1)  # of values that are not all above 0
_UNEXPLAINED = _Scale(lambda x: -np.log(1 - x), lambda y: 1 - np.exp(-y), high=1.0)

_METRICS: dict[str, tuple[Callable[[Any, list[Model], ArrayLike], Statistics], _Scale]] = {
    "accuracy": (partial(recall_statistics, "accuracy"), _SHARE),
    "uar": (partial(recall_statistics, "uar"), _SHARE),
    "mean": (mean_statistics, _PLAIN),
    "share": (partial(mean_statistics, shares=True), _SHARE),
    "r2": (r2_statistics, _UNEXPLAINED),
    "pearson": (partial(moment_statistics, "pearson"), _FISHER),
    "concordance": (partial(moment_statistics, "concordance"), _FISHER),
    "mae": (partial(moment_statistics, "mae"), _ERROR),
}


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    n : labelled rows. groups : people or documents. reason : why there is no interval, such as a single person; low and high
    are then NaN. contributions : the part of each person in the value's distance from no effect, for `p`.
    """

    value: float
    low: float
    high: float
    n: int
    groups: int
    confidence: float = 0.95
    reason: str = ""
    contributions: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def p(self) -> float:
        """The two-sided p of "there is no effect", by flipping the signs of people's contributions; NaN where it is unknown.

        No effect is a value of 0, or 1 for a ratio. For up to 14 people all signs are tried, so p is at least 2 / 2^people.
        """
        known = self.contributions is not None and np.isfinite(self.contributions).all()
        return sign_flip_p(self.contributions) if known else float("nan")  # type: ignore[arg-type]


def interval(
    metric: Metric | Callable[[Any, Any], float],
    truth: ArrayLike | None,
    prediction: Any,
    groups: ArrayLike,
    versus: Any = None,
    *,
    how: How = "difference",
    confidence: float = 0.95,
) -> Interval:
    """Compute a metric of predictions, or its comparison with other predictions, with an interval over people.

    Parameters
    ----------
    metric : str or callable
        "accuracy" and "uar" (balanced accuracy) of labels; "pearson", "concordance" and "mae" of (n,) or (n, axes), the
        mean over axes; "r2" of (n,); "mean" of a value per row such as a squared error, and "share" of one in 0 .. 1, with
        `truth=None`. A callable `metric(truth, prediction)` that returns one number works too, but is called once for
        each person (at most 200 times: more people are left out in blocks) and is slow.
    truth : array_like
        Labels, (n,) or (n, axes). NaN or None means "not annotated": the row is left out.
    prediction : array_like or list of array_like
        Predictions of the same shape; a list holds one array per seed, and the metric is averaged over seeds. The
        interval is then about people. It does not contain the spread between seeds.
    groups : array_like
        Person or document of each row, (n,). One person alone gives the value without an interval.
    versus : array_like or list of array_like, optional
        Predictions of another model for the same rows, also one array or a list of seeds. For `how="gap_closed"` a pair
        (floor, ceiling) of such predictions.
    how : {"difference", "ratio", "gap_closed"}
        What is computed with `versus`: prediction - versus; prediction / versus; or
        (prediction - floor) / (ceiling - floor), not to be trusted unless the ceiling is clearly above the floor.
    confidence : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    Interval

    Raises
    ------
    DataError
        If lengths differ, no row is labelled, or a prediction is missing or not finite.
    ConfigError
        If the metric, `how` or `confidence` is not one of those above.

    Examples
    --------
    >>> from affectspace.evaluation import interval
    >>> people = ["ann", "ann", "ben", "ben", "cem", "cem"]
    >>> truth = ["joy", "fear", "joy", "fear", "joy", "fear"]
    >>> better, worse = truth, ["joy", "joy", "joy", "fear", "joy", "joy"]
    >>> interval("accuracy", truth, worse, people).value
    0.6666666666666666
    >>> gap = interval("uar", truth, better, people, versus=worse)
    >>> round(gap.value, 3), round(gap.low, 3), round(gap.high, 3), gap.p
    (0.333, -0.384, 1.0, 0.5)
    """
    models = _models(prediction, versus, how)
    if callable(metric):
        scores, n, people, scale = *_without_each(metric, truth, models, groups), _PLAIN
    elif metric in _METRICS:
        statistics_of, scale = _METRICS[metric]
        statistics = statistics_of(truth, models, groups)
        n, people = statistics.n, len(statistics.sums)
        total = statistics.sums.sum(axis=0)
        sums = np.concatenate([total[None], total - statistics.sums]) if people > 1 else total[None]
        scores = statistics.scores(sums)
    else:
        raise ConfigError(f"metric is {metric!r}: it must be one of {', '.join(_METRICS)}, or a function")
    values = _combined(scores, how)
    effect = _combined(scores, "difference") if how == "ratio" else None
    if how == "ratio":
        scale = _RATIO if (values > 0).all() else _RATIO_PLAIN
    elif len(models) > 1:
        widest = scale.high - scale.low if how == "difference" else np.inf
        scale = _Scale(_same, _same, -widest, widest)
    return jackknife_interval(values[0], values[1:], n, people, confidence, scale, effect)


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
    """The metric of one model, or the comparison of models, over all people and without each; NaN where it is undefined."""
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


def _without_each(
    metric: Callable[[Any, Any], float], truth: ArrayLike | None, models: list[Model], groups: ArrayLike
) -> tuple[Scores, int, int]:
    """Any metric of each model over all rows, then without each group or block of groups; rows and groups."""
    true = np.asarray(truth)
    n = len(np.asarray(groups))
    require_rows(n, "groups")
    for name, values in (("truth", true), *(("prediction", values) for seeds in models for values in seeds)):
        require_same_length(n, "groups", len(values), name)
    names, codes = group_codes(groups, n, least=1)
    blocks = codes % _BLOCKS

    def scores(rows: Any) -> list[float]:
        return [float(np.mean([metric(true[rows], values[rows]) for values in seeds])) for seeds in models]

    left_out = [scores(blocks != block) for block in range(min(len(names), _BLOCKS))] if len(names) > 1 else []
    return (list(np.array([scores(slice(None)), *left_out]).T), 1.0), n, len(names)


def jackknife_interval(
    value: float,
    left_out: Floats,
    n: int,
    groups: int,
    confidence: float = 0.95,
    scale: _Scale = _PLAIN,
    effect: Floats | None = None,
) -> Interval:
    """Compute the t interval of a value from its values without each group, on the scale that is given.

    effect : what is 0 without an effect, over all groups and without each; by default the value on its scale.

    A value at the end of its scale, such as r = 1, is treated as it stands, and the interval is cut at the value's bounds.
    """
    require_confidence(confidence)
    reason = ""
    if len(left_out) < 2:
        reason = "one person or document: an interval needs two"
    elif np.isnan(value):
        reason = "the value is undefined, for example because the predictions are constant"
    elif np.isnan(left_out).any():
        reason = "the value is undefined without one of the people or documents"
    if reason:
        return Interval(float(value), np.nan, np.nan, n, groups, confidence, reason)
    g = len(left_out)
    with np.errstate(divide="ignore", invalid="ignore"):
        finite = np.isfinite(scale.forward(np.append(left_out, value))).all()
    if not finite:
        scale = _Scale(_same, _same, scale.low, scale.high)
    middle, others = scale.forward(value), scale.forward(left_out)
    half = student.ppf((1 + confidence) / 2, g - 1) * np.sqrt((g - 1) / g * np.sum((others - middle) ** 2))
    with np.errstate(over="ignore"):
        low, high = (float(np.clip(scale.back(middle + side * half), scale.low, scale.high)) for side in (-1, 1))
    if not np.isfinite([low, high]).all():
        low, high, reason = np.nan, np.nan, "the interval has no end: people differ by orders of magnitude"
    over_all, *without = np.append(middle, others) if effect is None else effect
    contributions = over_all + (g - 1) * (np.mean(without) - np.array(without))
    return Interval(float(value), low, high, n, groups, confidence, reason, contributions)


def sign_flip_p(contributions: Floats, flips: int = FLIPS, seed: int = 0) -> float:
    """Compute the two-sided p of a sum of contributions by flipping their signs; all patterns are tried for up to 14."""
    if flips < 1:
        raise ConfigError(f"flips is {flips}: at least one is needed")
    g = len(contributions)
    observed = abs(contributions.sum())
    tolerance = 1e-12 * np.abs(contributions).sum()
    if g <= _EXACT:
        patterns = np.arange(2**g)[:, None] >> np.arange(g) & 1
        return float(np.mean(np.abs((1.0 - 2.0 * patterns) @ contributions) >= observed - tolerance))
    rng = np.random.default_rng(seed)
    extreme, block = 0, max(1, _BLOCK // g)
    for start in range(0, flips, block):
        signs = 1.0 - 2.0 * rng.integers(0, 2, (min(block, flips - start), g))
        extreme += int(np.sum(np.abs(signs @ contributions) >= observed - tolerance))
    return (1 + extreme) / (1 + flips)


def sign_flip_note(people: int) -> str:
    """Return how a p was made, with the least p that a few people (or documents) allow."""
    least = f", which allow no p below {2 / 2**people:.3g}" if people <= _EXACT else ""
    return f"two-sided, by sign flips over {people:,} people or groups{least}"


def require_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence}: it must lie between 0 and 1, such as 0.95")
