"""Affine links from the shared latent to the labels of each corpus, and to a lexicon's scores.

Corpora write the same affect with different spreads (EmoBank's valence has a standard deviation of .17, terms of emotion
.60). The shared latent stays in the units of all labels pooled; a link gives a corpus its own mean and spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LEAST_DEVIATION = 0.02  # of labels on [-1, 1]: constant labels neither vanish nor get endless weight


@dataclass(frozen=True)
class PooledLabels:
    """Labels of several corpora in one unit: the mean and standard deviation of all of them.

    mean, deviation : (3,), pooled; own_deviation : (corpora, 3)
    shift, scale : (corpora, 3), a label is scale * pooled + shift
    """

    mean: Tensor
    deviation: Tensor
    own_deviation: Tensor
    shift: Tensor
    scale: Tensor

    def pool(self, affect: Tensor, corpus: Tensor) -> Tensor:
        """Labels (rows, 3) in pooled units."""
        return (affect - self.shift[corpus]) / self.scale[corpus]


def pool_labels(affect: Tensor, corpus: Tensor, corpora: int, link: str) -> PooledLabels:
    """How labels (rows, 3), NaN where unknown, are pooled; with link "none" they stay as they are.

    Without a label on an axis the mean is 0 and the deviation 1; a corpus without labels is not moved.
    """
    known = ~affect.isnan()
    mean, deviation = _moments(affect, known)
    own = [_moments(affect, known & (corpus == index)[:, None]) for index in range(corpora)]
    own_mean, own_deviation = torch.stack([each for each, _ in own]), torch.stack([each for _, each in own])
    here = torch.stack([(known & (corpus == index)[:, None]).any(dim=0) for index in range(corpora)])
    shift, scale = torch.zeros(corpora, 3), torch.ones(corpora, 3)
    if link == "affine":
        scale = torch.where(here, own_deviation / deviation, 1.0)
        shift = torch.where(here, own_mean - scale * mean, 0.0)
    return PooledLabels(mean, deviation, torch.where(here, own_deviation, deviation), shift, scale)


def _moments(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    count = known.sum(dim=0)
    mean = torch.where(known, values, 0.0).sum(dim=0) / count.clamp(min=1)
    squares = torch.where(known, values - mean, 0.0).square().sum(dim=0) / (count - 1).clamp(min=1)
    return mean, torch.where(count > 0, squares.sqrt().clamp(min=LEAST_DEVIATION), 1.0)


class LabelLinks(nn.Module):
    """Shared latent -> labels of a corpus; the last link is the lexicon's.

    Learnable around its start. What the links of all corpora have in common is taken out, so that the latent keeps its
    units, and one corpus alone is linked by the identity.
    """

    def __init__(self, corpora: int, kind: str) -> None:
        super().__init__()
        self.corpora, self.kind = corpora, kind
        self.register_buffer("start_shift", torch.zeros(corpora + 1, 3))
        self.register_buffer("start_scale", torch.ones(corpora + 1, 3))
        self.register_buffer("deviation", torch.ones(corpora + 1, 3))
        if kind == "affine":
            self.shift = nn.Parameter(torch.zeros(corpora + 1, 3))
            self.log_scale = nn.Parameter(torch.zeros(corpora + 1, 3))

    start_shift: Tensor
    start_scale: Tensor
    deviation: Tensor

    def prepare(self, pooled: PooledLabels, lexicon_mean: Tensor, lexicon_deviation: Tensor) -> None:
        """Start from the training labels; a lexicon without scores is linked by the identity."""
        known = ~lexicon_mean.isnan()
        spread = torch.where(known, lexicon_deviation.clamp(min=LEAST_DEVIATION), 1.0)
        self.deviation.copy_(torch.cat([pooled.own_deviation, spread[None]]))
        if self.kind == "affine":
            scale = torch.where(known, spread / pooled.deviation, 1.0)
            shift = torch.where(known, lexicon_mean - scale * pooled.mean, 0.0)
            self.start_scale.copy_(torch.cat([pooled.scale, scale[None]]))
            self.start_shift.copy_(torch.cat([pooled.shift, shift[None]]))

    @property
    def weights(self) -> Tensor:
        """1 / variance of each corpus' labels and of the lexicon's scores, (corpora + 1, 3)."""
        return self.deviation.square().reciprocal()

    def links(self) -> tuple[Tensor, Tensor]:
        """Shift and scale of every corpus and of the lexicon, each (corpora + 1, 3)."""
        if self.kind != "affine":
            return self.start_shift, self.start_scale
        shift, log_scale = (
            torch.cat([moved[:-1] - moved[:-1].mean(dim=0), moved[-1:]]) for moved in (self.shift, self.log_scale)
        )
        return self.start_shift + shift * self.deviation, self.start_scale * log_scale.exp()
