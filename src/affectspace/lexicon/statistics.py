"""What lexicons say of a text, as features: means, extremes and spread per axis, and coverage per lexicon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError
from affectspace.lexicon.contextual import Contextual, scorer
from affectspace.lexicon.reading import Lexicon
from affectspace.lexicon.scoring import as_strings, owner_means


def lexicon_statistics(
    texts: Iterable[str | None], lexicons: Mapping[str, Lexicon], *, contextual: Contextual | None = None
) -> pd.DataFrame:
    """Features of each text: 18 numbers with a lexicon of three axes and one of valence only.

    texts: strings (None and NaN: empty). lexicons: name -> lexicon. Returns a row a text, with the index of a Series: for each
    lexicon and axis `<name>_<axis>_mean|low|high|spread` of the hits' values in context (spread: standard deviation), and
    `<name>_coverage`, hits per word. All are finite: without a hit the values are 0, neutral, and coverage is 0.
    """
    if not lexicons:
        raise ConfigError("lexicon_statistics needs at least one lexicon, as a mapping name -> Lexicon")
    index = texts.index if isinstance(texts, pd.Series) else None
    strings = as_strings(texts)
    columns: dict[str, np.ndarray] = {}
    for name, lexicon in lexicons.items():
        hits = scorer(lexicon, contextual or Contextual()).hits(strings)
        for place, axis in enumerate(lexicon.axes):
            found = np.isfinite(hits.values[:, place])
            parts = _moments(hits.values[found, place], hits.owner[found], len(strings))
            columns |= {f"{name}_{axis}_{part}": values for part, values in parts.items()}
        counted = np.bincount(hits.owner[np.isfinite(hits.values).any(axis=1)], minlength=len(strings))
        columns[f"{name}_coverage"] = np.minimum(counted / np.maximum(hits.tokens, 1), 1.0)
    return pd.DataFrame(columns, index=index)


def _moments(values: np.ndarray, owner: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """mean, low, high, spread of the values of each of n owners; owner ascends. 0 for an owner of none."""
    present, starts = np.unique(owner, return_index=True)
    mean = owner_means(values[:, None], owner, n)[:, 0]
    around = owner_means(((values - mean[owner]) ** 2)[:, None], owner, n)[:, 0]
    low, high = np.zeros(n), np.zeros(n)
    if len(present):
        low[present] = np.minimum.reduceat(values, starts)
        high[present] = np.maximum.reduceat(values, starts)
    return {"mean": np.nan_to_num(mean), "low": low, "high": high, "spread": np.sqrt(np.nan_to_num(around))}
