"""Standard deviations that are right on average: one factor per axis and modality, and per axis and number of modalities."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.models.affect_model import AXES, FeatureBatch, fuse

LEAST_ROWS = 20  # with a label, to set a factor by
PIECE = 4096  # rows of a whole part that are encoded at a time

Views = Callable[[dict[str, Tensor], dict[str, Tensor]], tuple[dict[str, Tensor], dict[str, Tensor]]]


class Calibration(nn.Module):
    """Factors of the deviations, fitted on validation rows, and the fusion of what they calibrate.

    modality : (modalities, 3); fused : (modalities, 3), its row k - 1 for rows with k modalities. One modality alone keeps
    its own; where validation has no rows with k, k modalities are taken to know no more than one.
    """

    def __init__(self, modalities: tuple[str, ...]) -> None:
        super().__init__()
        self.names = modalities
        self.register_buffer("modality", torch.ones(len(modalities), len(AXES)))
        self.register_buffer("fused", torch.ones(len(modalities), len(AXES)))

    modality: Tensor
    fused: Tensor

    def forward(
        self, affect: dict[str, Tensor], deviation: dict[str, Tensor], present: dict[str, Tensor], method: str
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Calibrated deviations, fused affect and its calibrated deviation."""
        calibrated = {name: deviation[name] * self.modality[index] for index, name in enumerate(self.names)}
        fused, spread = fuse(affect, calibrated, present, method)
        number = torch.stack([present[name] for name in self.names]).sum(dim=0)
        return calibrated, fused, spread * self.fused[(number - 1).clamp(min=0)]

    @torch.no_grad()
    def fit_on(self, views: Views, batch: FeatureBatch, target: Tensor, method: str) -> None:
        """Set the factors on a whole part; views : features, present -> affect and deviation of each modality."""
        pieces = []
        for rows in torch.arange(len(batch)).split(PIECE):
            features, present = (
                {name: each[name][rows] for name in self.names} for each in (batch.features, batch.present)
            )
            pieces.append(views(features, present))
        affect, deviation = (
            {name: torch.cat([piece[kind][name] for piece in pieces]) for name in self.names} for kind in (0, 1)
        )
        self.fit(affect, deviation, batch.present, target, method)

    @torch.no_grad()
    def fit(
        self,
        affect: dict[str, Tensor],
        deviation: dict[str, Tensor],
        present: dict[str, Tensor],
        target: Tensor,
        method: str,
    ) -> None:
        """Set the factors: affect and deviation as the model gives them, target (rows, 3) with NaN where unknown.

        The fused factors use every subset of the modalities that a row has.
        """
        self.modality.fill_(1.0)
        self.fused.copy_(torch.arange(1.0, len(self.names) + 1).sqrt()[:, None].expand_as(self.fused))
        for index, name in enumerate(self.names):
            squares = ((affect[name] - target) / deviation[name]).square()[present[name]]
            self.modality[index] = _factor(squares, self.modality[index])
        calibrated = {name: deviation[name] * self.modality[index] for index, name in enumerate(self.names)}
        for number in range(2, len(self.names) + 1):
            pieces = []
            for subset in combinations(self.names, number):
                rows = torch.stack([present[name] for name in subset]).all(dim=0)
                means, spreads, there = (
                    {name: each[name][rows] for name in subset} for each in (affect, calibrated, present)
                )
                fused, spread = fuse(means, spreads, there, method)
                pieces.append(((fused - target[rows]) / spread).square())
            self.fused[number - 1] = _factor(torch.cat(pieces), self.fused[number - 1])


def _factor(squares: Tensor, otherwise: Tensor) -> Tensor:
    """Root of the mean squared error in deviations, (3,); `otherwise` on axes with too few labels."""
    known = ~squares.isnan()
    mean = torch.where(known, squares, 0.0).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return torch.where(known.sum(dim=0) >= LEAST_ROWS, mean.sqrt().clamp(min=1e-3), otherwise)
