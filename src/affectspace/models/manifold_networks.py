"""Encoder and decoder of one modality of the affective manifold: multi-layer perceptrons on standardised features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectspace.models.consensus import expected_affect, masked_log_softmax
from affectspace.models.erasure import Erasing, LinearErasure
from affectspace.models.manifold_config import ManifoldSettings
from affectspace.models.posteriors import Posterior

SHARED = 3
LOG_VARIANCES = (-12.0, 6.0)
LOG_DEVIATIONS = (-4.0, 3.0)


def dropout(values: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Each value zero with probability `rate`, the others scaled up, as drawn from the generator."""
    kept = torch.empty_like(values).bernoulli_(1.0 - rate, generator=generator)
    return values * kept.div_(1.0 - rate)


class Perceptron(nn.Module):
    """Linear layers, ReLU and dropout after each, (batch, inputs) -> (batch, outputs); the identity where `hidden` is empty."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], rate: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in zip((inputs, *hidden), hidden, strict=False)
        )
        self.outputs, self.rate = (inputs, *hidden)[-1], rate

    def forward(self, values: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for layer in self.layers:
            values = layer(values).relu()
            if self.training and self.rate > 0:
                values = dropout(values, self.rate, generator)
        return values


class Encoding(NamedTuple):
    """Both posteriors of a modality, and the log standard deviation that its affect is known with, (batch, 3).

    The shared posterior and the deviation are in standard deviations of the labels around their mean.
    log_emotion : (batch, categories) log-probabilities of a head that tells emotions apart, else None
    """

    shared: Posterior
    private: Posterior
    log_deviation: Tensor
    log_emotion: Tensor | None


class FeatureEncoder(nn.Module):
    """Eqs. 2-3: standardised features, (batch, width) -> Encoding.

    The mean of z_vad is a linear path (`skip`) and a perceptron's correction of it; with `prototypes` they give a logit of
    each emotion instead, and the mean is the expectation of the emotions' centres. The head of the deviation reads the
    perceptron's last layer and the mean, and changes neither.
    """

    def __init__(self, width: int, config: ManifoldSettings, prototypes: bool = False) -> None:
        super().__init__()
        self.config, self.prototypes = config, prototypes
        self.read = len(config.categories) if prototypes else SHARED
        self.shared_trunk = Perceptron(width, config.hidden, config.dropout)
        self.private_trunk = (
            self.shared_trunk if config.encoder == "trunk" else Perceptron(width, config.hidden, config.dropout)
        )
        self.to_shared = nn.Linear(self.shared_trunk.outputs, self.read + SHARED)
        self.to_private = nn.Linear(self.private_trunk.outputs, 2 * config.private)
        if config.skip != "none":
            self.skip = nn.Linear(width, self.read).requires_grad_(config.skip == "linear" or prototypes)
            head = self.to_shared.weight[: self.read], self.to_shared.bias[: self.read]
            for start in (self.skip.weight, self.skip.bias, *head):
                nn.init.zeros_(start)
        if config.uncertainty == "head":
            self.to_deviation = nn.Linear(self.shared_trunk.outputs + SHARED, SHARED)
            nn.init.zeros_(self.to_deviation.weight)
            nn.init.zeros_(self.to_deviation.bias)
        if config.erased:
            self.erasing = Erasing(width, config.erased)
        if config.projected:
            self.projecting = Erasing(config.private, config.projected)

    @torch.no_grad()
    def start(self, ridge: Tensor | None, erasure: LinearErasure | None) -> None:
        """Take over the closed-form weights of the training rows: ridge (3, width + 1), its last column the intercept."""
        if ridge is not None and self.config.skip != "none" and not self.prototypes:
            self.skip.weight.copy_(ridge[:, :-1])
            self.skip.bias.copy_(ridge[:, -1])
        if erasure is not None and self.config.erased:
            self.erasing.take(erasure)

    def forward(
        self, features: Tensor, generator: torch.Generator | None = None, centres: Tensor | None = None
    ) -> Encoding:
        """centres : (categories, 3), of the emotions in standard deviations, for a head with prototypes."""
        config, seen = self.config, features
        if self.training and config.feature_noise > 0:
            seen = seen + config.feature_noise * torch.empty_like(seen).normal_(generator=generator)
        if self.training and config.feature_dropout > 0:
            seen = dropout(seen, config.feature_dropout, generator)
        hidden = self.shared_trunk(seen, generator)
        mean, log_variance = self.to_shared(hidden).split([self.read, SHARED], dim=1)
        if config.skip != "none":
            mean = mean + self.skip(seen if self.prototypes else features)
        log_emotion = None
        if self.prototypes:
            assert centres is not None
            log_emotion = masked_log_softmax(mean, centres)
            mean = expected_affect(log_emotion, centres)
        if config.encoder == "trunk":
            rest = hidden
        else:
            rest = self.private_trunk(self.erasing(seen) if config.erased else seen, generator)
        private_mean, private_log_variance = self.to_private(rest).chunk(2, dim=1)
        if config.projected:
            private_mean = self.projecting(private_mean)
        log_deviation = torch.zeros_like(mean)
        if config.uncertainty == "head":
            log_deviation = self.to_deviation(torch.cat([hidden, mean], dim=1).detach()).clamp(*LOG_DEVIATIONS)
        return Encoding(
            Posterior(mean, log_variance.clamp(*LOG_VARIANCES)),
            Posterior(private_mean, private_log_variance.clamp(*LOG_VARIANCES)),
            log_deviation,
            log_emotion,
        )


class FeatureDecoder(nn.Module):
    """D of Eqs. 5-6: z_vad (in standard deviations) and z_priv side by side -> standardised features, (batch, width)."""

    def __init__(self, width: int, config: ManifoldSettings) -> None:
        super().__init__()
        self.trunk = Perceptron(SHARED + config.private, config.hidden[::-1])
        self.to_features = nn.Linear(self.trunk.outputs, width)

    def forward(self, shared: Tensor, private: Tensor) -> Tensor:
        return self.to_features(self.trunk(torch.cat([shared, private], dim=1)))
