"""From a sentence, a recording, a photo or a clip, or any subset, to valence, arousal and dominance with their uncertainty."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Estimate": "result",
    "Failure": "result",
    "Prediction": "result",
    "Predictor": "predictor",
    "Sample": "sample",
    "Trajectory": "trajectory",
    "VAD": "result",
    "export_onnx": "export",
    "table_of": "result",
}

__all__ = [
    "VAD",
    "Estimate",
    "Failure",
    "Prediction",
    "Predictor",
    "Sample",
    "Trajectory",
    "export_onnx",
    "table_of",
]

if TYPE_CHECKING:
    from affectspace.prediction.export import export_onnx
    from affectspace.prediction.predictor import Predictor
    from affectspace.prediction.result import VAD, Estimate, Failure, Prediction, table_of
    from affectspace.prediction.sample import Sample
    from affectspace.prediction.trajectory import Trajectory


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.prediction' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"affectspace.prediction.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
