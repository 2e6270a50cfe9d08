"""Which of several candidates is kept: the one that our encoder reads nearest to what was asked, and that keeps the content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from affectspace.generation.steering.content import ContentSimilarity
from affectspace.generation.steering.repetition import LOOPING, repetition

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
