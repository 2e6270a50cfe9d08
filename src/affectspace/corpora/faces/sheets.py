"""Sheets of drawn faces for pages and reports."""

import numpy as np

from affectspace.corpora.faces.drawing import render_face
from affectspace.corpora.faces.parameters import FaceParameters, Light, Pose, identity
from affectspace.corpora.faces.sampling import sample_parameters
from affectspace.errors import ConfigError


def valence_arousal_grid(person: object = 0, steps: int = 7, size: int = 96) -> np.ndarray:
    """One person over the map: valence rises to the right, arousal upwards, both from -1 to 1.

    Returns an image (steps * size, steps * size, 3) uint8. Raises ConfigError for fewer than two steps.
    """
    if steps < 2:
        raise ConfigError(f"steps={steps}: a grid needs at least two")
    face = FaceParameters(identity=identity(person), pose=Pose(yaw=6.0), light=Light(x=-0.5, y=-0.4, contrast=0.75))
    ticks = np.linspace(-1.0, 1.0, steps)
    return np.vstack([np.hstack([render_face(face.at(v, a), size) for v in ticks]) for a in ticks[::-1]])


def face_sheet(rows: int = 6, columns: int = 10, size: int = 96, seed: int = 0) -> np.ndarray:
    """Different people, each with an expression of their own: an image (rows * size, columns * size, 3) uint8."""
    random = np.random.default_rng(seed)
    faces = [
        render_face(sample_parameters(*random.uniform(-0.9, 0.9, 2), person=k, seed=seed), size)
        for k in range(rows * columns)
    ]
    return np.vstack([np.hstack(faces[start : start + columns]) for start in range(0, len(faces), columns)])
