"""Where PyTorch computes: the device that a setting names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from affectspace.errors import ConfigError

if TYPE_CHECKING:
    import torch

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]


def require_device(name: str) -> None:
    """Raise ConfigError if PyTorch cannot compute on the device of this name here, such as "cuda:1".

    Examples
    --------
    >>> require_device("cpu")
    """
    if name == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        known += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigError(f"device {name!r} is not available here; there is {', '.join(known)}") from error


def choose_device(accelerator: Accelerator = "auto", index: int = 0) -> torch.device:
    """Return the device of a setting such as `fit.accelerator`.

    Parameters
    ----------
    accelerator : str
        "auto" takes a CUDA GPU, then Apple's GPU, then the CPU; "gpu" is the same without the CPU.
    index : int
        Which of several CUDA GPUs.

    Raises
    ------
    ConfigError
        Where this machine lacks the device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    import torch

    kinds = {"auto": ("cuda", "mps", "cpu"), "gpu": ("cuda", "mps")}.get(accelerator, (accelerator,))
    counts = {"cpu": index + 1, "mps": int(torch.backends.mps.is_available()), "cuda": torch.cuda.device_count()}
    for kind in kinds:
        if counts[kind] > index:
            return torch.device(kind, index) if kind == "cuda" else torch.device(kind)
    available = ", ".join(f"{counts[kind]} {kind}" for kind in ("cuda", "mps"))
    raise ConfigError(
        f"fit.accelerator: {accelerator} with device {index + 1} is not available here ({available}); use cpu or auto, or "
        "lower fit.devices"
    )


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
