"""Dependence of any shape between two blocks of a latent: HSIC, distance correlation and mutual information.

Estimates of independent data are not 0: print each beside its floor at the same number of rows (`fixed_rows`).
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform
from scipy.special import digamma

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.floors import PermutationFloor, permuted_orders
from affectspace.evaluation.independence import block_pair, varying
from affectspace.evaluation.inputs import Codes, Floats


def fixed_rows(n: int, size: int, seed: int = 0) -> Codes:
    """Draw `size` of n row numbers without replacement, sorted; all of them if there are no more.

    Examples
    --------
    >>> from affectspace.evaluation import fixed_rows
    >>> fixed_rows(3, size=5)
    array([0, 1, 2])
    """
    if size < 1:
        raise ConfigError(f"size is {size}: at least one row is needed")
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def dependence_test(
    shared: ArrayLike,
    private: ArrayLike,
    *,
    kind: Literal["rbf", "distance"] = "rbf",
    groups: ArrayLike | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> PermutationFloor:
    """Compute the debiased similarity of the blocks' kernels, with its floor and p under permutation.

    It is <A, B> / sqrt(<A, A> <B, B>) of U-centred matrices (Song et al. 2012): 1 for equal blocks, 0 on average under
    independence. It compares n x n matrices, so take at most some thousands of rows; a permutation takes 10 ms at 1,000.

    Parameters
    ----------
    shared, private : array_like
        (n, d) and (n, e), at least 4 rows.
    kind : {"rbf", "distance"}
        HSIC with Gaussian kernels whose width is the median distance, or the bias-corrected squared distance correlation
        (Szekely & Rizzo 2013).
    groups : array_like, optional
        People, (n,). Rows are then permuted within each person: it tests dependence within people, and differences between
        people are a part of the floor. Without it they count as dependence.
    permutations, seed : int
        Number of permutations and their seed.

    Returns
    -------
    PermutationFloor

    Raises
    ------
    DataError
        If there are fewer than 4 rows or a block is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.evaluation import dependence_test
    >>> shared = np.random.default_rng(0).normal(size=(100, 2))
    >>> bool(dependence_test(shared, shared**2).p < 0.01)
    True
    """
    x, y = block_pair(shared, private, least=4)
    for block, name in ((x, "shared"), (y, "private")):
        if not varying(block).any():
            raise DataError(f"{name} is constant over its {len(block)} rows: a dead latent depends on nothing")
    matrix = _MATRICES.get(kind)
    if matrix is None:
        raise ConfigError(f"kind is {kind!r}: one of {', '.join(_MATRICES)}")
    kernels = matrix(x), matrix(y)
    a, b = map(_u_centred, kernels)
    if any(np.linalg.norm(u) < 1e-10 * np.linalg.norm(k) for u, k in zip((a, b), kernels, strict=True)):
        raise DataError("one of the blocks has no variation beyond single rows: it has no debiased similarity")
    scale = np.sqrt(np.vdot(a, a) * np.vdot(b, b))
    value = float(np.vdot(a, b) / scale)
    a, b = a.astype(np.float32), b.astype(np.float32)  # half the memory traffic; draws need no more digits
    orders = permuted_orders(len(x), groups, permutations, seed)
    draws = np.array([float(np.vdot(a, b[order][:, order])) for order in orders]) / scale
    return PermutationFloor.of(value, draws)


def _gaussian(block: Floats) -> Floats:
    distances = pdist(block, "sqeuclidean")
    return squareform(np.exp(-distances / (2 * np.median(distances[distances > 0])))) + np.eye(len(block))


_MATRICES: dict[str, Callable[[Floats], Floats]] = {
    "rbf": _gaussian,
    "distance": lambda block: squareform(pdist(block)),
}


def _u_centred(matrix: Floats) -> Floats:
    """Off-diagonal entries less their row's and column's mean, so that their products are unbiased; diagonal 0."""
    n = len(matrix)
    off = matrix - np.diag(np.diag(matrix))
    rows = off.sum(axis=0)
    centred = off - (rows + rows[:, None]) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0.0)
    return centred


def binned_information(shared: ArrayLike, private: ArrayLike, *, bins: int = 10) -> float:
    """Compute the mutual information in nats of the histograms of two columns, mean over pairs of columns.

    It is the plug-in estimate with `bins` of equal width from the minimum to the maximum: by chance about
    (bins - 1)^2 / 2n if all bins are filled. Constant columns are left out; NaN if none is left.

    Examples
    --------
    >>> from affectspace.evaluation import binned_information
    >>> round(binned_information([[0.0], [0.0], [1.0], [1.0]], [[5.0], [5.0], [9.0], [9.0]], bins=2), 4)
    0.6931
    """
    if bins < 2:
        raise ConfigError(f"bins is {bins}: a histogram needs at least 2")
    x, y = block_pair(shared, private)
    x, y = x[:, varying(x)], y[:, varying(y)]
    if not x.shape[1] or not y.shape[1]:
        return float("nan")
    rows, columns = _bins(x, bins), _bins(y, bins)
    e = y.shape[1]
    offset = np.arange(e) * bins * bins
    total = 0.0
    for own in rows.T:  # (n, e) cells at a time
        counts = np.bincount((offset + own[:, None] * bins + columns).ravel(), minlength=e * bins * bins)
        total += float(np.sum(_plug_in(counts.reshape(e, bins, bins) / len(x))))
    return total / (x.shape[1] * e)


def _bins(block: Floats, bins: int) -> Codes:
    low, high = block.min(axis=0), block.max(axis=0)
    return np.minimum((block - low) / (high - low) * bins, bins - 1).astype(np.int64)


def _plug_in(joint: Floats) -> Floats:
    """Mutual information of each table of (tables, bins, bins) probabilities."""
    product = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    ratio = np.divide(joint, product, out=np.ones_like(joint), where=joint > 0)
    return np.maximum(np.sum(joint * np.log(ratio), axis=(1, 2)), 0.0)


def ksg_information(shared: ArrayLike, private: ArrayLike, *, k: int = 3, seed: int = 0) -> float:
    """Estimate the mutual information in nats of whole blocks from k nearest neighbours (Kraskov et al. 2004, Eq. 8).

    Columns are standardised and distances are maxima over them; noise of 1e-10 sd breaks ties. It is near 0, also below, for
    independent blocks. It grows with n for a function without noise, where the truth is infinite, and is far too small for
    strong dependence in many dimensions. NaN if a block is constant. Raises DataError for k rows or fewer.
    """
    x, y = _standardised(shared, private, k, seed)
    return _ksg(x, y, k) if x.shape[1] and y.shape[1] else float("nan")


def pairwise_ksg_information(shared: ArrayLike, private: ArrayLike, *, k: int = 3, seed: int = 0) -> float:
    """Estimate the mutual information of two columns as `ksg_information` does; mean over pairs, negative ones as 0.

    It equals scikit-learn's `mutual_info_regression`. By chance it is about .009 at n = 1,000, as one estimate has a standard
    deviation of .03. The paper's "Mean MI" of .0055-.0058 is near this floor and far below that of 10 bins.
    """
    x, y = _standardised(shared, private, k, seed)
    pairs = [_ksg(x[:, [i]], y[:, [j]], k) for i in range(x.shape[1]) for j in range(y.shape[1])]
    return float(np.mean(np.maximum(pairs, 0.0))) if pairs else float("nan")


def _standardised(shared: ArrayLike, private: ArrayLike, k: int, seed: int) -> tuple[Floats, Floats]:
    if k < 1:
        raise ConfigError(f"k is {k}: at least one neighbour is needed")
    x, y = block_pair(shared, private)
    if len(x) <= k:
        raise DataError(f"shared and private have {len(x)} rows: {k} neighbours need at least {k + 1}")
    rng = np.random.default_rng(seed)
    blocks = []
    for block in (x, y):
        kept = block[:, varying(block)]
        kept = (kept - kept.mean(axis=0)) / kept.std(axis=0)
        blocks.append(kept + 1e-10 * rng.standard_normal(kept.shape))
    return blocks[0], blocks[1]


def _ksg(x: Floats, y: Floats, k: int) -> float:
    joint = np.hstack([x, y])
    distance = cKDTree(joint).query(joint, k + 1, p=np.inf)[0][:, -1]
    radius = np.nextafter(distance, 0)  # strictly nearer than the k-th neighbour; the point itself makes n_x + 1
    inside = sum(digamma(_neighbours(block, radius)).mean() for block in (x, y))
    return float(digamma(k) + digamma(len(x)) - inside)


def _neighbours(block: Floats, radius: Floats) -> Codes:
    """How many points lie within `radius` of each point, itself included."""
    if block.shape[1] > 1:
        return cKDTree(block).query_ball_point(block, radius, p=np.inf, return_length=True)
    values = block[:, 0]
    ordered = np.sort(values)
    radius = np.maximum(radius * (1 - 1e-10) - 1e-15 * np.abs(values), 0)  # or rounding lets the k-th neighbour in
    return np.searchsorted(ordered, values + radius, "right") - np.searchsorted(ordered, values - radius, "left")
