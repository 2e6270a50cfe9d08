"""Out-of-fold predictions over all people: the test people of a fold take no part in fitting, scaling or choosing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import Codes, feature_matrix, group_codes, require_same_length


@dataclass(frozen=True)
class Fold:
    """Row numbers of the three parts."""

    train: Codes
    validation: Codes
    test: Codes


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for rows that were not fitted on, with truth and groups in the same order, and the result of each fold."""

    predictions: NDArray
    truth: NDArray
    groups: NDArray
    results: tuple[Any, ...]


def grouped_folds(groups: ArrayLike, *, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Split rows into partitions of about equal size whose three parts share no group.

    Parameters
    ----------
    groups : array_like
        (n,), people; or sentences, if the people are what a probe shall recognise.
    folds : int
        Number of partitions, at least 3. The fold after the test fold validates.
    seed : int
        Seed of the assignment of groups to folds.

    Returns
    -------
    list of Fold

    Raises
    ------
    DataError
        If there are fewer groups than folds.
    ConfigError
        If there are fewer than 3 folds.

    Examples
    --------
    >>> from affectspace.evaluation import grouped_folds
    >>> [len(fold.test) for fold in grouped_folds(["ann", "ann", "ben", "ben", "cem", "cem"], folds=3)]
    [2, 2, 2]
    """
    if folds < 3:
        raise ConfigError(f"folds is {folds}: train, validation and test need at least 3")
    names, codes = group_codes(groups, len(np.asarray(groups)))
    if len(names) < folds:
        raise DataError(f"groups has {len(names)} values and folds is {folds}: each fold needs at least one group")
    sizes, rows = np.bincount(codes), np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(names), dtype=np.int64)
    for group in np.random.default_rng(seed).permutation(len(names)):
        fold_of[group] = rows.argmin()  # the fold with the fewest rows so far
        rows[fold_of[group]] += sizes[group]
    place = fold_of[codes]
    parts = [(place == (k + 1) % folds, place == k) for k in range(folds)]
    return [Fold(*map(np.flatnonzero, (~(validation | test), validation, test))) for validation, test in parts]


def out_of_fold(
    method: Callable[..., Any],
    features: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    *,
    folds: int | Sequence[Fold] = 5,
    seed: int = 0,
    **options: Any,
) -> OutOfFold:
    """Predict all rows with a probe such as `linear_probe` or a read-out such as `linear_readout`, each fold with its own.

    Parameters
    ----------
    method : callable
        The probe or read-out; `options` are passed on to it.
    features, labels, groups : array_like
        (n, k); (n,) or (n, targets); and (n,), people. Rows without a label are predicted too. A class without training rows
        in a fold is missed there.
    folds : int or sequence of Fold
        Number of folds for `grouped_folds`, or folds that test each row once.
    seed : int
        Seed of the folds.

    Returns
    -------
    OutOfFold

    Raises
    ------
    DataError, ConfigError
        As `grouped_folds` and the method, or if the folds do not test each row once.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.evaluation import linear_readout, out_of_fold
    >>> x = np.arange(12.0)[:, None]
    >>> out_of_fold(linear_readout, x, x[:, 0], list("aabbccddeeff"), folds=3, penalties=[1e-6]).predictions[:3].round(2)
    array([0., 1., 2.])
    """
    x, y = feature_matrix(features, "features"), np.asarray(labels)
    require_same_length(len(x), "features", len(y), "labels")
    parts = grouped_folds(groups, folds=folds, seed=seed) if isinstance(folds, int) else list(folds)
    tested = np.concatenate([fold.test for fold in parts]) if parts else np.empty(0, dtype=np.int64)
    if not np.array_equal(np.sort(tested), np.arange(len(x))):
        raise DataError(f"the folds test {len(np.unique(tested))} of {len(x)} rows: they must test each row once")
    results = [
        method(x[fold.train], y[fold.train], x[fold.validation], y[fold.validation], x[fold.test], **options)
        for fold in parts
    ]
    predictions = np.concatenate([result.predictions for result in results])[np.argsort(tested)]
    return OutOfFold(predictions, y, np.asarray(groups), tuple(results))
