"""Categories to points on the map of valence, arousal, dominance, and back."""

from affectspace.annotation.figure import plot_ellipses
from affectspace.annotation.geometry import covered_area, ellipse_areas, expected_return, r2_given_emotion, union_area
from affectspace.annotation.levels import from_levels, to_levels
from affectspace.annotation.references import REFERENCES
from affectspace.annotation.transfer import AnnotationTransfer

__all__ = [
    "REFERENCES",
    "AnnotationTransfer",
    "covered_area",
    "ellipse_areas",
    "expected_return",
    "from_levels",
    "plot_ellipses",
    "r2_given_emotion",
    "to_levels",
    "union_area",
]
