"""The part of a configuration that names corpora, their labels, splits and features. It is the same for every model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from affectspace.affect import scale
from affectspace.configuration import Configuration, Seed
from affectspace.corpora.registry import require_reader
from affectspace.errors import ConfigError


class SplitConfig(Configuration):
    """The people who train, validate and test."""

    scheme: str = Field(
        "person",
        description="person keeps people apart; auto: published, else person, document or random, whichever is possible first; "
        "`affectspace corpus describe` lists those of a corpus",
    )
    fold: int | None = Field(None, ge=0, description="test on this fold of the people")
    folds: int = Field(5, ge=2, le=100_000, description="number of folds")
    seed: Seed = 0
    fractions: tuple[float, float, float] = Field((0.7, 0.1, 0.2), description="shares of train, validation, test")


class LabelConfig(Configuration):
    """Valence, arousal and dominance of a corpus' rows: their ratings, or values transferred from their emotions."""

    source: Literal["auto", "rated", "transferred", "none"] = Field(
        "auto", description="auto: the rating, or a transferred value where a row has no rating; none: no labels"
    )
    reference: str | None = Field(
        None,
        description="a published reference or a fitted transfer (JSON); null: affectnet for images, "
        "russell_mehrabian_1977 for features",
    )
    distribution: Literal["uniform", "gaussian", "centres"] | None = Field(
        None,
        description="of transferred labels in training; other parts have the centres; null: uniform for images (the "
        "paper's), centres for features",
    )
    redraw: bool | None = Field(
        None, description="draw labels again in every epoch; null: false for images (the paper's), true for features"
    )
    permute: Seed | None = Field(None, description="control: seed by which emotions are permuted among the ellipses")

    def complete(self, images: bool) -> LabelConfig:
        """Return the settings with the defaults of images or of features in place of null."""
        defaults: dict[str, Any] = (
            {"reference": "affectnet", "distribution": "uniform", "redraw": False}
            if images
            else {"reference": "russell_mehrabian_1977", "distribution": "centres", "redraw": True}
        )
        return self.model_copy(update={name: value for name, value in defaults.items() if getattr(self, name) is None})


class CorpusConfig(Configuration):
    """One corpus: which rows, their parts, their labels and the stores of their features."""

    corpus: str = Field(description="name of a reader; `affectspace corpus list` shows them")
    path: Path = Field(description="the corpus' folder, or the table")
    media: Path | None = Field(None, description="folder or zip of the media, for corpus: table")
    columns: dict[str, str] = Field(default_factory=dict, description="our name of a column -> the table's name")
    scale: str | None = Field(
        None, description="scale of the table's valence, arousal and dominance: a name, or a range such as '1:7'"
    )
    axes: tuple[str, ...] | None = Field(
        None, description="axes to read, in the order of the ranges of scale, for example 'arousal,valence'"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="further options of the reader")
    where: str | None = Field(None, description="which rows, for example 'min(width, height) >= 48'")
    limit: int | None = Field(None, ge=1, description="maximum number of rows, drawn with the split's seed")
    features: dict[str, Path] = Field(
        default_factory=dict, description="modality -> store that `affectspace extract` made; not for images"
    )
    split: SplitConfig = SplitConfig()
    labels: LabelConfig = LabelConfig()
    lexicon: bool | None = Field(
        None, description="whether the lexicon scores the texts; null: if the corpus has features of text"
    )
    weight: float | None = Field(
        None, gt=0, description="share of each step's rows, relative to the other corpora; null: its number of rows"
    )

    @field_validator("corpus")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            require_reader(name)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return name

    @field_validator("scale", mode="before")
    @classmethod
    def _range(cls, value: Any) -> Any:
        """YAML reads 1:7 without quotes as 67, in base 60."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = divmod(abs(value), 60)
            return f"{'-' if value < 0 else ''}{low:g}:{high:g}"
        return value

    @field_validator("axes", mode="before")
    @classmethod
    def _split_axes(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _possible_scale(self) -> CorpusConfig:
        try:
            scale(self.scale or "canonical", self.axes)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self


class AugmentationConfig(Configuration):
    """Largest random change of a training image in each direction. All zero and mirror false turns augmentation off."""

    mirror: bool = True
    rotation: float = Field(5.0, ge=0, description="degrees")
    scale: float = Field(0.05, ge=0, lt=1, description="share of the size")
    shift: float = Field(0.05, ge=0, lt=1, description="share of the image")
    contrast: float = Field(0.1, ge=0, lt=1)
    brightness: float = Field(0.05, ge=0, lt=1)


class LexiconConfig(Configuration):
    """The lexicon that scores texts, for L_lex. In YAML a path alone is enough."""

    path: Path
    method: Literal["emotiondynamics", "contextual"] = Field("contextual", description="as in `lexicon score --method`")


class DataConfig(Configuration):
    """The corpora under their names, and the lexicon.

    With one corpus its keys may stand at this level: `{corpus: imfdb, path: IMFDB}` is short for
    `{corpora: {imfdb: {corpus: imfdb, path: IMFDB}}}`.
    """

    corpora: dict[str, CorpusConfig] = Field(default_factory=dict)
    lexicon: LexiconConfig | None = None
    cache: Path | None = Field(
        None, description="folder for decoded images, and for joined features that do not fit into memory"
    )

    @property
    def first(self) -> CorpusConfig:
        """The first corpus; most trainings on images have only one."""
        return next(iter(self.corpora.values()))

    @property
    def weights(self) -> tuple[float, ...] | None:
        """Share of each corpus in a step; None without weights."""
        return tuple(corpus.weight for corpus in self.corpora.values() if corpus.weight is not None) or None

    @property
    def drawn_faces(self) -> bool:
        """Whether all images are faces that this package draws, which no face detector finds."""
        return {corpus.corpus for corpus in self.corpora.values()} == {"faces"}

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        fields = expand_corpus(fields)
        if isinstance(fields.get("lexicon"), str | Path):
            fields["lexicon"] = {"path": fields["lexicon"]}
        return fields

    @model_validator(mode="after")
    def _weights_of_all_or_none(self) -> DataConfig:
        without = [name for name, corpus in self.corpora.items() if corpus.weight is None]
        if without and len(without) < len(self.corpora):
            raise ValueError(f"give every corpus a weight, or none; without one: {', '.join(without)}")
        return self


def expand_corpus(fields: dict[str, Any]) -> dict[str, Any]:
    """Move the keys of a single corpus that stand at the level of `data` into `data.corpora`."""
    own = {name: value for name, value in fields.items() if name not in DataConfig.model_fields}
    rest = {name: value for name, value in fields.items() if name in DataConfig.model_fields}
    corpora = rest.get("corpora") or {}
    if not isinstance(corpora, dict) or any(
        not isinstance(corpus, dict | Configuration) for corpus in corpora.values()
    ):
        return dict(fields)  # the check of the values says what is wrong
    if not own.keys() & CorpusConfig.model_fields.keys():
        return dict(fields)
    if len(corpora) > 1:
        raise ValueError(f"{', '.join(own)}: there are several corpora; write corpora.<name>.{next(iter(own))}")
    name, given = next(iter(corpora.items())) if corpora else (str(own.get("corpus", "corpus")), {})
    return {**rest, "corpora": {name: merged(given, own)}}


def merged(fields: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """Return nested fields with nested changes in them."""
    base = fields.model_dump() if isinstance(fields, Configuration) else dict(fields)
    for name, value in changes.items():
        inner = base.get(name)
        base[name] = merged(inner, value) if isinstance(value, dict) and isinstance(inner, dict) else value
    return base
