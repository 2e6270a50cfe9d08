"""Fusion by regression: what several modalities say together, fitted on validation rows for every subset of them.

A product of experts takes their errors as independent and adds no weight; read from one sentence twice, they are neither.
The line goes through the mean of the training labels: validation rows are of few people, whose own mean says little.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.models.consensus import Views

AXES = 3
MOST_MODALITIES = 8
LEAST_ROWS = 50  # with a label, to fit a subset's weights by
PRIOR_ROWS = 20.0  # that the start of the weights counts for


class Stacking(nn.Module):
    """Weights (>= 0), an offset and a factor of the deviation for each subset of the modalities and each axis.

    A subset's number is the sum of 2^i over its modalities. One modality alone stays as it is, and so do several that speak
    with one voice, of which only the factor is fitted. A subset without enough validation rows has weights by 1 / mean
    variance, and is taken to know no more than its members do on average.
    """

    def __init__(self, modalities: tuple[str, ...]) -> None:
        super().__init__()
        self.names = modalities
        subsets = 2 ** len(modalities)
        self.register_buffer("weight", torch.zeros(subsets, len(modalities), AXES))
        self.register_buffer("offset", torch.zeros(subsets, AXES))
        self.register_buffer("factor", torch.ones(subsets, AXES))
        self._start(torch.ones(len(modalities), AXES))

    weight: Tensor
    offset: Tensor
    factor: Tensor

    def _start(self, precision: Tensor) -> None:
        for subset in range(1, len(self.weight)):
            inside = torch.tensor([bool(subset >> index & 1) for index in range(len(self.names))])
            share = torch.where(inside[:, None].to(precision.device), precision, 0.0)
            self.weight[subset] = share / share.sum(dim=0)
        self.offset.zero_()
        self.factor.fill_(1.0)

    def forward(
        self, affect: dict[str, Tensor], deviation: dict[str, Tensor], present: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Affect of all modalities that a row has, and its standard deviation, each (rows, 3); NaN for a row without any."""
        means, variances, there = (
            torch.stack([each[name] for name in self.names], dim=1) for each in (affect, deviation, present)
        )
        variances = variances.square()
        powers = torch.tensor([2**index for index in range(len(self.names))], device=there.device)
        subset = (there * powers).sum(dim=1)
        weight = self.weight[subset]
        known = there[..., None]
        fused = (weight * torch.where(known, means, 0.0)).sum(dim=1) + self.offset[subset]
        total = weight.sum(dim=1).clamp(min=1e-6)
        variance = (weight * torch.where(known, variances, 0.0)).sum(dim=1) / total
        nothing = (subset == 0)[:, None]
        spread = variance.sqrt() * self.factor[subset]
        return fused.masked_fill(nothing, float("nan")), spread.masked_fill(nothing, float("nan"))

    @torch.no_grad()
    def fit(
        self, views: Views, deviation: dict[str, Tensor], present: dict[str, Tensor], target: Tensor, middle: Tensor
    ) -> None:
        """Least squares on the rows that have all of a subset, drawn to the start; target (rows, 3), NaN where unknown.

        deviation : calibrated; middle : (3,), mean of the training labels, which is fused to itself
        """
        self._start(torch.stack([self._precision(deviation[name], present[name]) for name in self.names]))
        for number in range(2, len(self.names) + 1):
            for subset in combinations(range(len(self.names)), number):
                names = [self.names[index] for index in subset]
                rows = torch.stack([present[name] for name in names]).all(dim=0)
                code = sum(2**index for index in subset)
                if rows.any():
                    there = {name: present[name][rows] for name in names}
                    means = views.take(rows).agreed(there)
                    said = torch.stack([means[name] for name in names], dim=1)
                    spreads = torch.stack([deviation[name][rows] for name in names], dim=1)
                    one_voice = views.of_one_voice(names)
                    self._fit_subset(code, list(subset), said, spreads, target[rows], middle, one_voice)

    @staticmethod
    def _precision(deviation: Tensor, present: Tensor) -> Tensor:
        return deviation[present].square().mean(dim=0).reciprocal() if present.any() else torch.ones(AXES)

    def _fit_subset(
        self,
        code: int,
        subset: list[int],
        said: Tensor,
        spreads: Tensor,
        target: Tensor,
        middle: Tensor,
        one_voice: bool,
    ) -> None:
        for axis in range(AXES):
            known = ~target[:, axis].isnan()
            if known.sum() < LEAST_ROWS:
                continue
            around = (said[known, :, axis] - middle[axis]).double()
            truth = (target[known, axis] - middle[axis]).double()
            weight = self.weight[code, subset, axis].double()
            if not one_voice:
                drawn = PRIOR_ROWS * around.square().mean() * torch.eye(len(subset), dtype=torch.float64)
                weight = torch.linalg.solve(around.T @ around + drawn, around.T @ truth + drawn @ weight).clamp(min=0)
            if not weight.sum() > 0:
                continue
            error = around @ weight - truth
            variance = (weight * spreads[known, :, axis].double().square()).sum(dim=1) / weight.sum()
            self.weight[code, subset, axis] = weight.float()
            self.offset[code, axis] = middle[axis] * (1.0 - weight.sum().float())
            self.factor[code, axis] = (error.square() / variance).mean().sqrt().clamp(min=1e-3).float()
