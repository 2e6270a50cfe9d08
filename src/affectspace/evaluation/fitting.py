"""What probes and read-outs share: standardising by the training rows, the choice on validation, and fewer dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from affectspace.errors import ConfigError
from affectspace.evaluation.inputs import Codes, Floats, feature_matrix
from affectspace.evaluation.ridge import varying_columns

_STEPS = 40  # few rows make few steps an epoch, and a network of few steps has learnt nothing yet


class Standardiser(TransformerMixin, BaseEstimator):
    """Scale columns to mean 0 and standard deviation 1 by the training rows; leave out columns that are constant there.

    Unlike scikit-learn's scaler it never passes on a column that varies in test rows only. If all columns are constant it
    returns one column of zeros, so that a model of a collapsed latent can still be fitted.
    """

    n_features_in_: int
    columns_: Codes
    mean_: Floats
    scale_: Floats

    def fit(self, X: Floats, y: Any = None) -> Standardiser:
        """Learn from training features (n, k)."""
        self.n_features_in_ = X.shape[1]
        self.columns_, self.mean_, self.scale_ = varying_columns(X)
        return self

    def transform(self, X: Floats) -> Floats:
        """Map (n, k) to (n, kept columns)."""
        if len(self.columns_) == 0:
            return np.zeros((len(X), 1))
        return (X[:, self.columns_] - self.mean_) / self.scale_


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
    """The choice with the highest validation score: its outputs on test rows, and the scores of all choices tried.

    settled : whether `patience` later stages were no better
    """

    choice: float
    score: float
    test: Floats
    scores: dict[float, float]
    settled: bool


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
    return Selected(*best, scores, worse == patience)


def epochs_between_looks(rows: int, batch: int) -> int:
    """Compute after how many epochs a network is looked at on validation rows: at least one, and at least 40 steps."""
    return -(-_STEPS // -(-rows // min(batch, rows)))


def mlp_options(hidden: int, batch: int, learning_rate: float, seed: int, rows: int) -> dict[str, Any]:
    """Arguments of scikit-learn's networks, for training epoch by epoch on rows that the caller orders."""
    return {
        "hidden_layer_sizes": (hidden,), "batch_size": min(batch, rows), "learning_rate_init": learning_rate,
        "random_state": seed, "shuffle": False,
    }  # fmt: skip


def boosting_options(trees: int) -> dict[str, Any]:
    """Arguments of scikit-learn's histogram gradient boosting with this number of trees at most."""
    if trees < 1:
        raise ConfigError(f"trees is {trees}: at least 1 is needed")
    return {
        "max_iter": trees, "max_leaf_nodes": 8, "learning_rate": 0.1, "random_state": 0, "early_stopping": False,
        "min_samples_leaf": 10, "l2_regularization": 1.0,
    }  # fmt: skip


def reduced(method: Callable[..., Any], components: int = 3) -> Callable[..., Any]:
    """Wrap a probe or read-out so that it sees only the first principal components of its standardised training rows.

    A latent of 64 and one of 3 dimensions are then compared at the same width. It takes fewer components if there are fewer.
    """
    if components < 1:
        raise ConfigError(f"components is {components}: at least one is needed")

    def narrow(
        train: ArrayLike, train_y: Any, validation: ArrayLike, validation_y: Any, test: ArrayLike, **options: Any
    ) -> Any:
        """Call the method with the principal components."""
        x = feature_matrix(train, "train features")
        vx = feature_matrix(validation, "validation features", x.shape[1])
        tx = feature_matrix(test, "test features", x.shape[1])
        x, vx, tx = map(Standardiser().fit(x).transform, (x, vx, tx))
        axes = np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :components]
        return method(x @ axes, train_y, vx @ axes, validation_y, tx @ axes, **options)

    return narrow
