"""LeVAsa and the Vanilla VAE as one family, an image VAE of three latent chunks, and the classifier that is its ceiling.

Source: "LeVAsa" (papers/levasa), section 2.2, Eqs. 1-3. `alignment="none"` is the Vanilla VAE.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.errors import ConfigError
from affectspace.models.base import LossTerms, Posterior, Pretrained, Step, warmed
from affectspace.models.levasa.config import ClassifierConfig, LevasaConfig
from affectspace.models.levasa.losses import (
    above_free,
    chunk_kl,
    expression_difference,
    level_loss,
    levels_of,
    masked_mean,
    masked_sum,
    person_difference,
    squared_error,
    structural_similarity,
)
from affectspace.models.levasa.networks import (
    ImageDecoder,
    ImageEncoder,
    ResidualDecoder,
    ResidualEncoder,
    areas,
    projection_head,
)

VA = AXES[:2]
COLOURS = 3.0  # weight of areas and hues in the loss of edited images


class Levasa(Pretrained):
    """Image VAE with latent chunks z_v, z_a (aligned with valence and arousal) and z_z (the rest).

    Parameters
    ----------
    config : LevasaConfig

    Attributes
    ----------
    people_networks : tuple of EmotionClassifier
        The frozen network that a training with `identity_weight` needs. It is no part of the model and is not saved with it.

    Examples
    --------
    >>> model = Levasa(LevasaConfig(width=8))
    >>> model.encode(torch.zeros(2, 3, 64, 64)).mean.shape
    torch.Size([2, 96])
    """

    config_class = LevasaConfig
    config: LevasaConfig

    def __init__(self, config: LevasaConfig) -> None:
        super().__init__()
        self.config = config
        self.people_networks: tuple[EmotionClassifier, ...] = ()  # in a tuple, so that it is no module of this one
        self.encoder: ImageEncoder | ResidualEncoder
        self.decoder: ImageDecoder | ResidualDecoder
        if config.network == "residual":
            self.encoder = ResidualEncoder(config.image_size, config.width)
            self.decoder = ResidualDecoder(config.image_size, config.width, self.latent, 2 * config.chunk)
        else:
            self.encoder = ImageEncoder(config.image_size, config.width, config.padding, config.hidden)
            self.decoder = ImageDecoder(config.image_size, config.width, config.padding, config.hidden, self.latent)
        self.to_posterior = nn.Linear(self.encoder.outputs, 2 * self.latent)
        self.heads = nn.ModuleDict()
        if config.alignment in ("continuous", "discrete"):
            outputs = config.levels if config.alignment == "discrete" else 1
            for axis in VA:
                self.heads[axis] = projection_head(config.head, self.head_inputs, config.head_hidden, outputs)
        elif config.alignment == "categories":
            head = "linear" if config.head == "identity" else config.head
            width = 2 * self.head_inputs
            self.heads["category"] = projection_head(head, width, config.head_hidden, len(config.categories))

    @property
    def latent(self) -> int:
        """Dimensions of the code."""
        return sum(self.config.sizes)

    @property
    def head_inputs(self) -> int:
        """Number of dimensions of its chunk that a head reads, the first ones."""
        if self.config.head_inputs is None or self.config.head == "identity":
            return self.config.chunk
        return min(self.config.head_inputs, self.config.chunk)

    def encode(self, image: Tensor) -> Posterior:
        """Encode images (batch, 3, size, size) in [0, 1]; the posterior has z_v, z_a and z_z side by side."""
        mean, log_variance = self.to_posterior(self.encoder(image)).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(-12.0, 6.0))

    def decode(self, code: Tensor) -> Tensor:
        """Decode codes (batch, latent) to images in [0, 1], (batch, 3, size, size)."""
        return self.decoder(code)

    def chunks(self, code: Tensor) -> tuple[Tensor, ...]:
        """Split a code into z_v and z_a, (batch, chunk), and z_z, (batch, rest)."""
        return code.split(self.config.sizes, dim=1)

    def project(self, code: Tensor) -> dict[str, Tensor]:
        """Apply the heads to a code: r_v and r_a (batch, outputs) by the name of the axis, or the logits of the emotions."""
        valence, arousal, _ = (part[:, : self.head_inputs] for part in self.chunks(code))
        if "category" in self.heads:
            return {"category": self.heads["category"](torch.cat([valence, arousal], dim=1))}
        return {
            axis: self.heads[axis](part)
            for axis, part in zip(VA, (valence, arousal), strict=True)
            if axis in self.heads
        }

    def read_affect(self, code: Tensor) -> Tensor:
        """Read valence and arousal from a code by the heads, (batch, 2) on [-1, 1]; discrete heads give their mean level.

        Raises ValueError for a model without such heads.
        """
        projected = self.project(code)
        if set(projected) != set(VA):
            raise ValueError(f"a model with alignment {self.config.alignment!r} has no heads for valence and arousal")
        if self.config.alignment == "continuous":
            return torch.stack([projected[axis].mean(dim=1) for axis in VA], dim=1)
        levels = torch.arange(self.config.level_low, self.config.level_high + 1, device=code.device) / 10.0
        logits = [projected[axis][:, : self.config.levels] for axis in VA]
        return torch.stack([values.softmax(dim=1) @ levels.to(values.dtype) for values in logits], dim=1)

    def alignment_rows(self, code: Tensor, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Compute, for each head, the loss of each row and which rows have that label (Eq. 2)."""
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
                for index, axis in enumerate(VA)
            ]
        return [squared_error(projected[axis], batch.affect[:, index]) for index, axis in enumerate(VA) if projected]

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute Eq. 3, L_R + kl_weight L_KL + alignment_weight L_C, with one sample of the code per row, and editing.

        reduction "paper" sums each term over the batch (and L_R over the pixels). The default takes means over the batch,
        divides L_R and L_KL by the number of pixel values, and averages L_C over the rows that have the label.
        """
        config = self.config
        posterior = self.encode(batch.image)
        code = posterior.sample(step.noise)
        decoded = self.decode(code)
        difference = decoded - batch.image
        error = difference.square() if config.reconstruction == "squared" else difference.abs()
        kl = chunk_kl(above_free(posterior.kl_to_standard(), config.free_nats), config.sizes, config.kl_power)
        rows = self.alignment_rows(code if config.align_on == "sample" else posterior.mean, batch)
        if config.reduction == "paper":
            reconstruction, kl_term = error.sum(), kl.sum()
            alignment = sum((masked_sum(*row) for row in rows), start=error.new_zeros(()))
        else:
            reconstruction, kl_term = error.mean(), kl.mean() / error[0].numel()
            alignment = sum((masked_mean(*row) for row in rows), start=error.new_zeros(()))
        terms = {"reconstruction": reconstruction, "kl": kl_term, "alignment": alignment}
        kl_weight = config.kl_weight * warmed(step.progress, config.kl_warmup)
        total = reconstruction + kl_weight * kl_term + config.alignment_weight * alignment
        if config.similarity_weight:
            terms["similarity"] = structural_similarity(decoded, batch.image).mean()
            total = total + config.similarity_weight * (1.0 - terms["similarity"])
        expression = [expression_difference(decoded, batch.image)] if config.expression_weight else []
        identity = [self.person_change(decoded, batch.image)] if config.identity_weight else []
        if config.editing_weight:
            others, edited = self.edit(code)
            terms["editing"] = self.editing(batch.take(others), posterior.mean, edited, batch.image)
            total = total + config.editing_weight * terms["editing"]
            if expression:
                expression.append(expression_difference(edited, batch.image[others]))
            if identity:
                identity.append(self.person_change(edited, batch.image[: len(edited)]))
        if expression:
            terms["expression"] = torch.stack(expression).sum()
            total = total + config.expression_weight * terms["expression"]
        if identity:
            terms["identity"] = torch.stack(identity).sum()
            total = total + config.identity_weight * terms["identity"]
        return LossTerms(total, terms)

    def person_change(self, image: Tensor, original: Tensor) -> Tensor:
        """Compute how far a frozen network sees other people in images than in the originals, scalar from 0 to 2."""
        if not self.people_networks:
            raise ConfigError("model.identity_weight needs `people_networks`; `affectspace train` trains and sets it")
        return person_difference(self.people_networks[0], image, original)

    def edit(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Decode the first rows with z_v and z_a of the next row; return the numbers of those rows, and the images.

        Gradients reach the decoder. With `expression_weight` they reach z_v and z_a too, as the expression that the frozen
        network sees must then be in them. The gradient of the editing term reaches them in the same way.
        """
        number = max(round(self.config.editing_share * len(code)), 1)
        aligned = 2 * self.config.chunk
        others = (torch.arange(number, device=code.device) + 1) % len(code)
        affective = code[others, :aligned]
        affective = affective if self.config.expression_weight else affective.detach()
        return others, self.decode(torch.cat([affective, code[:number, aligned:].detach()], dim=1))

    def editing(self, others: Batch, mean: Tensor, edited: Tensor, image: Tensor) -> Tensor:
        """Encode edited faces again, and compare what they read.

        others : the rows whose z_v and z_a they have; mean : (batch, latent), posterior means of the batch's images, `image`.
        The result is the alignment loss with those rows' labels, plus the mean squared error of z_z, plus the mean absolute
        change of areas and of hues, since an expression changes few of them. The encoder that reads does not learn from it: it
        could agree with the decoder on marks that nobody sees.
        """
        aligned = 2 * self.config.chunk
        learning = [weight for weight in self.parameters() if weight.requires_grad]
        readers = [self.encoder, self.to_posterior, self.heads]
        for part in readers:
            part.requires_grad_(False)
        try:
            again = self.encode(edited).mean
            aimed = sum((masked_mean(*row) for row in self.alignment_rows(again, others)), again.new_zeros(()))
        finally:
            for weight in learning:
                weight.requires_grad_(True)
        kept = (again[:, aligned:] - mean[: len(edited), aligned:].detach()).square().mean()
        difference = edited - image[: len(edited)]
        hues = difference - difference.mean(dim=1, keepdim=True)
        return aimed + kept + COLOURS * (areas(difference).abs().mean() + hues.abs().mean())


class EmotionClassifier(Pretrained):
    """A supervised network with LeVAsa's encoder: (batch, 3, size, size) in [0, 1] -> logits of the emotions.

    Parameters
    ----------
    config : ClassifierConfig

    Examples
    --------
    >>> EmotionClassifier(ClassifierConfig(categories=("anger", "joy"))).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 2])
    """

    config_class = ClassifierConfig
    config: ClassifierConfig

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config.image_size, config.width, config.padding, config.hidden)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(self.encoder.outputs, len(config.categories)))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.encoder(image))

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute the cross-entropy over the rows that have an emotion, nats."""
        value = masked_mean(*level_loss(self(batch.image), batch.category, "cross_entropy"))
        return LossTerms(value, {"cross_entropy": value})
