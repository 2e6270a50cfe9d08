"""Probabilities of emotions: a certain point, an uncertain one, axes that are missing."""

import numpy as np
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.prediction.emotions import SPREAD, affectnet_emotions, published_emotions

NOWHERE = np.zeros((1, 3))


def test_at_a_centre_its_emotion_is_the_most_probable() -> None:
    emotions = published_emotions()
    probabilities = emotions.probabilities(emotions.centres, np.zeros_like(emotions.centres))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == np.arange(len(emotions.names))).all()


def test_a_certain_point_has_the_posterior_of_gaussians() -> None:
    emotions = published_emotions()
    point = np.array([[0.3, 0.2, -0.1]])
    energy = ((point - emotions.centres) ** 2).sum(axis=1) / SPREAD**2
    expected = np.exp(-energy / 2) / np.exp(-energy / 2).sum()
    np.testing.assert_allclose(emotions.probabilities(point, NOWHERE)[0], expected, rtol=1e-9)
    np.testing.assert_allclose(emotions.probabilities(point, np.full((1, 3), np.nan))[0], expected, rtol=1e-9)


def test_an_uncertain_point_has_the_mean_over_it() -> None:
    emotions = affectnet_emotions()
    mean, deviation = np.array([[0.3, 0.1, np.nan]]), np.array([[0.1, 0.2, np.nan]])
    probabilities = emotions.probabilities(mean, deviation)[0]
    drawn = mean[0, :2] + deviation[0, :2] * np.random.default_rng(0).normal(size=(200_000, 2))
    plain = AnnotationTransfer.reference("affectnet", assignment="mahalanobis").predict_proba(drawn).mean(axis=0)
    np.testing.assert_allclose(probabilities, plain, atol=0.02)


def test_the_wider_the_less_sure() -> None:
    emotions = published_emotions()
    point = emotions.centres[[0]]
    sure = [emotions.probabilities(point, np.full((1, 3), spread)).max() for spread in (0.0, 0.2, 0.5, 2.0)]
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] < 0.5


def test_many_points_are_those_one_by_one() -> None:
    emotions = published_emotions()
    random = np.random.default_rng(0)
    mean, deviation = random.uniform(-1, 1, (600, 3)), random.uniform(0, 0.5, (600, 3))
    together = emotions.probabilities(mean, deviation)
    for row in (0, 255, 256, 599):
        np.testing.assert_allclose(together[row], emotions.probabilities(mean[[row]], deviation[[row]])[0])


def test_which_emotions_and_axes() -> None:
    assert published_emotions(("anger", "calm", "my own")).names == ("anger", "calm")
    assert len(published_emotions(("anger",)).names) == 12  # one alone would always be certain
    flat = published_emotions().on(("valence", "dominance"))
    assert flat.axes == ("valence", "dominance")
    assert flat.centres.shape == (12, 2)
    ignored = flat.probabilities(np.array([[0.5, 9.0, 0.1]]), np.array([[0.1, 9.0, 0.1]]))
    np.testing.assert_allclose(ignored, flat.probabilities(np.array([[0.5, -9.0, 0.1]]), np.array([[0.1, 0.0, 0.1]])))
    assert flat.source.startswith("Russell & Mehrabian 1977")


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_far_from_everything_there_is_still_one(far: float) -> None:
    probabilities = published_emotions().probabilities(np.full((1, 3), far), np.full((1, 3), 0.1))
    np.testing.assert_allclose(probabilities.sum(), 1)
