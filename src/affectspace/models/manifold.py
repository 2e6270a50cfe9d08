"""The affective manifold: a shared latent of valence, arousal and dominance, and a private latent of each modality.

Source: "Anchoring the Affective Manifold" (papers/affective_manifold), section 3, Eqs. 1-11.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError
from affectspace.models.affect_model import AffectModel, Representation, TrainingStatistics
from affectspace.models.calibration import PIECE, Calibration
from affectspace.models.consensus import Views
from affectspace.models.emotion_terms import EmotionProbe, EmotionPrototypes, class_weights
from affectspace.models.erasure import LinearErasure, fit_erasure
from affectspace.models.label_links import LabelLinks
from affectspace.models.losses import LossTerms
from affectspace.models.manifold_config import ManifoldConfig
from affectspace.models.manifold_loss import manifold_loss
from affectspace.models.manifold_networks import FeatureDecoder, FeatureEncoder
from affectspace.models.posteriors import Posterior
from affectspace.models.training_statistics import check_features


class Word(NamedTuple):
    """What one modality says of rows: posteriors of both latents, deviation of affect (rows, 3), log-probabilities of emotions.

    log_emotion : (rows, categories) where the modality's affect is an expectation over emotions (`prototype_heads`), else None
    """

    shared: Posterior
    private: Posterior
    deviation: Tensor
    log_emotion: Tensor | None


class Manifold(AffectModel):
    """Feature vectors of any modalities -> shared and private posteriors, and back.

    >>> model = Manifold(ManifoldConfig(modalities={"text": 8, "audio": 5})).eval()
    >>> there = torch.ones(2, dtype=torch.bool)
    >>> said = model.represent({"text": torch.zeros(2, 8), "audio": torch.zeros(2, 5)}, {"text": there, "audio": there})
    >>> said.fused.shape
    torch.Size([2, 3])
    """

    config_class = ManifoldConfig
    config: ManifoldConfig

    def __init__(self, config: ManifoldConfig) -> None:
        super().__init__(config)
        self.encoders = nn.ModuleDict(
            {
                name: FeatureEncoder(width, config, name in config.prototype_heads)
                for name, width in config.modalities.items()
            }
        )
        self.decoders = nn.ModuleDict(
            {name: FeatureDecoder(width, config) for name, width in config.modalities.items()}
        )
        self.links = LabelLinks(len(config.corpora), config.link)
        self.calibration = Calibration(tuple(config.modalities), config.fusion)
        self.register_buffer("location", torch.zeros(len(AXES)))
        self.register_buffer("spread", torch.ones(len(AXES)))
        self.register_buffer("prior_mean", torch.zeros(len(AXES)))
        self.register_buffer("prior_precision", torch.eye(len(AXES)))
        self.register_buffer("emotion_weights", torch.ones(len(config.categories)))
        if len(config.categories) > 1:
            self.prototypes = EmotionPrototypes(len(config.categories))
            self.prototypes.requires_grad_(config.prototype_weight > 0)
        if config.private_emotion == "adversarial":
            self.probes = nn.ModuleDict(
                {name: EmotionProbe(config.private, len(config.categories)) for name in config.modalities}
            )

    location: Tensor
    spread: Tensor
    prior_mean: Tensor
    prior_precision: Tensor
    emotion_weights: Tensor

    @torch.no_grad()
    def prepare(self, statistics: TrainingStatistics) -> None:
        """Take over the training rows' statistics: scales, prior, links, prototypes, ridge of the skip, erasure."""
        super().prepare(statistics)
        config, pooled = self.config, statistics.pooled
        if pooled is not None:
            self.location.copy_(pooled.mean)
            self.spread.copy_(pooled.deviation)
            self.links.prepare(pooled, statistics.lexicon_mean, statistics.lexicon_deviation)
            if config.prior == "labels":
                little = 0.01 * torch.diag(pooled.deviation.square())  # labels of few emotions may lie in a plane
                self.prior_mean.copy_(pooled.mean)
                self.prior_precision.copy_(torch.linalg.inv(statistics.pooled_covariance + little))
        if len(config.categories) > 1:
            self.prototypes.centres.copy_((statistics.centres - self.location) / self.spread)
            if len(statistics.category_count):
                self.emotion_weights.copy_(class_weights(statistics.category_count, config.class_weights))
        for name in config.modalities:
            encoder = self.encoders[name]
            assert isinstance(encoder, FeatureEncoder)
            encoder.start(statistics.ridge.get(name), statistics.erasure.get(name))

    def encode(self, name: str, features: Tensor, generator: torch.Generator | None = None) -> Word:
        """Eqs. 1-3: posteriors of z_vad and z_priv, and the standard deviation of affect before calibration, (rows, 3).

        features : standardised, (rows, width); generator : of the dropout, in training
        """
        centres = self.prototypes.centres if name in self.config.prototype_heads else None
        encoding = self.encoders[name](features, generator, centres)
        shared = Posterior(
            self.location + self.spread * encoding.shared.mean,
            encoding.shared.log_variance + 2.0 * self.spread.log(),
        )
        return Word(shared, encoding.private, self.spread * encoding.log_deviation.exp(), encoding.log_emotion)

    def decode(self, name: str, shared: Tensor, private: Tensor) -> Tensor:
        """Standardised features of a modality from codes (rows, 3) and (rows, private); Eq. 6 with another's shared code."""
        return self.decoders[name](self.standard_affect(shared), private)

    def standard_affect(self, shared: Tensor) -> Tensor:
        """The shared latent in standard deviations of the training labels, around their mean."""
        return (shared - self.location) / self.spread

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Posteriors and affect of rows, without noise; a modality that is not given is absent from every row.

        Raises DataError as `given`, and for a value that is not finite in a row that is said to be present. Affect
        is in the units of all training labels pooled; `in_corpus_units` gives those of one corpus.
        """
        features, present = self.given(features, present)
        if not torch.compiler.is_compiling():  # a graph cannot look at values
            check_features(features, present, self.config)
        words = self._words(features, present)
        views = self._views(words)
        deviation, fused, spread = self.calibration(views, present)
        shared = {name: word.shared for name, word in words.items()}
        private = {name: word.private for name, word in words.items()}
        return Representation(shared, private, views.affect, deviation, fused, spread)

    def views(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Views:
        """What each modality says of rows alone, before calibration."""
        return self._views(self._words(features, present))

    def _words(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> dict[str, Word]:
        return {
            name: self.encode(name, self.standardise(name, features[name], present[name]))
            for name in self.config.modalities
        }

    def _views(self, words: dict[str, Word]) -> Views:
        emotional = {name: word.log_emotion for name, word in words.items() if word.log_emotion is not None}
        return Views(
            {name: word.shared.mean for name, word in words.items()},
            {name: word.deviation for name, word in words.items()},
            emotional,
            self.location + self.spread * self.prototypes.centres if emotional else None,
        )

    def in_corpus_units(self, affect: Tensor, deviation: Tensor, corpus: int) -> tuple[Tensor, Tensor]:
        """Affect and its deviation, each (rows, 3), as the training corpus of that index would have labelled it."""
        shift, scale = self.links.links()
        return shift[corpus] + scale[corpus] * affect, scale[corpus] * deviation

    def emotion_probabilities(self, affect: Tensor) -> Tensor:
        """Probability of each emotion by its distance from affect (rows, 3) in pooled units, (rows, categories).

        Raises DataError for a model without emotions.
        """
        if len(self.config.categories) < 2:
            raise DataError("this model knows no emotions: train it with two names or more in model.categories")
        return self.prototypes(self.standard_affect(affect)).softmax(dim=1)

    def loss(
        self, batch: FeatureBatch, generator: torch.Generator | None = None, *, progress: float = 1.0
    ) -> LossTerms:
        """Eq. 11 with one sample of each code a row; which sums and means are taken is `reduction`, see docs/manifold.md."""
        terms = manifold_loss(self, batch, generator, progress)
        if not terms.total.isfinite():
            check_features(batch.features, batch.present, self.config)
        return terms

    def in_pooled_units(self, labels: Tensor, corpus: Tensor) -> Tensor:
        """Labels (rows, 3) of the rows' corpora in the units of the shared latent: the link, backwards."""
        shift, scale = self.links.links()
        return (labels - shift[corpus]) / scale[corpus]

    @torch.no_grad()
    def after_training(self, train: FeatureBatch, validation: FeatureBatch) -> None:
        """Project the private means on training rows where that is asked for; calibrate the deviations on validation rows."""
        was = self.training
        self.eval()
        if self.config.projected:
            for name in self.config.modalities:
                self._project(name, train)
        target = self.in_pooled_units(validation.affect, validation.corpus)
        self.calibration.fit_on(self.views, validation, target, self.location)
        self.train(was)

    def _project(self, name: str, train: FeatureBatch) -> None:
        """Fit the projection of a modality's private means: clear of the emotions, then of z_vad."""
        encoder, kind = self.encoders[name], self.config.private_projection
        assert isinstance(encoder, FeatureEncoder)
        encoder.projecting.clear()
        rows = train.present[name].nonzero().squeeze(1)
        pieces = [
            self.encode(name, self.standardise(name, train.features[name][piece], train.present[name][piece]))[:2]
            for piece in rows.split(PIECE)
        ]
        shared, private = (torch.cat([piece[index].mean for piece in pieces]) for index in (0, 1))
        done: list[LinearErasure] = []
        if kind in ("emotion", "both"):
            known, categories = train.category[rows] >= 0, len(self.config.categories)
            emotion = F.one_hot(train.category[rows][known], categories)
            done.append(fit_erasure(private[known], emotion, categories))
        if kind in ("shared", "both"):
            done.append(fit_erasure(done[0](private) if done else private, shared, len(AXES)))
        encoder.projecting.take(done[0] if len(done) == 1 else done[0].then(done[1]))
