"""The terms of the LeVAsa objective (Eqs. 1-3)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def chunk_kl(kl: Tensor, sizes: Sequence[int], power: int) -> Tensor:
    """Eq. 1: sum over chunks of (KL of the chunk) ** power of each row, (batch,).

    kl : (batch, dimensions), nats; sizes : dimensions of each chunk; power : 2 as in the paper, or 1. The KL of a row is
    summed over its chunk before it is squared; the paper does not say whether before or after the mean of the batch.
    """
    return torch.stack([part.sum(dim=1).pow(power) for part in kl.split(list(sizes), dim=1)]).sum(dim=0)


def masked_sum(values: Tensor, present: Tensor) -> Tensor:
    """Sum the values of the rows that are present; zero with a gradient where none is."""
    return torch.where(present, values, torch.zeros_like(values)).sum()


def masked_mean(values: Tensor, present: Tensor) -> Tensor:
    """Average over the rows that are present, which is the mean of the subset; zero where none is."""
    return masked_sum(values, present) / present.sum().clamp(min=1)


def squared_error(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Eq. 2, continuous: squared error of each row, mean over the outputs of the head, and which rows have a label.

    prediction : (batch, outputs), outputs 1 for a projection head, 32 where the chunk itself is compared with the label
    target : (batch,) in [-1, 1], NaN where not annotated
    """
    present = ~torch.isnan(target)
    filled = torch.where(present, target, torch.zeros_like(target))
    return (prediction - filled[:, None]).square().mean(dim=1), present


def levels_of(target: Tensor, low: int, high: int) -> Tensor:
    """Return the index of the level round(10 x) of each label, half away from zero; -1 where not annotated, (batch,).

    Levels are low .. high (AFEW-VA: -10 .. 10); the index is level - low. Labels beyond the levels go to the outermost one.
    """
    present = ~torch.isnan(target)
    scaled = torch.where(present, target, torch.zeros_like(target)).double() * 10.0
    rounded = (torch.sign(scaled) * torch.floor(scaled.abs() + 0.5 + 1e-6)).long().clamp(low, high)
    return torch.where(present, rounded - low, torch.full_like(rounded, -1))


def level_loss(logits: Tensor, index: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Eq. 2, discrete: loss of each row in nats, and which rows have a label.

    logits : (batch, levels); index : (batch,), -1 where not annotated
    kind : "cross_entropy" (the authors' notebooks) or "bce", one level against the rest, summed over levels (the paper)
    """
    present = index >= 0
    filled = index.clamp(min=0)
    if kind == "cross_entropy":
        return F.cross_entropy(logits, filled, reduction="none"), present
    target = F.one_hot(filled, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=1), present
