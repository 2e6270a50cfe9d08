"""Adapted encoders: a pretrained encoder with the changes that `affectspace adapt` trained."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from affectspace.errors import ConfigError, RunError
from affectspace.features.backbone import ADAPTER_WEIGHTS, Backbone, adapter_folder, make_backbone
from affectspace.features.backbones.pretrained import PretrainedBackbone, weights_hash
from affectspace.files import parse_json
from affectspace.tensors import require_unchanged


def adapted_backbone(name: str, *, device: str = "cpu", dtype: str = "float32") -> Backbone:
    """Load an encoder with an adapter.

    Parameters
    ----------
    name : str
        Folder of a run of `affectspace adapt`, or the folder of its model.
    device, dtype : str
        Device and precision.

    Raises
    ------
    ConfigError
        If the encoder's weights are missing, or are others than those that were adapted.
    RunError
        If the adapter is damaged.
    """
    folder = adapter_folder(name)
    if folder is None:
        raise ConfigError(f"{name} is not an adapter; `affectspace adapt` makes one")
    config = parse_json((folder / "config.json").read_text("utf-8"))
    modality, encoder = str(config["modality"]), str(config["encoder"])
    try:
        backbone = make_backbone(modality, encoder, device=device, dtype=dtype, **config["settings"])
    except ConfigError as error:
        raise ConfigError(f"{folder} is an adapter of {encoder}: {error}") from error
    assert isinstance(backbone, PretrainedBackbone)
    revision = weights_hash(backbone.model) if dtype == "float32" else config["revision"]
    if config["revision"] not in (None, revision):
        raise ConfigError(
            f"{folder} adapts revision {config['revision']} of {encoder}; the weights here are {revision}. Install the weights "
            "that were adapted, or adapt again"
        )
    merge_adapter(backbone.model, folder / ADAPTER_WEIGHTS, config)
    digest = hashlib.sha256((folder / ADAPTER_WEIGHTS).read_bytes()).hexdigest()[:16]
    backbone.name = f"{backbone.name}+adapter"
    backbone.revision = f"{config['revision']}+{digest}"
    backbone.recipe = None  # that of the encoder alone; `make_backbone` makes the one of the adapter
    if config.get("licence"):
        backbone.licence = f"{backbone.licence}; adapter: {config['licence']}"
    return backbone


def merge_adapter(model: Any, path: Path, config: dict[str, Any]) -> None:
    """Add the changes of an adapter to the weights of an encoder. Raises RunError where they do not fit.

    A low-rank change (Hu et al. 2022) of a weight W is W + alpha / rank * B A.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        require_unchanged(path, "adapt again")
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} is damaged ({error}); adapt again") from error
    changes = {key.removeprefix("encoder."): value for key, value in tensors.items() if key.startswith("encoder.")}
    weights = dict(model.named_parameters())
    scale = float(config["lora"]["alpha"]) / float(config["lora"]["rank"])
    with torch.no_grad():
        for key, value in changes.items():
            layer, low_rank, _ = key.partition(".lora_A.")
            name = f"{layer}.weight" if low_rank else key
            if ".lora_B." in key:
                continue
            if name not in weights:
                raise RunError(f"{path} changes {name}, which {config['encoder']} does not have; adapt again")
            weight = weights[name]
            if not low_rank:
                weight.copy_(value)
                continue
            up = changes[key.replace(".lora_A.", ".lora_B.")]
            weight += (scale * (up.double() @ value.double())).to(weight.dtype).to(weight.device)
