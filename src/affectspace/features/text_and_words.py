"""A text's vector with the statistics of lexicons behind it, as one vector of the modality `text`."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.features.backbone import Item
from affectspace.features.text import TextBackbone
from affectspace.features.words import Words


class TextAndWords:
    """A text encoder and lexicon statistics side by side: (text's dimension + statistics).

    One head reads both, so that it can tell by the vector which words to trust; as two modalities they only meet where
    they are fused. On EmoBank that is worth .02 of r (docs/manifold_study.md).
    """

    modality = "text"
    columns = None
    shard_rows = TextBackbone.shard_rows

    def __init__(self, text: TextBackbone, words: Words) -> None:
        self._text, self._words = text, words
        self.name, self.dimension = f"{text.name}+lexicon", text.dimension + words.dimension
        self.licence, self.revision = f"{text.licence}; {words.licence}", f"{text.revision}+{words.revision}"
        self.settings: dict[str, Any] = {**text.settings, **words.settings}
        self.counts = text.counts
        self.recipe: dict[str, Any] | None = None

    def load(self, item: Item) -> tuple[list[int], str]:
        """Its tokens and the text. Raises UnreadableItem for a text without any."""
        return self._text.load(item), self._words.load(item)

    def length(self, loaded: tuple[list[int], str]) -> float:
        return self._text.length(loaded[0])

    def encode(self, batch: list[tuple[list[int], str]]) -> np.ndarray:
        """(batch, dimension) float32."""
        tokens, texts = zip(*batch, strict=True)
        return np.concatenate([self._text.encode(list(tokens)), self._words.encode(list(texts))], axis=1)
