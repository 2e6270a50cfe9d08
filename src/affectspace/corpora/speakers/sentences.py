"""A grammar of short sentences: a topic without affect, a judgement, a feeling, an intention, in a person's manner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from affectspace.corpora.speakers.people import Speaker
from affectspace.corpora.speakers.words import ADJECTIVES, INTENSIFIERS, INTENTIONS, JUDGEMENTS, MANNERS, TOPICS, Rated

# How exactly a word is chosen, per axis: valence best, arousal and dominance less.
_ADJECTIVE_WIDTH = np.array([0.16, 0.40, 0.50])
_INTENTION_WIDTH = np.array([0.35, 0.45, 0.30])
_MANNER_WIDTH = np.array([0.60, 0.40, 0.90])
_LEADS = {"feel": "I feel", "am": "I am", "leaves": "it leaves me", "still": "I was", "yes": "we are"}


def sentence(affect: Sequence[float], topic: str, who: Speaker, random: np.random.Generator) -> str:
    """A sentence on a topic with canonical valence, arousal, dominance, as that person says it."""
    at = np.asarray(affect, dtype=np.float64)
    things, deeds = TOPICS[topic]
    thing, deed = str(random.choice(things)), str(random.choice(deeds))
    manner = _word("manner", at, random)
    fact = f"{thing} {deed}" + (f" {manner}" if random.random() < 0.6 else "")
    strength = float(np.abs(at).max())
    step = np.clip(strength * len(INTENSIFIERS) + random.normal(0.0, 0.8), 0, len(INTENSIFIERS) - 1)
    intensifier = f"{INTENSIFIERS[int(step)]} " if random.random() < 0.55 else ""
    if random.random() < 0.65:
        feeling = f"{random.choice(list(_LEADS.values()))} {intensifier}{_word('adjective', at, random)}"
    else:
        feeling = f"it was {intensifier}{_word('judgement', at, random)}"
    if random.random() < 0.4:
        parts = [feeling, _word("intention", at, random)]
        if random.random() < 0.3:
            parts[0] = f"{fact} and {feeling}"
    else:
        parts = [fact, feeling] if random.random() < 0.7 else [feeling, fact]
    if random.random() < who.filler_rate:
        parts.insert(int(random.integers(len(parts))), str(random.choice(who.fillers)))
    said = ", ".join(parts)
    loud = at[1] + random.normal(0.0, 0.25)
    end = "!" if loud > 0.45 else "..." if loud < -0.55 else "."
    return said[0].upper() + said[1:] + end


def _word(kind: str, at: np.ndarray, random: np.random.Generator) -> str:
    """A word of a kind, the likelier the nearer its rating."""
    words, ratings, width = _ratings(kind)
    distance = (((ratings - at) / width) ** 2).sum(axis=1)
    likely = np.exp(-0.5 * (distance - distance.min()))
    return str(words[int(random.choice(len(words), p=likely / likely.sum()))])


@lru_cache(maxsize=4)
def _ratings(kind: str) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    rated: dict[str, tuple[Rated, np.ndarray]] = {
        "adjective": (ADJECTIVES, _ADJECTIVE_WIDTH),
        "judgement": (JUDGEMENTS, _ADJECTIVE_WIDTH),
        "intention": (INTENTIONS, _INTENTION_WIDTH),
        "manner": (MANNERS, _MANNER_WIDTH),
    }
    table, width = rated[kind]
    return tuple(table), np.array(list(table.values())), width
