"""Image errors against scikit-image and the formula of SSIM."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from skimage.metrics import peak_signal_noise_ratio

from affectspace.evaluation.reconstruction import image_mse, image_ssim, psnr_of


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (5, 20, 24, 3), dtype=np.uint8)
    noisy = np.clip(truth / 255 + rng.normal(0, 0.1, truth.shape), 0, 1)
    noisy[2] = 0.5
    return truth, noisy.astype(np.float32)


def ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004 with a uniform 7x7 window, sample covariances and K1 = .01, K2 = .03."""

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, (7, 7, 1))[3:-3, 3:-3]

    mx, my, unbiased = mean(x), mean(y), 49 / 48
    vx, vy, vxy = (unbiased * (mean(a * b) - mean(a) * mean(b)) for a, b in ((x, x), (y, y), (x, y)))
    numerator, denominator = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4), (mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)
    return float((numerator / denominator).mean())


def test_against_definitions(images: tuple) -> None:
    truth, noisy = images
    mse = image_mse(truth, noisy)
    for i, similarity in enumerate(image_ssim(truth, noisy)):
        x, y = truth[i] / 255, noisy[i].astype(float)
        assert psnr_of(mse)[i] == pytest.approx(peak_signal_noise_ratio(x, y, data_range=1))
        assert similarity == pytest.approx(ssim(x, y), abs=1e-12)
        assert mse[i] == pytest.approx(np.mean((x - y) ** 2))
    assert psnr_of(mse.mean()) <= psnr_of(mse).mean()  # Jensen


def test_perfect_and_opposite_images(images: tuple) -> None:
    truth, _ = images
    assert image_mse(truth, truth).tolist() == [0] * 5
    assert psnr_of(image_mse(truth, truth)).tolist() == [np.inf] * 5
    assert image_ssim(truth, truth) == pytest.approx(np.ones(5))
    black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    assert image_mse(black, white) == 1
    assert psnr_of(image_mse(black, white)) == 0
    assert image_ssim(black, white)[0] == pytest.approx(1e-4 / 1.0001)


def test_bytes_and_floats_are_the_same_image(images: tuple) -> None:
    truth, noisy = images
    assert image_mse(truth / 255, noisy) == pytest.approx(image_mse(truth, noisy))
    assert image_ssim(truth / 255, noisy) == pytest.approx(image_ssim(truth, noisy))
