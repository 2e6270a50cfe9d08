"""The face of an utterance: a drawn person of `affectspace.synthetic.faces`, whose mouth moves with the voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectspace.synthetic.faces.drawing import render_face
from affectspace.synthetic.faces.parameters import FaceParameters, stream
from affectspace.synthetic.faces.sampling import sample_parameters
from affectspace.synthetic.speakers.dialogues import Utterance
from affectspace.synthetic.speakers.prosody import score

_WANDER = np.array([0.05, 0.06, 0.10])  # standard deviations of valence, arousal, dominance around the utterance's


def frames(utterance: Utterance, fps: float = 10.0, size: int = 64) -> np.ndarray:
    """Return the clip of an utterance, (n, size, size, 3) uint8, as long as its voice.

    Valence and arousal of the frames vary around those of the utterance. Dominance lowers the brows, lifts the chin and
    straightens the head.
    """
    opening = score(utterance).opening(fps)
    pairs = zip(faces(utterance, len(opening)), opening, strict=True)
    return np.stack([render_face(face, size, opening=mouth) for face, mouth in pairs])


def faces(utterance: Utterance, n: int) -> list[FaceParameters]:
    """Return the parameters of n frames. Person, light and background are those of the person in that dialogue."""
    random = stream("face", utterance.seed, utterance.id)
    around = np.array(utterance.affect) + random.normal(0.0, 0.5 * _WANDER)
    turn, phase = random.uniform(0.4, 1.2, 3), random.uniform(0.0, 2 * np.pi, 3)
    place = np.linspace(0.0, 2 * np.pi, n, endpoint=False)[:, None]
    path = np.clip(around + _WANDER * np.sin(turn * place + phase), -1.0, 1.0)
    side = 1.0 if random.random() < 0.5 else -1.0
    parameters = []
    for frame, (valence, arousal, dominance) in enumerate(path.tolist()):
        face = sample_parameters(
            valence,
            arousal,
            dominance=dominance,
            person=utterance.speaker.name,
            session=utterance.dialogue,
            frame=20 * utterance.turn + frame,
            seed=utterance.seed,
        )
        pitch = face.pose.pitch + 10.0 * dominance
        roll = face.pose.roll + side * 5.0 * max(-dominance, 0.0)
        parameters.append(replace(face, pose=replace(face.pose, pitch=pitch, roll=roll)))
    return parameters
