"""The face that says it: the drawn person of `affectspace.synthetic.faces`, whose mouth moves with the voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectspace.synthetic.faces.drawing import render_face
from affectspace.synthetic.faces.parameters import FaceParameters, stream
from affectspace.synthetic.faces.sampling import sample_parameters
from affectspace.synthetic.speakers.dialogues import Utterance
from affectspace.synthetic.speakers.prosody import Score, score

_WANDER = np.array([0.05, 0.06, 0.10])  # sd of valence, arousal, dominance about the moment's


def frames(said: Utterance, fps: float = 10.0, size: int = 64, plan: Score | None = None) -> np.ndarray:
    """The clip of an utterance: (n, size, size, 3) uint8, as long as its voice.

    Valence and arousal of the frames wander about those of the moment; dominance lowers the brows, lifts the chin and
    straightens the head. plan: its score, where it is at hand.
    """
    plan = score(said) if plan is None else plan
    opening = plan.opening(fps)
    return np.stack(
        [render_face(face, size, opening=o) for face, o in zip(faces(said, len(opening)), opening, strict=True)]
    )


def faces(said: Utterance, n: int) -> list[FaceParameters]:
    """What n frames are drawn from; person, light and background are those of the person in that dialogue."""
    random = stream("face", said.seed, said.id)
    around = np.array(said.affect) + random.normal(0.0, 0.5 * _WANDER)
    turn, phase = random.uniform(0.4, 1.2, 3), random.uniform(0.0, 2 * np.pi, 3)
    place = np.linspace(0.0, 2 * np.pi, n, endpoint=False)[:, None]
    path = np.clip(around + _WANDER * np.sin(turn * place + phase), -1.0, 1.0)
    side = 1.0 if random.random() < 0.5 else -1.0
    found = []
    for frame, (v, a, d) in enumerate(path.tolist()):
        face = sample_parameters(
            v,
            a,
            dominance=d,
            person=said.speaker.name,
            session=said.dialogue,
            frame=20 * said.turn + frame,
            seed=said.seed,
        )
        pose = replace(face.pose, pitch=face.pose.pitch + 10.0 * d, roll=face.pose.roll + side * 5.0 * max(-d, 0.0))
        found.append(replace(face, pose=pose))
    return found
