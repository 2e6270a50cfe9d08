"""Configuration of the projector that steers a language model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affectspace.configuration import Configuration, Widths


class ProjectorConfig(Configuration):
    """Configuration of a projector. Training fills `private` and `width` from the run and the language model.

    >>> ProjectorConfig(tokens=8).mode
    'rewriting'
    """

    kind: Literal["projector"] = "projector"
    mode: Literal["rewriting", "reconstruction"] = Field(
        "rewriting",
        description="rewriting: the prompt has the sentence with its affect-bearing words masked; reconstruction: the prompt "
        "has no text, everything comes from the latents",
    )
    tokens: int = Field(16, ge=1, le=512, description="soft tokens (k)")
    hidden: Widths = Field((256,), description="widths of the hidden layers")
    instruction: str | None = Field(
        None, description="text whose embeddings the soft tokens start from; null: the default of the mode"
    )
    private: int | None = Field(None, ge=0, description="width of z_priv; null: that of the run; 0: without z_priv")
    width: int | None = Field(None, ge=1, description="of the language model's input embeddings; null: taken from it")
    reach: float = Field(
        2.5, gt=0, description="standard deviations from the mean to which the target affect is clipped"
    )
    affect_dropout: float = Field(0.0, ge=0, lt=1, description="share of training rows without z_vad")
    private_dropout: float = Field(0.5, ge=0, lt=1, description="share of training rows without z_priv")

    @property
    def started_from(self) -> str:
        """Text that the soft tokens start from."""
        if self.instruction is not None:
            return self.instruction
        if self.mode == "rewriting":
            return "Write the sentence again and fill in its blanks, so that it has the feeling that is asked for."
        return "Write a sentence that has the feeling and the content that are asked for."
