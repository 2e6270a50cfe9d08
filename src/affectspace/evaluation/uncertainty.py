"""Measures of predicted standard deviations: NLL, CRPS, coverage, rank of the error, and growth with less input.

NaN in the truth is "not annotated" and stays NaN. Deviations are standard deviations in the unit of the truth.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import Floats, as_floats, regression_pair
from affectspace.evaluation.metrics import PerAxis, pearson


def gaussian_nll(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """Compute -ln N(t; mean, deviation^2) in nats, per row and axis, such as for `interval("mean", ...)`.

    Parameters
    ----------
    truth, mean : array_like
        (n,) or (n, axes). NaN truth gives NaN.
    deviation : array_like
        The same shape, or one that broadcasts to it.

    Returns
    -------
    ndarray

    Raises
    ------
    DataError
        If shapes differ, or a mean or deviation is not finite, or a deviation not above 0, where the truth is known.

    Examples
    --------
    >>> from affectspace.evaluation import gaussian_nll
    >>> gaussian_nll([0.0], [0.0], 1.0).round(4)
    array([0.9189])
    """
    true, predicted, width, _ = _gaussians(truth, mean, deviation)
    return 0.5 * np.log(2 * np.pi) + np.log(width) + 0.5 * ((true - predicted) / width) ** 2


def gaussian_crps(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """Compute the continuous ranked probability score of N(mean, deviation^2), per row and axis; lower is better.

    It is s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) with z = (t - mean) / s (Gneiting & Raftery 2007, section 4.2), in the
    unit of the truth. It becomes the absolute error as the deviation goes to 0. Arguments and errors as `gaussian_nll`.
    """
    true, predicted, width, _ = _gaussians(truth, mean, deviation)
    z = (true - predicted) / width
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return width * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))


def constant_deviation(truth: ArrayLike, mean: ArrayLike) -> PerAxis:
    """Compute the one deviation per axis with the smallest NLL, the root mean squared error, to be fitted on validation.

    It is the floor of all predicted deviations. NaN for an axis without labels. Raises DataError for a perfect mean, which no
    deviation fits.
    """
    true, predicted, single = regression_pair(truth, mean)
    widths = _column_means((true - predicted) ** 2) ** 0.5
    if (widths == 0).any():
        raise DataError("the mean equals the truth in every row of an axis: no deviation fits; is it the truth itself?")
    return float(widths[0]) if single else widths


def coverage(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, *, nominal: float = 0.9) -> PerAxis:
    """Compute the share of rows within the central `nominal` interval of N(mean, deviation^2), per axis.

    NaN without labels. Arguments and errors as `gaussian_nll`.

    Examples
    --------
    >>> from affectspace.evaluation import coverage
    >>> coverage([0.0, 1.0, 2.0, 9.0], [0.0, 0.0, 0.0, 0.0], 2.0)
    0.75
    """
    inside, _, single = _inside(truth, mean, deviation, nominal)
    shares = _column_means(inside)
    return float(shares[0]) if single else shares


def tercile_coverage(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, *, nominal: float = 0.9) -> Floats:
    """Compute the coverage of the rows with narrow, middle and wide deviations, (3,) or (3, axes).

    Deviations that mean nothing may cover well overall, but too little where narrow and too much where wide. Rows of equal
    deviation stay together, so a constant one has one tercile and two NaN. Arguments and errors as `gaussian_nll`.
    """
    inside, width, single = _inside(truth, mean, deviation, nominal)
    table = np.full((3, inside.shape[1]), np.nan)
    for axis in range(inside.shape[1]):
        known = ~np.isnan(inside[:, axis])
        if known.any():
            share = rankdata(width[known, axis], "max") / known.sum()  # of rows at most as wide
            third = np.minimum(np.ceil(share * 3 - 1e-9).astype(int), 3) - 1
            for i in np.unique(third):
                table[i, axis] = inside[known, axis][third == i].mean()
    return table[:, 0] if single else table


def width_error_correlation(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> PerAxis:
    """Compute Spearman's correlation of the deviation with the absolute error, per axis; NaN for a constant deviation.

    It is far below 1 at best: about .45 for exact Gaussians whose log-deviation has a standard deviation of .5. Arguments and
    errors as `gaussian_nll`.
    """
    true, predicted, width, single = _gaussians(truth, mean, deviation)
    columns = []
    for error, wide in zip(np.atleast_2d(np.abs(true - predicted).T), np.atleast_2d(width.T), strict=True):
        known = ~np.isnan(error)
        columns.append(pearson(rankdata(error[known]), rankdata(wide[known])) if known.any() else float("nan"))
    return columns[0] if single else np.array(columns, dtype=np.float64)


@dataclass(frozen=True)
class Widening:
    """How deviations grow as modalities are dropped.

    mean_by_count : number of modalities -> mean deviation over rows and subsets of that many. ratio : geometric mean of the
    deviation without a modality over that with it. share_wider : share of those pairs that are wider without it, equal ones
    counted half. pairs : number of pairs of a row and an axis that were compared.
    """

    mean_by_count: dict[int, float]
    ratio: float
    share_wider: float
    pairs: int


def widening(deviations: Mapping[Collection[str], ArrayLike]) -> Widening:
    """Compare the deviations of each subset of modalities with those of each subset that has one modality more.

    Parameters
    ----------
    deviations : mapping
        Names of modalities, such as ("audio",) and ("audio", "text") -> deviations (n,) or (n, axes) of the same rows. Rows
        that lack a modality are NaN and left out of both.

    Returns
    -------
    Widening

    Raises
    ------
    DataError
        If a deviation is not above 0, rows differ, or no two subsets can be compared.

    Examples
    --------
    >>> from affectspace.evaluation import widening
    >>> widening({("text",): [0.4, 0.4], ("text", "audio"): [0.2, 0.2]}).ratio
    2.0
    """
    widths = {
        frozenset([names] if isinstance(names, str) else names): as_floats(values, f"the deviations of {names}")
        for names, values in deviations.items()
    }
    shapes = {values.shape for values in widths.values()}
    if len(shapes) > 1:
        raise DataError(
            f"the subsets' deviations have the shapes {sorted(shapes)}: give the same rows for every subset"
        )
    for names, values in widths.items():
        if not (values[~np.isnan(values)] > 0).all():
            raise DataError(f"a deviation of {', '.join(sorted(names))} is not above 0: give standard deviations")
    logs = []
    for small, large in combinations(sorted(widths, key=len), 2):
        if small < large and len(large) == len(small) + 1:
            ratio = np.log(widths[small]) - np.log(widths[large])
            logs.append(ratio[~np.isnan(ratio)])
    joined = np.concatenate(logs) if logs else np.empty(0)
    if not len(joined):
        raise DataError("no two subsets differ by one modality on the same rows: give, say, (text, audio) and (text,)")
    counts = {}
    for size in sorted({len(names) for names in widths}):
        values = np.concatenate([values.ravel() for names, values in widths.items() if len(names) == size])
        counts[size] = float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
    wider = float(np.mean(joined > 0) + 0.5 * np.mean(joined == 0))
    return Widening(counts, float(np.exp(joined.mean())), wider, len(joined))


def _gaussians(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> tuple[Floats, Floats, Floats, bool]:
    """Truth, mean and deviation in their own shape, and whether it is (n,). Deviations are 1 where the truth is missing."""
    true, predicted, single = regression_pair(truth, mean)
    width = as_floats(deviation, "deviation")
    shape = true.shape[:1] if single else true.shape
    try:
        width = np.broadcast_to(width, shape)
    except ValueError as error:
        raise DataError(
            f"deviation has shape {width.shape} and the truth {shape}: give one per row and axis, or one that broadcasts"
        ) from error
    true, predicted = true.reshape(shape), predicted.reshape(shape)
    width = np.where(np.isnan(true), 1.0, width)
    bad = ~(np.isfinite(width) & (width > 0))
    if bad.any():
        where = np.argwhere(bad)[0]
        raise DataError(
            f"deviation is {width[tuple(where)]:g} in row {where[0]}: standard deviations must be finite and above 0"
        )
    return true, predicted, width, single


def _column_means(values: Floats) -> Floats:
    """Means over known rows of (n, axes); NaN for a column without any."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(values.shape[1], np.nan), where=known.any(axis=0))


def _inside(truth: ArrayLike, mean: ArrayLike, deviation: ArrayLike, nominal: float) -> tuple[Floats, Floats, bool]:
    """1 inside, 0 outside, NaN unknown, and the deviations, both (n, axes); whether they came as (n,)."""
    if not 0 < nominal < 1:
        raise ConfigError(f"nominal is {nominal}: it must lie between 0 and 1, such as 0.9")
    true, predicted, width, single = _gaussians(truth, mean, deviation)
    within = np.abs(true - predicted) <= ndtri((1 + nominal) / 2) * width
    inside = np.where(np.isnan(true), np.nan, within.astype(np.float64))
    return inside.reshape(len(inside), -1), width.reshape(len(width), -1), single
