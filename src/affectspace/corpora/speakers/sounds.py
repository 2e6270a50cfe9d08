"""From letters to a row of sounds: what the tract does, and for how long. Not English, but of its rhythm."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sound:
    """A segment. formants: Hz of an average tract. voice, breath, hiss, hush: amplitudes of the glottal pulses, of noise
    at the glottis, and of noise above 4 kHz and around 2.5 kHz, in parts. seconds: at the average rate."""

    formants: tuple[float, float, float]
    voice: float
    breath: float = 0.0
    hiss: float = 0.0
    hush: float = 0.0
    seconds: float = 0.06
    vowel: bool = False


def _vowel(one: float, two: float, three: float, seconds: float = 0.085) -> Sound:
    return Sound((one, two, three), 1.0, seconds=seconds, vowel=True)


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
    """The sounds of a text, each with the number of its word (-1: a pause)."""
    found: list[tuple[Sound, int]] = []
    number = 0
    for word in text.lower().split():
        letters = "".join(c for c in word if "a" <= c <= "z")
        found += [(sound, number) for sound in _word(letters)]
        number += bool(letters)
        if word[-1:] in ",.;:!?":
            found.append((PAUSE, -1))
    while found and found[-1][1] < 0:
        found.pop()
    return found


def _word(letters: str) -> list[Sound]:
    found: list[Sound] = []
    at = 0
    while at < len(letters):
        letter, pair = letters[at], letters[at : at + 2]
        last = at == len(letters) - 1
        if len(pair) == 2 and (pair in _VOWELS or pair in _CONSONANTS):
            found.append(_VOWELS.get(pair) or _CONSONANTS[pair])
            at += 2
            continue
        at += 1
        if len(pair) == 2 and pair[0] == pair[1]:  # a letter that is written twice is heard once
            continue
        if letter in _VOWELS:
            if not (letter == "e" and last and len(found) > 1):
                found.append(_VOWELS[letter])
        elif letter in _STOPS:
            where = (300.0, _LOCI[letter], 2500.0)
            found.append(Sound(where, _STOPS[letter], seconds=0.045))
            sharp = letter in "tdkcg"
            found.append(Sound(where, 0.2, 0.25, hiss=0.6 if letter in "td" else 0.1, hush=0.6 * sharp, seconds=0.018))
        else:
            found.append(_CONSONANTS.get(letter, _REST))
    return found
