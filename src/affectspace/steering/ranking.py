"""Which of several candidates is kept: content, repetition, and what our encoder reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Item, make_backbone
from affectspace.steering.masking import Masker, plain_words

LOOPING = 0.3  # of a text's pairs of words have occurred in it before


def word_runs(text: str, size: int) -> list[tuple[str, ...]]:
    """All runs of `size` words."""
    words = plain_words(text)
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]


def repetition(texts: Iterable[str], size: int = 2) -> np.ndarray:
    """Share of each text's runs of `size` words that occurred in it before, (n,)."""
    found = []
    for text in texts:
        runs = word_runs(text, size)
        found.append(1 - len(set(runs)) / len(runs) if runs else 0.0)
    return np.array(found)


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


OTHER_AXES = 0.25  # weight of the axes that were not asked for
CONTENT = 0.5  # how many sd of affect a whole unit of content is worth

Written = list[list[list[str]]]  # [seed][step][candidate]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Candidates with what is read of them; arrays are (seeds, steps, candidates), affect (..., 3) in sd of the corpus.

    best : (seeds, steps) place of the candidate that is kept; an empty text is kept only where all are, and one
        that repeats itself (and more than its seed does) only where all others are empty or do so too
    """

    written: Written
    affect: np.ndarray
    content: np.ndarray
    best: np.ndarray

    def texts(self, place: int | None = None) -> list[list[str]]:
        """[seed][step]: the kept candidates, or those at one place."""
        return [
            [step[self.best[row, at] if place is None else place] for at, step in enumerate(steps)]
            for row, steps in enumerate(self.written)
        ]


def rank(
    seeds: Sequence[str],
    own: np.ndarray,
    asked: np.ndarray,
    written: Written,
    read: Callable[[Sequence[str]], np.ndarray],
    similarity: ContentSimilarity | None,
    content_weight: float = CONTENT,
) -> Ranked:
    """Read and rank candidates.

    own : (seeds, 3), asked : (seeds, steps, 3), in sd of the corpus, NaN where an axis stays as the seed has it
    read : texts -> affect (n, 3) by our encoder, in sd; similarity : of the content, None to go without
    """
    flat = [(row, text) for row, steps in enumerate(written) for step in steps for text in step]
    shape = (len(written), len(written[0]), len(written[0][0]))
    known = [text if text.strip() else seeds[row] for row, text in flat]  # no encoder reads an empty text
    distinct = list(dict.fromkeys(known))
    place = {text: number for number, text in enumerate(distinct)}
    affect = read(distinct)[[place[text] for text in known]].reshape(*shape, 3)
    content = np.full(shape, np.nan)
    if similarity is not None:
        content = similarity.between([seeds[row] for row, _ in flat], [text for _, text in flat]).reshape(shape)
    target = np.where(np.isnan(asked), own[:, None], asked)[:, :, None]
    weights = np.where(np.isnan(asked), OTHER_AXES, 1.0)[:, :, None]
    distance = np.sqrt((weights * (affect - target) ** 2).sum(axis=-1))
    penalty = distance + content_weight * (1 - np.nan_to_num(content, nan=1.0))
    repeated = repetition(text for _, text in flat) > np.maximum(LOOPING, repetition(seeds))[[row for row, _ in flat]]
    empty = np.array([not text.strip() for _, text in flat])
    order = np.lexsort((penalty, repeated.reshape(shape), empty.reshape(shape)), axis=2)  # by the last key first
    return Ranked(written, affect, content, order[..., 0])
