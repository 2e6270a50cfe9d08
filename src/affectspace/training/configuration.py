"""The configuration of a training: YAML in, frozen, unknown keys refused, overrides `key.key=value`.

What kind of training it is, of images, of features or of a projector, `model.kind` says.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from affectspace.affect import CATEGORIES
from affectspace.configuration import explain
from affectspace.errors import ConfigError
from affectspace.models import MODELS, AffectModel, FeatureModelConfig
from affectspace.training.feature_configuration import FeatureTrainConfig
from affectspace.training.image_configuration import (
    AugmentationConfig,
    DataConfig,
    FitConfig,
    LabelConfig,
    TrainConfig,
)
from affectspace.training.projector_configuration import ProjectorTrainConfig
from affectspace.training.settings import SplitConfig
from affectspace.training.widths import corpus_names, store_widths

__all__ = [
    "AugmentationConfig",
    "DataConfig",
    "FeatureTrainConfig",
    "FitConfig",
    "LabelConfig",
    "ProjectorTrainConfig",
    "SplitConfig",
    "TrainConfig",
    "build_config",
    "build_feature_config",
    "build_projector_config",
    "is_feature_kind",
    "read_config",
]


def is_feature_kind(kind: Any) -> bool:
    """Whether a model of that kind reads feature vectors (and not images)."""
    return isinstance(kind, str) and kind in MODELS and issubclass(MODELS[kind], AffectModel)


def build_config(fields: dict[str, Any], *, where: str = "configuration", overrides: Sequence[str] = ()) -> TrainConfig:
    """A checked configuration of a training on images, from nested fields and overrides such as ``fit.epochs=5``.

    Raises ConfigError that names each key, with the nearest known ones, or the value that is not allowed.
    """
    fields = _overridden(fields, overrides)
    if isinstance(fields.get("model"), dict):
        fields["model"] = {"kind": "levasa", **fields["model"]}
    try:
        return TrainConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, TrainConfig)}") from None


def build_feature_config(
    fields: dict[str, Any],
    *,
    where: str = "configuration",
    overrides: Sequence[str] = (),
    modalities: Mapping[str, int] | None = None,
    corpora: Sequence[str] | None = None,
) -> FeatureTrainConfig:
    """A checked configuration of a training on features, from nested fields and overrides.

    modalities, corpora : for data that is passed to `fit` as a FeatureSet; by default those of `data.corpora`. They fill
    `model.modalities` and `model.corpora` where the fields leave them out. Raises ConfigError as `build_config`, and where
    the stores disagree with each other or cannot be read.
    """
    fields = _overridden(fields, overrides)
    model = fields.get("model")
    if not isinstance(model, dict):
        raise ConfigError(f"{where}: model: give its kind and settings; found {type(model).__name__}")
    kind = model.get("kind")
    if not is_feature_kind(kind):
        raise ConfigError(f"{where}: {_unknown_kind(kind)}")
    try:
        rest = FeatureTrainConfig.model_validate({**fields, "model": FeatureModelConfig.model_construct(modalities={})})
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, FeatureTrainConfig)}") from None
    if not model.get("modalities"):
        model["modalities"] = dict(modalities) if modalities is not None else store_widths(rest.data, where)
    if not model.get("categories"):
        model["categories"] = CATEGORIES  # those that occur, once the corpora are read
    if not model.get("corpora"):
        model["corpora"] = tuple(corpora) if corpora is not None else corpus_names(rest.data)
    return rest.model_copy(update={"model": _model_config(model, where)})


def build_projector_config(
    fields: dict[str, Any], *, where: str = "configuration", overrides: Sequence[str] = ()
) -> ProjectorTrainConfig:
    """A checked configuration of a projector's training. Raises ConfigError as `build_config`."""
    try:
        return ProjectorTrainConfig.model_validate(_overridden(fields, overrides))
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, ProjectorTrainConfig)}") from None


def _model_config(fields: dict[str, Any], where: str) -> FeatureModelConfig:
    config_class: Any = MODELS[fields["kind"]].config_class
    try:
        return config_class.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, config_class, ('model',))}") from None


def read_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig | FeatureTrainConfig | ProjectorTrainConfig:
    """The configuration in a YAML file; relative paths in it count from the working directory."""
    try:
        fields = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; the folder configs/ has examples") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: expected the keys data, labels, model, fit; found {type(fields).__name__}")
    model = _overridden(fields, overrides).get("model")
    kind = model.get("kind", "levasa") if isinstance(model, dict) else "levasa"
    if is_feature_kind(kind):
        return build_feature_config(fields, where=str(path), overrides=overrides)
    if kind == "projector":
        return build_projector_config(fields, where=str(path), overrides=overrides)
    if kind not in MODELS:
        raise ConfigError(f"{path}: {_unknown_kind(kind)}")
    return build_config(fields, where=str(path), overrides=overrides)


def _unknown_kind(kind: Any) -> str:
    if kind in MODELS:
        return f"model.kind: {kind!r} is a model on images; data of features needs a model on features"
    near = difflib.get_close_matches(str(kind), MODELS, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"model.kind: {kind!r} is no kind of model; {guess}there are {', '.join(MODELS)}"


def _overridden(fields: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of nested fields with the overrides in it."""
    copy = {name: dict(value) if isinstance(value, dict) else value for name, value in fields.items()}
    for override in overrides:
        _override(copy, override)
    return copy


def _override(fields: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"override {override!r}: write it as key.key=value, such as fit.epochs=5")
    *path, last = key.split(".")
    for part in path:
        inner = fields.get(part) or {}
        if not isinstance(inner, dict):
            raise ConfigError(f"override {override!r}: {part} is a value, not a group of keys")
        fields[part] = dict(inner)
        fields = fields[part]
    try:
        fields[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {override!r}: {text!r} is not YAML: {' '.join(str(error).split())}") from error
