"""Raw media to vectors: backbones, and a store of one vector per sample and modality. Names load on first use."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Backbone": "backbone",
    "Extraction": "extraction",
    "FeatureStore": "store",
    "Item": "backbone",
    "RayEngine": "ray_engine",
    "extract": "extraction",
    "items_of": "items",
    "make_backbone": "registry",
    "remake_backbone": "identity",
}

__all__ = [
    "Backbone",
    "Extraction",
    "FeatureStore",
    "Item",
    "RayEngine",
    "extract",
    "items_of",
    "make_backbone",
    "remake_backbone",
]

if TYPE_CHECKING:
    from affectspace.errors import UnreadableItem
    from affectspace.features.backbone import Backbone, Item
    from affectspace.features.extraction import Extraction, extract
    from affectspace.features.identity import remake_backbone
    from affectspace.features.items import items_of
    from affectspace.features.ray_engine import RayEngine
    from affectspace.features.registry import make_backbone
    from affectspace.features.store import FeatureStore


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.features' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"affectspace.features.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
