"""Clips, photographs and sheets of faces, as functions of seeds and names."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.errors import ConfigError
from affectspace.synthetic.faces.drawing import render_face
from affectspace.synthetic.faces.parameters import (
    Background,
    FaceParameters,
    Identity,
    Light,
    Pose,
    identity,
    sample_background,
    sample_light,
    sample_pose,
    stream,
)

_DRIFT = ("yaw", "pitch", "roll", "shift_x", "shift_y", "gaze")
_REACH = (5.0, 2.5, 2.0, 0.03, 0.02, 0.15)  # largest drift of the pose in a clip


@dataclass(frozen=True)
class Clip:
    """A person in one place and light, whose pose drifts smoothly from frame to frame."""

    identity: Identity
    pose: Pose
    light: Light
    background: Background
    drift: tuple[tuple[float, float, float], ...]  # for each of _DRIFT: reach, frames per period, phase

    def at(self, frame: int, valence: float, arousal: float, dominance: float | None = None) -> FaceParameters:
        """Return the frame with that number, with an expression."""
        moved = {
            name: getattr(self.pose, name) + reach * (np.sin(2 * np.pi * frame / turn + phase) - np.sin(phase))
            for name, (reach, turn, phase) in zip(_DRIFT, self.drift, strict=True)
        }
        pose = Pose(zoom=self.pose.zoom, **{name: float(value) for name, value in moved.items()})
        return FaceParameters(valence, arousal, dominance, self.identity, pose, self.light, self.background)


@lru_cache(maxsize=64)
def clip(seed: int, person: str, session: str) -> Clip:
    """Return the clip of a person and a session. A photograph is a clip of one frame."""
    random = stream("clip", seed, person, session)
    pose, light, background = sample_pose(random), sample_light(random), sample_background(random)
    reach = random.uniform(0.2, 1.0, len(_DRIFT)) * _REACH
    turn, phase = random.uniform(40.0, 140.0, len(_DRIFT)), random.uniform(0.0, 2 * np.pi, len(_DRIFT))
    drift = tuple(zip(reach.tolist(), turn.tolist(), phase.tolist(), strict=True))
    return Clip(person_of(seed, person), pose, light, background, drift)


@lru_cache(maxsize=1024)
def person_of(seed: int, person: str) -> Identity:
    """Return the identity of a person's name under a seed."""
    return identity(f"{seed}/{person}")


def sample_parameters(
    valence: float,
    arousal: float,
    *,
    person: str | int = 0,
    session: str | int = 0,
    frame: int = 0,
    dominance: float | None = None,
    seed: int = 0,
) -> FaceParameters:
    """Return a face at a canonical valence and arousal; everything else is a function of seed, person, session and frame.

    Parameters
    ----------
    valence, arousal : float
        Canonical, on [-1, 1].
    person : str or int
        A person has one identity.
    session : str or int
        A session has one light and background, and a pose that drifts over its frames.
    frame : int
    dominance : float, optional
        Lowers the brows. Default: no effect.
    seed : int

    Returns
    -------
    FaceParameters
        Nothing but the expression depends on the affect.

    Examples
    --------
    >>> from affectspace.synthetic.faces import sample_parameters
    >>> face = sample_parameters(0.7, 0.3, person="ada", session="kitchen")
    >>> face.at(0.7, -0.6).identity == face.identity
    True
    """
    return clip(seed, str(person), str(session)).at(frame, valence, arousal, dominance)


def nuisance(face: FaceParameters) -> dict[str, float]:
    """Return everything but the affect as numbers: degrees, head units, and shares of ranges."""
    pose, light, place, person = face.pose, face.light, face.background, face.identity
    return {
        **vars(pose),
        "light_x": light.x,
        "light_y": light.y,
        "contrast": light.contrast,
        "warmth": light.warmth,
        "exposure": light.exposure,
        "background_hue": place.hue,
        "background_lightness": place.lightness,
        "tone": person.tone,
        "age": person.age,
        "glasses": float(person.glasses != "none"),
        "beard": float(person.beard != "none"),
    }


NUISANCE = tuple(nuisance(FaceParameters()))


def valence_arousal_grid(person: object = 0, steps: int = 7, size: int = 96) -> np.ndarray:
    """Draw one person over the map: valence increases to the right, arousal upwards, both from -1 to 1.

    Returns an image (steps * size, steps * size, 3) uint8. Raises ConfigError for fewer than two steps.
    """
    if steps < 2:
        raise ConfigError(f"steps={steps}: a grid needs at least two")
    face = FaceParameters(identity=identity(person), pose=Pose(yaw=6.0), light=Light(x=-0.5, y=-0.4, contrast=0.75))
    ticks = np.linspace(-1.0, 1.0, steps)
    return np.vstack([np.hstack([render_face(face.at(v, a), size) for v in ticks]) for a in ticks[::-1]])


def face_sheet(rows: int = 6, columns: int = 10, size: int = 96, seed: int = 0) -> np.ndarray:
    """Draw different people with different expressions: an image (rows * size, columns * size, 3) uint8."""
    random = np.random.default_rng(seed)
    faces = [
        render_face(sample_parameters(*random.uniform(-0.9, 0.9, 2), person=k, seed=seed), size)
        for k in range(rows * columns)
    ]
    return np.vstack([np.hstack(faces[start : start + columns]) for start in range(0, len(faces), columns)])
