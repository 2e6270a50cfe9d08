"""Read-outs: regressions of valence, arousal and dominance on a latent.

A read-out is fitted on train, chosen on validation by squared error, and applied to test, one target at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor

from affectspace.evaluation.fitting import (
    Split,
    Stages,
    boosting_options,
    epochs_between_looks,
    mlp_options,
    select,
)
from affectspace.evaluation.inputs import Floats, feature_matrix, require_same_targets, rows_with_targets
from affectspace.evaluation.ridge import PENALTIES, fit_ridge, one_thread


@dataclass(frozen=True)
class ReadoutResult:
    """What a read-out predicts for the test rows, (n_test,) or (n_test, targets) like the training labels.

    chosen : per target the penalty, epoch or number of trees chosen on validation. validation_mse : the error of the choice
    there, not a result to report. converged : False if a limit of epochs or trees stopped the fit of a target.
    """

    predictions: Floats
    chosen: tuple[float, ...]
    validation_mse: tuple[float, ...]
    converged: bool = True


def linear_readout(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike,
    validation_y: ArrayLike,
    test: ArrayLike,
    *,
    penalties: Sequence[float] = PENALTIES,
) -> ReadoutResult:
    """Predict the test rows with a ridge regression, with the penalty of each target chosen on validation.

    Parameters
    ----------
    train, validation, test : array_like
        Features (n, k) of different people. Columns that are constant in train are left out.
    train_y, validation_y : array_like
        Labels (n,) or (n, targets), such as valence and arousal. NaN labels are left out per target.
    penalties : sequence of float
        The choice, see `fit_ridge`.

    Returns
    -------
    ReadoutResult

    Raises
    ------
    DataError
        If features are not finite or differ in width, or a target has no label.
    ConfigError
        If a penalty is not above 0.

    Examples
    --------
    >>> from affectspace.evaluation import linear_readout
    >>> x, y = [[0.0], [1.0], [2.0]], [0.1, 0.2, 0.3]
    >>> linear_readout(x, y, x, y, test=[[1.0]]).predictions
    array([0.2])
    """
    ridge = fit_ridge(train, train_y, validation, validation_y, penalties=penalties)
    predictions = ridge(feature_matrix(test, "test features", len(ridge.weights)))
    return ReadoutResult(predictions, ridge.penalties, ridge.validation_mse)


def _readout(
    parts: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    stages: Callable[[Split], Stages],
    limit: float = np.inf,
    patience: int | None = None,
) -> ReadoutResult:
    """Check the parts, run the stages of a model per target, and keep the best; it converges as a probe does."""
    x, y = rows_with_targets(parts[0], parts[1], "train")
    vx, vy = rows_with_targets(parts[2], parts[3], "validation", x.shape[1])
    require_same_targets(parts[1], parts[3])
    tx = feature_matrix(parts[4], "test features", x.shape[1])
    best = []
    with one_thread():
        for labels, truth in zip(y.T, vy.T, strict=True):
            rows, known = ~np.isnan(labels), ~np.isnan(truth)
            split = Split.standardised(x[rows], labels[rows], vx[known], tx)
            best.append(select(stages(split), _negative_mse(truth[known]), patience))
    return ReadoutResult(
        np.column_stack([target.test for target in best]).reshape(len(tx), *np.shape(parts[1])[1:]),
        tuple(target.choice for target in best),
        tuple(-target.score for target in best),
        all(target.choice < limit and (patience is None or target.settled) for target in best),
    )


def _negative_mse(truth: Floats) -> Callable[[Floats], float]:
    return lambda predicted: -float(np.mean((truth - predicted) ** 2))


def mlp_readout(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike,
    validation_y: ArrayLike,
    test: ArrayLike,
    *,
    hidden: int = 100,
    seed: int = 0,
    max_looks: int = 100,
    patience: int = 10,
    learning_rate: float = 1e-3,
    batch: int = 256,
) -> ReadoutResult:
    """Predict the test rows with a network of one hidden ReLU layer per target, with the epoch chosen on validation.

    It is the "MLP Regression" of LeVAsa's Table 2, whose width and optimiser the paper does not state. Training (Adam)
    ends as in `mlp_probe`, by the error on validation. Call it once per seed. The rest is as in `linear_readout`.
    """

    def stages(split: Split) -> Stages:
        """Train epoch by epoch."""
        mean, spread = float(split.train_y.mean()), float(split.train_y.std()) or 1.0
        x, validation_x, test_x = (part.astype(np.float32) for part in (split.train, split.validation, split.test))
        targets = ((split.train_y - mean) / spread).astype(np.float32)
        rng = np.random.default_rng(seed)
        model = MLPRegressor(**mlp_options(hidden, batch, learning_rate, seed, len(x)))
        each = epochs_between_looks(len(x), batch)
        for epoch in range(1, max_looks * each + 1):
            rows = rng.permutation(len(x))
            model.partial_fit(x[rows], targets[rows])
            if epoch % each == 0:
                outputs = [mean + spread * model.predict(part).astype(np.float64) for part in (validation_x, test_x)]
                yield float(epoch), outputs[0], outputs[1]

    parts = (train, train_y, validation, validation_y, test)
    return _readout(parts, stages, patience=patience)


def boosted_readout(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike,
    validation_y: ArrayLike,
    test: ArrayLike,
    *,
    trees: int = 100,
) -> ReadoutResult:
    """Predict the test rows with gradient-boosted trees per target, with their number, at most `trees`, chosen on validation.

    The rest is as in `linear_readout`.
    """
    options = boosting_options(trees)

    def stages(split: Split) -> Stages:
        model = HistGradientBoostingRegressor(**options).fit(split.train, split.train_y)
        outputs = zip(model.staged_predict(split.validation), model.staged_predict(split.test), strict=True)
        for number, (validation_outputs, test_outputs) in enumerate(outputs, start=1):
            yield float(number), validation_outputs, test_outputs

    return _readout((train, train_y, validation, validation_y, test), stages, trees)
