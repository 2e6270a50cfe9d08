"""Probabilities that are right as often as they say: chosen by cross-validation over people, and measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from affectspace.annotation.transfer import AnnotationTransfer
from affectspace.errors import DataError

FOLDS = 5
FEWEST = 20  # rows from which parameters are chosen
GROUPS = 10  # of rows of equal size, in the reliability curve
WIDENINGS = (1.0, 1.5, 2.0, 3.0, 5.0)
SMALLEST = 1e-300  # probability whose logarithm is taken
ASSIGNMENTS: tuple[dict[str, Any], ...] = (
    {"assignment": "euclidean", "covariance": "diagonal"},
    *({"assignment": "mahalanobis", "covariance": covariance} for covariance in ("diagonal", "full", "tied")),
)


@dataclass(frozen=True)
class Reliability:
    """How often stated probabilities are right. The stated probability of a row is that of its most probable emotion.

    accuracy, stated : share of rows that are right, and mean stated probability
    most_frequent : accuracy of always naming the most frequent emotion
    error : expected calibration error, the mean distance of the curve from the diagonal, over ten groups of equal size
    log_loss : mean of minus the log probability of the true emotion, in nats
    surest_stated, surest_accuracy : of the fifth of rows with the largest stated probability
    curve : (stated, accuracy, rows) of each group, from the least to the surest
    """

    rows: int
    accuracy: float
    stated: float
    most_frequent: float
    error: float
    log_loss: float
    surest_stated: float
    surest_accuracy: float
    curve: list[tuple[float, float, int]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, fit for JSON."""
        return asdict(self)


def reliability(emotions: Any, probabilities: Any, classes: Any) -> Reliability:
    """Measure stated probabilities against the true emotions.

    Parameters
    ----------
    emotions : array_like of shape (n,)
        True emotion of each row.
    probabilities : array_like of shape (n, k)
        Of `AnnotationTransfer.predict_proba`, on rows that it was not fitted on.
    classes : array_like of shape (k,)
        `classes_` of the transfer.

    Returns
    -------
    Reliability

    Raises
    ------
    DataError
        If there are no rows.

    Examples
    --------
    >>> from affectspace.annotation import reliability
    >>> measured = reliability(["fear", "calm", "calm"], [[0.9, 0.1], [0.8, 0.2], [0.2, 0.8]], ["calm", "fear"])
    >>> round(measured.accuracy, 2), round(measured.stated, 2)
    (0.33, 0.83)
    """
    truth, probabilities, classes = np.asarray(emotions), np.asarray(probabilities), np.asarray(classes)
    if not len(truth):
        raise DataError("there are no rows with an emotion and a probability, so there is nothing to measure")
    stated, right = probabilities.max(axis=1), classes[probabilities.argmax(axis=1)] == truth
    order = np.argsort(stated, kind="stable")
    surest = order[-max(1, len(order) // 5) :]
    groups = [part for part in np.array_split(order, GROUPS) if len(part)]
    curve = [(float(stated[part].mean()), float(right[part].mean()), len(part)) for part in groups]
    of_truth = (probabilities * (classes == truth[:, None])).sum(axis=1)
    return Reliability(
        rows=len(truth),
        accuracy=float(right.mean()),
        stated=float(stated.mean()),
        most_frequent=float(np.unique(truth, return_counts=True)[1].max() / len(truth)),
        error=float(sum(abs(said - was) * rows for said, was, rows in curve) / len(truth)),
        log_loss=float(-np.log(np.maximum(of_truth, SMALLEST)).mean()),
        surest_stated=float(stated[surest].mean()),
        surest_accuracy=float(right[surest].mean()),
        curve=curve,
    )


def fit_calibrated(
    X: Any, y: Any, people: Any = None, *, axes: tuple[str, ...] | None = None
) -> tuple[AnnotationTransfer, Reliability | None]:
    """Fit a transfer whose probabilities are calibrated on other people's rows.

    Assignment, covariance, priors, the widening of the covariances and a temperature are those with the least log loss in
    cross-validation on these rows. Judge the result on rows that are not among them.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Points.
    y : array_like of shape (n,)
        Emotions.
    people : array_like of shape (n,), optional
        Person of each row: a person is on one side of a fold only. None or "" is unknown, and counts as a person alone.
    axes : tuple of str, optional
        Names of the columns.

    Returns
    -------
    transfer : AnnotationTransfer
    reliability : Reliability or None
        Out of fold. None if there are fewer than 20 rows or two people; the transfer is then as `fit` makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.annotation import fit_calibrated
    >>> random = np.random.default_rng(0)
    >>> emotions = random.choice(["calm", "fear"], 400)
    >>> points = random.normal(size=(400, 2)) + 2.0 * (emotions == "fear")[:, None]
    >>> transfer, measured = fit_calibrated(points, emotions)
    >>> measured.error < 0.05
    True
    """
    points, emotions = np.asarray(X, dtype=np.float64), np.asarray(y)
    parameters, measured = choose_parameters(points, emotions, people)
    return AnnotationTransfer(axes=axes, **parameters).fit(points, emotions), measured


def choose_parameters(
    points: np.ndarray, emotions: np.ndarray, people: Any = None
) -> tuple[dict[str, Any], Reliability | None]:
    """Choose the parameters of `fit_calibrated`; return them, and the reliability out of fold. ({}, None) for too few rows."""
    classes, codes = np.unique(emotions, return_inverse=True)
    splits = list(splits_of(len(points), people))
    if len(points) < FEWEST or not splits:
        return {}, None
    fitted = [(AnnotationTransfer().fit(points[train], emotions[train]), test) for train, test in splits]
    known = np.zeros(len(points), dtype=bool)  # rows whose emotion occurs in the other folds
    for transfer, test in fitted:
        known[test] = np.isin(emotions[test], transfer.classes_)
    best: tuple[float, dict[str, Any], np.ndarray] | None = None
    for assignment, priors, widening in product(ASSIGNMENTS, (None, "counts"), WIDENINGS):
        tried = {**assignment, "priors": priors, "widening": widening}
        logs = np.full((len(points), len(classes)), np.log(SMALLEST))
        try:
            for transfer, test in fitted:
                stated = transfer.set_params(**tried).predict_proba(points[test])
                columns = np.searchsorted(classes, transfer.classes_)
                logs[np.ix_(test, columns)] = np.log(np.maximum(stated, SMALLEST))
        except DataError:  # an emotion with a single row in a fold has no covariance
            continue
        temperature, loss = _temperature(logs[known], codes[known])
        if best is None or loss < best[0] - 1e-6:
            best = loss, {**tried, "temperature": temperature}, _softmax(logs / temperature)
    if best is None:
        return {}, None
    return best[1], reliability(emotions, best[2], classes)


def splits_of(rows: int, people: Any = None, folds: int = FOLDS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions of training and test rows, with each person on one side. Nothing if there are fewer than two people."""
    from sklearn.model_selection import GroupKFold

    names = [None] * rows if people is None else list(people)
    groups = np.array(
        [f"row {row}" if name in (None, "") or name != name else f"person {name}" for row, name in enumerate(names)]
    )
    count = min(folds, len(np.unique(groups)))
    if count > 1:
        yield from GroupKFold(count, shuffle=True, random_state=0).split(groups, groups=groups)


def _temperature(logs: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """The temperature of least log loss, and that loss."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((total - scaled[np.arange(len(codes)), codes]).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(20)), method="bounded", options={"xatol": 0.01})
    return float(np.round(np.exp(found.x), 4)), float(found.fun)


def _softmax(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
