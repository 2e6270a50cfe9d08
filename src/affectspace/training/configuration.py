"""The configuration of a training: YAML in, frozen, unknown keys refused, overrides `key.key=value`.

`model.kind` decides which settings `model` and `fit` have, and whether the model reads images, features, or the latents of
another run.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, Field, SerializeAsAny, ValidationError, field_validator, model_validator

from affectspace.affect import CATEGORIES
from affectspace.configuration import Configuration, Seed, explain, parse_yaml
from affectspace.data.configuration import AugmentationConfig, DataConfig, expand_corpus, merged
from affectspace.devices import Accelerator
from affectspace.errors import ConfigError
from affectspace.files import text_of
from affectspace.models import MODELS, ProjectorConfig

MOST_EPOCHS, MOST_ROWS = 1_000_000, 2**31 - 1
MOST_THREADS = 512  # PyTorch crashes if the system has no room for its threads


class FitConfig(Configuration):
    """Duration, optimiser, device and checkpoints of a training."""

    epochs: int = Field(10, ge=1, le=MOST_EPOCHS)
    batch_size: int = Field(64, ge=2, le=MOST_ROWS, description="rows of a step, of all devices together")
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "one_cycle"] = Field(
        "one_cycle", description="one_cycle: rise over a tenth, then cosine to 0"
    )
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    accumulate: int = Field(
        1, ge=1, le=MOST_ROWS, description="batches whose gradients are averaged before a step of the optimiser"
    )
    balance: float = Field(0.0, ge=0, le=1, description="0 draws rows as they are, 1 all emotions equally often")
    patience: int = Field(0, ge=0, description="stop after this many epochs without a lower validation loss; 0: never")
    keep: Literal["auto", "best", "last"] = Field(
        "auto",
        description="epoch whose weights become the model; auto: the best with patience, else the last, when the learning "
        "rate is 0 (the lowest validation loss is often that of the least overfit label, not of the best model)",
    )
    seed: Seed = 0
    accelerator: Accelerator = Field("auto", description="auto takes a GPU where there is one; gpu, cuda, mps, cpu")
    devices: int = Field(1, ge=1, le=64)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "32-true",
        description="mixed: the forward pass in 16 bits where that is safe, the weights in 32; auto: bf16-mixed where the "
        "device multiplies such numbers natively, else 32-true",
    )
    threads: int | None = Field(None, ge=1, le=MOST_THREADS, description="threads of PyTorch on the CPU")
    logger: Literal["csv", "tensorboard"] = Field(
        "csv", description="history.csv is always written; tensorboard also writes logs/"
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="write checkpoints at the first end of an epoch after this time; 0: after every epoch"
    )

    @property
    def keeps_best(self) -> bool:
        """Whether the epoch with the lowest validation loss becomes the model."""
        return self.keep == "best" or (self.keep == "auto" and self.patience > 0)


class ImageFitConfig(FitConfig):
    """Duration, optimiser, device and checkpoints of a training on images."""

    balance: float = Field(1.0, ge=0, le=1, description="0 draws rows as they are, 1 all emotions equally often")
    devices: int = Field(1, ge=1, le=1, description="models on images train on one device")
    channels_last: bool = True
    augmentation: AugmentationConfig = AugmentationConfig()


class FeatureFitConfig(FitConfig):
    """Duration, optimiser, devices and checkpoints of a training on features."""

    epochs: int = Field(30, ge=1, le=MOST_EPOCHS)
    batch_size: int = Field(128, ge=2, le=MOST_ROWS, description="rows of a step, of all devices together")
    strategy: Literal["auto", "ddp"] = Field(
        "auto", description="ddp: one process a device, each with its share of every step's rows"
    )

    @model_validator(mode="after")
    def _rows_for_all(self) -> FeatureFitConfig:
        if self.devices > 1 and self.strategy != "ddp":
            raise ValueError(f"devices: {self.devices} needs strategy: ddp")
        if self.batch_size < 2 * self.devices:
            raise ValueError(f"batch_size: {self.batch_size} leaves {self.devices} devices less than two rows each")
        return self


class AdapterFitConfig(FitConfig):
    """Duration, optimiser, device and checkpoints of the training of an adapter."""

    epochs: int = Field(5, ge=1, le=MOST_EPOCHS)
    batch_size: int = Field(32, ge=2, le=MOST_ROWS, description="samples of a step")
    learning_rate: float = Field(5e-4, gt=0)
    gradient_clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient")
    keep: Literal["auto", "best", "last"] = Field(
        "best", description="epoch whose weights become the model; best: the highest concordance on validation"
    )
    devices: int = Field(1, ge=1, le=1, description="adapters train on one device")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="auto: bf16-mixed where the device multiplies such numbers natively, else 32-true"
    )
    checkpoint_seconds: float = Field(0.0, ge=0, description="as an epoch takes minutes, one is written after each")


class TrainConfig(Configuration):
    """The complete configuration of a training on images or features. Round-trips to YAML.

    `build_config` makes one: it checks `model` and `fit` against the classes of `model.kind`.
    """

    data: DataConfig = DataConfig()
    model: Any
    fit: SerializeAsAny[FitConfig]

    @field_validator("model")
    @classmethod
    def _checked(cls, model: Any) -> Any:
        if not isinstance(model, Configuration):
            raise ValueError("give a model's configuration, or use build_config")
        return model

    @property
    def kind(self) -> str:
        """The model's kind, as in `MODELS`."""
        return str(self.model.kind)

    @property
    def reads(self) -> str:
        """What the model reads: "images", "features", or "items", the samples themselves."""
        return MODELS[self.kind].reads

    @property
    def reads_images(self) -> bool:
        """Whether the model reads images; else it reads features."""
        return self.reads == "images"

    def to_yaml(self) -> str:
        """YAML of every key, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class LanguageModelConfig(Configuration):
    """A frozen causal language model."""

    name: str = Field("smollm2", description="smollm2 (from its package), a folder, or a name on the Hugging Face hub")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "float32",
        description="type of the weights; auto: bfloat16 if the device multiplies it natively, else float32",
    )


class MaskConfig(Configuration):
    """The words of a sentence that the prompt hides when it is rewritten."""

    lexicon: Path | None = Field(
        None,
        description="lexicon that says which words carry affect; null: a ridge regression of the training labels does",
    )
    share: float = Field(0.4, gt=0, le=1, description="share of those words that is hidden, the most affective first")
    negators: bool = Field(True, description="also hide no, not, never, ..., which reverse the affect of other words")
    spans: float = Field(0.5, ge=0, le=1, description="share of training rows in which some other words are hidden too")


class ProjectorFitConfig(FitConfig):
    """Duration, optimiser and rows of a projector's training."""

    epochs: int = Field(2, ge=1, le=MOST_EPOCHS)
    batch_size: int = Field(16, ge=1, le=MOST_ROWS, description="sentences that pass the language model together")
    learning_rate: float = Field(2e-3, gt=0)
    gradient_clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient")
    rows: int | None = Field(None, ge=2, description="maximum number of training sentences; null: all")
    strong: float = Field(
        0.0,
        ge=0,
        description="prefer sentences of strong affect: drawn with weights (.15 + distance from mean affect, in standard "
        "deviations) to this power; 0: all sentences equally",
    )
    validation_rows: int | None = Field(200, ge=2, description="maximum number of validation sentences; null: all")
    longest: int = Field(
        64, ge=4, description="maximum tokens of a training sentence; longer ones are left out and counted"
    )
    label_share: float = Field(
        0.5, ge=0, le=1, description="share of training rows whose affect is the rated label, not the encoder's mean"
    )


class CalibrationConfig(Configuration):
    """Map from target affect to the projector's input, fitted on validation sentences after training."""

    sentences: int = Field(24, ge=0, description="validation sentences to steer and judge; 0: no calibration")
    points: tuple[float, ...] = Field((-2.0, 0.0, 2.0), description="inputs, in standard deviations of the corpus")
    candidates: int = Field(6, ge=1, le=64, description="candidate texts of a step, ranked as in steering")

    @model_validator(mode="after")
    def _line(self) -> Self:
        if self.sentences and len(set(self.points)) < 2:
            raise ValueError(f"points: {self.points}; a line needs two different values or more")
        if any(not abs(point) <= 4 for point in self.points):
            raise ValueError(f"points: {self.points}; inputs lie within 4 standard deviations of the corpus")
        return self


class ProjectorTrainConfig(Configuration):
    """The complete configuration of a projector's training. Round-trips to YAML."""

    run: Path = Field(description="finished run of a model on features that reads text")
    language_model: LanguageModelConfig = LanguageModelConfig()
    model: ProjectorConfig = ProjectorConfig()
    mask: MaskConfig = MaskConfig()
    fit: ProjectorFitConfig = ProjectorFitConfig()
    calibration: CalibrationConfig = CalibrationConfig()

    @property
    def kind(self) -> str:
        """The model's kind, as in `MODELS`."""
        return self.model.kind

    def to_yaml(self) -> str:
        """YAML of every key, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _Keys(Configuration):
    """The keys of a configuration; each is checked by the class of its kind."""

    data: Any = None
    labels: Any = None
    model: Any = None
    fit: Any = None


def build_config(
    fields: Mapping[str, Any],
    *,
    where: str = "configuration",
    overrides: Sequence[str] = (),
    modalities: Mapping[str, int] | None = None,
    corpora: Sequence[str] | None = None,
) -> TrainConfig:
    """Check the configuration of a training on images or features.

    Parameters
    ----------
    fields : mapping
        Nested fields: data, labels (of the only corpus), model, fit. `model.kind` is levasa by default.
    where : str
        Name of the configuration in messages.
    overrides : sequence of str
        For example ``fit.epochs=5``.
    modalities, corpora : optional
        Names and widths of the modalities, and names of the corpora, of a Dataset that is passed to `fit`. They fill
        `model.modalities` and `model.corpora`; by default the stores and corpora of `data` do.

    Returns
    -------
    TrainConfig

    Raises
    ------
    ConfigError
        That names each wrong key with the nearest known ones, or each wrong value; and where stores cannot be read.

    Examples
    --------
    >>> config = build_config({"data": {"corpus": "imfdb", "path": "IMFDB"}}, overrides=["fit.epochs=3"])
    >>> config.kind, config.fit.epochs, list(config.data.corpora)
    ('levasa', 3, ['imfdb'])
    """
    checks = _Checks(where)
    keys = checks.validated(_Keys, with_overrides(fields, overrides), ())
    data_fields, model_fields = keys.data or {}, keys.model or {}
    if not isinstance(model_fields, dict):
        raise ConfigError(f"{where}: model: give its kind and settings; found {type(model_fields).__name__}")
    kind = model_fields.get("kind", "levasa")
    if "kind" not in model_fields and _has_features(data_fields):
        raise ConfigError(
            f"{where}: model.kind is missing; the corpora have features, so choose manifold, mvae or misa"
        )
    if not isinstance(kind, str) or kind not in MODELS or MODELS[kind].reads == "latents":
        raise ConfigError(f"{where}: {_unknown_kind(kind)}")
    model_class = MODELS[kind]
    if keys.labels:
        data_fields = _with_labels(data_fields, keys.labels, where)
    data = checks.validated(DataConfig, data_fields, ("data",))
    fit = checks.validated(FIT[model_class.reads], keys.fit or {}, ("fit",))
    model_fields = {"kind": kind, **model_fields}
    reads_features = model_class.reads == "features"
    emotional = reads_features or kind == "classifier" or model_fields.get("alignment") == "categories"
    if emotional and not model_fields.get("categories"):
        model_fields["categories"] = CATEGORIES  # those that occur, once the corpora are read
    if reads_features and not checks.errors:
        if not model_fields.get("modalities"):
            from affectspace.data.stores import store_widths

            model_fields["modalities"] = dict(modalities) if modalities is not None else store_widths(data, where)
        if not model_fields.get("corpora"):
            model_fields["corpora"] = tuple(corpora if corpora is not None else data.corpora) or ("corpus",)
    if model_class.reads == "items" and not model_fields.get("corpora"):
        model_fields["corpora"] = tuple(corpora if corpora is not None else data.corpora) or ("corpus",)
    if not (reads_features and checks.errors):
        model = checks.validated(model_class.config_class, model_fields, ("model",))
    checks.raise_errors()
    return TrainConfig(data=data, model=model, fit=fit)


def build_projector_config(
    fields: Mapping[str, Any], *, where: str = "configuration", overrides: Sequence[str] = ()
) -> ProjectorTrainConfig:
    """Check the configuration of a projector's training. Raises ConfigError as `build_config`."""
    try:
        return ProjectorTrainConfig.model_validate(with_overrides(fields, overrides))
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error, ProjectorTrainConfig)}") from None


FIT: dict[str, type[FitConfig]] = {
    "images": ImageFitConfig,
    "features": FeatureFitConfig,
    "items": AdapterFitConfig,
}


class _Checks:
    """Errors of the parts of a configuration, so that all are reported at once."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.errors: list[str] = []

    def validated(self, root: Any, fields: Any, prefix: tuple[str, ...]) -> Any:
        """Return the part, or remember what is wrong with it."""
        try:
            return root.model_validate(fields)
        except ValidationError as error:
            message = explain(error, root, prefix)
            if (
                prefix == ("data",) and isinstance(fields, dict) and "corpora" not in fields
            ):  # one corpus, whose keys stand at the level of data
                message = re.sub(r"\bdata\.corpora\.[^.]+\.", "data.", message)
            self.errors.append(message)
            return root.model_construct()

    def raise_errors(self) -> None:
        """Raise ConfigError if there were errors."""
        if self.errors:
            raise ConfigError(f"{self.where}: {'; '.join(self.errors)}")


def _has_features(data: Any) -> bool:
    corpora = data.get("corpora") if isinstance(data, dict) else None
    return isinstance(corpora, dict) and any(isinstance(own, dict) and own.get("features") for own in corpora.values())


def _with_labels(data: Any, labels: Any, where: str) -> Any:
    """The fields of `data` with `labels`, which stands beside it, in its only corpus; what is no group of keys is kept."""
    if not isinstance(data, dict | BaseModel):
        return data
    try:
        fields = expand_corpus(data.model_dump() if isinstance(data, BaseModel) else dict(data))
    except ValueError as error:
        raise ConfigError(f"{where}: data.{error}") from None
    if not isinstance(fields.get("corpora") or {}, dict):
        return data
    if len(fields.get("corpora") or {}) != 1:
        raise ConfigError(f"{where}: labels belong to one corpus; write data.corpora.<name>.labels")
    [(name, corpus)] = fields["corpora"].items()
    if not isinstance(corpus, dict | BaseModel):
        return data
    return {**fields, "corpora": {name: merged(corpus, {"labels": labels})}}


def read_config(path: Path, overrides: Sequence[str] = ()) -> Any:
    """Read the configuration in a YAML file: a TrainConfig, or a ProjectorTrainConfig for `model.kind: projector`.

    Relative paths in it are relative to the working directory.
    """
    fields = read_yaml(path)
    model = with_overrides(fields, overrides).get("model")
    if isinstance(model, dict) and model.get("kind") == "projector":
        return build_projector_config(fields, where=str(path), overrides=overrides)
    return build_config(fields, where=str(path), overrides=overrides)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the fields of a YAML file. Raises ConfigError where it cannot be read or holds something else."""
    try:
        fields = parse_yaml(text_of(path, "utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; `affectspace config list` shows examples"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: expected the keys data, model, fit; found {type(fields).__name__}")
    return fields


def _unknown_kind(kind: Any) -> str:
    if isinstance(kind, str) and kind in MODELS:
        return f"model.kind: a {kind} is trained on the latents of a run; see configs/steering.yaml"
    near = difflib.get_close_matches(str(kind), MODELS, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"model.kind: unknown kind {kind!r}; {guess}choose from {', '.join(MODELS)}"


def with_overrides(fields: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of nested fields with the overrides in it."""
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
        fields[last] = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"override {override!r}: {text!r} is not YAML: {error}") from error
