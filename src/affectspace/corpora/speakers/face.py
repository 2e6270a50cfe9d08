"""The face that says it: the drawn person of `affectspace.corpora.faces`, whose mouth moves with the voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectspace.corpora.faces import drawing
from affectspace.corpora.faces.eyes import paint_brows, paint_eyes
from affectspace.corpora.faces.features import paint_folds, paint_mouth
from affectspace.corpora.faces.geometry import Head
from affectspace.corpora.faces.hair import Hair
from affectspace.corpora.faces.movements import expression
from affectspace.corpora.faces.paint import Canvas, backdrop, exposed, lit, mix, shading
from affectspace.corpora.faces.parameters import FaceParameters, stream
from affectspace.corpora.faces.sampling import sample_parameters
from affectspace.corpora.faces.worn import paint_beard, paint_glasses
from affectspace.corpora.speakers.dialogues import Utterance
from affectspace.corpora.speakers.prosody import Score, score

_REACH = 0.45  # how far speech opens a mouth, of the widest
_WANDER = np.array([0.05, 0.06, 0.10])  # sd of valence, arousal, dominance about the moment's


def frames(said: Utterance, fps: float = 10.0, size: int = 64, plan: Score | None = None) -> np.ndarray:
    """The clip of an utterance: (n, size, size, 3) uint8, as long as its voice.

    Valence and arousal of the frames wander about those of the moment; dominance lowers the brows, lifts the chin and
    straightens the head. plan: its score, where it is at hand.
    """
    plan = score(said) if plan is None else plan
    opening = plan.opening(fps)
    return np.stack([speaking_face(face, o, size) for face, o in zip(faces(said, len(opening)), opening, strict=True)])


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


def speaking_face(parameters: FaceParameters, opening: float, size: int = 64) -> np.ndarray:
    """`render_face` with the mouth opened further, by `opening` on [0, 1]; 0 is the same picture."""
    p, person = parameters, parameters.identity
    face = expression(p.valence, p.arousal, p.dominance)
    face = replace(face, mouth_open=min(1.0, face.mouth_open + _REACH * float(opening)))
    side = size * drawing._supersampling(size)
    head = Head(person, p.pose, side, face.mouth_open)
    shade = shading(head, p.light)
    canvas = Canvas(side, backdrop(p.background, side).copy())
    hair = Hair(head, shade, side)
    scarf = person.hair_style == "scarf"
    hair.behind(canvas)
    drawing._shoulders(canvas, head, p, shade)
    if not scarf:
        drawing._ears(canvas, head, shade)
    canvas.fill(head.contour(), lit(person.skin, shade, side))
    drawing._hair_shadow(canvas, head)
    paint_folds(canvas, head, face, p.light.x)
    paint_beard(canvas, head, face, lit(person.hair_colour, shade, side) if scarf else hair.layer)
    paint_mouth(canvas, head, face)
    paint_eyes(canvas, head, face, p.pose.gaze)
    brow = mix(person.hair_colour, (0.16, 0.10, 0.08), 0.45)
    paint_brows(canvas, head, face, mix(brow, person.skin, 0.12))
    hair.before(canvas)
    paint_glasses(canvas, head)
    return exposed(canvas.picture, p.light, size)
