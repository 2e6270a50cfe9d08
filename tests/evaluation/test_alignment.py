"""Table 1's measures: closed forms, floors, and the choice of chunks."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from affectspace.evaluation import alignment


@pytest.fixture
def label() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, 400)


def test_perfect_and_constant_chunk(label):
    assert alignment.chunk_distance(np.repeat(label[:, None], 8, axis=1), label) == {"mse": 0.0, "mae": 0.0}
    constant = alignment.chunk_distance(np.full((400, 8), label.mean()), label)
    assert constant == pytest.approx(alignment.constant_distance(label))
    assert constant["mse"] == pytest.approx(label.var())
    assert alignment.constant_distance(label, 0.5)["mae"] == pytest.approx(np.mean(np.abs(label - 0.5)))


def test_gaussian_code_meets_its_closed_form(label):
    code = np.random.default_rng(1).normal(size=(400, 5000))
    expected = alignment.gaussian_distance(label)
    measured = alignment.chunk_distance(code, label)
    assert expected["mse"] == pytest.approx(1 + np.mean(label**2))
    assert measured == pytest.approx(expected, rel=0.01)
    assert alignment.gaussian_distance([0.0]) == pytest.approx({"mse": 1.0, "mae": np.sqrt(2 / np.pi)})


def test_a_constant_passes_the_published_measure():
    """EVALUATION: against an N(0, I) code a constant is several times better; nothing was learnt."""
    label = np.random.default_rng(0).normal(0.1, 0.3, 1000)
    assert alignment.gaussian_distance(label)["mse"] > 4 * alignment.constant_distance(label)["mse"]


def test_masked_equals_subset(label):
    code = np.random.default_rng(1).normal(size=(400, 4))
    masked = label.copy()
    masked[::2] = np.nan
    code_masked = code.copy()
    code_masked[::2] = np.nan
    assert alignment.chunk_distance(code_masked, masked) == alignment.chunk_distance(code[1::2], label[1::2])
    assert alignment.gaussian_distance(masked) == alignment.gaussian_distance(label[1::2])
    assert alignment.constant_distance(masked) == alignment.constant_distance(label[1::2])


def test_best_chunks_finds_the_aligned_ones(label):
    rng = np.random.default_rng(2)
    arousal = rng.uniform(-1, 1, 400)
    noise = [0.1 * rng.normal(size=(400, 4)) for _ in range(3)]
    chunks = [noise[0] + arousal[:, None], noise[1], noise[2] + label[:, None]]
    assert alignment.best_chunks(chunks, label, arousal) == (2, 0)


def test_best_chunks_are_different_even_where_one_is_best_for_both(label):
    rng = np.random.default_rng(2)
    both = np.repeat(label[:, None], 4, axis=1)
    chosen = alignment.best_chunks([rng.normal(size=(400, 4)), both], label, label)
    assert sorted(chosen) == [0, 1]


def test_levels_cross_entropy_matches_log_loss():
    rng = np.random.default_rng(0)
    logits, levels = rng.normal(size=(60, 19)), rng.integers(-9, 10, 60).astype(float)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    got = alignment.levels_cross_entropy(logits, levels, 19, -9)
    assert got == pytest.approx(log_loss(levels + 9, p, labels=range(19)))
    levels[:20] = np.nan
    subset = alignment.levels_cross_entropy(logits[20:], levels[20:], 19, -9)
    assert alignment.levels_cross_entropy(logits, levels, 19, -9) == pytest.approx(subset)


def test_level_floors():
    levels = np.array([-1, -1, 0, 1])
    zero = np.zeros((4, 3))
    uniform = alignment.levels_cross_entropy(zero, levels, 3, -1)
    assert uniform == pytest.approx(alignment.uniform_cross_entropy(3)) == pytest.approx(np.log(3))
    certain = alignment.marginal_cross_entropy([0.0], 3, -1, fitted_on=np.zeros(9998))
    assert certain == pytest.approx(2e-4, rel=1e-3)
    own = alignment.marginal_cross_entropy(levels, 3, -1, fitted_on=np.repeat(levels, 1000))
    assert own == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(4), abs=1e-3)
    assert alignment.levels_cross_entropy(np.log([[2, 1, 1.0]] * 4), levels, 3, -1) == pytest.approx(own, abs=1e-3)
    unseen = alignment.marginal_cross_entropy(levels, 3, -1, fitted_on=[0, 0, 0])
    assert unseen == pytest.approx(-(2 * np.log(1 / 6) + np.log(4 / 6) + np.log(1 / 6)) / 4)
    assert alignment.levels_cross_entropy(1e3 * np.eye(3)[[0, 0, 1, 2]], levels, 3, -1) == pytest.approx(0)
