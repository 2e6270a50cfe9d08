"""Linear concept erasure in closed form: features from which no linear reader can tell a concept any more."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LinearErasure:
    """x -> x - (x @ reading - offset) @ writing.

    reading : (width, rank), offset : (rank,), writing : (rank, width)
    """

    reading: Tensor
    offset: Tensor
    writing: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        return features - (features @ self.reading - self.offset) @ self.writing

    def then(self, second: LinearErasure) -> LinearErasure:
        """This erasure and after it another, as one."""
        writing = self.writing - self.writing @ second.reading @ second.writing
        return LinearErasure(
            torch.cat([self.reading, second.reading], dim=1),
            torch.cat([self.offset, second.offset]),
            torch.cat([writing, second.writing]),
        )


class Erasing(nn.Module):
    """An erasure that is set later and saved with its model; until then the identity."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.register_buffer("reading", torch.zeros(width, rank))
        self.register_buffer("offset", torch.zeros(rank))
        self.register_buffer("writing", torch.zeros(rank, width))

    reading: Tensor
    offset: Tensor
    writing: Tensor

    def forward(self, features: Tensor) -> Tensor:
        return LinearErasure(self.reading, self.offset, self.writing)(features)

    @torch.no_grad()
    def take(self, erasure: LinearErasure) -> None:
        """Take over a fitted erasure of the same shape."""
        self.reading.copy_(erasure.reading)
        self.offset.copy_(erasure.offset)
        self.writing.copy_(erasure.writing)

    @torch.no_grad()
    def clear(self) -> None:
        """The identity again."""
        self.writing.zero_()


def fit_erasure(features: Tensor, concepts: Tensor, rank: int, shrinkage: float = 1e-3) -> LinearErasure:
    """LEACE (Belrose et al. 2023, theorem 4.3): the least change of the features, in their own Mahalanobis metric, after
    which they do not covary with the concepts.

    features : (rows, width), of the rows whose concepts are known; concepts : (rows, columns), such as one column per
    emotion; rank : rows of the result, at least that of the concepts; what is above it is filled with zeros
    shrinkage : share of the mean variance that is added to each direction's, for more dimensions than rows
    """
    width = features.shape[1]
    if len(features) < 2:
        return LinearErasure(torch.zeros(width, rank), torch.zeros(rank), torch.zeros(rank, width))
    features, concepts = features.double(), concepts.double()
    mean = features.mean(dim=0)
    around = features - mean
    covariance = around.T @ around / (len(features) - 1)
    across = around.T @ (concepts - concepts.mean(dim=0)) / (len(features) - 1)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0) + shrinkage * covariance.diagonal().mean() + 1e-12
    whiten = vectors @ (values.rsqrt()[:, None] * vectors.T)
    unwhiten = vectors @ (values.sqrt()[:, None] * vectors.T)
    left, strength, _ = torch.linalg.svd(whiten @ across, full_matrices=False)
    kept = left[:, strength > 1e-6 * strength.max().clamp(min=1e-12)][:, :rank]
    reading = torch.zeros(width, rank, dtype=torch.float64)
    writing = torch.zeros(rank, width, dtype=torch.float64)
    reading[:, : kept.shape[1]], writing[: kept.shape[1]] = whiten @ kept, kept.T @ unwhiten
    return LinearErasure(reading.float(), (mean @ reading).float(), writing.float())
