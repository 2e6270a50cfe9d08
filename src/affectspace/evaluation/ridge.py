"""Ridge regression in closed form, with penalties chosen on validation rows or on inner folds of the training people."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.folds import grouped_folds
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    as_floats,
    feature_matrix,
    group_codes,
    require_same_length,
    require_same_targets,
    rows_with_targets,
)

PENALTIES = tuple(float(penalty) for penalty in np.logspace(-1, 6, 15))
_INNER_FOLDS = 5


def one_thread() -> AbstractContextManager:
    """Limit linear algebra to one thread.

    The matrices here are small: more threads are no faster on a quiet machine, 20 times slower on a busy one, and change
    the last digits.
    """
    return threadpool_limits(limits=1)


def varying_columns(x: Floats) -> tuple[Codes, Floats, Floats]:
    """Numbers, means and standard deviations of the columns of (n, k) that are more than a constant and its rounding."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    columns = np.flatnonzero(scale > 1e-9 * (1e-9 + np.abs(mean)))
    return columns, mean[columns], scale[columns]


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted ridge regression. Call it with features (n, k) for predictions, (n,) or (n, targets) like the labels.

    weights : (k,) or (k, targets), on the features as they are. bias : () or (targets,).
    penalties : the penalty of each target. validation_mse : the error by which each was chosen, NaN without a choice; it is
        not a result to report. factors : (k,) or None, see `fit_ridge`.
    """

    weights: Floats
    bias: Floats
    penalties: tuple[float, ...]
    validation_mse: tuple[float, ...]
    factors: Floats | None = None

    def __call__(self, features: ArrayLike) -> Floats:
        """Predict."""
        x = feature_matrix(features, "features", len(self.weights))
        # one product for each target, so that the digits are the same for one and for many
        columns = [x @ weights for weights in self.weights.reshape(x.shape[1], -1).T]
        return np.column_stack(columns).reshape(len(x), *self.bias.shape) + self.bias

    def refitted(self, features: ArrayLike, labels: ArrayLike) -> Ridge:
        """Fit the same penalties to other rows, such as train and validation together."""
        x, y = rows_with_targets(features, labels, "train")
        with one_thread():
            weights, bias = _solve(x, y, np.array([self.penalties]), self.factors)
        return replace(self, weights=weights[0].reshape(self.weights.shape), bias=bias[0].reshape(self.bias.shape))


def fit_ridge(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike | None = None,
    validation_y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    penalties: float | Sequence[float] = PENALTIES,
    factors: ArrayLike | None = None,
) -> Ridge:
    """Fit a ridge regression with intercept on standardised features, with a penalty of its own for each target.

    It minimises sum (y - xw - b)^2 + penalty |w|^2. Columns that are constant in train get the weight 0.

    Parameters
    ----------
    train, train_y : array_like
        Features (n, k) and labels (n,) or (n, targets). NaN labels are left out per target.
    validation, validation_y : array_like, optional
        Rows of other people, on which the penalty with the smallest squared error is chosen; ties go to the larger one.
    groups : array_like, optional
        Person of each training row, (n,), in place of validation rows: the out-of-fold error over people chooses the penalty.
    penalties : float or sequence of float
        The choice. A single penalty needs neither.
    factors : array_like, optional
        (k,), multiplies the standardised columns: a column with a larger factor is shrunk less.

    Returns
    -------
    Ridge

    Raises
    ------
    DataError
        If features are not finite or differ in width, a target has no label, or `groups` has fewer than three people.
    ConfigError
        If a penalty is not above 0, or several penalties come without exactly one of validation rows and groups.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.evaluation import fit_ridge
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> ridge = fit_ridge(x, 2 * x[:, 0] + 1, penalties=1e-9)
    >>> ridge([[5.0]]).round(3)
    array([11.])
    """
    choices = np.sort(np.atleast_1d(np.asarray(penalties, dtype=np.float64)))[::-1]
    if not len(choices) or not choices[-1] > 0:
        raise ConfigError(f"penalties is {penalties}: it needs at least one, each above 0")
    x, y = rows_with_targets(train, train_y, "train")
    scaling = None if factors is None else as_floats(factors, "factors")
    given = [value is not None for value in (validation, validation_y, groups)]
    if given not in ([True, True, False], [False, False, True]) and (any(given) or len(choices) > 1):
        raise ConfigError("to choose among several penalties give validation with validation_y, or groups, not both")
    with one_thread():
        weights, bias = _solve(x, y, np.repeat(choices[:, None], y.shape[1], axis=1), scaling)
        errors = np.full(bias.shape, np.nan)
        if validation is not None and validation_y is not None:
            vx, vy = rows_with_targets(validation, validation_y, "validation", x.shape[1])
            require_same_targets(train_y, validation_y)
            errors = _mse(weights, bias, vx, vy)
        elif groups is not None:
            errors = _inner_mse(x, y, np.asarray(groups), choices, scaling)
    best, targets, shape = errors.argmin(axis=0), np.arange(y.shape[1]), np.shape(train_y)[1:]
    chosen, mse = tuple(choices[best].tolist()), tuple(errors.min(axis=0).tolist())
    return Ridge(
        weights[best, :, targets].T.reshape(-1, *shape), bias[best, targets].reshape(shape), chosen, mse, scaling
    )


def _mse(weights: Floats, bias: Floats, x: Floats, y: Floats) -> Floats:
    """Mean squared error on the labelled rows, (penalties, targets)."""
    return np.nanmean((y - x @ weights - bias[:, None]) ** 2, axis=1)


def _inner_mse(x: Floats, y: Floats, groups: np.ndarray, penalties: Floats, factors: Floats | None) -> Floats:
    """Mean squared error out of fold over the people with a label, (penalties, targets)."""
    require_same_length(len(x), "train features", len(groups), "groups")
    errors = np.zeros((len(penalties), y.shape[1]))
    for target in range(y.shape[1]):
        rows = np.flatnonzero(~np.isnan(y[:, target]))
        own, labels = x[rows], y[rows, target : target + 1]
        folds = min(_INNER_FOLDS, len(group_codes(groups[rows], len(rows))[0]))
        if folds < 3:
            raise DataError("the inner folds need at least three people with labels in train: give validation instead")
        for fold in grouped_folds(groups[rows], folds=folds):
            rest = np.concatenate([fold.train, fold.validation])
            solved = _solve(own[rest], labels[rest], penalties[:, None], factors)
            errors[:, target] += len(fold.test) / len(rows) * _mse(*solved, own[fold.test], labels[fold.test])[:, 0]
    return errors


def _solve(x: Floats, y: Floats, penalties: Floats, factors: Floats | None) -> tuple[Floats, Floats]:
    """Weights (p, k, targets) and bias (p, targets) for penalties (p, targets), on the features as they are.

    x (n, k), y (n, targets), NaN left out. One eigendecomposition serves all penalties. With fewer rows than columns it is of
    the products of rows, which gives the same: x'(xx' + p)^-1 = (x'x + p)^-1 x'.
    """
    weights, bias = np.zeros((len(penalties), x.shape[1], y.shape[1])), np.empty((len(penalties), y.shape[1]))
    patterns, pattern = np.unique(~np.isnan(y), axis=1, return_inverse=True)
    for i, rows in enumerate(patterns.T):  # targets with the same labelled rows share the decomposition
        columns, mean, scale = varying_columns(x[rows])
        factor = np.ones(len(columns)) if factors is None else factors[columns]
        z = (x[rows][:, columns] - mean) / scale * factor
        few = len(z) < z.shape[1]
        values, vectors = np.linalg.eigh(z @ z.T if few else z.T @ z)
        outward = z.T @ vectors if few else vectors
        for target in np.flatnonzero(pattern.ravel() == i):
            centre = y[rows, target].mean()
            around = y[rows, target] - centre
            toward = vectors.T @ (around if few else z.T @ around)
            solved = outward @ (toward[:, None] / (np.maximum(values, 0.0)[:, None] + penalties[:, target]))
            solved *= (factor / scale)[:, None]
            weights[:, columns, target] = solved.T
            bias[:, target] = centre - mean @ solved
    return weights, bias
