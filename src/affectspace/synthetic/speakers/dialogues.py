"""What is said by whom and how it was meant: dialogues of two people whose affect starts from, and returns to, home."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.speakers.sentences import TOPICS, Speaker, sentence, speaker

TURNS = 10  # of a dialogue, where people have so many
_STAY, _CONTAGION = 0.45, 0.15  # of the last turn's distance from home; of the partner's
_SHOCK, _EVENT = 0.33, 0.55  # sd of what happens from turn to turn; of an event, in one turn of seven
_LIMIT = 0.95


@dataclass(frozen=True)
class Utterance:
    """One sentence, before it is heard or seen; a function of (seed, id).

    affect: canonical valence, arousal, dominance. gain_db, snr_db: of the microphone, per person and dialogue; the
    face's light and background are those of (person, dialogue), too.
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
    """n utterances of `people` people, in the order of rounds: every pair's first dialogue, then every pair's second.

    A session is a pair (with an odd number, the last person talks with the first), and a person is in no other.
    turns: of a dialogue (default 10, fewer where else not everybody would speak). A larger n adds utterances
    and changes none. Raises ConfigError for fewer than two people or fewer utterances than people.
    """
    if people < 2 or n < people:
        raise ConfigError(
            f"n={n} utterances of people={people}: at least two people and one utterance of each are needed"
        )
    names = [f"p{k:03d}" for k in range(people)]
    pairs = [(names[k], names[(k + 1) % people]) for k in range(0, people, 2)]
    per_dialogue = turns_of(n, people, turns)
    ids: list[str] = []
    for number in range(-(-n // (per_dialogue * len(pairs)))):
        for one, other in pairs:
            ids += [f"{one}-{other}-d{number}-{turn:02d}" for turn in range(per_dialogue)]
    return [utterance(seed, name) for name in ids[:n]]


def turns_of(n: int, people: int, turns: int | None = None) -> int:
    """Turns of a dialogue. Raises ConfigError where turns is not within 2..99 or would leave somebody silent."""
    pairs = -(-people // 2)
    if people < 2 or n < 2 * pairs:
        raise ConfigError(f"n={n} utterances of people={people}: two people and an utterance of each are the least")
    if turns is None:
        return min(TURNS, n // pairs)
    if not 2 <= turns <= 99 or turns * (pairs - 1) + 2 > n:
        raise ConfigError(f"turns={turns}: a dialogue has 2 to 99, and n={n} must let each of {people} people speak")
    return turns


def utterance(seed: int, name: str) -> Utterance:
    """The utterance with an id such as ``p000-p001-d0-04`` under a seed. Raises DataError for what is no id."""
    parts = name.split("-")
    if len(parts) != 4 or not (parts[2].startswith("d") and parts[3].isdecimal()):
        raise DataError(f"{name!r} is no id of an utterance, such as p000-p001-d0-04")
    one, other, _, turn_text = parts
    session, dialogue, turn = f"{one}-{other}", name.rpartition("-")[0], int(turn_text)
    random = stream("utterance", seed, name)
    first = int(stream("starts", seed, dialogue).integers(2))
    who = speaker(seed, (one, other)[(first + turn) % 2])
    topic = str(stream("topic", seed, dialogue).choice(list(TOPICS)))
    affect = _affect(seed, dialogue, (one, other), turn + 1)[turn]
    place = stream("microphone", seed, dialogue, who.name)
    return Utterance(
        id=name,
        seed=seed,
        speaker=who,
        session=session,
        dialogue=dialogue,
        turn=turn,
        topic=topic,
        affect=(affect[0], affect[1], affect[2]),
        text=sentence(affect, topic, who, random),
        gain_db=float(np.clip(place.normal(0.0, 3.0), -8.0, 8.0)),
        snr_db=float(place.uniform(15.0, 40.0)),
    )


@lru_cache(maxsize=4096)
def _affect(seed: int, dialogue: str, pair: tuple[str, str], turns: int) -> tuple[tuple[float, ...], ...]:
    """Valence, arousal, dominance of each turn: each is drawn home, by the partner, and moved by what happens."""
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
        now += _STAY * (np.array(earlier[-2]) - home)
    if earlier:
        now[:2] += _CONTAGION * np.array(earlier[-1])[:2]
    return (*earlier, tuple(float(x) for x in np.clip(now, -_LIMIT, _LIMIT).round(5)))
