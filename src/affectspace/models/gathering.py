"""What a loss needs of the other processes in distributed training: rows of latents and global counts.

Outside of distributed training each function gives back what it was given. The trainer averages gradients over processes;
with these functions the average of the processes' losses, and of their gradients, is that of the whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_count(count: Tensor) -> Tensor:
    """Counts averaged over the processes, in float: a local sum divided by it averages, over processes, to the global mean."""
    number = processes()
    count = count.detach().to(torch.get_default_dtype())
    if number == 1:
        return count
    count = count.clone()
    dist.all_reduce(count)
    return count / number


def gather_rows(values: Tensor) -> Tensor:
    """The rows of all processes in the order of the processes, (rows of all, ...), with gradients to the process of each.

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
    """Sum over processes; its gradient is the sum over the processes' gradients."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return _summed(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])
