"""The kinds of models, by the names that configurations and run folders use."""

from __future__ import annotations

from collections import UserDict
from collections.abc import MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affectspace.models.base import Pretrained


class _Registry(UserDict[str, Any]):
    """Kind -> class, or where the class is. Its module is imported when the kind is first looked up."""

    def __getitem__(self, kind: str) -> Any:
        model = super().__getitem__(kind)
        if isinstance(model, str):
            module, _, name = model.partition(":")
            model = self.data[kind] = getattr(import_module(f"affectspace.models.{module}"), name)
        return model


MODELS: MutableMapping[str, type[Pretrained]] = _Registry(
    levasa="levasa.model:Levasa",
    classifier="levasa.model:EmotionClassifier",
    manifold="manifold.model:Manifold",
    ensemble="manifold.ensemble:Ensemble",
    mvae="mvae.model:Mvae",
    misa="misa.model:Misa",
    projector="projector.model:Projector",
    adapter="adapter.model:Adapter",
)
"""Kind of model -> its class."""
