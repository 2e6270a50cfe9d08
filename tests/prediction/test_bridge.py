"""Probabilities of emotions, and ratings of other models, as predictions."""

import numpy as np
import pytest

from affectspace import AnnotationTransfer, Scale
from affectspace.errors import ConfigError
from affectspace.prediction.bridge import (
    Calibration,
    EmotionBridge,
    RatingBridge,
    categories_of,
    fit_calibration,
    reference_for,
)

SEVEN = ["neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]


def test_a_prediction_is_the_mixture_of_the_emotions() -> None:
    affectnet = AnnotationTransfer.reference("affectnet")
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(7))
    points = EmotionBridge(SEVEN, "affectnet").points([np.log(probabilities)[None]])
    order = [affectnet.classes_.tolist().index(name) for name in SEVEN]
    centres, deviations = affectnet.centres_[order], affectnet.deviations_[order]
    drawn = random.choice(7, 400_000, p=probabilities)
    sample = random.normal(centres[drawn], deviations[drawn])
    np.testing.assert_allclose(points.mean[0], [*sample.mean(axis=0), np.nan], atol=3e-3)
    np.testing.assert_allclose(points.deviation[0], [*sample.std(axis=0), np.nan], atol=3e-3)
    np.testing.assert_allclose(points.probabilities.sum(), 1)


def test_centres_without_deviations_have_a_convention() -> None:
    points = EmotionBridge(["happiness", "sadness"], "russell_mehrabian_1977").points([np.array([[0.0, -1e3]])])
    np.testing.assert_allclose(points.mean, [[0.81, 0.51, 0.46]], atol=1e-9)
    np.testing.assert_allclose(points.deviation, [[0.3, 0.3, 0.3]], atol=1e-9)


def test_labels_of_one_emotion_are_added_and_other_counts_for_all() -> None:
    bridge = EmotionBridge(["happiness", "sadness", "happiness", None], "affectnet")
    assert bridge.emotions == ("happiness", "sadness")
    points = bridge.points([np.log([[0.3, 0.1, 0.2, 0.4]])])
    np.testing.assert_allclose(points.probabilities, [[0.7, 0.3]])


def test_labels_that_do_not_exclude_each_other_are_normalised_and_noted() -> None:
    bridge = EmotionBridge(["happiness", "sadness"], "affectnet", exclusive=False)
    odds = np.array([[0.9, 0.3]])
    points = bridge.points([np.log(odds / (1 - odds))])
    np.testing.assert_allclose(points.probabilities, [[0.75, 0.25]])
    assert "do not exclude each other" in bridge.note


def test_frames_are_averaged_and_little_trust_is_wide() -> None:
    bridge = EmotionBridge(SEVEN, "affectnet")
    sure = np.full((2, 7), -50.0)
    sure[0, 1] = sure[1, 2] = 0
    np.testing.assert_allclose(bridge.points([sure]).probabilities[0, [3, 5]], 0.5)  # happiness and sadness
    trusted, doubted, unknown = bridge.points([sure[:1]] * 3, np.array([1.0, 0.5, 0.0])).deviation[:, 0]
    assert trusted < 0.2 < 0.45 < unknown < doubted
    np.testing.assert_allclose(bridge.points([sure[:1]], np.zeros(1)).probabilities, 1 / 7)


def test_ratings_in_another_order_and_range() -> None:
    order = ("arousal", "dominance", "valence")
    bridge = RatingBridge(Scale("mine", order, 0, 1))
    points = bridge.points([np.array([[1.0, 0.5, 0.25]]), np.array([[0.0, 0.5, 1.1], [0.0, 0.5, 0.9]])])
    np.testing.assert_allclose(points.mean, [[-0.5, 1, 0], [1, -1, 0]])
    assert np.isnan(points.deviation).all()
    happy = bridge.points([np.array([[0.75, 0.73, 0.9]])])
    assert bridge.emotions[int(happy.probabilities[0].argmax())] == "happiness"
    half = bridge.points([np.array([[1.0, 0.5, 0.25]])], np.array([0.5]))
    np.testing.assert_allclose(half.mean, [[-0.25, 0.5, 0]])


def test_a_calibration_finds_what_was_changed() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (400, 7))
    bridge = EmotionBridge(SEVEN, "russell_mehrabian_1977")
    truth = bridge.uncalibrated(list(logits[:, None]), 3.0)
    ratings = 0.5 * truth.mean + 0.1 + random.normal(0, 1, truth.mean.shape) * 2 * truth.deviation
    ratings[:, 2] = np.nan
    found = fit_calibration(bridge, list(logits[:, None]), ratings)
    assert found.rows == 400
    assert 1.5 < found.temperature < 8
    np.testing.assert_allclose(found.offset[:2], 0.1, atol=0.12)
    np.testing.assert_allclose(found.widening[:2], 2, rtol=0.15)
    assert (found.slope[2], found.offset[2], found.widening[2]) == (1, 0, 1)  # not rated
    points = EmotionBridge(SEVEN, "russell_mehrabian_1977", calibration=found).points(list(logits[:, None]))
    coverage = np.mean(np.abs(points.mean - ratings)[:, :2] < 1.645 * points.deviation[:, :2])
    assert coverage == pytest.approx(0.9, abs=0.03)


def test_a_calibration_of_ratings_states_a_deviation_and_few_rows_change_little() -> None:
    random = np.random.default_rng(1)
    bridge = RatingBridge(Scale("mine", ("valence",), -1, 1))
    outputs = random.uniform(-1, 1, (300, 1, 1))
    ratings = np.full((300, 3), np.nan)
    ratings[:, 0] = 0.6 * outputs[:, 0, 0] - 0.2 + random.normal(0, 0.1, 300)
    many = fit_calibration(bridge, list(outputs), ratings)
    assert (many.slope[0], many.offset[0]) == (pytest.approx(0.6, abs=0.03), pytest.approx(-0.2, abs=0.02))
    assert many.deviation[0] == pytest.approx(0.1, abs=0.03)
    few = fit_calibration(bridge, list(outputs[:5]), ratings[:5])
    assert many.slope[0] < few.slope[0] < 1
    with pytest.raises(ConfigError, match="fewer than 5 rows with a rating of an axis"):
        fit_calibration(bridge, list(outputs[:4]), ratings[:4])


def test_labels_are_understood_in_many_spellings() -> None:
    assert categories_of(["ang", "hap", "neu", "sad"]) == ["anger", "happiness", "neutral", "sadness"]
    assert categories_of(["Fearful", "calm", "OTHER"]) == ["fear", "calm", None]
    mapped = categories_of(["love", "rage", "mixed"], {"Love": "joy", "rage": "anger", "mixed": None})
    assert mapped == ["happiness", "anger", None]
    with pytest.raises(ConfigError, match=r"tiny has labels .*: LABEL_0, love; map them .*--labels map\.yaml"):
        categories_of(["LABEL_0", "love", "joy"], model="tiny")
    with pytest.raises(ConfigError, match="--labels: tiny has no label hate; it has joy, sad"):
        categories_of(["joy", "sad"], {"hate": "anger"}, model="tiny")
    with pytest.raises(ConfigError, match="--labels: joy: unknown emotion 'bliss'; choose of neutral, happiness"):
        categories_of(["joy", "sad"], {"joy": "bliss"})
    with pytest.raises(ConfigError, match="fewer than two emotions"):
        categories_of(["joy", "other"])


def test_faces_are_located_by_affectnet() -> None:
    assert reference_for(SEVEN, "image") == "affectnet"
    assert reference_for(["happiness", None, "anger"], "image") == "affectnet"
    assert reference_for([*SEVEN, "contempt"], "image") == "russell_mehrabian_1977"
    assert reference_for(SEVEN, "text") == "russell_mehrabian_1977"


def test_an_uncalibrated_bridge_changes_nothing() -> None:
    assert Calibration().temperature == 1
    logits = [np.random.default_rng(0).normal(size=(1, 7))]
    bridge = EmotionBridge(SEVEN, "affectnet")
    np.testing.assert_array_equal(bridge.points(logits).mean, bridge.uncalibrated(logits).mean)
