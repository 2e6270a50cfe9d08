"""Boosted trees: what they see and a linear probe does not, useless and constant features, the choice on validation."""

import numpy as np
import pytest

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.boosted import boosted_probe, boosted_readout
from affectspace.evaluation.metrics import balanced_accuracy, r2
from affectspace.evaluation.probes import linear_probe
from affectspace.evaluation.readouts import linear_readout


def parts(seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Features and labels of three parts: the label is whether the square of the first feature is large."""
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(n, 3)) for n in (400, 200, 300)]
    return features, [np.where(x[:, 0] ** 2 > 0.8, "strong", "weak") for x in features]


def test_squares_are_seen_by_trees_only():
    (x, vx, tx), (y, vy, truth) = parts()
    boosted = boosted_probe(x, y, vx, vy, tx, classes=["weak", "strong", "none"])
    assert balanced_accuracy(truth, boosted.predictions) > 0.9
    assert balanced_accuracy(truth, linear_probe(x, y, vx, vy, tx).predictions) < 0.65
    assert boosted.probabilities[:, 2].max() == 0
    assert boosted.probabilities.sum(axis=1) == pytest.approx(np.ones(300))
    assert boosted.scores[boosted.chosen["trees"]] == boosted.validation_uar == max(boosted.scores.values())


def test_read_out_of_squares():
    (x, vx, tx), _ = parts()
    y, vy, truth = (np.column_stack([part[:, 0] ** 2, part[:, 1]]) for part in (x, vx, tx))
    y[::5, 0] = np.nan
    boosted = r2(truth, boosted_readout(x, y, vx, vy, tx).predictions)
    assert (boosted > 0.8).all()
    assert r2(truth, linear_readout(x, y, vx, vy, tx).predictions)[0] < 0.1
    assert boosted_readout(x, y[:, 1], vx, vy[:, 1], tx).predictions.shape == (300,)


def test_useless_and_constant_features():
    _, (y, vy, truth) = parts()
    rng = np.random.default_rng(1)
    noise = boosted_probe(
        rng.normal(size=(400, 4)), y, rng.normal(size=(200, 4)), vy, rng.normal(size=(300, 4)), trees=20
    )
    assert abs(balanced_accuracy(truth, noise.predictions) - 0.5) < 0.1
    flat = boosted_probe(np.ones((400, 2)), y, np.ones((200, 2)), vy, np.ones((300, 2)), trees=5)
    assert balanced_accuracy(truth, flat.predictions) == 0.5
    assert flat.chosen == {"trees": 1.0}  # the fewest of equals


def test_the_chosen_number_of_trees_is_what_predicts():
    (x, vx, tx), (y, vy, _) = parts()
    many = boosted_probe(x, y, vx, vy, tx, trees=30)
    exact = boosted_probe(x, y, vx, vy, tx, trees=int(many.chosen["trees"]))
    assert many.probabilities == pytest.approx(exact.probabilities)
    assert [exact.scores[i] for i in exact.scores] == [many.scores[i] for i in exact.scores]


def test_bad_input():
    (x, vx, tx), (y, vy, _) = parts()
    with pytest.raises(ConfigError, match="trees is 0"):
        boosted_probe(x, y, vx, vy, tx, trees=0)
    with pytest.raises(ConfigError, match="leaves 1"):
        boosted_readout(x, x[:, 0], vx, vx[:, 0], tx, leaves=1)
    with pytest.raises(DataError, match="all 400 training rows are weak"):
        boosted_probe(x, np.full(400, "weak"), vx, vy, tx)
