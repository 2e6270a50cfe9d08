"""Judges of generated sentences, on texts with planted affect."""

import numpy as np
import pytest

from affectspace.errors import DataError
from affectspace.lexicon import Lexicon
from affectspace.steering.judges import lexicon_judge, ridge_judge

WORDS = {"awful": -1.0, "sad": -0.5, "dull": 0.0, "fine": 0.5, "lovely": 1.0}
TEXTS = [f"the {thing} is {word}" for thing in ("dog", "street", "house", "road") for word in WORDS] * 2
LABELS = np.array([[WORDS[text.split()[-1]], abs(WORDS[text.split()[-1]]), len(text) / 20] for text in TEXTS])


def test_the_ridge_reads_planted_affect_in_its_own_spread() -> None:
    judge = ridge_judge(TEXTS, LABELS)
    scores = judge.score(["a cat is awful", "a cat is dull", "a cat is lovely"])
    assert scores[0, 0] < scores[1, 0] < scores[2, 0]
    assert judge.read(["a cat is lovely"])[0] == pytest.approx(scores[2] * judge.spread)
    assert judge.axes == ("valence", "arousal", "dominance")


def test_the_ridge_leaves_out_unlabelled_texts() -> None:
    labels = LABELS.copy()
    labels[:3] = np.nan
    judge = ridge_judge(TEXTS, labels, np.arange(len(TEXTS)) // 4)
    assert np.isfinite(judge.score(TEXTS)).all()


@pytest.mark.parametrize(("count", "scale", "message"), [(5, 1, "at least 10 labelled texts"), (40, 0, "vary")])
def test_labels_that_make_no_judge(count: int, scale: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ridge_judge(TEXTS[:count], scale * LABELS[:count])


def test_a_lexicon_judges_by_its_words_and_otherwise_gives_the_mean() -> None:
    lexicon = Lexicon.from_terms({word: (value, 0.5 * value**2, 0.0 + 0.1 * value) for word, value in WORDS.items()})
    judge = lexicon_judge("mine", lexicon, TEXTS)
    scores = judge.score(["it is lovely", "it is awful", "nothing of it"])
    assert scores[0, 0] > scores[2, 0] > scores[1, 0]
    assert scores[2] == pytest.approx(judge.score(TEXTS).mean(axis=0))
    with pytest.raises(DataError, match="fewer than two reference texts"):
        lexicon_judge("mine", lexicon, ["no word of it", "none"])


def test_an_axis_that_a_judge_does_not_know_is_nan() -> None:
    judge = lexicon_judge("v", Lexicon.from_terms({"awful": -3.0, "lovely": 2.0}, "vader"), TEXTS)
    scores = judge.score(["awful"])
    assert np.isfinite(scores[0, 0])
    assert np.isnan(scores[0, 1:]).all()
