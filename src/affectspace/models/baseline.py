"""What the baselines MVAE and MISA share: rows checked and standardised, labels on one scale, constant deviations."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError
from affectspace.models.affect_model import AffectModel, FeatureModelConfig, Representation, TrainingStatistics
from affectspace.models.posteriors import Posterior

ROWS = 2048  # of a whole part that are encoded at a time


class BaselineModel(AffectModel):
    """A model that says of its affect one constant deviation per axis and view.

    A view is what a row is read from: one modality alone (its index in `config.modalities`), or several together (the last
    index). Deviations are root mean squared errors on validation, of train where a view has no label there. A row with one
    modality has that modality's view as its fused one too, so that deviations grow as modalities drop.
    """

    def __init__(self, config: FeatureModelConfig) -> None:
        super().__init__(config)
        self.names = tuple(config.modalities)
        self.register_buffer("label_mean", torch.zeros(len(AXES)))
        self.register_buffer("label_scale", torch.ones(len(AXES)))
        self.register_buffer("labelled", torch.ones(len(AXES), dtype=torch.bool))
        self.register_buffer("deviations", torch.full((len(self.names) + 1, len(AXES)), torch.nan))

    label_mean: Tensor
    label_scale: Tensor
    labelled: Tensor
    deviations: Tensor

    def prepare(self, statistics: TrainingStatistics) -> None:
        """Take over the training rows' statistics, of the labels those of all corpora together."""
        super().prepare(statistics)
        if statistics.pooled is not None:
            self.label_mean.copy_(statistics.pooled.mean)
            self.label_scale.copy_(statistics.pooled.deviation)

    def rows(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
        """Standardised features of each modality, (batch, width), in the order of `config.modalities`, and who has which,
        (modalities, batch).

        A modality that is not given is absent from every row. Raises DataError as `given`, and for a value that is not
        finite in a row that is said to be present.
        """
        features, present = self.given(features, present)
        scaled = []
        for name in self.names:
            like = self._statistic(f"mean_{name}")
            values = self.standardise(name, features[name].to(like.dtype), present[name])
            if not torch.compiler.is_compiling() and not values.isfinite().all():  # a graph cannot look at values
                row, column = (~values.isfinite()).nonzero()[0].tolist()
                raise DataError(
                    f"modality {name!r}, row {row}, dimension {column} is {features[name][row, column].item()}: mark the "
                    "row as absent, or extract its features again"
                )
            scaled.append(values)
        return scaled, torch.stack([present[name] for name in self.names])

    def view(self, there: Tensor) -> Tensor:
        """Index of the view that a row is read from, (modalities, batch) -> (batch,)."""
        alone = there.sum(dim=0) == 1
        return torch.where(alone, there.int().argmax(dim=0), len(self.names))

    def representation(
        self,
        shared: dict[str, Posterior],
        private: dict[str, Posterior],
        affect: list[Tensor],
        fused: Tensor,
        there: Tensor,
    ) -> Representation:
        """What is known of rows, with the deviations of their views; NaN on axes that training had no label for."""
        said = [guess.masked_fill(~self.labelled, torch.nan) for guess in (*affect, fused)]
        nothing = ~there.any(dim=0)[:, None]
        return Representation(
            shared,
            private,
            dict(zip(self.names, said[:-1], strict=True)),
            {name: self.deviations[index].expand_as(fused) for index, name in enumerate(self.names)},
            said[-1].masked_fill(nothing, torch.nan),
            self.deviations[self.view(there)].masked_fill(nothing, torch.nan),
        )

    @torch.no_grad()
    def after_training(self, train: FeatureBatch, validation: FeatureBatch) -> None:
        """Read-outs on train, then the deviations. Raises DataError where train lacks a modality, or any label."""
        training = self.training
        self.eval()
        try:
            for name in self.names:
                if name not in train.present or not train.present[name].any():
                    raise DataError(
                        f"no training row has the modality {name!r}, so nothing of it was learnt: leave it out of "
                        "model.modalities, or look at the ids of its feature store"
                    )
            labelled = (~train.affect.isnan()).any(dim=0)
            if not labelled.any():
                raise DataError(
                    "no training row has valence, arousal or dominance, so that nothing can be predicted: choose "
                    "labels.source: transferred for a corpus that has emotions only"
                )
            self.labelled.copy_(labelled)
            self.fit_readout(train, validation)
            deviations = self._residuals(validation)
            if deviations.isnan().any():
                deviations = torch.where(deviations.isnan(), self._residuals(train), deviations)
            self.deviations.copy_(torch.where(deviations.isnan(), deviations[-1], deviations))
        finally:
            self.train(training)

    def fit_readout(self, train: FeatureBatch, validation: FeatureBatch) -> None:
        """What is fitted in closed form before the deviations are measured; nothing for a model with a head."""

    def parts(self, batch: FeatureBatch) -> Iterator[FeatureBatch]:
        """A whole part in pieces that fit into memory."""
        for start in range(0, len(batch), ROWS):
            yield batch.take(torch.arange(start, min(start + ROWS, len(batch)), device=batch.affect.device))

    def members(self, there: Tensor) -> Tensor:
        """Which rows each view is fitted and judged on, (views, rows): those that have its modality; for the last those
        with several modalities, or all where no row has several."""
        several = there.sum(dim=0) > 1
        return torch.cat([there, (several if several.any() else there.any(dim=0))[None]])

    def _residuals(self, batch: FeatureBatch) -> Tensor:
        """Root mean squared error of every view and axis, (views, axes); NaN where no row has a label."""
        pieces, there = [], []
        for part in self.parts(batch):
            said = self.represent(part.features, part.present)
            guesses = torch.stack([*said.affect.values(), said.fused])
            pieces.append((guesses - part.affect).square())
            there.append(self.rows(part.features, part.present)[1])
        squared = torch.cat(pieces, dim=1)
        rows = self.members(torch.cat(there, dim=1))[..., None]
        return torch.where(rows, squared, torch.nan).nanmean(dim=1).sqrt()
