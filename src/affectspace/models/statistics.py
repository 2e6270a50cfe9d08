"""What models on feature vectors take from the training rows before training: moments, label units and closed-form starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models.configuration import FeatureModelConfig
from affectspace.models.erasure import LinearErasure, fit_erasures
from affectspace.models.manifold.config import ManifoldSettings
from affectspace.models.training_rows import FeatureSpace

MIN_DEVIATION = 0.02  # of labels on [-1, 1]: constant labels neither vanish nor get unbounded weight
SHRINKAGE = 0.1  # of the erasure: strong, because it must hold for people who are not among the rows
PENALTIES = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)  # of ridge regressions
PENALTY_PER_ROW = 0.3  # of the skip's ridge where validation has no label to choose by


@dataclass(frozen=True)
class PooledLabels:
    """Labels of several corpora in one unit: the mean and standard deviation of all of them.

    mean, deviation : (3,), pooled; own_deviation : (corpora, 3)
    shift, scale : (corpora, 3), label = scale * pooled + shift
    """

    mean: Tensor
    deviation: Tensor
    own_deviation: Tensor
    shift: Tensor
    scale: Tensor

    def pool(self, affect: Tensor, corpus: Tensor) -> Tensor:
        """Convert labels (rows, 3) to pooled units."""
        return (affect - self.shift[corpus]) / self.scale[corpus]

    def standardise(self, affect: Tensor, corpus: Tensor) -> Tensor:
        """Convert labels (rows, 3) to standard deviations around the pooled mean."""
        return (self.pool(affect, corpus) - self.mean) / self.deviation


@dataclass(frozen=True)
class TrainingStatistics:
    """What a model takes from its training rows, and from no others: see `training_statistics`.

    spaces : modality -> scale, range and directions of its features
    centres : (categories, 3), mean affect of each emotion's rows in pooled units, NaN without any
    pooled : how the corpora's labels are brought to one unit; pooled_covariance : (3, 3), of the labels in it
    lexicon_mean, lexicon_deviation : (3,), of the lexicon's scores; NaN without any
    category_count : (categories,), rows of each emotion
    ridge : modality -> (3, width + 1), weights on standardised features, and intercept, of labels in standard deviations
    erasure : modality -> the erasure of standardised features; both only where the configuration asks for them
    """

    spaces: dict[str, FeatureSpace]
    centres: Tensor
    pooled: PooledLabels
    pooled_covariance: Tensor
    lexicon_mean: Tensor
    lexicon_deviation: Tensor
    category_count: Tensor
    ridge: dict[str, Tensor] = field(default_factory=dict)
    erasure: dict[str, LinearErasure] = field(default_factory=dict)


def training_statistics(
    batch: Batch, config: FeatureModelConfig, validation: Batch | None = None
) -> TrainingStatistics:
    """Compute the statistics of all training rows for `AffectModel.prepare`.

    Parameters
    ----------
    batch : Batch
        Every training row once.
    config : FeatureModelConfig
        The model's configuration, which decides what is computed.
    validation : Batch, optional
        Rows by which the penalty of a manifold's ridge skip is chosen.

    Raises
    ------
    DataError
        For features that are not finite or of another width, a modality without a row, a corpus or emotion that the model
        does not know, and labels that are all missing although the model is anchored to them.
    """
    check_features(batch.features, batch.present, config.modalities)
    _check_rows(batch, config)
    spaces = {name: FeatureSpace.of(batch.features[name][batch.present[name]]) for name in config.modalities}
    link = config.anchors.link if isinstance(config, ManifoldSettings) else "none"
    pooled = pool_labels(batch.affect, batch.corpus, len(config.corpora), link)
    affect = pooled.pool(batch.affect, batch.corpus)
    categories = len(config.categories)
    centres = [affect[batch.category == index].nanmean(dim=0) for index in range(categories)]
    known = batch.category[(batch.category >= 0) & (batch.category < categories)]
    lexicon_mean = batch.lexicon.nanmean(dim=0)
    statistics = TrainingStatistics(
        spaces=spaces,
        centres=torch.stack(centres) if centres else affect.new_zeros(0, 3),
        pooled=pooled,
        pooled_covariance=_pooled_covariance(affect, pooled),
        lexicon_mean=lexicon_mean,
        lexicon_deviation=(batch.lexicon - lexicon_mean).square().nanmean(dim=0).sqrt(),
        category_count=torch.bincount(known, minlength=categories).float(),
    )
    if isinstance(config, ManifoldSettings):
        for name in config.modalities:
            if config.encoder.skip.kind != "none":
                statistics.ridge[name] = _skip_ridge(name, batch, validation, statistics, config.encoder.skip.penalty)
            if config.private.erasure != "none":
                statistics.erasure[name] = _private_erasure(name, batch, statistics, config)
    return statistics


def check_features(features: dict[str, Tensor], present: dict[str, Tensor], modalities: dict[str, int]) -> None:
    """Raise DataError for features of another width or length, or that are not finite in a row that has the modality."""
    rows = next(iter(features.values())).shape[0]  # not len(), which would fix the number of rows in an export
    for name, width in modalities.items():
        if name not in features:
            continue
        values = features[name]
        if values.shape != (rows, width) or present[name].shape != (rows,):
            raise DataError(
                f"modality {name!r} has features {tuple(values.shape)} and a mask {tuple(present[name].shape)}: the model "
                f"needs ({rows}, {width}) and ({rows},); were the features made by another backbone?"
            )
        if torch.compiler.is_compiling():  # an export cannot look at values
            continue
        bad = (present[name] & ~values.isfinite().all(dim=1)).nonzero().squeeze(1).tolist()
        if bad:
            shown = ", ".join(map(str, bad[:8])) + (", ..." if len(bad) > 8 else "")
            column = int((~values[bad[0]].isfinite()).nonzero()[0])
            raise DataError(
                f"modality {name!r} has features that are not finite in {len(bad)} of {int(present[name].sum())} present "
                f"rows (rows {shown}; dimension {column} of row {bad[0]} is {values[bad[0], column].item()}): extract them "
                "again, or mark these rows as absent"
            )


def _check_rows(batch: Batch, config: FeatureModelConfig) -> None:
    for kind, index, names in (
        ("corpus", batch.corpus, config.corpora),
        ("category", batch.category, config.categories),
    ):
        if names and len(index) and int(index.max()) >= len(names):
            raise DataError(f"a row has {kind} {int(index.max())}, the model knows {len(names)}: {', '.join(names)}")
    require_modalities(batch, config.modalities)
    if isinstance(config, ManifoldSettings) and config.anchors.weight > 0 and batch.affect.isnan().all():
        raise DataError(
            f"no training row has {', '.join(AXES)}, but model.anchors.weight is {config.anchors.weight}: choose "
            "labels.source: transferred for corpora that have emotions only, or set model.anchors.weight: 0"
        )


def require_modalities(batch: Batch, modalities: Sequence[str] | dict[str, int]) -> None:
    """Raise DataError where no training row has one of the modalities."""
    for name in modalities:
        if name not in batch.present or not batch.present[name].any():
            raise DataError(
                f"no training row has the modality {name!r}, so that nothing can be learnt about it: leave it out of "
                "model.modalities, or check the ids of its feature store"
            )


def pool_labels(affect: Tensor, corpus: Tensor, corpora: int, link: str) -> PooledLabels:
    """Find the units in which labels (rows, 3), NaN where unknown, are pooled; with link "none" they stay as they are.

    Without a label on an axis the mean is 0 and the deviation 1; a corpus without labels is not moved.
    """
    known = ~affect.isnan()
    mean, deviation = _axis_moments(affect, known)
    known_by_corpus = [known & (corpus == index)[:, None] for index in range(corpora)]
    own_mean, own_deviation = map(
        torch.stack, zip(*(_axis_moments(affect, rows) for rows in known_by_corpus), strict=True)
    )
    labelled = torch.stack([rows.any(dim=0) for rows in known_by_corpus])
    shift, scale = torch.zeros(corpora, 3), torch.ones(corpora, 3)
    if link == "affine":
        scale = torch.where(labelled, own_deviation / deviation, 1.0)
        shift = torch.where(labelled, own_mean - scale * mean, 0.0)
    return PooledLabels(mean, deviation, torch.where(labelled, own_deviation, deviation), shift, scale)


def _axis_moments(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    count = known.sum(dim=0)
    mean = torch.where(known, values, 0.0).sum(dim=0) / count.clamp(min=1)
    squares = torch.where(known, values - mean, 0.0).square().sum(dim=0) / (count - 1).clamp(min=1)
    return mean, torch.where(count > 0, squares.sqrt().clamp(min=MIN_DEVIATION), 1.0)


def _pooled_covariance(affect: Tensor, pooled: PooledLabels) -> Tensor:
    """Correlation of the rows with all axes, scaled by the pooled deviations of every axis, (3, 3)."""
    deviation = pooled.deviation
    complete = affect[~affect.isnan().any(dim=1)].double()
    centred = complete - complete.mean(dim=0)
    covariance = (centred.T @ centred / max(len(complete) - 1, 1)).float()
    spread = covariance.diagonal().sqrt().clamp(min=MIN_DEVIATION)
    correlation = (covariance / (spread[:, None] * spread)).nan_to_num(0.0)
    correlation.fill_diagonal_(1.0)
    return correlation * deviation[:, None] * deviation


def fit_ridge(
    codes: Tensor,
    labels: Tensor,
    validation: tuple[Tensor, Tensor] | None = None,
    *,
    penalties: Sequence[float] = PENALTIES,
    default: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Fit a ridge regression of labels on codes in double precision; return weights (dimensions, axes), intercepts (axes,).

    codes (rows, dimensions); labels (rows, axes), NaN left out per axis. Minimises sum (y - zw - b)^2 + penalty |w|^2. Each
    axis takes the penalty with the least squared error on the validation codes and labels (ties: the larger one), and
    `default` where validation has no label. An axis without a training label has weight 0 and intercept NaN.
    """
    codes, labels = codes.double(), labels.double()
    checked, checked_labels = (codes[:0], labels[:0]) if validation is None else (part.double() for part in validation)
    weight = codes.new_zeros(codes.shape[1], labels.shape[1])
    bias = codes.new_full((labels.shape[1],), torch.nan)
    for axis in range(labels.shape[1]):
        known, judged = ~labels[:, axis].isnan(), ~checked_labels[:, axis].isnan()
        if not known.any():
            continue
        mean, centre = codes[known].mean(dim=0), labels[known, axis].mean()
        centred = codes[known] - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred)
        projected = vectors.T @ (centred.T @ (labels[known, axis] - centre))
        best = torch.inf
        for penalty in sorted(penalties, reverse=True) if judged.any() else (default,):
            guess = vectors @ (projected / (values.clamp(min=0) + penalty))
            offset = centre - mean @ guess
            error = (checked[judged] @ guess + offset - checked_labels[judged, axis]).square().mean().item()
            if not judged.any() or error < best:
                best, weight[:, axis], bias[axis] = error, guess, offset
    return weight, bias


def _present_rows(name: str, batch: Batch, statistics: TrainingStatistics) -> tuple[Tensor, Tensor]:
    """Positions (n,) of the rows that have a modality, and their standardised features (n, width)."""
    rows = batch.present[name].nonzero().squeeze(1)
    return rows, statistics.spaces[name].standardise(batch.features[name][rows])


def _skip_ridge(
    name: str,
    batch: Batch,
    validation: Batch | None,
    statistics: TrainingStatistics,
    penalty: float | None,
) -> Tensor:
    """Weights and intercept of the labels in standard deviations, (3, width + 1); zero for an axis without labels."""
    rows, features = _present_rows(name, batch, statistics)
    targets = statistics.pooled.standardise(batch.affect[rows], batch.corpus[rows])
    checked = None
    if penalty is None and validation is not None:
        rows, checked_features = _present_rows(name, validation, statistics)
        labels = statistics.pooled.standardise(validation.affect[rows], validation.corpus[rows])
        checked = checked_features, labels
    weight, bias = fit_ridge(features, targets, checked, default=(penalty or PENALTY_PER_ROW) * len(features))
    return torch.cat([weight.T, bias[:, None]], dim=1).nan_to_num(0.0).float()


def _private_erasure(
    name: str, batch: Batch, statistics: TrainingStatistics, config: ManifoldSettings
) -> LinearErasure:
    """Erasure of the emotion, of affect, or of both, from a modality's features."""
    rows, features = _present_rows(name, batch, statistics)
    kind = config.private.erasure
    return fit_erasures(
        features,
        batch.category[rows] if kind in ("emotion", "both") else None,
        len(config.categories),
        statistics.pooled.standardise(batch.affect[rows], batch.corpus[rows]) if kind in ("affect", "both") else None,
        SHRINKAGE,
    )
