"""Retrieval of the other modality's vector: perfect, useless, tied, and against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import cross_modal
from affectspace.evaluation.cross_modal import retrieval


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_perfect_and_useless(metric):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    perfect = retrieval(x, x, metric=metric)
    assert perfect.top == {1: 1.0, 5: 1.0, 10: 1.0}
    assert perfect.chance == {1: 1 / 200, 5: 5 / 200, 10: 10 / 200}
    assert perfect.median_rank == 1
    useless = retrieval(x, rng.normal(size=(200, 3)), metric=metric)
    assert useless.top[10] < 0.12
    assert 70 < useless.median_rank < 130


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_collapsed_codes_reach_chance(metric):
    flat = retrieval(np.full((40, 3), 0.7), np.full((40, 3), 0.1), metric=metric)
    assert flat.top == pytest.approx(flat.chance)
    assert flat.median_rank == 20.5
    half = retrieval(np.repeat(np.eye(2), 10, axis=0), np.repeat(np.eye(2), 10, axis=0), metric=metric, k=[1, 10, 15])
    assert half.top == pytest.approx({1: 1 / 10, 10: 1.0, 15: 1.0})
    assert half.hits[1] == pytest.approx(np.full(20, 0.1))


def test_zero_vectors_have_no_direction():
    x = np.eye(4)
    x[3] = 0
    found = retrieval(x, x, k=[1], metric="cosine")
    assert found.hits[1] == pytest.approx([1, 1, 1, 0.25])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_against_a_plain_loop_in_blocks(metric, monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 4))
    y = x + rng.normal(size=(30, 4))
    whole = retrieval(x, y, metric=metric)
    ranks = []
    for i in range(30):
        if metric == "euclidean":
            distances = np.linalg.norm(y - x[i], axis=1)
        else:
            distances = -(y @ x[i]) / np.linalg.norm(y, axis=1)
        ranks.append(1 + np.sum(distances < distances[i]))
    assert whole.ranks.tolist() == ranks
    assert whole.top[5] == np.mean(np.array(ranks) <= 5)
    monkeypatch.setattr(cross_modal, "_BLOCK", 70)
    assert retrieval(x, y, metric=metric).ranks.tolist() == ranks


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.01, 100))
def test_invariances(seed, scale):
    """One rotation and scale of both spaces, a shift of both, the order of samples: no rank changes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 3))
    y = x + 0.5 * rng.normal(size=(25, 3))
    rotation, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(25)
    for metric, shift in (("euclidean", 30.0), ("cosine", 0.0)):
        ranks = retrieval(x, y, metric=metric).ranks
        moved = retrieval(scale * x @ rotation + shift, scale * y @ rotation + shift, metric=metric).ranks
        assert moved.tolist() == ranks.tolist()
        assert retrieval(x[order], y[order], metric=metric).ranks.tolist() == ranks[order].tolist()


def test_k_above_n_is_left_out():
    assert list(retrieval(np.eye(3), np.eye(3)).top) == [1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: retrieval(x, x[:3]), DataError, "queries has 5 rows and targets has 3"),
        (lambda x: retrieval(x, x[:, :1]), DataError, "queries have 2 dimensions and targets 1"),
        (lambda x: retrieval(x[:1], x[:1]), DataError, "among 1 row always succeeds"),
        (lambda x: retrieval(x, np.full((5, 2), np.nan)), DataError, "targets has 10 values that are not finite"),
        (lambda x: retrieval(x, x, k=[0]), ConfigError, "k is"),
        (lambda x: retrieval(x, x, metric="dot"), ConfigError, "metric is 'dot'"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(np.random.default_rng(0).normal(size=(5, 2)))
