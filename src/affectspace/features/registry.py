"""Which backbones there are, by modality and name: ours, and those of other packages (entry points)."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

from affectspace.errors import ConfigError
from affectspace.features.backbone import Backbone, recipe_for

GROUP = "affectspace.backbones"
DEFAULTS = {"text": "minilm", "audio": "functionals", "video": "levasa", "words": "lexicon"}
_OURS = {
    ("text", "minilm"): "affectspace.features.text:text_backbone",
    ("words", "lexicon"): "affectspace.features.words:words_backbone",
    ("audio", "functionals"): "affectspace.features.functionals:functionals_backbone",
    ("video", "levasa"): "affectspace.features.faces_eye:levasa_backbone",
    ("video", "gradients"): "affectspace.features.gradients:gradients_backbone",
}
_BY_NAME = {  # any encoder by hub name or folder
    "text": "affectspace.features.text:text_backbone",
    "audio": "affectspace.features.speech:speech_backbone",
    "video": "affectspace.features.video:video_backbone",
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
