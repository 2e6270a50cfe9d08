"""From the outputs of each modality to one estimate with a calibrated standard deviation.

The deviations are right on average on validation rows: one factor per axis and modality, and one for the fused estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.models.manifold.networks import expected_affect, multiplied_emotions

MIN_CALIBRATION_ROWS = 20  # with a label, to set a factor
MIN_STACKING_ROWS = 50  # with a label, to fit the weights of a subset
PRIOR_ROWS = 20.0  # weight of the starting values of a subset's weights
ROWS = 4096  # encoded at a time


@dataclass(frozen=True)
class ModalityOutputs:
    """What each modality alone says about rows.

    affect, deviation : modality -> (rows, 3), before calibration
    log_emotion : modality -> (rows, categories), log-probabilities, of the modalities with prototype heads
    centres : (categories, 3), affect of these emotions; an emotion without a centre has probability 0
    """

    affect: dict[str, Tensor]
    deviation: dict[str, Tensor]
    log_emotion: dict[str, Tensor] = field(default_factory=dict)
    centres: Tensor | None = None

    def take(self, rows: Tensor) -> ModalityOutputs:
        """Select rows by their positions or a mask."""
        affect, deviation, log_emotion = (
            {name: values[rows] for name, values in part.items()}
            for part in (self.affect, self.deviation, self.log_emotion)
        )
        return ModalityOutputs(affect, deviation, log_emotion, self.centres)

    @classmethod
    def concatenated(cls, pieces: Sequence[ModalityOutputs]) -> ModalityOutputs:
        """Join pieces in their order."""
        affect, deviation, log_emotion = (
            {name: torch.cat([getattr(piece, part)[name] for piece in pieces]) for name in getattr(pieces[0], part)}
            for part in ("affect", "deviation", "log_emotion")
        )
        return cls(affect, deviation, log_emotion, pieces[0].centres)

    def affect_to_fuse(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Affect of each modality for a fusion, (rows, 3).

        Where several modalities have prototype heads, their experts multiply, p(e) ~ prod p_m(e) over those that the row
        has, and the expectation of the product replaces the affect of each of them.
        """
        experts = {name: values for name, values in self.log_emotion.items() if name in present}
        if self.centres is None or len(self.log_emotion) < 2 or not experts:
            return self.affect
        product = expected_affect(multiplied_emotions(experts, present), self.centres)
        return {name: product if name in self.log_emotion else values for name, values in self.affect.items()}

    def share_emotions(self, names: Sequence[str]) -> bool:
        """Whether all of these modalities have the same affect to fuse, so that there is nothing to weigh."""
        several = self.centres is not None and len(self.log_emotion) > 1
        return several and all(name in self.log_emotion for name in names)


def fuse(
    affect: dict[str, Tensor], deviation: dict[str, Tensor], present: dict[str, Tensor], method: str
) -> tuple[Tensor, Tensor]:
    """Fuse the affect of the modalities that a row has; return it with its standard deviation, each (rows, 3).

    "mean" is the plain mean, its deviation that of a mean of independent errors; "precision" weighs by 1 / variance (the
    product of Gaussian experts). Both assume independent errors; calibration corrects the deviation. NaN for a row without
    any modality.
    """
    names = list(affect)
    means = torch.stack([affect[name] for name in names])
    variance = torch.stack([deviation[name] for name in names]).square()
    mask = torch.stack([present[name] for name in names])[..., None].expand_as(means)
    weight = torch.where(mask, variance.reciprocal() if method == "precision" else torch.ones_like(means), 0.0)
    total = weight.sum(dim=0)
    share = weight / total.clamp(min=torch.finfo(means.dtype).tiny)
    fused = (share * torch.where(mask, means, 0.0)).sum(dim=0)
    spread = (share.square() * torch.where(mask, variance, 0.0)).sum(dim=0).sqrt()
    empty = total == 0
    return fused.masked_fill(empty, float("nan")), spread.masked_fill(empty, float("nan"))


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
        self, affect: dict[str, Tensor], deviation: dict[str, Tensor], present: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Fuse the affect of the modalities that a row has, as `fuse`."""
        means, deviations, mask = (
            torch.stack([values[name] for name in self.names], dim=1) for values in (affect, deviation, present)
        )
        powers = torch.tensor([2**index for index in range(len(self.names))], device=mask.device)
        subset = (mask * powers).sum(dim=1)
        weight, known = self.weight[subset], mask[..., None]
        fused = (weight * torch.where(known, means, 0.0)).sum(dim=1) + self.offset[subset]
        total = weight.sum(dim=1).clamp(min=1e-6)
        variance = (weight * torch.where(known, deviations.square(), 0.0)).sum(dim=1) / total
        spread = variance.sqrt() * self.factor[subset]
        empty = (subset == 0)[:, None]
        return fused.masked_fill(empty, float("nan")), spread.masked_fill(empty, float("nan"))

    @torch.no_grad()
    def fit(
        self,
        outputs: ModalityOutputs,
        deviation: dict[str, Tensor],
        present: dict[str, Tensor],
        target: Tensor,
        centre: Tensor,
    ) -> None:
        """Fit by least squares, regularised towards the start, on the rows that have all modalities of a subset.

        deviation : calibrated; target : (rows, 3), NaN where unknown; centre : (3,), mean of the training labels
        """
        self._start(torch.stack([self._precision(deviation[name], present[name]) for name in self.names]))
        for number in range(2, len(self.names) + 1):
            for subset in combinations(range(len(self.names)), number):
                names = [self.names[index] for index in subset]
                rows = torch.stack([present[name] for name in names]).all(dim=0)
                if rows.any():
                    affect = outputs.take(rows).affect_to_fuse({name: present[name][rows] for name in names})
                    means = torch.stack([affect[name] for name in names], dim=1)
                    spreads = torch.stack([deviation[name][rows] for name in names], dim=1)
                    self._fit_subset(list(subset), means, spreads, target[rows], centre, outputs.share_emotions(names))

    @staticmethod
    def _precision(deviation: Tensor, present: Tensor) -> Tensor:
        return deviation[present].square().mean(dim=0).reciprocal() if present.any() else torch.ones(len(AXES))

    def _fit_subset(
        self, subset: list[int], means: Tensor, spreads: Tensor, target: Tensor, centre: Tensor, fixed_weights: bool
    ) -> None:
        code = sum(2**index for index in subset)
        for axis in range(len(AXES)):
            known = ~target[:, axis].isnan()
            if known.sum() < MIN_STACKING_ROWS:
                continue
            inputs = (means[known, :, axis] - centre[axis]).double()
            truth = (target[known, axis] - centre[axis]).double()
            weight = self.weight[code, subset, axis].double()
            if not fixed_weights:
                prior = PRIOR_ROWS * inputs.square().mean() * torch.eye(len(subset), dtype=torch.float64)
                weight = torch.linalg.solve(inputs.T @ inputs + prior, inputs.T @ truth + prior @ weight).clamp(min=0)
            if not weight.sum() > 0:
                continue
            error = inputs @ weight - truth
            variance = (weight * spreads[known, :, axis].double().square()).sum(dim=1) / weight.sum()
            self.weight[code, subset, axis] = weight.float()
            self.offset[code, axis] = centre[axis] * (1.0 - weight.sum().float())
            self.factor[code, axis] = (error.square() / variance).mean().sqrt().clamp(min=1e-3).float()


class Calibration(nn.Module):
    """Factors of the deviations, fitted on validation rows, and the fusion of what they calibrate.

    modality : (modalities, 3); fused : (modalities, 3), its row k - 1 for rows with k modalities. One modality alone keeps
    its own. Where validation has no rows with k modalities, k know no more than one. The method "stacked" has weights and
    factors for each subset of the modalities instead.
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

    def forward(self, outputs: ModalityOutputs, present: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the calibrated deviations, the fused affect and its calibrated deviation."""
        affect, deviation = outputs.affect_to_fuse(present), self.calibrated(outputs)
        if self.method == "stacked":
            return deviation, *self.stacking(affect, deviation, present)
        fused, spread = fuse(affect, deviation, present, self.method)
        number = torch.stack([present[name] for name in self.names]).sum(dim=0)
        return deviation, fused, spread * self.fused[(number - 1).clamp(min=0)]

    def calibrated(self, outputs: ModalityOutputs) -> dict[str, Tensor]:
        """Return the calibrated deviations of each modality alone."""
        return {name: outputs.deviation[name] * self.modality[index] for index, name in enumerate(self.names)}

    @torch.no_grad()
    def fit_on(
        self,
        compute: Callable[[dict[str, Tensor], dict[str, Tensor]], ModalityOutputs],
        batch: Batch,
        target: Tensor,
        centre: Tensor,
    ) -> None:
        """Set the factors on many rows, as `fit`; compute : features, present -> outputs."""
        pieces = (batch.take(slice(start, start + ROWS)) for start in range(0, max(len(batch), 1), ROWS))
        outputs = ModalityOutputs.concatenated([compute(piece.features, piece.present) for piece in pieces])
        self.fit(outputs, batch.present, target, centre)

    @torch.no_grad()
    def fit(self, outputs: ModalityOutputs, present: dict[str, Tensor], target: Tensor, centre: Tensor) -> None:
        """Set the factors; target (rows, 3), NaN where unknown; centre (3,), mean of the training labels.

        The fused factors use every subset of the modalities that a row has.
        """
        self.modality.fill_(1.0)
        self.fused.copy_(torch.arange(1.0, len(self.names) + 1).sqrt()[:, None].expand_as(self.fused))
        for index, name in enumerate(self.names):
            squares = ((outputs.affect[name] - target) / outputs.deviation[name]).square()[present[name]]
            self.modality[index] = _factor(squares, self.modality[index])
        calibrated = self.calibrated(outputs)
        if self.method == "stacked":
            self.stacking.fit(outputs, calibrated, present, target, centre)
            return
        for number in range(2, len(self.names) + 1):
            pieces = []
            for subset in combinations(self.names, number):
                rows = torch.stack([present[name] for name in subset]).all(dim=0)
                masks, deviations = ({name: part[name][rows] for name in subset} for part in (present, calibrated))
                affect = outputs.take(rows).affect_to_fuse(masks)
                fused, spread = fuse({name: affect[name] for name in subset}, deviations, masks, self.method)
                pieces.append(((fused - target[rows]) / spread).square())
            self.fused[number - 1] = _factor(torch.cat(pieces), self.fused[number - 1])


def _factor(squares: Tensor, default: Tensor) -> Tensor:
    """Root of the mean squared error in deviations, (3,); `default` on axes with too few labels."""
    known = ~squares.isnan()
    mean = torch.where(known, squares, 0.0).sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return torch.where(known.sum(dim=0) >= MIN_CALIBRATION_ROWS, mean.sqrt().clamp(min=1e-3), default)
