"""Sentiment measures against scikit-learn and by hand, with zeros and halves where toolkits differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from affectspace.errors import DataError
from affectspace.evaluation import sentiment


def test_halves_go_away_from_zero():
    values = [0.5, -0.5, 1.5, -2.5, 2.5, 0.49999999999999994, -0.2, 3.0]
    assert sentiment.round_half_away(values).tolist() == [1, -1, 2, -3, 3, 0, 0, 3]
    assert sentiment.sentiment_classes([9.0, -3.4, 2.5, -0.5]).tolist() == [3, -3, 3, -1]


@given(st.floats(-1000, 1000))
def test_rounding_is_odd_and_near(value):
    rounded = sentiment.round_half_away([value, -value])
    assert rounded[0] == -rounded[1]
    assert abs(rounded[0] - value) <= 0.5


def test_against_scikit_learn():
    rng = np.random.default_rng(0)
    truth = np.round(rng.uniform(-3, 3, 300) * 5) / 5
    guess = truth + rng.normal(size=300)
    said = sentiment.negative_non_negative(truth, guess)
    assert said["accuracy"] == accuracy_score(truth >= 0, guess >= 0)
    assert said["f1"] == pytest.approx(f1_score(truth >= 0, guess >= 0, average="weighted"))
    clear = truth != 0
    said = sentiment.negative_positive(truth, guess)
    assert said["accuracy"] == accuracy_score(truth[clear] > 0, guess[clear] > 0)
    assert said["f1"] == pytest.approx(f1_score(truth[clear] > 0, guess[clear] > 0, average="weighted"))


def test_zeros():
    truth, guess = [0.0, 0.0, 1.0, -1.0], [0.0, -0.1, 0.0, 0.0]
    assert sentiment.negative_non_negative(truth, guess)["accuracy"] == 0.5
    assert sentiment.negative_positive(truth, guess)["accuracy"] == 0.5
    nothing = sentiment.negative_positive([0.0, 0.0], [1.0, -1.0])
    assert np.isnan([nothing["accuracy"], nothing["f1"]]).all()


def test_perfect_useless_and_constant():
    truth = np.linspace(-3, 3, 121)
    perfect = sentiment.sentiment_measures(truth, truth)
    assert perfect == {
        "n": 121, "mae": 0, "pearson": 1,
        "negative_non_negative_accuracy": 1, "negative_non_negative_f1": 1,
        "negative_positive_accuracy": 1, "negative_positive_f1": 1, "seven_class_accuracy": 1,
    }  # fmt: skip
    constant = sentiment.sentiment_measures(truth, np.zeros(121))
    assert np.isnan(constant["pearson"])
    assert constant["negative_positive_accuracy"] == 0.5
    assert constant["negative_non_negative_f1"] < 0.36  # never says negative
    assert constant["seven_class_accuracy"] == pytest.approx(19 / 121)
    assert sentiment.sentiment_measures(truth, -truth)["negative_positive_accuracy"] == 0


def test_masked_equals_subset():
    rng = np.random.default_rng(1)
    truth, guess = rng.uniform(-3, 3, 60), rng.normal(size=60)
    keep = np.arange(60) % 3 != 0
    masked = np.where(keep, truth, np.nan)
    whole = sentiment.sentiment_measures(masked, np.where(keep, guess, np.nan))
    assert whole == sentiment.sentiment_measures(truth[keep], guess[keep])
    empty = sentiment.sentiment_measures(np.full(3, np.nan), np.ones(3))
    assert empty["n"] == 0
    assert np.isnan([value for name, value in empty.items() if name != "n"]).all()


@pytest.mark.parametrize(
    ("truth", "guess", "message"),
    [
        ([0.0, 4.0], [0.0, 1.0], "truth is 4 in row 1: sentiment lies in -3"),
        ([0.0], [0.0, 1.0], "truth has 1 rows and predicted has 2"),
        ([[0.0]], [[0.0]], "sentiment is"),
        ([np.nan, 1.0], [0.0, np.nan], "first in row 1"),
    ],
)
def test_bad_input(truth, guess, message):
    with pytest.raises(DataError, match=message):
        sentiment.sentiment_measures(truth, guess)
