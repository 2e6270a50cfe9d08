"""Scores of texts with a lexicon, and statistics of them as features.

Source: Vishnubhotla & Mohammad (2022), "Tweet Emotion Dynamics", and the tool of the same authors: tokens are the pieces of the
lower-case text between single blanks, and a score is the mean of the values of exact matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError
from affectspace.lexicon.contextual import Contextual, scorer
from affectspace.lexicon.reading import Lexicon

FEATURES = Contextual(emphasis=0.0, exclamation=0.0)  # text encoders have `marks` for these
METHODS = ("emotiondynamics", "contextual")


def score_texts(
    texts: Iterable[str | None],
    lexicon: Lexicon,
    method: str = "emotiondynamics",
    *,
    contextual: Contextual | None = None,
    drop: bool = False,
) -> pd.DataFrame:
    """Score texts by the words of a lexicon.

    Parameters
    ----------
    texts : iterable of str
        None and NaN are texts without words.
    lexicon : Lexicon
    method : str
        "emotiondynamics", equal to the original tool, or "contextual".
    contextual : Contextual, optional
        Options of the contextual method.
    drop : bool
        Leave out the rows without a hit, as the original does.

    Returns
    -------
    DataFrame
        One row for each text, with the index of a Series: the lexicon's axes on [-1, 1], NaN without a hit; numTokens;
        numLexTokens; lexRatio = numLexTokens / numTokens. In the exact method the ratio may exceed 1 (hits with a hyphen are
        not alphabetic tokens), and be infinite or NaN.

    Raises
    ------
    DataError
        If something is not a text; the message names its row.

    Examples
    --------
    >>> from affectspace.lexicon import Lexicon, score_texts
    >>> lexicon = Lexicon.from_terms({"glad": (0.8, 0.4, 0.2), "dull": (-0.4, -0.6, -0.2)})
    >>> score_texts(["a glad dull day", "nothing"], lexicon)["valence"].tolist()
    [0.2, nan]
    """
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; choose from {', '.join(METHODS)}")
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
    """Return the texts as a list, with "" for None and NaN. Raises DataError for another value; its row counts from `first`."""
    if isinstance(texts, str):
        raise DataError("texts is a single string; put it in a list")
    strings = list(texts)
    if not set(map(type, strings)) <= {str}:
        for row, text in enumerate(strings):
            if text is None or text is pd.NA or (isinstance(text, float) and np.isnan(text)):
                strings[row] = ""
            elif not isinstance(text, str):
                raise DataError(
                    f"row {first + row}: {text!r} is of type {type(text).__name__}, not a text; convert it with str"
                )
    return strings


def _exact(texts: Sequence[str], lexicon: Lexicon) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, axes) means, n alphabetic tokens, n hits."""
    index = lexicon.index
    tokens = np.empty(len(texts), dtype=np.int64)
    rows_of: list[list[int]] = []
    for row, text in enumerate(texts):
        words = normalize("NFC", text.lower()).split(" ")
        tokens[row] = sum(map(str.isalpha, words))
        rows_of.append([index[word] for word in words if word in index])
    hits = np.fromiter(map(len, rows_of), dtype=np.int64, count=len(rows_of))
    rows = np.fromiter(chain.from_iterable(rows_of), dtype=np.int64, count=int(hits.sum()))
    owner = np.repeat(np.arange(len(texts)), hits)
    return owner_means(lexicon.values[rows], owner, len(texts)), tokens, hits


def owner_means(values: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """Return the (n, axes) means of the (h, axes) values of each owner 0..n-1; NaN for an owner without values."""
    counts = np.bincount(owner, minlength=n)
    sums = [np.bincount(owner, weights=column, minlength=n) for column in values.T]
    with np.errstate(invalid="ignore"):
        return np.stack(sums, axis=1) / counts[:, None]


def lexicon_statistics(
    texts: Iterable[str | None], lexicons: Mapping[str, Lexicon], *, contextual: Contextual | None = None
) -> pd.DataFrame:
    """Compute statistics of the hits in each text, as features.

    Parameters
    ----------
    texts : iterable of str
        None and NaN are empty texts.
    lexicons : mapping
        Name -> lexicon.
    contextual : Contextual, optional
        Options of the contextual method. By default capitals and exclamation marks do not count.

    Returns
    -------
    DataFrame
        One row for each text, with the index of a Series. For each lexicon and axis `<name>_<axis>_mean|low|high|spread` of
        the hits' values in context (spread: standard deviation), and `<name>_coverage`, the hits per word: 18 columns with a
        lexicon of three axes and one of valence only. Without a hit all are 0.
    """
    if not lexicons:
        raise ConfigError("lexicon_statistics needs at least one lexicon, as a mapping name -> Lexicon")
    index = texts.index if isinstance(texts, pd.Series) else None
    strings = as_strings(texts)
    columns: dict[str, np.ndarray] = {}
    for name, lexicon in lexicons.items():
        hits = scorer(lexicon, contextual or FEATURES).hits(strings)
        for place, axis in enumerate(lexicon.axes):
            present = np.isfinite(hits.values[:, place])
            parts = _moments(hits.values[present, place], hits.owner[present], len(strings))
            columns |= {f"{name}_{axis}_{part}": values for part, values in parts.items()}
        counted = np.bincount(hits.owner[np.isfinite(hits.values).any(axis=1)], minlength=len(strings))
        columns[f"{name}_coverage"] = np.minimum(counted / np.maximum(hits.tokens, 1), 1.0)
    return pd.DataFrame(columns, index=index)


def _moments(values: np.ndarray, owner: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """mean, low, high, spread of the values of each of n owners, which ascend; 0 for an owner without values."""
    present, starts = np.unique(owner, return_index=True)
    mean = owner_means(values[:, None], owner, n)[:, 0]
    around = owner_means(((values - mean[owner]) ** 2)[:, None], owner, n)[:, 0]
    low, high = np.zeros(n), np.zeros(n)
    if len(present):
        low[present] = np.minimum.reduceat(values, starts)
        high[present] = np.maximum.reduceat(values, starts)
    return {"mean": np.nan_to_num(mean), "low": low, "high": high, "spread": np.sqrt(np.nan_to_num(around))}
