"""Texts that repeat themselves, as small language models' do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from affectspace.generation.steering.masking import plain_words

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
