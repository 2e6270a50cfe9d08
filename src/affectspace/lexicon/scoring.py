"""Scores of texts by a lexicon, and statistics of them as features.

Source: Vishnubhotla & Mohammad (2022), "Tweet Emotion Dynamics", and the tool of the same authors: tokens are the
pieces of the lower-cased text between single blanks, a score is the plain mean of the values of exact matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError
from affectspace.lexicon.contextual import Contextual, scorer
from affectspace.lexicon.reading import Lexicon

METHODS = ("emotiondynamics", "contextual")


def score_texts(
    texts: Iterable[str | None],
    lexicon: Lexicon,
    method: str = "emotiondynamics",
    *,
    contextual: Contextual | None = None,
    drop: bool = False,
) -> pd.DataFrame:
    """Valence, arousal, dominance of each text, by the words of a lexicon.

    texts: strings; None and NaN are texts without words. method: "emotiondynamics", equal to the original tool, or
    "contextual" (options in `contextual`). Returns a row a text with the index of a Series (else 0, 1, ...): the lexicon's
    axes on [-1, 1], NaN without a hit; numTokens; numLexTokens; lexRatio = numLexTokens / numTokens, which in
    the exact method may exceed 1 (hits with a hyphen are no `isalpha` tokens) and be infinite or NaN.
    drop: leave out the rows without a hit, as the original does. Raises DataError for anything else than a text.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    if contextual is not None and method != "contextual":
        raise ConfigError(f"the options {contextual} belong to method='contextual', not to {method!r}")
    index = texts.index if isinstance(texts, pd.Series) else None
    strings = as_strings(texts)
    if method == "contextual":
        means, tokens, hits = scorer(lexicon, contextual or Contextual()).score(strings)
    else:
        means, tokens, hits = _exact(strings, lexicon)
    table = pd.DataFrame(means, columns=list(lexicon.axes), index=index)
    table["numTokens"], table["numLexTokens"] = tokens, hits
    with np.errstate(divide="ignore", invalid="ignore"):
        table["lexRatio"] = hits / tokens
    return table[hits > 0] if drop else table


def as_strings(texts: Iterable[Any], first: int = 0) -> list[str]:
    """The texts as a list; None and NaN become empty. DataError names the row, counted from first, of what is no text."""
    if isinstance(texts, str):
        raise DataError("texts is a single string; put it into a list")
    strings = list(texts)
    if not set(map(type, strings)) <= {str}:
        for row, text in enumerate(strings):
            if text is None or text is pd.NA or (isinstance(text, float) and np.isnan(text)):
                strings[row] = ""
            elif not isinstance(text, str):
                raise DataError(
                    f"row {first + row}: {text!r} is a {type(text).__name__}, not a text; convert it with str"
                )
    return strings


def _exact(texts: Sequence[str], lexicon: Lexicon) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, axes) means, n alphabetic tokens, n hits."""
    index = lexicon.index
    tokens = np.empty(len(texts), dtype=np.int64)
    found: list[list[int]] = []
    for row, text in enumerate(texts):
        words = text.lower().split(" ")
        tokens[row] = sum(map(str.isalpha, words))
        found.append([index[word] for word in words if word in index])
    hits = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    rows = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=int(hits.sum()))
    owner = np.repeat(np.arange(len(texts)), hits)
    return owner_means(lexicon.values[rows], owner, len(texts)), tokens, hits


def owner_means(values: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """(n, axes) means of the (h, axes) values of each owner 0..n-1; NaN for an owner of none."""
    counts = np.bincount(owner, minlength=n)
    sums = [np.bincount(owner, weights=column, minlength=n) for column in values.T]
    with np.errstate(invalid="ignore"):
        return np.stack(sums, axis=1) / counts[:, None]


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
