"""What models on feature vectors take from the training rows before they train: means, spreads, and closed-form starts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from affectspace.affect import AXES
from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError
from affectspace.models.affect_model import FeatureModelConfig, TrainingStatistics
from affectspace.models.erasure import LinearErasure, fit_erasure
from affectspace.models.label_links import LEAST_DEVIATION, PooledLabels, pool_labels
from affectspace.models.manifold_config import ManifoldSettings
from affectspace.models.ridge import fit_ridge

SHRINKAGE = 0.1  # of the erasure: what is erased must be there in people of whom there are no rows
UNCHOSEN_PENALTY = 0.3  # share of the rows, where validation has no label to choose by


def training_statistics(
    batch: FeatureBatch, config: FeatureModelConfig, validation: FeatureBatch | None = None
) -> TrainingStatistics:
    """Statistics of all training rows, for `AffectModel.prepare`.

    batch : every training row once; validation : where the ridge of a manifold's skip takes its penalty from
    Raises DataError for features that are not finite, a modality without a row, and labels that are all missing though the
    model is anchored to them.
    """
    check_features(batch.features, batch.present, config)
    _check_training(batch, config)
    mean, scale = {}, {}
    for name in config.modalities:
        values = batch.features[name][batch.present[name]]
        mean[name] = values.double().mean(dim=0).float()
        spread = values.double().var(dim=0, correction=0).sqrt()
        constant = spread <= 1e-6 * values.abs().amax(dim=0).double().clamp(min=1e-6)
        scale[name] = torch.where(constant, 1.0, spread).float()
    corpora = len(config.corpora)
    moments = [_label_moments(batch.affect[batch.corpus == index]) for index in range(corpora)]
    pooled = pool_labels(
        batch.affect, batch.corpus, corpora, config.link if isinstance(config, ManifoldSettings) else "none"
    )
    affect = pooled.pool(batch.affect, batch.corpus)
    known = batch.category[(batch.category >= 0) & (batch.category < len(config.categories))]
    lexicon_mean = batch.lexicon.nanmean(dim=0)
    statistics = TrainingStatistics(
        feature_mean=mean,
        feature_scale=scale,
        label_mean=torch.stack([each for each, _ in moments]),
        label_covariance=torch.stack([each for _, each in moments]),
        centres=_centres(affect, batch.category, len(config.categories)),
        pooled=pooled,
        pooled_covariance=_pooled_covariance(affect, pooled),
        lexicon_mean=lexicon_mean,
        lexicon_deviation=(batch.lexicon - lexicon_mean).square().nanmean(dim=0).sqrt(),
        category_count=torch.bincount(known, minlength=len(config.categories)).float(),
    )
    if not isinstance(config, ManifoldSettings):
        return statistics
    for name in config.modalities:
        train = _standard_rows(batch, name, statistics)
        targets = (affect[train.rows] - pooled.mean) / pooled.deviation
        if config.skip != "none":
            checked = None if validation is None else _standard_rows(validation, name, statistics)
            statistics.ridge[name] = _ridge(train, targets, checked, validation, pooled, config.skip_penalty)
        if config.private_erasure != "none":
            category = batch.category[train.rows]
            statistics.erasure[name] = _erasure(train.features, targets, category, config)
    return statistics


def check_features(vectors: dict[str, Tensor], masks: dict[str, Tensor], config: FeatureModelConfig) -> None:
    """Raises DataError where a modality's features have another width than the model's, or are not finite in a present row."""
    for name, width in config.modalities.items():
        features, present = vectors[name], masks[name]
        if features.shape[1:] != (width,):
            raise DataError(
                f"modality {name!r} has vectors of shape {tuple(features.shape[1:])}, the model needs ({width},): "
                "were they made by another backbone?"
            )
        bad = (present & ~features.isfinite().all(dim=1)).nonzero().squeeze(1).tolist()
        if bad:
            shown = ", ".join(map(str, bad[:8])) + (", ..." if len(bad) > 8 else "")
            raise DataError(
                f"modality {name!r} has features that are not finite in {len(bad)} of {int(present.sum())} present rows "
                f"(rows {shown}): extract them again, or mark these rows as absent"
            )


def _check_training(batch: FeatureBatch, config: FeatureModelConfig) -> None:
    for what, index, names in (
        ("corpus", batch.corpus, config.corpora),
        ("category", batch.category, config.categories),
    ):
        if names and len(index) and int(index.max()) >= len(names):
            raise DataError(f"a row has {what} {int(index.max())}, the model knows {len(names)}: {', '.join(names)}")
    for name in config.modalities:
        if not batch.present[name].any():
            raise DataError(
                f"no training row has the modality {name!r}, so that nothing of it can be learnt: leave it out of "
                "model.modalities, or look at the ids of its feature store"
            )
    if not isinstance(config, ManifoldSettings):
        return
    if config.anchor_weight > 0 and batch.affect.isnan().all():
        raise DataError(
            f"no training row has {', '.join(AXES)}, but model.anchor_weight is {config.anchor_weight}: choose "
            "labels.source: transferred for corpora that have emotions only, or set model.anchor_weight: 0"
        )


def _label_moments(affect: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3) of the rows with all axes; NaN without any."""
    whole = affect[~affect.isnan().any(dim=1)].double()
    if not len(whole):
        return torch.full((3,), torch.nan), torch.full((3, 3), torch.nan)
    around = whole - whole.mean(dim=0)
    return whole.mean(dim=0).float(), (around.T @ around / max(len(whole) - 1, 1)).float()


def _pooled_covariance(affect: Tensor, pooled: PooledLabels) -> Tensor:
    """Correlation of the rows with all axes, with the pooled deviations of every axis, (3, 3)."""
    deviation = pooled.deviation
    covariance = _label_moments(affect)[1]
    spread = covariance.diagonal().sqrt().clamp(min=LEAST_DEVIATION)
    correlation = (covariance / (spread[:, None] * spread)).nan_to_num(0.0)
    correlation.fill_diagonal_(1.0)
    return correlation * deviation[:, None] * deviation


def _centres(affect: Tensor, category: Tensor, categories: int) -> Tensor:
    """(categories, 3), NaN for an emotion or axis without a label."""
    centres = [affect[category == index].nanmean(dim=0) for index in range(categories)]
    return torch.stack(centres) if centres else affect.new_zeros(0, 3)


@dataclass(frozen=True)
class _StandardRows:
    """The rows that have a modality, (n,), and their standardised features, (n, width)."""

    rows: Tensor
    features: Tensor


def _standard_rows(batch: FeatureBatch, name: str, statistics: TrainingStatistics) -> _StandardRows:
    rows = batch.present[name].nonzero().squeeze(1)
    features = (batch.features[name][rows] - statistics.feature_mean[name]) / statistics.feature_scale[name]
    return _StandardRows(rows, features)


def _ridge(
    train: _StandardRows,
    targets: Tensor,
    checked: _StandardRows | None,
    validation: FeatureBatch | None,
    pooled: PooledLabels,
    penalty: float | None,
) -> Tensor:
    """Weights and intercept of pooled labels in standard deviations, (3, width + 1); zero for an axis without labels."""
    features = train.features
    none = features.new_zeros(0, features.shape[1]), features.new_zeros(0, 3)
    if penalty is None and checked is not None and validation is not None:
        labels = pooled.pool(validation.affect[checked.rows], validation.corpus[checked.rows])
        if not labels.isnan().all():
            weight, bias = fit_ridge(features, targets, checked.features, (labels - pooled.mean) / pooled.deviation)
            return torch.cat([weight.T, bias[:, None]], dim=1).nan_to_num(0.0).float()
    root = ((penalty or UNCHOSEN_PENALTY) * len(features)) ** 0.5
    weight, bias = fit_ridge(features / root, targets, *none)  # its penalty is 1 without validation
    return torch.cat([weight.T / root, bias[:, None]], dim=1).nan_to_num(0.0).float()


def _erasure(features: Tensor, targets: Tensor, category: Tensor, config: ManifoldSettings) -> LinearErasure:
    """Erasure of the emotion, of affect, or of one after the other: what is uncorrelated stays so in a linear map."""
    done: list[LinearErasure] = []
    if config.private_erasure in ("emotion", "both"):
        known = category >= 0
        one_hot = F.one_hot(category[known], len(config.categories)).double()
        done.append(fit_erasure(features[known], one_hot, len(config.categories), SHRINKAGE))
    if config.private_erasure in ("affect", "both"):
        known = ~targets.isnan().any(dim=1)
        rest = done[0](features[known]) if done else features[known]
        done.append(fit_erasure(rest, targets[known], len(AXES), SHRINKAGE))
    return done[0] if len(done) == 1 else done[0].then(done[1])
