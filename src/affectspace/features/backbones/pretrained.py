"""What all encoders of the model hub share: how they are loaded, where they run, and what to say when they cannot be had."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affectspace.errors import ConfigError

SMALL = 2e9  # floating-point operations that one thread does in the time of a blink


def require(package: str, extra: str, what: str) -> None:
    """Raises ConfigError that names the extra where a package is missing."""
    if importlib.util.find_spec(package) is None:
        raise ConfigError(f"{what} need {package}: pip install 'affectspace[{extra}]'")


def torch_type(dtype: str) -> Any:
    """A dtype of PyTorch by its name. Raises ConfigError for another word."""
    import torch

    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype):
        raise ConfigError(f"dtype {dtype!r}; try float32, bfloat16 or float16")
    return found


def load_encoder(kind: str, name: str, folder: str | Path, device: str, dtype: str) -> Any:
    """A model in evaluation mode. Raises ConfigError where it cannot be loaded or the device cannot be had.

    kind : for messages, "text", "speech", "video"; folder : of `save_pretrained`, or a name of the model hub
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # ours is enough
    number = torch_type(dtype)
    try:
        model = AutoModel.from_pretrained(str(folder), dtype=number, use_safetensors=True)  # nothing unpickles
    except (OSError, ValueError) as error:
        raise cannot_be_loaded(kind, name, error) from error
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {device!r} cannot be had here: {str(error).splitlines()[0]}") from error


def cannot_be_loaded(kind: str, name: str, error: Exception) -> ConfigError:
    """The error for an encoder that is neither in a folder nor to be had from the hub."""
    reason = " ".join(str(error).split())[:200]
    return ConfigError(
        f"{kind} encoder {name!r} cannot be loaded ({reason}); give a folder that save_pretrained wrote, with its weights as "
        "safetensors, or a name of the model hub while it can be reached"
    )


def revision_of(model: Any) -> str:
    """The hub's commit, or sixteen digits that tell one set of weights from another."""
    commit = getattr(model.config, "_commit_hash", None)
    if commit:
        return str(commit)
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def short_name(name: str) -> str:
    """A folder's own name, so that a store does not depend on where the folder lies."""
    return Path(name).name if os.path.sep in name and Path(name).is_dir() else name


@contextmanager
def threads_for(operations: float) -> Iterator[None]:
    """One thread of PyTorch on the CPU while little is computed, such as one sentence.

    Two threads gain a few milliseconds there on a quiet machine, and wait for one another on a busy one: 560 ms a sentence
    instead of 17 were measured.
    """
    import torch

    before = torch.get_num_threads()
    if before == 1 or operations > SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
