"""What is measured of steered texts: plain functions on arrays and strings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import rankdata

from affectspace.steering.masking import plain_words
from affectspace.steering.ranking import word_pairs
from affectspace.studies.steering.plan import BARS


def spearman_rows(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Correlate the ranks of targets (steps,) and measures (n, steps), (n,); 0 where all measures of a row are equal.

    A judge that sees no difference between the steps sees no steering; leaving such rows out would reward it.
    """
    ranks = rankdata(values, axis=1)
    order = rankdata(targets)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    order = order - order.mean()
    norm = np.sqrt((ranks**2).sum(axis=1) * (order**2).sum())
    return np.divide(ranks @ order, norm, out=np.zeros(len(ranks)), where=norm > 1e-12)


def slope_rows(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fit the least-squares slope of measures (n, steps) on targets (steps,), (n,)."""
    centred = targets - targets.mean()
    return (values - values.mean(axis=1, keepdims=True)) @ centred / (centred**2).sum()


def meets_bars(spearman: np.ndarray, content: np.ndarray, surprise: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Say whether each sentence follows by every judge, keeps its content and stays fluent, (n,) 0 or 1.

    spearman : (judges, n); content, surprise, base : (n,), the latter nats a token without a target. A copy does not follow,
    and a stream of strong words keeps nothing: means over sentences hide which of them a method trades.
    """
    follows = (spearman >= BARS["spearman"]).all(axis=0)
    fluent = np.exp(surprise - base) <= BARS["perplexity_ratio"]
    return (follows & (content >= BARS["content"]) & fluent).astype(np.float64)


def distinct(texts: Iterable[str]) -> float:
    """Divide the different word pairs of all texts by the number of pairs (distinct-2, Li et al. 2016)."""
    pairs = [pair for text in texts for pair in word_pairs(text)]
    return len(set(pairs)) / len(pairs) if pairs else float("nan")


def copied(seeds: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Say whether each text is its seed, word for word, (n,) 0 or 1."""
    return np.array([float(plain_words(seed) == plain_words(text)) for seed, text in zip(seeds, texts, strict=True)])
