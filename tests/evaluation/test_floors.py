"""Floors, ceilings and living latents."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import floors, metrics


def test_permutation_floor_of_a_relation_and_of_none():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 300)
    guess = np.where(rng.random(300) < 0.5, truth, rng.integers(0, 4, 300))
    floor = floors.permutation_floor(metrics.balanced_accuracy, truth, guess)
    assert floor.value == metrics.balanced_accuracy(truth, guess)
    assert floor.floor == pytest.approx(0.25, abs=0.01)
    assert floor.low < floor.floor < floor.high < floor.value
    assert floor.p == 1 / 201
    chance = floors.permutation_floor(metrics.balanced_accuracy, truth, rng.integers(0, 4, 300))
    assert chance.p > 0.02
    assert floors.permutation_floor(metrics.accuracy, truth, truth * 0, permutations=5).p == 1


def test_permuting_within_people_keeps_what_people_differ_in():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(10), 20)
    truth = people + 0.1 * rng.normal(size=200)
    guess = people + 0.1 * rng.normal(size=200)
    assert abs(floors.permutation_floor(metrics.pearson, truth, guess, permutations=50).floor) < 0.1
    within = floors.permutation_floor(metrics.pearson, truth, guess, groups=people, permutations=50)
    assert within.floor > 0.99
    assert within.p > 0.02


def test_permutation_floor_bad_input():
    with pytest.raises(DataError, match="undefined"):
        floors.permutation_floor(metrics.pearson, [1.0, 2.0], [1.0, 1.0])
    with pytest.raises(DataError, match="truth has 2 rows and array 0 has 3"):
        floors.permutation_floor(metrics.accuracy, [1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="no value in row 1"):
        floors.permutation_floor(metrics.accuracy, [1, 2], [1, 2], groups=["a", None])
    with pytest.raises(ConfigError, match="permutations is 0"):
        floors.permutation_floor(metrics.accuracy, [1, 2], [1, 2], permutations=0)


def test_constant_floor():
    train, test = np.array([0.0, 1.0, np.nan]), np.array([0.0, 0.5, 1.0])
    assert floors.constant_floor(train, test) == pytest.approx({"mse": 1 / 6, "mae": 1 / 3, "r2": 0.0})
    both = floors.constant_floor(np.column_stack([train, train]), np.column_stack([test, test + 1]))
    assert both["mse"] == pytest.approx([1 / 6, 1 / 6 + 1])
    assert both["r2"][1] < 0
    with pytest.raises(DataError, match="axis without any annotated row"):
        floors.constant_floor([np.nan], [1.0])


def test_majority_floor():
    floor = floors.majority_floor(["a", "a", "b", None], ["b", "b", "a", "c"])
    assert floor == {"label": "a", "accuracy": 0.25, "uar": pytest.approx(1 / 3), "share_of_part": 0.5}
    with pytest.raises(DataError, match="none of the training rows"):
        floors.majority_floor([None], ["a"])


def test_class_mean_ceiling():
    emotions = np.array(["a", "a", "b", "b", None], dtype=object)
    labels = np.array([0.0, 2.0, 10.0, 12.0, 99.0])
    assert floors.class_mean_ceiling(emotions, labels) == pytest.approx(1 - 4 / 104)
    masked = np.column_stack([labels, np.where(np.arange(5) == 1, np.nan, labels), np.full(5, 1.0)])
    ceilings = floors.class_mean_ceiling(emotions, masked)
    subset = floors.class_mean_ceiling(["a", "b", "b"], [0.0, 10.0, 12.0])
    assert ceilings[:2] == pytest.approx([1 - 4 / 104, subset])
    assert np.isnan(ceilings[2])
    assert floors.class_mean_ceiling(["a", "b"], [0.0, 1.0]) == 1
    assert floors.class_mean_ceiling(["a", "a"], [0.0, 1.0]) == 0
    with pytest.raises(DataError, match="none of the rows has an emotion"):
        floors.class_mean_ceiling([None], [1.0])


def test_ceiling_of_labels_drawn_uniformly_in_ellipses():
    """Labels uniform in an ellipse have variance sigma^2 / 4 about their class mean."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 50_000)
    centre, sigma = np.linspace(-1, 1, 5), 0.3
    radius, angle = np.sqrt(rng.random(50_000)), rng.uniform(0, 2 * np.pi, 50_000)
    labels = centre[codes] + sigma * radius * np.cos(angle)
    expected = centre.var() / (centre.var() + sigma**2 / 4)
    assert floors.class_mean_ceiling(codes, labels) == pytest.approx(expected, abs=0.002)


def test_active_units():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(500, 3)) * [1.0, 0.05, 0.0] + 4
    assert floors.active_units(means).tolist() == [True, False, False]
    assert floors.active_units(means, threshold=0.001).sum() == 2


def test_kl_per_dimension():
    assert floors.kl_per_dimension(np.zeros((4, 2)), np.zeros((4, 2))).tolist() == [0, 0]
    mean, logvar = 0.7, -1.3
    q = norm(mean, np.exp(logvar / 2))
    integral = quad(lambda z: q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)), -8, 8)[0]
    assert floors.kl_per_dimension([[mean]], [[logvar]])[0] == pytest.approx(integral)
    two = floors.kl_per_dimension([[mean, 0.0], [0.0, 0.0]], [[logvar, 0.0], [0.0, 0.0]])
    assert two == pytest.approx([integral / 2, 0])
    assert floors.kl_per_dimension([[0.0]], [[1e4]])[0] == np.inf
    with pytest.raises(DataError, match="must be alike"):
        floors.kl_per_dimension(np.zeros((4, 2)), np.zeros((4, 3)))
