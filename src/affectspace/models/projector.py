"""Valence, arousal, dominance and private content of a sentence -> soft tokens that a frozen language model reads.

Source: "Anchoring the Affective Manifold" (papers/affective_manifold), section 4.5: a light projector from the latents
(z_vad, z_priv) to the input embeddings of a language model whose weights stay as they are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.configuration import Configuration
from affectspace.errors import ConfigError, DataError
from affectspace.models.pretrained import Pretrained

START = 0.1  # of the last layer's weights: a new projector says little more than its instruction


class ProjectorConfig(Configuration):
    """What a projector is. In YAML `private` and `width` may be left out: the run and the language model know them."""

    kind: Literal["projector"] = "projector"
    mode: Literal["rewriting", "reconstruction"] = Field(
        "rewriting",
        description="rewriting: the sentence stands in the prompt with its affect-bearing words masked; reconstruction: no "
        "text in the prompt, all comes from the latents",
    )
    tokens: int = Field(16, ge=1, le=512, description="soft tokens (k)")
    hidden: tuple[int, ...] = Field((256,), description="widths of the hidden layers")
    instruction: str | None = Field(
        None, description="text whose embeddings the soft tokens start from; null: one for the mode"
    )
    private: int | None = Field(None, ge=0, description="width of z_priv; null: the run's; 0: without z_priv")
    width: int | None = Field(None, ge=1, description="of the language model's input embeddings; null: its own")
    reach: float = Field(2.5, gt=0, description="standard deviations from the mean to which asked affect is clipped")
    affect_dropout: float = Field(0.0, ge=0, lt=1, description="share of training rows without z_vad")
    private_dropout: float = Field(0.5, ge=0, lt=1, description="share of training rows without z_priv")

    @model_validator(mode="after")
    def _positive(self) -> ProjectorConfig:
        if any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden: {self.hidden}; a layer has at least one unit")
        return self

    @property
    def started_from(self) -> str:
        """The text that the soft tokens start from."""
        if self.instruction is not None:
            return self.instruction
        if self.mode == "rewriting":
            return "Write the sentence again and fill in its blanks, so that it has the feeling that is asked for."
        return "Write a sentence that has the feeling and the content that are asked for."


class Projector(Pretrained):
    """Standardised latents -> soft tokens.

    Affect is in standard deviations of the training labels, 0 their mean; private codes in standard deviations of the
    training rows. A token is a learned constant plus a network's output times the embeddings' root mean square.

    >>> projector = Projector(ProjectorConfig(tokens=4, private=2, width=8))
    >>> projector(torch.zeros(3, 3), torch.zeros(3, 2)).shape
    torch.Size([3, 4, 8])
    """

    config_class = ProjectorConfig
    config: ProjectorConfig

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        if config.private is None or config.width is None:
            raise ConfigError("a projector needs model.private and model.width; training fills them in")
        self.config = config
        sizes = (len(AXES) + config.private, *config.hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.GELU()]
        last = nn.Linear(sizes[-1], config.tokens * config.width)
        with torch.no_grad():
            last.weight.mul_(START)
            last.bias.zero_()
        self.network = nn.Sequential(*layers, last)
        self.constant = nn.Parameter(torch.zeros(config.tokens, config.width))
        self.register_buffer("size", torch.ones(()))
        self.register_buffer("affect_mean", torch.zeros(len(AXES)))
        self.register_buffer("affect_scale", torch.ones(len(AXES)))
        self.register_buffer("private_mean", torch.zeros(config.private))
        self.register_buffer("private_scale", torch.ones(config.private))

    size: Tensor
    affect_mean: Tensor
    affect_scale: Tensor
    private_mean: Tensor
    private_scale: Tensor

    @torch.no_grad()
    def start(self, embeddings: Tensor, size: float) -> None:
        """Begin from the embeddings of an instruction, (n, width), repeated or cut to k; size : rms of all embeddings."""
        rows = torch.arange(self.config.tokens) % len(embeddings)
        self.constant.copy_(embeddings[rows.to(embeddings.device)])
        self.size.fill_(size)

    @torch.no_grad()
    def take_statistics(self, affect: Tensor, private: Tensor) -> None:
        """Mean and standard deviation of the training rows' labels (n, 3), NaN left out, and private codes (n, private).

        Raises DataError where an axis has fewer than two values.
        """
        for place, axis in enumerate(AXES):
            known = affect[:, place][~torch.isnan(affect[:, place])]
            if len(known) < 2 or known.std() == 0:
                raise DataError(
                    f"{axis}: the training rows have no two different labels, so that it has no unit to steer in"
                )
            self.affect_mean[place], self.affect_scale[place] = known.mean(), known.std()
        if private.shape[1]:
            scale = private.std(dim=0)
            self.private_mean.copy_(private.mean(dim=0))
            self.private_scale.copy_(torch.where(scale > 1e-6, scale, torch.ones_like(scale)))

    def standard_affect(self, affect: Tensor) -> Tensor:
        """Affect on [-1, 1], (n, 3), in standard deviations of the corpus around its mean."""
        return (affect - self.affect_mean) / self.affect_scale

    def plain_affect(self, standard: Tensor) -> Tensor:
        """The inverse of `standard_affect`."""
        return self.affect_mean + self.affect_scale * standard

    def standard_private(self, private: Tensor) -> Tensor:
        """Private codes (n, private) in standard deviations of the training rows."""
        return (private - self.private_mean) / self.private_scale

    def forward(self, affect: Tensor, private: Tensor) -> Tensor:
        """Soft tokens (n, k, width) of standardised affect (n, 3) and private codes (n, private)."""
        reach = self.config.reach
        latents = torch.cat([affect.clamp(-reach, reach), private.clamp(-2 * reach, 2 * reach)], dim=1)
        said = self.network(latents).unflatten(1, (self.config.tokens, -1))
        return self.constant + self.size * said
