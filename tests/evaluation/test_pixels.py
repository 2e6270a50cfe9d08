"""Principal components of pixels against scikit-learn's."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import pixels
from affectspace.evaluation.pixels import pca_pixels


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
    monkeypatch.setattr(pixels, "_FEW", 200)
    exact = PCA(6, svd_solver="full").fit(images.reshape(700, -1) / 255)
    assert pca_pixels(images, 6).explained == pytest.approx(exact.explained_variance_ratio_, rel=1e-2)


def test_same_seed_same_components_and_bytes_equal_floats(images):
    one, two, floats = pca_pixels(images, 4), pca_pixels(images, 4), pca_pixels(images / 255, 4)
    assert np.array_equal(one.components, two.components)
    assert one(images[:9]) == pytest.approx(floats(images[:9] / 255), abs=1e-4)


def test_constant_images():
    reduce = pca_pixels(np.full((10, 4, 4, 3), 7, np.uint8), 3)
    assert reduce.explained == pytest.approx([0, 0, 0], abs=1e-6)
    assert reduce(np.full((2, 4, 4, 3), 7, np.uint8)) == pytest.approx(np.zeros((2, 3)), abs=1e-6)


def test_bad_input(images):
    with pytest.raises(DataError, match="800 components need at least 800"):
        pca_pixels(images, 800)
    with pytest.raises(ConfigError, match="k is 0"):
        pca_pixels(images, 0)
    reduce = pca_pixels(images, 2)
    with pytest.raises(DataError, match=r"images has shape \(2, 9, 9, 3\): expected \(n, 8, 8, 3\)"):
        reduce(np.zeros((2, 9, 9, 3), np.uint8))
    with pytest.raises(DataError, match="not finite in row 1"):
        reduce(np.stack([np.zeros((8, 8, 3)), np.full((8, 8, 3), np.nan)]))
    with pytest.raises(DataError, match="type int64"):
        reduce(np.zeros((2, 8, 8, 3), np.int64))
