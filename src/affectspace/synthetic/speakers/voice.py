"""A source-filter voice: glottal pulses and noise, filtered by the resonances of a vocal tract (after Klatt 1980), 16 kHz."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.speakers.dialogues import Utterance
from affectspace.synthetic.speakers.prosody import FRAME, Score, score

RATE = 16000
_BLOCK = round(FRAME * RATE)
_FFT = 1024
_FRAMES = 2  # of the score, for which the resonators are constant
_BANDWIDTHS = np.array([70.0, 100.0, 140.0, 250.0])
_LEVEL = 10.0 ** (-27.0 / 20.0)  # root mean square of an average voice; full scale is 1
_HISS = butter(2, 3800.0, "high", fs=RATE, output="sos")
_HUSH = butter(2, (1600.0, 4200.0), "band", fs=RATE, output="sos")
_CHEST = butter(2, 300.0, "low", fs=RATE, output="sos")


def speak(utterance: Utterance) -> np.ndarray:
    """Return the recording of an utterance, (samples,) float32 on [-1, 1], 16 kHz, with the gain and noise of a microphone."""
    clean = synthesize(score(utterance), stream("sound", utterance.seed, utterance.id))
    random = stream("noise", utterance.seed, utterance.id)
    noise = lfilter([1.0], [1.0, -0.85], random.standard_normal(len(clean)))
    noise *= _LEVEL * 10.0 ** (-utterance.snr_db / 20.0) / np.sqrt((noise**2).mean())
    return np.asarray(np.clip((clean + noise) * 10.0 ** (utterance.gain_db / 20.0), -1.0, 1.0), dtype=np.float32)


def synthesize(score: Score, random: np.random.Generator) -> np.ndarray:
    """Return the voice alone, (samples,) float64; its voiced parts have the level of the score."""
    n = len(score.pitch) * _BLOCK
    source = _source(score, n, random)
    through = _tract(source, score.formants)
    through += (score.chest - 0.7) * np.asarray(sosfilt(_CHEST, through))
    voiced = _upsampled(score.voice, n) > 0.5
    power = float((through[voiced] ** 2).mean()) if voiced.any() else float((through**2).mean())
    through /= np.sqrt(power) + 1e-12
    white = random.standard_normal(n)
    bright = 0.7 + 0.6 * (1.0 - score.tilt)
    through += 0.35 * bright * _upsampled(score.hiss, n) * np.asarray(sosfilt(_HISS, white))
    through += 0.35 * bright * _upsampled(score.hush, n) * np.asarray(sosfilt(_HUSH, white))
    return np.asarray(through * _LEVEL * 10.0 ** (score.level_db / 20.0))


def _source(score: Score, n: int, random: np.random.Generator) -> np.ndarray:
    """Derivative of the glottal flow (Rosenberg's pulse), with jitter and shimmer in each cycle, and breath."""
    phase = np.cumsum(_upsampled(score.pitch, n)) / RATE
    cycles = int(phase[-1]) + 3
    moved = np.interp(phase, np.arange(cycles), score.jitter * random.standard_normal(cycles))
    phase = np.maximum.accumulate(phase + 2.0 * moved)
    cycle = np.clip(phase.astype(np.int64), 0, cycles - 1)
    strength = 1.0 + score.shimmer * random.standard_normal(cycles)[cycle]
    within = (phase - np.floor(phase)) / score.open_quotient
    opening, closing = within / 0.66, (within - 0.66) / 0.34
    flow = np.where(within < 0.66, 0.5 - 0.5 * np.cos(np.pi * opening), np.cos(0.5 * np.pi * closing))
    flow = np.where(within < 1.0, flow, 0.0) * strength
    pulses = np.diff(flow, prepend=flow[:1]) * RATE / _upsampled(score.pitch, n)
    pulses = lfilter([1.0 - score.tilt], [1.0, -score.tilt], pulses)
    pulses /= np.sqrt((pulses**2).mean()) + 1e-12
    amplitude = _upsampled(score.voice, n)
    breath = random.standard_normal(n) * (score.breathiness * amplitude * (0.3 + flow) + _upsampled(score.breath, n))
    return np.asarray(pulses * amplitude + 0.5 * breath)


def _tract(source: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Filter by four moving resonators in a row: windows of 20 ms, each with its own filter, overlap and add.

    The transform holds 44 ms of ringing after a window, when the narrowest resonance has decayed by 84 dB.
    """
    hop = _FRAMES * _BLOCK
    padded = np.pad(source, (hop, 2 * hop - len(source) % hop))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)
    at = np.clip(np.arange(len(windows)) * _FRAMES, 0, len(formants) - 1)
    delay = np.exp(-2j * np.pi * np.arange(_FFT // 2 + 1) / _FFT)
    radius = np.exp(-np.pi * _BANDWIDTHS / RATE)
    spectra = np.fft.rfft(windows * window, _FFT)
    for k in range(len(_BANDWIDTHS)):
        first = -2.0 * radius[k] * np.cos(2.0 * np.pi * formants[at, k, None] / RATE)
        second = radius[k] ** 2
        spectra *= (1.0 + first + second) / (1.0 + first * delay + second * delay**2)
    rung = np.fft.irfft(spectra, _FFT)
    out = np.zeros(hop * len(windows) + _FFT)
    for k in range(-(-_FFT // hop)):  # the k-th hop of all windows, which do not overlap
        part = rung[:, k * hop : (k + 1) * hop]
        shaped = np.zeros((len(windows), hop))
        shaped[:, : part.shape[1]] = part
        out[k * hop : k * hop + shaped.size] += shaped.ravel()[: len(out) - k * hop]
    return out[hop : hop + len(source)]


def _upsampled(track: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(np.interp(np.arange(n), (np.arange(len(track)) + 0.5) * _BLOCK, track))
