"""Disturbances of a recording, by what they promise."""

import numpy as np
import pytest

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import (
    picture_blur,
    sound_gain,
    sound_noise,
    sound_padding,
    sound_reverberation,
    sound_telephone,
)

RATE = 16000
TONE = (0.2 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.asarray(sound, dtype=float) ** 2)))


def test_gain():
    assert loudness(sound_gain(TONE, -20)) == pytest.approx(loudness(TONE) / 10, rel=1e-4)
    assert np.abs(sound_gain(TONE, 40)).max() == 1
    assert sound_gain(TONE, 0) == pytest.approx(TONE)


@pytest.mark.parametrize("pink", [False, True])
def test_noise_has_the_ratio_asked_for(pink):
    noisy = sound_noise(TONE, 10, pink=pink, seed=1)
    added = noisy - TONE
    assert 20 * np.log10(loudness(TONE) / loudness(added)) == pytest.approx(10, abs=0.01)
    spectrum = np.abs(np.fft.rfft(added)) ** 2
    low, high = spectrum[20:400].mean(), spectrum[4000:].mean()
    assert (low > 10 * high) == pink
    assert np.array_equal(noisy, sound_noise(TONE, 10, pink=pink, seed=1))
    silence = np.zeros(100)
    assert np.array_equal(sound_noise(silence, 10), silence)


def test_reverberation_smears_and_keeps_length_and_level():
    click = np.zeros(RATE, dtype=np.float32)
    click[1000] = 0.5
    wet = sound_reverberation(click, RATE, 0.3, seed=2)
    assert wet.shape == click.shape
    assert loudness(wet) == pytest.approx(loudness(click), rel=1e-4)
    assert np.abs(wet[:999]).max() < 1e-6
    early, late = loudness(wet[1010:1500]), loudness(wet[1000 + 4800 - 490 : 1000 + 4800])
    assert 20 * np.log10(late / early) == pytest.approx(-60 * (4800 - 500) / 4800, abs=6)
    assert np.array_equal(sound_reverberation(TONE, RATE, 0), TONE)
    assert sound_reverberation(np.zeros(50), RATE, 0.1).tolist() == [0] * 50


def test_padding_and_telephone():
    padded = sound_padding(TONE, RATE, 0.5)
    assert len(padded) == 2 * RATE
    assert np.array_equal(padded[RATE // 2 : -RATE // 2], TONE)
    low = 0.2 * np.sin(2 * np.pi * 60 * np.arange(RATE) / RATE)
    high = 0.2 * np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)
    middle = slice(RATE // 4, -RATE // 4)
    assert loudness(sound_telephone(low, RATE)[middle]) < 0.05 * loudness(low)
    assert loudness(sound_telephone(high, RATE)[middle]) < 0.05 * loudness(high)
    through = sound_telephone(TONE, RATE)
    assert loudness((through - TONE)[middle]) < 0.05 * loudness(TONE)
    assert len(np.unique(through)) <= 255
    assert all(sound.dtype == np.float32 for sound in (padded, through, sound_gain(TONE, 3)))


def test_blur_spreads_a_point_and_keeps_its_light():
    point = np.zeros((65, 65, 3), np.uint8)
    point[32, 32] = 255
    assert np.array_equal(picture_blur(point, 0), point)
    plain = np.full((8, 9, 3), 77, np.uint8)
    assert np.array_equal(picture_blur(plain, 3), plain)
    square = np.zeros((64, 64, 3), np.uint8)
    square[20:44, 20:44] = 200
    blurred = picture_blur(square, 2.0)
    assert blurred.dtype == np.uint8
    assert blurred.mean() == pytest.approx(square.mean(), rel=0.01)
    assert int(blurred[32, 20, 0]) == pytest.approx(100, abs=25)
    with pytest.raises(DataError, match="give \\(height, width, channels\\)"):
        picture_blur(np.zeros((4, 4)), 1)
    with pytest.raises(ConfigError, match="radius is -1"):
        picture_blur(point, -1)
