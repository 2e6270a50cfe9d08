"""How a sentence is spoken: from letters to sounds, then tracks of pitch, formants and amplitudes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.speakers.dialogues import Utterance


@dataclass(frozen=True)
class Sound:
    """A segment. formants: Hz of an average vocal tract. seconds: at the average rate.

    voice, breath, hiss, hush: relative amplitudes of the glottal pulses, of noise at the glottis, above 4 kHz and around
    2.5 kHz.
    """

    formants: tuple[float, float, float]
    voice: float
    breath: float = 0.0
    hiss: float = 0.0
    hush: float = 0.0
    seconds: float = 0.06
    vowel: bool = False


def _vowel(first: float, second: float, third: float, seconds: float = 0.085) -> Sound:
    return Sound((first, second, third), 1.0, seconds=seconds, vowel=True)


_MIDDLE = (450.0, 1450.0, 2500.0)
_REST = Sound(_MIDDLE, 0.0, seconds=0.03)
PAUSE = Sound(_MIDDLE, 0.0, seconds=0.16)

_VOWELS = {
    "a": _vowel(720, 1400, 2500), "e": _vowel(530, 1850, 2550), "i": _vowel(330, 2200, 2900), "o": _vowel(540, 920, 2450),
    "u": _vowel(350, 980, 2300), "y": _vowel(320, 2100, 2850), "ee": _vowel(300, 2300, 3000, 0.11),
    "ea": _vowel(310, 2250, 2950, 0.11), "oo": _vowel(320, 880, 2250, 0.11), "ou": _vowel(600, 1050, 2400, 0.12),
    "ow": _vowel(620, 1050, 2400, 0.12), "ai": _vowel(580, 1900, 2600, 0.12), "ay": _vowel(580, 1950, 2600, 0.12),
    "ie": _vowel(400, 2100, 2800, 0.11), "oa": _vowel(500, 880, 2400, 0.11), "er": _vowel(480, 1300, 1700, 0.10),
}  # fmt: skip
_CONSONANTS = {
    "m": Sound((260, 1050, 2250), 0.40), "n": Sound((260, 1550, 2500), 0.40), "ng": Sound((260, 1900, 2700), 0.38),
    "l": Sound((370, 1050, 2700), 0.60, seconds=0.05), "r": Sound((400, 1200, 1650), 0.60, seconds=0.05),
    "w": Sound((320, 720, 2200), 0.55, seconds=0.05), "j": Sound((300, 2100, 2900), 0.35, hush=0.3, seconds=0.06),
    "s": Sound(_MIDDLE, 0.0, hiss=1.0, seconds=0.08), "z": Sound((300, 1700, 2500), 0.35, hiss=0.5, seconds=0.06),
    "x": Sound(_MIDDLE, 0.0, hiss=0.9, seconds=0.08), "sh": Sound(_MIDDLE, 0.0, hush=1.0, seconds=0.08),
    "ch": Sound(_MIDDLE, 0.0, hush=0.9, seconds=0.07), "th": Sound(_MIDDLE, 0.15, hiss=0.2, hush=0.15, seconds=0.05),
    "f": Sound(_MIDDLE, 0.0, hiss=0.3, hush=0.2, seconds=0.07), "v": Sound((300, 1200, 2400), 0.40, hiss=0.15, seconds=0.05),
    "h": Sound(_MIDDLE, 0.0, breath=0.7, seconds=0.05),
}  # fmt: skip
_STOPS = {"p": 0.0, "t": 0.0, "k": 0.0, "c": 0.0, "q": 0.0, "b": 0.12, "d": 0.12, "g": 0.12}  # voice while closed
_LOCI = {"p": 800.0, "b": 800.0, "t": 1750.0, "d": 1750.0, "k": 2100.0, "g": 2100.0, "c": 2100.0, "q": 1800.0}


def sounds(text: str) -> list[tuple[Sound, int]]:
    """Return the sounds of a text, each with the number of its word (-1: a pause)."""
    result: list[tuple[Sound, int]] = []
    number = 0
    for word in text.lower().split():
        letters = "".join(c for c in word if "a" <= c <= "z")
        result += [(sound, number) for sound in _word(letters)]
        number += bool(letters)
        if word[-1:] in ",.;:!?":
            result.append((PAUSE, -1))
    while result and result[-1][1] < 0:
        result.pop()
    return result


def _word(letters: str) -> list[Sound]:
    result: list[Sound] = []
    at = 0
    while at < len(letters):
        letter, pair = letters[at], letters[at : at + 2]
        last = at == len(letters) - 1
        if len(pair) == 2 and (pair in _VOWELS or pair in _CONSONANTS):
            result.append(_VOWELS.get(pair) or _CONSONANTS[pair])
            at += 2
            continue
        at += 1
        if len(pair) == 2 and pair[0] == pair[1]:  # a double letter is one sound
            continue
        if letter in _VOWELS:
            if not (letter == "e" and last and len(result) > 1):
                result.append(_VOWELS[letter])
        elif letter in _STOPS:
            formants = (300.0, _LOCI[letter], 2500.0)
            result.append(Sound(formants, _STOPS[letter], seconds=0.045))
            sharp = letter in "tdkcg"
            result.append(
                Sound(formants, 0.2, 0.25, hiss=0.6 if letter in "td" else 0.1, hush=0.6 * sharp, seconds=0.018)
            )
        else:
            result.append(_CONSONANTS.get(letter, _REST))
    return result


FRAME = 0.005  # seconds of a frame of the tracks
_EDGE = 0.12  # seconds of silence before and after


@dataclass(frozen=True)
class Score:
    """Input of the synthesiser, n frames. pitch (n,) Hz; formants (n, 4) Hz; voice, breath, hiss, hush (n,) amplitudes.

    tilt: 0 (bright) .. 1 (dull). open_quotient, jitter, shimmer: of the glottal pulses. chest: gain of the band below 300 Hz.
    level_db: relative to the average voice.
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
        """Duration."""
        return len(self.pitch) * FRAME

    def opening(self, rate: float) -> np.ndarray:
        """Return how far the mouth is open, (frames,) from 0, `rate` frames per second: most in loud sounds with a low jaw."""
        jaw = np.clip((self.formants[:, 0] - 250.0) / 450.0, 0.0, 1.0)
        wide = _smooth(np.clip(self.voice, 0.0, 1.0) * (0.25 + 0.75 * jaw), 0.06)
        times = (np.arange(max(1, int(self.seconds * rate))) + 0.5) / rate
        return np.asarray(np.interp(times, np.arange(len(wide)) * FRAME, wide))


@lru_cache(maxsize=4)
def score(utterance: Utterance) -> Score:
    """Return the score of an utterance, a function of it alone.

    Arousal makes the voice higher, wider in pitch, faster, louder and less tilted, with shorter pauses. Positive valence makes
    the contour rise at the end, raises the formants (a smile shortens the tract) and makes the voice clear; negative valence
    makes it breathy or rough, and falling. Dominance makes it lower, with more chest and harder onsets. Accents, and the
    scatter of all of these, are random.
    """
    random = stream("voice", utterance.seed, utterance.id)
    scatter = random.standard_normal(10)
    v, a, d = utterance.affect
    person = utterance.speaker
    spoken = sounds(utterance.text) or sounds("mm")
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
        pitch=_pitch(utterance, spoken, which, scatter, random),
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
    utterance: Utterance,
    spoken: list[tuple[Sound, int]],
    which: np.ndarray,
    scatter: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Hz in each frame: declination, accents on the first vowel of words, and an end that rises or falls with valence."""
    v, a, d = utterance.affect
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
    pitch = utterance.speaker.pitch * 2.0 ** ((semitones + contour + bumps + wobble) / 12.0)
    return np.asarray(np.clip(pitch, 55.0, 620.0))


def _onsets(voice: np.ndarray) -> np.ndarray:
    """Where voicing has just begun: (n,) on [0, 1]."""
    rising = np.clip(np.diff(voice, prepend=0.0), 0.0, None)
    kernel = np.exp(-np.arange(24) / 8.0)
    return np.asarray(np.clip(np.convolve(rising, kernel)[: len(voice)], 0.0, 1.0))


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """A moving mean (Hann window) of about that length. The ends are padded with their values."""
    half = max(1, round(seconds / FRAME))
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(values, half, mode="edge")
    return np.asarray(np.convolve(padded, window / window.sum(), mode="valid"))
