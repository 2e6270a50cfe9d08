"""Probes of what a latent says about the emotion: fitted on train, chosen on validation by UAR, applied to test."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.fitting import Standardiser, one_thread, train_to_best_epoch
from affectspace.evaluation.inputs import (
    Codes,
    Floats,
    feature_matrix,
    known_labels,
    plain_labels,
    require_same_length,
)

REGULARISATION = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class ProbeResult:
    """What a probe says about the test rows.

    predictions: (n_test,) labels. probabilities: (n_test, k), columns as `classes`, 0 for a class that training lacks
    (balanced classes: they follow a uniform prior). chosen: what validation chose, {"C": ...} or {"epoch": ...}.
    validation_uar: its balanced accuracy there, not to be reported as a result. converged: False where the optimiser
    was stopped by its limit of iterations or epochs.
    """

    predictions: NDArray
    probabilities: Floats
    classes: NDArray
    chosen: dict[str, float]
    validation_uar: float
    converged: bool
    scores: dict[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Data:
    """Standardised features and class numbers of the labelled rows; -1 is a class that training lacks."""

    train: Floats
    train_codes: Codes
    validation: Floats
    validation_codes: Codes
    test: Floats
    seen: NDArray
    classes: NDArray
    columns: Codes

    def validation_uar(self, codes: Codes) -> float:
        """Mean recall over the classes of the validation rows; those that training lacks count as 0."""
        hits = codes == self.validation_codes
        truth = self.validation_codes
        return float(np.mean([hits[truth == c].mean() for c in np.unique(truth)]))

    def result(self, probabilities: Floats, chosen: dict[str, float], uar: float, converged: bool) -> ProbeResult:
        full = np.zeros((len(self.test), len(self.classes)))
        full[:, self.columns] = probabilities
        return ProbeResult(self.classes[full.argmax(axis=1)], full, self.classes, chosen, uar, converged)


def _labelled(features: ArrayLike, labels: ArrayLike, what: str, width: int | None) -> tuple[Floats, NDArray]:
    matrix = feature_matrix(features, f"{what} features", width)
    values, known = known_labels(labels, f"{what} labels")
    require_same_length(len(matrix), f"{what} features", len(values), f"{what} labels")
    if not known.any():
        raise DataError(f"none of the {len(values)} {what} rows has an emotion: the probe needs labelled rows there")
    return matrix[known], plain_labels(values[known], f"{what} labels")


def prepare(
    train: ArrayLike,
    train_labels: ArrayLike,
    validation: ArrayLike,
    validation_labels: ArrayLike,
    test: ArrayLike,
    classes: Sequence | None,
) -> _Data:
    x, y = _labelled(train, train_labels, "train", None)
    vx, vy = _labelled(validation, validation_labels, "validation", x.shape[1])
    tx = feature_matrix(test, "test features", x.shape[1])
    seen, codes = np.unique(y, return_inverse=True)
    if len(seen) < 2:
        raise DataError(
            f"all {len(y)} training rows are {seen[0]!s}: a probe needs at least two classes; check the split"
        )
    if (vy.dtype.kind == "U") != (seen.dtype.kind == "U"):
        raise DataError(
            "train and validation labels are text on one side and numbers on the other: use the same in both"
        )
    names = seen if classes is None else np.asarray(list(classes))
    missing = [str(c) for c in seen if c not in names]
    if missing:
        raise DataError(f"training has the classes {', '.join(missing)}, which `classes` does not list: add them")
    where = np.searchsorted(seen, vy)
    found = seen[np.minimum(where, len(seen) - 1)] == vy
    other = np.unique(vy[~found], return_inverse=True)[1] if (~found).any() else np.empty(0, dtype=np.int64)
    validation_codes = where.astype(np.int64)
    validation_codes[~found] = -1 - other
    columns = np.array([int(np.flatnonzero(names == c)[0]) for c in seen], dtype=np.int64)
    scale = Standardiser.fit(x)
    return _Data(scale(x), codes.astype(np.int64), scale(vx), validation_codes, scale(tx), seen, names, columns)


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
    """Multinomial logistic regression on standardised features, C chosen by validation UAR.

    `train`, `validation`, `test` are features (n, k) of different people; labels (n,), None or NaN left out. `classes`
    orders the columns of the probabilities (default: the classes of train, sorted). Classes weigh alike unless
    `balanced` is False. Constant columns are left out. Ties go to the smaller C. Raises DataError for features that
    are not finite or of different width, no labelled row, or fewer than two classes in train; ConfigError for the grid.
    """
    if not len(grid) or min(grid) <= 0:
        raise ConfigError(f"grid is {tuple(grid)}: it needs at least one C, each above 0")
    data = prepare(train, train_labels, validation, validation_labels, test, classes)
    model = LogisticRegression(
        class_weight="balanced" if balanced else None, max_iter=max_iterations, tol=1e-4, warm_start=True
    )
    best: tuple[float, float, Floats, bool] | None = None
    scores = {}
    with one_thread():
        for strength in sorted(grid):
            model.set_params(C=strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # reported as `converged`
                model.fit(data.train, data.train_codes)
            uar = scores[float(strength)] = data.validation_uar(model.predict(data.validation))
            if best is None or uar > best[1]:
                converged = bool(np.max(model.n_iter_) < max_iterations)
                best = float(strength), uar, model.predict_proba(data.test), converged
    assert best is not None
    result = data.result(best[2], {"C": best[0]}, best[1], best[3])
    result.scores.update(scores)
    return result


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
    max_epochs: int = 40,
    patience: int = 5,
    learning_rate: float = 1e-3,
    batch: int = 256,
) -> ProbeResult:
    """One hidden ReLU layer (LeVAsa's "simple one-layered MLP"; its width and optimiser are our assumption).

    Arguments, classes and errors as `linear_probe`. Adam; the epoch with the best validation UAR is kept. Balanced:
    every epoch draws its rows so that classes are equally likely. For several seeds call it once per seed and give the
    list of predictions to the intervals.
    """
    data = prepare(train, train_labels, validation, validation_labels, test, classes)
    x, codes = data.train.astype(np.float32), data.train_codes
    validation_x = data.validation.astype(np.float32)
    counts = np.bincount(codes)
    weight = (1 / counts / len(counts))[codes]
    rng = np.random.default_rng(seed)
    model = MLPClassifier(
        hidden_layer_sizes=(hidden,),
        batch_size=min(batch, len(x)),
        learning_rate_init=learning_rate,
        random_state=seed,
        shuffle=False,
    )
    every = np.arange(len(counts))

    def epoch() -> None:
        rows = rng.choice(len(x), len(x), p=weight) if balanced else rng.permutation(len(x))
        model.partial_fit(x[rows], codes[rows], classes=every)

    def score() -> float:
        return data.validation_uar(model.predict(validation_x))

    with one_thread():
        number, uar, stopped = train_to_best_epoch(model, epoch, score, max_epochs=max_epochs, patience=patience)
        probabilities = model.predict_proba(data.test.astype(np.float32)).astype(np.float64)
    return data.result(probabilities, {"epoch": float(number)}, uar, stopped)
