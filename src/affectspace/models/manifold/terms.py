"""The terms of the affective manifold's objective (Eqs. 5-11) as functions of the rows that are present.

Source: "Anchoring the Affective Manifold" (papers/affective_manifold), section 3. `reduce` combines the parts of a term into
one number; docs/reference/manifold.md has the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from affectspace.models.base import Posterior
from affectspace.models.gathering import gather_rows, mean_count


@dataclass(frozen=True)
class Part:
    """The share of one modality, or of one ordered pair, in a term.

    values : (rows,) or (rows, columns)
    known : which of the values count, same shape; None where all do. Values that do not count must be finite
    """

    values: Tensor
    known: Tensor | None = None


def reduce(parts: Sequence[Part], reduction: str) -> Tensor:
    """Combine the parts of a term into one number; zero where nothing is known.

    "paper": mean over the known rows of each part and column, summed over columns and parts (the equations' sums; the data
    enter as an expectation). "default": mean over all known values of all parts and columns. With several processes counts
    are global, so that the average over the processes is the complete batch's value.
    """
    totals, counts = [], []
    for part in parts:
        vector = part.values.dim() == 1
        if part.known is None:
            totals.append(part.values.sum(dim=0, keepdim=vector))
            counts.append(torch.full_like(totals[-1], len(part.values), dtype=torch.long, requires_grad=False))
        else:
            totals.append(torch.where(part.known, part.values, 0.0).sum(dim=0, keepdim=vector))
            counts.append(part.known.sum(dim=0, keepdim=vector))
    total, count = torch.cat(totals), mean_count(torch.cat(counts))
    if reduction == "paper":
        return (total / torch.where(count > 0, count, 1.0)).sum()
    number = count.sum()
    return total.sum() / torch.where(number > 0, number, 1.0)


def reconstruction_error(reconstruction: Tensor, features: Tensor) -> Tensor:
    """||h - D(z)||^2 of Eqs. 5 and 7, summed over the width, (..., rows)."""
    return (reconstruction - features).square().sum(dim=-1)


def gaussian_kl(posterior: Posterior, mean: Tensor, precision: Tensor, log_determinant: Tensor) -> Tensor:
    """KL(q || N(mean, precision^-1)) of each row in nats, with a full covariance, (rows,).

    mean : (dimensions,), precision : (dimensions, dimensions), the inverse of the prior's covariance, and its log-determinant
    """
    offset = posterior.mean - mean
    variance = posterior.log_variance.exp()
    quadratic = ((offset @ precision) * offset).sum(dim=1) + variance @ precision.diagonal()
    volume = log_determinant + posterior.log_variance.sum(dim=1)
    return 0.5 * (quadratic - volume - len(mean))


def anchor_error(code: Tensor, target: Tensor, weight: Tensor | None = None) -> Part:
    """L_GT and L_lex: (z - y)^2 of each row and axis, (rows, 3); an axis without a label does not count.

    weight : (rows, 3) or (3,), of each squared error
    """
    known = ~torch.isnan(target)
    error = (code - torch.where(known, target, 0.0)).square()
    return Part(error if weight is None else error * weight, known)


def discordance(code: Tensor, target: Tensor) -> Part:
    """1 - concordance correlation (Lin 1989) of each axis over the rows with a label, (1, 3); at least two rows.

    A batch statistic: its value depends on the batch, and the rows of all processes enter it.
    """
    code, target = gather_rows(code), gather_rows(target)
    known = ~torch.isnan(target)
    count = known.sum(dim=0)
    number = count.clamp(min=1)
    filled = torch.where(known, target, 0.0)
    code_mean, target_mean = torch.where(known, code, 0.0).sum(dim=0) / number, filled.sum(dim=0) / number
    code_centred = torch.where(known, code - code_mean, 0.0)
    target_centred = torch.where(known, filled - target_mean, 0.0)
    covariance = (code_centred * target_centred).sum(dim=0) / number
    spread = (code_centred.square().sum(dim=0) + target_centred.square().sum(dim=0)) / number
    concordance = 2.0 * covariance / (spread + (code_mean - target_mean).square() + 1e-8)
    return Part((1.0 - concordance)[None], (count > 1)[None])


def gaussian_nll(mean: Tensor, log_deviation: Tensor, target: Tensor) -> Part:
    """-log N(target; mean, deviation^2) of each row and axis, nats, (rows, 3), without a gradient in the mean."""
    known = ~torch.isnan(target)
    error = (torch.where(known, target, 0.0) - mean.detach()) * torch.exp(-log_deviation)
    return Part(0.5 * error.square() + log_deviation + 0.5 * math.log(2.0 * math.pi), known)


def emotion_error(logits: Tensor, category: Tensor, weight: Tensor, usable: Tensor) -> Part:
    """Weighted cross-entropy of each row, nats; rows without an emotion, or with one that is not usable, do not count.

    category : (rows,), -1 without one; weight : (categories,); usable : (categories,) bool
    """
    filled = category.clamp(min=0)
    known = (category >= 0) & usable[filled]
    return Part(F.cross_entropy(logits, filled, reduction="none") * weight[filled], known)


def without_value(term: Tensor) -> Tensor:
    """Zero with the term's gradient: for readers that learn beside the model and must not decide which epoch is best."""
    return term - term.detach()
