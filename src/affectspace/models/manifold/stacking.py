"""From estimates of several modalities to one: by plain mean, by precision, or by regression for every subset."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.models.manifold.outputs import ModalityOutputs
from affectspace.models.new_people import NewPeople

MIN_STACKING_ROWS = 50  # with a label, to fit the weights of a subset
PRIOR_ROWS = 20.0  # weight of the starting values of a subset's weights


def fuse(
    affect: dict[str, Tensor],
    deviation: dict[str, Tensor],
    present: dict[str, Tensor],
    method: str,
    share: dict[str, Tensor] | None = None,
    added: dict[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fuse the affect of the modalities that a row has.

    Returns it with its standard deviation and the variance that distant rows have on top, each (rows, 3). "mean" is the plain
    mean, its deviation that of a mean of independent errors; "precision" weighs by 1 / variance (the product of Gaussian
    experts). Both assume independent errors; calibration corrects the deviation. NaN for a row without any modality.

    share : modality -> (rows, 1), factor of its weight; added : modality -> (rows, 3), variance of distant rows
    """
    names = list(affect)
    means = torch.stack([affect[name] for name in names])
    variance = torch.stack([deviation[name] for name in names]).square()
    extra = torch.zeros_like(variance) if added is None else torch.stack([added[name] for name in names])
    mask = torch.stack([present[name] for name in names])[..., None].expand_as(means)
    weight = (variance + extra).reciprocal() if method == "precision" else torch.ones_like(means)
    if share is not None:
        weight = weight * torch.stack([share[name] for name in names])
    weight = torch.where(mask, weight, 0.0)
    total = weight.sum(dim=0)
    part = weight / total.clamp(min=torch.finfo(means.dtype).tiny)
    fused = (part * torch.where(mask, means, 0.0)).sum(dim=0)
    spread = (part.square() * torch.where(mask, variance, 0.0)).sum(dim=0).sqrt()
    on_top = _common_variance(part, torch.where(mask, extra, 0.0), dim=0)
    empty = total == 0
    return fused.masked_fill(empty, torch.nan), spread.masked_fill(empty, torch.nan), on_top


def _common_variance(part: Tensor, variance: Tensor, dim: int) -> Tensor:
    """Variance of a weighted sum of errors that modalities have in common, as those of estimates that moved to one mean."""
    return (part * variance.sqrt()).sum(dim=dim).square()


class Stacking(nn.Module):
    """Fusion by regression on validation rows, for every subset of the modalities.

    A product of experts assumes independent errors, which two readings of one sentence do not have. Each subset and axis
    has weights (>= 0), an offset and a factor of the deviation. The regression passes through the mean of the training
    labels, because validation rows are of few people, whose own mean says little.

    A subset's number is the sum of 2^i over its modalities. One modality alone is not changed, and for several that share
    their emotions only the factor is fitted. A subset without enough validation rows has weights by 1 / mean variance and
    the mean variance of its members.
    """

    def __init__(self, modalities: tuple[str, ...]) -> None:
        super().__init__()
        self.names = modalities
        subsets = 2 ** len(modalities)
        self.register_buffer("weight", torch.zeros(subsets, len(modalities), len(AXES)))
        self.register_buffer("offset", torch.zeros(subsets, len(AXES)))
        self.register_buffer("factor", torch.ones(subsets, len(AXES)))
        self._start(torch.ones(len(modalities), len(AXES)))

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
        self,
        affect: dict[str, Tensor],
        deviation: dict[str, Tensor],
        present: dict[str, Tensor],
        share: dict[str, Tensor] | None = None,
        added: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Fuse the affect of the modalities that a row has, as `fuse`; shares move weight to the other modalities.

        Where weight is moved, fewer modalities agree, and a factor below 1 moves towards 1.
        """
        means, deviations, mask = (
            torch.stack([values[name] for name in self.names], dim=1) for values in (affect, deviation, present)
        )
        powers = torch.tensor([2**index for index in range(len(self.names))], device=mask.device)
        subset = (mask * powers).sum(dim=1)
        weight, known, factor = self.weight[subset], mask[..., None], self.factor[subset].square()
        if share is not None:
            moved = weight * torch.where(known, torch.stack([share[name] for name in self.names], dim=1), 0.0)
            kept = (moved.sum(dim=1) / weight.sum(dim=1).clamp(min=1e-12)).clamp(max=1.0)
            factor = kept * factor + (1.0 - kept) * factor.clamp(min=1.0)
            weight = moved * (weight.sum(dim=1, keepdim=True) / moved.sum(dim=1, keepdim=True).clamp(min=1e-12))
        fused = (weight * torch.where(known, means, 0.0)).sum(dim=1) + self.offset[subset]
        total = weight.sum(dim=1).clamp(min=1e-6)
        variance = (weight * torch.where(known, deviations.square(), 0.0)).sum(dim=1) / total
        spread = (variance * factor).sqrt()
        on_top = torch.zeros_like(spread)
        if added is not None:
            extra = torch.where(known, torch.stack([added[name] for name in self.names], dim=1), 0.0)
            on_top = _common_variance(weight / total[:, None], extra, dim=1)
        empty = (subset == 0)[:, None]
        return fused.masked_fill(empty, torch.nan), spread.masked_fill(empty, torch.nan), on_top

    @torch.no_grad()
    def fit(
        self,
        outputs: ModalityOutputs,
        deviation: dict[str, Tensor],
        present: dict[str, Tensor],
        target: Tensor,
        centre: Tensor,
        people: Tensor | None = None,
        errors: NewPeople | None = None,
    ) -> None:
        """Fit by least squares, regularised towards the start, on the rows that have all modalities of a subset.

        deviation : calibrated, without what distant rows have on top; target : (rows, 3), NaN where unknown
        centre : (3,), mean of the training labels; people, errors : see `Calibration.fit`
        """
        self._start(torch.stack([self._precision(deviation[name], present[name]) for name in self.names]))
        for number in range(2, len(self.names) + 1):
            for subset in combinations(range(len(self.names)), number):
                names = [self.names[index] for index in subset]
                rows = torch.stack([present[name] for name in names]).all(dim=0)
                if rows.any():
                    shown = outputs.take(rows)
                    affect = shown.affect_to_fuse({name: present[name][rows] for name in names})
                    means = torch.stack([affect[name] for name in names], dim=1)
                    variances = torch.stack([deviation[name][rows] for name in names], dim=1).square()
                    code, fixed = sum(2**index for index in subset), outputs.share_emotions(names)
                    self._fit_weights(code, list(subset), means, target[rows], centre, fixed)
                    added = torch.stack([shown.added_variance(name) for name in names], dim=1)
                    some = None if people is None else people[rows]
                    residuals = (self._part(code, list(subset)) * means).sum(dim=1) + self.offset[code] - target[rows]
                    self._fit_factor(code, list(subset), residuals, variances, added, some, errors or NewPeople())

    @staticmethod
    def _precision(deviation: Tensor, present: Tensor) -> Tensor:
        return deviation[present].square().mean(dim=0).reciprocal() if present.any() else torch.ones(len(AXES))

    def _part(self, code: int, subset: list[int]) -> Tensor:
        """Weights of a subset's modalities, (number, 3)."""
        return self.weight[code, subset]

    def _fit_weights(
        self, code: int, subset: list[int], means: Tensor, target: Tensor, centre: Tensor, fixed: bool
    ) -> None:
        """Fit weights and offset of one subset; fixed : the weights stay as they are."""
        for axis in range(len(AXES)):
            known = ~target[:, axis].isnan()
            if fixed or known.sum() < MIN_STACKING_ROWS:
                continue
            inputs = (means[known, :, axis] - centre[axis]).double()
            truth = (target[known, axis] - centre[axis]).double()
            start = self.weight[code, subset, axis].double()
            prior = PRIOR_ROWS * inputs.square().mean().clamp(min=1e-12) * torch.eye(len(subset), dtype=torch.float64)
            weight = torch.linalg.solve(inputs.T @ inputs + prior, inputs.T @ truth + prior @ start).clamp(min=0)
            if weight.sum() > 0:
                self.weight[code, subset, axis] = weight.float()
                self.offset[code, axis] = centre[axis] * (1.0 - weight.sum().float())

    def _fit_factor(
        self,
        code: int,
        subset: list[int],
        residuals: Tensor,
        variances: Tensor,
        added: Tensor,
        people: Tensor | None,
        errors: NewPeople,
    ) -> None:
        """Fit the factor of one subset's deviation. variances, added : (rows, number, 3)"""
        part = self._part(code, subset) / self._part(code, subset).sum(dim=0).clamp(min=1e-6)
        expected, on_top = (part * variances).sum(dim=1), _common_variance(part, added, dim=1)
        for axis in range(len(AXES)):
            known = ~residuals[:, axis].isnan()
            if known.sum() < MIN_STACKING_ROWS:
                continue
            squares, variance = residuals[known, axis].double().square(), expected[known, axis].double()
            view = [self.names[index] for index in subset]
            some = None if people is None else people[known]
            whole = errors.mean_square(squares / variance, some, view, axis, squares)
            level = torch.maximum(whole - (on_top[known, axis].double() / variance).mean(), whole / 4)
            self.factor[code, axis] = level.sqrt().clamp(min=1e-3).float()
