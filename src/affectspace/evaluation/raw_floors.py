"""Floors on raw features, without a network: ridge regression, and a softmax over emotions read as affect.

A floor is fitted once and then called with the features of any rows. What is chosen is chosen on validation, or on inner
folds of the training people; `refitted` then takes more rows with the same choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression

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
from affectspace.evaluation.probes import REGULARISATION, linear_probe
from affectspace.evaluation.readouts import PENALTIES, ridge_solutions

INNER_FOLDS = 5
ITERATIONS = 500


@dataclass(frozen=True, eq=False)
class LinearMap:
    """(n, k) features -> (n, outputs): standardised columns, each times its factor, then weights and bias.

    factors : (k,), None for ones; weights : (kept columns, outputs); bias : (outputs,)
    """

    scale: Standardiser
    factors: Floats | None
    weights: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        return scaled(self.scale, self.factors, features) @ self.weights + self.bias


def scaled(scale: Standardiser, factors: Floats | None, features: Floats) -> Floats:
    """Standardised columns, each times its factor; a floor shrinks what has a small one more."""
    values = scale(features)
    return values if factors is None or not len(scale.columns) else values * factors[scale.columns]


@dataclass(frozen=True, eq=False)
class RidgeFloor:
    """A ridge regression that was fitted; call it with (n, k) features for (n, targets), or (n,) as the labels came.

    maps : targets that have the same labelled rows, and what reads them; single : whether labels came as (n,)
    chosen : the penalty of each target; validation_mse : of each with that penalty, no result to report
    """

    maps: tuple[tuple[np.ndarray, LinearMap], ...]
    factors: Floats | None
    chosen: tuple[float, ...]
    validation_mse: tuple[float, ...]
    single: bool

    def __call__(self, features: ArrayLike) -> Floats:
        values = feature_matrix(features, "features")
        found = np.empty((len(values), len(self.chosen)))
        for targets, read in self.maps:
            found[:, targets] = read(values)
        return found[:, 0] if self.single else found

    def refitted(self, features: ArrayLike, labels: ArrayLike) -> RidgeFloor:
        """The same penalties fitted to these rows: features (n, k), labels as before."""
        x, y, _ = _ridge_rows(features, labels, "these")
        return replace(self, maps=_ridge_maps(x, y, self.chosen, self.factors))


@dataclass(frozen=True, eq=False)
class SoftmaxFloor:
    """A softmax over emotions that was fitted; call it with (n, k) features for expected affect, (n, axes).

    classes : the emotions; centres : (classes, axes); chosen : C
    """

    read: LinearMap
    classes: np.ndarray
    centres: Floats
    chosen: float

    def __call__(self, features: ArrayLike) -> Floats:
        return self.probabilities(features) @ self.centres

    def probabilities(self, features: ArrayLike) -> Floats:
        """(n, classes); classes weighed alike in training, so they follow a uniform prior."""
        logits = self.read(feature_matrix(features, "features"))
        values = np.exp(logits - logits.max(axis=1, keepdims=True))
        return values / values.sum(axis=1, keepdims=True)

    def refitted(self, features: ArrayLike, emotions: ArrayLike, centres: Mapping[str, ArrayLike]) -> SoftmaxFloor:
        """The same C fitted to these rows, with these centres."""
        return _softmax(features, emotions, centres, self.chosen)


def ridge_floor(
    train: ArrayLike,
    train_y: ArrayLike,
    *,
    validation: ArrayLike | None = None,
    validation_y: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    penalties: Sequence[float] = PENALTIES,
    factors: ArrayLike | None = None,
) -> RidgeFloor:
    """Ridge regression on raw features, one penalty a target: chosen on validation, or on inner folds of the training people.

    Features (n, k), labels (n,) or (n, targets), NaN left out per target. Give `validation` and `validation_y`, or `groups`
    (n_train,), people: up to five folds of them (leaving single rows out would know the speaker), then a fit on all of train.
    `validation_mse` is then the out-of-fold one. factors : (k,), see `LinearMap`. Ties go to the larger penalty. Raises
    ConfigError where both or neither are given and for the penalties; DataError for features that are not finite or differ in
    width, for a target without labels and for fewer than three people.
    """
    if (groups is None) == (validation is None) or (validation is None) != (validation_y is None):
        raise ConfigError("give validation with validation_y, or groups for inner folds, and not both")
    if not len(penalties) or min(penalties) <= 0:
        raise ConfigError(f"penalties is {tuple(penalties)}: it needs at least one, each above 0")
    ordered = sorted(map(float, penalties), reverse=True)
    x, y, single = _ridge_rows(train, train_y, "train")
    weights = None if factors is None else as_floats(factors, "factors")
    with one_thread():
        if groups is None:
            assert validation is not None
            assert validation_y is not None
            vx, vy, _ = _ridge_rows(validation, validation_y, "validation", x.shape[1])
            if vy.shape[1] != y.shape[1]:
                raise DataError(f"train has {y.shape[1]} targets and validation {vy.shape[1]}: give the same")
            errors = _errors(x, y, vx, vy, ordered, weights)
        else:
            errors = _inner_errors(x, y, np.asarray(groups), ordered, weights)
        best = errors.argmin(axis=0)
        chosen = tuple(ordered[place] for place in best)
        maps = _ridge_maps(x, y, chosen, weights)
    return RidgeFloor(maps, weights, chosen, tuple(map(float, errors.min(axis=0))), single)


def _ridge_rows(
    features: ArrayLike, labels: ArrayLike, what: str, width: int | None = None
) -> tuple[Floats, Floats, bool]:
    """Features, labels as (n, targets), and whether they came as (n,)."""
    x, y = feature_matrix(features, f"{what} features", width), as_floats(labels, f"{what} labels")
    require_same_length(len(x), f"{what} features", len(y), f"{what} labels")
    if y.ndim not in (1, 2):
        raise DataError(f"{what} labels have shape {y.shape}: (n,) or (n, targets)")
    if np.isinf(y).any():
        raise DataError(f"{what} labels are infinite: use NaN for 'not annotated'")
    single = y.ndim == 1
    y = y[:, None] if single else y
    unlabelled = np.flatnonzero(np.isnan(y).all(axis=0))
    if len(unlabelled):
        raise DataError(f"no {what} row is annotated for target {unlabelled[0]}: leave that target out")
    return x, y, single


def _alike(y: Floats) -> list[tuple[np.ndarray, np.ndarray]]:
    """Targets with the same labelled rows, and those rows, so that they are solved at once."""
    known = ~np.isnan(y)
    found: dict[bytes, list[int]] = {}
    for target in range(y.shape[1]):
        found.setdefault(known[:, target].tobytes(), []).append(target)
    return [(np.array(targets), np.flatnonzero(known[:, targets[0]])) for targets in found.values()]


def _errors(x: Floats, y: Floats, vx: Floats, vy: Floats, penalties: Sequence[float], factors: Floats | None) -> Floats:
    """(penalties, targets) mean squared errors on the labelled validation rows."""
    errors = np.empty((len(penalties), y.shape[1]))
    for targets, rows in _alike(y):
        scale = Standardiser.fit(x[rows])
        outer = scaled(scale, factors, vx)
        for place, (weights, bias) in enumerate(
            ridge_solutions(scaled(scale, factors, x[rows]), y[rows][:, targets], penalties)
        ):
            errors[place, targets] = np.nanmean((vy[:, targets] - outer @ weights - bias) ** 2, axis=0)
    return errors


def _inner_errors(
    x: Floats, y: Floats, groups: np.ndarray, penalties: Sequence[float], factors: Floats | None
) -> Floats:
    """(penalties, targets) mean squared errors out of fold over the people of train."""
    require_same_length(len(x), "train features", len(groups), "groups")
    errors = np.empty((len(penalties), y.shape[1]))
    for target in range(y.shape[1]):
        rows = np.flatnonzero(~np.isnan(y[:, target]))
        own, people, labels = x[rows], groups[rows], y[rows, target : target + 1]
        folds = min(INNER_FOLDS, group_codes(people, len(people))[1])
        if folds < 3:
            raise DataError("the inner folds need at least three people with labels in train: give validation instead")
        total = np.zeros(len(penalties))
        for fold in grouped_folds(people, folds=folds):
            rest = np.concatenate([fold.train, fold.validation])
            each = _errors(own[rest], labels[rest], own[fold.test], labels[fold.test], penalties, factors)
            total += len(fold.test) * each[:, 0]
        errors[:, target] = total / len(rows)
    return errors


def _ridge_maps(
    x: Floats, y: Floats, chosen: Sequence[float], factors: Floats | None
) -> tuple[tuple[np.ndarray, LinearMap], ...]:
    maps = []
    with one_thread():
        for targets, rows in _alike(y):
            scale = Standardiser.fit(x[rows])
            penalties = [chosen[target] for target in targets]
            solved = ridge_solutions(scaled(scale, factors, x[rows]), y[rows][:, targets], penalties)
            weights = np.column_stack([solved[place][0][:, place] for place in range(len(targets))])
            bias = np.array([solved[place][1][place] for place in range(len(targets))])
            maps.append((targets, LinearMap(scale, factors, weights, bias)))
    return tuple(maps)


def softmax_floor(
    train: ArrayLike,
    train_emotions: ArrayLike,
    validation: ArrayLike,
    validation_emotions: ArrayLike,
    centres: Mapping[str, ArrayLike],
    *,
    grid: Sequence[float] = REGULARISATION,
) -> SoftmaxFloor:
    """Multinomial logistic regression over emotions, C chosen by validation UAR, and the expected affect of its posterior.

    centres : emotion -> (axes,), published ones or `class_centres` of train; those of every training emotion must be there.
    Where labels are a function of the emotion (RAVDESS' proxies) this is the floor; it is no evidence for regression. Classes
    weigh alike. Raises DataError for an emotion without a centre, and as `linear_probe`.
    """
    probe = linear_probe(train, train_emotions, validation, validation_emotions, validation, grid=grid)
    return _softmax(train, train_emotions, centres, probe.chosen["C"])


def _softmax(
    features: ArrayLike, emotions: ArrayLike, centres: Mapping[str, ArrayLike], strength: float
) -> SoftmaxFloor:
    names, known = known_labels(emotions, "emotions")
    x = feature_matrix(features, "features")
    require_same_length(len(x), "features", len(names), "emotions")
    x, names = x[known], names[known].astype(str)
    missing = [name for name in np.unique(names).tolist() if name not in centres]
    if missing:
        raise DataError(
            f"train has the emotions {', '.join(missing)}, which have no centre: add them, or leave them out"
        )
    scale = Standardiser.fit(x)
    model: Any = LogisticRegression(C=strength, class_weight="balanced", max_iter=ITERATIONS)
    with one_thread():
        model.fit(scale(x), names)
    table = np.stack([as_floats(centres[name], f"centre of {name}") for name in model.classes_])
    if not np.isfinite(table).all():
        bad = model.classes_[~np.isfinite(table).all(axis=1)]
        raise DataError(f"the centre of {bad[0]} is not finite: a centre needs every axis that is to be predicted")
    weights, bias = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:  # one logit, of the second class
        weights, bias = np.column_stack([np.zeros(len(weights)), weights[:, 0]]), np.array([0.0, bias[0]])
    return SoftmaxFloor(LinearMap(scale, None, weights, bias), model.classes_, table, float(strength))


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
