"""Out-of-fold predictions over all people: the test people of a fold take no part in fitting, scaling or choosing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.fitting import Standardiser
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    as_floats,
    feature_matrix,
    group_codes,
    known_labels,
    plain_labels,
    require_same_length,
)
from affectspace.evaluation.metrics import balanced_accuracy
from affectspace.evaluation.probes import ProbeResult
from affectspace.evaluation.readouts import ReadoutResult

Probe = Callable[..., ProbeResult]
Readout = Callable[..., ReadoutResult]
_SHARES = 5  # of the inner groups; one of them validates


@dataclass(frozen=True)
class Fold:
    """Row numbers of the parts; every row is in exactly one of them."""

    train: Codes
    validation: Codes
    test: Codes


@dataclass(frozen=True)
class OutOfFold:
    """What probes say of rows that they were not fitted on, in the rows' order.

    predictions, truth, groups : (n,); probabilities : (n, k), columns as `classes`; fold : (n,) number of each row's test fold.
    chosen : what validation chose, per fold and round. converged : whether every fit did.
    """

    predictions: NDArray
    probabilities: Floats
    classes: NDArray
    truth: NDArray
    groups: NDArray
    fold: Codes
    chosen: tuple[dict[str, float], ...]
    converged: bool

    @property
    def uar(self) -> float:
        """Balanced accuracy over all labelled rows."""
        return balanced_accuracy(self.truth, self.predictions)


def grouped_folds(
    groups: ArrayLike, *, folds: int = 5, shift: int = 1, inner: ArrayLike | None = None, seed: int = 0
) -> list[Fold]:
    """`folds` partitions in which test shares no group with the rest, about alike in rows.

    groups : (n,), people; or sentences, where people are what is to be told (speaker probes).
    shift : validation is the fold that many places after the test fold; its groups are not in train either.
    inner : (n,), what validation is split from train by instead, where there are too few groups for a part of their
        own (two sentences: by repetition or emotion). Train and validation then share groups.

    Raises DataError for fewer groups than folds, ConfigError for fewer than 3 folds (2 with `inner`).
    """
    least = 2 if inner is not None else 3
    if folds < least:
        raise ConfigError(f"folds is {folds}: train, validation and test need at least {least}")
    if inner is None and not 1 <= shift < folds:
        raise ConfigError(f"shift is {shift}: it must be 1 .. {folds - 1}, or validation is the test fold")
    place = _places(groups, folds, seed)
    if inner is None:
        parts = [(place == (k + shift) % folds, place == k) for k in range(folds)]
    else:
        within = _places(inner, _SHARES, seed + 1, fewer=True)
        which = within == (shift - 1) % (within.max() + 1)
        parts = [(which & (place != k), place == k) for k in range(folds)]
    result = [Fold(*map(np.flatnonzero, (~(valid | test), valid, test))) for valid, test in parts]
    for number, fold in enumerate(result):
        if not len(fold.train) or not len(fold.validation):
            raise DataError(f"fold {number} has {len(fold.train)} training and {len(fold.validation)} validation rows: "
                            "`inner` must vary within the other folds' groups")  # fmt: skip
    return result


def _places(groups: ArrayLike, folds: int, seed: int, *, fewer: bool = False) -> Codes:
    """Fold number of each row: groups in random order, each to the fold that has the fewest rows so far."""
    values = np.asarray(groups)
    codes, count = group_codes(values, len(values))
    if count < folds:
        if not fewer:
            raise DataError(f"groups has {count} values and folds is {folds}: each fold needs at least one group")
        folds = count
    sizes = np.bincount(codes)
    rows = np.zeros(folds, dtype=np.int64)
    number = np.empty(count, dtype=np.int64)
    for group in np.random.default_rng(seed).permutation(count):
        number[group] = rows.argmin()
        rows[number[group]] += sizes[group]
    return number[codes]


def out_of_fold(
    probe: Probe,
    features: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    *,
    folds: int | Sequence[Fold] = 5,
    rounds: int = 1,
    inner: ArrayLike | None = None,
    seed: int = 0,
    **options: Any,
) -> OutOfFold:
    """Predictions of a probe such as `linear_probe` for all rows: `features` (n, d), `labels` (n,), `groups` (n,).

    Per fold the probe is fitted on train, chosen on validation, both of other groups than test; `rounds` > 1 fits as often with
    another part as validation and averages the probabilities. `folds` may be a list of folds. `options` go to the probe. Rows
    without a label are predicted too. A class that a fold's train lacks is missed there. Raises as `grouped_folds` and the
    probe.
    """
    x = feature_matrix(features, "features")
    values, known = known_labels(labels, "labels")
    require_same_length(len(x), "features", len(values), "labels")
    if not known.any():
        raise DataError(f"none of the {len(values)} rows has a label: there is nothing to probe for")
    classes = np.unique(plain_labels(values[known], "labels"))
    probabilities = np.zeros((len(x), len(classes)))
    number, chosen, converged = np.zeros(len(x), dtype=np.int64), [], True
    for k, fold in _all_folds(groups, len(x), folds, rounds, inner, seed):
        result = probe(
            x[fold.train], values[fold.train], x[fold.validation], values[fold.validation], x[fold.test],
            classes=classes, **options,
        )  # fmt: skip
        probabilities[fold.test] += result.probabilities / rounds
        number[fold.test] = k
        chosen.append(result.chosen)
        converged &= result.converged
    predictions = classes[probabilities.argmax(axis=1)]
    return OutOfFold(
        predictions, probabilities, classes, values, np.asarray(groups), number, tuple(chosen), bool(converged)
    )


def out_of_fold_readout(
    readout: Readout,
    features: ArrayLike,
    targets: ArrayLike,
    groups: ArrayLike,
    *,
    folds: int | Sequence[Fold] = 5,
    rounds: int = 1,
    inner: ArrayLike | None = None,
    seed: int = 0,
    **options: Any,
) -> Floats:
    """Predictions of a read-out such as `linear_readout` for all rows, shaped as `targets` (n,) or (n, axes).

    Folds, rounds and options as `out_of_fold`; NaN targets take no part in fitting.
    """
    x, y = feature_matrix(features, "features"), as_floats(targets, "targets")
    require_same_length(len(x), "features", len(y), "targets")
    guess = np.zeros_like(y)
    for _, fold in _all_folds(groups, len(x), folds, rounds, inner, seed):
        result = readout(x[fold.train], y[fold.train], x[fold.validation], y[fold.validation], x[fold.test], **options)
        guess[fold.test] += result.predictions / rounds
    return guess


def _all_folds(
    groups: ArrayLike, n: int, folds: int | Sequence[Fold], rounds: int, inner: ArrayLike | None, seed: int
) -> Iterator[tuple[int, Fold]]:
    """Number and fold, each as often as there are rounds; every row is tested once a round."""
    if not isinstance(folds, int):
        tested = np.concatenate([fold.test for fold in folds]) if len(folds) else np.empty(0, dtype=np.int64)
        if rounds != 1 or inner is not None:
            raise ConfigError("folds that are given leave no choice of rounds or inner groups")
        if not np.array_equal(np.sort(tested), np.arange(n)):
            raise DataError(f"the folds test {len(np.unique(tested))} of {n} rows: they must test each row once")
        yield from enumerate(folds)
        return
    most = folds - 1 if inner is None else _SHARES
    if not 1 <= rounds <= most:
        raise ConfigError(f"rounds is {rounds}: it must be 1 .. {most}, as many as there are parts to validate on")
    for shift in range(1, rounds + 1):
        yield from enumerate(grouped_folds(groups, folds=folds, shift=shift, inner=inner, seed=seed))


def reduced(probe: Callable[..., Any], components: int = 3) -> Callable[..., Any]:
    """The probe or read-out on the first principal components of its training rows, standardised: PCA-3 beside full width.

    A latent of 64 and one of 3 dimensions are then compared at the same width. Takes fewer components where there are fewer.
    """
    if components < 1:
        raise ConfigError(f"components is {components}: at least one is needed")

    def narrow(
        train: ArrayLike, train_y: Any, validation: ArrayLike, validation_y: Any, test: ArrayLike, **rest: Any
    ) -> Any:
        x = feature_matrix(train, "train features")
        scale = Standardiser.fit(x)
        axes = np.linalg.eigh(scale(x).T @ scale(x))[1][:, ::-1][:, :components]
        vx = feature_matrix(validation, "validation features", x.shape[1])
        tx = feature_matrix(test, "test features", x.shape[1])
        return probe(scale(x) @ axes, train_y, scale(vx) @ axes, validation_y, scale(tx) @ axes, **rest)

    return narrow
