"""What is known of every utterance: its affect, and what in it is not affect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.faces.sampling import NUISANCE, nuisance
from affectspace.corpora.speakers.dialogues import Utterance
from affectspace.corpora.speakers.face import faces
from affectspace.corpora.speakers.prosody import score
from affectspace.scales import AXES

REFERENCE = "russell_mehrabian_1977"
PLACE = ("yaw", "pitch", "roll", "light_x", "light_y", "exposure", "background_hue", "background_lightness", "tone")
PRIVATE = ("topic", "turn", "seconds", "tract", "base_pitch", "base_rate", "breath", "gain_db", "snr_db")


def truth_table(said: Sequence[Utterance]) -> pd.DataFrame:
    """A row an utterance: id, person, session, dialogue, affect, emotion, label_kind, `PRIVATE`, homes, `PLACE`.

    emotion: the nearest centre of Russell & Mehrabian (1977). seconds: of the recording. home_valence, ...: the home
    base of the person. `PLACE`: of the first frame of the clip, as in the drawn faces.
    """
    affect = np.array([one.affect for one in said])
    people = [one.speaker for one in said]
    table = pd.DataFrame(
        {
            "id": [one.id for one in said],
            "person": [one.name for one in people],
            "session": [one.session for one in said],
            "dialogue": [one.dialogue for one in said],
            "emotion": nearest_emotions(affect),
            **{axis: affect[:, k] for k, axis in enumerate(AXES)},
            "label_kind": "rated",
            "topic": [one.topic for one in said],
            "turn": [one.turn for one in said],
            "seconds": [score(one).seconds for one in said],
            "tract": [one.tract for one in people],
            "base_pitch": [one.pitch for one in people],
            "base_rate": [one.rate for one in people],
            "breath": [one.breath for one in people],
            "gain_db": [one.gain_db for one in said],
            "snr_db": [one.snr_db for one in said],
            **{f"home_{axis}": [one.home[k] for one in people] for k, axis in enumerate(AXES)},
        }
    )
    place = [nuisance(faces(one, 1)[0]) for one in said]
    for name in PLACE:
        table[name] = [values[NUISANCE.index(name)] for values in place]
    return table.round(5)


def nearest_emotions(affect: np.ndarray) -> list[str]:
    """The category whose published centre is nearest to each of (n, 3)."""
    transfer = AnnotationTransfer.reference(REFERENCE)
    return [str(name) for name in transfer.predict(affect)]
