"""Predicted standard deviations judged: NLL, CRPS, coverage, whether width ranks error, and whether it grows with less input.

Scores are per row, so that the intervals over people apply (`paired_mean_difference` of a model and of a constant width).
NaN in the truth is "not annotated" and stays NaN. Widths are standard deviations in the truth's own unit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import Floats, as_floats, regression_pair
from affectspace.evaluation.metrics import PerAxis, pearson


def gaussian_nll(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """-ln N(t; mean, deviation^2) in nats, per row and axis: shapes (n,) or (n, axes), deviations may broadcast.

    Raises DataError for shapes that differ, or a mean or deviation that is not finite and positive where the truth is known.
    """
    true, guess, width, _ = _gaussians(truth, mean, deviation)
    return 0.5 * np.log(2 * np.pi) + np.log(width) + 0.5 * ((true - guess) / width) ** 2


def gaussian_crps(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """Continuous ranked probability score of N(mean, deviation^2) in the truth's unit, per row and axis; lower is better.

    s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (t - mean) / s (Gneiting & Raftery 2007, section 4.2). It is the
    absolute error where the width goes to 0. Arguments and errors as `gaussian_nll`.
    """
    true, guess, width, _ = _gaussians(truth, mean, deviation)
    z = (true - guess) / width
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return width * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))


def constant_deviation(truth: ArrayLike, mean: ArrayLike) -> PerAxis:
    """The one width per axis with the smallest NLL: root mean squared error, to be fitted on validation.

    The floor of every predicted width. NaN for an axis without labels; raises DataError where it is 0 (a perfect mean).
    """
    true, guess, single = regression_pair(truth, mean)
    widths = _column_means((true - guess) ** 2) ** 0.5
    if (widths == 0).any():
        raise DataError("the mean equals the truth in every row of an axis: no width fits; is it the truth itself?")
    return float(widths[0]) if single else widths


def fit_scale(
    truth: ArrayLike,
    mean: ArrayLike,
    deviation: ArrayLike,
    *,
    by: Literal["nll", "coverage"] = "nll",
    nominal: float = 0.9,
) -> PerAxis:
    """Factor per axis that calibrates the widths on validation: 1 where they are right; multiply the widths by it.

    by : "nll", the factor of the smallest NLL, root mean ((t - mean) / width)^2; "coverage", the one whose central
        `nominal` interval holds that share of the rows (with the (n + 1)-th quantile of split conformal prediction).

    NaN for an axis without labels. Raises DataError as `gaussian_nll`, or where the errors are all 0.
    """
    true, guess, width, single = _gaussians(truth, mean, deviation)
    z = np.abs(true - guess) / width
    z = z[:, None] if single else z
    if by == "nll":
        factors = _column_means(z**2) ** 0.5
    elif by == "coverage":
        limit = _limit(nominal)
        factors = np.array([_conformal(column[~np.isnan(column)], nominal) / limit for column in z.T])
    else:
        raise ConfigError(f"by is {by!r}: it must be 'nll' or 'coverage'")
    if (factors == 0).any():
        raise DataError(
            "the errors of an axis are all 0: there is no scale of its widths; is the mean the truth itself?"
        )
    return float(factors[0]) if single else factors


def coverage(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, *, nominal: float = 0.9) -> PerAxis:
    """Share of rows within the central `nominal` interval of N(mean, deviation^2), per axis; NaN without labels."""
    inside, _, single = _inside(truth, mean, deviation, nominal)
    shares = _column_means(inside)
    return float(shares[0]) if single else shares


def tercile_coverage(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, *, nominal: float = 0.9) -> Floats:
    """Coverage of the rows of narrow, middle and wide predicted width, (3,) or (3, axes).

    Widths that mean nothing may cover well overall, and then cover too little where narrow and too much where wide. Rows
    of equal width stay together, so that a constant width has one tercile and two NaN.
    """
    inside, width, single = _inside(truth, mean, deviation, nominal)
    table = np.full((3, inside.shape[1]), np.nan)
    for axis in range(inside.shape[1]):
        known = ~np.isnan(inside[:, axis])
        if known.any():
            share = (rankdata(width[known, axis], "max")) / known.sum()  # of rows at most as wide
            third = np.minimum(np.ceil(share * 3 - 1e-9).astype(int), 3) - 1
            for i in np.unique(third):
                table[i, axis] = inside[known, axis][third == i].mean()
    return table[:, 0] if single else table


def width_error_correlation(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> PerAxis:
    """Spearman's correlation of the width with the absolute error, per axis; NaN for a constant width.

    Far below 1 at best: for exact Gaussians whose log-width has sd .5 about .45.
    """
    true, guess, width, single = _gaussians(truth, mean, deviation)
    error = np.abs(true - guess)
    columns = []
    for one, other in zip(np.atleast_2d(error.T), np.atleast_2d(width.T), strict=True):
        known = ~np.isnan(one)
        columns.append(pearson(rankdata(one[known]), rankdata(other[known])) if known.any() else float("nan"))
    return columns[0] if single else np.array(columns, dtype=np.float64)


@dataclass(frozen=True)
class Widening:
    """How widths grow as modalities drop.

    mean_by_count : number of modalities -> mean width over rows and subsets of that many
    ratio : geometric mean of width without a modality over width with it
    share_wider : share of those pairs that are wider without it, equal ones counted half
    pairs : how many row and axis pairs were compared
    """

    mean_by_count: dict[int, float]
    ratio: float
    share_wider: float
    pairs: int


def widening(deviations: Mapping[Collection[str], ArrayLike]) -> Widening:
    """Compare each subset of modalities with each that has one modality less: subset -> widths (n,) or (n, axes).

    Keys are collections of names, such as ("audio",) and ("audio", "text"); NaN rows (lacking a modality of the subset) are
    left out of both. Raises DataError for a width that is not positive, rows that differ, or no two subsets to compare.
    """
    widths = {frozenset([names] if isinstance(names, str) else names): as_floats(v, f"the widths of {names}")
              for names, v in deviations.items()}  # fmt: skip
    shapes = {values.shape for values in widths.values()}
    if len(shapes) > 1:
        raise DataError(f"the subsets' widths have the shapes {sorted(shapes)}: give the same rows for every subset")
    for names, values in widths.items():
        if not (values[~np.isnan(values)] > 0).all():
            raise DataError(f"a width of {', '.join(sorted(names))} is not above 0: widths are standard deviations")
    logs = []
    for one, other in combinations(widths, 2):
        small, large = sorted((one, other), key=len)
        if small < large and len(large) == len(small) + 1:
            ratio = np.log(widths[small]) - np.log(widths[large])
            logs.append(ratio[~np.isnan(ratio)])
    joined = np.concatenate(logs) if logs else np.empty(0)
    if not len(joined):
        raise DataError("no two subsets differ by one modality on the same rows: give, say, (text, audio) and (text,)")
    counts = {}
    for size in sorted({len(names) for names in widths}):
        values = np.concatenate([v.ravel() for names, v in widths.items() if len(names) == size])
        counts[size] = float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
    wider = float(np.mean(joined > 0) + 0.5 * np.mean(joined == 0))
    return Widening(counts, float(np.exp(joined.mean())), wider, len(joined))


def uncertainty_measures(
    truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, *, constant: ArrayLike, nominal: float = 0.9
) -> dict[str, Any]:
    """All of it by name, per axis: of the model, and of one `constant` width per axis (`constant_deviation` on validation).

    nll, crps, coverage, tercile_coverage, width_error_correlation; constant_nll, constant_crps, constant_coverage.
    """
    measures: dict[str, Any] = {}
    for prefix, width in (("", deviation), ("constant_", constant)):
        for name, score in (("nll", gaussian_nll), ("crps", gaussian_crps)):
            rows = score(truth, mean, width)
            means = _column_means(rows.reshape(len(rows), -1))
            measures[prefix + name] = float(means[0]) if rows.ndim == 1 else means
        measures[f"{prefix}coverage"] = coverage(truth, mean, width, nominal=nominal)
    measures["tercile_coverage"] = tercile_coverage(truth, mean, deviation, nominal=nominal)
    measures["width_error_correlation"] = width_error_correlation(truth, mean, deviation)
    return measures


def _gaussians(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> tuple[Floats, Floats, Floats, bool]:
    """Truth, mean and width as they came, and whether they are (n,); widths are 1 where the truth is missing."""
    true, guess, single = regression_pair(truth, mean)
    width = as_floats(deviation, "deviation")
    shape = true.shape[:1] if single else true.shape
    try:
        width = np.broadcast_to(width, shape)
    except ValueError as error:
        raise DataError(f"deviation has shape {width.shape} and the truth {shape}: they must be alike") from error
    true, guess = (true[:, 0], guess[:, 0]) if single else (true, guess)
    width = np.where(np.isnan(true), 1.0, width)
    bad = ~(np.isfinite(width) & (width > 0))
    if bad.any():
        where = np.argwhere(bad)[0]
        raise DataError(
            f"deviation is {width[tuple(where)]:g} in row {where[0]}: standard deviations must be finite and above 0"
        )
    return true, guess, width, single


def _column_means(values: Floats) -> Floats:
    """Means over known rows of (n, axes); NaN for a column without any."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(values.shape[1], np.nan), where=known.any(axis=0))


def _limit(nominal: float) -> float:
    if not 0 < nominal < 1:
        raise ConfigError(f"nominal is {nominal}: it must lie between 0 and 1, such as 0.9")
    return float(ndtri((1 + nominal) / 2))


def _conformal(z: Floats, nominal: float) -> float:
    if not len(z):
        return float("nan")
    rank = min(int(np.ceil(nominal * (len(z) + 1))), len(z))
    return float(np.sort(z)[rank - 1])


def _inside(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, nominal: float) -> tuple[Floats, Floats, bool]:
    """1 inside, 0 outside, NaN unknown, and the widths, both (n, axes); whether they came as (n,)."""
    true, guess, width, single = _gaussians(truth, mean, deviation)
    inside = np.where(np.isnan(true), np.nan, (np.abs(true - guess) <= _limit(nominal) * width).astype(np.float64))
    return (inside[:, None], width[:, None], True) if single else (inside, width, False)
