"""What the baselines MVAE and MISA share: checked and standardised rows, labels on one scale, calibrated deviations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models.base import AffectModel, Posterior, Representation, evaluating
from affectspace.models.configuration import FeatureModelConfig
from affectspace.models.new_people import NewPeople, new_people
from affectspace.models.statistics import TrainingStatistics, require_modalities
from affectspace.models.training_rows import FAR_EDGE, reliability, widening

ROWS = 2048  # encoded at a time
ONSETS = (1.0, 1.1, 1.2, 1.3, 1.4)  # distances from which deviations may grow


class BaselineModel(AffectModel):
    """A model whose affect has one deviation per axis and view, which grows with the distance from the training rows.

    A view is what a row is read from: one modality alone (its index in `config.modalities`), or several together (the last
    index). Deviations are root mean squared errors on new people, estimated on validation rows, or those on train where a
    view has no label there. A row with one modality has that modality's view as its fused one too, so that deviations grow as
    modalities are missing. Features of distant rows count less, as the manifold's do, so that no model is handicapped.
    """

    def __init__(self, config: FeatureModelConfig) -> None:
        super().__init__(config)
        self.names = tuple(config.modalities)
        self.register_buffer("label_mean", torch.zeros(len(AXES)))
        self.register_buffer("label_scale", torch.ones(len(AXES)))
        self.register_buffer("labelled", torch.ones(len(AXES), dtype=torch.bool))
        self.register_buffer("deviations", torch.full((len(self.names) + 1, len(AXES)), torch.nan))
        self.register_buffer("onset", torch.ones(()))

    label_mean: Tensor
    label_scale: Tensor
    labelled: Tensor
    deviations: Tensor
    onset: Tensor  # distance from which deviations grow

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.setdefault(prefix + "onset", torch.ones(()))  # a model of an earlier version
        super()._load_from_state_dict(state_dict, prefix, *rest)

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

    def discounted(self, rows: list[Tensor], distances: dict[str, Tensor]) -> list[Tensor]:
        """Move the features of distant rows towards the mean of the training rows; rows, distances : of every modality"""
        return [
            values * reliability(distances[name], FAR_EDGE)[:, None]
            for name, values in zip(self.names, rows, strict=True)
        ]

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
        distances: dict[str, Tensor],
    ) -> Representation:
        """Add the deviations of the views; axes that training had no label for become NaN."""
        *affect, fused = (values.masked_fill(~self.labelled, torch.nan) for values in (*affect, fused))
        empty = ~present.any(dim=0)[:, None]
        *added, together = self._added_variance(distances, present)
        deviation = {
            name: (self.deviations[index].square() + added[index]).sqrt() for index, name in enumerate(self.names)
        }
        spread = (self.deviations[self.view(present)].square() + together).sqrt()
        return Representation(
            shared,
            private,
            dict(zip(self.names, affect, strict=True)),
            deviation,
            fused.masked_fill(empty, torch.nan),
            spread.masked_fill(empty, torch.nan),
            distance=distances,
        )

    def _added_variance(self, distances: dict[str, Tensor], present: Tensor) -> list[Tensor]:
        """Variance that distant rows have on top in every view, (rows, 3) each; together it is the mean over modalities."""
        share = torch.stack([widening(distances[name], self.onset) for name in self.names])
        mean = torch.where(present, share, 0.0).sum(dim=0) / present.sum(dim=0).clamp(min=1)
        return [values[:, None] * self.label_scale.square() for values in (*share, mean)]

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
            self.statistics.fit_typical(validation)
            self.fit_readout(train, validation)
            errors = new_people(train, validation, (train.affect, validation.affect), self.standardise)
            deviations = self._expected_errors(validation, errors)
            if deviations.isnan().any():
                deviations = torch.where(deviations.isnan(), self._expected_errors(train, NewPeople()), deviations)
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

    def _expected_errors(self, batch: Batch, errors: NewPeople) -> Tensor:
        """Root of the squared error that is expected at no distance, (views, axes); NaN where no row has a label.

        Deviations grow from the shortest distance from which what they gain is at most half of the squared error.
        """
        pieces = [self.represent(piece.features, piece.present) for piece in self.pieces(batch)]
        guesses = torch.cat([torch.stack([*one.affect.values(), one.fused]) for one in pieces], dim=1)
        present = torch.stack([batch.present[name] for name in self.names])
        distances = {name: torch.cat([one.distance[name] for one in pieces]) for name in self.names}
        squares, rows = (guesses - batch.affect).square(), self.members(present)
        for onset in ONSETS:
            self.onset.fill_(onset)
            added = torch.stack(self._added_variance(distances, present))
            expected, gained = torch.full_like(self.deviations, torch.nan), torch.zeros_like(self.deviations)
            for view, axis in product(range(len(rows)), range(len(AXES))):
                known = rows[view] & ~squares[view, :, axis].isnan()
                if known.any():
                    names = self.names if view == len(self.names) else self.names[view : view + 1]
                    own, some = squares[view, known, axis], None if batch.person is None else batch.person[known]
                    expected[view, axis] = errors.mean_square(own, some, names, axis, own)
                    gained[view, axis] = added[view, known, axis].mean()
            if not (gained > expected / 2).any():
                break
        return torch.maximum(expected - gained, expected / 4).sqrt()
