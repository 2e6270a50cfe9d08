"""Saving and loading of models: a JSON configuration and safetensors, through huggingface_hub's mixin; never pickle."""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from huggingface_hub import ModelHubMixin, hf_hub_download
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from affectspace.configuration import Configuration
from affectspace.errors import ConfigError, RunError
from affectspace.files import write_atomic
from affectspace.models.losses import LossTerms


class Pretrained(nn.Module, ModelHubMixin):
    """A model that is built from one configuration and keeps it as `config`."""

    config_class: ClassVar[type[Configuration]] = Configuration
    config: Configuration

    def loss(self, batch: Any, generator: torch.Generator | None = None) -> LossTerms:
        """The terms that training minimises; each model says what its batch is."""
        raise TypeError(f"{type(self).__name__} has no loss")

    def _save_pretrained(self, save_directory: Path) -> None:
        text = self.config.model_dump_json(indent=2)
        for name, write in (
            ("config.json", lambda path: path.write_text(text + "\n", encoding="utf-8")),
            ("model.safetensors", lambda path: save_model(self, str(path))),
        ):
            write_atomic(save_directory / name, write)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **unused: Any,
    ) -> Self:
        paths = {}
        for name in ("config.json", "model.safetensors"):
            if Path(model_id).is_dir():
                paths[name] = str(Path(model_id) / name)
                if not Path(paths[name]).is_file():
                    raise RunError(f"{model_id} is not a saved model: {name} is missing; save one with save_pretrained")
            else:
                paths[name] = hf_hub_download(
                    model_id,
                    name,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    token=token,
                    local_files_only=local_files_only,
                )
        damaged = "is damaged or does not fit its config.json; save or train it again"
        try:
            fields = json.loads(Path(paths["config.json"]).read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{paths['config.json']} {damaged} ({error})") from error
        kind, expected = fields.get("kind"), cls.config_class.model_fields["kind"].default
        if kind != expected:
            raise RunError(f"{model_id} holds a model of kind {kind!r}, not {expected!r}; affectspace.load tells which")
        try:
            model = cls(cls.config_class(**fields))
        except ValidationError as error:
            raise ConfigError(f"{paths['config.json']}: {error}") from error
        try:
            load_model(model, paths["model.safetensors"])
        except (SafetensorError, RuntimeError) as error:
            raise RunError(f"{paths['model.safetensors']} {damaged} ({' '.join(str(error).split())[:300]})") from error
        return model.eval()
