"""What probes, read-outs and floors share: checked rows, standardising by the training rows, and the choice on validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from threadpoolctl import threadpool_limits

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import (
    Floats,
    as_floats,
    feature_matrix,
    known_labels,
    plain_labels,
    require_same_length,
)


def one_thread() -> AbstractContextManager:
    """Limit linear algebra to one thread.

    The matrices here are small: more threads are no faster on a quiet machine, 20 times slower on a busy one, and change
    the last digits.
    """
    return threadpool_limits(limits=1)


class Standardiser(TransformerMixin, BaseEstimator):
    """Scale columns to mean 0 and standard deviation 1 by the training rows; leave out columns that are constant there.

    Unlike scikit-learn's scaler it never passes on a column that varies in test rows only. If all columns are constant it
    returns one column of zeros, so that a model of a collapsed latent can still be fitted.
    """

    n_features_in_: int
    columns_: NDArray[np.int64]
    mean_: Floats
    scale_: Floats

    def fit(self, X: Floats, y: Any = None) -> Standardiser:
        """Learn from training features (n, k)."""
        self.n_features_in_ = X.shape[1]
        mean, scale = X.mean(axis=0), X.std(axis=0)
        self.columns_ = np.flatnonzero(scale > 1e-9 * (1e-9 + np.abs(mean)))
        self.mean_, self.scale_ = mean[self.columns_], scale[self.columns_]
        return self

    def transform(self, X: Floats) -> Floats:
        """Map (n, k) to (n, kept columns)."""
        if len(self.columns_) == 0:
            return np.zeros((len(X), 1))
        return (X[:, self.columns_] - self.mean_) / self.scale_


def rows_with_classes(
    features: ArrayLike, labels: ArrayLike, part: str, width: int | None = None
) -> tuple[Floats, NDArray]:
    """Features and labels of the rows of a part that have a label. Raises DataError if there are none."""
    x = feature_matrix(features, f"{part} features", width)
    values, known = known_labels(labels, f"{part} labels")
    require_same_length(len(x), f"{part} features", len(values), f"{part} labels")
    if not known.any():
        raise DataError(f"none of the {len(values)} {part} rows has a label: a probe needs labelled rows there")
    return x[known], plain_labels(values[known], f"{part} labels")


def rows_with_targets(
    features: ArrayLike, targets: ArrayLike, part: str, width: int | None = None
) -> tuple[Floats, Floats]:
    """Features (n, k) and targets (n, t) of a part, NaN where unknown. Raises DataError for a target without any label."""
    x, y = feature_matrix(features, f"{part} features", width), as_floats(targets, f"{part} labels")
    require_same_length(len(x), f"{part} features", len(y), f"{part} labels")
    if y.ndim not in (1, 2):
        raise DataError(f"{part} labels have shape {y.shape}: give (n,) or (n, targets)")
    if np.isinf(y).any():
        raise DataError(f"{part} labels are infinite: use NaN for 'not annotated'")
    y = y.reshape(len(y), -1)
    unknown = np.flatnonzero(np.isnan(y).all(axis=0))
    if len(unknown):
        raise DataError(f"no {part} row is annotated for target {unknown[0]}: leave that target out")
    return x, y


def require_same_targets(train_y: ArrayLike, validation_y: ArrayLike) -> None:
    """Refuse labels of train and validation with different numbers of targets."""
    shapes = np.shape(train_y), np.shape(validation_y)
    if shapes[0][1:] != shapes[1][1:]:
        raise DataError(
            f"train labels have shape {shapes[0]}, validation labels {shapes[1]}: both must be (n,) or both (n, targets)"
        )


@dataclass(frozen=True)
class Split:
    """Standardised features and the training labels (numbers or class codes) of the labelled rows of the parts."""

    train: Floats
    train_y: NDArray[Any]
    validation: Floats
    test: Floats

    @classmethod
    def standardised(cls, train: Floats, train_y: NDArray[Any], validation: Floats, test: Floats) -> Split:
        """Standardise by the training rows."""
        scaler = Standardiser().fit(train)
        return cls(scaler.transform(train), train_y, scaler.transform(validation), scaler.transform(test))


Stages = Iterator[tuple[float, NDArray[Any], Floats]]  # choice, outputs for the validation rows and for the test rows


@dataclass(frozen=True)
class Selected:
    """The choice with the highest validation score: its outputs on test rows, and the scores of all choices tried."""

    choice: float
    score: float
    test: Floats
    scores: dict[float, float]


def select(stages: Stages, score: Callable[[Any], float], patience: int | None = None) -> Selected:
    """Keep the first stage with the highest score on validation; stop after `patience` stages in a row are no better."""
    best: tuple[float, float, Floats] | None = None
    scores: dict[float, float] = {}
    worse = 0
    for choice, validation, test in stages:
        value = scores[choice] = score(validation)
        if best is None or value > best[1]:
            best, worse = (choice, value, test), 0
        else:
            worse += 1
            if worse == patience:
                break
    assert best is not None
    return Selected(*best, scores)


def mlp_options(hidden: int, batch: int, learning_rate: float, seed: int, rows: int) -> dict[str, Any]:
    """Arguments of scikit-learn's networks, for training epoch by epoch on rows that the caller orders."""
    return {
        "hidden_layer_sizes": (hidden,), "batch_size": min(batch, rows), "learning_rate_init": learning_rate,
        "random_state": seed, "shuffle": False,
    }  # fmt: skip


def boosting_options(trees: int, leaves: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """Arguments of scikit-learn's histogram gradient boosting. Raises ConfigError for impossible ones."""
    if trees < 1 or leaves < 2 or not learning_rate > 0:
        given = f"trees is {trees}, leaves {leaves} and learning_rate {learning_rate}"
        raise ConfigError(f"{given}: at least 1, at least 2 and above 0 are needed")
    return {
        "max_iter": trees, "max_leaf_nodes": leaves, "learning_rate": learning_rate, "random_state": seed,
        "early_stopping": False, "min_samples_leaf": 10, "l2_regularization": 1.0,
    }  # fmt: skip
