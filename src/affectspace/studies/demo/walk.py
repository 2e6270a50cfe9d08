"""A drawn face that the model that ships moves along valence and arousal."""

from __future__ import annotations

import numpy as np

from affectspace.errors import ConfigError, RunError
from affectspace.report import walk_figure
from affectspace.studies.figures import Picture
from affectspace.walks import FaceWalker
from affectspace.walks.paths import grid_points

STEPS = (-0.8, 0.0, 0.8)  # of valence and arousal: few, so that each face differs from the next


def walked_face() -> Picture | None:
    """Draw a face of the shipped model at nine places of the map, with how an independent network reads it.

    None where this installation has no such model.
    """
    try:
        walker = FaceWalker.pretrained()
    except (ConfigError, RunError):
        return None
    return walk_picture(walker)


def walk_picture(walker: FaceWalker) -> Picture:
    """Draw a face of somebody whom a walker's model has not seen at nine places of the map."""
    face = walker.examples(1)[0].pixels
    walked = walker.walk(face, grid_points(STEPS, STEPS))
    shape = (len(STEPS), len(STEPS))
    read = walked.readings.reshape(*shape, 2)
    known = bool(np.isfinite(read).all())
    texts = [[f"{valence:+.1f}, {arousal:+.1f}".replace("-", "\u2212") for valence, arousal in row] for row in read]
    grid = walked.images.reshape(*shape, *walked.images.shape[1:])
    missed = np.array(walked.missed.any(axis=1), dtype=bool).reshape(shape)
    figure = walk_figure(grid, STEPS, STEPS, face, missed, captions=texts if known else None)
    alt = f"One drawn face at {len(STEPS) ** 2} places of the map of valence and arousal."
    caption = "Valence rises to the right, arousal upwards. The person is not in the training."
    if known:
        means = [
            ", ".join(f"{value:+.2f}" for value in read.mean(axis=axis)[:, place]) for place, axis in ((0, 0), (1, 1))
        ]
        asked = ", ".join(f"{value:+.1f}" for value in STEPS)
        alt += f" Asked for {asked}, an independent network reads valence {means[0]} and arousal {means[1]}."
        caption += " Below each face: valence and arousal as a network reads them that had no part in it."
    return Picture("walk", figure, "The same person, happier and calmer", alt, caption)
