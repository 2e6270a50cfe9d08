"""What all encoders of transformers share: how they are loaded, identified, and run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affectspace.devices import require_device
from affectspace.errors import ConfigError
from affectspace.features.backbone import BaseBackbone

SMALL = 2e9  # floating-point operations that take one thread a few milliseconds


class PretrainedBackbone(BaseBackbone):
    """A frozen encoder of transformers; the base of the text, speech and video backbones.

    model : in evaluation mode, on its device; device : where inputs go; revision : of the weights
    """

    modality: str
    kind: str  # for messages: "text", "speech", "video"
    licence = "see the model's card"

    def __init__(self, name: str, folder: str | Path, device: str, dtype: str) -> None:
        super().__init__()
        self.model, self.device = load_encoder(self.kind, name, folder, device, dtype), device
        self.name, self.revision = f"{self.modality}:{name}", weights_revision(self.model)


def require_package(package: str, extra: str, what: str) -> None:
    """Raise ConfigError, which names the extra, if a package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise ConfigError(f"{what} need {package}: pip install 'affectspace[{extra}]'")


def torch_type(dtype: str) -> Any:
    """Return a dtype of PyTorch by its name. Raises ConfigError for another name."""
    import torch

    number = getattr(torch, dtype, None)
    if not isinstance(number, torch.dtype):
        raise ConfigError(f"dtype {dtype!r}; try float32, bfloat16 or float16")
    return number


def load_encoder(kind: str, name: str, folder: str | Path, device: str, dtype: str) -> Any:
    """Load a model in evaluation mode. Raises ConfigError if it cannot be loaded or the device is not available.

    kind : for messages, "text", "speech", "video"; folder : written by `save_pretrained`, or a name of the model hub
    """
    require_package("transformers", "text", f"{kind} encoders")
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # our own is shown
    number = torch_type(dtype)
    require_device(device)
    try:
        model = AutoModel.from_pretrained(str(folder), dtype=number, use_safetensors=True)  # nothing is unpickled
    except (OSError, ValueError) as error:
        raise loading_error(kind, name, error) from error
    return model.to(device).eval()


def loading_error(kind: str, name: str, error: Exception) -> ConfigError:
    """Return the error for an encoder that is neither in a folder nor available from the hub."""
    reason = " ".join(str(error).split())[:200]
    return ConfigError(
        f"{kind} encoder {name!r} cannot be loaded ({reason}); give a folder that save_pretrained wrote, with its weights as "
        "safetensors, or a name of the model hub while the hub can be reached"
    )


def weights_revision(model: Any) -> str:
    """Return the commit on the hub, or 16 digits of a hash of the weights."""
    commit = getattr(model.config, "_commit_hash", None)
    if commit:
        return str(commit)
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def short_name(name: str) -> str:
    """Return the last part of a folder's path, so that a store does not depend on where the folder lies."""
    return Path(name).name if os.path.sep in name and Path(name).is_dir() else name


@contextmanager
def threads_for(operations: float) -> Iterator[None]:
    """Use one thread of PyTorch on the CPU for small computations, such as one sentence.

    Two threads save a few milliseconds there on an idle machine, but wait for each other on a busy one: 560 ms per
    sentence instead of 17 ms were measured.
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
