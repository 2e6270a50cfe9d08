"""Robustness curves: a measure as a function of severity, and what may happen to a recording or to feature vectors.

Perturbations are plain functions with a seed; sound is (samples,) on about [-1, 1].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, fftconvolve, sosfiltfilt

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.inputs import Floats, as_floats, require_finite, require_rows

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Curve:
    """A measure at each severity: levels (k,) as given, values (k,), a number or an interval each.

    area : mean of the values, by trapezium over the levels: one number for "how robust". worst : the smallest value.
    """

    levels: tuple[float, ...]
    values: tuple[Any, ...]

    @property
    def numbers(self) -> Floats:
        """The values as numbers, intervals by their value."""
        return np.array([getattr(value, "value", value) for value in self.values], dtype=np.float64)

    @property
    def area(self) -> float:
        """Mean height of the curve over its range of levels; a single level's own value."""
        if len(self.levels) == 1:
            return float(self.numbers[0])
        heights, levels = self.numbers, np.array(self.levels)
        return float(np.sum(np.diff(levels) * (heights[1:] + heights[:-1]) / 2) / (levels[-1] - levels[0]))

    @property
    def worst(self) -> float:
        """The smallest value; NaN if any is."""
        return float(self.numbers.min())


def robustness_curve(
    measure: Callable[[Any], Any],
    perturb: Callable[[Any, float], Any],
    inputs: Any,
    levels: Sequence[float],
) -> Curve:
    """`measure(perturb(inputs, level))` at each level; levels must differ and are taken in rising order.

    measure : predicts and compares with the truth, such as `lambda x: pearson_interval(v, model(x), people)`.
    perturb : such as `lambda x, level: feature_noise(x, level, seed=0)`. Choose nothing by a curve on test data.
    """
    ordered = sorted(float(level) for level in levels)
    if not ordered or len(set(ordered)) < len(ordered):
        raise ConfigError(f"levels is {tuple(levels)}: it needs at least one, each once")
    return Curve(tuple(ordered), tuple(measure(perturb(inputs, level)) for level in ordered))


def feature_noise(features: ArrayLike, deviation: float, *, seed: int = 0) -> Floats:
    """Features (n, k) with Gaussian noise of `deviation` times each column's own standard deviation."""
    values = as_floats(features, "features")
    noise = np.random.default_rng(seed).standard_normal(values.shape)
    return values + deviation * values.std(axis=0) * noise


def drop_modality(present: ArrayLike, share: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """Presence mask (n,) with that share of the present rows made absent, the first of one random order of the rows.

    A larger share drops the same rows and more, so that curves are not noise of the choice.
    """
    mask = np.array(present, dtype=bool)
    if not 0 <= share <= 1:
        raise ConfigError(f"share is {share}: it must lie between 0 and 1")
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(mask))
    mask[rows[: round(share * len(rows))]] = False
    return mask


def sound_gain(sound: ArrayLike, decibels: float) -> Sound:
    """Louder or softer by `decibels`, clipped at -1 and 1 as a recorder would."""
    return np.clip(_sound(sound) * 10 ** (decibels / 20), -1, 1).astype(np.float32)


def sound_noise(sound: ArrayLike, decibels: float, *, pink: bool = False, seed: int = 0) -> Sound:
    """With white or pink noise at `decibels` of signal to noise over the whole sound; silence stays silence."""
    signal = _sound(sound)
    added = np.random.default_rng(seed).standard_normal(len(signal))
    if pink:
        spectrum = np.fft.rfft(added)
        added = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(signal))
    level = np.sqrt(np.mean(signal**2)) * 10 ** (-decibels / 20)
    return (signal + added * level / np.sqrt(np.mean(added**2))).astype(np.float32)


def sound_reverberation(sound: ArrayLike, rate: int, seconds: float, *, seed: int = 0) -> Sound:
    """In a room that takes `seconds` to decay by 60 dB: noise that decays, after the direct sound, as loud as that.

    As long and as loud (root mean square) as before; 0 seconds changes nothing.
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
    """With that much digital silence before and after."""
    if seconds < 0:
        raise ConfigError(f"seconds is {seconds}: it must be 0 or more")
    return np.pad(_sound(sound), round(seconds * rate)).astype(np.float32)


def sound_telephone(sound: ArrayLike, rate: int) -> Sound:
    """Through a telephone: 300 to 3,400 Hz and 8 bits of mu-law (G.711's curve). The rate stays; it must exceed 6,800 Hz."""
    if rate <= 6800:
        raise ConfigError(f"rate is {rate} Hz: a band up to 3,400 Hz needs more than 6,800")
    signal = _sound(sound)
    band = sosfiltfilt(butter(4, [300, 3400], "bandpass", fs=rate, output="sos"), signal, padlen=0)
    loud = np.sign(band) * np.log1p(255 * np.minimum(np.abs(band), 1)) / np.log(256)
    coded = np.round(loud * 127) / 127
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)


def _sound(sound: ArrayLike) -> Floats:
    signal = as_floats(sound, "sound")
    if signal.ndim != 1:
        raise DataError(f"sound has shape {signal.shape}: give one channel, (samples,)")
    require_rows(len(signal), "sound")
    require_finite(signal, "sound")
    return signal
