"""The affective manifold: a shared latent of valence, arousal and dominance, and a private latent of each modality.

Source: "Anchoring the Affective Manifold" (papers/affective_manifold), section 3, Eqs. 1-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from affectspace.models.affect_model import AffectModel, FeatureBatch, FeatureModelConfig, Representation, fuse
from affectspace.models.gathering import gather_rows
from affectspace.models.independence_penalties import correlation_penalty, covariance_penalty, hsic_penalty
from affectspace.models.losses import LossTerms
from affectspace.models.manifold_networks import FeatureDecoder, GaussianHead
from affectspace.models.manifold_terms import Part, anchor_error, gaussian_kl, reconstruction_error, reduce, warmed
from affectspace.models.posteriors import Posterior

SHARED = 3


class ManifoldConfig(FeatureModelConfig):
    """What an affective manifold is and how its terms are weighed (Eq. 11)."""

    kind: Literal["manifold"] = "manifold"
    private: int = Field(64, ge=1, description="dimensions of each modality's private latent")
    hidden: tuple[int, ...] = Field((512,), description="widths of the hidden layers of heads; decoders mirror them")
    lexicon_modality: str = Field("text", description="the modality that the lexicon anchors")
    anchor_on: Literal["sample", "mean"] = Field("mean", description="what the anchors see; sample in the paper")
    independence: Literal["covariance", "correlation", "hsic", "none"] = Field(
        "correlation", description="penalty on dependence of shared and private; covariance is Eqs. 8-9"
    )
    independence_on: Literal["sample", "mean"] = "mean"
    cross_weight: float = Field(1.0, ge=0, description="lambda_cross")
    anchor_weight: float = Field(1.0, ge=0, description="lambda_sup")
    lexicon_weight: float = Field(0.1, ge=0, description="lambda_lex, inside the anchors")
    independence_weight: float = Field(1.0, ge=0, description="lambda_dec")
    kl_weight: float = Field(1.0, ge=0, description="lambda_kl")
    beta: float = Field(1.0, ge=0, description="of Eq. 10")
    kl_warmup: float = Field(0.1, ge=0, le=1, description="share of the training over which the KL's weight rises")
    penalty_warmup: float = Field(0.1, ge=0, le=1, description="the same of the independence penalty")
    reduction: Literal["default", "paper"] = Field("default", description="see docs/manifold.md, the table of terms")

    @model_validator(mode="after")
    def _consistent(self) -> ManifoldConfig:
        if any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden is {self.hidden}; each layer needs at least one unit")
        return self


@dataclass(frozen=True)
class Encoded:
    """What the encoder of one modality made of the rows that have it, in their order.

    rows : (n,) positions in the batch; position : (batch,) the reverse, meaningless where absent
    features : (n, width), standardised
    shared_code, private_code : one sample of each posterior, (n, 3) and (n, private)
    """

    rows: Tensor
    position: Tensor
    features: Tensor
    shared: Posterior
    private: Posterior
    shared_code: Tensor
    private_code: Tensor


class Manifold(AffectModel):
    """Feature vectors of any modalities -> shared and private posteriors, and back.

    >>> model = Manifold(ManifoldConfig(modalities={"text": 8, "audio": 5}))
    >>> there = torch.ones(2, dtype=torch.bool)
    >>> said = model.represent({"text": torch.zeros(2, 8), "audio": torch.zeros(2, 5)}, {"text": there, "audio": there})
    >>> said.fused.shape
    torch.Size([2, 3])
    """

    config_class = ManifoldConfig
    config: ManifoldConfig

    def __init__(self, config: ManifoldConfig) -> None:
        super().__init__(config)
        self.shared_heads, self.private_heads, self.decoders = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for name, width in config.modalities.items():
            self.shared_heads[name] = GaussianHead(width, config.hidden, SHARED)
            self.private_heads[name] = GaussianHead(width, config.hidden, config.private)
            self.decoders[name] = FeatureDecoder(SHARED, config.private, config.hidden[::-1], width)
        self.register_buffer("prior_mean", torch.zeros(SHARED))
        self.register_buffer("prior_precision", torch.eye(SHARED))

    def encode(self, name: str, features: Tensor) -> tuple[Posterior, Posterior]:
        """Shared and private posterior of standardised features, (rows, width) (Eqs. 1-3)."""
        return self.shared_heads[name](features)[0], self.private_heads[name](features)[0]

    def decode(self, name: str, shared: Tensor, private: Tensor) -> Tensor:
        """Standardised features of a modality from codes (rows, 3) and (rows, private); Eq. 6 with another's shared code."""
        return self.decoders[name](shared, private)

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        shared, private, affect, deviation = {}, {}, {}, {}
        for name in self.config.modalities:
            standard = self.standardise(name, features[name], present[name])
            shared[name], private[name] = self.encode(name, standard)
            affect[name] = shared[name].mean
            deviation[name] = torch.exp(0.5 * shared[name].log_variance)
        fused, spread = fuse(affect, deviation, present, self.config.fusion)
        return Representation(shared, private, affect, deviation, fused, spread)

    def loss(
        self, batch: FeatureBatch, generator: torch.Generator | None = None, *, progress: float = 1.0
    ) -> LossTerms:
        """Eq. 11 with one sample of each code a row; which sums and means are taken is `reduction`, see docs/manifold.md."""
        config = self.config
        encoded = {name: self._encode_rows(name, batch, generator) for name in config.modalities}
        own, cross = self._reconstruct(batch, encoded)
        terms = {
            "self": reduce(own, config.reduction),
            "cross": reduce(cross, config.reduction) if cross else batch.affect.new_zeros(()),
            "anchor": self._anchor(batch.affect, encoded, list(encoded)),
            "lexicon": self._anchor(batch.lexicon, encoded, [config.lexicon_modality]),
            "independence": self._independence(encoded),
            "kl": reduce(self._kl(encoded), config.reduction),
        }
        weights = {
            "self": 1.0,
            "cross": config.cross_weight,
            "anchor": config.anchor_weight,
            "lexicon": config.anchor_weight * config.lexicon_weight,
            "independence": config.independence_weight * warmed(progress, config.penalty_warmup),
            "kl": config.kl_weight * config.beta * warmed(progress, config.kl_warmup),
        }
        total = sum((weights[name] * value for name, value in terms.items()), start=batch.affect.new_zeros(()))
        return LossTerms(total, terms)

    def _encode_rows(self, name: str, batch: FeatureBatch, generator: torch.Generator | None) -> Encoded:
        present = batch.present[name]
        rows = present.nonzero().squeeze(1)
        standard = self.standardise(name, batch.features[name][rows], present[rows])
        shared, private = self.encode(name, standard)
        codes = shared.sample(generator), private.sample(generator)
        return Encoded(rows, present.cumsum(0) - 1, standard, shared, private, *codes)

    def _reconstruct(self, batch: FeatureBatch, encoded: dict[str, Encoded]) -> tuple[list[Part], list[Part]]:
        """Eqs. 5 and 7, one decoder call for all codes of a modality: its own, then each other's shared code."""
        own, cross = [], []
        for target, there in encoded.items():
            sources, positions = [there.shared_code], [torch.arange(len(there.rows), device=there.rows.device)]
            for source, other in encoded.items():
                if source != target and self.config.cross_weight > 0:
                    both = (batch.present[source] & batch.present[target]).nonzero().squeeze(1)
                    sources.append(other.shared_code[other.position[both]])
                    positions.append(there.position[both])
            position = torch.cat(positions)
            made = self.decode(target, torch.cat(sources), there.private_code[position])
            error = reconstruction_error(made, there.features[position]) / self._width(target)
            first, *rest = error.split([len(each) for each in positions])
            own.append(Part(first))
            cross += [Part(each) for each in rest]
        return own, cross

    def _anchor(self, target: Tensor, encoded: dict[str, Encoded], names: list[str]) -> Tensor:
        """L_GT or L_lex of these modalities."""
        on_mean = self.config.anchor_on == "mean"
        chosen = [encoded[name] for name in names if name in encoded]
        parts = [anchor_error(each.shared.mean if on_mean else each.shared_code, target[each.rows]) for each in chosen]
        return reduce(parts, self.config.reduction) if parts else target.new_zeros(())

    def _independence(self, encoded: dict[str, Encoded]) -> Tensor:
        """Eqs. 8-9 or what stands for them, over the rows of all processes; the sum (paper) or mean over modalities."""
        config = self.config
        if config.independence == "none" or config.independence_weight == 0:
            return self.prior_mean.new_zeros(())
        values = []
        for each in encoded.values():
            on_mean = config.independence_on == "mean"
            shared = gather_rows(each.shared.mean if on_mean else each.shared_code)
            private = gather_rows(each.private.mean if on_mean else each.private_code)
            if config.independence == "covariance":
                values.append(covariance_penalty(shared, private))
            elif config.independence == "correlation":
                values.append(correlation_penalty(shared, private, (1e-4, 1e-2)))
            else:
                values.append(hsic_penalty(shared, private))
        total = torch.stack(values).sum()
        return total if config.reduction == "paper" else total / len(values)

    def _kl(self, encoded: dict[str, Encoded]) -> list[Part]:
        """Eq. 10, nats."""
        return [
            Part(
                (
                    gaussian_kl(each.shared, self.prior_mean, self.prior_precision)
                    + each.private.kl_to_standard().sum(dim=1)
                )
                / self._width(name)
            )
            for name, each in encoded.items()
        ]

    def _width(self, name: str) -> int:
        return self.config.modalities[name] if self.config.reduction == "default" else 1
