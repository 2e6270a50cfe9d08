"""Judges of generated sentences that are independent of the encoder: lexicon scores, and ridges on words and characters."""

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
    """Scores texts on some axes. `spread`, (axes,), is the standard deviation of its scores of reference texts."""

    @property
    def name(self) -> str: ...

    @property
    def axes(self) -> tuple[str, ...]: ...

    @property
    def spread(self) -> np.ndarray: ...

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Score texts, (n, axes), in the judge's own unit."""


def measured(judge: Judge, texts: Sequence[str]) -> np.ndarray:
    """Score texts in the judge's standard deviations, (n, 3); NaN for axes that it does not know."""
    scores = np.full((len(texts), len(AXES)), np.nan)
    scores[:, [AXES.index(axis) for axis in judge.axes]] = judge.score(texts) / judge.spread
    return scores


@dataclass(frozen=True, eq=False)
class LexiconJudge:
    """Scores by a lexicon, in context. A text without any of its words gets the mean score of the reference texts."""

    name: str
    lexicon: Lexicon
    mean: np.ndarray
    spread: np.ndarray

    @property
    def axes(self) -> tuple[str, ...]:
        return self.lexicon.axes

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Score texts, (n, axes), canonical."""
        scores = _lexicon_scores(self.lexicon, texts)
        return np.where(np.isnan(scores), self.mean, scores)


def lexicon_judge(name: str, lexicon: Lexicon, reference: Sequence[str]) -> LexiconJudge:
    """Make a judge whose unit is the spread of its scores of reference texts."""
    scores = _lexicon_scores(lexicon, reference)
    if (np.isfinite(scores).sum(axis=0) < 2).any():
        raise DataError(f"lexicon {name}: fewer than two reference texts contain a word of it; use a larger lexicon")
    mean = np.nanmean(scores, axis=0)
    spread = np.where(np.isnan(scores), mean, scores).std(axis=0)
    return LexiconJudge(name, lexicon, mean, _require_spread(name, spread))


def _lexicon_scores(lexicon: Lexicon, texts: Sequence[str]) -> np.ndarray:
    return score_texts(list(texts), lexicon, "contextual")[list(lexicon.axes)].to_numpy(np.float64)


@dataclass(frozen=True, eq=False)
class RidgeJudge:
    """A ridge an axis on TF-IDF of words (one and two) and characters (two to five, within words)."""

    name: str
    vectoriser: Any
    ridges: tuple[Any, ...]
    spread: np.ndarray
    axes: tuple[str, ...] = AXES

    @property
    def alphas(self) -> tuple[float, ...]:
        """Penalty of each axis, chosen on the training texts."""
        return tuple(ridge.alpha for ridge in self.ridges)

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Score texts, (n, 3), in the labels' unit."""
        vectors = self.vectoriser.transform(list(texts))
        return np.stack([ridge.predict(vectors) for ridge in self.ridges], axis=1)


def ridge_judge(
    texts: Sequence[str], labels: np.ndarray, groups: np.ndarray | None = None, *, name: str = "tf-idf ridge"
) -> RidgeJudge:
    """Fit a judge on labelled texts (n, 3); its unit is the spread of its out-of-fold scores.

    Penalties are chosen in five folds that keep groups, (n,), such as documents, apart. Texts without all labels are left out.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
    from sklearn.pipeline import make_union

    labelled = np.flatnonzero(np.isfinite(labels).all(axis=1)).tolist()
    if len(labelled) < 2 * FOLDS or (labels[labelled].std(axis=0) == 0).any():
        raise DataError(
            f"a ridge judge needs at least {2 * FOLDS} labelled texts whose labels vary on every axis; there are "
            f"{len(labelled)}"
        )
    rows, truth = [texts[row] for row in labelled], labels[labelled]
    rare = len(rows) > 500  # then leave out rare words
    vectoriser = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2 if rare else 1),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=3 if rare else 1),
    )
    vectors = vectoriser.fit_transform(rows)
    documents = None if groups is None else np.asarray(groups, dtype=str)[labelled]
    if documents is None or len(np.unique(documents)) < FOLDS:
        folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(vectors))
    else:
        folds = list(GroupKFold(FOLDS).split(vectors, groups=documents))
    scores = np.stack(
        [cross_val_predict(Ridge(alpha, solver="sparse_cg"), vectors, truth, cv=folds) for alpha in ALPHAS]
    )
    best = ((scores - truth) ** 2).mean(axis=1).argmin(axis=0)
    ridges = tuple(
        Ridge(ALPHAS[place], solver="sparse_cg").fit(vectors, truth[:, axis]) for axis, place in enumerate(best)
    )
    spread = np.array([scores[place, :, axis].std() for axis, place in enumerate(best)])
    return RidgeJudge(name, vectoriser, ridges, _require_spread(name, spread))


def _require_spread(name: str, spread: np.ndarray) -> np.ndarray:
    if not (spread > 0).all():
        raise DataError(
            f"judge {name}: its scores of the reference texts do not differ; use a larger lexicon or more texts"
        )
    return spread
