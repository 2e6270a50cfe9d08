"""What every model on feature vectors shares: batches with masks, standardisation from the training rows, fusion, calibration.

A row may lack any modality and any label. What is absent is masked: it takes no part in a loss, a statistic or a fusion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from affectspace.configuration import Configuration
from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError
from affectspace.models.erasure import LinearErasure
from affectspace.models.label_links import PooledLabels
from affectspace.models.losses import LossTerms
from affectspace.models.posteriors import Posterior
from affectspace.models.pretrained import Pretrained


class FeatureModelConfig(Configuration):
    """What every model on feature vectors must know."""

    modalities: dict[str, int] = Field(min_length=1, description="name of each modality -> width of its vectors")
    categories: tuple[str, ...] = Field((), description="emotions, in the order of the batch's indices")
    corpora: tuple[str, ...] = Field(
        ("corpus",), description="names of the training corpora, in the order of the indices"
    )
    fusion: Literal["mean", "precision"] = Field(
        "precision", description="of the modalities' affect: plain mean, or weighted by 1 / variance"
    )

    @field_validator("modalities")
    @classmethod
    def _plain_names(cls, modalities: dict[str, int]) -> dict[str, int]:
        for name, width in modalities.items():
            if not name.isidentifier():
                raise ValueError(f"modality {name!r} must be a plain word, such as audio or action_units")
            if width < 1:
                raise ValueError(f"modality {name!r} has width {width}; a vector has at least one dimension")
        return modalities


@dataclass(frozen=True)
class TrainingStatistics:
    """What a model takes from its training rows before it trains, and from no others: see `training_statistics`.

    feature_mean, feature_scale : modality -> (width,); scale is the standard deviation, 1 where a dimension is constant
    label_mean : (corpora, 3), label_covariance : (corpora, 3, 3), of the rows with all axes known; NaN without any
    centres : (categories, 3), mean affect of each emotion's rows, NaN without any; pooled units where corpora are linked

    What only the manifold needs; empty where it is not asked for:
    pooled : how the corpora's labels are brought to one unit; pooled_covariance : (3, 3), of the labels in it
    lexicon_mean, lexicon_deviation : (3,), of the lexicon's scores; NaN without any
    category_count : (categories,) rows of each emotion
    ridge : modality -> (3, width + 1), weights on standardised features, and intercept, of pooled labels in deviations
    erasure : modality -> what takes a concept out of standardised features
    """

    feature_mean: dict[str, Tensor]
    feature_scale: dict[str, Tensor]
    label_mean: Tensor
    label_covariance: Tensor
    centres: Tensor
    pooled: PooledLabels | None = None
    pooled_covariance: Tensor = field(default_factory=lambda: torch.full((3, 3), torch.nan))
    lexicon_mean: Tensor = field(default_factory=lambda: torch.full((3,), torch.nan))
    lexicon_deviation: Tensor = field(default_factory=lambda: torch.full((3,), torch.nan))
    category_count: Tensor = field(default_factory=lambda: torch.zeros(0))
    ridge: dict[str, Tensor] = field(default_factory=dict)
    erasure: dict[str, LinearErasure] = field(default_factory=dict)


@dataclass(frozen=True)
class Representation:
    """What a model says of rows. Posteriors' means are what is evaluated. Absent rows hold anything: use `present`.

    shared, private : modality -> posterior of its latents; a model without one of the kinds leaves the dict empty
    affect, deviation : modality -> (batch, 3), valence, arousal, dominance read from it alone, and their standard deviation
    fused, fused_deviation : (batch, 3) of all modalities that the row has; NaN for a row without any
    """

    shared: dict[str, Posterior]
    private: dict[str, Posterior]
    affect: dict[str, Tensor]
    deviation: dict[str, Tensor]
    fused: Tensor
    fused_deviation: Tensor


class AffectModel(Pretrained, ABC):
    """Base of the models on feature vectors; subclasses give `loss` and `represent`."""

    config: FeatureModelConfig

    def __init__(self, config: FeatureModelConfig) -> None:
        super().__init__()
        self.config = config
        self.statistics = nn.Module()
        for name, width in config.modalities.items():
            self.statistics.register_buffer(f"mean_{name}", torch.zeros(width))
            self.statistics.register_buffer(f"scale_{name}", torch.ones(width))

    def prepare(self, statistics: TrainingStatistics) -> None:
        """Take over the training rows' statistics, once, before training."""
        for name in self.config.modalities:
            self._statistic(f"mean_{name}").copy_(statistics.feature_mean[name])
            self._statistic(f"scale_{name}").copy_(statistics.feature_scale[name])

    def after_training(self, train: FeatureBatch, validation: FeatureBatch) -> None:
        """What is fitted in closed form once the weights are final: read-outs on train, calibration on validation."""

    def _statistic(self, name: str) -> Tensor:
        return self.statistics.get_buffer(name)

    def standardise(self, name: str, features: Tensor, present: Tensor) -> Tensor:
        """Features of a modality in standard deviations of train, zero in absent rows, (batch, width)."""
        scaled = self.scaled(name, features)
        return torch.where(present[:, None], scaled, torch.zeros_like(scaled))

    def scaled(self, name: str, features: Tensor) -> Tensor:
        """The same of rows that all have the modality."""
        return (features - self._statistic(f"mean_{name}")) / self._statistic(f"scale_{name}")

    def given(
        self, features: dict[str, Tensor], present: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and masks of all modalities; one that is not given is absent from every row.

        Raises DataError for an unknown modality, none at all, or features that do not fit the model or their mask.
        """
        known = ", ".join(self.config.modalities)
        unknown = [name for name in features if name not in self.config.modalities]
        if unknown or not features:
            said = f"modality {unknown[0]!r} is none of the model's" if unknown else "no modality is given"
            raise DataError(f"{said}: it reads {known}")
        first = next(iter(features.values()))
        rows = first.shape[0]  # not len(), which would fix the number of rows in an export
        whole, there = {}, {}
        for name, width in self.config.modalities.items():
            if name not in features:
                whole[name] = first.new_zeros(rows, width)
                there[name] = torch.zeros(rows, dtype=torch.bool, device=first.device)
                continue
            if features[name].shape != (rows, width) or present[name].shape != (rows,):
                raise DataError(
                    f"modality {name!r} has features {tuple(features[name].shape)} and a mask "
                    f"{tuple(present[name].shape)}: the model needs ({rows}, {width}) and ({rows},); "
                    "were the features made by another backbone?"
                )
            whole[name], there[name] = features[name], present[name]
        return whole, there

    @abstractmethod
    def loss(
        self, batch: FeatureBatch, generator: torch.Generator | None = None, *, progress: float = 1.0
    ) -> LossTerms:
        """Named terms and their weighted total; `progress` in [0, 1] is how far the training has come, for warm-ups."""

    @abstractmethod
    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Posteriors and affect of rows, without noise."""


def fuse(
    affect: dict[str, Tensor], deviation: dict[str, Tensor], present: dict[str, Tensor], method: str
) -> tuple[Tensor, Tensor]:
    """Affect of all modalities that a row has, and its standard deviation, each (batch, 3); NaN for a row without any.

    "mean" is the plain mean, its deviation that of a mean of independent errors; "precision" weighs by 1 / variance (the
    product of Gaussian experts). Both take the modalities' errors as independent; calibration corrects what is not.
    """
    names = list(affect)
    means = torch.stack([affect[name] for name in names])
    variance = torch.stack([deviation[name] for name in names]).square()
    there = torch.stack([present[name] for name in names])[..., None].expand_as(means)
    weight = torch.where(there, variance.reciprocal() if method == "precision" else torch.ones_like(means), 0.0)
    total = weight.sum(dim=0)
    share = weight / total.clamp(min=torch.finfo(means.dtype).tiny)
    fused = (share * torch.where(there, means, 0.0)).sum(dim=0)
    spread = (share.square() * torch.where(there, variance, 0.0)).sum(dim=0).sqrt()
    nothing = total == 0
    return fused.masked_fill(nothing, float("nan")), spread.masked_fill(nothing, float("nan"))
