"""Probes: classifiers that predict labels such as the emotion from a latent.

A probe is fitted on train, chosen on validation by balanced accuracy (UAR), and applied to test. Test labels are not
arguments, so nothing can be chosen on them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.fitting import (
    Split,
    Stages,
    boosting_options,
    epochs_between_looks,
    mlp_options,
    select,
)
from affectspace.evaluation.inputs import Floats, feature_matrix, rows_with_classes
from affectspace.evaluation.ridge import one_thread

REGULARISATION = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class ProbeResult:
    """What a probe predicts for the test rows.

    predictions : (n_test,) labels. probabilities : (n_test, k), columns as `classes`, 0 for a class without training rows; with
    balanced classes they follow a uniform prior. chosen : the choice made on validation, such as {"C": 0.1}.
    validation_uar : UAR of the choice there, not a result to report. scores : UAR of every choice that was tried.
    converged : False if a limit of iterations, epochs or trees stopped the fit.
    """

    predictions: NDArray
    probabilities: Floats
    classes: NDArray
    chosen: dict[str, float]
    validation_uar: float
    converged: bool
    scores: dict[float, float] = field(default_factory=dict)


def _probe(
    parts: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    classes: Sequence | None,
    stages: Callable[[Split], Stages],
    name: str,
    limit: float = np.inf,
    patience: int | None = None,
) -> ProbeResult:
    """Check the parts, run the stages of a model, and keep the best on validation.

    It converged if the best is below the limit, and with patience if the stages after it were no better.
    """
    x, y = rows_with_classes(parts[0], parts[1], "train")
    vx, vy = rows_with_classes(parts[2], parts[3], "validation", x.shape[1])
    tx = feature_matrix(parts[4], "test features", x.shape[1])
    seen, codes = np.unique(y, return_inverse=True)
    if len(seen) < 2:
        raise DataError(f"all {len(y)} train rows are {seen[0]!s}: a probe needs at least two classes; check the split")
    if (vy.dtype.kind == "U") != (seen.dtype.kind == "U"):
        raise DataError("labels are text on one side and numbers on the other: use the same in train and validation")
    named = seen if classes is None else np.asarray(list(classes))
    columns = {label: column for column, label in enumerate(named.tolist())}
    missing = [str(label) for label in seen.tolist() if label not in columns]
    if missing:
        raise DataError(f"train has the classes {', '.join(missing)}, which `classes` does not list: add them")
    unseen = sorted(set(vy.tolist()) - set(seen.tolist()))  # never predicted, so they count as missed
    number = {label: code for code, label in enumerate([*seen.tolist(), *unseen])}
    truth = np.array([number[label] for label in vy.tolist()])

    def uar(predicted: NDArray) -> float:
        hits = predicted == truth
        return float(np.mean([hits[truth == code].mean() for code in np.unique(truth)]))

    with one_thread():
        best = select(stages(Split.standardised(x, codes, vx, tx)), uar, patience)
    probabilities = np.zeros((len(tx), len(named)))
    probabilities[:, [columns[label] for label in seen.tolist()]] = best.test
    converged = best.choice < limit and (patience is None or best.settled)
    predictions, chosen = named[probabilities.argmax(axis=1)], {name: best.choice}
    return ProbeResult(predictions, probabilities, named, chosen, best.score, converged, best.scores)


def linear_probe(
    train: ArrayLike,
    train_labels: ArrayLike,
    validation: ArrayLike,
    validation_labels: ArrayLike,
    test: ArrayLike,
    *,
    classes: Sequence | None = None,
    grid: Sequence[float] = REGULARISATION,
    balanced: bool = True,
    max_iterations: int = 300,
) -> ProbeResult:
    """Fit a multinomial logistic regression on standardised features, with C chosen on validation by UAR.

    Parameters
    ----------
    train, validation, test : array_like
        Features (n, k) of different people. Columns that are constant in train are left out.
    train_labels, validation_labels : array_like
        Labels (n,), text or numbers. Rows with None or NaN are left out.
    classes : sequence, optional
        Order of the columns of the probabilities; by default the classes of train, sorted.
    grid : sequence of float
        Values of C, the inverse strength of the regularisation. Ties go to the smallest.
    balanced : bool
        Give all classes the same weight.
    max_iterations : int
        Limit of the optimiser. Reaching it is reported as `converged=False`.

    Returns
    -------
    ProbeResult

    Raises
    ------
    DataError
        If features are not finite or differ in width, no row has a label, or train has fewer than two classes.
    ConfigError
        If the grid is empty or not above 0.

    Examples
    --------
    >>> from affectspace.evaluation import linear_probe
    >>> x, y = [[-2.0], [-1.0], [1.0], [2.0]], ["calm", "calm", "joy", "joy"]
    >>> linear_probe(x, y, x, y, test=[[-3.0], [3.0]]).predictions.tolist()
    ['calm', 'joy']
    """
    if not len(grid) or min(grid) <= 0:
        raise ConfigError(f"grid is {tuple(grid)}: it needs at least one C, each above 0")
    weights, iterations = "balanced" if balanced else None, {}

    def stages(split: Split) -> Stages:
        """Fit with each C, the strongest regularisation first."""
        model: Any = LogisticRegression(class_weight=weights, max_iter=max_iterations, warm_start=True)
        for strength in sorted(map(float, grid)):
            model.set_params(C=strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # reported as `converged`
                model.fit(split.train, split.train_y)
            iterations[strength] = int(np.max(model.n_iter_))
            yield strength, model.predict(split.validation), model.predict_proba(split.test)

    result = _probe((train, train_labels, validation, validation_labels, test), classes, stages, "C")
    return replace(result, converged=iterations[result.chosen["C"]] < max_iterations)


def mlp_probe(
    train: ArrayLike,
    train_labels: ArrayLike,
    validation: ArrayLike,
    validation_labels: ArrayLike,
    test: ArrayLike,
    *,
    classes: Sequence | None = None,
    hidden: int = 100,
    seed: int = 0,
    balanced: bool = True,
    max_looks: int = 100,
    patience: int = 10,
    learning_rate: float = 1e-3,
    batch: int = 256,
) -> ProbeResult:
    """Fit a network with one hidden ReLU layer by Adam, with the epoch chosen on validation by UAR.

    It is LeVAsa's "simple one-layered MLP", whose width and optimiser the paper does not state. `balanced` draws the rows of
    every epoch so that all classes are equally likely. UAR is looked at after every epoch, or every 40 steps where an epoch is
    shorter. Training ends after `patience` looks without improvement, or after `max_looks`: it has then not converged. For
    several seeds, call it once per seed and give `interval` the list of predictions. The rest is as in `linear_probe`.
    """

    def stages(split: Split) -> Stages:
        """Train epoch by epoch."""
        x, validation_x, test_x = (part.astype(np.float32) for part in (split.train, split.validation, split.test))
        counts = np.bincount(split.train_y)
        weight = (1 / counts / len(counts))[split.train_y]
        rng = np.random.default_rng(seed)
        model = MLPClassifier(**mlp_options(hidden, batch, learning_rate, seed, len(x)))
        each = epochs_between_looks(len(x), batch)
        for epoch in range(1, max_looks * each + 1):
            rows = rng.choice(len(x), len(x), p=weight) if balanced else rng.permutation(len(x))
            model.partial_fit(x[rows], split.train_y[rows], classes=np.arange(len(counts)))
            if epoch % each == 0:
                yield float(epoch), model.predict(validation_x), model.predict_proba(test_x)

    parts = (train, train_labels, validation, validation_labels, test)
    return _probe(parts, classes, stages, "epoch", patience=patience)


def boosted_probe(
    train: ArrayLike,
    train_labels: ArrayLike,
    validation: ArrayLike,
    validation_labels: ArrayLike,
    test: ArrayLike,
    *,
    classes: Sequence | None = None,
    trees: int = 60,
) -> ProbeResult:
    """Fit gradient-boosted trees with balanced classes, with their number, at most `trees`, chosen on validation by UAR.

    They find what no linear probe can, such as a private latent that is the square of the shared one. The rest is as in
    `linear_probe`.
    """
    options = boosting_options(trees)

    def stages(split: Split) -> Stages:
        model = HistGradientBoostingClassifier(class_weight="balanced", **options).fit(split.train, split.train_y)
        outputs = zip(model.staged_predict(split.validation), model.staged_predict_proba(split.test), strict=True)
        for number, (codes, probabilities) in enumerate(outputs, start=1):
            yield float(number), codes, probabilities

    return _probe((train, train_labels, validation, validation_labels, test), classes, stages, "trees", trees)
