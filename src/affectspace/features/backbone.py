"""What a backbone is: raw text, sound or pictures of a sample in, one vector out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np


def recipe_for(modality: str, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments with which `make_backbone` makes a backbone again, wherever that is called from."""
    return {
        "modality": modality,
        "name": str(Path(name).resolve()) if Path(name).is_dir() else name,
        "settings": settings,
    }


@dataclass(frozen=True, eq=False)
class Item:
    """One sample as a backbone sees it.

    path : file of the sound, the clip or the image
    start, end : seconds to cut; None is the whole file
    half : "left" or "right", which half of the picture shows the person
    vector : a ready-made vector
    """

    id: str
    text: str | None = None
    path: Path | None = None
    start: float | None = None
    end: float | None = None
    half: str | None = None
    vector: np.ndarray | None = None


@runtime_checkable
class Backbone(Protocol):
    """A frozen encoder, or functionals of our own. Other packages add theirs by the entry point `affectspace.backbones`.

    name : as in backbone.json, such as "text:minilm"
    modality : "text", "audio", "video", or a name of its own for ready-made vectors
    dimension : of its vectors
    licence, revision : of its weights, or of our code
    settings : whatever changes the numbers, fit for JSON
    columns : names of the dimensions, where they have any

    It may also say `shard_rows`, rows of a shard (256 if not); `batch_rows`, how many go through `encode` at once, whatever
    the caller asks; `counts`, a Counter of what it noticed (`note`); and `recipe`, the arguments with which `make_backbone`
    makes it again.
    """

    name: str
    modality: str
    dimension: int
    licence: str
    revision: str
    settings: dict[str, Any]
    columns: tuple[str, ...] | None

    def load(self, item: Item) -> Any:
        """Decode one sample; called from many threads. Raises UnreadableItem with the reason."""

    def length(self, loaded: Any) -> float:
        """How long a decoded sample is, for batches of like length."""

    def encode(self, batch: list[Any]) -> np.ndarray:
        """(batch, dimension) float32; a row does not depend on the others but for rounding."""
