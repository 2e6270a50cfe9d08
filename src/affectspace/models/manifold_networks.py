"""Encoder and decoder of one modality of the affective manifold: multi-layer perceptrons on feature vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectspace.models.posteriors import Posterior

LOG_VARIANCES = (-12.0, 6.0)


def perceptron(inputs: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU after each, (batch, inputs) -> (batch, hidden[-1]); nothing where `hidden` is empty."""
    layers: list[nn.Module] = []
    for outputs in hidden:
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers)


class GaussianHead(nn.Module):
    """F of Eqs. 2-3: a perceptron to the mean and log-variance of a diagonal Gaussian."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], dimensions: int) -> None:
        super().__init__()
        self.trunk = perceptron(inputs, hidden)
        self.to_posterior = nn.Linear(hidden[-1] if hidden else inputs, 2 * dimensions)

    def forward(self, features: Tensor) -> tuple[Posterior, Tensor]:
        """Posterior, and the last hidden layer, of (batch, inputs)."""
        hidden = self.trunk(features)
        mean, log_variance = self.to_posterior(hidden).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCES)), hidden


class FeatureDecoder(nn.Module):
    """D of Eqs. 5-6: the two latents side by side -> standardised features, (batch, width)."""

    def __init__(self, shared: int, private: int, hidden: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.trunk = perceptron(shared + private, hidden)
        self.to_features = nn.Linear(hidden[-1] if hidden else shared + private, width)

    def forward(self, shared: Tensor, private: Tensor) -> Tensor:
        return self.to_features(self.trunk(torch.cat([shared, private], dim=1)))
