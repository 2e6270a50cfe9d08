"""Configuration of MISA; the defaults are the paper's. docs/reference/baselines.md explains what is ours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from affectspace.models.configuration import FeatureModelConfig


class MisaConfig(FeatureModelConfig):
    """Configuration of a MISA.

    >>> MisaConfig(modalities={"text": 384}).hidden
    128
    """

    kind: Literal["misa"] = "misa"
    hidden: int = Field(128, ge=1, description="width of projections and codes")
    heads: int = Field(2, ge=1, description="of the transformer layer; divides `hidden`")
    feedforward: int = Field(
        2048, ge=1, description="inner width of the transformer layer; PyTorch's default, as in the authors' code"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="of the last layers")
    attention_dropout: float = Field(0.1, ge=0, lt=1, description="of the transformer layer")
    difference_weight: float = Field(0.3, ge=0)
    similarity_weight: float = Field(1.0, ge=0, description="of the central moment discrepancy")
    reconstruction_weight: float = Field(1.0, ge=0)
    moments: int = Field(5, ge=1, le=100, description="of the central moment discrepancy")
    missing: Literal["zero", "dropout"] = Field(
        "zero",
        description="tokens of an absent modality: filled with zeros; dropout: masked from attention, and modalities are "
        "dropped in training so that the model learns to do without",
    )
    modality_dropout: float = Field(
        0.3, ge=0, lt=1, description="probability that a row loses a modality with missing: dropout"
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> MisaConfig:
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        return self
