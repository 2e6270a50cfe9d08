"""Judges of generated sentences that are independent of the encoder: a lexicon, or ridges on words and characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.lexicon.reading import Lexicon
from affectspace.lexicon.scoring import score_texts

ALPHAS = (1.0, 2.0, 4.0, 8.0)
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Judge:
    """Scores texts on some axes.

    read : texts -> scores (n, axes) in the judge's own unit; spread : (axes,), standard deviation of its scores of reference
    texts
    """

    name: str
    axes: tuple[str, ...]
    spread: np.ndarray
    read: Callable[[Sequence[str]], np.ndarray]

    def __post_init__(self) -> None:
        if not (self.spread > 0).all():
            raise DataError(
                f"judge {self.name}: its scores of the reference texts do not differ; use a larger lexicon or more texts"
            )

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Score texts in standard deviations of the reference texts, (n, 3); NaN for axes that the judge does not know."""
        scores = np.full((len(texts), len(AXES)), np.nan)
        scores[:, [AXES.index(axis) for axis in self.axes]] = self.read(texts) / self.spread
        return scores


def lexicon_judge(name: str, lexicon: Lexicon, reference: Sequence[str]) -> Judge:
    """Make a judge that scores by a lexicon, in context.

    A text without any of its words gets the mean score of the reference texts.
    """

    def scores_of(texts: Sequence[str]) -> np.ndarray:
        return score_texts(list(texts), lexicon, "contextual")[list(lexicon.axes)].to_numpy(np.float64)

    def read(texts: Sequence[str]) -> np.ndarray:
        scores = scores_of(texts)
        return np.where(np.isnan(scores), mean, scores)

    scores = scores_of(reference)
    if (np.isfinite(scores).sum(axis=0) < 2).any():
        raise DataError(f"lexicon {name}: fewer than two reference texts contain a word of it; use a larger lexicon")
    mean = np.nanmean(scores, axis=0)
    return Judge(name, lexicon.axes, np.where(np.isnan(scores), mean, scores).std(axis=0), read)


def ridge_judge(
    texts: Sequence[str], labels: np.ndarray, groups: np.ndarray | None = None, *, name: str = "tf-idf ridge"
) -> Judge:
    """Fit a ridge per axis on TF-IDF of words (one and two) and characters (two to five, within words).

    labels : (n, 3); texts without all labels are left out. groups : (n,), such as documents; the five folds that choose the
    penalties keep them apart. The judge's spread is that of its out-of-fold scores.
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
    ridges = [Ridge(ALPHAS[place], solver="sparse_cg").fit(vectors, truth[:, axis]) for axis, place in enumerate(best)]
    spread = np.array([scores[place, :, axis].std() for axis, place in enumerate(best)])

    def read(texts: Sequence[str]) -> np.ndarray:
        vectors = vectoriser.transform(list(texts))
        return np.stack([ridge.predict(vectors) for ridge in ridges], axis=1)

    return Judge(name, AXES, spread, read)
