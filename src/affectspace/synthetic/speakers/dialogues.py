"""Dialogues of two people, whose affect starts from and returns to their home bases: who says what, with which affect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.speakers.sentences import TOPICS, Speaker, sentence, speaker

TURNS = 10  # of a dialogue, if everybody can still speak
_PERSISTENCE, _CONTAGION = 0.45, 0.15  # share of the last distance from home, and of the partner's affect
_SHOCK, _EVENT = 0.33, 0.55  # standard deviations of the change in every turn, and of an event in one turn of seven
_LIMIT = 0.95


@dataclass(frozen=True)
class Utterance:
    """One sentence, before it is spoken or seen; a function of (seed, id).

    affect: canonical valence, arousal, dominance. gain_db, snr_db: of the microphone, constant for a person and dialogue, like
    the light and background of the face.
    """

    id: str
    seed: int
    speaker: Speaker
    session: str
    dialogue: str
    turn: int
    topic: str
    affect: tuple[float, float, float]
    text: str
    gain_db: float
    snr_db: float


def plan(n: int = 400, people: int = 20, seed: int = 0, turns: int | None = None) -> list[Utterance]:
    """Return utterances in the order of rounds: every pair's first dialogue, then every pair's second one.

    A session is a pair of people, and a person is in one pair only; if their number is odd, the last person talks with the
    first one. A larger n adds utterances and changes none.

    Parameters
    ----------
    n, people : int
    seed : int
    turns : int, optional
        Utterances of a dialogue. Default: 10, or fewer so that everybody speaks.

    Returns
    -------
    list of Utterance

    Raises
    ------
    ConfigError
        If there are fewer than two people, or fewer utterances than people.

    Examples
    --------
    >>> from affectspace.synthetic.speakers import plan
    >>> [utterance.id for utterance in plan(4, people=2, turns=2)]
    ['p000-p001-d0-00', 'p000-p001-d0-01', 'p000-p001-d1-00', 'p000-p001-d1-01']
    """
    if people < 2 or n < people:
        raise ConfigError(
            f"n={n} utterances of people={people}: at least two people with one utterance each are needed"
        )
    names = [f"p{k:03d}" for k in range(people)]
    pairs = [(names[k], names[(k + 1) % people]) for k in range(0, people, 2)]
    per_dialogue = turns_of(n, people, turns)
    ids: list[str] = []
    for number in range(-(-n // (per_dialogue * len(pairs)))):
        for first, second in pairs:
            ids += [f"{first}-{second}-d{number}-{turn:02d}" for turn in range(per_dialogue)]
    return [utterance(seed, name) for name in ids[:n]]


def turns_of(n: int, people: int, turns: int | None = None) -> int:
    """Return the turns of a dialogue. Raises ConfigError if `turns` is not in 2..99, or if a person would not speak."""
    pairs = -(-people // 2)
    if people < 2 or n < 2 * pairs:
        raise ConfigError(
            f"n={n} utterances of people={people}: at least two people with one utterance each are needed"
        )
    if turns is None:
        return min(TURNS, n // pairs)
    if not 2 <= turns <= 99 or turns * (pairs - 1) + 2 > n:
        raise ConfigError(
            f"turns={turns}: a dialogue has 2 to 99 turns, and each of {people} people must speak in n={n} utterances"
        )
    return turns


def utterance(seed: int, name: str) -> Utterance:
    """Return the utterance with an id such as ``p000-p001-d0-04`` under a seed. Raises DataError for another id."""
    parts = name.split("-")
    if len(parts) != 4 or not (parts[2].startswith("d") and parts[3].isdecimal()):
        raise DataError(f"{name!r} is not the id of an utterance, such as p000-p001-d0-04")
    pair = (parts[0], parts[1])
    session, dialogue, turn = "-".join(pair), name.rpartition("-")[0], int(parts[3])
    random = stream("utterance", seed, name)
    first = int(stream("starts", seed, dialogue).integers(2))
    person = speaker(seed, pair[(first + turn) % 2])
    topic = str(stream("topic", seed, dialogue).choice(list(TOPICS)))
    affect = _affect(seed, dialogue, pair, turn + 1)[turn]
    microphone = stream("microphone", seed, dialogue, person.name)
    return Utterance(
        id=name,
        seed=seed,
        speaker=person,
        session=session,
        dialogue=dialogue,
        turn=turn,
        topic=topic,
        affect=(affect[0], affect[1], affect[2]),
        text=sentence(affect, topic, person, random),
        gain_db=float(np.clip(microphone.normal(0.0, 3.0), -8.0, 8.0)),
        snr_db=float(microphone.uniform(15.0, 40.0)),
    )


@lru_cache(maxsize=4096)
def _affect(seed: int, dialogue: str, pair: tuple[str, str], turns: int) -> tuple[tuple[float, ...], ...]:
    """Valence, arousal and dominance of each turn, which depend on the home base, the partner and random events."""
    earlier = _affect(seed, dialogue, pair, turns - 1) if turns > 1 else ()
    first = int(stream("starts", seed, dialogue).integers(2))
    mood = stream("mood", seed, dialogue).normal(0.0, 0.18, 3)
    random = stream("affect", seed, dialogue, turns)
    home = np.array(speaker(seed, pair[(first + turns - 1) % 2]).home) + mood
    moved = random.normal(0.0, _SHOCK, 3)
    if random.random() < 1 / 7:
        moved += random.normal(0.0, _EVENT, 3)
    now = home + moved
    if len(earlier) >= 2:
        now += _PERSISTENCE * (np.array(earlier[-2]) - home)
    if earlier:
        now[:2] += _CONTAGION * np.array(earlier[-1])[:2]
    return (*earlier, tuple(float(x) for x in np.clip(now, -_LIMIT, _LIMIT).round(5)))
