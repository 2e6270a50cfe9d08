"""The configuration of a training: YAML in, frozen, unknown keys refused, overrides `key.key=value`."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from affectspace.errors import ConfigError
from affectspace.models.classifier import ClassifierConfig
from affectspace.models.levasa import LevasaConfig
from affectspace.models.pretrained import ModelConfig


class SplitConfig(ModelConfig):
    """Which people train, choose and test."""

    scheme: str = Field(
        "person", description="person keeps people apart; random and published as `corpus describe` tells"
    )
    fold: int | None = Field(None, ge=0, description="test on this fold of the people")
    folds: int = Field(5, ge=2)
    seed: int = 0
    fractions: tuple[float, float, float] = Field((0.7, 0.1, 0.2), description="train, validation, test")


class DataConfig(ModelConfig):
    """Which corpus, and which part of it."""

    corpus: str = Field(description="a reader's name: table, imfdb, afew_va, affectnet, faces")
    path: Path = Field(description="the corpus' folder, or the table")
    media: Path | None = Field(None, description="folder or zip of the images, for corpus: table")
    columns: dict[str, str] = Field(default_factory=dict, description="our name of a column <- theirs")
    scale: str | None = Field(None, description="the scale that a table's VA are written in")
    where: str | None = Field(None, description="which rows, such as 'min(width, height) >= 48'")
    limit: int | None = Field(
        None, ge=1, description="at most so many rows, drawn by the split's seed, for a quick look"
    )
    cache: Path | None = Field(None, description="folder for decoded images")
    split: SplitConfig = SplitConfig()


class LabelConfig(ModelConfig):
    """Valence and arousal to align with, where the corpus has emotions only (Algorithm 1, line 4)."""

    source: Literal["auto", "rated", "transferred"] = Field("auto", description="auto: rated where there are any")
    reference: str = Field("affectnet", description="a published reference, or the path of a fitted transfer (JSON)")
    distribution: Literal["uniform", "gaussian", "centres"] = Field("uniform", description="uniform is the paper's")
    permute: int | None = Field(None, description="control: seed by which emotions are permuted among the ellipses")
    redraw: bool = Field(False, description="draw anew in every epoch, instead of once as in the paper")


class AugmentationConfig(ModelConfig):
    """Mirrored and jittered training images; the greatest change each way. All zero and mirror false is none."""

    mirror: bool = True
    rotation: float = Field(5.0, ge=0, description="degrees")
    scale: float = Field(0.05, ge=0, lt=1, description="share of the size")
    shift: float = Field(0.05, ge=0, lt=1, description="share of the image")
    contrast: float = Field(0.1, ge=0, lt=1)
    brightness: float = Field(0.05, ge=0, lt=1)


class FitConfig(ModelConfig):
    """How long, how fast, on what."""

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "one_cycle"] = Field(
        "one_cycle", description="one_cycle: rise over a tenth, then cosine to 0"
    )
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: float | None = Field(None, gt=0, description="norm of the gradient")
    balance: float = Field(1.0, ge=0, le=1, description="0 draws rows as they are, 1 all emotions equally often")
    patience: int = Field(0, ge=0, description="stop after so many epochs without a better validation loss; 0: never")
    keep: Literal["best", "last"] = Field("best", description="which epoch's weights become the model")
    seed: int = 0
    accelerator: str = "auto"
    devices: int = Field(1, ge=1, le=1, description="image models train on one device")
    precision: str = Field("32-true", description="Lightning's names: 32-true, bf16-mixed, 16-mixed, ...")
    channels_last: bool = True
    threads: int | None = Field(None, ge=1, description="of PyTorch on the CPU")
    logger: Literal["csv", "tensorboard"] = Field("csv", description="history.csv is always written")
    augmentation: AugmentationConfig = AugmentationConfig()


ModelUnion = Annotated[LevasaConfig | ClassifierConfig, Field(discriminator="kind")]


class TrainConfig(ModelConfig):
    """All of a training. Round-trips to YAML."""

    data: DataConfig
    labels: LabelConfig = LabelConfig()
    model: ModelUnion = LevasaConfig()
    fit: FitConfig = FitConfig()

    def to_yaml(self) -> str:
        """YAML of every key, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def build_config(fields: dict[str, Any], *, where: str = "configuration", overrides: Sequence[str] = ()) -> TrainConfig:
    """A checked configuration from nested fields and overrides such as ``model.alignment_weight=1``.

    Raises ConfigError that names each key, with the nearest known ones, or the value that is not allowed.
    """
    fields = dict(fields)
    for override in overrides:
        _override(fields, override)
    if isinstance(fields.get("model"), dict):
        fields["model"] = {"kind": "levasa", **fields["model"]}
    try:
        return TrainConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{where}: " + "; ".join(_explain(dict(item)) for item in error.errors())) from None


def read_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration in a YAML file; relative paths in it count from the working directory."""
    try:
        fields = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; the folder configs/ has examples") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: expected the keys data, labels, model, fit; found {type(fields).__name__}")
    return build_config(fields, where=str(path), overrides=overrides)


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


def _explain(item: dict[str, Any]) -> str:
    location = [str(part) for part in item["loc"] if part not in ("levasa", "classifier")]
    key = ".".join(location)
    if item["type"] == "extra_forbidden":
        model: Any = TrainConfig
        for part in item["loc"][:-1]:
            if part in ("levasa", "classifier"):
                model = {"levasa": LevasaConfig, "classifier": ClassifierConfig}[part]
            elif model is not None:
                field = model.model_fields.get(part)
                model = field.annotation if field and hasattr(field.annotation, "model_fields") else None
        known = list(model.model_fields) if model else []
        near = difflib.get_close_matches(location[-1], known, n=3, cutoff=0.5) or known
        return f"unknown key {key!r}; did you mean {', '.join('.'.join([*location[:-1], name]) for name in near)}?"
    given = "" if isinstance(item.get("input"), dict) else f" (given: {item.get('input')!r})"
    return f"{key}: {item['msg']}{given}"
