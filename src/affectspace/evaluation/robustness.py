"""What may happen to a recording: plain functions of a sound (samples,) on about [-1, 1], or of a picture.

Each is the same for the same seed. Measure a model on disturbed recordings at several strengths to see how robust it is.
Choose nothing by such figures on test.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import butter, fftconvolve, sosfiltfilt

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import Floats, as_floats, require_finite, require_rows

Sound = NDArray[np.float32]


def sound_gain(sound: ArrayLike, decibels: float) -> Sound:
    """Make a sound louder or softer, clipped at -1 and 1 as a recorder does.

    Examples
    --------
    >>> from affectspace.evaluation import sound_gain
    >>> sound_gain([0.01, -0.5], decibels=20)
    array([ 0.1, -1. ], dtype=float32)
    """
    return np.clip(_sound(sound) * 10 ** (decibels / 20), -1, 1).astype(np.float32)


def sound_noise(sound: ArrayLike, decibels: float, *, pink: bool = False, seed: int = 0) -> Sound:
    """Add white or pink noise at a signal-to-noise ratio of `decibels` over the whole sound; silence stays silence."""
    signal = _sound(sound)
    added = np.random.default_rng(seed).standard_normal(len(signal))
    if pink:
        spectrum = np.fft.rfft(added)
        added = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(signal))
    level = np.sqrt(np.mean(signal**2)) * 10 ** (-decibels / 20)
    return (signal + added * level / np.sqrt(np.mean(added**2))).astype(np.float32)


def sound_reverberation(sound: ArrayLike, rate: int, seconds: float, *, seed: int = 0) -> Sound:
    """Put a sound into a room in which it takes `seconds` to decay by 60 dB.

    The direct sound is followed by decaying noise of the same energy. Length and root mean square stay; 0 seconds changes
    nothing. `rate` is in samples per second.
    """
    signal = _sound(sound)
    if seconds < 0 or rate < 1:
        raise ConfigError(f"seconds is {seconds} and rate {rate}: at least 0 and 1 are needed")
    length = round(seconds * rate)
    if length < 1:
        return signal.astype(np.float32)
    time = np.arange(length) / rate
    tail = np.random.default_rng(seed).standard_normal(length) * 10 ** (-3 * time / seconds)
    tail[0] = 0.0
    response = np.concatenate([[1.0], tail / max(float(np.sqrt(np.sum(tail**2))), 1e-12)])
    wet = fftconvolve(signal, response)[: len(signal)]
    before, after = np.sqrt(np.mean(signal**2)), np.sqrt(np.mean(wet**2))
    return (wet * (before / after if after > 0 else 1.0)).astype(np.float32)


def sound_padding(sound: ArrayLike, rate: int, seconds: float) -> Sound:
    """Add `seconds` of digital silence before and after a sound."""
    if seconds < 0:
        raise ConfigError(f"seconds is {seconds}: it must be 0 or more")
    return np.pad(_sound(sound), round(seconds * rate)).astype(np.float32)


def sound_telephone(sound: ArrayLike, rate: int) -> Sound:
    """Send a sound through a telephone: 300 to 3,400 Hz and 8 bits of mu-law (G.711). `rate` must exceed 6,800 Hz."""
    if rate <= 6800:
        raise ConfigError(f"rate is {rate} Hz: a band up to 3,400 Hz needs more than 6,800")
    signal = _sound(sound)
    band = sosfiltfilt(butter(4, [300, 3400], "bandpass", fs=rate, output="sos"), signal, padlen=0)
    loud = np.sign(band) * np.log1p(255 * np.minimum(np.abs(band), 1)) / np.log(256)
    coded = np.round(loud * 127) / 127
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)


def picture_blur(picture: ArrayLike, radius: float) -> NDArray[np.uint8]:
    """Blur a picture (height, width, channels) of 0 .. 255 by a Gaussian of `radius` pixels, as one that is out of focus.

    Examples
    --------
    >>> import numpy as np
    >>> from affectspace.evaluation import picture_blur
    >>> stripes = np.tile([[[0], [255]]], (4, 2, 3))
    >>> int(np.ptp(picture_blur(stripes, radius=4.0))) < 20
    True
    """
    pixels = as_floats(picture, "picture")
    if pixels.ndim != 3:
        raise DataError(f"picture has shape {pixels.shape}: give (height, width, channels)")
    if radius < 0:
        raise ConfigError(f"radius is {radius}: it must be 0 or more")
    return gaussian_filter(pixels, (radius, radius, 0)).round().astype(np.uint8)


def _sound(sound: ArrayLike) -> Floats:
    signal = as_floats(sound, "sound")
    if signal.ndim != 1:
        raise DataError(f"sound has shape {signal.shape}: give one channel, (samples,)")
    require_rows(len(signal), "sound")
    require_finite(signal, "sound")
    return signal
