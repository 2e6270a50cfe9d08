"""Mutual information of two blocks of a latent in nats: binned as in the field, and by nearest neighbours (KSG).

Estimates of independent data are not 0: print each beside its floor at the same n.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from scipy.special import digamma

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.independence import block_pair, varying
from affectspace.evaluation.inputs import Codes, Floats


def binned_information(shared: ArrayLike, private: ArrayLike, *, bins: int = 10) -> float:
    """Mean over pairs of columns of the mutual information of their histograms, `bins` of equal width from min to max.

    `shared` (n, d), `private` (n, e); the plug-in estimate, about (bins - 1)^2 / 2n for independent columns whose bins are
    all filled. Constant columns are left out; NaN where none is left. Raises ConfigError for fewer than 2 bins.
    """
    if bins < 2:
        raise ConfigError(f"bins is {bins}: a histogram needs at least 2")
    x, y = block_pair(shared, private)
    x, y = x[:, varying(x)], y[:, varying(y)]
    if not x.shape[1] or not y.shape[1]:
        return float("nan")
    rows, columns = _bins(x, bins), _bins(y, bins)
    n, d, e = len(x), x.shape[1], y.shape[1]
    pair = np.arange(d * e).reshape(d, e) * bins * bins
    total = 0.0
    for i in range(d):  # (n, e) cells at a time
        cell = pair[i] + rows[:, i, None] * bins + columns
        counts = np.bincount(cell.ravel() - pair[i, 0], minlength=e * bins * bins).reshape(e, bins, bins)
        total += float(np.sum(_plug_in(counts / n)))
    return total / (d * e)


def _bins(block: Floats, bins: int) -> Codes:
    low, high = block.min(axis=0), block.max(axis=0)
    return np.minimum((block - low) / (high - low) * bins, bins - 1).astype(np.int64)


def _plug_in(joint: Floats) -> Floats:
    """Mutual information of each table of (tables, bins, bins) probabilities."""
    product = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    ratio = np.divide(joint, product, out=np.ones_like(joint), where=joint > 0)
    return np.maximum(np.sum(joint * np.log(ratio), axis=(1, 2)), 0.0)


def ksg_information(shared: ArrayLike, private: ArrayLike, *, k: int = 3, seed: int = 0) -> float:
    """Mutual information of the whole blocks (n, d) and (n, e) by k nearest neighbours (Kraskov et al. 2004, Eq. 8).

    Columns are standardised, distances are maxima over them; noise of 1e-10 sd breaks ties. Near 0, also below, for
    independent blocks; it grows with n, as the truth is infinite, for a function without noise; in many dimensions
    it is far too small for strong dependence. NaN where a block is constant. Raises DataError for k rows or fewer.
    """
    x, y = _standardised(shared, private, k, seed)
    if not x.shape[1] or not y.shape[1]:
        return float("nan")
    return _ksg(x, y, k)


def pairwise_ksg_information(shared: ArrayLike, private: ArrayLike, *, k: int = 3, seed: int = 0) -> float:
    """Mean over pairs of columns of their KSG estimate, negative ones as 0 (as scikit-learn's `mutual_info_regression`).

    About .009 for independent columns at n = 1,000, as the sd of one estimate is .03. Arguments as `ksg_information`. The
    paper's "Mean MI" of .0055-.0058 is near this floor and far below that of 10 bins.
    """
    x, y = _standardised(shared, private, k, seed)
    if not x.shape[1] or not y.shape[1]:
        return float("nan")
    pairs = [_ksg(x[:, [i]], y[:, [j]], k) for i in range(x.shape[1]) for j in range(y.shape[1])]
    return float(np.mean(np.maximum(pairs, 0.0)))


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
    inside = sum(digamma(_counts(block, radius)).mean() for block in (x, y))
    return float(digamma(k) + digamma(len(x)) - inside)


def _counts(block: Floats, radius: Floats) -> Codes:
    """Points within `radius` of each point, itself among them."""
    if block.shape[1] > 1:
        return cKDTree(block).query_ball_point(block, radius, p=np.inf, return_length=True)
    values = block[:, 0]
    ordered = np.sort(values)
    radius = np.maximum(radius * (1 - 1e-10) - 1e-15 * np.abs(values), 0)  # or rounding lets the k-th neighbour in
    return np.searchsorted(ordered, values + radius, "right") - np.searchsorted(ordered, values - radius, "left")
