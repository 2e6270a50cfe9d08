"""Linear dependence of two blocks of a latent, shared and private: |r|, CKA, debiased CKA and its interval over people.

These see linear dependence only: a private block that is the square of the shared one passes. See `dependence`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import DataError
from affectspace.evaluation.inputs import Codes, Floats, by_seed, feature_matrix, group_codes, require_same_length
from affectspace.evaluation.intervals import Interval, jackknife_interval


def block_pair(shared: ArrayLike, private: ArrayLike, least: int = 2) -> tuple[Floats, Floats]:
    """Two finite blocks (n, d) and (n, e) of the same rows. Raises DataError otherwise, or for fewer than `least` rows."""
    x, y = feature_matrix(shared, "shared"), feature_matrix(private, "private")
    require_same_length(len(x), "shared", len(y), "private")
    if len(x) < least:
        raise DataError(f"shared and private have {len(x)} rows: this measure needs at least {least}")
    return x, y


def varying(block: Floats) -> NDArray[np.bool_]:
    """Which columns of (n, d) are more than a constant and its rounding, (d,)."""
    return block.std(axis=0) > 1e-12 * np.abs(block).max(axis=0)


def correlation_matrix(shared: ArrayLike, private: ArrayLike) -> Floats:
    """Compute Pearson's r of each column of `shared` (n, d) with each of `private` (n, e): (d, e), NaN for constant columns.

    Raises DataError for values that are not finite or blocks with different rows.

    Examples
    --------
    >>> from affectspace.evaluation import correlation_matrix
    >>> correlation_matrix([[0.0], [1.0], [2.0]], [[0.0, 5.0], [-1.0, 5.0], [-2.0, 5.0]])
    array([[-1., nan]])
    """
    x, y = block_pair(shared, private)

    def unit(block: Floats) -> Floats:
        centred = block - block.mean(axis=0)
        centred = centred / np.where(varying(block), np.abs(centred).max(axis=0), np.nan)
        return centred / np.sqrt((centred**2).sum(axis=0))

    return np.clip(unit(x).T @ unit(y), -1.0, 1.0)


def mean_abs_correlation(shared: ArrayLike, private: ArrayLike) -> float:
    """Compute the mean |r| over all pairs of varying columns (Table 2), NaN if there are none.

    By chance it is about sqrt(2 / (pi n)). Arguments and errors as `correlation_matrix`.
    """
    r = np.abs(correlation_matrix(shared, private))
    return float(r[~np.isnan(r)].mean()) if not np.isnan(r).all() else float("nan")


def linear_cka(shared: ArrayLike, private: ArrayLike) -> float:
    """Compute |X'Y|^2 / (|X'X| |Y'Y|) of the centred blocks, Frobenius norms (Kornblith et al. 2019), in 0 .. 1.

    It is biased upwards: by chance it is sqrt(d e) / n for whitened blocks, so print its floor beside it. NaN if a block is
    constant. Arguments and errors as `correlation_matrix`.
    """
    x, y = block_pair(shared, private)
    if not varying(x).any() or not varying(y).any():
        return float("nan")
    x, y = _centred(x), _centred(y)
    return float(np.sum((x.T @ y) ** 2) / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def debiased_cka(shared: ArrayLike, private: ArrayLike) -> float:
    """Compute linear CKA from the unbiased HSIC (Song et al. 2012, Eq. 5): 0 on average if rows are independent.

    It can be negative, and is NaN if a block is constant. Needs at least 4 rows. It takes rows for independent: if every
    person shifts both blocks, few people make it positive by chance, see `cka_interval`. The cost is O(n d e).

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.evaluation import debiased_cka
    >>> shared = np.random.default_rng(0).normal(size=(100, 3))
    >>> round(debiased_cka(shared, -2 * shared), 6)
    1.0
    """
    x, y = block_pair(shared, private, least=4)
    if not varying(x).any() or not varying(y).any():
        return float("nan")
    x, y = _centred(x), _centred(y)
    return float(_ratio(_hsic(x, y), _hsic(x, x), _hsic(y, y)))


def cka_interval(shared: Any, private: Any, groups: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Compute debiased CKA over pairs of rows of different people, with a jackknife interval over people.

    It leaves out pairs of rows of one person, as the unbiased estimator leaves out pairs of a row with itself. With 24 people
    whose offsets make 10 % and 50 % of the variance of blocks of 3 and 16 dimensions, `debiased_cka` gives .013 where
    nothing depends; this gives 0. With one row per person both are equal. The interval is that of
    `interval`, over people. Under independence it is too wide rather than too narrow.

    Parameters
    ----------
    shared, private : array_like or list of array_like
        (n, d) and (n, e), or lists of them, one per seed.
    groups : array_like
        Person of each row, (n,), at least six.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Interval

    Raises
    ------
    DataError
        If there are fewer than six people, values are not finite, or seeds or rows differ.
    """
    seeds = by_seed(shared), by_seed(private)
    if len(seeds[0]) != len(seeds[1]):
        raise DataError(f"shared has {len(seeds[0])} seeds and private {len(seeds[1])}: give both of each model")
    pairs = [block_pair(x, y) for x, y in zip(*seeds, strict=True)]
    names, codes = group_codes(groups, len(pairs[0][0]))
    count = len(names)
    if count < 6:
        raise DataError(f"groups has {count} people: debiased CKA over people needs at least 6; group by document")
    value, *left_out = np.mean([_people_cka(x, y, codes, count) for x, y in pairs], axis=0)
    return jackknife_interval(value, np.array(left_out), len(codes), count, confidence)


def _centred(block: Floats) -> Floats:
    """Mean 0 and overall scale 1: CKA does not depend on either, and products neither overflow nor vanish."""
    centred = block - block.mean(axis=0)
    largest = np.abs(centred).max()
    return centred / largest if largest > 0 else centred


def _ratio(between: Any, first: Any, second: Any) -> Any:
    product = np.where((first > 0) & (second > 0), first * second, np.nan)
    return between / np.sqrt(product)


def _hsic(x: Floats, y: Floats) -> float:
    """Unbiased HSIC of linear kernels of centred blocks, times n (n - 3).

    As the columns of X sum to 0, sums of the rows of XX' without its diagonal are minus that diagonal.
    """
    n = len(x)
    k, el = np.sum(x * x, axis=1), np.sum(y * y, axis=1)
    return float(np.sum((x.T @ y) ** 2) - n / (n - 2) * np.dot(k, el) + k.sum() * el.sum() / ((n - 1) * (n - 2)))


def _people_cka(x: Floats, y: Floats, codes: Codes, count: int) -> Floats:
    """Debiased CKA over people of all rows, then without each person, (1 + count,)."""
    if not varying(x).any() or not varying(y).any():
        return np.full(1 + count, np.nan)
    x, y = _centred(x), _centred(y)
    between, first, second = (_people_hsic(a, b, codes, count) for a, b in ((x, y), (x, x), (y, y)))
    return _ratio(between, first, second)


def _people_hsic(x: Floats, y: Floats, codes: Codes, count: int) -> Floats:
    """HSIC over rows of distinct people, of all rows and then without each person, (1 + count,).

    With K = XX' and L = YY' it is mean K_ij L_ij + mean K_ij mean L_qr - 2 mean K_ij L_iq, where i, j, q, r are rows of
    distinct people. Sums over distinct people come from sums over all by inclusion and exclusion.
    """
    rows, people = np.arange(len(codes)), np.arange(count)

    def by_person(values: Floats) -> Floats:
        return np.array(np.bincount(codes, weights=values, minlength=count), dtype=np.float64)

    def with_left_out(total: float, parts: Floats) -> Floats:
        """The sum over all, and what remains without the parts of each person."""
        return np.concatenate([[total], total - parts])

    own = np.array([np.sum((x[codes == p].T @ y[codes == p]) ** 2) for p in people])
    pairs = by_person(np.sum((x @ (x.T @ y)) * y, axis=1)) - own

    x_sums, y_sums = (np.stack([by_person(column) for column in block.T], axis=1) for block in (x, y))
    k, el = x @ x_sums.T, y @ y_sums.T  # products of rows with people, without their own person
    k[rows, codes], el[rows, codes] = 0.0, 0.0
    k_total, el_total, both = k.sum(axis=1), el.sum(axis=1), k * el
    by_row = k_total * el_total - both.sum(axis=1)
    triples = by_person(by_row) + k.T @ el_total + el.T @ k_total - 2 * both.sum(axis=0)

    k, el = x_sums @ x_sums.T, y_sums @ y_sums.T  # products of people with other people
    k[people, people], el[people, people] = 0.0, 0.0
    k_total, el_total, common = k.sum(axis=1), el.sum(axis=1), np.sum(k * el, axis=1)
    meeting = k_total * el_total + k @ el_total + el @ k_total - common
    quadruples = (
        with_left_out(k.sum(), 2 * k_total) * with_left_out(el.sum(), 2 * el_total)
        - 4 * with_left_out(np.dot(k_total, el_total), meeting)
        + 2 * with_left_out(common.sum(), 2 * common)
    )
    sizes = np.bincount(codes, minlength=count).astype(np.float64)
    p1, p2, p3, p4 = (with_left_out(np.sum(sizes**power), sizes**power) for power in (1, 2, 3, 4))
    n2, n3 = p1**2 - p2, p1**3 - 3 * p1 * p2 + 2 * p3
    n4 = p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4
    return with_left_out(pairs.sum(), 2 * pairs) / n2 + quadruples / n4 - 2 * with_left_out(by_row.sum(), triples) / n3
