"""Judges of generated sentences that are not our encoder: lexicons' scores, and ridge regressions on words and characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.lexicon.reading import Lexicon
from affectspace.lexicon.scoring import score_texts

ALPHAS = (1.0, 2.0, 4.0, 8.0)
FOLDS = 5


class Judge(Protocol):
    """Scores texts."""

    @property
    def name(self) -> str: ...

    @property
    def axes(self) -> tuple[str, ...]:
        """Those that it knows, by name."""

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of its scores of reference texts, (axes,)."""

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n, axes), in its own unit."""


def measured(judge: Judge, texts: Sequence[str]) -> np.ndarray:
    """Scores in the judge's standard deviations, (n, 3); NaN for axes that it does not know."""
    found = np.full((len(texts), len(AXES)), np.nan)
    places = [AXES.index(axis) for axis in judge.axes]
    found[:, places] = judge.score(texts) / judge.spread
    return found


@dataclass(frozen=True, eq=False)
class LexiconJudge:
    """A lexicon's scores in context. A text without any of its words has the mean score of the reference texts."""

    name: str
    lexicon: Lexicon
    mean: np.ndarray
    spread: np.ndarray

    @property
    def axes(self) -> tuple[str, ...]:
        return self.lexicon.axes

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n, axes), canonical."""
        scores = _scores(self.lexicon, texts)
        return np.where(np.isnan(scores), self.mean, scores)


def lexicon_judge(name: str, lexicon: Lexicon, reference: Sequence[str]) -> LexiconJudge:
    """A judge whose unit is the spread of its scores over reference texts. Raises DataError where it tells none apart."""
    scores = _scores(lexicon, reference)
    if (np.isfinite(scores).sum(axis=0) < 2).any():
        raise DataError(f"lexicon {name}: hardly any reference text has a word of it")
    mean = np.nanmean(scores, axis=0)
    spread = np.where(np.isnan(scores), mean, scores).std(axis=0)
    return LexiconJudge(name, lexicon, mean, _positive(name, spread))


def _scores(lexicon: Lexicon, texts: Sequence[str]) -> np.ndarray:
    return score_texts(list(texts), lexicon, "contextual")[list(lexicon.axes)].to_numpy(np.float64)


@dataclass(frozen=True, eq=False)
class RidgeJudge:
    """Ridge regressions on TF-IDF of words (one and two) and of characters (two to five, within words).

    alphas : of each axis, chosen on training texts alone, in folds that keep documents apart
    """

    name: str
    vectoriser: Any
    regressions: tuple[Any, ...]
    alphas: tuple[float, ...]
    spread: np.ndarray
    axes: tuple[str, ...] = AXES

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 3), in the labels' unit."""
        vectors = self.vectoriser.transform(list(texts))
        return np.stack([one.predict(vectors) for one in self.regressions], axis=1)


def ridge_judge(
    texts: Sequence[str],
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    name: str = "tf-idf ridge",
    seed: int = 0,
) -> RidgeJudge:
    """Fit on labelled texts (n, 3); its unit is the spread of its out-of-fold scores. groups : (n,), such as documents.

    Raises DataError for fewer than ten labelled texts, or labels that do not vary.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold, KFold
    from sklearn.pipeline import make_union

    known = np.flatnonzero(np.isfinite(labels).all(axis=1)).tolist()
    if len(known) < 2 * FOLDS or (labels[known].std(axis=0) == 0).any():
        raise DataError(
            f"a judge needs ten labelled texts or more whose labels vary on every axis; there are {len(known)}"
        )
    rows, truth = [texts[row] for row in known], labels[known]
    vectoriser = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2 if len(rows) > 500 else 1),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=3 if len(rows) > 500 else 1),
    )
    vectors = vectoriser.fit_transform(rows)
    apart = None if groups is None else np.asarray(groups, dtype=str)[known]
    if apart is not None and len(np.unique(apart)) >= FOLDS:
        folds = list(GroupKFold(FOLDS).split(vectors, groups=apart))
    else:
        folds = list(KFold(FOLDS, shuffle=True, random_state=seed).split(vectors))
    scores = {}
    for alpha in ALPHAS:
        scores[alpha] = np.zeros_like(truth)
        for train, test in folds:
            scores[alpha][test] = (
                Ridge(alpha, solver="sparse_cg").fit(vectors[train], truth[train]).predict(vectors[test])
            )
    errors = {alpha: ((found - truth) ** 2).mean(axis=0) for alpha, found in scores.items()}
    chosen = [min(ALPHAS, key=lambda alpha: float(errors[alpha][axis])) for axis in range(len(AXES))]
    spread = np.array([scores[alpha][:, axis].std() for axis, alpha in enumerate(chosen)])
    fitted = tuple(Ridge(alpha, solver="sparse_cg").fit(vectors, truth[:, axis]) for axis, alpha in enumerate(chosen))
    return RidgeJudge(name, vectoriser, fitted, tuple(chosen), _positive(name, spread))


def _positive(name: str, spread: np.ndarray) -> np.ndarray:
    if not (spread > 0).all():
        raise DataError(f"judge {name}: its scores of the reference texts do not differ, so that it has no unit")
    return spread
