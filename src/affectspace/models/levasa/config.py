"""Configurations of LeVAsa and of the classifier that serves as its ceiling."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from affectspace.configuration import Configuration, Widths


class LevasaConfig(Configuration):
    """Configuration of a LeVAsa model.

    The default network (width 32, padding 1, no linear layers) costs a third of the paper's (64, 0, hidden (512, 128)).
    `network: residual` reconstructs better and costs more; `padding` and `hidden` are settings of the convolutional one only.

    >>> LevasaConfig(alignment="discrete").levels
    21
    """

    kind: Literal["levasa"] = "levasa"
    image_size: int = Field(64, ge=32, le=1024, multiple_of=16, description="pixels; a multiple of 16")
    network: Literal["convolutional", "residual"] = Field(
        "convolutional", description="convolutional is the paper's; residual: blocks with group normalisation"
    )
    width: int = Field(32, ge=4, description="channels of the first convolution")
    padding: Literal[0, 1] = Field(1, description="of the convolutions; 0 in the paper's network")
    hidden: Widths = Field((), description="widths of linear layers between the convolutions and the code")
    chunk: int = Field(32, ge=1, description="dimensions of each of z_v and z_a")
    rest: int | None = Field(None, ge=1, description="dimensions of z_z; null: as many as z_v has, as in the paper")
    alignment: Literal["none", "continuous", "discrete", "categories"] = Field(
        "continuous",
        description="none is the Vanilla VAE; categories is the control with an emotion head on z_v and z_a",
    )
    head: Literal["mlp", "linear", "identity"] = Field(
        "mlp", description="projection heads; identity compares every dimension with the label"
    )
    head_hidden: int = Field(64, ge=1, description="width of the hidden layer of head: mlp")
    head_inputs: int | None = Field(
        4, ge=1, description="number of dimensions of its chunk that a head reads; null: all, as in the paper"
    )
    align_on: Literal["sample", "mean"] = Field(
        "mean", description="what the heads read in training; sample in the paper"
    )
    discrete_loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    level_low: int = Field(-10, ge=-1000, le=1000, description="lowest level of the discrete labels, in tenths")
    level_high: int = Field(10, ge=-1000, le=1000)
    categories: tuple[str, ...] = Field((), description="emotions of the head of alignment: categories")
    reconstruction: Literal["squared", "absolute"] = Field("squared", description="error of a pixel value")
    similarity_weight: float = Field(0.0, ge=0, description="weight of 1 - SSIM in the reconstruction")
    kl_power: Literal[1, 2] = Field(1, description="2 squares the KL of each chunk (Eq. 1)")
    kl_weight: float = Field(0.5, ge=0)
    kl_warmup: float = Field(0.0, ge=0, le=1, description="share of the training in which the weight of the KL rises")
    free_nats: float = Field(0.0, ge=0, description="KL of a dimension, mean of a batch, below which it costs nothing")
    alignment_weight: float = Field(0.3, ge=0, description="0.3 in the authors' notebooks")
    editing_weight: float = Field(
        0.0,
        ge=0,
        description="weight of editing: a face with the z_v and z_a of another row must be encoded as that row's valence and "
        "arousal, and as its own z_z",
    )
    editing_share: float = Field(1 / 3, gt=0, le=1, description="share of a batch's rows that is edited")
    expression_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the emotions that the frozen network of the package fer sees: a reconstruction must show those "
        "of its image, an edited face those of the face whose z_v and z_a it has",
    )
    identity_weight: float = Field(
        0.0,
        ge=0,
        description="weight of keeping the person: a frozen network must see the person of the original in a reconstruction "
        "and in an edited face. It is trained on the training people before the model, in RUN/people",
    )
    reduction: Literal["default", "paper"] = Field(
        "default",
        description="paper: sums over the batch, to the letter; default: see the table of terms in docs/reference/levasa.md",
    )

    @model_validator(mode="after")
    def _consistent(self) -> LevasaConfig:
        if self.alignment == "categories" and len(self.categories) < 2:
            raise ValueError("alignment: categories needs at least two names in `categories`")
        if self.level_high <= self.level_low:
            raise ValueError(f"level_high ({self.level_high}) must be above level_low ({self.level_low})")
        if self.head == "identity" and self.alignment == "discrete" and self.levels > self.chunk:
            raise ValueError(f"head: identity needs a chunk of at least {self.levels} dimensions, one per level")
        if self.network == "residual" and (self.hidden or self.padding != 1):
            raise ValueError("network: residual has no `hidden` layers and no other `padding` than 1; leave them out")
        if self.editing_weight and self.alignment not in ("continuous", "discrete"):
            raise ValueError("editing_weight needs heads for valence and arousal: alignment continuous or discrete")
        terms = (
            self.similarity_weight,
            self.editing_weight,
            self.expression_weight,
            self.identity_weight,
            self.free_nats,
        )
        own = self.reconstruction != "squared" or any(terms)
        if self.reduction == "paper" and own:
            raise ValueError(
                "reduction: paper has squared errors only; set reduction: default for reconstruction: absolute, "
                "similarity_weight, free_nats, editing_weight, expression_weight and identity_weight"
            )
        return self

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Dimensions of z_v, z_a and z_z."""
        return self.chunk, self.chunk, self.chunk if self.rest is None else self.rest

    @property
    def levels(self) -> int:
        """Number of levels of the discrete labels."""
        return self.level_high - self.level_low + 1


class ClassifierConfig(Configuration):
    """Configuration of the emotion classifier; the encoder's fields are those of LevasaConfig.

    >>> ClassifierConfig(categories=("anger", "joy")).width
    32
    """

    kind: Literal["classifier"] = "classifier"
    image_size: int = Field(64, ge=32, le=1024, multiple_of=16)
    width: int = Field(32, ge=4)
    padding: int = Field(1, ge=0, le=1)
    hidden: Widths = ()
    dropout: float = Field(0.3, ge=0, lt=1)
    categories: tuple[str, ...] = Field(min_length=2, description="emotions, in the order of the logits")
