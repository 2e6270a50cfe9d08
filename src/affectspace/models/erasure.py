"""Linear concept erasure in closed form: no linear reader can find the concept in the erased features."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearErasure(nn.Module):
    """x -> x - (x @ reading - offset) @ writing.

    reading : (width, rank), offset : (rank,), writing : (rank, width)
    """

    def __init__(self, reading: Tensor, offset: Tensor, writing: Tensor) -> None:
        super().__init__()
        self.register_buffer("reading", reading)
        self.register_buffer("offset", offset)
        self.register_buffer("writing", writing)

    reading: Tensor
    offset: Tensor
    writing: Tensor

    @classmethod
    def identity(cls, width: int, rank: int) -> Self:
        """Make an erasure that changes nothing, to be replaced by `load_state_dict`."""
        return cls(torch.zeros(width, rank), torch.zeros(rank), torch.zeros(rank, width))

    def forward(self, features: Tensor) -> Tensor:
        return features - (features @ self.reading - self.offset) @ self.writing

    def then(self, second: LinearErasure) -> LinearErasure:
        """Combine this erasure and a second one after it into one."""
        writing = self.writing - self.writing @ second.reading @ second.writing
        return LinearErasure(
            torch.cat([self.reading, second.reading], dim=1),
            torch.cat([self.offset, second.offset]),
            torch.cat([writing, second.writing]),
        )


def fit_erasure(features: Tensor, concepts: Tensor, rank: int, shrinkage: float = 1e-3) -> LinearErasure:
    """Fit LEACE (Belrose et al. 2023, theorem 4.3): the smallest change of the features, in their own Mahalanobis metric,
    after which they do not covary with the concepts.

    features : (rows, width), of the rows whose concepts are known; concepts : (rows, columns), such as one column per
    emotion; rank : of the result, at least that of the concepts; unused directions are zero
    shrinkage : share of the mean variance that is added to the variance of each direction, for more dimensions than rows
    """
    width = features.shape[1]
    if len(features) < 2:
        return LinearErasure.identity(width, rank)
    features, concepts = features.double(), concepts.double()
    mean = features.mean(dim=0)
    centred = features - mean
    covariance = centred.T @ centred / (len(features) - 1)
    across = centred.T @ (concepts - concepts.mean(dim=0)) / (len(features) - 1)
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


def fit_erasures(
    features: Tensor, category: Tensor | None, categories: int, affect: Tensor | None, shrinkage: float = 1e-3
) -> LinearErasure:
    """Fit the erasure of the emotion, of affect, or of one after the other: the second leaves no linear trace of the first.

    category : (rows,), -1 where unknown; affect : (rows, axes), NaN where unknown; None: not erased
    """
    erasures: list[LinearErasure] = []
    if category is not None:
        known = category >= 0
        erasures.append(fit_erasure(features[known], F.one_hot(category[known], categories), categories, shrinkage))
    if affect is not None:
        known = ~affect.isnan().any(dim=1)
        rest = erasures[0](features[known]) if erasures else features[known]
        erasures.append(fit_erasure(rest, affect[known], affect.shape[1], shrinkage))
    return erasures[0] if len(erasures) == 1 else erasures[0].then(erasures[1])
