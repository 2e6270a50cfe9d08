"""Valence, arousal, dominance and private content of a sentence -> soft tokens that a frozen language model reads.

Source: "Anchoring the Affective Manifold" (papers/affective_manifold), section 4.5: a light projector from the latents
(z_vad, z_priv) to the input embeddings of a language model whose weights stay as they are.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError
from affectspace.models.base import Pretrained
from affectspace.models.projector.config import ProjectorConfig

START = 0.1  # factor of the last layer's initial weights: a new projector adds little to its instruction


class Projector(Pretrained):
    """Standardised latents -> soft tokens.

    Affect is in standard deviations of the training labels, 0 their mean; private codes in standard deviations of the
    training rows. A token is a learned constant plus a network's output times the embeddings' root mean square.

    Parameters
    ----------
    config : ProjectorConfig

    Examples
    --------
    >>> projector = Projector(ProjectorConfig(tokens=4, private=2, width=8))
    >>> projector(torch.zeros(3, 3), torch.zeros(3, 2)).shape
    torch.Size([3, 4, 8])
    """

    config_class = ProjectorConfig
    reads = "latents"
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
        """Start from the embeddings of an instruction, (n, width), repeated or cut to k; size : rms of all embeddings."""
        rows = torch.arange(self.config.tokens) % len(embeddings)
        self.constant.copy_(embeddings[rows.to(embeddings.device)])
        self.size.fill_(size)

    @torch.no_grad()
    def take_statistics(self, affect: Tensor, private: Tensor) -> None:
        """Store mean and standard deviation of the training rows' labels (n, 3), NaN left out, and private codes (n, private).

        Raises DataError where an axis has fewer than two values.
        """
        for place, axis in enumerate(AXES):
            known = affect[:, place][~torch.isnan(affect[:, place])]
            if len(known) < 2 or known.std() == 0:
                raise DataError(
                    f"{axis}: the training rows have no two different labels, which steering needs as its unit; train on rows "
                    f"with different labels of {axis}"
                )
            self.affect_mean[place], self.affect_scale[place] = known.mean(), known.std()
        if private.shape[1]:
            scale = private.std(dim=0)
            self.private_mean.copy_(private.mean(dim=0))
            self.private_scale.copy_(torch.where(scale > 1e-6, scale, torch.ones_like(scale)))

    def standard_affect(self, affect: Tensor) -> Tensor:
        """Express affect on [-1, 1], (n, 3), in standard deviations of the corpus around its mean."""
        return (affect - self.affect_mean) / self.affect_scale

    def standard_private(self, private: Tensor) -> Tensor:
        """Express private codes (n, private) in standard deviations of the training rows."""
        return (private - self.private_mean) / self.private_scale

    def forward(self, affect: Tensor, private: Tensor) -> Tensor:
        """Compute soft tokens (n, k, width) from standardised affect (n, 3) and private codes (n, private)."""
        reach = self.config.reach
        latents = torch.cat([affect.clamp(-reach, reach), private.clamp(-2 * reach, 2 * reach)], dim=1)
        offsets = self.network(latents).unflatten(1, (self.config.tokens, -1))
        return self.constant + self.size * offsets
