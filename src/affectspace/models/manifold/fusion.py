"""From the outputs of each modality to one estimate with a calibrated standard deviation.

The deviations are right on average on validation rows: one factor per axis and modality, and one for the fused estimate.
A modality that is far from the training rows counts less: its affect moves towards the mean of the training labels, its
deviation grows, and the other modalities get its weight.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.models.manifold.outputs import ModalityOutputs
from affectspace.models.manifold.stacking import MIN_STACKING_ROWS, PRIOR_ROWS, Stacking, fuse
from affectspace.models.new_people import NewPeople, mean_square

MIN_CALIBRATION_ROWS = 20  # with a label, to set a factor
ROWS = 4096  # encoded at a time
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the relative deviations of the head; 0 is one deviation for all rows
FOLDS = 5  # of validation rows, by which a power is chosen
NARROWEST, WIDEST = 0.6, 2.5  # deviation of a row, as a share of that of a row of middle width

Compute = Callable[[dict[str, Tensor], dict[str, Tensor]], ModalityOutputs]


class Calibration(nn.Module):
    """Deviations that are right on validation rows, and the fusion of what they calibrate.

    The deviation of a row is `modality` * (what the head says / `reference`) ^ `power`, within `narrowest` and `widest`
    times `modality`, the error on validation of a row of middle width. Power 0 is one deviation for all rows.

    modality, reference, power, narrowest, widest : (modalities, 3)
    slope : (modalities, 3), at most 1: how much of an estimate's distance from the mean of the training labels is confirmed
    by validation rows. It is below 1 where the training rows look easier than new ones, for example because their encoder
    was adapted on them.
    fused : (modalities, 3), its row k - 1 for rows with k modalities. One modality alone keeps its own. Where validation has
    no rows with k modalities, k know no more than one. The method "stacked" has weights and factors for each subset of the
    modalities instead.
    """

    def __init__(self, modalities: tuple[str, ...], method: str) -> None:
        super().__init__()
        self.names, self.method = modalities, method
        if method == "stacked":
            self.stacking = Stacking(modalities)
        for name, start in (("modality", 1.0), ("fused", 1.0), *_NEUTRAL.items(), ("slope", 1.0)):
            self.register_buffer(name, torch.full((len(modalities), len(AXES)), start))

    modality: Tensor
    fused: Tensor
    slope: Tensor
    reference: Tensor
    power: Tensor
    narrowest: Tensor
    widest: Tensor

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in _NEUTRAL:  # a model of an earlier version has factors only
            state_dict.setdefault(prefix + name, torch.full_like(self.get_buffer(name), _NEUTRAL[name]))
        state_dict.setdefault(prefix + "slope", torch.ones_like(self.slope))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, outputs: ModalityOutputs, present: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the calibrated deviations, the fused affect and its calibrated deviation."""
        affect = outputs.affect_to_fuse(present)
        own = self._own_deviation(outputs)
        added = {name: outputs.added_variance(name) for name in self.names}
        share = outputs.weights(present)
        if self.method == "stacked":
            fused, spread, on_top = self.stacking(affect, own, present, share, added)
        else:
            fused, spread, on_top = fuse(affect, own, present, self.method, share, added)
            number = torch.stack([present[name] for name in self.names]).sum(dim=0)
            spread = spread * self.fused[(number - 1).clamp(min=0)]
        deviation = {name: (own[name].square() + added[name]).sqrt() for name in self.names}
        return deviation, fused, (spread.square() + on_top).sqrt()

    def calibrated(self, outputs: ModalityOutputs) -> dict[str, Tensor]:
        """Return the calibrated deviations of each modality alone."""
        own = self._own_deviation(outputs)
        return {name: (values.square() + outputs.added_variance(name)).sqrt() for name, values in own.items()}

    def _own_deviation(self, outputs: ModalityOutputs) -> dict[str, Tensor]:
        """Calibrated deviations without what distant rows have on top."""
        deviation = {}
        for index, name in enumerate(self.names):
            relative = (outputs.deviation[name] / self.reference[index]) ** self.power[index]
            relative = torch.minimum(torch.maximum(relative, self.narrowest[index]), self.widest[index])
            deviation[name] = self.modality[index] * relative
        return deviation

    def slopes(self) -> dict[str, Tensor]:
        """Return modality -> (3,), see `slope`."""
        return {name: self.slope[index] for index, name in enumerate(self.names)}

    @torch.no_grad()
    def fit_slopes(self, compute: Compute, batch: Batch, target: Tensor, centre: Tensor) -> None:
        """Fit `slope` by least squares through the mean of the training labels. Arguments as of `fit_on`.

        Modalities whose affect is an expectation over emotions keep 1. So do axes with few labels.
        """
        self.slope.fill_(1.0)
        outputs = _outputs_of(compute, batch)
        for index, name in enumerate(self.names):
            if name in outputs.log_emotion:
                continue
            for axis in range(len(AXES)):
                known = batch.present[name] & ~target[:, axis].isnan()
                if known.sum() < MIN_STACKING_ROWS:
                    continue
                guess = (outputs.affect[name][known, axis] - centre[axis]).double()
                truth = (target[known, axis] - centre[axis]).double()
                prior = PRIOR_ROWS * guess.square().mean()
                slope = (guess @ truth + prior) / (guess @ guess + prior).clamp(min=1e-12)
                self.slope[index, axis] = slope.clamp(0.0, 1.0).float()

    @torch.no_grad()
    def fit_on(
        self, compute: Compute, batch: Batch, target: Tensor, centre: Tensor, errors: NewPeople | None = None
    ) -> None:
        """Fit on many rows, as `fit`; compute : features, present -> outputs."""
        outputs = _outputs_of(compute, batch)
        self.fit(outputs, batch.present, target, centre, batch.person, errors)

    @torch.no_grad()
    def fit(
        self,
        outputs: ModalityOutputs,
        present: dict[str, Tensor],
        target: Tensor,
        centre: Tensor,
        people: Tensor | None = None,
        errors: NewPeople | None = None,
    ) -> None:
        """Fit factors and powers.

        The fused factors use every subset of the modalities that a row has. A power is chosen by likelihood on rows of other
        people. Few people say little about others, so that one standard error over people is added to each squared error,
        or their errors are corrected by those of regressions on all people.

        target : (rows, 3), NaN where unknown; centre : (3,), mean of the training labels
        people : (rows,), number of the person or document of a row, -1 where unknown; errors : see `new_people`
        """
        errors = errors or NewPeople()
        for name, start in (("modality", 1.0), *_NEUTRAL.items()):
            self.get_buffer(name).fill_(start)
        self.fused.copy_(torch.arange(1.0, len(self.names) + 1).sqrt()[:, None].expand_as(self.fused))
        for index, name in enumerate(self.names):
            rows = present[name]
            self._fit_modality(
                index, outputs.take(rows), target[rows], None if people is None else people[rows], errors
            )
        own = self._own_deviation(outputs)
        if self.method == "stacked":
            self.stacking.fit(outputs, own, present, target, centre, people, errors)
            return
        for number in range(2, len(self.names) + 1):
            parts = [
                self._squares_of(subset, outputs, own, present, target, people, errors)
                for subset in combinations(self.names, number)
            ]
            squares, on_top, members = (torch.cat(pieces) for pieces in zip(*parts, strict=True))
            for axis in range(len(AXES)):
                known = ~squares[:, axis].isnan()
                if known.sum() >= MIN_CALIBRATION_ROWS:
                    whole = mean_square(squares[known, axis], members[known])
                    level = torch.maximum(whole - on_top[known, axis].mean(), whole / 4)
                    self.fused[number - 1, axis] = level.sqrt().clamp(min=1e-3)

    def _squares_of(
        self,
        subset: tuple[str, ...],
        outputs: ModalityOutputs,
        own: dict[str, Tensor],
        present: dict[str, Tensor],
        target: Tensor,
        people: Tensor | None,
        errors: NewPeople,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Squared errors of a subset's fusion and the variance on top, (rows, 3), in own variances; people, (rows,)."""
        rows = torch.stack([present[name] for name in subset]).all(dim=0)
        masks = {name: present[name][rows] for name in subset}
        shown = outputs.take(rows)
        affect, share = shown.affect_to_fuse(masks), shown.weights(masks)
        added = {name: shown.added_variance(name) for name in subset}
        deviations = {name: own[name][rows] for name in subset}
        fused, spread, on_top = fuse(
            {name: affect[name] for name in subset}, deviations, masks, self.method, share, added
        )
        plain = (fused - target[rows]).square()
        squares = plain / spread.square()
        members = torch.full((len(fused),), -1) if people is None else people[rows].clone()
        for axis in range(len(AXES)):
            known = ~plain[:, axis].isnan()
            factor = errors.factor(subset, axis, plain[known, axis].double()) if known.any() else None
            if factor is not None:
                squares[:, axis] *= factor.float()
                members.fill_(-1)  # the factor already says how people differ
        return squares, on_top / spread.square(), members

    def _fit_modality(
        self, index: int, outputs: ModalityOutputs, target: Tensor, people: Tensor | None, errors: NewPeople
    ) -> None:
        """Fit one modality on its rows. The variance that distant rows have on top is left as it is."""
        name = self.names[index]
        added = outputs.added_variance(name)
        for axis in range(len(AXES)):
            known = ~target[:, axis].isnan()
            if known.sum() < MIN_CALIBRATION_ROWS:
                continue
            squares = (outputs.affect[name][known, axis] - target[known, axis]).double().square()
            logarithm = outputs.deviation[name][known, axis].double().log()
            extra, some = added[known, axis].double(), None if people is None else people[known]
            centred = logarithm - logarithm.mean()
            power = _best_power(centred, squares, extra, some)
            shares = _relative(centred, power).square()
            whole = errors.mean_square(squares / shares, some, [name], axis, squares)
            self.reference[index, axis], self.power[index, axis] = logarithm.mean().exp().float(), power
            self.narrowest[index, axis], self.widest[index, axis] = NARROWEST, WIDEST
            self.modality[index, axis] = _level(whole, extra, shares).sqrt().clamp(min=1e-3).float()


def _outputs_of(compute: Compute, batch: Batch) -> ModalityOutputs:
    pieces = (batch.take(slice(start, start + ROWS)) for start in range(0, max(len(batch), 1), ROWS))
    return ModalityOutputs.concatenated([compute(piece.features, piece.present) for piece in pieces])


_NEUTRAL = {"reference": 1.0, "power": 1.0, "narrowest": 0.0, "widest": float("inf")}


def _relative(centred: Tensor, power: float) -> Tensor:
    """Deviations as shares of the level; centred : logarithms of the head's deviations around their mean"""
    return (power * centred).exp().clamp(NARROWEST, WIDEST)


def _level(whole: Tensor, added: Tensor, shares: Tensor) -> Tensor:
    """Variance at relative deviation 1: what the added variance does not explain, at least a quarter of all.

    whole : mean square; shares : squares of the relative deviations
    """
    return torch.maximum(whole - (added / shares).mean(), whole / 4)


def _best_power(centred: Tensor, squares: Tensor, added: Tensor, people: Tensor | None) -> float:
    """Power with the highest likelihood on people, or blocks of rows, that the level was not computed from."""
    folds = torch.arange(len(squares)) * FOLDS // len(squares)
    if people is not None and len(people.unique()) > 1:
        folds = people.unique(return_inverse=True)[1] % FOLDS
    best, chosen = torch.inf, 0.0
    for power in POWERS:
        relative, losses = _relative(centred, power), torch.empty_like(squares)
        for fold in folds.unique():
            out = folds == fold
            shares = relative[~out].square()
            level = _level((squares[~out] / shares).mean(), added[~out], shares)
            variance = (level * relative[out].square() + added[out]).clamp(min=1e-12)
            losses[out] = 0.5 * (squares[out] / variance + variance.log())
        if losses.mean().item() < best - 1e-9:
            best, chosen = losses.mean().item(), power
    return chosen
