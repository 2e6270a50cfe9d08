"""What the baselines MVAE and MISA share: checked and standardised rows, labels on one scale, constant deviations."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models.base import AffectModel, Posterior, Representation, evaluating
from affectspace.models.configuration import FeatureModelConfig
from affectspace.models.statistics import TrainingStatistics, require_modalities

ROWS = 2048  # encoded at a time


class BaselineModel(AffectModel):
    """A model whose affect has one constant deviation per axis and view.

    A view is what a row is read from: one modality alone (its index in `config.modalities`), or several together (the last
    index). Deviations are root mean squared errors on validation, or on train where a view has no label there. A row with
    one modality has that modality's view as its fused one too, so that deviations grow as modalities are missing.
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
        """Copy the statistics of the training rows; those of the labels are of all corpora together."""
        super().prepare(statistics)
        self.label_mean.copy_(statistics.pooled.mean)
        self.label_scale.copy_(statistics.pooled.deviation)

    def rows(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
        """Check and standardise features.

        Returns them for each modality of the model in its order, (batch, width), zero where absent, and who has which,
        (modalities, batch). Raises DataError as `complete_masks`.
        """
        masks = self.complete_masks(features, present)
        first = next(iter(features.values()))
        scaled = []
        for name, width in self.config.modalities.items():
            if name in features:
                values = features[name].to(self.label_mean.dtype)
                scaled.append(self.standardise(name, values, masks[name]))
            else:
                scaled.append(self.label_mean.new_zeros(first.shape[0], width))
        return scaled, torch.stack(list(masks.values()))

    def view(self, present: Tensor) -> Tensor:
        """Return the index of the view that each row is read from, (modalities, batch) -> (batch,)."""
        alone = present.sum(dim=0) == 1
        return torch.where(alone, present.int().argmax(dim=0), len(self.names))

    def representation(
        self,
        shared: dict[str, Posterior],
        private: dict[str, Posterior],
        affect: list[Tensor],
        fused: Tensor,
        present: Tensor,
    ) -> Representation:
        """Add the deviations of the views; axes that training had no label for become NaN."""
        *affect, fused = (values.masked_fill(~self.labelled, torch.nan) for values in (*affect, fused))
        empty = ~present.any(dim=0)[:, None]
        return Representation(
            shared,
            private,
            dict(zip(self.names, affect, strict=True)),
            {name: self.deviations[index].expand_as(fused) for index, name in enumerate(self.names)},
            fused.masked_fill(empty, torch.nan),
            self.deviations[self.view(present)].masked_fill(empty, torch.nan),
        )

    @torch.no_grad()
    def after_training(self, train: Batch, validation: Batch) -> None:
        """Fit read-outs on train, then the deviations. Raises DataError where train lacks a modality, or any label."""
        with evaluating(self):
            require_modalities(train, self.names)
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
            self.measure_outputs(validation)

    def fit_readout(self, train: Batch, validation: Batch) -> None:
        """Fit what has a closed form before the deviations are measured; nothing for a model with a head."""

    def pieces(self, batch: Batch) -> Iterator[Batch]:
        """Split many rows into pieces that fit into memory."""
        return (batch.take(slice(start, start + ROWS)) for start in range(0, len(batch), ROWS))

    def members(self, present: Tensor) -> Tensor:
        """Return which rows each view is fitted and judged on, (views, rows).

        Those that have the view's modality; for the last view those with several modalities, or all where no row has several.
        """
        several = present.sum(dim=0) > 1
        return torch.cat([present, (several if several.any() else present.any(dim=0))[None]])

    def _residuals(self, batch: Batch) -> Tensor:
        """Root mean squared error of every view and axis, (views, axes); NaN where no row has a label."""
        squares, present = [], []
        for piece in self.pieces(batch):
            outputs = self.represent(piece.features, piece.present)
            guesses = torch.stack([*outputs.affect.values(), outputs.fused])
            squares.append((guesses - piece.affect).square())
            present.append(torch.stack([piece.present[name] for name in self.names]))
        rows = self.members(torch.cat(present, dim=1))[..., None]
        return torch.where(rows, torch.cat(squares, dim=1), torch.nan).nanmean(dim=1).sqrt()
