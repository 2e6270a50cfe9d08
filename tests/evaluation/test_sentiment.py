"""Sentiment measures against scikit-learn and by hand, with zeros and halves where toolkits differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from affectspace.evaluation import sentiment_measures


def weighted_f1(true: np.ndarray, guess: np.ndarray) -> float:
    total = 0.0
    for side in (False, True):
        hits = np.sum((true == side) & (guess == side))
        total += np.mean(true == side) * 2 * hits / (np.sum(true == side) + np.sum(guess == side))
    return total


def test_halves_go_away_from_zero() -> None:
    values = [0.5, -0.5, 1.5, -2.5, 2.5, 0.49999999999999994, -0.2, 3.0, 9.0, -3.4]
    classes = [1, -1, 2, -3, 3, 0, 0, 3, 3, -3]
    assert sentiment_measures(classes, values)["seven_class_accuracy"] == 1


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3))
def test_rounding_is_odd_and_near(value: float) -> None:
    classes = np.repeat(np.arange(-3.0, 4.0), 2)
    hits = [sentiment_measures([c], [value])["seven_class_accuracy"] for c in np.arange(-3.0, 4.0)]
    odd = [sentiment_measures([c], [-value])["seven_class_accuracy"] for c in np.arange(3.0, -4.0, -1)]
    assert hits == odd
    assert sum(hits) == 1
    assert abs(classes[::2][np.argmax(hits)] - value) <= 0.5


def test_against_scikit_learn_and_by_hand() -> None:
    rng = np.random.default_rng(0)
    truth = np.round(rng.uniform(-3, 3, 300) * 5) / 5
    guess = truth + rng.normal(size=300)
    measures, clear = sentiment_measures(truth, guess), truth != 0
    assert measures["negative_non_negative_accuracy"] == accuracy_score(truth >= 0, guess >= 0)
    assert measures["negative_non_negative_f1"] == pytest.approx(weighted_f1(truth >= 0, guess >= 0))
    assert measures["negative_positive_accuracy"] == accuracy_score(truth[clear] > 0, guess[clear] > 0)
    assert measures["negative_positive_f1"] == pytest.approx(weighted_f1(truth[clear] > 0, guess[clear] > 0))


def test_zeros() -> None:
    measures = sentiment_measures([0.0, 0.0, 1.0, -1.0], [0.0, -0.1, 0.0, 0.0])
    assert measures["negative_non_negative_accuracy"] == 0.5
    assert measures["negative_positive_accuracy"] == 0.5
    nothing = sentiment_measures([0.0, 0.0], [1.0, -1.0])
    assert np.isnan([nothing["negative_positive_accuracy"], nothing["negative_positive_f1"]]).all()


def test_perfect_useless_and_constant() -> None:
    truth = np.linspace(-3, 3, 121)
    assert sentiment_measures(truth, truth) == {
        "n": 121, "mae": 0, "pearson": 1,
        "negative_non_negative_accuracy": 1, "negative_non_negative_f1": 1,
        "negative_positive_accuracy": 1, "negative_positive_f1": 1, "seven_class_accuracy": 1,
    }  # fmt: skip
    constant = sentiment_measures(truth, np.zeros(121))
    assert np.isnan(constant["pearson"])
    assert constant["negative_positive_accuracy"] == 0.5
    assert constant["negative_non_negative_f1"] < 0.36  # never predicts negative
    assert constant["seven_class_accuracy"] == pytest.approx(19 / 121)
    assert sentiment_measures(truth, -truth)["negative_positive_accuracy"] == 0


def test_masked_equals_subset() -> None:
    rng = np.random.default_rng(1)
    truth, guess = rng.uniform(-3, 3, 60), rng.normal(size=60)
    keep = np.arange(60) % 3 != 0
    masked = sentiment_measures(np.where(keep, truth, np.nan), np.where(keep, guess, np.nan))
    assert masked == sentiment_measures(truth[keep], guess[keep])
    empty = sentiment_measures(np.full(3, np.nan), np.ones(3))
    assert empty["n"] == 0
    assert np.isnan([value for name, value in empty.items() if name != "n"]).all()
