"""Probes of the emotion: informative, useless and degenerate representations, and what only trees see."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from affectspace.evaluation.metrics import balanced_accuracy
from affectspace.evaluation.probes import boosted_probe, linear_probe, mlp_probe

PROBES = (linear_probe, mlp_probe, boosted_probe)
NAMES = np.array(["neutral", "anger", "fear"])


def emotions(n: int, seed: int, signal: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    features = rng.normal(size=(n, 5)) * [1, 100, 0.01, 1, 0] + [0, 7, 0, 0, 3.3]
    features[:, 0] += signal * (codes == 1)
    features[:, 3] += signal * (codes == 2)
    return features.astype(np.float32), NAMES[codes]


@pytest.fixture(scope="module")
def parts() -> tuple:
    return *emotions(400, 0), *emotions(200, 1), *emotions(300, 2)


@pytest.mark.parametrize("probe", PROBES)
def test_informative_features(probe, parts):
    *fitting, test, truth = parts
    result = probe(*fitting, test, classes=["neutral", "anger", "fear", "surprise"])
    assert balanced_accuracy(truth, result.predictions) > 0.65
    assert result.probabilities.shape == (300, 4)
    assert result.probabilities.sum(axis=1) == pytest.approx(np.ones(300))
    assert (result.probabilities[:, 3] == 0).all()
    assert np.array_equal(result.predictions, result.classes[result.probabilities.argmax(axis=1)])
    assert 0 < result.validation_uar <= 1


@pytest.mark.parametrize("probe", PROBES)
def test_useless_and_constant_features(probe, parts):
    _, y, _, vy, _, truth = parts
    rng = np.random.default_rng(5)
    noise = [rng.normal(size=(n, 4)) for n in (400, 200, 300)]
    assert abs(balanced_accuracy(truth, probe(noise[0], y, noise[1], vy, noise[2]).predictions) - 1 / 3) < 0.12
    flat = probe(np.ones((400, 3)), y, np.ones((200, 3)), vy, np.full((300, 3), 50.0))
    assert balanced_accuracy(truth, flat.predictions) == pytest.approx(1 / 3)
    assert flat.probabilities == pytest.approx(np.full((300, 3), 1 / 3), abs=0.25)


def test_linear_probe_is_logistic_regression(parts):
    x, y, vx, vy, tx, _ = parts
    result = linear_probe(x, y, vx, vy, tx, grid=[0.1])
    varying = [0, 1, 2, 3]
    x64, t64 = x[:, varying].astype(float), tx[:, varying].astype(float)
    mean, sd = x64.mean(axis=0), x64.std(axis=0)
    model = LogisticRegression(C=0.1, class_weight="balanced", tol=1e-8, max_iter=1000).fit((x64 - mean) / sd, y)
    assert result.classes.tolist() == model.classes_.tolist()
    assert result.probabilities == pytest.approx(model.predict_proba((t64 - mean) / sd), abs=1e-2)
    assert result.converged


def test_c_is_chosen_on_validation(parts):
    *fitting, test, _ = parts
    result = linear_probe(*fitting, test)
    assert result.validation_uar == max(result.scores.values())
    assert result.chosen["C"] == min(c for c, score in result.scores.items() if score == result.validation_uar)


def test_no_convergence_is_reported_not_warned(parts):
    *fitting, test, _ = parts
    assert not linear_probe(*fitting, test, grid=[1e4], max_iterations=1).converged
    assert not mlp_probe(*fitting, test, max_looks=1).converged
    assert not boosted_probe(*fitting, test, trees=1).converged


def test_a_network_on_few_rows_is_trained_to_the_end():
    """An epoch of 300 rows has two steps: 20 epochs would leave the network where it began."""
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c", "d"], 300)
    x = np.repeat(rng.normal(size=(4, 30)), 300, axis=0) * 0.7 + rng.normal(size=(1200, 30))
    part = np.arange(1200) % 4
    fitting = (x[part == 0], y[part == 0], x[part == 1], y[part == 1], x[part > 1])
    network, linear = mlp_probe(*fitting, hidden=64), linear_probe(*fitting)
    assert network.converged
    assert network.chosen["epoch"] >= 20
    gap = balanced_accuracy(y[part > 1], linear.predictions) - balanced_accuracy(y[part > 1], network.predictions)
    assert abs(gap) < 0.05


def test_same_seed_same_numbers(parts):
    *fitting, test, _ = parts
    first, second, other = (mlp_probe(*fitting, test, seed=s, max_looks=1).probabilities for s in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("probe", PROBES)
def test_a_class_that_train_lacks_counts_as_missed_in_validation(probe, parts):
    x, y, vx, vy, tx, _ = parts
    lacking = y != "fear"
    result = probe(x[lacking], y[lacking], vx, vy, tx)
    assert set(result.classes) == {"anger", "neutral"}
    assert result.validation_uar <= 2 / 3
    several = np.where(vy == "fear", np.where(np.arange(200) % 2, "fear", "zeal"), vy)
    assert probe(x[lacking], y[lacking], vx, several, tx).validation_uar <= 2 / 4


def test_masked_equals_subset(parts):
    x, y, vx, vy, tx, _ = parts
    masked = y.astype(object)
    masked[::3] = None
    keep = np.arange(len(y)) % 3 != 0
    whole = linear_probe(x, masked, vx, vy, tx)
    subset = linear_probe(x[keep], y[keep], vx, vy, tx)
    assert np.array_equal(whole.probabilities, subset.probabilities)


def test_numbers_as_labels(parts):
    x, y, vx, vy, tx, _ = parts
    codes = {name: i for i, name in enumerate(sorted(NAMES))}
    numbered = linear_probe(x, [codes[n] for n in y], vx, [codes[n] for n in vy], tx)
    named = linear_probe(x, y, vx, vy, tx)
    assert np.array_equal(numbered.probabilities, named.probabilities)
    assert numbered.predictions.dtype.kind == "i"


def squares(seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Features and labels of three parts: the label is whether the square of the first feature is large."""
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(n, 3)) for n in (400, 200, 300)]
    return features, [np.where(x[:, 0] ** 2 > 0.8, "strong", "weak") for x in features]


def test_squares_are_seen_by_trees_only():
    (x, vx, tx), (y, vy, truth) = squares()
    boosted = boosted_probe(x, y, vx, vy, tx, classes=["weak", "strong", "none"])
    assert balanced_accuracy(truth, boosted.predictions) > 0.9
    assert balanced_accuracy(truth, linear_probe(x, y, vx, vy, tx).predictions) < 0.65
    assert boosted.probabilities[:, 2].max() == 0
    assert boosted.probabilities.sum(axis=1) == pytest.approx(np.ones(300))
    assert boosted.scores[boosted.chosen["trees"]] == boosted.validation_uar == max(boosted.scores.values())


def test_of_equal_numbers_of_trees_the_fewest_is_taken():
    _, (y, vy, _) = squares()
    flat = boosted_probe(np.ones((400, 2)), y, np.ones((200, 2)), vy, np.ones((300, 2)), trees=5)
    assert flat.chosen == {"trees": 1.0}


def test_the_chosen_number_of_trees_is_what_predicts():
    (x, vx, tx), (y, vy, _) = squares()
    many = boosted_probe(x, y, vx, vy, tx, trees=30)
    exact = boosted_probe(x, y, vx, vy, tx, trees=int(many.chosen["trees"]))
    assert many.probabilities == pytest.approx(exact.probabilities)
    assert [exact.scores[i] for i in exact.scores] == [many.scores[i] for i in exact.scores]
