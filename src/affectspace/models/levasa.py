"""LeVAsa and the Vanilla VAE as one family: an image VAE of three latent chunks, two of them aligned with VA.

Source: "LeVAsa" (papers/levasa), section 2.2, Eqs. 1-3. `alignment="none"` is the Vanilla VAE.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from affectspace.configuration import Configuration
from affectspace.data.batches import ImageBatch
from affectspace.models.losses import LossTerms, chunk_kl, level_loss, levels_of, masked_mean, masked_sum, squared_error
from affectspace.models.networks import ImageDecoder, ImageEncoder, projection_head
from affectspace.models.posteriors import Posterior
from affectspace.models.pretrained import Pretrained

AXES = ("valence", "arousal")


class LevasaConfig(Configuration):
    """What a LeVAsa model is and how it is weighed.

    The default network (width 32, padding 1, no linear layers) costs a third of the paper's (64, 0, hidden (512, 128)).
    """

    kind: Literal["levasa"] = "levasa"
    image_size: int = Field(64, ge=32, multiple_of=16, description="pixels; a multiple of 16")
    width: int = Field(32, ge=4, description="channels of the first convolution")
    padding: Literal[0, 1] = Field(1, description="of the convolutions; 0 in the paper's network")
    hidden: tuple[int, ...] = Field((), description="widths of linear layers between the convolutions and the code")
    chunk: int = Field(32, ge=1, description="dimensions of each of z_v, z_a, z_z")
    alignment: Literal["none", "continuous", "discrete", "categories"] = Field(
        "continuous",
        description="none is the Vanilla VAE; categories is the control with an emotion head on z_v and z_a",
    )
    head: Literal["mlp", "linear", "identity"] = Field(
        "mlp", description="projection heads; identity pulls every dimension"
    )
    head_hidden: int = Field(64, ge=1)
    head_inputs: int | None = Field(
        4, ge=1, description="how many dimensions of its chunk a head reads at most; null: all, as in the paper"
    )
    align_on: Literal["sample", "mean"] = Field(
        "mean", description="what the heads see in training; sample in the paper"
    )
    discrete_loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    level_low: int = Field(-10, description="lowest level of the discrete labels, in tenths")
    level_high: int = 10
    categories: tuple[str, ...] = Field((), description="emotions of the head of alignment: categories")
    kl_power: Literal[1, 2] = Field(1, description="2 squares the KL of each chunk (Eq. 1)")
    kl_weight: float = Field(0.5, ge=0)
    alignment_weight: float = Field(0.3, ge=0, description="0.3 is the authors' notebooks'")
    reduction: Literal["default", "paper"] = Field(
        "default",
        description="paper: sums over the batch, to the letter; default: see docs/levasa.md, the table of terms",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "LevasaConfig":
        if self.alignment == "categories" and len(self.categories) < 2:
            raise ValueError("alignment: categories needs at least two names in `categories`")
        if self.level_high <= self.level_low:
            raise ValueError(f"level_high ({self.level_high}) must be above level_low ({self.level_low})")
        if self.head == "identity" and self.alignment == "discrete" and self.levels > self.chunk:
            raise ValueError(f"head: identity needs a chunk of at least {self.levels} dimensions, one a level")
        return self

    @property
    def levels(self) -> int:
        return self.level_high - self.level_low + 1


class Levasa(Pretrained):
    """Image VAE with latent chunks z_v, z_a (aligned with valence and arousal) and z_z (the rest).

    >>> model = Levasa(LevasaConfig(width=8))
    >>> model.encode(torch.zeros(2, 3, 64, 64)).mean.shape
    torch.Size([2, 96])
    """

    config_class = LevasaConfig
    config: LevasaConfig

    def __init__(self, config: LevasaConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config.image_size, config.width, config.padding, config.hidden)
        self.to_posterior = nn.Linear(self.encoder.outputs, 2 * 3 * config.chunk)
        self.decoder = ImageDecoder(config.image_size, config.width, config.padding, config.hidden, 3 * config.chunk)
        self.heads = nn.ModuleDict()
        if config.alignment in ("continuous", "discrete"):
            outputs = config.levels if config.alignment == "discrete" else 1
            for axis in AXES:
                self.heads[axis] = projection_head(config.head, self.head_inputs, config.head_hidden, outputs)
        elif config.alignment == "categories":
            head = "linear" if config.head == "identity" else config.head
            width = 2 * self.head_inputs
            self.heads["category"] = projection_head(head, width, config.head_hidden, len(config.categories))

    @property
    def latent(self) -> int:
        """Dimensions of the whole code."""
        return 3 * self.config.chunk

    @property
    def head_inputs(self) -> int:
        """Dimensions of its chunk that a head reads, the first ones."""
        if self.config.head_inputs is None or self.config.head == "identity":
            return self.config.chunk
        return min(self.config.head_inputs, self.config.chunk)

    def encode(self, image: Tensor) -> Posterior:
        """Posterior of the three chunks side by side (z_v, z_a, z_z); image (batch, 3, size, size) in [0, 1]."""
        mean, log_variance = self.to_posterior(self.encoder(image)).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(-12.0, 6.0))

    def decode(self, code: Tensor) -> Tensor:
        """Image in [0, 1] of a code, (batch, latent) -> (batch, 3, size, size)."""
        return self.decoder(code)

    def chunks(self, code: Tensor) -> tuple[Tensor, ...]:
        """z_v, z_a, z_z of a code, each (batch, chunk)."""
        return code.split(self.config.chunk, dim=1)

    def project(self, code: Tensor) -> dict[str, Tensor]:
        """What the heads say of a code: r_v and r_a (batch, outputs) by the axis' name, or the logits of the emotions."""
        valence, arousal, _ = (part[:, : self.head_inputs] for part in self.chunks(code))
        if "category" in self.heads:
            return {"category": self.heads["category"](torch.cat([valence, arousal], dim=1))}
        return {
            axis: self.heads[axis](part)
            for axis, part in zip(AXES, (valence, arousal), strict=True)
            if axis in self.heads
        }

    def read_affect(self, code: Tensor) -> Tensor:
        """Valence and arousal that the heads read off a code, (batch, 2) on [-1, 1]; discrete heads give their mean level."""
        projected = self.project(code)
        if set(projected) != set(AXES):
            raise ValueError(f"a model with alignment {self.config.alignment!r} has no heads for valence and arousal")
        if self.config.alignment == "continuous":
            return torch.stack([projected[axis].mean(dim=1) for axis in AXES], dim=1)
        levels = torch.arange(self.config.level_low, self.config.level_high + 1, device=code.device) / 10.0
        logits = [projected[axis][:, : self.config.levels] for axis in AXES]
        return torch.stack([row.softmax(dim=1) @ levels.to(row.dtype) for row in logits], dim=1)

    def alignment_rows(self, code: Tensor, batch: ImageBatch) -> list[tuple[Tensor, Tensor]]:
        """Per head: loss of each row and which rows carry that label (Eq. 2)."""
        config = self.config
        projected = self.project(code)
        if "category" in projected:
            return [level_loss(projected["category"], batch.category, "cross_entropy")]
        if config.alignment == "discrete":
            return [
                level_loss(
                    projected[axis][:, : config.levels],
                    levels_of(batch.affect[:, index], config.level_low, config.level_high),
                    config.discrete_loss,
                )
                for index, axis in enumerate(AXES)
            ]
        return [squared_error(projected[axis], batch.affect[:, index]) for index, axis in enumerate(AXES) if projected]

    def loss(self, batch: ImageBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Eq. 3: L_R + kl_weight L_KL + alignment_weight L_C, with one sample of the code a row.

        reduction "paper" sums each term over the batch (and L_R over the pixels). The default takes means over the batch,
        divides L_R and L_KL by the number of pixel values, and averages L_C over the rows that carry the label.
        """
        config = self.config
        posterior = self.encode(batch.image)
        code = posterior.sample(generator)
        error = (self.decode(code) - batch.image).square()
        kl = chunk_kl(posterior.kl_to_standard(), [config.chunk] * 3, config.kl_power)
        rows = self.alignment_rows(code if config.align_on == "sample" else posterior.mean, batch)
        if config.reduction == "paper":
            reconstruction, kl_term = error.sum(), kl.sum()
            alignment = sum((masked_sum(*row) for row in rows), start=error.new_zeros(()))
        else:
            reconstruction, kl_term = error.mean(), kl.mean() / error[0].numel()
            alignment = sum((masked_mean(*row) for row in rows), start=error.new_zeros(()))
        total = reconstruction + config.kl_weight * kl_term + config.alignment_weight * alignment
        return LossTerms(total, {"reconstruction": reconstruction, "kl": kl_term, "alignment": alignment})
