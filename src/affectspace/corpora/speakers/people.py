"""Who the invented people are: voice, habits, home base. A function of a seed and a name; none of it is affect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.corpora.faces.parameters import stream
from affectspace.corpora.speakers.words import FILLERS

HOME_SPREAD = 0.10  # sd of the home bases: small against the spread of the moments, so that affect does not name people


@dataclass(frozen=True)
class Speaker:
    """A person: what stays from sentence to sentence.

    name: as in the column person; it also names the drawn identity of `affectspace.corpora.faces`. tract: formants as
    multiples of the average (short vocal tracts above 1). pitch: Hz of the calm voice. rate: multiple of the average.
    breath: 0..1. fillers, filler_rate: words that fill gaps, and how often. home: canonical valence, arousal,
    dominance that the person returns to.
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
    """The person of that name under a seed."""
    random = stream("speaker", seed, name)
    size = random.uniform(-1.0, 1.0)  # of the body: short tracts come with high voices
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
