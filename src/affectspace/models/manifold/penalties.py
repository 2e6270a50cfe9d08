"""Penalties on the dependence between two latents, or between a private latent and the emotions.

Each takes the rows that are present, of one modality, and is zero with fewer than two. The paper's covariance (Eqs. 8-9) does
not see non-linear dependence and falls when the latents merely shrink; the correlation does not see non-linear dependence;
HSIC sees any dependence.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PRIVATE_FLOOR = 0.01  # variance of a private mean (the prior's is 1) below which a dimension counts as collapsed


def centred(latent: Tensor) -> Tensor:
    """Subtract the mean of each column, (rows, dimensions)."""
    return latent - latent.mean(dim=0, keepdim=True)


def cross_covariance(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 8: (dimensions of the first, dimensions of the second), divided by rows - 1."""
    return centred(first).T @ centred(second) / (len(first) - 1)


def covariance_penalty(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 9: squared Frobenius norm of the cross-covariance, summed over its entries."""
    if len(first) < 2:
        return _zero(first, second)
    return cross_covariance(first, second).square().sum()


def correlation_penalty(
    first: Tensor, second: Tensor, first_floor: Tensor | float = 0.0, second_floor: Tensor | float = 0.0
) -> Tensor:
    """Mean squared correlation over all pairs of dimensions, in [0, 1].

    floors : variance added to each dimension, a number or (dimensions,). A dimension far below its floor, such as the mean
    of a collapsed latent, counts as uncorrelated; otherwise its noise would have a gradient
    """
    if len(first) < 2:
        return _zero(first, second)
    tiny = torch.finfo(first.dtype).tiny
    first_variance = first.var(dim=0) + first_floor + tiny
    second_variance = second.var(dim=0) + second_floor + tiny
    return (cross_covariance(first, second).square() / (first_variance[:, None] * second_variance)).mean()


def gaussian_kernel(latent: Tensor) -> Tensor:
    """exp(-d^2 / (2 m)), m the median squared distance of different rows, without a gradient in m, (rows, rows)."""
    latent = centred(latent)
    products, rows = latent @ latent.T, len(latent)
    norms = products.diagonal()
    squared = (norms[:, None] + norms - 2.0 * products).clamp(min=0.0)
    different = ~torch.eye(rows, dtype=torch.bool, device=latent.device)
    median = squared.detach()[different].median().clamp(min=1e-12)
    return torch.exp(-squared / (2.0 * median))


def hsic_penalty(first: Tensor, second: Tensor) -> Tensor:
    """Hilbert-Schmidt independence criterion with Gaussian kernels, normalised to [0, 1] (Gretton et al. 2005).

    HSIC(first, second) / sqrt(HSIC(first, first) HSIC(second, second)), the V-statistic: zero only for independent
    latents, in the limit of many rows. Kernel widths are medians, so that it does not fall when a latent shrinks.
    """
    if len(first) < 2:
        return _zero(first, second)
    kernels = [gaussian_kernel(latent) for latent in (first, second)]
    left, right = (_doubly_centred(kernel) for kernel in kernels)
    tiny = torch.finfo(first.dtype).tiny
    return (left * right).sum() / (left.square().sum() * right.square().sum() + tiny).sqrt()


def emotion_correlation(private: Tensor, category: Tensor, categories: int) -> Tensor:
    """Mean squared correlation of a private latent's dimensions with the emotions' indicators, over rows with an emotion.

    It is zero where the mean of each dimension is the same in every emotion, so that no linear probe can find one.
    """
    known = category >= 0
    indicator = F.one_hot(category[known], categories).to(private.dtype)
    return correlation_penalty(private[known], indicator, PRIVATE_FLOOR, 1e-4)


def emotion_dependence(private: Tensor, category: Tensor, categories: int) -> Tensor:
    """HSIC of a private latent with the emotion's indicator, in [0, 1], over rows with an emotion."""
    known = category >= 0
    return hsic_penalty(private[known], F.one_hot(category[known], categories).to(private.dtype))


def _doubly_centred(kernel: Tensor) -> Tensor:
    return kernel - kernel.mean(dim=0, keepdim=True) - kernel.mean(dim=1, keepdim=True) + kernel.mean()


def _zero(*latents: Tensor) -> Tensor:
    """Zero that still belongs to the graph, so that every process has the same gradients to exchange."""
    return sum((latent.sum() * 0.0 for latent in latents), start=latents[0].new_zeros(()))
