"""Emotions in the affective manifold: prototypes in the shared space, and penalties on emotion in the private ones."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectspace.models.independence_penalties import correlation_penalty, hsic_penalty
from affectspace.models.manifold_terms import Part

PRIVATE_FLOOR = 0.01  # variance of a private mean (the prior's is 1) below which a dimension counts as collapsed


def class_weights(count: Tensor, kind: str) -> Tensor:
    """Weight of each emotion, (categories,): "balanced" rows / (emotions that occur * rows of the emotion), or "none", 1."""
    if kind == "none" or not count.sum():
        return torch.ones_like(count)
    return torch.where(count > 0, count.sum() / ((count > 0).sum() * count.clamp(min=1)), 0.0)


class EmotionPrototypes(nn.Module):
    """p(e | z) ~ exp(-|z - centre_e|^2 / tau), distances in standard deviations of the labels; tau is learned.

    Centres are those of the training labels and stay. An emotion without one has probability 0 and takes no part.
    """

    def __init__(self, categories: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.full((categories, 3), torch.nan))
        self.log_temperature = nn.Parameter(torch.zeros(()))

    centres: Tensor

    def forward(self, shared: Tensor) -> Tensor:
        """Logits (rows, categories) of the shared latent in standard deviations, (rows, 3)."""
        known = ~self.centres.isnan().any(dim=1)
        centres = torch.where(known[:, None], self.centres, 0.0)
        squared = (shared[:, None] - centres).square().sum(dim=2)
        return torch.where(known, -squared / self.log_temperature.exp(), torch.finfo(shared.dtype).min)


def emotion_error(logits: Tensor, category: Tensor, weight: Tensor, usable: Tensor) -> Part:
    """Weighted cross-entropy of each row, nats; rows without an emotion, or with one that is not usable, do not count.

    category : (rows,), -1 without one; weight : (categories,); usable : (categories,) bool
    """
    filled = category.clamp(min=0)
    known = (category >= 0) & usable[filled]
    error = F.cross_entropy(logits, filled, reduction="none") * weight[filled]
    return Part(error, known)


def emotion_correlation(private: Tensor, category: Tensor, categories: int) -> Tensor:
    """Mean squared correlation of a private latent's dimensions with the emotions' indicators, over rows that have one.

    It is zero where the mean of each dimension is the same in every emotion, and no linear probe can find one.
    """
    known = category >= 0
    indicator = F.one_hot(category[known], categories).to(private.dtype)
    return correlation_penalty(private[known], indicator, PRIVATE_FLOOR, 1e-4)


def emotion_dependence(private: Tensor, category: Tensor, categories: int) -> Tensor:
    """HSIC of a private latent with the emotion's indicator, in [0, 1], over rows that have one: any dependence counts."""
    known = category >= 0
    return hsic_penalty(private[known], F.one_hot(category[known], categories).to(private.dtype))


class EmotionProbe(nn.Module):
    """An adversary: a perceptron that tells emotions from a private latent, whose gradient reaches the encoder reversed."""

    def __init__(self, private: int, categories: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(private, hidden), nn.ReLU(), nn.Linear(hidden, categories))

    def forward(self, private: Tensor, strength: float) -> Tensor:
        """Logits; the encoder gets -strength times the gradient (Ganin & Lempitsky 2015)."""
        return self.layers(_Reversed.apply(private, strength))


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradients[0], None
