"""Networks of the affective manifold: encoder and decoder of a modality, label links, emotion prototypes, and all together."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.models.base import AffectModel, Posterior
from affectspace.models.erasure import LinearErasure
from affectspace.models.manifold.config import ManifoldSettings
from affectspace.models.statistics import MIN_DEVIATION, PooledLabels, TrainingStatistics

SHARED = len(AXES)
LOG_VARIANCES = (-12.0, 6.0)
LOG_DEVIATIONS = (-4.0, 3.0)


def dropout(values: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Zero each value with probability `rate`, as drawn from the generator, and scale up the others."""
    kept = torch.empty_like(values).bernoulli_(1.0 - rate, generator=generator)
    return values * kept.div_(1.0 - rate)


class Perceptron(nn.Module):
    """Linear layers, each followed by ReLU and dropout, (batch, inputs) -> (batch, outputs); the identity without layers."""

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
    """What the encoder of one modality computes from rows.

    deviation : (rows, 3), standard deviation of affect, before calibration
    log_emotion : (rows, categories), log-probabilities where the modality has a prototype head, else None
    """

    shared: Posterior
    private: Posterior
    deviation: Tensor
    log_emotion: Tensor | None


class FeatureEncoder(nn.Module):
    """Eqs. 2-3: standardised features, (rows, width) -> Encoding in standard deviations of the labels around their mean.

    The mean of z_vad is a linear path (`skip`) and a perceptron's correction of it. A prototype head has logits of the
    emotions instead, and its mean is the expectation of the emotions' centres. The head of the deviation reads the last
    hidden layer and the mean without changing them.
    """

    def __init__(self, width: int, config: ManifoldSettings, prototypes: bool = False) -> None:
        super().__init__()
        self.config, self.prototypes = config, prototypes
        encoder = config.encoder
        self.outputs = len(config.categories) if prototypes else SHARED
        self.shared_trunk = Perceptron(width, encoder.hidden, encoder.dropout)
        self.private_trunk = (
            self.shared_trunk if encoder.layout == "trunk" else Perceptron(width, encoder.hidden, encoder.dropout)
        )
        self.to_shared = nn.Linear(self.shared_trunk.outputs, self.outputs + SHARED)
        self.to_private = nn.Linear(self.private_trunk.outputs, 2 * config.private.size)
        if encoder.skip.kind != "none":
            self.skip = nn.Linear(width, self.outputs).requires_grad_(encoder.skip.kind == "linear" or prototypes)
            head = self.to_shared.weight[: self.outputs], self.to_shared.bias[: self.outputs]
            for start in (self.skip.weight, self.skip.bias, *head):
                nn.init.zeros_(start)
        if config.uncertainty == "head":
            self.to_deviation = nn.Linear(self.shared_trunk.outputs + SHARED, SHARED)
            nn.init.zeros_(self.to_deviation.weight)
            nn.init.zeros_(self.to_deviation.bias)
        if config.erased:
            self.erasing = LinearErasure.identity(width, config.erased)
        if config.projected:
            self.projecting = LinearErasure.identity(config.private.size, config.projected)

    @torch.no_grad()
    def start(self, ridge: Tensor | None, erasure: LinearErasure | None) -> None:
        """Copy the closed-form weights of the training rows; ridge : (3, width + 1), its last column the intercept."""
        if ridge is not None and self.config.encoder.skip.kind != "none" and not self.prototypes:
            self.skip.weight.copy_(ridge[:, :-1])
            self.skip.bias.copy_(ridge[:, -1])
        if erasure is not None and self.config.erased:
            self.erasing.load_state_dict(erasure.state_dict())

    def forward(
        self, features: Tensor, generator: torch.Generator | None = None, centres: Tensor | None = None
    ) -> Encoding:
        """centres : (categories, 3), of the emotions in standard deviations, for a prototype head."""
        config, seen = self.config, features
        if self.training and config.inputs.noise > 0:
            seen = seen + config.inputs.noise * torch.empty_like(seen).normal_(generator=generator)
        if self.training and config.inputs.dropout > 0:
            seen = dropout(seen, config.inputs.dropout, generator)
        hidden = self.shared_trunk(seen, generator)
        mean, log_variance = self.to_shared(hidden).split([self.outputs, SHARED], dim=1)
        if config.encoder.skip.kind != "none":
            mean = mean + self.skip(seen if self.prototypes else features)
        log_emotion = None
        if self.prototypes:
            assert centres is not None
            log_emotion = masked_log_softmax(mean, centres)
            mean = expected_affect(log_emotion, centres)
        if config.encoder.layout == "trunk":
            private_hidden = hidden
        else:
            private_hidden = self.private_trunk(self.erasing(seen) if config.erased else seen, generator)
        private_mean, private_log_variance = self.to_private(private_hidden).chunk(2, dim=1)
        if config.projected:
            private_mean = self.projecting(private_mean)
        deviation = torch.ones_like(mean)
        if config.uncertainty == "head":
            log_deviation = self.to_deviation(torch.cat([hidden, mean], dim=1).detach()).clamp(*LOG_DEVIATIONS)
            deviation = log_deviation.exp()
        return Encoding(
            Posterior(mean, log_variance.clamp(*LOG_VARIANCES)),
            Posterior(private_mean, private_log_variance.clamp(*LOG_VARIANCES)),
            deviation,
            log_emotion,
        )


class FeatureDecoder(nn.Module):
    """D of Eqs. 5-6: z_vad (in standard deviations) and z_priv side by side -> standardised features, (rows, width)."""

    def __init__(self, width: int, config: ManifoldSettings) -> None:
        super().__init__()
        self.trunk = Perceptron(SHARED + config.private.size, config.encoder.hidden[::-1])
        self.to_features = nn.Linear(self.trunk.outputs, width)

    def forward(self, shared: Tensor, private: Tensor) -> Tensor:
        return self.to_features(self.trunk(torch.cat([shared, private], dim=1)))


class LabelLinks(nn.Module):
    """Affine maps from the shared latent to the labels of each corpus; the last one is to the lexicon's scores.

    Corpora label the same affect with different spreads (standard deviation of valence: .17 in EmoBank, .60 in terms of
    emotion). The shared latent has the units of all labels pooled; a link gives a corpus its own mean and spread. Links
    are learned around their starts. What the links of all corpora have in common is removed, so that the latent keeps its
    units and a single corpus has the identity.
    """

    def __init__(self, corpora: int, kind: str) -> None:
        super().__init__()
        self.corpora, self.kind = corpora, kind
        self.register_buffer("start_shift", torch.zeros(corpora + 1, 3))
        self.register_buffer("start_scale", torch.ones(corpora + 1, 3))
        self.register_buffer("deviation", torch.ones(corpora + 1, 3))
        if kind == "affine":
            self.shift = nn.Parameter(torch.zeros(corpora + 1, 3))
            self.log_scale = nn.Parameter(torch.zeros(corpora + 1, 3))

    start_shift: Tensor
    start_scale: Tensor
    deviation: Tensor

    def prepare(self, pooled: PooledLabels, lexicon_mean: Tensor, lexicon_deviation: Tensor) -> None:
        """Start from the moments of the training labels; a lexicon without scores has the identity."""
        known = ~lexicon_mean.isnan()
        spread = torch.where(known, lexicon_deviation.clamp(min=MIN_DEVIATION), 1.0)
        self.deviation.copy_(torch.cat([pooled.own_deviation, spread[None]]))
        if self.kind == "affine":
            scale = torch.where(known, spread / pooled.deviation, 1.0)
            shift = torch.where(known, lexicon_mean - scale * pooled.mean, 0.0)
            self.start_scale.copy_(torch.cat([pooled.scale, scale[None]]))
            self.start_shift.copy_(torch.cat([pooled.shift, shift[None]]))

    @property
    def weights(self) -> Tensor:
        """1 / variance of each corpus' labels and of the lexicon's scores, (corpora + 1, 3)."""
        return self.deviation.square().reciprocal()

    def links(self) -> tuple[Tensor, Tensor]:
        """Return shift and scale of every corpus and of the lexicon, each (corpora + 1, 3)."""
        if self.kind != "affine":
            return self.start_shift, self.start_scale
        shift, log_scale = (
            torch.cat([learned[:-1] - learned[:-1].mean(dim=0), learned[-1:]])
            for learned in (self.shift, self.log_scale)
        )
        return self.start_shift + shift * self.deviation, self.start_scale * log_scale.exp()


class EmotionPrototypes(nn.Module):
    """p(e | z) ~ exp(-|z - centre_e|^2 / tau), distances in standard deviations of the labels; tau is learned.

    The centres are those of the training labels and are not trained. An emotion without a centre has probability 0.
    """

    def __init__(self, categories: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.full((categories, 3), torch.nan))
        self.log_temperature = nn.Parameter(torch.zeros(()))

    centres: Tensor

    def forward(self, shared: Tensor) -> Tensor:
        """Return logits (rows, categories) of the shared latent in standard deviations, (rows, 3)."""
        known = ~self.centres.isnan().any(dim=1)
        centres = torch.where(known[:, None], self.centres, 0.0)
        squared = (shared[:, None] - centres).square().sum(dim=2)
        return torch.where(known, -squared / self.log_temperature.exp(), torch.finfo(shared.dtype).min)


class EmotionProbe(nn.Module):
    """An adversary that predicts emotions from a private latent; the encoder gets its gradient reversed."""

    def __init__(self, private: int, categories: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(private, hidden), nn.ReLU(), nn.Linear(hidden, categories))

    def forward(self, private: Tensor, strength: float) -> Tensor:
        """Return logits; the encoder gets -strength times the gradient (Ganin & Lempitsky 2015)."""
        return self.layers(_Reversed.apply(private, strength))


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradients[0], None


def masked_log_softmax(logits: Tensor, centres: Tensor) -> Tensor:
    """Log-probabilities (rows, categories) of the emotions; those without a centre have probability 0."""
    known = ~centres.isnan().any(dim=1)
    return logits.masked_fill(~known, torch.finfo(logits.dtype).min / 4).log_softmax(dim=1)


def expected_affect(logits: Tensor, centres: Tensor) -> Tensor:
    """Expectation of the centres (categories, 3) under softmax(logits), (rows, 3); emotions without a centre do not count."""
    return masked_log_softmax(logits, centres).exp() @ centres.nan_to_num(0.0)


def multiplied_emotions(log_emotion: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
    """Unnormalised log-probabilities (rows, categories) of the product of the modalities' experts; 0 without any."""
    mask = torch.stack([present[name] for name in log_emotion])[..., None]
    return torch.where(mask, torch.stack(list(log_emotion.values())), 0.0).sum(dim=0)


def class_weights(count: Tensor, kind: str) -> Tensor:
    """Weight of each emotion, (categories,): "balanced" rows / (emotions that occur * rows of the emotion), or "none", 1."""
    if kind == "none" or not count.sum():
        return torch.ones_like(count)
    return torch.where(count > 0, count.sum() / ((count > 0).sum() * count.clamp(min=1)), 0.0)


class ManifoldNetworks(AffectModel):
    """The networks of a manifold, and the units of its shared latent.

    location, spread : (3,), mean and standard deviation of the training labels, pooled
    prior_mean, prior_precision : (3,), (3, 3), of the prior of z_vad; emotion_weights : (categories,)
    """

    config: ManifoldSettings

    def __init__(self, config: ManifoldSettings) -> None:
        super().__init__(config)
        self.encoders = nn.ModuleDict(
            {
                name: FeatureEncoder(width, config, name in config.prototypes.heads)
                for name, width in config.modalities.items()
            }
        )
        self.decoders = nn.ModuleDict(
            {name: FeatureDecoder(width, config) for name, width in config.modalities.items()}
        )
        self.links = LabelLinks(len(config.corpora), config.anchors.link)
        self.register_buffer("location", torch.zeros(SHARED))
        self.register_buffer("spread", torch.ones(SHARED))
        self.register_buffer("prior_mean", torch.zeros(SHARED))
        self.register_buffer("prior_precision", torch.eye(SHARED))
        self.register_buffer("emotion_weights", torch.ones(len(config.categories)))
        if len(config.categories) > 1:
            self.prototypes = EmotionPrototypes(len(config.categories))
            self.prototypes.requires_grad_(config.prototypes.weight > 0)
        if config.private.emotion.kind == "adversarial":
            self.probes = nn.ModuleDict(
                {name: EmotionProbe(config.private.size, len(config.categories)) for name in config.modalities}
            )

    location: Tensor
    spread: Tensor
    prior_mean: Tensor
    prior_precision: Tensor
    emotion_weights: Tensor

    def encoder(self, name: str) -> FeatureEncoder:
        """Return the encoder of a modality."""
        encoder = self.encoders[name]
        assert isinstance(encoder, FeatureEncoder)
        return encoder

    @torch.no_grad()
    def prepare(self, statistics: TrainingStatistics) -> None:
        """Copy the statistics of the training rows: scales, prior, links, prototypes, ridge of the skip, erasure."""
        super().prepare(statistics)
        config, pooled = self.config, statistics.pooled
        self.location.copy_(pooled.mean)
        self.spread.copy_(pooled.deviation)
        self.links.prepare(pooled, statistics.lexicon_mean, statistics.lexicon_deviation)
        if config.kl.prior == "labels":
            ridge = 0.01 * torch.diag(pooled.deviation.square())  # labels of few emotions may lie in a plane
            self.prior_mean.copy_(pooled.mean)
            self.prior_precision.copy_(torch.linalg.inv(statistics.pooled_covariance + ridge))
        if len(config.categories) > 1:
            self.prototypes.centres.copy_((statistics.centres - self.location) / self.spread)
            self.emotion_weights.copy_(class_weights(statistics.category_count, config.prototypes.class_weights))
        for name in config.modalities:
            self.encoder(name).start(statistics.ridge.get(name), statistics.erasure.get(name))

    def encode(self, name: str, features: Tensor, generator: torch.Generator | None = None) -> Encoding:
        """Eqs. 1-3: encode standardised features (rows, width) of a modality; z_vad is in units of the pooled labels.

        generator : of the dropout, in training
        """
        centres = self.prototypes.centres if name in self.config.prototypes.heads else None
        encoding = self.encoders[name](features, generator, centres)
        shared = Posterior(
            self.location + self.spread * encoding.shared.mean,
            encoding.shared.log_variance + 2.0 * self.spread.log(),
        )
        return encoding._replace(shared=shared, deviation=self.spread * encoding.deviation)

    def decode(self, name: str, shared: Tensor, private: Tensor) -> Tensor:
        """Decode codes (rows, 3) and (rows, private) to standardised features; Eq. 6 with another's shared code."""
        return self.decoders[name](self.standard_affect(shared), private)

    def standard_affect(self, shared: Tensor) -> Tensor:
        """Express the shared latent in standard deviations of the training labels around their mean."""
        return (shared - self.location) / self.spread

    def in_corpus_units(self, affect: Tensor, deviation: Tensor, corpus: int) -> tuple[Tensor, Tensor]:
        """Convert affect and its deviation, each (rows, 3), to the units of the training corpus with that index."""
        shift, scale = self.links.links()
        return shift[corpus] + scale[corpus] * affect, scale[corpus] * deviation

    def in_pooled_units(self, labels: Tensor, corpus: Tensor) -> Tensor:
        """Convert labels (rows, 3) of the rows' corpora to the units of the shared latent."""
        shift, scale = self.links.links()
        return (labels - shift[corpus]) / scale[corpus]
