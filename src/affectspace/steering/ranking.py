"""Choice among candidates: what the encoder reads of them, content and repetition."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Backbone, Item, backbone_factory, encode_by_length, make_backbone
from affectspace.steering.masking import Masker, plain_words

MAX_REPETITION = 0.3  # share of word pairs that occurred before, above which a text counts as a loop
OTHER_AXES = 0.25  # weight of the axes without a target
CONTENT_WEIGHT = 0.5  # sd of affect that a whole unit of content is worth
_WORDS = (
    "a an and are as at be been but by can did do does for from had has have he her here him his i if in into is it its just "
    "me my of on or our out she so some than that the their them then there these they this those to up us was we were what "
    "when which who will with would you your"
)
FUNCTION_WORDS = frozenset(_WORDS.split())

Candidates = list[list[list[str]]]  # [seed][step][candidate]


class ContentSimilarity:
    """Cosine similarity of sentence vectors by a text backbone."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone

    @classmethod
    def load(cls, name: str = "minilm", *, device: str = "cpu") -> ContentSimilarity:
        """Load a text backbone: "minilm", a folder or a hub name; where it has such settings, the mean of its last layer."""
        settings: dict[str, Any] = {"layers": (-1,), "pooling": "mean"}
        known = inspect.signature(backbone_factory("text", name)).parameters
        try:
            return cls(make_backbone("text", name, device=device, **{k: settings[k] for k in settings if k in known}))
        except ConfigError as error:
            raise ConfigError(
                f"content is measured with the text encoder {name}: {error}; in Python content= names another one, and "
                "content=None leaves content out"
            ) from error

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts, (n, width), with length 1; zeros for a text without words."""
        loaded: dict[int, Any] = {}
        for row, text in enumerate(texts):
            with suppress(UnreadableItem):
                loaded[row] = self._backbone.load(Item(str(row), text=text))
        vectors = np.zeros((len(texts), self._backbone.dimension), np.float32)
        for row, vector in encode_by_length(self._backbone, loaded):
            vectors[row] = vector
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)

    def between(self, seeds: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Compute the cosine of each text to its seed, (n,). Equal texts are encoded once."""
        distinct = list(dict.fromkeys([*seeds, *texts]))
        place = {text: row for row, text in enumerate(distinct)}
        vectors = self.vectors(distinct)
        pairs = zip(seeds, texts, strict=True)
        return np.array([float(vectors[place[seed]] @ vectors[place[text]]) for seed, text in pairs])


def word_pairs(text: str) -> list[tuple[str, str]]:
    """List the pairs of neighbouring words of a text."""
    return list(pairwise(plain_words(text)))


def repetition(texts: Iterable[str]) -> np.ndarray:
    """Share of each text's word pairs that occurred in it before, (n,)."""
    pairs = [word_pairs(text) for text in texts]
    return np.array([1 - len(set(row)) / len(row) if row else 0.0 for row in pairs])


def kept_words(seeds: Sequence[str], texts: Sequence[str], masker: Masker | None = None) -> np.ndarray:
    """Share of each seed's content words that its text still has, (n,); NaN for a seed without any.

    Content words are all but function words and, with a masker, affect-bearing words. No encoder is needed.
    """
    shares = np.full(len(seeds), np.nan)
    for row, (seed, text) in enumerate(zip(seeds, texts, strict=True)):
        words = set(plain_words(seed)) - FUNCTION_WORDS
        if masker is not None:
            words = {word for word in words if not masker.bears_affect(word)}
        if words:
            shares[row] = len(words & set(plain_words(text))) / len(words)
    return shares


@dataclass(frozen=True, eq=False)
class RankedCandidates:
    """Candidates and what was measured of them; arrays are (seeds, steps, candidates).

    affect : (..., 3), by the encoder, in sd of the corpus; content : cosine to the seed, NaN where it is not measured
    best : (seeds, steps), place of the candidate that is kept
    """

    candidates: Candidates
    affect: np.ndarray
    content: np.ndarray
    best: np.ndarray

    def texts(self, place: int | None = None) -> list[list[str]]:
        """Return the kept candidates, or those at one place, [seed][step]."""
        return [
            [texts[self.best[row, step] if place is None else place] for step, texts in enumerate(steps)]
            for row, steps in enumerate(self.candidates)
        ]


def rank(
    seeds: Sequence[str],
    seed_affect: np.ndarray,
    targets: np.ndarray,
    candidates: Candidates,
    read: Callable[[Sequence[str]], np.ndarray],
    similarity: ContentSimilarity | None,
) -> RankedCandidates:
    """Keep the candidate nearest to its target, with a penalty for lost content.

    An empty text is kept only where all are empty, and one that repeats itself (more than its seed does) only where all others
    are empty or do so as well.

    seed_affect : (seeds, 3), targets : (seeds, steps, 3), in sd of the corpus, NaN where an axis stays as the seed has it
    read : texts -> affect (n, 3) by the encoder, in sd; similarity : None leaves content out
    """
    rows = [row for row, steps in enumerate(candidates) for step in steps for _ in step]
    texts = [text for steps in candidates for step in steps for text in step]
    shape = (len(candidates), len(candidates[0]), len(candidates[0][0]))
    readable = [text if text.strip() else seeds[row] for row, text in zip(rows, texts, strict=True)]
    distinct = list(dict.fromkeys(readable))
    place = {text: number for number, text in enumerate(distinct)}
    affect = read(distinct)[[place[text] for text in readable]].reshape(*shape, 3)
    content = np.full(shape, np.nan)
    if similarity is not None:
        content = similarity.between([seeds[row] for row in rows], texts).reshape(shape)
    stays = np.isnan(targets)
    goal = np.where(stays, seed_affect[:, None], targets)[:, :, None]
    weights = np.where(stays, OTHER_AXES, 1.0)[:, :, None]
    distance = np.sqrt((weights * (affect - goal) ** 2).sum(axis=-1))
    penalty = distance + CONTENT_WEIGHT * (1 - np.nan_to_num(content, nan=1.0))
    loops = (repetition(texts) > np.maximum(MAX_REPETITION, repetition(seeds))[rows]).reshape(shape)
    empty = np.array([not text.strip() for text in texts]).reshape(shape)
    order = np.lexsort((penalty, loops, empty), axis=2)  # the last key counts first
    return RankedCandidates(candidates, affect, content, order[..., 0])
