"""What a backbone is, which ones there are, and how a store's backbone is made again."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from affectspace.errors import ConfigError


def recipe_for(modality: str, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments with which `make_backbone` makes a backbone again, wherever that is called from."""
    return {
        "modality": modality,
        "name": str(Path(name).resolve()) if Path(name).is_dir() else name,
        "settings": settings,
    }


@dataclass(frozen=True, eq=False)
class Item:
    """One sample as a backbone sees it.

    path : file of the sound, the clip or the image
    start, end : seconds to cut; None is the whole file
    half : "left" or "right", which half of the picture shows the person
    vector : a ready-made vector
    """

    id: str
    text: str | None = None
    path: Path | None = None
    start: float | None = None
    end: float | None = None
    half: str | None = None
    vector: np.ndarray | None = None


@runtime_checkable
class Backbone(Protocol):
    """A frozen encoder, or functionals of our own. Other packages add theirs by the entry point `affectspace.backbones`.

    name : as in backbone.json, such as "text:minilm"
    modality : "text", "audio", "video", or a name of its own for ready-made vectors
    dimension : of its vectors
    licence, revision : of its weights, or of our code
    settings : whatever changes the numbers, fit for JSON
    columns : names of the dimensions, where they have any

    It may also say `shard_rows`, rows of a shard (256 if not); `batch_rows`, how many go through `encode` at once, whatever
    the caller asks; `counts`, a Counter of what it noticed (`note`); and `recipe`, the arguments with which `make_backbone`
    makes it again.
    """

    name: str
    modality: str
    dimension: int
    licence: str
    revision: str
    settings: dict[str, Any]
    columns: tuple[str, ...] | None

    def load(self, item: Item) -> Any:
        """Decode one sample; called from many threads. Raises UnreadableItem with the reason."""

    def length(self, loaded: Any) -> float:
        """How long a decoded sample is, for batches of like length."""

    def encode(self, batch: list[Any]) -> np.ndarray:
        """(batch, dimension) float32; a row does not depend on the others but for rounding."""


GROUP = "affectspace.backbones"
DEFAULTS = {"text": "minilm", "audio": "functionals", "video": "levasa", "words": "lexicon"}
_OURS = {
    ("text", "minilm"): "affectspace.features.backbones.text:text_backbone",
    ("words", "lexicon"): "affectspace.features.backbones.words:words_backbone",
    ("audio", "functionals"): "affectspace.features.backbones.functionals:functionals_backbone",
    ("video", "gradients"): "affectspace.features.backbones.video:gradients_backbone",
}
_BY_NAME = {  # any encoder by hub name or folder
    "text": "affectspace.features.backbones.text:text_backbone",
    "audio": "affectspace.features.backbones.speech:speech_backbone",
    "video": "affectspace.features.backbones.video:video_backbone",
}


def make_backbone(
    modality: str, name: str | None = None, *, device: str = "cpu", dtype: str = "float32", **settings: Any
) -> Backbone:
    """A backbone by name.

    modality : "text", "words", "audio" or "video"
    name : one of ours, one of an installed package, a model's folder or hub name
    device, dtype : where and in what precision networks run; settings : the backbone's own
    Raises ConfigError where there is none of that name, or a setting that it does not know.
    """
    name = name or DEFAULTS.get(modality)
    if name is None:
        raise ConfigError(f"modality {modality!r} has no backbone of its own; there are {', '.join(sorted(DEFAULTS))}")
    factory = factory_of(modality, name)
    try:
        made = factory(name=name, device=device, dtype=dtype, **settings)
    except TypeError as error:
        if "keyword argument" in str(error):
            raise ConfigError(f"backbone {modality}:{name}: {str(error).partition('() ')[2]}") from error
        raise
    if getattr(made, "recipe", None) is None:
        with contextlib.suppress(AttributeError):  # one of another package that takes no attributes
            made.recipe = recipe_for(modality, name, {"dtype": dtype, **settings})  # type: ignore[attr-defined]
    return made


def factory_of(modality: str, name: str) -> Callable[..., Backbone]:
    """What makes a backbone. Raises ConfigError where there is none of that name."""
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.name == f"{modality}:{name}":
            return point.load()
    target = _OURS.get((modality, name)) or _BY_NAME.get(modality)
    if target is None:
        ours = [known for kind, known in _OURS if kind == modality]
        there = (
            f"for {modality!r} there is {', '.join(ours)}" if ours else f"there are backbones for {', '.join(_BY_NAME)}"
        )
        raise ConfigError(f"no backbone {name!r} for {modality!r}; {there}")
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


SAME = ("name", "modality", "dimension", "licence", "revision", "settings")  # what vectors of one store have in common
PACKAGES = ("numpy", "torch", "transformers", "librosa", "soundfile", "soxr", "av", "dlib-bin")


def versions() -> dict[str, str]:
    """The installed versions of the packages that make the numbers."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def identity_of(backbone: Backbone) -> dict[str, Any]:
    """What backbone.json says. `recipe` is how `make_backbone` made it, for those that it made."""
    columns = getattr(backbone, "columns", None)
    return {
        "name": backbone.name, "modality": backbone.modality, "dimension": backbone.dimension,
        "licence": backbone.licence, "revision": backbone.revision, "settings": backbone.settings,
        "columns": None if columns is None else list(columns), "versions": versions(),
        "recipe": getattr(backbone, "recipe", None),
    }  # fmt: skip


def remake_backbone(written: Mapping[str, Any], *, device: str = "cpu", **changes: Any) -> Backbone:
    """The backbone that made a store's vectors, from what its backbone.json says (`FeatureStore.backbone`).

    changes : settings to be taken instead, such as where a lexicon or a run lies now: run=..., lexicons={...}
    Raises ConfigError with the remedy where it cannot be had here, or where it would make other vectors than the store's.
    """
    name = str(written["name"])
    modality, _, short = name.partition(":")
    if short == "vectors":
        raise ConfigError(
            f"the vectors {name} were made elsewhere, and nothing here makes them; give ready-made vectors "
            f"of the new samples as well, or leave the modality {modality!r} out"
        )
    recipe = recipe_of(written)
    asked = {**recipe["settings"], **changes}
    if "revision" in inspect.signature(factory_of(str(recipe["modality"]), str(recipe["name"]))).parameters:
        asked["revision"] = written["revision"]  # a backbone that still makes its earlier vectors
    try:
        made = make_backbone(str(recipe["modality"]), str(recipe["name"]), device=device, **asked)
    except ConfigError as error:
        raise ConfigError(f"the backbone {name} that made these vectors cannot run here: {error}") from error
    there = json.loads(json.dumps(identity_of(made)))
    for key in SAME:
        if there[key] != written.get(key):
            raise ConfigError(
                f"the backbone {name} makes other vectors now ({key}: {written.get(key)!r} there, {there[key]!r} here); "
                "bring back what made them, or extract and train anew"
            )
    return made


def recipe_of(written: Mapping[str, Any]) -> dict[str, Any]:
    """How `make_backbone` made a backbone; of one that does not say, its settings as far as the backbone takes them."""
    if written.get("recipe"):
        return dict(written["recipe"])
    modality, _, name = str(written["name"]).partition(":")
    known = inspect.signature(factory_of(modality, name)).parameters
    settings = {key: value for key, value in written["settings"].items() if key in known}
    return {"modality": modality, "name": name, "settings": settings}
