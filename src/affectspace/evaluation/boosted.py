"""Gradient boosting on a latent: what a probe finds that no linear one can, such as private = shared squared."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from affectspace.errors import ConfigError
from affectspace.evaluation.fitting import one_thread
from affectspace.evaluation.inputs import Floats
from affectspace.evaluation.probes import ProbeResult, prepare
from affectspace.evaluation.readouts import ReadoutResult, per_target


def _options(trees: int, leaves: int, learning_rate: float, seed: int) -> dict:
    if trees < 1 or leaves < 2 or not learning_rate > 0:
        raise ConfigError(
            f"trees is {trees}, leaves {leaves} and learning_rate {learning_rate}: at least 1, 2 and above 0 are needed"
        )
    return {
        "max_iter": trees, "max_leaf_nodes": leaves, "learning_rate": learning_rate, "random_state": seed,
        "early_stopping": False, "min_samples_leaf": 10, "l2_regularization": 1.0,
    }  # fmt: skip


def _best(scores: Sequence[float]) -> int:
    """Number of trees with the highest score, the fewest on a tie."""
    return int(np.argmax(scores)) + 1


def _at(stages: Iterator, number: int) -> Floats:
    for stage, values in enumerate(stages, start=1):
        if stage == number:
            return np.asarray(values, dtype=np.float64)
    raise AssertionError(number)


def boosted_probe(
    train: ArrayLike,
    train_labels: ArrayLike,
    validation: ArrayLike,
    validation_labels: ArrayLike,
    test: ArrayLike,
    *,
    classes: Sequence | None = None,
    trees: int = 60,
    leaves: int = 8,
    learning_rate: float = 0.1,
    seed: int = 0,
    balanced: bool = True,
) -> ProbeResult:
    """Gradient-boosted trees (scikit-learn's histogram kind); their number is chosen by validation UAR.

    Arguments, classes and errors as `probes.linear_probe`; chosen is {"trees": ...}, and `converged` whether fewer than all
    of them were best. Classes weigh alike unless `balanced` is False.
    """
    data = prepare(train, train_labels, validation, validation_labels, test, classes)
    options = _options(trees, leaves, learning_rate, seed)
    model = HistGradientBoostingClassifier(class_weight="balanced" if balanced else None, **options)
    with one_thread():
        model.fit(data.train, data.train_codes)
        scores = [data.validation_uar(codes) for codes in model.staged_predict(data.validation)]
        number = _best(scores)
        probabilities = _at(model.staged_predict_proba(data.test), number)
    result = data.result(probabilities, {"trees": float(number)}, scores[number - 1], number < trees)
    result.scores.update({float(i): score for i, score in enumerate(scores, start=1)})
    return result


def boosted_readout(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike,
    validation_y: ArrayLike,
    test: ArrayLike,
    *,
    trees: int = 100,
    leaves: int = 8,
    learning_rate: float = 0.1,
    seed: int = 0,
) -> ReadoutResult:
    """Gradient-boosted regression trees per target, their number chosen by validation MSE.

    Arguments, masks and errors as `readouts.linear_readout`.
    """
    options = _options(trees, leaves, learning_rate, seed)

    def fit(x: Floats, y: Floats, vx: Floats, vy: Floats, tx: Floats) -> tuple[Floats, float, float, bool]:
        model = HistGradientBoostingRegressor(**options).fit(x, y)
        errors = [float(np.mean((vy - guess) ** 2)) for guess in model.staged_predict(vx)]
        number = _best([-error for error in errors])
        return _at(model.staged_predict(tx), number), float(number), errors[number - 1], number < trees

    return per_target(train, train_y, validation, validation_y, test, fit)
