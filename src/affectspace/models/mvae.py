"""The multimodal VAE of Wu & Goodman (2018) as a baseline: one latent, a product of Gaussian experts, sub-sampled ELBOs.

Source: "Multimodal Generative Models for Scalable Weakly-Supervised Learning", sections 2.2 and 2.3. What it leaves open for
our task, and what we take, is in docs/baselines.md.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import FeatureBatch
from affectspace.models.affect_model import FeatureModelConfig, Representation
from affectspace.models.baseline import BaselineModel
from affectspace.models.gathering import mean_count
from affectspace.models.losses import LossTerms
from affectspace.models.manifold_terms import warmed
from affectspace.models.posteriors import Posterior
from affectspace.models.product_of_experts import product_of_experts
from affectspace.models.ridge import fit_ridge

VAD = "vad"
LOG_VARIANCES = (-12.0, 6.0)


class MvaeConfig(FeatureModelConfig):
    """What an MVAE is and how it is weighed. `fusion` is not used: the product of experts fuses."""

    kind: Literal["mvae"] = "mvae"
    latent: int = Field(16, ge=1, description="dimensions of the joint code; 3, 16 and 32 are compared")
    hidden: tuple[int, ...] = Field(
        (512,), description="widths of the hidden layers of encoders, as the manifold's; decoders mirror them"
    )
    vad_modality: bool = Field(
        False, description="VAD is encoded and decoded as a modality of its own, instead of read out of the code"
    )
    kl_weight: float = Field(1.0, ge=0, description="of the KL, after the warm-up")
    kl_warmup: float = Field(
        0.4,
        ge=0,
        le=1,
        description="share of the training over which the KL's weight rises from 0; theirs: 200 of 500 epochs",
    )

    @model_validator(mode="after")
    def _consistent(self) -> MvaeConfig:
        if any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden is {self.hidden}; each layer needs at least one unit")
        if self.vad_modality and VAD in self.modalities:
            raise ValueError(f"modality {VAD!r} is what vad_modality: true adds: give yours another name")
        return self


class Mvae(BaselineModel):
    """Multimodal VAE with one shared code and no private ones.

    Modalities are in the order of `config.modalities`, VAD behind them where it is one.

    >>> model = Mvae(MvaeConfig(modalities={"text": 8, "audio": 6}))
    >>> model.encode([torch.zeros(5, 8), torch.zeros(5, 6)], torch.ones(2, 5, dtype=torch.bool)).mean.shape
    torch.Size([5, 16])
    """

    config_class = MvaeConfig
    config: MvaeConfig

    def __init__(self, config: MvaeConfig) -> None:
        super().__init__(config)
        code, hidden = config.latent, config.hidden
        widths = [(width, width) for width in config.modalities.values()]
        if config.vad_modality:
            widths.append((2 * len(AXES), len(AXES)))  # the axes, and which of them are known
        self.encoders = nn.ModuleList(_layers(inputs, hidden, 2 * code) for inputs, _ in widths)
        self.decoders = nn.ModuleList(_layers(code, hidden[::-1], outputs) for _, outputs in widths)
        if not config.vad_modality:
            self.register_buffer("readout_weight", torch.zeros(len(self.names) + 1, code, len(AXES)))
            self.register_buffer("readout_bias", torch.full((len(self.names) + 1, len(AXES)), torch.nan))

    readout_weight: Tensor
    readout_bias: Tensor

    def experts(self, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of each modality's expert, (modalities, batch, latent), of standardised rows."""
        said = torch.stack([encoder(values) for encoder, values in zip(self.encoders, rows, strict=False)])
        mean, log_variance = said.chunk(2, dim=-1)
        return mean, log_variance.clamp(*LOG_VARIANCES)

    def encode(self, rows: list[Tensor], there: Tensor) -> Posterior:
        """Joint posterior given the modalities that are there, (batch, latent); the prior where none is.

        rows : standardised features of each modality, as `rows` gives them; there : (modalities, batch)
        """
        return product_of_experts(*self.experts(rows), there)

    def loss(
        self, batch: FeatureBatch, generator: torch.Generator | None = None, *, progress: float = 1.0
    ) -> LossTerms:
        """Minus the sum of a row's ELBOs (`elbo_masks`), mean over the rows that have anything.

        A term reconstructs its own modalities, 0.5 (x - x')^2 weighed by 1/d; its KL is divided by the widest modality's
        width, so that the whole is the usual ELBO over that width. `progress` warms the KL up.
        """
        rows, there = self.rows(batch.features, batch.present)
        known = torch.ones_like(batch.affect, dtype=torch.bool)
        if self.config.vad_modality:
            known = ~batch.affect.isnan()
            labels = torch.where(known, (batch.affect - self.label_mean) / self.label_scale, 0.0).to(rows[0].dtype)
            rows = [*rows, torch.cat([labels, known.to(labels.dtype)], dim=1)]
            there = torch.cat([there, known.any(dim=1)[None]])
        masks = elbo_masks(there, generator)
        mean, log_variance = self.experts(rows)
        posterior = product_of_experts(mean[:, None], log_variance[:, None], masks)
        code = posterior.sample(generator)
        error = code.new_zeros(code.shape[:2])
        for index, values in enumerate(rows):
            term, row = masks[index].nonzero(as_tuple=True)
            decoded = self.decoders[index](code[term, row])
            squared = 0.5 * (decoded - values[row, : decoded.shape[1]]).square()
            counted = known[row] if index == len(self.names) else torch.ones_like(squared, dtype=torch.bool)
            share = torch.where(counted, squared, 0.0).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
            error = error.index_put((term, row), share, accumulate=True)
        kl = posterior.kl_to_standard().sum(dim=-1) / max(self.config.modalities.values())
        rows_with_any = mean_count(there.any(dim=0).sum()).clamp(min=torch.finfo(kl.dtype).tiny)
        reconstruction = error.sum() / rows_with_any
        divergence = torch.where(masks.any(dim=0), kl, 0.0).sum() / rows_with_any
        total = reconstruction + warmed(progress, self.config.kl_warmup) * self.config.kl_weight * divergence
        return LossTerms(total, {"reconstruction": reconstruction, "kl": divergence})

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Shared: the posterior given each modality alone. Fused affect comes from the joint posterior, not from `fuse`.

        Affect is NaN until `after_training` has fitted the read-out.
        """
        rows, there = self.rows(features, present)
        mean, log_variance = self.experts(rows)
        single = [
            product_of_experts(mean[index, None], log_variance[index, None], there[index, None])
            for index in range(len(self.names))
        ]
        joint = product_of_experts(mean, log_variance, there)
        affect = [self.read_affect(alone.mean, torch.full_like(there[0], index, dtype=torch.long))
                  for index, alone in enumerate(single)]  # fmt: skip
        fused = self.read_affect(joint.mean, self.view(there))
        return self.representation(dict(zip(self.names, single, strict=True)), {}, affect, fused, there)

    def read_affect(self, code: Tensor, view: Tensor) -> Tensor:
        """Valence, arousal, dominance of a code, (batch, latent) -> (batch, 3); `view` (batch,) says whose read-out."""
        if self.config.vad_modality:
            return self.decoders[-1](code) * self.label_scale + self.label_mean
        return torch.einsum("bk,bka->ba", code, self.readout_weight[view]) + self.readout_bias[view]

    def fit_readout(self, train: FeatureBatch, validation: FeatureBatch) -> None:
        """A ridge per view from posterior means to VAD; a view without labelled rows takes the joint view's."""
        if self.config.vad_modality:
            return
        codes, there = self._means(train)
        checked, checked_there = self._means(validation)
        chosen, checked_rows = self.members(there), self.members(checked_there)
        for view in reversed(range(len(chosen))):
            rows, others = chosen[view], checked_rows[view]
            weight, bias = fit_ridge(
                codes[view, rows], train.affect[rows], checked[view, others], validation.affect[others]
            )
            unknown = bias.isnan()
            self.readout_weight[view] = torch.where(unknown, self.readout_weight[-1], weight.to(codes.dtype))
            self.readout_bias[view] = torch.where(unknown, self.readout_bias[-1], bias.to(codes.dtype))

    def _means(self, batch: FeatureBatch) -> tuple[Tensor, Tensor]:
        """Posterior means of every view, (views, rows, latent), and who is there, (modalities, rows)."""
        codes, there = [], []
        for part in self.parts(batch):
            rows, mask = self.rows(part.features, part.present)
            mean, log_variance = self.experts(rows)
            masks = torch.cat([torch.diag_embed(mask.T).permute(2, 1, 0), mask[:, None]], dim=1)
            codes.append(product_of_experts(mean[:, None], log_variance[:, None], masks).mean)
            there.append(mask)
        return torch.cat(codes, dim=1), torch.cat(there, dim=1)


def elbo_masks(there: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Which modalities each ELBO term of each row has, (modalities, batch) -> (modalities, terms, batch) bool.

    Terms: all that the row has; each of them alone, where it has several; one random subset of two or more that is not all,
    where it has three or more (a pair of three). So 5 terms for a row with three modalities, 3 with two, 1 with one; a
    term that a row does not have is empty. The subset is drawn once for each combination of modalities in the batch, so that
    a row without a modality is treated as by a model that never had it.
    """
    several = there.sum(dim=0) > 1
    alone = torch.diag_embed(there.T & several[:, None]).permute(2, 1, 0)
    terms = [there[:, None], alone]
    if len(there) > 2:
        kinds, kind = there.T.unique(dim=0, return_inverse=True)
        drawn = torch.zeros_like(kinds)
        for index, members in enumerate(kinds):
            drawn[index, _random_subset(members.nonzero().flatten().tolist(), generator)] = True
        terms.append(drawn[kind].T[:, None])
    return torch.cat(terms, dim=1)


def _random_subset(members: list[int], generator: torch.Generator | None) -> list[int]:
    subsets = [subset for size in range(2, len(members)) for subset in combinations(members, size)]
    if not subsets:
        return []
    device = "cpu" if generator is None else generator.device
    return list(subsets[int(torch.randint(len(subsets), (1,), generator=generator, device=device))])


def _layers(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Module:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
