"""Several manifolds that differ in their starts only, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from affectspace.data.batches import FeatureBatch
from affectspace.errors import ConfigError
from affectspace.models.affect_model import AffectModel, Representation, TrainingStatistics
from affectspace.models.calibration import Calibration
from affectspace.models.consensus import Views
from affectspace.models.losses import LossTerms
from affectspace.models.manifold import Manifold
from affectspace.models.manifold_config import EnsembleConfig


class Ensemble(AffectModel):
    """Mean of the members' affect; its variance is the mean of theirs and the variance between them (Lakshminarayanan 2017).

    Latents do not average: the shared and private posteriors of `represent` are those of the first member.
    """

    config_class = EnsembleConfig
    config: EnsembleConfig

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__(config)
        self.members = nn.ModuleList(Manifold(config.member()) for _ in range(config.members))
        self.calibration = Calibration(tuple(config.modalities), config.fusion)

    @classmethod
    def of(cls, members: Sequence[Manifold]) -> Self:
        """An ensemble of manifolds that were trained apart; `after_training` calibrates it.

        Raises ConfigError where their configurations differ.
        """
        if not members or any(member.config != members[0].config for member in members):
            raise ConfigError("the members of an ensemble need one and the same configuration, apart from their seeds")
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

    def loss(
        self, batch: FeatureBatch, generator: torch.Generator | None = None, *, progress: float = 1.0
    ) -> LossTerms:
        """Mean of the members' losses, each with noise of its own."""
        each = [member.loss(batch, generator, progress=progress) for member in self.manifolds]
        terms = {name: torch.stack([one.terms[name] for one in each]).mean() for name in each[0].terms}
        return LossTerms(torch.stack([one.total for one in each]).mean(), terms)

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Affect of all members, latents of the first."""
        features, present = self.given(features, present)
        first = self.manifolds[0].represent(features, present)
        views = self.views(features, present)
        deviation, fused, spread = self.calibration(views, present)
        return Representation(first.shared, first.private, views.affect, deviation, fused, spread)

    def views(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Views:
        """What each modality says of rows alone, before the ensemble's own calibration: the members' mean."""
        said = [member.represent(features, present) for member in self.manifolds]
        affect, deviation = {}, {}
        for name in self.config.modalities:
            means = torch.stack([one.affect[name] for one in said])
            within = torch.stack([one.deviation[name] for one in said]).square().mean(dim=0)
            affect[name] = means.mean(dim=0)
            deviation[name] = (within + means.var(dim=0, correction=0)).sqrt()
        each = [member.views(features, present) for member in self.manifolds]
        emotional = {
            name: torch.stack([views.log_emotion[name] for views in each]).mean(dim=0) for name in each[0].log_emotion
        }
        return Views(affect, deviation, emotional, each[0].centres)

    def in_corpus_units(self, affect: Tensor, deviation: Tensor, corpus: int) -> tuple[Tensor, Tensor]:
        """As `Manifold.in_corpus_units`, by the mean of the members' links."""
        said = [member.in_corpus_units(affect, deviation, corpus) for member in self.manifolds]
        return torch.stack([one for one, _ in said]).mean(dim=0), torch.stack([one for _, one in said]).mean(dim=0)

    def emotion_probabilities(self, affect: Tensor) -> Tensor:
        """As `Manifold.emotion_probabilities`, the members' mean."""
        return torch.stack([member.emotion_probabilities(affect) for member in self.manifolds]).mean(dim=0)

    @torch.no_grad()
    def after_training(self, train: FeatureBatch, validation: FeatureBatch) -> None:
        """Calibrate every member, then the ensemble, on validation rows."""
        was = self.training
        self.eval()
        for member in self.manifolds:
            member.after_training(train, validation)
        shared = [member.in_pooled_units(validation.affect, validation.corpus) for member in self.manifolds]
        middle = torch.stack([member.location for member in self.manifolds]).mean(dim=0)
        self.calibration.fit_on(self.views, validation, torch.stack(shared).mean(dim=0), middle)
        self.train(was)
