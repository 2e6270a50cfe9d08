"""Acoustic functionals of a voice: statistics of loudness, pitch, spectrum, voice quality and formants over frames.

Frames are 40 ms long, one every 10 ms. Sounds are trimmed and brought to one level, and nothing above 6 kHz is used, so
that padding, gain and codec are not mistaken for affect.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy.fft import dct
from scipy.signal import find_peaks

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.features.backbones.packages import require_package
from affectspace.media.sound import read_sound
from affectspace.progress import note

REVISION = "2"
REVISIONS = ("1", REVISION)  # revision 1 has one more number, CONSTANT
CONSTANT = "loudness_mean"  # 1 for every recording, as loudness is relative to its mean

RATE = 16_000  # samples per second
HOP, WINDOW, FFT = 160, 640, 1024  # samples
LOWEST, HIGHEST = 60.0, 500.0  # pitch in Hz
TOP = 6000.0  # highest frequency in Hz
SILENT = 1e-4  # peak below which a sound is silent: -80 dB
SHORTEST = 0.2  # seconds of a recording
LEAST_VOICED = 0.02  # share of the frames of a recording with a voice
BELOW = 35.0  # dB below the loudest frame; quieter ends are trimmed, and quieter frames are unvoiced
FLOOR = 60.0  # dB below the loudest band; quieter bands are raised to this level
VOICED = 0.45  # normalised autocorrelation above which a frame is voiced
COEFFICIENTS = 13  # cepstral
ORDER = 18  # of the linear prediction
VOICE_TRACKS = ("harmonicity", "jitter", "shimmer", "h1_h2", "h1_a3", "f1", "f2", "f3", "f1_width")
SPECTRAL_TRACKS = (
    "centroid", "spread", "rolloff", "flatness", "flux", "alpha", "hammarberg", "slope_low", "slope_high",
)  # fmt: skip
CEPSTRAL_TRACKS = tuple(f"mfcc{k}" for k in range(1, COEFFICIENTS + 1))


class FunctionalsBackbone(BaseBackbone):
    """Means, spreads and percentiles of the tracks, slopes of pitch and loudness, and tempo: named numbers, always finite.

    Statistics of what a recording does not have (the pitch of a whisper) are 0; `voiced_share` says so.
    """

    modality = "audio"
    name, licence = "audio:functionals", "Apache-2.0 (affectspace); librosa ISC"

    def __init__(self, longest: float, revision: str = REVISION) -> None:
        super().__init__()
        self.revision = revision
        self.settings: dict[str, Any] = {"rate": RATE, "longest": longest}
        self._longest = longest
        time = np.arange(RATE) / RATE
        tone = np.sin(2 * np.pi * 150 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
        self.columns: tuple[str, ...] = tuple(self._statistics(tone.astype(np.float32)))
        self.dimension = len(self.columns)

    def load(self, item: Item) -> np.ndarray:
        """Return the functionals of a recording. Raises UnreadableItem for no sound, silence, no voice, and less than 0.2 s.

        A frame is voiced if it is periodic and at most 35 dB below the loudest one. A quarter or more of the frames of speech
        are voiced, and none of noise.
        """
        sound = read_sound(
            item.source, RATE, item.start, item.end, longest=self._longest, note=partial(note, self.counts)
        )
        if len(sound) < SHORTEST * RATE:
            raise UnreadableItem(f"the sound is shorter than {SHORTEST:g} s")
        vector = self.vector(sound)
        if vector[self.columns.index("voiced_share")] < LEAST_VOICED:
            raise UnreadableItem("no voice was found in the sound")
        return vector

    def vector(self, sound: np.ndarray) -> np.ndarray:
        """Return (dimension,) float32 of a sound at 16 kHz, (samples,). Raises UnreadableItem as `load`."""
        return np.array(list(self._statistics(sound).values()), dtype=np.float32)

    def _statistics(self, sound: np.ndarray) -> dict[str, float]:
        numbers = statistics(frames_of(sound))
        if self.revision == "1":
            place = list(numbers).index("loudness_sd")
            pairs = list(numbers.items())
            numbers = dict([*pairs[:place], (CONSTANT, 1.0), *pairs[place:]])
        return numbers

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


def functionals_backbone(
    name: str = "functionals",
    *,
    longest: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0,
    revision: str | int = REVISION,
    device: str = "cpu",
    dtype: str = "float32",
) -> FunctionalsBackbone:
    """Make the audio backbone that needs no weights.

    longest : seconds of one sample; revision : "1" for stores and runs from the time when the constant loudness_mean
    was among the numbers; device, dtype : not used. Raises ConfigError for another revision, and without librosa.
    """
    if str(revision) not in REVISIONS:
        raise ConfigError(
            f"revision {str(revision)!r} of the acoustic functionals; choose one of {', '.join(REVISIONS)}"
        )
    require_package("librosa", "audio", "acoustic functionals")
    return FunctionalsBackbone(longest, str(revision))


@dataclass(frozen=True, eq=False)
class Frames:
    """The tracks of one sound. A track is NaN where it is not defined, such as the pitch of an unvoiced frame.

    tracks : name -> (frames,); voiced : (frames,) bool; seconds : length of the trimmed sound
    """

    tracks: dict[str, np.ndarray]
    voiced: np.ndarray
    seconds: float


def frames_of(sound: np.ndarray) -> Frames:
    """Compute the tracks of a sound at 16 kHz, (samples,). Raises UnreadableItem for silence and for too short a sound."""
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
    loudness = (bands**0.3).sum(axis=1, dtype=np.float64)  # rounding of the mean would scale every value
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
    cepstrum = dct(decibels, axis=1, norm="ortho")[:, 1 : COEFFICIENTS + 1]  # without the first coefficient, the level
    tracks |= {f"mfcc{k + 1}": cepstrum[:, k] for k in range(COEFFICIENTS)}
    return Frames(tracks, voiced, len(sound) / RATE)


def _trimmed(sound: np.ndarray) -> np.ndarray:
    """Remove the offset and the quiet ends, and bring the louder frames to one level."""
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
    """Return Hz and strength in [0, 1] of each windowed frame: the highest peak of the normalised autocorrelation."""
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
    cost = 0.02 * np.log2(lags[1:-1] / lags[1])  # of two equal peaks, the longer lag is an octave too low
    score = np.where(peak, inner - cost, -1.0)
    best = score.argmax(axis=1)
    rows = np.arange(len(best))
    left, middle, right = (normal[rows, best + k] for k in (0, 1, 2))
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0).clip(-0.5, 0.5)
    strength = np.where(score[rows, best] > 0, middle, 0.0).clip(0, 0.999)
    return RATE / (lags[best + 1] + shift), strength


def _smooth(pitch: np.ndarray, around: int = 2) -> np.ndarray:
    """Mark frames as unvoiced (NaN) that are far from the median of their neighbours, or isolated."""
    padded = np.pad(pitch, around, constant_values=np.nan)
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)
    count = np.isfinite(near).sum(axis=1)
    ordered = np.sort(near, axis=1)  # NaN last
    middle = ordered[np.arange(len(near)), np.maximum(count - 1, 0) // 2]
    with np.errstate(invalid="ignore"):
        far = np.abs(np.log2(pitch / middle)) > 0.3
    return np.where(far | (count < 3), np.nan, pitch)


def _change(track: np.ndarray) -> np.ndarray:
    """Return the absolute change from the previous frame; NaN at a start."""
    return np.abs(np.diff(track, prepend=np.nan))


def _decibel(value: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(value, 1e-10))


def _spectrum(power: np.ndarray, hertz: np.ndarray) -> dict[str, np.ndarray]:
    """Describe the shape of the spectrum. power : (frames, bins) up to TOP"""
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
    """Return the level of the first harmonic above the second, and above the strongest near the third formant, in dB."""

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
    """Return the first three formants of voiced frames and the bandwidth of the first, by linear prediction, in kHz."""
    formants = np.full((4, len(windows)), np.nan)
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
        formants[:3, rows] = np.where(np.isfinite(first), first, np.nan).T / 1000
        formants[3, rows] = np.where(np.isfinite(first[:, 0]), np.take_along_axis(width, order, axis=1)[:, 0], np.nan)
    return {"f1": formants[0], "f2": formants[1], "f3": formants[2], "f1_width": formants[3] / 1000}


def statistics(frames: Frames) -> dict[str, float]:
    """Summarise the tracks: name -> number, in the same order for every recording."""
    tracks, voiced = frames.tracks, frames.voiced
    numbers: dict[str, float] = {}
    for name in ("pitch", "loudness"):
        numbers |= _spread(name, tracks[name]) | _slopes(name, tracks[name])
    for name in VOICE_TRACKS:
        numbers |= _spread(name, tracks[name])
    for name in SPECTRAL_TRACKS:
        numbers |= _spread(name, tracks[name])
        numbers |= {f"{name}_voiced": _mean(tracks[name][voiced]), f"{name}_unvoiced": _mean(tracks[name][~voiced])}
    for name in CEPSTRAL_TRACKS:
        numbers |= _spread(name, tracks[name])
        numbers |= {f"{name}_voiced": _mean(tracks[name][voiced])}
    del numbers[CONSTANT]
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
    """Return mean and standard deviation of rising and of falling slopes over 50 ms, per second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # slopes without a pitch
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
    """Describe voiced parts, gaps and syllable peaks."""
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
