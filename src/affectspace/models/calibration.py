"""Standard deviations that are right on average: one factor per axis and modality, and per axis and number of modalities."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import FeatureBatch
from affectspace.models.affect_model import fuse
from affectspace.models.consensus import Views
from affectspace.models.stacking import Stacking

LEAST_ROWS = 20  # with a label, to set a factor by
PIECE = 4096  # rows of a whole part that are encoded at a time

Viewer = Callable[[dict[str, Tensor], dict[str, Tensor]], Views]


class Calibration(nn.Module):
    """Factors of the deviations, fitted on validation rows, and the fusion of what they calibrate.

    modality : (modalities, 3); fused : (modalities, 3), its row k - 1 for rows with k modalities. One modality alone keeps
    its own; where validation has no rows with k, k modalities are taken to know no more than one. Method "stacked" keeps
    weights and factors of its own for each subset of the modalities.
    """

    def __init__(self, modalities: tuple[str, ...], method: str) -> None:
        super().__init__()
        self.names, self.method = modalities, method
        if method == "stacked":
            self.stacking = Stacking(modalities)
        self.register_buffer("modality", torch.ones(len(modalities), len(AXES)))
        self.register_buffer("fused", torch.ones(len(modalities), len(AXES)))

    modality: Tensor
    fused: Tensor

    def forward(self, views: Views, present: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Calibrated deviations, fused affect and its calibrated deviation."""
        calibrated = {name: views.deviation[name] * self.modality[index] for index, name in enumerate(self.names)}
        if self.method == "stacked":
            return calibrated, *self.stacking(views.agreed(present), calibrated, present)
        fused, spread = fuse(views.agreed(present), calibrated, present, self.method)
        number = torch.stack([present[name] for name in self.names]).sum(dim=0)
        return calibrated, fused, spread * self.fused[(number - 1).clamp(min=0)]

    @torch.no_grad()
    def fit_on(self, viewer: Viewer, batch: FeatureBatch, target: Tensor, middle: Tensor) -> None:
        """Set the factors on a whole part, as `fit`; viewer : features, present -> what each modality says."""
        pieces = []
        for rows in torch.arange(len(batch)).split(PIECE):
            features, present = (
                {name: each[name][rows] for name in self.names} for each in (batch.features, batch.present)
            )
            pieces.append(viewer(features, present))
        self.fit(Views.concatenated(pieces), batch.present, target, middle)

    @torch.no_grad()
    def fit(self, views: Views, present: dict[str, Tensor], target: Tensor, middle: Tensor) -> None:
        """Set the factors: views as the model gives them, target (rows, 3) with NaN where unknown, its training mean (3,).

        The fused factors use every subset of the modalities that a row has.
        """
        self.modality.fill_(1.0)
        self.fused.copy_(torch.arange(1.0, len(self.names) + 1).sqrt()[:, None].expand_as(self.fused))
        for index, name in enumerate(self.names):
            squares = ((views.affect[name] - target) / views.deviation[name]).square()[present[name]]
            self.modality[index] = _factor(squares, self.modality[index])
        calibrated = {name: views.deviation[name] * self.modality[index] for index, name in enumerate(self.names)}
        if self.method == "stacked":
            self.stacking.fit(views, calibrated, present, target, middle)
            return
        for number in range(2, len(self.names) + 1):
            pieces = []
            for subset in combinations(self.names, number):
                rows = torch.stack([present[name] for name in subset]).all(dim=0)
                there, spreads = ({name: each[name][rows] for name in subset} for each in (present, calibrated))
                means = views.take(rows).agreed(there)
                fused, spread = fuse({name: means[name] for name in subset}, spreads, there, self.method)
                pieces.append(((fused - target[rows]) / spread).square())
            self.fused[number - 1] = _factor(torch.cat(pieces), self.fused[number - 1])


def _factor(squares: Tensor, otherwise: Tensor) -> Tensor:
    """Root of the mean squared error in deviations, (3,); `otherwise` on axes with too few labels."""
    known = ~squares.isnan()
    mean = torch.where(known, squares, 0.0).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return torch.where(known.sum(dim=0) >= LEAST_ROWS, mean.sqrt().clamp(min=1e-3), otherwise)
