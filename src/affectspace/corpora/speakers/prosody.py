"""How a sentence is said: tracks of pitch, formants and amplitudes, 200 a second, from its sounds, person and affect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectspace.corpora.faces.parameters import stream
from affectspace.corpora.speakers.dialogues import Utterance
from affectspace.corpora.speakers.sounds import sounds

FRAME = 0.005  # seconds of a frame of the tracks
_EDGE = 0.12  # seconds of silence before and after


@dataclass(frozen=True)
class Score:
    """What the synthesiser plays; n frames. pitch (n,) Hz; formants (n, 4) Hz; voice, breath, hiss, hush (n,) amplitudes.

    tilt: 0 (bright) .. 1 (dull). open_quotient, jitter, shimmer, roughness: of the glottal pulses. chest: gain of the
    band below 300 Hz. level_db: relative to the middle of the voice.
    """

    pitch: np.ndarray
    formants: np.ndarray
    voice: np.ndarray
    breath: np.ndarray
    hiss: np.ndarray
    hush: np.ndarray
    tilt: float
    breathiness: float
    open_quotient: float
    jitter: float
    shimmer: float
    chest: float
    level_db: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pitch) * FRAME

    def opening(self, rate: float) -> np.ndarray:
        """How far the mouth is open, (frames,) on [0, 1], `rate` frames a second: loud and low-jawed sounds open it."""
        jaw = np.clip((self.formants[:, 0] - 250.0) / 450.0, 0.0, 1.0)
        wide = _smooth(np.clip(self.voice, 0.0, 1.0) * (0.25 + 0.75 * jaw), 0.06)
        times = (np.arange(max(1, int(self.seconds * rate))) + 0.5) / rate
        return np.asarray(np.interp(times, np.arange(len(wide)) * FRAME, wide))


def score(said: Utterance) -> Score:
    """The score of an utterance: a function of it alone.

    Arousal: higher, wider and faster, louder, less tilt, shorter pauses. Valence: the contour swings and rises at the end,
    formants rise (a smile shortens the tract), the voice is clear; below zero it is breathy or rough and falls.
    Dominance: lower, more chest, harder onset. What is left to chance: accents, and the scatter of each of these.
    """
    random = stream("voice", said.seed, said.id)
    scatter = random.standard_normal(10)
    v, a, d = said.affect
    person = said.speaker
    spoken = sounds(said.text) or sounds("mm")
    rate = person.rate * 2.0 ** (0.38 * a + 0.06 * scatter[0])
    lengths = []
    for sound, word in spoken:
        stretch = 1.0 - 0.4 * a if word < 0 else 1.0
        lengths.append(max(2, round(sound.seconds * stretch * random.uniform(0.85, 1.15) / rate / FRAME)))
    edge = round(_EDGE / FRAME)
    which = np.repeat(np.arange(len(spoken)), lengths)
    which = np.concatenate([np.zeros(edge, int), which, np.full(edge, len(spoken) - 1)])
    silent = np.ones(len(which))
    silent[:edge] = silent[-edge:] = 0.0

    def track(values: list[float], seconds: float) -> np.ndarray:
        return _smooth(np.asarray(values)[which] * silent, seconds)

    smile = 1.0 + 0.055 * v - 0.015 * d + 0.006 * scatter[1]
    tract = person.tract * smile
    formants = np.array([sound.formants for sound, _ in spoken])
    formants = np.column_stack([formants, np.full(len(formants), 3500.0)]) * tract
    attack = 0.022 - 0.010 * d
    voice = track([sound.voice for sound, _ in spoken], attack)
    voice *= 1.0 + (0.30 + 0.45 * d) * _onsets(voice)
    return Score(
        pitch=_pitch(said, spoken, which, scatter, random),
        formants=np.column_stack([_smooth(formants[which, k], 0.04) for k in range(4)]),
        voice=voice,
        breath=track([sound.breath for sound, _ in spoken], 0.01),
        hiss=track([sound.hiss for sound, _ in spoken], 0.008),
        hush=track([sound.hush for sound, _ in spoken], 0.008),
        tilt=float(np.clip(0.62 - 0.25 * a - 0.05 * d + 0.04 * scatter[2], 0.15, 0.95)),
        breathiness=float(
            np.clip(person.breath * (1.0 - 0.5 * a) + 0.22 * max(-v, 0.0) + 0.03 * scatter[3], 0.02, 0.8)
        ),
        open_quotient=float(np.clip(0.60 - 0.10 * a + 0.05 * v - 0.04 * d + 0.02 * scatter[4], 0.4, 0.8)),
        jitter=float(np.clip(0.012 + 0.035 * max(-v, 0.0) + 0.003 * scatter[5], 0.004, 0.08)),
        shimmer=float(np.clip(0.06 + 0.20 * max(-v, 0.0) + 0.02 * scatter[6], 0.02, 0.4)),
        chest=float(0.7 + 1.3 * d + 0.15 * scatter[7]),
        level_db=float(6.5 * a + 1.5 * d + 1.0 * scatter[8]),
    )


def _pitch(
    said: Utterance, spoken: list, which: np.ndarray, scatter: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Hz a frame: declination, accents on the first vowel of words, and the end that rises or falls with valence."""
    v, a, d = said.affect
    n = len(which)
    place = np.linspace(0.0, 1.0, n)
    semitones = 4.5 * a + 1.0 * v - 2.6 * d + 0.6 * scatter[9]
    contour = 2.0 * (0.5 - place) + (3.6 * v + 0.4) * np.clip((place - 0.68) / 0.32, 0.0, 1.0) ** 1.2
    reach = max(0.4, 1.9 + 1.5 * a + 0.9 * v)
    bumps, seen = np.zeros(n), set()
    starts = np.searchsorted(which, np.arange(len(spoken)))
    for k, (sound, word) in enumerate(spoken):
        if sound.vowel and word >= 0 and word not in seen:
            seen.add(word)
            height = reach * random.uniform(0.3, 1.2) * (1.0 if random.random() < 0.7 else -0.3)
            bumps += height * np.exp(-0.5 * ((np.arange(n) - starts[k] - 8) / 14.0) ** 2)
    wobble = _smooth(random.standard_normal(n), 0.05) * 0.8
    pitch = said.speaker.pitch * 2.0 ** ((semitones + contour + bumps + wobble) / 12.0)
    return np.asarray(np.clip(pitch, 55.0, 620.0))


def _onsets(voice: np.ndarray) -> np.ndarray:
    """Where voicing has just begun: (n,) on [0, 1]."""
    rising = np.clip(np.diff(voice, prepend=0.0), 0.0, None)
    kernel = np.exp(-np.arange(24) / 8.0)
    return np.asarray(np.clip(np.convolve(rising, kernel)[: len(voice)], 0.0, 1.0))


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """A moving mean (Hann window) of about that length; ends are held."""
    half = max(1, round(seconds / FRAME))
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(values, half, mode="edge")
    return np.asarray(np.convolve(padded, window / window.sum(), mode="valid"))
