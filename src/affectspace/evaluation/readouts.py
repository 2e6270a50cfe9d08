"""Read-outs of valence and arousal from a latent (LeVAsa's Table 2): fitted on train, chosen on validation by MSE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neural_network import MLPRegressor

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.fitting import Standardiser, one_thread, train_to_best_epoch
from affectspace.evaluation.inputs import Floats, as_floats, feature_matrix, require_same_length

PENALTIES = tuple(float(a) for a in np.logspace(-1, 6, 15))


@dataclass(frozen=True)
class ReadoutResult:
    """Predictions for the test rows, (n_test,) or (n_test, targets) as the training labels came.

    chosen: per target the ridge penalty or the epoch that validation chose. validation_mse: per target, there; not to
    be reported as a result. converged: False where an MLP was stopped by its limit of epochs.
    """

    predictions: Floats
    chosen: tuple[float, ...]
    validation_mse: tuple[float, ...]
    converged: bool = True


_Fit = Callable[[Floats, Floats, Floats, Floats, Floats], tuple[Floats, float, float, bool]]


def per_target(
    train: ArrayLike, train_y: ArrayLike, validation: ArrayLike, validation_y: ArrayLike, test: ArrayLike, fit: _Fit
) -> ReadoutResult:
    x = feature_matrix(train, "train features")
    vx = feature_matrix(validation, "validation features", x.shape[1])
    tx = feature_matrix(test, "test features", x.shape[1])
    y, vy = as_floats(train_y, "train labels"), as_floats(validation_y, "validation labels")
    require_same_length(len(x), "train features", len(y), "train labels")
    require_same_length(len(vx), "validation features", len(vy), "validation labels")
    if y.ndim not in (1, 2) or y.shape[1:] != vy.shape[1:]:
        raise DataError(
            f"train labels have shape {y.shape}, validation labels {vy.shape}: both (n,) or both (n, targets)"
        )
    if np.isinf(y).any() or np.isinf(vy).any():
        raise DataError("labels are infinite: use NaN for 'not annotated'")
    single = y.ndim == 1
    y, vy = (y[:, None], vy[:, None]) if single else (y, vy)
    columns, chosen, errors, converged = [], [], [], True
    with one_thread():
        for target in range(y.shape[1]):
            rows, validation_rows = ~np.isnan(y[:, target]), ~np.isnan(vy[:, target])
            if not rows.any() or not validation_rows.any():
                part = "validation" if rows.any() else "train"
                raise DataError(f"no {part} row is annotated for target {target}: leave that target out")
            scale = Standardiser.fit(x[rows])
            guess, choice, error, done = fit(
                scale(x[rows]), y[rows, target], scale(vx[validation_rows]), vy[validation_rows, target], scale(tx)
            )
            columns.append(guess)
            chosen.append(choice)
            errors.append(error)
            converged &= done
    predictions = np.column_stack(columns)
    return ReadoutResult(predictions[:, 0] if single else predictions, tuple(chosen), tuple(errors), converged)


def linear_readout(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike,
    validation_y: ArrayLike,
    test: ArrayLike,
    *,
    penalties: Sequence[float] = PENALTIES,
) -> ReadoutResult:
    """Ridge regression with intercept on standardised features, the penalty of each target chosen on validation.

    Features (n, k); labels (n,) or (n, targets) such as valence and arousal, NaN left out per target. Minimises
    sum (y - Xw - b)^2 + penalty |w|^2; ties go to the larger penalty. Constant columns are left out. Raises DataError
    for features that are not finite or differ in width and for a target without labels; ConfigError for the penalties.
    """
    if not len(penalties) or min(penalties) <= 0:
        raise ConfigError(f"penalties is {tuple(penalties)}: it needs at least one, each above 0")

    def fit(x: Floats, y: Floats, vx: Floats, vy: Floats, tx: Floats) -> tuple[Floats, float, float, bool]:
        weights, mean, penalty, error = ridge_weights(x, y, vx, vy, penalties)
        return mean + tx @ weights, penalty, error, True

    return per_target(train, train_y, validation, validation_y, test, fit)


def ridge_weights(
    x: Floats, y: Floats, validation_x: Floats, validation_y: Floats, penalties: Sequence[float] = PENALTIES
) -> tuple[Floats, float, float, float]:
    """Ridge regression of one target on features that are centred: weights (k,), intercept, penalty, its validation MSE.

    x : (n, k); y : (n,), without NaN. The penalty is the one of least squared error on validation, at a tie the larger.
    """
    best: tuple[float, float, Floats] | None = None
    ordered = sorted(penalties, reverse=True)
    for penalty, (weights, mean) in zip(ordered, ridge_solutions(x, y, ordered), strict=True):
        error = float(np.mean((validation_y - mean - validation_x @ weights) ** 2))
        if best is None or error < best[1]:
            best = float(penalty), error, weights
    assert best is not None
    return best[2], float(y.mean()), best[0], best[1]


def ridge_solutions(x: Floats, y: Floats, penalties: Sequence[float]) -> list[tuple[Floats, Floats]]:
    """Weights and bias for each penalty: minimises |y - xw - b|^2 + penalty |w|^2; x (n, k) is centred.

    y : (n,) or (n, targets), without NaN; weights are (k,) or (k, targets). With fewer rows than columns through the rows'
    products, which is the same: x'(xx' + p)^-1 = (x'x + p)^-1 x'.
    """
    centre = y.mean(axis=0)
    few = len(x) < x.shape[1]
    values, vectors = np.linalg.eigh(x @ x.T if few else x.T @ x)
    values = np.maximum(values, 0.0) if y.ndim == 1 else np.maximum(values, 0.0)[:, None]
    toward = vectors.T @ ((y - centre) if few else x.T @ (y - centre))
    outward = x.T @ vectors if few else vectors
    return [(outward @ (toward / (values + penalty)), centre) for penalty in penalties]


def mlp_readout(
    train: ArrayLike,
    train_y: ArrayLike,
    validation: ArrayLike,
    validation_y: ArrayLike,
    test: ArrayLike,
    *,
    hidden: int = 100,
    seed: int = 0,
    max_epochs: int = 40,
    patience: int = 5,
    learning_rate: float = 1e-3,
    batch: int = 256,
) -> ReadoutResult:
    """One hidden ReLU layer per target (Table 2's "MLP Regression"; its width and optimiser are our assumption).

    Arguments, masks and errors as `linear_readout`. Adam on standardised targets; the epoch with the smallest
    validation MSE is kept. For several seeds call it once per seed.
    """

    def fit(x: Floats, y: Floats, vx: Floats, vy: Floats, tx: Floats) -> tuple[Floats, float, float, bool]:
        mean, spread = float(y.mean()), float(y.std()) or 1.0
        inputs, targets, valid = x.astype(np.float32), ((y - mean) / spread).astype(np.float32), vx.astype(np.float32)
        rng = np.random.default_rng(seed)
        model = MLPRegressor(
            hidden_layer_sizes=(hidden,),
            batch_size=min(batch, len(x)),
            learning_rate_init=learning_rate,
            random_state=seed,
            shuffle=False,
        )

        def predict(features: np.ndarray) -> Floats:
            return mean + spread * model.predict(features.astype(np.float32)).astype(np.float64)

        def epoch() -> None:
            rows = rng.permutation(len(inputs))
            model.partial_fit(inputs[rows], targets[rows])

        def score() -> float:
            return -float(np.mean((vy - predict(valid)) ** 2))

        number, best, stopped = train_to_best_epoch(model, epoch, score, max_epochs=max_epochs, patience=patience)
        return predict(tx), float(number), -best, stopped

    return per_target(train, train_y, validation, validation_y, test, fit)
