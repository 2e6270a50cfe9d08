"""Floors, ceilings, living latents, the softmax over emotions and the principal components of pixels."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from affectspace.evaluation import floors, metrics
from affectspace.evaluation.floors import class_centres, pca_pixels, softmax_floor


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


def test_constant_floor():
    train, test = np.array([0.0, 1.0, np.nan]), np.array([0.0, 0.5, 1.0])
    assert floors.constant_floor(train, test) == pytest.approx({"mse": 1 / 6, "mae": 1 / 3, "r2": 0.0})
    both = floors.constant_floor(np.column_stack([train, train]), np.column_stack([test, test + 1]))
    assert both["mse"] == pytest.approx([1 / 6, 1 / 6 + 1])
    assert both["r2"][1] < 0


def test_majority_floor():
    floor = floors.majority_floor(["a", "a", "b", None], ["b", "b", "a", "c"])
    assert floor == {"label": "a", "accuracy": 0.25, "uar": pytest.approx(1 / 3), "share_of_part": 0.5}


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


CENTRES = {"anger": [-0.5, 0.6, 0.3], "calm": [0.3, -0.6, 0.2], "happiness": [0.8, 0.5, 0.4]}
NAMES = np.array(sorted(CENTRES))


def acted(n: int, seed: int, signal: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features with a signal of the emotion, emotions, and its centre as affect."""
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 8))
    x[np.arange(n), code] += signal
    return x, NAMES[code], np.array([CENTRES[name] for name in NAMES[code]])


def test_two_emotions() -> None:
    (x, e, _), (vx, ve, _) = acted(200, 0), acted(100, 1)
    two, vtwo = e != "calm", ve != "calm"
    floor = softmax_floor(x[two], e[two], vx[vtwo], ve[vtwo], CENTRES)
    scale = StandardScaler().fit(x[two])
    model = LogisticRegression(C=floor.chosen, class_weight="balanced").fit(scale.transform(x[two]), e[two])
    assert floor.probabilities(vx) == pytest.approx(model.predict_proba(scale.transform(vx)), abs=1e-3)


def test_softmax_floor_is_the_expected_centre() -> None:
    (x, e, _), (vx, ve, _), (tx, _, truth) = acted(300, 0), acted(150, 1), acted(200, 2)
    floor = softmax_floor(x, e, vx, ve, CENTRES)
    scale = StandardScaler().fit(x)
    model = LogisticRegression(C=floor.chosen, class_weight="balanced", max_iter=300)
    posterior = model.fit(scale.transform(x), e).predict_proba(scale.transform(tx))
    assert floor(tx) == pytest.approx(posterior @ np.array([CENTRES[name] for name in model.classes_]), abs=1e-2)
    for axis in range(3):
        assert np.corrcoef(floor(tx)[:, axis], truth[:, axis])[0, 1] > 0.6


def test_perfect_features_reach_the_centres_and_useless_ones_their_mean() -> None:
    parts = [acted(200, seed, signal=30.0) for seed in range(3)]
    perfect = softmax_floor(*parts[0][:2], *parts[1][:2], CENTRES, grid=[1.0])
    assert perfect(parts[2][0]) == pytest.approx(parts[2][2], abs=0.05)
    parts = [acted(200, seed, signal=0.0) for seed in range(3)]
    useless = softmax_floor(*parts[0][:2], *parts[1][:2], CENTRES, grid=[1e-5])
    assert useless(parts[2][0]) == pytest.approx(np.tile(np.mean(list(CENTRES.values()), axis=0), (200, 1)), abs=0.01)


def test_class_centres() -> None:
    affect = np.array([[0.2, 1.0], [0.4, np.nan], [0.5, np.nan], [9.0, 9.0]])
    centres = class_centres(np.array(["b", "b", "a", None], dtype=object), affect)
    assert list(centres) == ["a", "b"]
    assert centres["b"] == pytest.approx([0.3, 1.0])
    assert centres["a"] == pytest.approx([0.5, np.nan], nan_ok=True)


def test_a_refitted_softmax_keeps_its_choice() -> None:
    (x, e, _), (vx, ve, _) = acted(200, 0), acted(100, 1)
    softmax = softmax_floor(x, e, vx, ve, CENTRES)
    more = softmax.refitted(np.concatenate([x, vx]), np.concatenate([e, ve]), CENTRES)
    assert more.chosen == softmax.chosen
    assert not np.array_equal(more(vx), softmax(vx))


def test_constant_features_give_the_mean_of_the_centres() -> None:
    _, e, _ = acted(60, 0)
    flat = softmax_floor(np.ones((60, 2)), e, np.ones((60, 2)), e, CENTRES)
    assert flat(np.full((3, 2), 9.0)) == pytest.approx(
        np.tile(np.mean(list(CENTRES.values()), axis=0), (3, 1)), abs=1e-3
    )


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(20, 8 * 8 * 3)) * (0.7 ** np.arange(20))[:, None]
    flat = rng.normal(size=(700, 20)) @ basis
    flat = (flat - flat.min()) / np.ptp(flat)
    return (255 * flat).round().astype(np.uint8).reshape(700, 8, 8, 3)


def test_matches_exact_pca(images):
    reduce = pca_pixels(images, 6)
    exact = PCA(6, svd_solver="full").fit(images.reshape(700, -1) / 255)
    assert np.abs(reduce.components @ exact.components_.T) == pytest.approx(np.eye(6), abs=2e-3)
    assert reduce.explained == pytest.approx(exact.explained_variance_ratio_, rel=1e-3)
    scores = reduce(images[:50])
    assert np.abs(scores) == pytest.approx(np.abs(exact.transform(images[:50].reshape(50, -1) / 255)), abs=1e-2)
    assert scores.dtype == np.float32


def test_many_images_through_the_thinned_passes(images, monkeypatch):
    monkeypatch.setattr(floors, "_FEW", 200)
    exact = PCA(6, svd_solver="full").fit(images.reshape(700, -1) / 255)
    assert pca_pixels(images, 6).explained == pytest.approx(exact.explained_variance_ratio_, rel=1e-2)


def test_same_seed_same_components_and_bytes_equal_floats(images):
    first, second, floats = pca_pixels(images, 4), pca_pixels(images, 4), pca_pixels(images / 255, 4)
    assert np.array_equal(first.components, second.components)
    assert first(images[:9]) == pytest.approx(floats(images[:9] / 255), abs=1e-4)


def test_constant_images():
    reduce = pca_pixels(np.full((10, 4, 4, 3), 7, np.uint8), 3)
    assert reduce.explained == pytest.approx([0, 0, 0], abs=1e-6)
    assert reduce(np.full((2, 4, 4, 3), 7, np.uint8)) == pytest.approx(np.zeros((2, 3)), abs=1e-6)
