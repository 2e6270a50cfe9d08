"""Configuration of an adapted encoder."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from affectspace.configuration import Configuration


class LoraConfig(Configuration):
    """Low-rank changes of the linear layers (Hu et al. 2022)."""

    rank: int = Field(16, ge=1, le=4096)
    alpha: int = Field(32, ge=1, le=1_000_000, description="a change is scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="of the inputs of a change")


class AdapterConfig(Configuration):
    """Configuration of an encoder that is fine-tuned on valence, arousal and dominance.

    >>> AdapterConfig(encoder="minilm", settings={"layers": [-1]}).method
    'lora'
    """

    kind: Literal["adapter"] = "adapter"
    modality: Literal["text", "audio", "video"] = "text"
    encoder: str = Field(description="backbone: minilm, or the folder or hub name of an encoder of transformers")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="settings of the backbone, for example layers: [-1] or marks: true"
    )
    method: Literal["lora", "full"] = Field("lora", description="train low-rank changes, or all weights")
    lora: LoraConfig = LoraConfig()
    dropout: float = Field(0.1, ge=0, lt=1, description="of the pooled vector before the linear layer")
    concordance: float = Field(
        0.5, ge=0, description="weight of 1 - concordance of a batch beside the squared error, in training"
    )
    corpora: tuple[str, ...] = Field(("corpus",), description="names of the training corpora")
    revision: str | None = Field(None, description="of the encoder's weights; filled in by the training")
    licence: str | None = Field(None, description="of the training corpora; filled in by the training")
