"""Faces, voices and words as points on the map of valence, arousal and dominance, and back.

Public names load on first use, so that ``import affectspace`` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "AffectspaceError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "RunError": "errors",
    "CATEGORIES": "emotions",
    "SCALES": "scales",
    "Scale": "scales",
    "AnnotationTransfer": "annotation",
    "Corpus": "corpora",
    "read_corpus": "corpora",
    "Levasa": "models",
    "LevasaConfig": "models",
    "Prediction": "prediction",
    "Predictor": "prediction",
    "load": "training.runs",
}

__all__ = ["__version__", *sorted(_PUBLIC)]

if TYPE_CHECKING:
    from affectspace.annotation import AnnotationTransfer
    from affectspace.corpora import Corpus, read_corpus
    from affectspace.emotions import CATEGORIES
    from affectspace.errors import AffectspaceError, ConfigError, DataError, RunError
    from affectspace.models import Levasa, LevasaConfig
    from affectspace.prediction import Prediction, Predictor
    from affectspace.scales import SCALES, Scale
    from affectspace.training.runs import load


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"affectspace.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
