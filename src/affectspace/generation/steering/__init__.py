"""Sentences along valence, arousal and dominance: a frozen language model steered by a projector's soft tokens."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "LanguageModel": "language_model",
    "load_language_model": "language_model",
    "Sampling": "decoding",
    "Steerer": "steerer",
    "Steered": "steered",
    "fit_projector": "fitting",
    "ask": "asking",
}

__all__ = ["LanguageModel", "Sampling", "Steered", "Steerer", "ask", "fit_projector", "load_language_model"]

if TYPE_CHECKING:
    from affectspace.generation.steering.asking import ask
    from affectspace.generation.steering.decoding import Sampling
    from affectspace.generation.steering.fitting import fit_projector
    from affectspace.generation.steering.language_model import LanguageModel, load_language_model
    from affectspace.generation.steering.steered import Steered
    from affectspace.generation.steering.steerer import Steerer


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.generation.steering' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"affectspace.generation.steering.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
