"""From the outputs of each modality to one estimate with a calibrated standard deviation.

The deviations are right on average on validation rows: one factor per axis and modality, and one for the fused estimate.
A modality that is far from the training rows counts less: its affect moves towards the mean of the training labels, its
deviation grows, and the other modalities get its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.models.manifold.networks import expected_affect, multiplied_emotions
from affectspace.models.training_rows import reliability, widening

MIN_CALIBRATION_ROWS = 20  # with a label, to set a factor
MIN_STACKING_ROWS = 50  # with a label, to fit the weights of a subset
PRIOR_ROWS = 20.0  # weight of the starting values of a subset's weights
ROWS = 4096  # encoded at a time
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the relative deviations of the head; 0 is one deviation for all rows
FOLDS = 5  # of validation rows, by which a power is chosen
SPREAD_OF_PEOPLE = 0.4  # standard deviation over people of their mean squared error, as a share of its mean
PEOPLE_ASSUMED = 4.0  # people that this prior value counts as
NARROWEST, WIDEST = 0.6, 2.5  # deviation of a row, as a share of that of a row of middle width
INSIDE, OUTSIDE = 1.0, 0.2  # affect is not changed up to INSIDE, and never exceeds their sum


@dataclass(frozen=True)
class ModalityOutputs:
    """What each modality alone says about rows.

    affect, deviation : modality -> (rows, 3), before calibration
    log_emotion : modality -> (rows, categories), log-probabilities, of the modalities with prototype heads
    centres : (categories, 3), affect of these emotions; an emotion without a centre has probability 0
    distance : modality -> (rows,), from the training rows; typical where a modality is not named
    spread : (3,), standard deviation of the training labels, by which distant rows are wider; None: they are not
    """

    affect: dict[str, Tensor]
    deviation: dict[str, Tensor]
    log_emotion: dict[str, Tensor] = field(default_factory=dict)
    centres: Tensor | None = None
    distance: dict[str, Tensor] = field(default_factory=dict)
    spread: Tensor | None = None

    def discounted(self, location: Tensor, slopes: dict[str, Tensor] | None = None) -> ModalityOutputs:
        """Move affect towards the mean of the training labels (3,), and emotions towards equal ones, in distant rows.

        slopes : modality -> (3,), share of the distance from the mean that is kept in all rows
        """
        affect = {
            name: location + self.share(name) * (slopes or {}).get(name, 1.0) * (values - location)
            for name, values in self.affect.items()
        }
        log_emotion = {name: self.share(name) * values for name, values in self.log_emotion.items()}
        return replace(self, affect=affect, log_emotion=log_emotion)

    def share(self, name: str) -> Tensor:
        """Share of a modality's estimate that counts, (rows, 1)."""
        if name not in self.distance:
            return torch.ones_like(self.affect[name][:, :1])
        return reliability(self.distance[name])[:, None]

    def added_variance(self, name: str) -> Tensor:
        """Variance that distant rows have on top, (rows, 3)."""
        if self.spread is None or name not in self.distance:
            return torch.zeros_like(self.affect[name])
        return widening(self.distance[name])[:, None] * self.spread.square()

    def take(self, rows: Tensor) -> ModalityOutputs:
        """Select rows by their positions or a mask."""
        affect, deviation, log_emotion, distance = (
            {name: values[rows] for name, values in part.items()}
            for part in (self.affect, self.deviation, self.log_emotion, self.distance)
        )
        return ModalityOutputs(affect, deviation, log_emotion, self.centres, distance, self.spread)

    @classmethod
    def concatenated(cls, pieces: Sequence[ModalityOutputs]) -> ModalityOutputs:
        """Join pieces in their order."""
        affect, deviation, log_emotion, distance = (
            {name: torch.cat([getattr(piece, part)[name] for piece in pieces]) for name in getattr(pieces[0], part)}
            for part in ("affect", "deviation", "log_emotion", "distance")
        )
        return cls(affect, deviation, log_emotion, pieces[0].centres, distance, pieces[0].spread)

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


Compute = Callable[[dict[str, Tensor], dict[str, Tensor]], ModalityOutputs]


def within_range(affect: Tensor) -> Tensor:
    """Keep affect on [-1.2, 1.2], smoothly; labels are on [-1, 1], and affect in this range is not changed."""
    inside = affect.clamp(-INSIDE, INSIDE)
    return inside + OUTSIDE * torch.tanh((affect - inside) / OUTSIDE)


def fuse(
    affect: dict[str, Tensor],
    deviation: dict[str, Tensor],
    present: dict[str, Tensor],
    method: str,
    share: dict[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Fuse the affect of the modalities that a row has; return it with its standard deviation, each (rows, 3).

    "mean" is the plain mean, its deviation that of a mean of independent errors; "precision" weighs by 1 / variance (the
    product of Gaussian experts). Both assume independent errors; calibration corrects the deviation. NaN for a row without
    any modality.

    share : modality -> (rows, 1), factor of its weight
    """
    names = list(affect)
    means = torch.stack([affect[name] for name in names])
    variance = torch.stack([deviation[name] for name in names]).square()
    mask = torch.stack([present[name] for name in names])[..., None].expand_as(means)
    weight = variance.reciprocal() if method == "precision" else torch.ones_like(means)
    if share is not None:
        weight = weight * torch.stack([share[name] for name in names])
    weight = torch.where(mask, weight, 0.0)
    total = weight.sum(dim=0)
    part = weight / total.clamp(min=torch.finfo(means.dtype).tiny)
    fused = (part * torch.where(mask, means, 0.0)).sum(dim=0)
    spread = (part.square() * torch.where(mask, variance, 0.0)).sum(dim=0).sqrt()
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
        self,
        affect: dict[str, Tensor],
        deviation: dict[str, Tensor],
        present: dict[str, Tensor],
        share: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Fuse the affect of the modalities that a row has, as `fuse`; shares move weight to the other modalities."""
        means, deviations, mask = (
            torch.stack([values[name] for name in self.names], dim=1) for values in (affect, deviation, present)
        )
        powers = torch.tensor([2**index for index in range(len(self.names))], device=mask.device)
        subset = (mask * powers).sum(dim=1)
        weight, known = self.weight[subset], mask[..., None]
        if share is not None:
            moved = weight * torch.where(known, torch.stack([share[name] for name in self.names], dim=1), 0.0)
            weight = moved * (weight.sum(dim=1, keepdim=True) / moved.sum(dim=1, keepdim=True).clamp(min=1e-12))
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
        people: Tensor | None = None,
    ) -> None:
        """Fit by least squares, regularised towards the start, on the rows that have all modalities of a subset.

        deviation : calibrated; target : (rows, 3), NaN where unknown; centre : (3,), mean of the training labels
        people : (rows,), see `Calibration.fit`
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
                    some = None if people is None else people[rows]
                    fixed = outputs.share_emotions(names)
                    self._fit_subset(list(subset), means, spreads, target[rows], centre, fixed, some)

    @staticmethod
    def _precision(deviation: Tensor, present: Tensor) -> Tensor:
        return deviation[present].square().mean(dim=0).reciprocal() if present.any() else torch.ones(len(AXES))

    def _fit_subset(
        self,
        subset: list[int],
        means: Tensor,
        spreads: Tensor,
        target: Tensor,
        centre: Tensor,
        fixed_weights: bool,
        people: Tensor | None,
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
                prior = (
                    PRIOR_ROWS * inputs.square().mean().clamp(min=1e-12) * torch.eye(len(subset), dtype=torch.float64)
                )
                weight = torch.linalg.solve(inputs.T @ inputs + prior, inputs.T @ truth + prior @ weight).clamp(min=0)
            if not weight.sum() > 0:
                continue
            error = inputs @ weight - truth
            variance = (weight * spreads[known, :, axis].double().square()).sum(dim=1) / weight.sum()
            self.weight[code, subset, axis] = weight.float()
            self.offset[code, axis] = centre[axis] * (1.0 - weight.sum().float())
            some = None if people is None else people[known]
            self.factor[code, axis] = mean_square(error.square() / variance, some).sqrt().clamp(min=1e-3).float()


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
        affect, deviation = outputs.affect_to_fuse(present), self.calibrated(outputs)
        share = {name: outputs.share(name) for name in self.names}
        if self.method == "stacked":
            fused, spread = self.stacking(affect, deviation, present, share)
        else:
            fused, spread = fuse(affect, deviation, present, self.method, share)
            number = torch.stack([present[name] for name in self.names]).sum(dim=0)
            spread = spread * self.fused[(number - 1).clamp(min=0)]
        return deviation, fused, spread

    def calibrated(self, outputs: ModalityOutputs) -> dict[str, Tensor]:
        """Return the calibrated deviations of each modality alone."""
        calibrated = {}
        for index, name in enumerate(self.names):
            relative = (outputs.deviation[name] / self.reference[index]) ** self.power[index]
            relative = torch.minimum(torch.maximum(relative, self.narrowest[index]), self.widest[index])
            variance = (self.modality[index] * relative).square() + outputs.added_variance(name)
            calibrated[name] = variance.sqrt()
        return calibrated

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
        self,
        compute: Compute,
        batch: Batch,
        target: Tensor,
        centre: Tensor,
    ) -> None:
        """Fit on many rows, as `fit`; compute : features, present -> outputs."""
        outputs = _outputs_of(compute, batch)
        self.fit(outputs, batch.present, target, centre, batch.person)

    @torch.no_grad()
    def fit(
        self,
        outputs: ModalityOutputs,
        present: dict[str, Tensor],
        target: Tensor,
        centre: Tensor,
        people: Tensor | None = None,
    ) -> None:
        """Fit factors and powers.

        The fused factors use every subset of the modalities that a row has. A power is chosen by likelihood on rows of other
        people. Few people say little about others, so that one standard error over people is added to each squared error.

        target : (rows, 3), NaN where unknown; centre : (3,), mean of the training labels
        people : (rows,), number of the person or document of a row, -1 where unknown
        """
        for name, start in (("modality", 1.0), *_NEUTRAL.items()):
            self.get_buffer(name).fill_(start)
        self.fused.copy_(torch.arange(1.0, len(self.names) + 1).sqrt()[:, None].expand_as(self.fused))
        for index, name in enumerate(self.names):
            rows = present[name]
            some = None if people is None else people[rows]
            added = outputs.added_variance(name)[rows]
            self._fit_modality(
                index, outputs.affect[name][rows], outputs.deviation[name][rows], target[rows], added, some
            )
        calibrated = self.calibrated(outputs)
        if self.method == "stacked":
            self.stacking.fit(outputs, calibrated, present, target, centre, people)
            return
        for number in range(2, len(self.names) + 1):
            squares, members = [], []
            for subset in combinations(self.names, number):
                rows = torch.stack([present[name] for name in subset]).all(dim=0)
                masks, deviations = ({name: part[name][rows] for name in subset} for part in (present, calibrated))
                some_outputs = outputs.take(rows)
                affect, share = some_outputs.affect_to_fuse(masks), {name: some_outputs.share(name) for name in subset}
                fused, spread = fuse({name: affect[name] for name in subset}, deviations, masks, self.method, share)
                squares.append(((fused - target[rows]) / spread).square())
                members.append(torch.full((len(fused),), -1) if people is None else people[rows])
            self.fused[number - 1] = _factor(torch.cat(squares), self.fused[number - 1], torch.cat(members))

    def _fit_modality(
        self, index: int, affect: Tensor, deviation: Tensor, target: Tensor, added: Tensor, people: Tensor | None
    ) -> None:
        """Fit one modality on its rows. added : (rows, 3), variance of unreliable rows that factors leave as it is"""
        for axis in range(len(AXES)):
            known = ~target[:, axis].isnan()
            if known.sum() < MIN_CALIBRATION_ROWS:
                continue
            squares = (affect[known, axis] - target[known, axis]).double().square()
            logarithm = deviation[known, axis].double().log()
            extra, some = added[known, axis].double(), None if people is None else people[known]
            centred = logarithm - logarithm.mean()
            power = _best_power(centred, squares, extra, some)
            level = _level(_relative(centred, power), squares, extra, some)
            self.reference[index, axis], self.power[index, axis] = logarithm.mean().exp().float(), power
            self.narrowest[index, axis], self.widest[index, axis] = NARROWEST, WIDEST
            self.modality[index, axis] = level.sqrt().clamp(min=1e-3).float()


def _outputs_of(compute: Compute, batch: Batch) -> ModalityOutputs:
    pieces = (batch.take(slice(start, start + ROWS)) for start in range(0, max(len(batch), 1), ROWS))
    return ModalityOutputs.concatenated([compute(piece.features, piece.present) for piece in pieces])


_NEUTRAL = {"reference": 1.0, "power": 1.0, "narrowest": 0.0, "widest": float("inf")}


def _relative(centred: Tensor, power: float) -> Tensor:
    """Deviations as shares of the level; centred : logarithms of the head's deviations around their mean"""
    return (power * centred).exp().clamp(NARROWEST, WIDEST)


def _level(relative: Tensor, squares: Tensor, added: Tensor, people: Tensor | None) -> Tensor:
    """Variance at relative deviation 1: what the added variance does not explain, at least a quarter of all."""
    whole = mean_square(squares / relative.square(), people)
    return torch.maximum(whole - (added / relative.square()).mean(), whole / 4)


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
            level = _level(relative[~out], squares[~out], added[~out], None)
            variance = (level * relative[out].square() + added[out]).clamp(min=1e-12)
            losses[out] = 0.5 * (squares[out] / variance + variance.log())
        if losses.mean().item() < best - 1e-9:
            best, chosen = losses.mean().item(), power
    return chosen


def mean_square(squares: Tensor, people: Tensor | None) -> Tensor:
    """Mean of squared errors (rows,), plus one standard error over people.

    The standard deviation over people is shrunk towards SPREAD_OF_PEOPLE of the mean, because few people show little of it.
    """
    mean = squares.mean()
    if people is None or not (people >= 0).any():
        return mean
    known = people[people >= 0]
    groups, position, count = known.unique(return_inverse=True, return_counts=True)
    own = squares.new_zeros(len(groups)).index_add(0, position, squares[people >= 0]) / count
    number = len(groups)
    scatter = (own - own.mean()).square().sum() + PEOPLE_ASSUMED * (SPREAD_OF_PEOPLE * mean).square()
    return mean + (scatter / (number - 1 + PEOPLE_ASSUMED) / number).sqrt()


def _factor(squares: Tensor, default: Tensor, people: Tensor) -> Tensor:
    """Root of the mean squared error in deviations, (3,); `default` on axes with too few labels."""
    factors = default.clone()
    for axis in range(len(AXES)):
        known = ~squares[:, axis].isnan()
        if known.sum() >= MIN_CALIBRATION_ROWS:
            factors[axis] = mean_square(squares[known, axis], people[known]).sqrt().clamp(min=1e-3)
    return factors
