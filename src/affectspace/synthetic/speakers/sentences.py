"""The invented people, their words, and a grammar of their sentences.

Ratings are valence, arousal and dominance of the person who says the words, on [-1, 1]: conventions, not findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.synthetic.faces.parameters import stream

Rated = dict[str, tuple[float, float, float]]

# after "I feel", "I am", "it leaves me"
ADJECTIVES: Rated = {
    "delighted": (0.9, 0.5, 0.3), "thrilled": (0.9, 0.9, 0.4), "triumphant": (0.8, 0.8, 0.9), "ecstatic": (1.0, 1.0, 0.3),
    "cheerful": (0.8, 0.3, 0.3), "happy": (0.8, 0.3, 0.3), "glad": (0.7, 0.1, 0.2), "proud": (0.7, 0.3, 0.8),
    "pleased": (0.6, 0.0, 0.3), "confident": (0.6, 0.2, 0.9), "hopeful": (0.6, 0.2, 0.0), "grateful": (0.7, 0.0, -0.4),
    "content": (0.7, -0.4, 0.2), "peaceful": (0.7, -0.8, 0.1), "serene": (0.8, -0.8, 0.4), "relaxed": (0.6, -0.7, 0.2),
    "comfortable": (0.6, -0.5, 0.4), "tender": (0.6, -0.4, -0.3), "moved": (0.5, 0.2, -0.6), "amazed": (0.6, 0.8, -0.4),
    "dazzled": (0.6, 0.8, -0.6), "lively": (0.6, 0.7, 0.4), "playful": (0.7, 0.6, 0.2), "bold": (0.4, 0.6, 0.9),
    "determined": (0.3, 0.5, 0.9), "steady": (0.3, -0.4, 0.7), "in charge": (0.3, 0.2, 1.0), "curious": (0.4, 0.3, 0.1),
    "fine": (0.3, -0.2, 0.1), "quiet": (0.1, -0.6, -0.2), "sleepy": (0.1, -0.9, -0.4), "drowsy": (0.0, -0.9, -0.4),
    "shy": (-0.1, 0.0, -0.8), "humble": (0.2, -0.3, -0.7), "small": (-0.2, -0.3, -0.8), "alert": (0.1, 0.8, 0.3),
    "startled": (0.0, 0.9, -0.5), "indifferent": (0.0, -0.4, 0.3), "stern": (-0.2, 0.2, 0.9), "cold": (-0.4, -0.4, 0.6),
    "tired": (-0.3, -0.8, -0.3), "bored": (-0.4, -0.7, -0.1), "weary": (-0.4, -0.7, -0.4), "listless": (-0.5, -0.9, -0.5),
    "gloomy": (-0.7, -0.4, -0.2), "sad": (-0.8, -0.3, -0.4), "sorrowful": (-0.8, -0.5, -0.4), "lonely": (-0.7, -0.3, -0.6),
    "hopeless": (-0.9, -0.4, -0.8), "defeated": (-0.8, -0.5, -0.9), "ashamed": (-0.7, 0.0, -0.8), "sorry": (-0.5, -0.2, -0.5),
    "uneasy": (-0.5, 0.3, -0.4), "worried": (-0.6, 0.4, -0.5), "nervous": (-0.5, 0.7, -0.6), "afraid": (-0.7, 0.6, -0.8),
    "terrified": (-0.9, 0.9, -0.9), "panicked": (-0.8, 1.0, -0.8), "helpless": (-0.7, 0.2, -1.0), "tense": (-0.5, 0.6, -0.1),
    "annoyed": (-0.5, 0.4, 0.2), "irritated": (-0.6, 0.5, 0.2), "frustrated": (-0.7, 0.6, -0.2), "disgusted": (-0.8, 0.4, 0.3),
    "bitter": (-0.8, 0.1, 0.1), "scornful": (-0.6, 0.2, 0.8), "angry": (-0.8, 0.7, 0.5), "furious": (-0.9, 1.0, 0.7),
    "outraged": (-0.9, 0.9, 0.6), "merciless": (-0.7, 0.5, 1.0), "unmoved": (-0.2, -0.6, 0.7), "resigned": (-0.5, -0.7, -0.5),
}  # fmt: skip

# after "it was", "what a ... thing"
JUDGEMENTS: Rated = {
    "wonderful": (0.9, 0.4, 0.2), "lovely": (0.8, 0.0, 0.0), "splendid": (0.9, 0.4, 0.4), "glorious": (0.9, 0.7, 0.5),
    "exciting": (0.7, 0.9, 0.2), "delicious": (0.8, 0.3, 0.1), "soothing": (0.6, -0.8, 0.1), "pleasant": (0.6, -0.3, 0.2),
    "gentle": (0.6, -0.6, -0.1), "easy": (0.5, -0.5, 0.6), "good": (0.6, 0.0, 0.2), "fair": (0.3, -0.3, 0.3),
    "plain": (0.0, -0.4, 0.0), "usual": (0.0, -0.4, 0.1), "surprising": (0.2, 0.8, -0.3), "sudden": (0.0, 0.9, -0.3),
    "slow": (-0.1, -0.7, -0.1), "dull": (-0.5, -0.7, -0.1), "dreary": (-0.7, -0.6, -0.3), "poor": (-0.5, -0.2, -0.2),
    "bad": (-0.6, 0.1, -0.1), "sickening": (-0.9, 0.5, -0.1), "awful": (-0.9, 0.4, -0.2), "dreadful": (-0.9, 0.6, -0.6),
    "horrible": (-1.0, 0.7, -0.4), "miserable": (-0.9, -0.2, -0.5), "hard": (-0.3, 0.3, -0.3), "frightening": (-0.7, 0.8, -0.8),
    "insulting": (-0.8, 0.6, 0.3), "overwhelming": (-0.1, 0.8, -0.9),
    "manageable": (0.3, -0.2, 0.8), "hopeless": (-0.9, -0.4, -0.8),
}  # fmt: skip

# intentions differ mostly in dominance
INTENTIONS: Rated = {
    "I decide what happens next": (0.1, 0.2, 1.0), "I will settle it myself": (0.0, 0.3, 0.9),
    "you will do as I say": (-0.4, 0.4, 1.0), "I can handle the rest": (0.4, 0.0, 0.8),
    "we can do this together": (0.7, 0.4, 0.4), "I want to hear more": (0.4, 0.4, 0.1),
    "let it be": (0.2, -0.7, 0.2), "there is time": (0.4, -0.7, 0.3), "that is how it goes": (0.0, -0.4, 0.0),
    "we shall see": (0.0, -0.2, 0.1), "please tell me what to do": (-0.2, 0.3, -0.9),
    "I cannot do anything about it": (-0.5, -0.2, -0.9), "I leave it to you": (0.1, -0.4, -0.6),
    "perhaps somebody could help me": (-0.2, 0.1, -0.8), "it must stop now": (-0.7, 0.9, 0.7),
    "we must hurry": (-0.2, 0.9, 0.1), "come on and celebrate": (0.9, 0.9, 0.4), "I would rather lie down": (-0.1, -0.9, -0.4),
    "I want to run away": (-0.7, 0.8, -0.7), "never again": (-0.8, 0.5, 0.4), "thank you for that": (0.8, 0.0, -0.3),
    "nothing matters any more": (-0.8, -0.7, -0.5),
}  # fmt: skip

# from weak to strong, by the distance of the affect from neutral
INTENSIFIERS = ("a little", "somewhat", "rather", "quite", "really", "so very", "absolutely")

# manners differ mostly in arousal
MANNERS: Rated = {
    "slowly": (0.0, -0.8, 0.0), "calmly": (0.2, -0.7, 0.3), "quietly": (0.0, -0.6, -0.1), "at leisure": (0.3, -0.6, 0.2),
    "as usual": (0.0, -0.2, 0.0), "today": (0.0, 0.0, 0.0), "this week": (0.0, 0.0, 0.0), "quickly": (0.0, 0.6, 0.2),
    "in a rush": (-0.1, 0.8, -0.1), "all at once": (0.0, 0.9, 0.0), "at full speed": (0.1, 0.9, 0.3),
}  # fmt: skip

# topic -> (subjects, predicates), without affect
TOPICS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "garden": (("the hedge", "the greenhouse", "the seed tray", "the lawn"), ("was trimmed", "got its water", "was measured")),
    "kitchen": (("the soup pot", "the oven", "the flour bag", "the table"), ("was filled", "stood by the wall", "was wiped")),
    "railway": (("the train", "the platform", "the ticket desk", "the signal"), ("changed its number", "was painted")),
    "library": (("the shelf", "the catalogue", "the reading room", "the index"), ("was sorted", "went upstairs")),
    "weather": (("the rain", "the wind", "the fog", "the cloud"), ("came from the west", "passed the hill", "turned north")),
    "office": (("the report", "the printer", "the meeting", "the folder"), ("was renamed", "took an hour", "was copied")),
    "music": (("the piano", "the second verse", "the drum", "the choir"), ("began at eight", "was tuned", "went a key down")),
    "harbour": (("the ferry", "the crane", "the pier", "the cargo"), ("was weighed", "faced the town", "was unloaded")),
    "school": (("the timetable", "the blackboard", "the class", "the lesson"), ("started at nine", "changed rooms")),
    "computer": (("the keyboard", "the update", "the screen", "the cable"), ("was replaced", "took a minute")),
}  # fmt: skip

# habits of people
FILLERS = ("well", "you know", "so", "I mean", "um", "like", "look", "see", "er", "actually", "basically", "right")


HOME_SPREAD = 0.10  # standard deviation of the home bases: small, so that affect does not identify people


@dataclass(frozen=True)
class Speaker:
    """A person: what is constant from sentence to sentence.

    name: as in the column person; it also names the drawn identity. tract: formants as multiples of the average (above 1 in
    short vocal tracts). pitch: Hz of the calm voice. rate: multiple of the average. breath: 0..1. fillers, filler_rate: filler
    words, and how often they occur. home: canonical valence, arousal, dominance to which the person returns.
    """

    name: str
    tract: float
    pitch: float
    rate: float
    breath: float
    fillers: tuple[str, ...]
    filler_rate: float
    home: tuple[float, float, float]


@lru_cache(maxsize=1024)
def speaker(seed: int, name: str) -> Speaker:
    """Return the person of that name under a seed."""
    random = stream("speaker", seed, name)
    size = random.uniform(-1.0, 1.0)  # of the body: short tracts have high voices
    home = np.clip(random.normal(0.0, HOME_SPREAD, 3), -0.25, 0.25)
    return Speaker(
        name=name,
        tract=float(1.0 + 0.12 * size + 0.02 * random.standard_normal()),
        pitch=float(145.0 * 2.0 ** (0.48 * size + 0.10 * random.standard_normal())),
        rate=float(np.clip(1.0 + 0.08 * random.standard_normal(), 0.82, 1.2)),
        breath=float(random.uniform(0.05, 0.35)),
        fillers=tuple(str(word) for word in random.choice(FILLERS, 2, replace=False)),
        filler_rate=float(random.uniform(0.05, 0.6)),
        home=(float(home[0]), float(home[1]), float(home[2])),
    )


# kind -> words, their ratings, and the tolerance of the choice on each axis
_WORDS = {
    kind: (tuple(rated), np.array(list(rated.values())), np.array(tolerance))
    for kind, rated, tolerance in (
        ("adjective", ADJECTIVES, [0.16, 0.40, 0.50]),
        ("judgement", JUDGEMENTS, [0.16, 0.40, 0.50]),
        ("intention", INTENTIONS, [0.35, 0.45, 0.30]),
        ("manner", MANNERS, [0.60, 0.40, 0.90]),
    )
}
_LEADS = ("I feel", "I am", "it leaves me", "I was", "we are")


def sentence(affect: Sequence[float], topic: str, person: Speaker, random: np.random.Generator) -> str:
    """Return a sentence on a topic with canonical valence, arousal and dominance, in the words of that person."""
    at = np.asarray(affect, dtype=np.float64)
    things, deeds = TOPICS[topic]
    thing, deed = str(random.choice(things)), str(random.choice(deeds))
    manner = _word("manner", at, random)
    fact = f"{thing} {deed}" + (f" {manner}" if random.random() < 0.6 else "")
    strength = float(np.abs(at).max())
    step = np.clip(strength * len(INTENSIFIERS) + random.normal(0.0, 0.8), 0, len(INTENSIFIERS) - 1)
    intensifier = f"{INTENSIFIERS[int(step)]} " if random.random() < 0.55 else ""
    if random.random() < 0.65:
        feeling = f"{random.choice(_LEADS)} {intensifier}{_word('adjective', at, random)}"
    else:
        feeling = f"it was {intensifier}{_word('judgement', at, random)}"
    if random.random() < 0.4:
        parts = [feeling, _word("intention", at, random)]
        if random.random() < 0.3:
            parts[0] = f"{fact} and {feeling}"
    else:
        parts = [fact, feeling] if random.random() < 0.7 else [feeling, fact]
    if random.random() < person.filler_rate:
        parts.insert(int(random.integers(len(parts))), str(random.choice(person.fillers)))
    text = ", ".join(parts)
    loud = at[1] + random.normal(0.0, 0.25)
    end = "!" if loud > 0.45 else "..." if loud < -0.55 else "."
    return text[0].upper() + text[1:] + end


def _word(kind: str, at: np.ndarray, random: np.random.Generator) -> str:
    """A random word of a kind; the nearer its rating, the more likely it is."""
    words, ratings, tolerance = _WORDS[kind]
    distance = (((ratings - at) / tolerance) ** 2).sum(axis=1)
    likely = np.exp(-0.5 * (distance - distance.min()))
    return str(words[int(random.choice(len(words), p=likely / likely.sum()))])
