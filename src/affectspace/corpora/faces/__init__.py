"""Drawn faces: expression follows valence and arousal; identity, pose, light and background do not. Lazy names."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "BEARDS": "parameters",
    "Background": "parameters",
    "Clip": "sampling",
    "Expression": "movements",
    "FaceParameters": "parameters",
    "GLASSES": "parameters",
    "HAIR_STYLES": "parameters",
    "Identity": "parameters",
    "Light": "parameters",
    "NUISANCE": "sampling",
    "Pose": "parameters",
    "expression": "movements",
    "face_sheet": "sheets",
    "identity": "parameters",
    "invented_labels": "labels",
    "labels_from_levels": "labels",
    "make_faces": "make",
    "read_faces": "reader",
    "render_face": "drawing",
    "sample_parameters": "sampling",
    "valence_arousal_grid": "sheets",
}

__all__ = [
    "BEARDS",
    "GLASSES",
    "HAIR_STYLES",
    "NUISANCE",
    "Background",
    "Clip",
    "Expression",
    "FaceParameters",
    "Identity",
    "Light",
    "Pose",
    "expression",
    "face_sheet",
    "identity",
    "invented_labels",
    "labels_from_levels",
    "make_faces",
    "read_faces",
    "render_face",
    "sample_parameters",
    "valence_arousal_grid",
]

if TYPE_CHECKING:
    from affectspace.corpora.faces.drawing import render_face
    from affectspace.corpora.faces.labels import invented_labels, labels_from_levels
    from affectspace.corpora.faces.make import make_faces
    from affectspace.corpora.faces.movements import Expression, expression
    from affectspace.corpora.faces.parameters import (
        BEARDS,
        GLASSES,
        HAIR_STYLES,
        Background,
        FaceParameters,
        Identity,
        Light,
        Pose,
        identity,
    )
    from affectspace.corpora.faces.reader import read_faces
    from affectspace.corpora.faces.sampling import NUISANCE, Clip, sample_parameters
    from affectspace.corpora.faces.sheets import face_sheet, valence_arousal_grid


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.corpora.faces' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"affectspace.corpora.faces.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
