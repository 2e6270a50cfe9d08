"""What made some vectors, as backbone.json says it, and the way back from there to the backbone."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
from collections.abc import Mapping
from typing import Any

from affectspace.errors import ConfigError
from affectspace.features.backbone import Backbone
from affectspace.features.registry import factory_of, make_backbone

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
