"""Read-outs of valence and arousal: informative, useless, constant."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from affectspace.evaluation.metrics import r2
from affectspace.evaluation.readouts import boosted_readout, linear_readout, mlp_readout

READOUTS = (linear_readout, mlp_readout, boosted_readout)


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)) * [1, 1, 30, 1, 1, 0] + 2
    y = np.column_stack([x[:, 0] + 0.1 * x[:, 2], -x[:, 1]]) + 0.5 * rng.normal(size=(n, 2))
    return x, y


@pytest.fixture(scope="module")
def parts() -> tuple:
    return *rows(300, 0), *rows(150, 1), *rows(200, 2)


@pytest.mark.parametrize("readout", READOUTS)
def test_informative_features(readout, parts):
    *fitting, test, truth = parts
    result = readout(*fitting, test)
    assert result.predictions.shape == (200, 2)
    assert (r2(truth, result.predictions) > 0.6).all()
    single = readout(fitting[0], fitting[1][:, 1], fitting[2], fitting[3][:, 1], test)
    assert single.predictions.shape == (200,)
    assert np.array_equal(single.predictions, result.predictions[:, 1])
    assert len(result.chosen) == len(result.validation_mse) == 2


def test_linear_readout_is_ridge(parts):
    x, y, vx, vy, tx, _ = parts
    result = linear_readout(x, y, vx, vy, tx, penalties=[10.0])
    mean, sd = x[:, :5].mean(axis=0), x[:, :5].std(axis=0)
    model = Ridge(alpha=10.0).fit((x[:, :5] - mean) / sd, y)
    assert result.predictions == pytest.approx(model.predict((tx[:, :5] - mean) / sd))
    assert result.validation_mse == pytest.approx(np.mean((model.predict((vx[:, :5] - mean) / sd) - vy) ** 2, axis=0))


def test_useless_features_shrink_to_the_mean(parts):
    _, y, _, vy, _, truth = parts
    rng = np.random.default_rng(9)
    result = linear_readout(rng.normal(size=(300, 6)), y, rng.normal(size=(150, 6)), vy, rng.normal(size=(200, 6)))
    assert (np.abs(r2(truth, result.predictions)) < 0.06).all()


@pytest.mark.parametrize("readout", READOUTS)
def test_constant_features_and_labels(readout, parts):
    x, y, vx, vy, tx, _ = parts
    flat = readout(np.ones((300, 2)), y, np.ones((150, 2)), vy, np.full((200, 2), 9.0))
    assert np.ptp(flat.predictions, axis=0) == pytest.approx([0, 0])
    assert flat.predictions[0] == pytest.approx(y.mean(axis=0), abs=1.0)
    constant = readout(x, np.full(300, 0.2), vx, np.full(150, 0.2), tx).predictions
    assert constant == pytest.approx(np.full(200, 0.2), abs=0.5 if readout is mlp_readout else 1e-9)


def test_masked_equals_subset(parts):
    x, y, vx, vy, tx, _ = parts
    masked = y.copy()
    masked[::2, 0] = np.nan
    result = linear_readout(x, masked, vx, vy, tx)
    subset = linear_readout(x[1::2], y[1::2, 0], vx, vy[:, 0], tx)
    assert np.array_equal(result.predictions[:, 0], subset.predictions)


def test_same_seed_same_numbers(parts):
    *fitting, test, _ = parts
    first, second, other = (mlp_readout(*fitting, test, seed=s, max_looks=1).predictions for s in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_squares_are_read_by_trees_only():
    rng = np.random.default_rng(0)
    x, vx, tx = (rng.normal(size=(n, 3)) for n in (400, 200, 300))
    y, vy, truth = (np.column_stack([part[:, 0] ** 2, part[:, 1]]) for part in (x, vx, tx))
    y[::5, 0] = np.nan
    assert (r2(truth, boosted_readout(x, y, vx, vy, tx).predictions) > 0.8).all()
    assert r2(truth, linear_readout(x, y, vx, vy, tx).predictions)[0] < 0.1
