"""Configuration of the MVAE. docs/reference/baselines.md explains what the paper leaves open."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from affectspace.configuration import Widths
from affectspace.models.configuration import FeatureModelConfig

VAD = "vad"  # name of the modality that `vad_modality` adds


class MvaeConfig(FeatureModelConfig):
    """Configuration of an MVAE.

    >>> MvaeConfig(modalities={"text": 384}).latent
    16
    """

    kind: Literal["mvae"] = "mvae"
    latent: int = Field(16, ge=1, description="dimensions of the joint code; 3, 16 and 32 are compared")
    hidden: Widths = Field((512,), description="widths of the encoders' hidden layers; decoders mirror them")
    vad_modality: bool = Field(
        False, description="encode and decode VAD as a modality of its own, instead of reading it from the code"
    )
    kl_weight: float = Field(1.0, ge=0, description="of the KL, after the warm-up")
    kl_warmup: float = Field(
        0.4,
        ge=0,
        le=1,
        description="share of the training over which the KL's weight rises from 0; the authors': 200 of 500 epochs",
    )

    @model_validator(mode="after")
    def _consistent(self) -> MvaeConfig:
        if self.vad_modality and VAD in self.modalities:
            raise ValueError(f"vad_modality: true adds a modality {VAD!r}, which exists: give yours another name")
        return self
