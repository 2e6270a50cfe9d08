"""Whether a language model fits into memory, asked before its weights are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from affectspace.errors import ConfigError
from affectspace.features.pretrained_encoders import torch_type

SPARE = 1.1  # weights, and a little for what is computed


def weights_of(config: Any) -> int:
    """How many weights a causal language model of a configuration has; nothing is allocated."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in network.parameters())


def free_memory(device: str | torch.device) -> int | None:
    """Bytes that are free on a device; None where that is not known."""
    place = torch.device(device)
    if place.type == "cuda":
        return int(torch.cuda.mem_get_info(place)[0])
    if place.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None  # not Linux
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def require_memory(name: str, config: Any, dtype: str, device: str | torch.device) -> None:
    """Raises ConfigError where the weights are larger than the memory that is free."""
    free = free_memory(device)
    if free is None:
        return
    count = weights_of(config)
    needed = count * torch_type(dtype).itemsize
    if needed * SPARE > free:
        half = "" if torch_type(dtype).itemsize <= 2 else "language_model.dtype: bfloat16 halves that; "
        raise ConfigError(
            f"language model {name!r} has {count / 1e9:.2f} billion weights, {needed / 1e9:.1f} GB in {dtype}, and "
            f"{free / 1e9:.1f} GB are free on {device}; {half}free some memory, or name a smaller one, such as smollm2"
        )
