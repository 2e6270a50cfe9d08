"""Where the training rows of each modality lie: their scale, their range, and how far another row is from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch

DIRECTIONS = 32  # principal ones of the training rows that a distance weighs by their own variances
MOST_ROWS = 20_000  # that the directions are computed from
RANGE = 0.999  # share of the training rows that bounds do not change, per dimension
LEAST_BOUND = 3.0  # standard deviations
SHRINKAGE = (
    0.01  # share of the mean variance that is added to each, so that few rows give no direction without variance
)
MIN_ROWS = 20  # of validation, to learn the distance of a row of new people
ROWS = 4096  # measured at a time
EDGE, FADING = 1.2, 0.7  # distances, in typical ones: up to EDGE an estimate counts in full, FADING above it half
FAR_EDGE = 1.4  # of baselines, and of manifolds that were saved without an edge
WIDENING = 0.5  # above the typical distance, where half of the variance of the training labels is added


@dataclass(frozen=True)
class FeatureSpace:
    """The training rows of one modality.

    mean, scale : (width,), scale is the standard deviation, 1 where a dimension is constant
    bound : (width,), range of standardised features, in standard deviations
    directions, variances : (k, width), (k,), principal ones of bounded features; rest : variance in all other directions
    centre : (width,), mean of bounded features; typical : median distance of the rows
    """

    mean: Tensor
    scale: Tensor
    bound: Tensor
    centre: Tensor
    directions: Tensor
    variances: Tensor
    rest: Tensor
    typical: Tensor

    @classmethod
    def of(cls, values: Tensor) -> FeatureSpace:
        """Measure features (rows, width), at least one row."""
        from scipy.linalg import eigh

        values = values.double()
        mean, deviation = values.mean(dim=0), values.var(dim=0, correction=0).sqrt()
        constant = deviation <= 1e-6 * values.abs().amax(dim=0).clamp(min=1e-6)
        scale = torch.where(constant, 1.0, deviation)
        some = (values[:: -(-len(values) // MOST_ROWS)] - mean) / scale
        bound = some.abs().quantile(RANGE, dim=0).clamp(min=LEAST_BOUND)
        bounded = soft_bound(some, bound)
        centre = bounded.mean(dim=0)
        centred, width = bounded - centre, values.shape[1]
        covariance = centred.T @ centred / len(centred)
        number = min(DIRECTIONS, width)
        variances, directions = eigh(covariance.numpy(), subset_by_index=(width - number, width - 1))
        found = torch.from_numpy(variances).clamp(min=0.0)
        rest = (covariance.diagonal().sum() - found.sum()).clamp(min=0.0)
        extra = SHRINKAGE * covariance.diagonal().mean() + 1e-6
        parts = found + extra, rest + extra * max(width - number, 1)
        axes = torch.from_numpy(directions.T.copy())
        typical = distance(centred, axes, *parts).median().clamp(min=0.5)  # one row alone has none
        tensors = (mean, scale, bound, centre, axes, *parts, typical)
        return cls(*(tensor.float() for tensor in tensors))

    def standardise(self, values: Tensor) -> Tensor:
        """Express features (rows, width) in standard deviations of the rows, within their range."""
        return soft_bound((values - self.mean) / self.scale, self.bound)


def soft_bound(values: Tensor, bound: Tensor) -> Tensor:
    """Keep values within a bound, and let those beyond it come at most 1 further, smoothly."""
    inside = torch.maximum(torch.minimum(values, bound), -bound)
    return inside + torch.tanh(values - inside)


def distance(centred: Tensor, directions: Tensor, variances: Tensor, rest: Tensor) -> Tensor:
    """Mahalanobis distance per direction of centred rows (rows, width), (rows,), about 1 for the rows it was fitted on.

    The principal directions count by their own variances, all others together by the mean of theirs.
    """
    along = centred @ directions.T
    inside = along.square() / variances
    outside = (centred.square().sum(dim=1) - along.square().sum(dim=1)).clamp(min=0.0) / rest
    return (0.5 * (inside.mean(dim=1) + outside)).sqrt()


class TrainingRows(nn.Module):
    """The feature spaces of all modalities, and what the model puts out on validation rows; saved with the model.

    edge : distance up to which an estimate counts in full
    output_mean, output_deviation : (3,), moments of the fused affect on validation rows, NaN where they are not known. Outputs
    vary less than labels, so that emotions are looked for in these units.

    A model of an earlier version has means and scales only: its features are not bounded, and no row is unlike its rows.
    """

    def __init__(self, modalities: Mapping[str, int]) -> None:
        super().__init__()
        for name, width in modalities.items():
            number = min(DIRECTIONS, width)
            start = FeatureSpace(
                mean=torch.zeros(width), scale=torch.ones(width), bound=torch.full((width,), torch.inf),
                centre=torch.zeros(width), directions=torch.zeros(number, width), variances=torch.ones(number),
                rest=torch.ones(()), typical=torch.tensor(torch.inf),
            )  # fmt: skip
            for part, values in vars(start).items():
                self.register_buffer(f"{part}_{name}", values)
        self.register_buffer("edge", torch.tensor(EDGE))
        self.register_buffer("output_mean", torch.full((len(AXES),), torch.nan))
        self.register_buffer("output_deviation", torch.full((len(AXES),), torch.nan))

    edge: Tensor

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.setdefault(prefix + "edge", torch.tensor(FAR_EDGE))
        for name, value in self.named_buffers():  # what an earlier version did not save stays neutral
            if not name.startswith(("mean_", "scale_")):
                state_dict.setdefault(prefix + name, value)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @torch.no_grad()
    def prepare(self, spaces: Mapping[str, FeatureSpace]) -> None:
        """Copy what was measured on the training rows."""
        for name, space in spaces.items():
            for part, values in vars(space).items():
                self.get_buffer(f"{part}_{name}").copy_(values)

    @torch.no_grad()
    def fit_typical(self, batch: Batch) -> None:
        """Take the median distance of validation rows as typical, if it is above that of the training rows.

        People who are not among the training rows are further away, without being unusual.
        """
        for name, present in batch.present.items():
            if present.sum() >= MIN_ROWS:
                pieces = batch.features[name][present].split(ROWS)
                typical = self.get_buffer(f"typical_{name}")
                ratios = torch.cat([self.distance(name, self.standardise(name, piece)) for piece in pieces])
                typical.mul_(ratios.median().clamp(min=1.0))

    def standardise(self, name: str, features: Tensor) -> Tensor:
        """Express features in standard deviations of the training rows, within their range."""
        scaled = (features - getattr(self, f"mean_{name}")) / getattr(self, f"scale_{name}")
        return soft_bound(scaled, getattr(self, f"bound_{name}"))

    def distance(self, name: str, standardised: Tensor) -> Tensor:
        """Distance of rows from the training rows, (rows,): 1 is typical of new people, 2 is far."""
        space = (getattr(self, f"{part}_{name}") for part in ("directions", "variances", "rest"))
        return distance(standardised - getattr(self, f"centre_{name}"), *space) / getattr(self, f"typical_{name}")


def reliability(distances: Tensor, edge: float | Tensor = EDGE) -> Tensor:
    """Share of an estimate that counts at a distance from the training rows: 1 up to the edge, falling to 0."""
    return _falling(distances, edge, FADING)


def widening(distances: Tensor, onset: float | Tensor = 1.0) -> Tensor:
    """Share of the variance of the training labels that an estimate's variance gains beyond a distance, from 0 to 1."""
    return 1.0 - _falling(distances, onset, WIDENING)


def _falling(distances: Tensor, start: float | Tensor, scale: float) -> Tensor:
    """1 up to a start, 1/2 at one scale above it, then falling to 0 with the square of the distance."""
    return 1.0 / (1.0 + ((distances - start).clamp(min=0.0) / scale).square())
