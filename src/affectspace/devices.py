"""Where PyTorch computes: the device that a setting names."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Literal

from affectspace.errors import ConfigError

if TYPE_CHECKING:
    import torch

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
_KINDS = {"auto": ("cuda", "mps", "cpu"), "gpu": ("cuda", "mps")}


def choose_device(name: str = "auto", index: int = 0) -> str:
    """Return the device of an option or a setting, by PyTorch's name.

    Parameters
    ----------
    name : str
        "auto" takes a CUDA GPU, then Apple's GPU, then the CPU; "gpu" is the same without the CPU. Any other name is one of
        PyTorch, such as "cuda:1".
    index : int
        Which of several CUDA GPUs, for a name without a number.

    Raises
    ------
    ConfigError
        Where this machine lacks the device.

    Examples
    --------
    >>> choose_device("cpu")
    'cpu'
    """
    if name == "cpu" and index == 0:  # without importing PyTorch
        return name
    import torch

    gpus = torch.cuda.device_count()
    counts = {"cpu": index + 1, "mps": int(torch.backends.mps.is_available()), "cuda": gpus}
    for kind in _KINDS.get(name, (name,)):
        if kind in counts:
            if counts[kind] > index:
                return f"cuda:{index}" if kind == "cuda" else kind
        elif name not in _KINDS and _works(name):
            return name
    known = ["cpu", *(f"cuda:{number}" for number in range(gpus)), *(["mps"] if counts["mps"] else [])]
    number = f" number {index}" if index else ""
    raise ConfigError(f"device {name!r}{number} is not available here; there is {', '.join(known)}")


def _works(name: str) -> bool:
    """Whether PyTorch can compute on a device."""
    import torch

    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return True


def physical_memory() -> float:
    """Return the bytes of this machine's memory, infinity where the system does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return math.inf


def native_dtype(device: str | torch.device) -> torch.dtype:
    """Return bfloat16 where a device multiplies such numbers natively (about twice as fast), float32 elsewhere."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif kind == "cpu":  # AVX-512 BF16, AMX or Arm; older releases of PyTorch do not report them
        capabilities: Any = getattr(torch.cpu, "get_capabilities", dict)()
        native = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    else:
        native = False
    return torch.bfloat16 if native else torch.float32
