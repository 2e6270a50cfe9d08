"""The configuration of a projector's training: which run's latents, which language model, what is masked, how long."""

from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, model_validator

from affectspace.configuration import Configuration
from affectspace.models import ProjectorConfig
from affectspace.training.settings import FitSettings


class LanguageModelConfig(Configuration):
    """A frozen causal language model."""

    name: str = Field("smollm2", description="smollm2 (its weights come in a package), a folder, or a name of the hub")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "float32",
        description="of its weights; auto: bfloat16 where the device multiplies such numbers natively, else float32",
    )


class MaskConfig(Configuration):
    """Which words of the seed the prompt hides in rewriting."""

    lexicon: Path | None = Field(
        None, description="words that bear affect by a lexicon; null: by a ridge regression of the training labels"
    )
    share: float = Field(0.4, gt=0, le=1, description="of the lexicon's or ridge's words, the most affect-bearing")
    negators: bool = Field(True, description="hide no, not, never, ... too, which turn the affect of others")
    spans: float = Field(
        0.5, ge=0, le=1, description="share of training rows in which some other words are hidden as well"
    )


class ProjectorFitConfig(FitSettings):
    """How long, how fast, on what."""

    epochs: int = Field(2, ge=1)
    batch_size: int = Field(16, ge=1, description="sentences that go through the language model at once")
    learning_rate: float = Field(2e-3, gt=0)
    gradient_clip: float | None = Field(1.0, gt=0, description="norm of the gradient")
    rows: int | None = Field(None, ge=2, description="at most so many training sentences; null: all")
    strong: float = Field(
        0.0,
        ge=0,
        description="which ones: drawn with weights (.15 + distance from mean affect, in sd) to this power; 0: all alike",
    )
    validation_rows: int | None = Field(200, ge=2, description="at most so many validation sentences; null: all")
    longest: int = Field(64, ge=4, description="tokens; longer training sentences are left out and counted")
    label_share: float = Field(
        0.5, ge=0, le=1, description="share of training rows whose affect is the rated label, not the encoder's mean"
    )


class CalibrationConfig(Configuration):
    """How asked affect becomes the projector's input, fitted on validation sentences after training."""

    sentences: int = Field(24, ge=0, description="validation sentences that are steered and judged; 0: no calibration")
    points: tuple[float, ...] = Field((-2.0, 0.0, 2.0), description="inputs, in sd of the corpus")
    candidates: int = Field(6, ge=1, le=64, description="texts a step, ranked as in steering")

    @model_validator(mode="after")
    def _line(self) -> Self:
        if self.sentences and len(set(self.points)) < 2:
            raise ValueError(f"points: {self.points}; a line needs two different values or more")
        if any(not abs(point) <= 4 for point in self.points):
            raise ValueError(f"points: {self.points}; inputs lie within 4 standard deviations of the corpus")
        return self


class ProjectorTrainConfig(Configuration):
    """All of a projector's training. Round-trips to YAML."""

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
