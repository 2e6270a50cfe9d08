"""Several manifolds that differ in their initial weights only, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn

from affectspace.data.batches import Batch
from affectspace.errors import ConfigError
from affectspace.models.base import AffectModel, LossTerms, Representation, Step, evaluating
from affectspace.models.manifold.config import EnsembleConfig
from affectspace.models.manifold.fusion import Calibration
from affectspace.models.manifold.model import Manifold, combined_log_emotion
from affectspace.models.manifold.networks import Encoding
from affectspace.models.manifold.outputs import ModalityOutputs, within_range
from affectspace.models.new_people import new_people
from affectspace.models.statistics import TrainingStatistics


class Ensemble(AffectModel):
    """Mean of the members' affect, with the mean of their variances plus the variance between them (Lakshminarayanan 2017).

    Latents are not averaged: the shared and private posteriors of `represent` are those of the first member.

    Parameters
    ----------
    config : EnsembleConfig

    Examples
    --------
    >>> ensemble = Ensemble(EnsembleConfig(modalities={"text": 8}, members=2))
    >>> len(ensemble.manifolds)
    2
    """

    config_class = EnsembleConfig
    config: EnsembleConfig

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__(config)
        self.members = nn.ModuleList(Manifold(config.member()) for _ in range(config.members))
        self.calibration = Calibration(tuple(config.modalities), config.fusion)

    @classmethod
    def of(cls, members: Sequence[Manifold]) -> Self:
        """Combine manifolds that were trained separately; `after_training` calibrates the ensemble.

        Raises ConfigError where their configurations differ.
        """
        if not members or any(member.config != members[0].config for member in members):
            raise ConfigError("the members of an ensemble must have the same configuration, apart from their seeds")
        ensemble = cls(EnsembleConfig(**members[0].config.model_dump(exclude={"kind"}), members=len(members)))
        for own, member in zip(ensemble.manifolds, members, strict=True):
            own.load_state_dict(member.state_dict())
        ensemble.statistics.load_state_dict(members[0].statistics.state_dict())
        return ensemble.eval()

    @property
    def manifolds(self) -> list[Manifold]:
        """The members."""
        return [member for member in self.members if isinstance(member, Manifold)]

    def prepare(self, statistics: TrainingStatistics) -> None:
        super().prepare(statistics)
        for member in self.manifolds:
            member.prepare(statistics)

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute the mean of the members' losses, each with its own noise."""
        losses = [member.terms(batch, step) for member in self.manifolds]
        terms = {name: torch.stack([loss.terms[name] for loss in losses]).mean() for name in losses[0].terms}
        return LossTerms(torch.stack([loss.total for loss in losses]).mean(), terms)

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Compute affect and emotions of all members, latents of the first; see `AffectModel.represent`."""
        masks = self.complete_masks(features, present)
        encodings = [member.encode_present(features, masks) for member in self.manifolds]
        distances = self.distances(features, masks)
        outputs = self.modality_outputs(encodings, distances)
        deviation, fused, spread = self.calibration(outputs, masks)
        fused = within_range(fused)
        shared = {name: encoding.shared for name, encoding in encodings[0].items()}
        private = {name: encoding.private for name, encoding in encodings[0].items()}
        log_emotion = None
        if len(self.config.categories) > 1:
            by_distance = self.emotion_probabilities(fused.nan_to_num(0.0)).log()
            log_emotion = combined_log_emotion(outputs, by_distance, masks)
        affect = {name: within_range(values) for name, values in outputs.affect.items()}
        return Representation(shared, private, affect, deviation, fused, spread, log_emotion, distances)

    def modality_outputs(
        self, encodings: Sequence[dict[str, Encoding]], distances: dict[str, Tensor]
    ) -> ModalityOutputs:
        """Average the members' calibrated outputs for each modality, before the ensemble's own calibration.

        Distances widen the result once, in the ensemble.
        """
        pairs = zip(self.manifolds, encodings, strict=True)
        members = [member.modality_outputs(encoding, distances) for member, encoding in pairs]
        deviations = [
            member.calibration.calibrated(replace(outputs, spread=None))
            for member, outputs in zip(self.manifolds, members, strict=True)
        ]
        affect, spread = {}, {}
        for name in self.config.modalities:
            means = torch.stack([outputs.affect[name] for outputs in members])
            within = torch.stack([deviation[name] for deviation in deviations]).square().mean(dim=0)
            affect[name] = means.mean(dim=0)
            spread[name] = (within + means.var(dim=0, correction=0)).sqrt()
        log_emotion = {
            name: torch.stack([outputs.log_emotion[name] for outputs in members]).mean(dim=0)
            for name in members[0].log_emotion
        }
        return ModalityOutputs(
            affect, spread, log_emotion, members[0].centres, distances, members[0].spread, members[0].edge
        )

    def in_corpus_units(self, affect: Tensor, deviation: Tensor, corpus: int) -> tuple[Tensor, Tensor]:
        """Convert affect and its deviation to a corpus' units, as `Manifold.in_corpus_units`, by the mean of the links."""
        converted = [member.in_corpus_units(affect, deviation, corpus) for member in self.manifolds]
        mean, spread = (torch.stack(values).mean(dim=0) for values in zip(*converted, strict=True))
        return mean, spread

    def in_pooled_units(self, labels: Tensor, corpus: Tensor) -> Tensor:
        """Convert labels to pooled units, as `Manifold.in_pooled_units`, by the mean of the members."""
        return torch.stack([member.in_pooled_units(labels, corpus) for member in self.manifolds]).mean(dim=0)

    def emotion_probabilities(self, affect: Tensor) -> Tensor:
        """Average `Manifold.emotion_probabilities` over the members."""
        return torch.stack([member.emotion_probabilities(affect) for member in self.manifolds]).mean(dim=0)

    @torch.no_grad()
    def after_training(self, train: Batch, validation: Batch) -> None:
        """Calibrate every member, then the ensemble, on validation rows."""
        with evaluating(self):
            for member in self.manifolds:
                member.after_training(train, validation)
            self.statistics.fit_typical(validation)
            labels = (
                self.in_pooled_units(train.affect, train.corpus),
                self.in_pooled_units(validation.affect, validation.corpus),
            )
            self.calibration.fit_on(
                lambda features, present: self.modality_outputs(
                    [member.encode_present(features, present) for member in self.manifolds],
                    self.distances(features, present),
                ),
                validation,
                labels[1],
                torch.stack([member.location for member in self.manifolds]).mean(dim=0),
                new_people(train, validation, labels, self.standardise),
            )
            self.measure_outputs(validation)
