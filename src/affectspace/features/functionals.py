"""Acoustic functionals: statistics over a recording of what the voice does from frame to frame."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np
from scipy.signal import find_peaks

from affectspace.errors import ConfigError
from affectspace.features.acoustics import HOP, RATE, Frames, frames_of
from affectspace.features.backbone import Item
from affectspace.features.sound import read_sound

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
