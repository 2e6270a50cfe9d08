"""Linear dependence of two blocks of a latent, shared and private: |r|, CKA and debiased CKA with its interval over people.

All of it sees linear dependence only: private = shared squared passes. See `mutual_information` and `dependence`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from affectspace.errors import DataError
from affectspace.evaluation.inputs import Codes, Floats, by_seed, feature_matrix, group_codes, require_same_length
from affectspace.evaluation.intervals import Interval, require_confidence


def block_pair(shared: ArrayLike, private: ArrayLike, least: int = 2) -> tuple[Floats, Floats]:
    """Two finite blocks (n, d) and (n, e) of the same rows. Raises DataError otherwise, or for fewer than `least` rows."""
    x, y = feature_matrix(shared, "shared"), feature_matrix(private, "private")
    require_same_length(len(x), "shared", len(y), "private")
    if len(x) < least:
        raise DataError(f"shared and private have {len(x)} rows: this measure needs at least {least}")
    return x, y


def varying(block: Floats) -> NDArray[np.bool_]:
    """Which columns of (n, d) are more than one constant and its rounding, (d,)."""
    return block.std(axis=0) > 1e-12 * np.abs(block).max(axis=0)


def correlation_matrix(shared: ArrayLike, private: ArrayLike) -> Floats:
    """Pearson's r of each column of `shared` (n, d) with each of `private` (n, e): (d, e), NaN for constant columns.

    The heatmap of Figure 3. Raises DataError for values that are not finite or rows that differ.
    """
    x, y = block_pair(shared, private)

    def unit(block: Floats) -> Floats:
        centred = block - block.mean(axis=0)
        centred = centred / np.where(varying(block), np.abs(centred).max(axis=0), np.nan)
        return centred / np.sqrt((centred**2).sum(axis=0))

    return np.clip(unit(x).T @ unit(y), -1.0, 1.0)


def mean_abs_correlation(shared: ArrayLike, private: ArrayLike) -> float:
    """Mean |r| over the pairs of varying columns (Table 2); NaN without any. By chance about sqrt(2 / (pi n))."""
    r = np.abs(correlation_matrix(shared, private))
    return float(r[~np.isnan(r)].mean()) if not np.isnan(r).all() else float("nan")


def linear_cka(shared: ArrayLike, private: ArrayLike) -> float:
    """|X'Y|^2 / (|X'X| |Y'Y|), centred, Frobenius norms (Kornblith et al. 2019): in 0 .. 1, biased upwards.

    By chance sqrt(d e) / n for whitened blocks (n, d) and (n, e), so that it says little without its floor. NaN where a
    block is constant.
    """
    x, y = block_pair(shared, private)
    if not varying(x).any() or not varying(y).any():
        return float("nan")
    x, y = _centred(x), _centred(y)
    return float(np.sum((x.T @ y) ** 2) / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def debiased_cka(shared: ArrayLike, private: ArrayLike) -> float:
    """Linear CKA from the unbiased HSIC (Song et al. 2012, Eq. 5): 0 on average, also negative, where rows are independent.

    From feature products, O(n d e), not from n x n kernels. At least 4 rows; NaN where a block does not vary. It takes rows
    for independent: where each person shifts both blocks, few people make it positive by chance (see `cka_interval`).
    """
    x, y = block_pair(shared, private, least=4)
    if not varying(x).any() or not varying(y).any():
        return float("nan")
    x, y = _centred(x), _centred(y)
    return float(_ratio(_hsic(x, y), _hsic(x, x), _hsic(y, y)))


def cka_interval(shared: Any, private: Any, groups: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Debiased CKA over people: `shared` (n, d), `private` (n, e), or lists of them, one per seed; `groups` (n,).

    Pairs of rows of one person are left out, as the unbiased estimator leaves out pairs of a row with itself: with 24
    people whose offsets make 10 % and 50 % of the variance of blocks of 3 and 16, `debiased_cka` finds .013 where there is no
    dependence, this 0. With one row a person both are the same. Interval: jackknife over people with Student's t (drawing
    people twice, as the bootstrap does, pairs them with themselves); under independence it is too wide rather than
    too narrow. Raises DataError for fewer than 6 people.
    """
    require_confidence(confidence)
    pairs = [block_pair(x, y) for x, y in _matched(by_seed(shared), by_seed(private))]
    codes, count = group_codes(groups, len(pairs[0][0]))
    if count < 6:
        raise DataError(f"groups has {count} people: debiased CKA over people needs at least 6; group by document")
    values = np.mean([_without_each(x, y, codes, count) for x, y in pairs], axis=0)
    left = values[1:]
    error = np.sqrt((count - 1) / count * np.sum((left - left.mean()) ** 2))
    half = float(student.ppf((1 + confidence) / 2, count - 1) * error)
    value = float(values[0])
    return Interval(value, value - half, value + half, len(codes), count, confidence)


def _matched(shared: list[NDArray], private: list[NDArray]) -> list[tuple[NDArray, NDArray]]:
    if len(shared) != len(private):
        raise DataError(f"shared has {len(shared)} seeds and private {len(private)}: give both of each model")
    return list(zip(shared, private, strict=True))


def _centred(block: Floats) -> Floats:
    """Mean 0 and overall scale 1: CKA does not depend on either, and products neither overflow nor vanish."""
    centred = block - block.mean(axis=0)
    largest = np.abs(centred).max()
    return centred / largest if largest > 0 else centred


def _ratio(between: Any, first: Any, second: Any) -> Any:
    product = np.where((first > 0) & (second > 0), first * second, np.nan)
    return between / np.sqrt(product)


def _hsic(x: Floats, y: Floats) -> float:
    """Unbiased HSIC of linear kernels of centred blocks, times n (n - 3), with K~ = XX' without its diagonal.

    As the columns of X sum to 0, K~ 1 is minus the diagonal, and tr(K~ L~) is |X'Y|^2 less the diagonals' product.
    """
    n = len(x)
    k, el = np.sum(x * x, axis=1), np.sum(y * y, axis=1)
    return float(np.sum((x.T @ y) ** 2) - n / (n - 2) * np.dot(k, el) + k.sum() * el.sum() / ((n - 1) * (n - 2)))


def _without_each(x: Floats, y: Floats, codes: Codes, count: int) -> Floats:
    """Debiased CKA over people of all, then without each of them, (1 + count,)."""
    if not varying(x).any() or not varying(y).any():
        return np.full(1 + count, np.nan)
    order = np.argsort(codes, kind="stable")
    x, y, codes = _centred(x)[order], _centred(y)[order], codes[order]
    return _ratio(_group_hsic(x, y, codes), _group_hsic(x, x, codes), _group_hsic(y, y, codes))


def _group_hsic(x: Floats, y: Floats, codes: Codes) -> Floats:
    """HSIC by rows of distinct people only, of all and without each person: mean K_ij L_ij + K_ij L_rs - 2 K_ij L_ir.

    x, y are centred and sorted by `codes`. Sums over distinct people come from sums over all by inclusion and exclusion,
    in products of features, so that neither pairs of rows nor of people are formed.
    """
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    sizes = np.bincount(codes).astype(np.float64)
    sx, sy = np.add.reduceat(x, starts), np.add.reduceat(y, starts)  # (people, d), (people, e)
    total_x, total_y, cross, sums = sx.sum(axis=0), sy.sum(axis=0), x.T @ y, sx.T @ sy

    def by_person(values: Floats) -> Floats:
        return np.bincount(codes, weights=values, minlength=len(sizes)).astype(np.float64)

    # with C_p = X_p' Y_p of person p: the products of C_p with what stands around it
    own_x, own_y = np.sum(x * sx[codes], axis=1), np.sum(y * sy[codes], axis=1)
    all_x, all_y = x @ total_x, y @ total_y
    own, both = by_person(own_x * own_y), by_person(all_x * all_y)
    left, right = by_person(all_x * own_y), by_person(own_x * all_y)  # X' C_p s_p and s_p' C_p Y
    squares = np.array([_cross_square(x[codes == p], y[codes == p]) for p in range(len(sizes))])

    with_person = by_person(np.sum((x @ cross) * y, axis=1)) - squares
    pairs = _all_and_without(with_person.sum(), 2 * with_person)

    middle = both - left - right + own - (by_person(np.sum((x @ sums) * y, axis=1)) - own)
    around = np.sum((sx @ cross) * sy, axis=1)
    first = sx @ (cross @ total_y - x.T @ own_y) - right + 2 * own - around
    last = sy @ (cross.T @ total_x - y.T @ own_x) - left + 2 * own - around
    triples = _all_and_without(middle.sum(), middle + first + last)

    diagonal_x, diagonal_y = np.sum(sx * sx, axis=1), np.sum(sy * sy, axis=1)
    a, b = sx @ total_x - diagonal_x, sy @ total_y - diagonal_y
    shared = np.sum((sx @ sums) * sy, axis=1) - diagonal_x * diagonal_y
    through = a * b + sx @ (sx.T @ b) - diagonal_x * b + sy @ (sy.T @ a) - diagonal_y * a - shared
    quadruples = (
        _all_and_without(a.sum(), 2 * a) * _all_and_without(b.sum(), 2 * b)
        - 4 * _all_and_without(np.dot(a, b), through)
        + 2 * _all_and_without(shared.sum(), 2 * shared)
    )
    p1, p2, p3, p4 = (_all_and_without(np.sum(sizes**k), sizes**k) for k in (1, 2, 3, 4))
    n2, n3 = p1**2 - p2, p1**3 - 3 * p1 * p2 + 2 * p3
    n4 = p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4
    return pairs / n2 + quadruples / n4 - 2 * triples / n3


def _all_and_without(total: float, parts: Floats) -> Floats:
    return np.concatenate([[total], total - parts])


def _cross_square(x: Floats, y: Floats) -> float:
    """|X'Y|^2 by whichever of features or rows is fewer."""
    if len(x) < min(x.shape[1], y.shape[1]):
        return float(np.sum((x @ x.T) * (y @ y.T)))
    return float(np.sum((x.T @ y) ** 2))
