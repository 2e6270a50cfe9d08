"""Central moment discrepancy between two sets of bounded codes (Zellinger et al. 2017), MISA's similarity."""

import math

import torch
from torch import Tensor

EPSILON = 1e-8


def moment_discrepancy(one: Tensor, other: Tensor, moments: int = 5) -> Tensor:
    """CMD of codes in [0, 1], scalar: distance of the means plus those of the central moments of order 2 .. `moments`.

    one, other : (rows, dimensions), each with at least one row, not necessarily as many. The root of every distance has
    an epsilon inside, because its gradient is infinite where the moments are equal, and loses its root again, so that
    identical codes have exactly 0.
    """
    means = one.mean(dim=0), other.mean(dim=0)
    around = one - means[0], other - means[1]
    distances = [_distance(*means)]
    for order in range(2, moments + 1):
        distances.append(_distance(around[0].pow(order).mean(dim=0), around[1].pow(order).mean(dim=0)))
    return torch.stack(distances).sum()


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return torch.sqrt((one - other).square().sum() + EPSILON) - math.sqrt(EPSILON)
