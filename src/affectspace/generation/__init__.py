"""Latent walks: the same face at another valence and arousal."""

from affectspace.generation.directions import AffectDirections, fit_directions
from affectspace.generation.geometry import WalkGeometry, fit_geometry, fit_readout
from affectspace.generation.walks import Walk, move, walk, walk_grid, walk_path

__all__ = [
    "AffectDirections",
    "Walk",
    "WalkGeometry",
    "fit_directions",
    "fit_geometry",
    "fit_readout",
    "move",
    "walk",
    "walk_grid",
    "walk_path",
]
