"""Acoustic functionals of a voice: loudness, pitch, spectrum, voice quality and formants, frame by frame and summed up.

Frames of 40 ms every 10 ms. Everything is measured on a sound that was trimmed and brought to one level, and nothing above
6 kHz is looked at, so that padding, gain and codec do not pass for affect.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import find_peaks

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.media.sound import read_sound

RATE = 16_000
HOP, WINDOW, FFT = 160, 640, 1024
LOWEST, HIGHEST = 60.0, 500.0  # Hz of the voice
TOP = 6000.0  # Hz
SILENT = 1e-4  # peak of a sound that is silence: -80 dB
BELOW = 35.0  # dB under the loudest frame; what is quieter at the ends is trimmed, and nowhere voiced
FLOOR = 60.0  # dB under the loudest band; quieter is as good as this
VOICED = 0.45  # of the normalised autocorrelation
COEFFICIENTS = 13
ORDER = 18  # of the linear prediction


@dataclass(frozen=True, eq=False)
class Frames:
    """Tracks of one sound, each (frames,), NaN where a track is not defined (pitch of an unvoiced frame).

    tracks : name -> (frames,); voiced : (frames,) bool; seconds : of the trimmed sound
    """

    tracks: dict[str, np.ndarray]
    voiced: np.ndarray
    seconds: float


def frames_of(sound: np.ndarray) -> Frames:
    """The tracks of a sound at 16 kHz, (samples,). Raises UnreadableItem for silence and for what is too short."""
    import librosa

    sound = _trimmed(sound)
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    shaped = windows * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(shaped, FFT)).astype(np.float32) ** 2  # (frames, bins)
    hertz = np.fft.rfftfreq(FFT, 1 / RATE)
    energy = 10 * np.log10(windows.var(axis=1) + 1e-10)
    pitch, strength = _pitch(shaped)
    voiced = (strength > VOICED) & (energy > energy.max() - BELOW)
    pitch = _smooth(np.where(voiced, pitch, np.nan))
    voiced = np.isfinite(pitch)
    bands = power @ librosa.filters.mel(sr=RATE, n_fft=FFT, n_mels=26, fmin=60, fmax=TOP).T
    decibels = 10 * np.log10(np.maximum(bands, bands.max() * 10 ** (-FLOOR / 10)))
    loudness = (bands**0.3).sum(axis=1, dtype=np.float64)  # so that its mean, 1, has no rounding to scale up
    tracks = {
        "pitch": 12 * np.log2(pitch / 27.5),
        "loudness": loudness / loudness.mean(),
        "harmonicity": np.where(voiced, _decibel(np.maximum(strength, 1e-3) / (1 - strength)), np.nan),
        "jitter": _change(pitch) / pitch,
        "shimmer": np.where(voiced, _change(np.where(voiced, energy, np.nan)), np.nan),
    }
    tracks |= _spectrum(power[:, hertz <= TOP], hertz[hertz <= TOP])
    tracks |= _harmonics(power, hertz, pitch)
    tracks |= _formants(windows, voiced)
    cepstrum = _cosine(decibels, COEFFICIENTS)
    tracks |= {f"mfcc{k + 1}": cepstrum[:, k] for k in range(COEFFICIENTS)}
    return Frames(tracks, voiced, len(sound) / RATE)


def _trimmed(sound: np.ndarray) -> np.ndarray:
    """Without what is quiet at both ends, without an offset, at one level of its louder frames."""
    sound = sound - sound.mean() if len(sound) else sound
    if not len(sound) or np.abs(sound).max() < SILENT:
        raise UnreadableItem("the sound is silent")
    if len(sound) < 2 * WINDOW:
        raise UnreadableItem(f"the sound is shorter than {2 * WINDOW / RATE:g} s")
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    energy = 10 * np.log10(windows.var(axis=1) + 1e-12)
    loud = np.flatnonzero(energy > energy.max() - BELOW)
    first, last = loud[0] * HOP, loud[-1] * HOP + WINDOW
    if last - first < 2 * WINDOW:
        last = min(first + 2 * WINDOW, len(sound))
        first = last - 2 * WINDOW
    active = np.sqrt(windows[energy > energy.max() - 20].var(axis=1).mean())
    return (sound[first:last] / active * 0.1).astype(np.float32)


def _pitch(shaped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hz and strength in [0, 1] of each windowed frame: the highest peak of the autocorrelation over the window's own."""
    size = 2 * WINDOW
    window = np.hanning(WINDOW)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)[:WINDOW]
    lags = np.arange(int(RATE / HIGHEST) - 1, int(RATE / LOWEST) + 2)
    spectrum = np.fft.rfft(shaped - shaped.mean(axis=1, keepdims=True), size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :WINDOW]
    zero = np.maximum(correlation[:, :1], 1e-12)
    normal = (correlation[:, lags] / zero) / (own[lags] / own[0])
    inner = normal[:, 1:-1]
    peak = (inner >= normal[:, :-2]) & (inner >= normal[:, 2:])
    cost = 0.02 * np.log2(lags[1:-1] / lags[1])  # a longer lag that is as good is an octave too low
    score = np.where(peak, inner - cost, -1.0)
    best = score.argmax(axis=1)
    rows = np.arange(len(best))
    left, middle, right = (normal[rows, best + k] for k in (0, 1, 2))
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0).clip(-0.5, 0.5)
    strength = np.where(score[rows, best] > 0, middle, 0.0).clip(0, 0.999)
    return RATE / (lags[best + 1] + shift), strength


def _smooth(pitch: np.ndarray, around: int = 2) -> np.ndarray:
    """Frames that jump away from the median of their neighbours are not voiced; nor are frames alone."""
    padded = np.pad(pitch, around, constant_values=np.nan)
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)
    count = np.isfinite(near).sum(axis=1)
    ordered = np.sort(near, axis=1)  # NaN last
    middle = ordered[np.arange(len(near)), np.maximum(count - 1, 0) // 2]
    with np.errstate(invalid="ignore"):
        far = np.abs(np.log2(pitch / middle)) > 0.3
    return np.where(far | (count < 3), np.nan, pitch)


def _change(track: np.ndarray) -> np.ndarray:
    """Distance from the frame before; NaN at a start."""
    return np.abs(np.diff(track, prepend=np.nan))


def _decibel(value: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(value, 1e-10))


def _spectrum(power: np.ndarray, hertz: np.ndarray) -> dict[str, np.ndarray]:
    """Shape of the spectrum, (frames, bins) up to TOP."""
    power = np.maximum(power, power.max() * 10 ** (-(FLOOR + 20) / 10))
    share = power / power.sum(axis=1, keepdims=True)
    running = share.cumsum(axis=1)
    centroid = share @ hertz
    root = np.sqrt(share)
    flux = np.sqrt((np.diff(root, axis=0, prepend=root[:1]) ** 2).sum(axis=1))

    def band(low: float, high: float) -> np.ndarray:
        return (hertz >= low) & (hertz < high)

    def slope(low: float, high: float) -> np.ndarray:
        x = hertz[band(low, high)] / 1000
        return _decibel(power[:, band(low, high)]) @ ((x - x.mean()) / ((x - x.mean()) ** 2).sum())

    return {
        "centroid": centroid / 1000,
        "spread": np.sqrt(np.maximum(share @ hertz**2 - centroid**2, 0)) / 1000,
        "rolloff": hertz[(running < 0.85).sum(axis=1).clip(max=len(hertz) - 1)] / 1000,
        "flatness": np.log(power).mean(axis=1) - np.log(power.mean(axis=1)),
        "flux": flux,
        "alpha": _decibel(power[:, band(50, 1000)].sum(axis=1)) - _decibel(power[:, band(1000, 5000)].sum(axis=1)),
        "hammarberg": _decibel(power[:, band(0, 2000)].max(axis=1)) - _decibel(power[:, band(2000, 5000)].max(axis=1)),
        "slope_low": slope(50, 500),
        "slope_high": slope(500, 1500),
    }


def _harmonics(power: np.ndarray, hertz: np.ndarray, pitch: np.ndarray) -> dict[str, np.ndarray]:
    """The first harmonic against the second and against the strongest around the third formant, dB."""

    def level(times: float) -> np.ndarray:
        place = np.nan_to_num(pitch * times) / hertz[1]
        low = np.clip(place.round().astype(int), 1, power.shape[1] - 2)
        rows = np.arange(len(pitch))
        return _decibel(np.maximum.reduce([power[rows, low + k] for k in (-1, 0, 1)]))

    third = _decibel(power[:, (hertz > 2000) & (hertz < 3500)].max(axis=1))
    voiced = np.isfinite(pitch)
    first = level(1)
    return {
        "h1_h2": np.where(voiced, first - level(2), np.nan),
        "h1_a3": np.where(voiced, first - third, np.nan),
    }


def _formants(windows: np.ndarray, voiced: np.ndarray) -> dict[str, np.ndarray]:
    """The first three resonances of voiced frames by linear prediction, kHz, and the bandwidth of the first."""
    found = np.full((4, len(windows)), np.nan)
    rows = np.flatnonzero(voiced)
    if len(rows):
        frames = windows[rows].astype(np.float64)
        frames = (frames[:, 1:] - 0.97 * frames[:, :-1]) * np.hamming(WINDOW - 1)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * WINDOW)) ** 2)[:, : ORDER + 1]
        lags = np.abs(np.subtract.outer(np.arange(ORDER), np.arange(ORDER)))
        matrix = correlation[:, lags] + 1e-6 * correlation[:, :1, None] * np.eye(ORDER)
        weights = np.linalg.solve(matrix, correlation[:, 1:, None])[..., 0]
        companion = np.zeros((len(rows), ORDER, ORDER))
        companion[:, 0], companion[:, np.arange(1, ORDER), np.arange(ORDER - 1)] = weights, 1.0
        roots = np.linalg.eigvals(companion)
        hertz = np.angle(roots) * RATE / (2 * np.pi)
        width = -np.log(np.maximum(np.abs(roots), 1e-9)) * RATE / np.pi
        hertz = np.where((hertz > 150) & (hertz < 5000) & (width < 600), hertz, np.inf)
        order = hertz.argsort(axis=1)[:, :3]
        first = np.take_along_axis(hertz, order, axis=1)
        found[:3, rows] = np.where(np.isfinite(first), first, np.nan).T / 1000
        found[3, rows] = np.where(np.isfinite(first[:, 0]), np.take_along_axis(width, order, axis=1)[:, 0], np.nan)
    return {"f1": found[0], "f2": found[1], "f3": found[2], "f1_width": found[3] / 1000}


def _cosine(decibels: np.ndarray, count: int) -> np.ndarray:
    """Cepstral coefficients 1 .. count of band levels, (frames, count): the level itself, coefficient 0, is left out."""
    from scipy.fft import dct

    return dct(decibels, axis=1, norm="ortho")[:, 1 : count + 1]


REVISION = "2"
_CONSTANT = "loudness_mean"  # 1 for every recording, as loudness is relative to its mean; revision 1 had it
_REVISIONS = ("1", REVISION)
_VOICED = ("pitch", "harmonicity", "jitter", "shimmer", "h1_h2", "h1_a3", "f1", "f2", "f3", "f1_width")
_SPECTRAL = ("centroid", "spread", "rolloff", "flatness", "flux", "alpha", "hammarberg", "slope_low", "slope_high")
_CEPSTRAL = tuple(f"mfcc{k}" for k in range(1, 14))


class Functionals:
    """Means, spreads and percentiles of the tracks, slopes of pitch and loudness, tempo: named numbers, always finite.

    What a recording does not have (the pitch of a whisper) is 0, as is every statistic of it; `voiced_share` tells.
    """

    modality = "audio"

    def __init__(self, longest: float, revision: str = REVISION) -> None:
        self.name, self.revision, self.licence = "audio:functionals", revision, "Apache-2.0 (affectspace); librosa ISC"
        self.settings: dict[str, Any] = {"rate": RATE, "longest": longest}
        self._longest = longest
        time = np.arange(RATE) / RATE
        tone = np.sin(2 * np.pi * 150 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
        self.columns: tuple[str, ...] = tuple(self._statistics(tone.astype(np.float32)))
        self.dimension = len(self.columns)

    def load(self, item: Item) -> np.ndarray:
        """Its functionals. Raises UnreadableItem for what holds no sound, silence, and less than 0.08 s."""
        assert item.path is not None
        return self.numbers(read_sound(item.path, RATE, item.start, item.end, longest=self._longest))

    def numbers(self, sound: np.ndarray) -> np.ndarray:
        """The functionals of a sound at 16 kHz, (samples,) to (dimension,) float32. Raises UnreadableItem as `load`."""
        return np.array(list(self._statistics(sound).values()), dtype=np.float32)

    def _statistics(self, sound: np.ndarray) -> dict[str, float]:
        found = statistics(frames_of(sound))
        if self.revision != "1":
            return found
        with_constant: dict[str, float] = {}
        for name, value in found.items():
            if name == "loudness_sd":
                with_constant[_CONSTANT] = 1.0
            with_constant[name] = value
        return with_constant

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


def functionals_backbone(
    name: str = "functionals",
    *,
    longest: float = 600.0,
    revision: str | int = REVISION,
    device: str = "cpu",
    dtype: str = "float32",
) -> Functionals:
    """The offline audio backbone.

    longest : seconds of one sample; revision : "1" for stores and runs that were made before loudness_mean, a constant, was
    left out; device, dtype : of no matter here. Raises ConfigError for another revision, and without librosa.
    """
    if str(revision) not in _REVISIONS:
        raise ConfigError(f"revision {str(revision)!r} of the acoustic functionals; there are {', '.join(_REVISIONS)}")
    if importlib.util.find_spec("librosa") is None:
        raise ConfigError("acoustic functionals need librosa: pip install 'affectspace[audio]'")
    return Functionals(longest, str(revision))


def statistics(frames: Frames) -> dict[str, float]:
    """Name -> number, in one order for every recording."""
    tracks, voiced = frames.tracks, frames.voiced
    numbers: dict[str, float] = {}
    for name in ("pitch", "loudness"):
        numbers |= _spread(name, tracks[name]) | _slopes(name, tracks[name])
    for name in _VOICED[1:]:
        numbers |= _spread(name, tracks[name])
    for name in _SPECTRAL:
        numbers |= _spread(name, tracks[name])
        numbers |= {f"{name}_voiced": _mean(tracks[name][voiced]), f"{name}_unvoiced": _mean(tracks[name][~voiced])}
    for name in _CEPSTRAL:
        numbers |= _spread(name, tracks[name])
        numbers |= {f"{name}_voiced": _mean(tracks[name][voiced])}
    del numbers[_CONSTANT]
    return numbers | _tempo(frames)


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else 0.0


def _spread(name: str, track: np.ndarray) -> dict[str, float]:
    values = track[np.isfinite(track)]
    if not len(values):
        values = np.zeros(1)
    low, middle, high = np.percentile(values, (20, 50, 80))
    steps = np.abs(np.diff(track))
    return {
        f"{name}_mean": float(values.mean()), f"{name}_sd": float(values.std()), f"{name}_low": float(low),
        f"{name}_median": float(middle), f"{name}_high": float(high), f"{name}_range": float(high - low),
        f"{name}_step": _mean(steps),
    }  # fmt: skip


def _slopes(name: str, track: np.ndarray) -> dict[str, float]:
    """Mean and spread of rising and of falling stretches, per second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # stretches without a pitch
        steps = (track[5:] - track[:-5]) * RATE / (5 * HOP)
    rising, falling = steps[steps > 0], steps[steps < 0]
    numbers: dict[str, float] = {}
    for kind, values in (("rise", rising), ("fall", falling)):
        numbers |= {
            f"{name}_{kind}_mean": _mean(values),
            f"{name}_{kind}_sd": float(values.std()) if len(values) else 0,
        }
    return numbers


def _tempo(frames: Frames) -> dict[str, float]:
    """How the voice is cut into pieces and peaks."""
    edges = np.flatnonzero(np.diff(np.r_[False, frames.voiced, False].astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    voiced, gaps = (ends - starts) * HOP / RATE, (starts[1:] - ends[:-1]) * HOP / RATE
    loudness = frames.tracks["loudness"]
    smooth = np.convolve(np.pad(loudness, 1), np.ones(7) / 7, mode="same")
    peaks, _ = find_peaks(smooth, prominence=0.3, distance=8)
    return {
        "voiced_share": float(frames.voiced.mean()), "voiced_per_second": len(voiced) / frames.seconds,
        "voiced_mean": _mean(voiced), "voiced_sd": float(voiced.std()) if len(voiced) else 0.0,
        "gap_mean": _mean(gaps), "gap_sd": float(gaps.std()) if len(gaps) else 0.0,
        "peaks_per_second": len(peaks) / frames.seconds,
    }  # fmt: skip
