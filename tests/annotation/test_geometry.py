import numpy as np
import pytest

from affectspace.annotation import (
    AnnotationTransfer,
    covered_area,
    ellipse_areas,
    r2_given_emotion,
    recovery_rates,
    union_area,
)
from affectspace.errors import DataError


@pytest.fixture(scope="module")
def affectnet():
    return AnnotationTransfer.reference("affectnet")


def test_area(affectnet):
    assert covered_area(affectnet) == pytest.approx(np.mean(np.pi * np.prod(affectnet.deviations_, axis=1)) / 4)
    assert covered_area(affectnet) == pytest.approx(0.0195, abs=1e-4)  # 2.0 %; the paper says 3 %
    assert list(ellipse_areas(affectnet)) == affectnet.classes_.tolist()
    assert union_area(affectnet) == pytest.approx(0.1349, abs=1e-3)
    assert union_area(affectnet) < sum(ellipse_areas(affectnet).values())


def test_area_with_correlation_and_in_three_axes():
    rng = np.random.default_rng(0)
    vad = rng.normal(size=(400, 3)) * 0.1
    vad[:, 1] += vad[:, 0]
    full = AnnotationTransfer(covariance="full", n_sigma=2).fit(vad, ["calm"] * 400)
    ball = 4 / 3 * np.pi * 8 * np.sqrt(np.linalg.det(full.covariances_[0])) / 8
    assert covered_area(full) == pytest.approx(ball)
    assert union_area(full) == pytest.approx(ball, rel=0.05)
    assert covered_area(AnnotationTransfer(n_sigma=2).fit(vad, ["calm"] * 400)) > ball


def test_recovery_rates(affectnet):
    uniform, gaussian = recovery_rates(affectnet), recovery_rates(affectnet, "gaussian")
    assert uniform["anger"] == pytest.approx(0.925, abs=0.005)
    assert gaussian["anger"] == pytest.approx(0.60, abs=0.01)
    assert uniform["happiness"] == 1
    assert affectnet.distribution == "uniform"  # the transfer itself is not changed


@pytest.mark.parametrize("distribution", ["uniform", "gaussian"])
def test_r2_is_that_of_samples(affectnet, distribution):
    names = np.repeat(affectnet.classes_, 40_000)
    points = AnnotationTransfer.reference("affectnet", distribution=distribution).sample(names, 0)
    within = ((points - affectnet.centres(names)) ** 2).sum(axis=0)
    r2 = 1 - within / ((points - points.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(list(r2_given_emotion(affectnet, distribution).values()), r2, atol=2e-3)


def test_r2_with_the_priors_of_a_corpus(affectnet):
    weights = dict.fromkeys(affectnet.classes_.tolist(), 0.0) | {"anger": 1.0}
    transfer = AnnotationTransfer.reference("affectnet", priors=weights)
    assert list(r2_given_emotion(transfer).values()) == pytest.approx([0, 0])  # one emotion only: nothing to know


def test_centres_only_have_no_area():
    with pytest.raises(DataError, match="has centres but no deviations"):
        covered_area(AnnotationTransfer.reference("russell_mehrabian_1977"))


def test_an_emotion_without_spread_adds_no_area():
    transfer = AnnotationTransfer().fit([[0, 0], [0, 0], [0.5, 0.5], [0.7, 0.9]], ["calm", "calm", "fear", "fear"])
    assert ellipse_areas(transfer)["calm"] == 0
    assert union_area(transfer) == pytest.approx(ellipse_areas(transfer)["fear"], rel=0.02)
