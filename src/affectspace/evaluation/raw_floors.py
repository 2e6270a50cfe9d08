"""Floors on raw features, without a network: ridge regression, and a softmax over emotions read as affect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.fitting import Standardiser, one_thread
from affectspace.evaluation.folds import grouped_folds
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    feature_matrix,
    group_codes,
    known_labels,
    require_same_length,
)
from affectspace.evaluation.probes import REGULARISATION, ProbeResult, linear_probe
from affectspace.evaluation.readouts import PENALTIES, ReadoutResult, linear_readout

INNER_FOLDS = 5


@dataclass(frozen=True)
class SoftmaxFloor:
    """predictions : (n_test, axes), expected affect; probe : what the softmax itself says."""

    predictions: Floats
    probe: ProbeResult


def ridge_floor(
    train: ArrayLike,
    train_y: ArrayLike,
    test: ArrayLike,
    *,
    validation: ArrayLike | None = None,
    validation_y: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> ReadoutResult:
    """Ridge regression on raw features, one penalty a target: chosen on validation, or on inner folds of the training people.

    Features (n, k), labels (n,) or (n, targets), NaN left out per target. Give `validation` and `validation_y`, or `groups`
    (n_train,), people: up to five folds of them (leaving single rows out would know the speaker), then a fit on all of train.
    `validation_mse` is then the out-of-fold one. Raises ConfigError where both or neither are given, DataError as
    `linear_readout` and for fewer than three people.
    """
    if (groups is None) == (validation is None) or (validation is None) != (validation_y is None):
        raise ConfigError("give validation with validation_y, or groups for inner folds, and not both")
    if groups is None:
        assert validation is not None
        assert validation_y is not None
        return linear_readout(train, train_y, validation, validation_y, test, penalties=penalties)
    x, y = feature_matrix(train, "train features"), as_floats(train_y, "train labels")
    require_same_length(len(x), "train features", len(y), "train labels")
    people = np.asarray(groups)
    single = y.ndim == 1
    fitted: list[tuple[ReadoutResult, float]] = []
    for target in (y[:, None] if single else y).T:
        rows = ~np.isnan(target)
        if not rows.any():
            raise DataError(f"no train row is annotated for target {len(fitted)}: leave that target out")
        penalty, error = _inner_choice(x[rows], target[rows], people[rows], penalties)
        kept = x[rows], target[rows]
        fitted.append((linear_readout(*kept, *kept, test, penalties=[penalty]), error))
    predictions = np.column_stack([one.predictions for one, _ in fitted])
    chosen = tuple(one.chosen[0] for one, _ in fitted)
    return ReadoutResult(predictions[:, 0] if single else predictions, chosen, tuple(error for _, error in fitted))


def _inner_choice(x: Floats, y: Floats, groups: np.ndarray, penalties: Sequence[float]) -> tuple[float, float]:
    """The penalty of least out-of-fold squared error, the larger at a tie, and that error."""
    ordered = sorted(map(float, penalties), reverse=True)
    folds = min(INNER_FOLDS, group_codes(groups, len(groups))[1])
    if folds < 3:
        raise DataError("the inner folds need at least three people with labels in train: give validation instead")
    errors = np.zeros(len(ordered))
    with one_thread():
        for fold in grouped_folds(groups, folds=folds):
            rest = np.concatenate([fold.train, fold.validation])
            scale = Standardiser.fit(x[rest])
            inner, outer, centre = scale(x[rest]), scale(x[fold.test]), y[rest].mean()
            values, vectors = np.linalg.eigh(inner.T @ inner)
            toward = vectors.T @ (inner.T @ (y[rest] - centre))
            for place, penalty in enumerate(ordered):
                guess = centre + outer @ (vectors @ (toward / (np.maximum(values, 0.0) + penalty)))
                errors[place] += float(np.sum((y[fold.test] - guess) ** 2))
    best = int(errors.argmin())
    return ordered[best], float(errors[best] / len(y))


def softmax_floor(
    train: ArrayLike,
    train_emotions: ArrayLike,
    validation: ArrayLike,
    validation_emotions: ArrayLike,
    test: ArrayLike,
    centres: Mapping[str, ArrayLike],
    *,
    grid: Sequence[float] = REGULARISATION,
) -> SoftmaxFloor:
    """Multinomial logistic regression over emotions, C chosen by validation UAR, and the expected affect of its posterior.

    centres : emotion -> (axes,), published ones or `class_centres` of train; those of every training emotion must be there.
    Where labels are a function of the emotion (RAVDESS' proxies) this is the floor; it is no evidence for regression. Classes
    weigh alike. Raises DataError for an emotion without a centre, and as `linear_probe`.
    """
    probe = linear_probe(train, train_emotions, validation, validation_emotions, test, grid=grid)
    missing = [str(name) for name in probe.classes if name not in centres]
    if missing:
        raise DataError(
            f"train has the emotions {', '.join(missing)}, which have no centre: add them, or leave them out"
        )
    table = np.stack([as_floats(centres[name], f"centre of {name}") for name in probe.classes])
    if not np.isfinite(table).all():
        bad = probe.classes[~np.isfinite(table).all(axis=1)]
        raise DataError(f"the centre of {bad[0]} is not finite: a centre needs every axis that is to be predicted")
    return SoftmaxFloor(probe.probabilities @ table, probe)


def class_centres(emotions: ArrayLike, affect: ArrayLike) -> dict[str, Floats]:
    """Mean affect of the rows of each emotion, emotion -> (axes,); emotions (n,), affect (n, axes), NaN left out per axis.

    An axis without a label of an emotion is NaN.
    """
    names, known = known_labels(emotions, "emotions")
    values = as_floats(affect, "affect")
    require_same_length(len(names), "emotions", len(values), "affect")
    if values.ndim != 2:
        raise DataError(f"affect has shape {values.shape}: it must be (n, axes)")
    centres = {}
    for name in sorted(set(names[known].tolist())):
        rows = values[known & (names == name)]
        counted = ~np.isnan(rows)
        total = np.where(counted, rows, 0.0).sum(axis=0)
        centres[str(name)] = np.where(counted.any(axis=0), total / np.maximum(counted.sum(axis=0), 1), np.nan)
    return centres
