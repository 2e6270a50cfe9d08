"""How much of a sentence's content another one keeps: cosine of sentence vectors, and the words that remain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.features.registry import make_backbone
from affectspace.generation.steering.masking import Masker, plain_words

BATCH = 32
_SMALL = (
    "a an and are as at be been but by can did do does for from had has have he her here him his i if in into is it "
    "its just me my of on or our out she so some than that the their them then there these they this those to up us "
    "was we were what when which who will with would you your "
)
_LITTLE = frozenset(_SMALL.split())  # words that any sentence may share with any other


class ContentSimilarity:
    """Cosine similarity of sentence vectors, by a text backbone: "minilm", a folder or a hub name."""

    def __init__(self, name: str = "minilm", *, device: str = "cpu", backbone: Any = None) -> None:
        self.name, self._device, self._given = name, device, backbone

    @cached_property
    def _backbone(self) -> Any:
        if self._given is not None:
            return self._given
        try:
            return make_backbone("text", self.name, device=self._device, layers=(-1,), pooling="mean")
        except ConfigError as error:
            if "keyword argument" not in str(error) and "layers" not in str(error):
                raise
            return make_backbone("text", self.name, device=self._device)  # one of another package

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width), of length 1; zeros for a text without words."""
        loaded: dict[int, Any] = {}
        for row, text in enumerate(texts):
            try:
                loaded[row] = self._backbone.load(Item(str(row), text=text))
            except UnreadableItem:
                continue
        found = np.zeros((len(texts), self._backbone.dimension), np.float32)
        order = sorted(loaded, key=lambda row: self._backbone.length(loaded[row]))
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            found[part] = self._backbone.encode([loaded[row] for row in part])
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return np.divide(found, length, out=np.zeros_like(found), where=length > 0)

    def between(self, seeds: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Cosine of each text to its seed, (n,); equal texts are encoded once."""
        distinct = list(dict.fromkeys([*seeds, *texts]))
        place = {text: row for row, text in enumerate(distinct)}
        vectors = self.vectors(distinct)
        pairs = zip(seeds, texts, strict=True)
        return np.array([float(vectors[place[seed]] @ vectors[place[text]]) for seed, text in pairs])


def kept_words(seeds: Sequence[str], texts: Sequence[str], masker: Masker | None = None) -> np.ndarray:
    """Share of each seed's content words that its text still has, (n,); NaN for a seed without any.

    Content words are all but little ones and, with a masker, affect-bearing ones. This needs no encoder.
    """
    found = np.full(len(seeds), np.nan)
    for row, (seed, text) in enumerate(zip(seeds, texts, strict=True)):
        words = set(plain_words(seed)) - _LITTLE
        if masker is not None:
            words = {word for word in words if not masker.bears_affect(word)}
        if words:
            found[row] = len(words & set(plain_words(text))) / len(words)
    return found
