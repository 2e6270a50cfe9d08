"""Rows and counts of the other processes, for losses in distributed training.

Without other processes each function returns its argument. The trainer averages gradients over processes; with these
functions the average of the processes' losses, and of their gradients, is that of the complete batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_count(count: Tensor) -> Tensor:
    """Average counts over the processes, as floats: the average of (local sum / mean count) is the global mean."""
    number = processes()
    count = count.detach().to(torch.get_default_dtype())
    if number == 1:
        return count
    count = count.clone()
    dist.all_reduce(count)
    return count / number


def gather_rows(values: Tensor) -> Tensor:
    """Concatenate the rows of all processes in the order of the processes; gradients flow back to each process.

    values : (rows, ...); the number of rows may differ between processes
    """
    if processes() == 1:
        return values
    rank = dist.get_rank()
    sizes = torch.zeros(processes(), dtype=torch.long, device=values.device)
    sizes[rank] = len(values)
    dist.all_reduce(sizes)
    start, total = int(sizes[:rank].sum()), int(sizes.sum())
    placed = torch.zeros(total, *values.shape[1:], dtype=values.dtype, device=values.device)
    placed = torch.cat([placed[:start], values, placed[start + len(values) :]])
    return _Sum.apply(placed) if values.is_floating_point() else _summed(placed)


def _summed(values: Tensor) -> Tensor:
    values = values.detach().clone()
    dist.all_reduce(values)
    return values


class _Sum(torch.autograd.Function):
    """Sum over processes; its gradient is the sum of the gradients over processes."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return _summed(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])
