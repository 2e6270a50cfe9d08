"""Probabilities of emotions: a certain point, an uncertain one, axes that are missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from affectspace.annotation import AnnotationTransfer
from affectspace.prediction.emotions import (
    BASIC,
    NEUTRAL,
    SAD_AROUSAL,
    SPREAD,
    EmotionMap,
    affectnet_emotions,
    kept_moments,
    published_emotions,
)

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
    assert published_emotions(("anger",)).names == BASIC  # one alone would always be certain
    flat = published_emotions().on(("valence", "dominance"))
    assert flat.axes == ("valence", "dominance")
    assert flat.centres.shape == (7, 2)
    ignored = flat.probabilities(np.array([[0.5, 9.0, 0.1]]), np.array([[0.1, 9.0, 0.1]]))
    np.testing.assert_allclose(ignored, flat.probabilities(np.array([[0.5, -9.0, 0.1]]), np.array([[0.1, 0.0, 0.1]])))
    assert flat.source.startswith("Russell & Mehrabian 1977")


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_far_from_everything_there_is_still_one(far: float) -> None:
    probabilities = published_emotions().probabilities(np.full((1, 3), far), np.full((1, 3), 0.1))
    np.testing.assert_allclose(probabilities.sum(), 1)


MOMENTS = np.array([-0.01, 0.05, 0.03]), np.array([0.12, 0.07, 0.05])


def test_centres_have_the_moments_of_the_outputs() -> None:
    emotions = published_emotions(moments=MOMENTS)
    assert emotions.names == BASIC
    assert emotions.priors is not None
    assert emotions.priors[emotions.names.index("neutral")] == pytest.approx(NEUTRAL)
    assert emotions.priors.sum() == pytest.approx(1)
    mean = emotions.priors @ emotions.centres
    np.testing.assert_allclose(mean, MOMENTS[0], atol=1e-12)
    np.testing.assert_allclose(emotions.priors @ np.square(emotions.centres - mean), np.square(MOMENTS[1]), atol=1e-12)
    np.testing.assert_allclose(emotions.covariances[3], np.diag(np.square(MOMENTS[1])))
    sad, afraid = (emotions.priors[emotions.names.index(name)] for name in ("sadness", "fear"))
    assert sad == pytest.approx(12 * afraid)
    plain = published_emotions().centres.copy()
    plain[emotions.names.index("sadness"), 1] = SAD_AROUSAL
    order = np.argsort(plain, axis=0, kind="stable")
    for axis in range(3):
        assert (np.diff(emotions.centres[order[:, axis], axis]) >= -1e-12).all()


def test_names_in_the_units_of_the_outputs_reach_all_emotions() -> None:
    emotions = published_emotions(moments=MOMENTS)
    random = np.random.default_rng(0)
    points = MOMENTS[0] + 1.5 * MOMENTS[1] * random.standard_normal((4000, 3))
    chosen = emotions.probabilities(points, np.full_like(points, 0.1)).argmax(axis=1)
    assert len(set(chosen)) >= 6
    old = published_emotions().probabilities(points, np.full_like(points, 0.1)).argmax(axis=1)
    assert np.mean(np.array(BASIC)[old] == "neutral") > 0.95  # why they were moved


def test_an_axis_without_outputs_is_left_out() -> None:
    known = np.array([True, True, False])
    moments = tuple(np.where(known, part, np.nan) for part in MOMENTS)
    flat = published_emotions(moments=moments).on(("valence", "arousal"))  # type: ignore[arg-type]
    expected = published_emotions(moments=MOMENTS).on(("valence", "arousal"))
    point = np.array([[0.1, 0.2, np.nan]])
    np.testing.assert_allclose(flat.probabilities(point, point), expected.probabilities(point, point))


def test_priors_and_limits_count() -> None:
    centres, spread = np.array([[0.0, 0.0], [0.04, 0.0]]), np.repeat(0.0025 * np.eye(2)[None], 2, axis=0)
    there, far = np.array([[0.02, 0.0, np.nan]]), np.array([[0.9, 0.0, np.nan]])
    names = ("neutral", "fear"), ("valence", "arousal"), centres, spread, "made"
    equal = EmotionMap(*names, fitted=True)
    np.testing.assert_allclose(equal.probabilities(there, there)[0], [0.5, 0.5])
    assert equal.probabilities(far, far)[0, 1] > 0.999
    fitted = EmotionMap(*names, np.array([0.95, 0.05]), np.array([[-0.1, -0.1], [0.12, 0.1]]), fitted=True)
    np.testing.assert_allclose(fitted.probabilities(there, there)[0], [0.95, 0.05])
    assert fitted.probabilities(far, far)[0, 1] < 0.3


def test_moments_are_read_without_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"spread": np.float32([0.2, 0.1, 0.1])}, path)
    kept = kept_moments(path)
    assert kept.outputs is None
    np.testing.assert_allclose(kept.label_spread, [0.2, 0.1, 0.1], rtol=1e-6)
    save_file({"statistics.output_mean": np.full(3, np.nan), "statistics.output_deviation": np.full(3, np.nan)}, path)
    assert kept_moments(path).outputs is None
    save_file({"statistics.output_mean": MOMENTS[0], "statistics.output_deviation": MOMENTS[1]}, path)
    outputs = kept_moments(path).outputs
    assert outputs is not None
    np.testing.assert_allclose(outputs[1], MOMENTS[1])
    assert kept_moments(path).label_spread.tolist() == [0.5, 0.5, 0.5]


def test_a_temperature_changes_the_certainty_and_not_the_order() -> None:
    moments = np.array([0.02, 0.04, 0.07]), np.array([0.13, 0.06, 0.04])
    fitted = published_emotions((), moments)
    points, widths = np.array([[-0.4, 0.14, -0.1], [0.4, 0.2, 0.1]]), np.full((2, 3), 0.15)
    tempered, sharp = (
        fitted.probabilities(points, widths),
        replace(fitted, temperature=1.0).probabilities(points, widths),
    )
    assert (tempered.argsort(axis=1) == sharp.argsort(axis=1)).all()
    assert (tempered.max(axis=1) < sharp.max(axis=1)).all()
    expected = sharp**0.4 / (sharp**0.4).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tempered, expected, rtol=1e-6)
