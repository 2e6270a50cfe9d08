"""Image errors against scikit-image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from affectspace.errors import DataError
from affectspace.evaluation.reconstruction import image_mse, image_ssim, reconstruction_quality


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (5, 20, 24, 3), dtype=np.uint8)
    noisy = np.clip(truth / 255 + rng.normal(0, 0.1, truth.shape), 0, 1)
    noisy[2] = 0.5
    return truth, noisy.astype(np.float32)


def test_matches_scikit_image(images):
    truth, noisy = images
    quality = reconstruction_quality(truth, noisy)
    for i in range(len(truth)):
        x, y = truth[i] / 255, noisy[i].astype(float)
        assert quality.psnr[i] == pytest.approx(peak_signal_noise_ratio(x, y, data_range=1))
        assert quality.ssim[i] == pytest.approx(structural_similarity(x, y, channel_axis=-1, data_range=1), abs=1e-12)
        assert quality.mse[i] == pytest.approx(np.mean((x - y) ** 2))
    assert np.array_equal(image_mse(truth, noisy), quality.mse)
    assert np.array_equal(image_ssim(truth, noisy), quality.ssim)
    summary = quality.summary()
    assert summary["psnr_of_mean_mse"] == pytest.approx(-10 * np.log10(quality.mse.mean()))
    assert summary["psnr_of_mean_mse"] <= summary["psnr"]


def test_perfect_reconstruction(images):
    truth, _ = images
    assert reconstruction_quality(truth, truth).summary() == {
        "mse": 0.0,
        "psnr": np.inf,
        "psnr_of_mean_mse": np.inf,
        "ssim": pytest.approx(1.0),
    }


def test_flat_images_have_an_ssim():
    black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    quality = reconstruction_quality(black, white)
    assert quality.mse[0] == 1
    assert quality.psnr[0] == 0
    assert quality.ssim[0] == pytest.approx(1e-4 / 1.0001)


def test_bytes_and_floats_are_the_same_image(images):
    truth, noisy = images
    assert image_mse(truth / 255, noisy) == pytest.approx(image_mse(truth, noisy))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:3], "both must be"),
        (lambda x: x * 255, "must lie in 0 .. 1"),
        (lambda x: np.where(np.arange(5)[:, None, None, None] == 3, np.nan, x), "holds nan in row 3"),
        (lambda x: x.astype(np.int64), "has the type int64"),
    ],
)
def test_bad_images(images, change, message):
    truth, noisy = images
    with pytest.raises(DataError, match=message):
        reconstruction_quality(truth, change(noisy))


def test_too_small_or_empty(images):
    truth, noisy = images
    with pytest.raises(DataError, match="at least 7 pixels"):
        reconstruction_quality(truth[:, :5], noisy[:, :5])
    with pytest.raises(DataError, match="no rows"):
        reconstruction_quality(truth[:0], noisy[:0])
