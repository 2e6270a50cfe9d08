"""Penalties on the dependence between a shared and a private latent, as plain functions of two matrices.

Each takes the rows that are present, one modality, and is zero with fewer than two. The paper's (Eqs. 8-9) is blind to
dependence that is not linear and falls when the latents merely shrink; the correlation falls for the first reason only by
independence, HSIC sees any dependence.
"""

from __future__ import annotations

import torch
from torch import Tensor


def centred(latent: Tensor) -> Tensor:
    """De-meaned columns, (rows, dimensions)."""
    return latent - latent.mean(dim=0, keepdim=True)


def cross_covariance(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 8: (dimensions of the first, dimensions of the second), divided by rows - 1."""
    return centred(first).T @ centred(second) / (len(first) - 1)


def covariance_penalty(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 9: squared Frobenius norm of the cross-covariance, summed over its entries."""
    if len(first) < 2:
        return _nothing(first, second)
    return cross_covariance(first, second).square().sum()


def correlation_penalty(
    first: Tensor, second: Tensor, first_floor: Tensor | float = 0.0, second_floor: Tensor | float = 0.0
) -> Tensor:
    """Mean squared correlation over all pairs of dimensions, in [0, 1].

    floors : variance added to each dimension, a number or (dimensions,); a dimension far below it, such as a collapsed
    latent's mean, counts as uncorrelated instead of lending its noise a gradient
    """
    if len(first) < 2:
        return _nothing(first, second)
    tiny = torch.finfo(first.dtype).tiny
    spread_first = first.var(dim=0) + first_floor + tiny
    spread_second = second.var(dim=0) + second_floor + tiny
    return (cross_covariance(first, second).square() / (spread_first[:, None] * spread_second)).mean()


def gaussian_kernel(latent: Tensor) -> Tensor:
    """exp(-d^2 / (2 m)) with m the median of the squared distances between different rows, no gradient in m, (rows, rows)."""
    latent = centred(latent)
    products, rows = latent @ latent.T, len(latent)
    norms = products.diagonal()
    squared = (norms[:, None] + norms - 2.0 * products).clamp(min=0.0)
    others = ~torch.eye(rows, dtype=torch.bool, device=latent.device)
    median = squared.detach()[others].median().clamp(min=1e-12)
    return torch.exp(-squared / (2.0 * median))


def hsic_penalty(first: Tensor, second: Tensor) -> Tensor:
    """Hilbert-Schmidt independence criterion with Gaussian kernels, normalised to [0, 1] (Gretton et al. 2005).

    HSIC(first, second) / sqrt(HSIC(first, first) HSIC(second, second)), the V-statistic: zero only of independent
    latents, in the limit of many rows. Kernel widths are medians, so that it does not fall when a latent shrinks.
    """
    if len(first) < 2:
        return _nothing(first, second)
    kernels = [gaussian_kernel(latent) for latent in (first, second)]
    one, other = (_doubly_centred(kernel) for kernel in kernels)
    tiny = torch.finfo(first.dtype).tiny
    return (one * other).sum() / (one.square().sum() * other.square().sum() + tiny).sqrt()


def _doubly_centred(kernel: Tensor) -> Tensor:
    return kernel - kernel.mean(dim=0, keepdim=True) - kernel.mean(dim=1, keepdim=True) + kernel.mean()


def _nothing(*latents: Tensor) -> Tensor:
    """Zero that still belongs to the graph, so that every process has the same gradients to exchange."""
    return sum((latent.sum() * 0.0 for latent in latents), start=latents[0].new_zeros(()))
