"""The affective manifold: a shared latent of valence, arousal and dominance, and a private latent of each modality.

Source: "Anchoring the Affective Manifold" (papers/affective_manifold), section 3, Eqs. 1-11.
"""

from __future__ import annotations

import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models.base import LossTerms, Posterior, Representation, Step, evaluating
from affectspace.models.erasure import fit_erasures
from affectspace.models.manifold.config import ManifoldConfig, ManifoldSettings
from affectspace.models.manifold.fusion import ROWS, Calibration
from affectspace.models.manifold.networks import (
    Encoding,
    ManifoldNetworks,
    masked_log_softmax,
    multiplied_emotions,
)
from affectspace.models.manifold.objective import ManifoldObjective
from affectspace.models.manifold.outputs import ModalityOutputs, within_range
from affectspace.models.new_people import new_people
from affectspace.models.statistics import check_features


class Manifold(ManifoldNetworks):
    """Feature vectors of any modalities -> shared and private posteriors, and back.

    Parameters
    ----------
    config : ManifoldConfig

    Examples
    --------
    >>> model = Manifold(ManifoldConfig(modalities={"text": 8, "audio": 5})).eval()
    >>> present = torch.ones(2, dtype=torch.bool)
    >>> model.represent({"text": torch.zeros(2, 8)}, {"text": present}).fused.shape
    torch.Size([2, 3])
    """

    config_class = ManifoldConfig
    config: ManifoldSettings

    def __init__(self, config: ManifoldSettings) -> None:
        super().__init__(config)
        self.calibration = Calibration(tuple(config.modalities), config.fusion)

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute Eq. 11 with one sample of each latent per row. docs/reference/manifold.md has the sums and means."""
        terms = ManifoldObjective(self, batch, step).loss()
        if not terms.total.isfinite():
            check_features(batch.features, batch.present, self.config.modalities)
        return terms

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Compute posteriors, affect and emotions of rows, without noise; see `AffectModel.represent`.

        Affect is in the units of all training labels pooled; `in_corpus_units` converts it to those of one corpus.
        """
        masks = self.complete_masks(features, present)
        encodings = self.encode_present(features, masks)
        distances = self.distances(features, masks)
        outputs = self.modality_outputs(encodings, distances)
        deviation, fused, spread = self.calibration(outputs, masks)
        fused = within_range(fused)
        shared = {name: encoding.shared for name, encoding in encodings.items()}
        private = {name: encoding.private for name, encoding in encodings.items()}
        log_emotion = self.log_emotion(outputs, fused, masks)
        affect = {name: within_range(values) for name, values in outputs.affect.items()}
        return Representation(shared, private, affect, deviation, fused, spread, log_emotion, distances)

    def encode_present(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> dict[str, Encoding]:
        """Encode every modality that a row has; the others are NaN. present : of all modalities"""
        rows = next(iter(features.values())).shape[0]
        exporting = torch.compiler.is_compiling()  # an export cannot look at values
        return {
            name: self.encode(name, self.standardise(name, features[name], present[name]))
            if name in features and (exporting or present[name].any())
            else self._absent(name, rows)
            for name in self.config.modalities
        }

    def _absent(self, name: str, rows: int) -> Encoding:
        """The encoding of a modality that no row has."""

        def unknown(columns: int) -> Tensor:
            return self.location.new_full((1, 1), torch.nan).expand(rows, columns)

        shared, private = (Posterior(unknown(size), unknown(size)) for size in (len(AXES), self.config.private.size))
        emotional = name in self.config.prototypes.heads
        return Encoding(
            shared, private, unknown(len(AXES)), unknown(len(self.config.categories)) if emotional else None
        )

    def modality_outputs(self, encodings: dict[str, Encoding], distances: dict[str, Tensor]) -> ModalityOutputs:
        """Collect the affect, deviations and emotions of each modality, discounted by distance, before calibration."""
        log_emotion = {
            name: encoding.log_emotion for name, encoding in encodings.items() if encoding.log_emotion is not None
        }
        outputs = ModalityOutputs(
            {name: encoding.shared.mean for name, encoding in encodings.items()},
            {name: encoding.deviation for name, encoding in encodings.items()},
            log_emotion,
            self.location + self.spread * self.prototypes.centres if log_emotion else None,
            distances,
            self.spread,
            self.statistics.edge,
        )
        return outputs.discounted(self.location, self.calibration.slopes())

    def log_emotion(self, outputs: ModalityOutputs, fused: Tensor, present: dict[str, Tensor]) -> Tensor | None:
        """Log-probabilities of the emotions, (rows, categories); None without emotions.

        By the product of the prototype heads that the row has, else by the distance of its fused affect from the centres.
        """
        if len(self.config.categories) < 2:
            return None
        by_distance = self.emotion_probabilities(fused.nan_to_num(0.0)).log()
        return combined_log_emotion(outputs, by_distance, present)

    def emotion_probabilities(self, affect: Tensor) -> Tensor:
        """Compute the probability of each emotion by the distance of affect (rows, 3) in pooled units, (rows, categories).

        Raises DataError for a model without emotions.
        """
        if len(self.config.categories) < 2:
            raise DataError("this model has no emotions: train it with two names or more in model.categories")
        return self.prototypes(self.standard_affect(affect)).softmax(dim=1)

    @torch.no_grad()
    def after_training(self, train: Batch, validation: Batch) -> None:
        """Project the private means on training rows where configured; calibrate the deviations on validation rows."""
        with evaluating(self):
            self.statistics.fit_typical(validation)
            if self.config.projected:
                for name in self.config.modalities:
                    self._project(name, train)
            target = self.in_pooled_units(validation.affect, validation.corpus)
            self.calibration.fit_slopes(self._outputs, validation, target, self.location)
            labels = self.in_pooled_units(train.affect, train.corpus), target
            errors = new_people(train, validation, labels, self.standardise)
            self.calibration.fit_on(self._outputs, validation, target, self.location, errors)
            self.measure_outputs(validation)

    def _outputs(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> ModalityOutputs:
        return self.modality_outputs(self.encode_present(features, present), self.distances(features, present))

    def _project(self, name: str, train: Batch) -> None:
        """Fit the projection of a modality's private means, which removes the emotions and then z_vad."""
        encoder, kind = self.encoder(name), self.config.private.projection
        encoder.projecting.writing.zero_()
        rows = train.present[name].nonzero().squeeze(1)
        pieces = [self.encode(name, self.standardise(name, train.features[name][piece])) for piece in rows.split(ROWS)]
        shared = torch.cat([piece.shared.mean for piece in pieces])
        private = torch.cat([piece.private.mean for piece in pieces])
        erasure = fit_erasures(
            private,
            train.category[rows] if kind in ("emotion", "both") else None,
            len(self.config.categories),
            shared if kind in ("shared", "both") else None,
        )
        encoder.projecting.load_state_dict(erasure.state_dict())


def combined_log_emotion(outputs: ModalityOutputs, by_distance: Tensor, present: dict[str, Tensor]) -> Tensor:
    """Log-probabilities by the product of the prototype heads in rows that have any, else `by_distance`."""
    if not outputs.log_emotion or outputs.centres is None:
        return by_distance
    has_head = torch.stack([present[name] for name in outputs.log_emotion]).any(dim=0)[:, None]
    product = masked_log_softmax(multiplied_emotions(outputs.experts(present), present), outputs.centres)
    return torch.where(has_head, product, by_distance)
