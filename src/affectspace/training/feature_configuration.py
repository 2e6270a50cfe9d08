"""The configuration of a training on feature vectors: several corpora, their stores, a lexicon, any model of that kind."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from affectspace.configuration import Configuration
from affectspace.models import FeatureModelConfig
from affectspace.training.settings import FitSettings, SplitConfig


class FeatureLabelConfig(Configuration):
    """Valence, arousal and dominance of a corpus' rows: its ratings, and for rows without any, its emotions'."""

    source: Literal["auto", "rated", "transferred", "none"] = Field(
        "auto", description="auto: rated, and transferred where a row has no rating; none: this corpus has no labels"
    )
    reference: str = Field(
        "russell_mehrabian_1977", description="a published reference, or the path of a fitted transfer (JSON)"
    )
    distribution: Literal["uniform", "gaussian", "centres"] = Field(
        "centres", description="of transferred labels in training; the other parts always have the centres"
    )
    redraw: bool = Field(True, description="draw anew in every epoch")


class CorpusConfig(Configuration):
    """One corpus, which part of it, and the stores of its features."""

    corpus: str = Field(description="a reader's name; `affectspace corpus list` has them")
    path: Path = Field(description="the corpus' folder, or the table")
    media: Path | None = Field(None, description="folder or zip of the media, for corpus: table")
    columns: dict[str, str] = Field(default_factory=dict, description="our name of a column <- theirs")
    scale: str | None = Field(None, description="the scale that a table's VAD are written in")
    options: dict[str, Any] = Field(default_factory=dict, description="what the reader takes besides")
    where: str | None = Field(None, description="which rows, such as 'channel == \"speech\"'")
    limit: int | None = Field(None, ge=1, description="at most so many rows, drawn by the split's seed")
    features: dict[str, Path] = Field(
        default_factory=dict, description="modality -> store; `affectspace extract` makes"
    )
    split: SplitConfig = SplitConfig()
    labels: FeatureLabelConfig = FeatureLabelConfig()
    lexicon: bool | None = Field(
        None, description="whether the lexicon scores its texts; null: where it has features of text"
    )
    weight: float | None = Field(
        None, gt=0, description="share of each step's rows, relative to the other corpora; null: its number of rows"
    )


class LexiconConfig(Configuration):
    """Words that score texts, for L_lex. In YAML a path alone will do."""

    path: Path
    method: Literal["emotiondynamics", "contextual"] = Field("contextual", description="as `lexicon score` takes it")


class FeatureDataConfig(Configuration):
    """Which corpora, under which names, and the lexicon."""

    corpora: dict[str, CorpusConfig] = Field(default_factory=dict)
    lexicon: LexiconConfig | None = None
    cache: Path | None = Field(
        None, description="folder for a file of the joined features where they do not fit into memory; null: memory"
    )

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and isinstance(fields.get("lexicon"), str | Path):
            return {**fields, "lexicon": {"path": fields["lexicon"]}}
        return fields

    @model_validator(mode="after")
    def _weights_of_all_or_none(self) -> "FeatureDataConfig":
        without = [name for name, corpus in self.corpora.items() if corpus.weight is None]
        if without and len(without) < len(self.corpora):
            raise ValueError(f"give every corpus a weight, or none; without one: {', '.join(without)}")
        return self


class FeatureFitConfig(FitSettings):
    """How long, how fast, on what."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=2, description="rows of a step, of all devices together")
    strategy: Literal["auto", "ddp"] = Field(
        "auto", description="ddp: one process a device, each with its share of every step's rows"
    )

    @model_validator(mode="after")
    def _rows_for_all(self) -> "FeatureFitConfig":
        if self.devices > 1 and self.strategy != "ddp":
            raise ValueError(f"devices: {self.devices} needs strategy: ddp")
        if self.batch_size < 2 * self.devices:
            raise ValueError(f"batch_size: {self.batch_size} leaves {self.devices} devices less than two rows each")
        return self


class FeatureTrainConfig(Configuration):
    """All of a training on features. Round-trips to YAML.

    In YAML `model.modalities` may be left out: `build_config` takes the widths from the stores.
    """

    data: FeatureDataConfig = FeatureDataConfig()
    model: SerializeAsAny[FeatureModelConfig]
    fit: FeatureFitConfig = FeatureFitConfig()

    @field_validator("model", mode="before")
    @classmethod
    def _of_its_kind(cls, model: Any) -> Any:
        from affectspace.models import MODELS

        if isinstance(model, dict):
            return MODELS[model["kind"]].config_class.model_validate(model)
        return model

    @property
    def kind(self) -> str:
        """The model's kind, as in `MODELS`."""
        return str(self.model.kind)  # type: ignore[attr-defined]

    def to_yaml(self) -> str:
        """YAML of every key, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
