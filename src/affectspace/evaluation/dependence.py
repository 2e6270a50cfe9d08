"""Dependence of any shape between two blocks of a latent: distance correlation and HSIC, with permutation p-values.

Both compare n x n matrices: take a fixed n of at most some thousands (`fixed_rows`), as a floor needs a fixed n anyway.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.floors import PermutationFloor, permuted_orders
from affectspace.evaluation.independence import block_pair, varying
from affectspace.evaluation.inputs import Codes, Floats

Kind = Literal["rbf", "distance", "linear"]


def fixed_rows(n: int, size: int, seed: int = 0) -> Codes:
    """`size` of n row numbers, drawn without replacement and sorted; all where there are no more."""
    if size < 1:
        raise ConfigError(f"size is {size}: at least one row is needed")
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def distance_correlation(shared: ArrayLike, private: ArrayLike) -> float:
    """Distance correlation of (n, d) and (n, e), in 0 .. 1 (Szekely, Rizzo & Bakirov 2007, Eq. 2.10); biased upwards.

    0 in the population only where the blocks are independent; at n = 1,000 about .21 for independent Gaussians of 3 and
    64 dimensions: print it with `dependence_test`. NaN where a block is constant.
    """
    x, y = block_pair(shared, private)
    if not varying(x).any() or not varying(y).any():
        return float("nan")
    a, b = (_centred(squareform(pdist(block))) for block in (x, y))
    product = np.vdot(a, b) / np.sqrt(np.vdot(a, a) * np.vdot(b, b))
    return float(np.sqrt(max(product, 0.0)))


def rbf_hsic(shared: ArrayLike, private: ArrayLike) -> float:
    """tr(K H L H) / (n - 1)^2 with Gaussian kernels, their width the median distance (Gretton et al. 2005, Eq. 9).

    Biased upwards, and without a scale of its own: compare it with its floor (`dependence_test`). NaN for constant blocks.
    """
    x, y = block_pair(shared, private)
    if not varying(x).any() or not varying(y).any():
        return float("nan")
    return float(np.vdot(_centred(_gaussian(x)), _gaussian(y)) / (len(x) - 1) ** 2)


def dependence_test(
    shared: ArrayLike,
    private: ArrayLike,
    *,
    kind: Kind = "rbf",
    groups: ArrayLike | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> PermutationFloor:
    """Debiased similarity of the blocks' kernels, 0 on average under independence, with its permutation p.

    kind : "rbf", HSIC with Gaussian kernels of median width; "distance", the bias-corrected squared distance correlation
        (Szekely & Rizzo 2013); "linear", debiased CKA. Each is <A, B> / sqrt(<A, A> <B, B>) of U-centred matrices
        (Song et al. 2012), 1 for equal blocks.
    groups : (n,) people; rows are then permuted within each, which tests dependence within people and keeps what people
        differ in as a part of the floor. Without it rows count as independent, and people's offsets as dependence.

    One permutation costs n^2: 10 ms at n = 1,000. Raises DataError for fewer than 4 rows or a constant block.
    """
    x, y = block_pair(shared, private, least=4)
    for block, name in ((x, "shared"), (y, "private")):
        if not varying(block).any():
            raise DataError(f"{name} is constant over its {len(block)} rows: there is nothing that could depend")
    matrix = _MATRICES.get(kind)
    if matrix is None:
        raise ConfigError(f"kind is {kind!r}: one of {', '.join(_MATRICES)}")
    a, b = _u_centred(matrix(x)), _u_centred(matrix(y))
    scale = np.sqrt(np.vdot(a, a) * np.vdot(b, b))
    if not scale > 0:
        raise DataError("one of the blocks has no variation beyond single rows: it has no debiased similarity")
    value = float(np.vdot(a, b) / scale)
    a, b = a.astype(np.float32), b.astype(np.float32)  # half the memory traffic; draws need no more digits
    orders = permuted_orders(len(x), groups, permutations, seed)
    draws = np.array([float(np.vdot(a, b[order][:, order])) for order in orders]) / scale
    return PermutationFloor.of(value, draws)


def _gaussian(block: Floats) -> Floats:
    distances = pdist(block, "sqeuclidean")
    positive = distances[distances > 0]
    return squareform(np.exp(-distances / (2 * np.median(positive)))) + np.eye(len(block))


def _linear(block: Floats) -> Floats:
    centred = block - block.mean(axis=0)
    return centred @ centred.T


_MATRICES: dict[str, Callable[[Floats], Floats]] = {
    "rbf": _gaussian,
    "distance": lambda block: squareform(pdist(block)),
    "linear": _linear,
}


def _centred(matrix: Floats) -> Floats:
    rows = matrix.mean(axis=0)
    return matrix - rows - rows[:, None] + rows.mean()


def _u_centred(matrix: Floats) -> Floats:
    """Off-diagonal entries less their row's and column's mean, so that their products are unbiased; diagonal 0."""
    n = len(matrix)
    off = matrix - np.diag(np.diag(matrix))
    rows = off.sum(axis=0)
    centred = off - (rows + rows[:, None]) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0.0)
    return centred
