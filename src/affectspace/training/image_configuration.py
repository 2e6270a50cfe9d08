"""The configuration of a training on images: LeVAsa and its ceiling."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from affectspace.configuration import Configuration
from affectspace.models import ClassifierConfig, LevasaConfig
from affectspace.training.settings import FitSettings, SplitConfig


class DataConfig(Configuration):
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


class LabelConfig(Configuration):
    """Valence and arousal to align with, where the corpus has emotions only (Algorithm 1, line 4)."""

    source: Literal["auto", "rated", "transferred"] = Field("auto", description="auto: rated where there are any")
    reference: str = Field("affectnet", description="a published reference, or the path of a fitted transfer (JSON)")
    distribution: Literal["uniform", "gaussian", "centres"] = Field("uniform", description="uniform is the paper's")
    permute: int | None = Field(None, description="control: seed by which emotions are permuted among the ellipses")
    redraw: bool = Field(False, description="draw anew in every epoch, instead of once as in the paper")


class AugmentationConfig(Configuration):
    """Mirrored and jittered training images; the greatest change each way. All zero and mirror false is none."""

    mirror: bool = True
    rotation: float = Field(5.0, ge=0, description="degrees")
    scale: float = Field(0.05, ge=0, lt=1, description="share of the size")
    shift: float = Field(0.05, ge=0, lt=1, description="share of the image")
    contrast: float = Field(0.1, ge=0, lt=1)
    brightness: float = Field(0.05, ge=0, lt=1)


class FitConfig(FitSettings):
    """How long, how fast, on what."""

    balance: float = Field(1.0, ge=0, le=1, description="0 draws rows as they are, 1 all emotions equally often")
    devices: int = Field(1, ge=1, le=1, description="image models train on one device")
    channels_last: bool = True
    augmentation: AugmentationConfig = AugmentationConfig()


ModelUnion = Annotated[LevasaConfig | ClassifierConfig, Field(discriminator="kind")]


class TrainConfig(Configuration):
    """All of a training on images. Round-trips to YAML."""

    data: DataConfig
    labels: LabelConfig = LabelConfig()
    model: ModelUnion = LevasaConfig()
    fit: FitConfig = FitConfig()

    @property
    def kind(self) -> str:
        """The model's kind, as in `MODELS`."""
        return self.model.kind

    def to_yaml(self) -> str:
        """YAML of every key, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
