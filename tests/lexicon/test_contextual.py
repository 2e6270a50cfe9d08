from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.errors import ConfigError
from affectspace.lexicon import Contextual, Lexicon, score_texts
from affectspace.lexicon.contextual import ContextualScorer, is_foreign, plain_forms, tokens

LEXICON = Lexicon.from_terms(
    {
        "glad": (0.8, 0.4, 0.2),
        "dull": (-0.4, -0.6, -0.2),
        "cry": (-0.6, 0.5, -0.5),
        "run": (0.2, 0.6, 0.2),
        "can't": (-0.2, 0.0, -0.4),
        "run out": (-0.5, 0.3, -0.3),
        "run out of steam": (-0.7, -0.5, -0.6),
        "not bad": (0.3, 0.0, 0.1),
        "bad": (-0.7, 0.2, -0.3),
        ":-)": (0.6, 0.3, 0.2),
    }
)
QUIET = {"emphasis": 0.0, "exclamation": 0.0}
BARE = Contextual(negation=1, intensifier=0, prior=0, plain_forms=False, **QUIET)


def score(text, **options):
    return score_texts([text], LEXICON, "contextual", contextual=Contextual(**{**QUIET, **options})).iloc[0]


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("so GLAD today", 2.0),  # "so" and capitals
        ("he is GLAD", 1.5),
        ("HE IS GLAD", 1.0),  # all of it is in capitals
        ("he is glaaaad", 1.5),
        ("he is gladd", None),
    ],
)
def test_capitals_and_repeated_letters_count(text, factor):
    row = score(text, prior=0, emphasis=0.5)
    if factor is None:
        assert np.isnan(row.valence)
    else:
        expected = np.minimum(np.array([0.8, 0.4, 0.2]) * factor, 1)
        np.testing.assert_allclose(row[["valence", "arousal", "dominance"]].to_numpy(float), expected)


@pytest.mark.parametrize(("marks", "number"), [("", 0), ("!", 1), ("!!", 2), ("!!!!!", 3), ("?!", 1), ("...", 0)])
def test_exclamation_marks_raise_the_arousal_of_their_clause(marks, number):
    row = score(f"dull day{marks}", prior=0, exclamation=0.2)
    np.testing.assert_allclose(row.valence, -0.4 * (1 + 0.2 * number))
    np.testing.assert_allclose(row.arousal, -0.6 + 0.2 * number)
    np.testing.assert_allclose(row.dominance, -0.2)
    both = score(f"dull, glad{marks}", prior=0, exclamation=0.2)
    np.testing.assert_allclose(both.arousal, (-0.6 + 0.4 + 0.2 * number) / 2, atol=1e-12)


def test_the_marks_of_another_text_do_not_count():
    texts = ["glad", "!", "! glad", "glad!"]
    options = Contextual(prior=0, emphasis=0, exclamation=0.1)
    arousal = score_texts(texts, LEXICON, "contextual", contextual=options)["arousal"]
    np.testing.assert_allclose(arousal, [0.4, np.nan, 0.4, 0.5])


def test_another_language_is_noted():
    assert is_foreign("Der Lappen liegt auf dem Eisschrank.", LEXICON)
    assert is_foreign("Qu\u00e9 d\u00eda tan maravilloso, estoy muy feliz", LEXICON)
    assert not is_foreign("I'm going to the market with my sister", LEXICON)
    assert not is_foreign("Der Lappen liegt", LEXICON)  # too short to tell
    assert not is_foreign("glad dull cry run bad xyzzy", LEXICON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don\u2019t shout, Ann!", ["don't", "shout", ",", "ann", "!"]),
        ("well-known 3rd word...", ["well-known", "rd", "word", "..."]),
        ("fine :-) \u201cquoted\u201d", ["fine", ":-)", "quoted"]),
        ("  ", []),
        (
            "\u0916\u0941\u0936\u0940 \u0939\u0948",
            ["\u0916\u0941\u0936\u0940", "\u0939\u0948"],
        ),  # Hindi, with signs of vowels
        ("\u0633\u064e\u0639\u064e\u0627", ["\u0633\u064e\u0639\u064e\u0627"]),  # Arabic, with vowels
        ("\u0645\u06cc\u200c\u062e", ["\u0645\u06cc\u200c\u062e"]),  # Persian, with a non-joiner
        ("fe\u0302te", ["f\u00eate"]),
        ("\U0001f622\U0001f622 nice\U0001f602.", ["\U0001f622", "\U0001f622", "nice", "\U0001f602", "."]),
        ("I \u2764\ufe0fit", ["i", "\u2764", "it"]),
        ("\U0001f44d\U0001f3fd \U0001f468\u200d\U0001f467", ["\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f467"]),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"]),  # two flags
        ("great:) :D", ["great", ":)", ":d"]),
        ("http://sad.com/hate WWW.sad.org a@sad.com @sad: #sad (bad", [":", "sad", "bad"]),
        ("<p>good</p> a&nbsp;day &amp; night", ["good", "a", "day", "night"]),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("f\u00eate", "une fe\u0302te"),
        ("fe\u0302te", "une f\u00eate"),
        ("\u2764", "I \u2764\ufe0f it"),
        ("\u2764\ufe0f", "I \u2764 it"),
        ("\U0001f60a", "\U0001f60a"),
        ("\U0001f44d", "ok \U0001f44d\U0001f3fd"),
        ("\U0001f44d\U0001f3fd", "ok \U0001f44d\U0001f3fd"),
        ("\u2764", "\u2764\ufe0f\u200d\U0001f525"),
        ("\u0916\u0941\u0936\u0940", "\u092c\u0939\u0941\u0924 \u0916\u0941\u0936\u0940 \u0939\u0948"),
    ],
)
def test_spellings_of_characters_and_emoji_are_found(term, text):
    lexicon = Lexicon.from_terms({term: (0.5, 0, 0), "\u0926\u0941\u0916": (-0.5, 0, 0)})
    row = score_texts([text], lexicon, "contextual", contextual=BARE).iloc[0]
    assert (row.valence, row.numLexTokens) == (0.5, 1)
    assert row.lexRatio <= 1
    if text.split()[-1] == "fe\u0302te":
        assert score_texts([text], lexicon).valence[0] == 0.5


@given(st.text(st.sampled_from("aou\u0308\u0301 n"), max_size=20))
def test_composed_and_decomposed_texts_score_alike(text):
    lexicon = Lexicon.from_terms({"\u00fc": 0.5, "a\u0301": -0.5, "u\u0308n": 0.25}, scale="vader")
    forms = [normalize(form, text) for form in ("NFC", "NFD")]
    for method in ("contextual", "emotiondynamics"):
        table = score_texts(forms, lexicon, method).fillna(9)
        assert table.iloc[0].tolist()[:1] == table.iloc[1].tolist()[:1]


@pytest.mark.parametrize("word", ["isnt", "dont", "Didnt", "cant", "wont", "wouldnt", "isn\u2019t"])
def test_contractions_negate_without_their_apostrophe(word):
    assert score(f"{word} be glad", prior=0).valence == pytest.approx(-0.4)
    assert score("the want of a glad hint", prior=0).valence == pytest.approx(0.8)


def test_punctuation_case_and_typographic_apostrophes():
    assert score("\u201cGlad!\u201d", prior=0).valence == pytest.approx(0.8)
    assert score("I can\u2019t.", prior=0).valence == pytest.approx(-0.2)
    assert score("ok :-)", prior=0).valence == pytest.approx(0.6)


def test_the_longest_term_wins_and_its_words_do_not_count_again():
    row = score("They run out of steam", prior=0)
    assert (row.valence, row.numLexTokens, row.numTokens) == (pytest.approx(-0.7), 1, 5)
    assert score("They run out of milk", prior=0).valence == pytest.approx(-0.5)
    assert score("They run. Out they go", prior=0).valence == pytest.approx(0.2)
    assert score("not bad", prior=0).valence == pytest.approx(0.3)  # the negator is part of the term


def test_negation_reaches_three_words_in_its_clause_and_leaves_arousal():
    for text in ("not glad", "never a very glad", "isn't so glad"):
        row = score(text, prior=0, intensifier=0)
        assert (row.valence, row.arousal, row.dominance) == pytest.approx((-0.4, 0.4, -0.1)), text
    for text in ("not at all that glad", "no, glad", "glad not"):
        assert score(text, prior=0, intensifier=0).valence == pytest.approx(0.8), text


def test_intensifiers_and_the_prior():
    assert score("very dull", prior=0, intensifier=0.5).valence == pytest.approx(-0.6)
    assert score("slightly dull", prior=0, intensifier=0.5).valence == pytest.approx(-0.2)
    assert score("very glad", prior=0, intensifier=0.5).valence == 1  # never beyond the scale
    assert score("glad", prior=1).valence == pytest.approx(0.4)
    assert score("glad glad glad", prior=1).valence == pytest.approx(0.6)


def test_the_neutral_band_is_per_axis():
    row = score("dull", prior=0, neutral_band=0.333)
    assert (row.valence, row.arousal) == pytest.approx((-0.4, -0.6))
    assert np.isnan(row.dominance)
    assert score("run", neutral_band=0.9).numLexTokens == 0


def test_plain_forms():
    forms = {"cries": "cry", "stopped": "stop", "hoping": "hope", "happily": "happy", "sadness": "sad", "dog's": "dog"}
    for word, plain in (forms | {"nicest": "nice", "gently": "gentle", "boxes": "box"}).items():
        assert plain in list(plain_forms(word))


def test_inflected_and_hyphenated_words_are_found_and_it_can_be_turned_off():
    assert score("He cries", prior=0).valence == pytest.approx(-0.6)
    assert score("glad-dull", prior=0).valence == pytest.approx(0.2)
    assert score("He cries", plain_forms=False).numLexTokens == 0


@given(st.lists(st.lists(st.sampled_from(["glad", "dull", "bad", "run", "zz", "."]), max_size=9), max_size=6))
def test_without_context_it_is_the_exact_method(rows):
    texts = [" ".join(row) for row in rows]
    ours = score_texts(texts, LEXICON, "contextual", contextual=BARE)
    exact = score_texts(texts, LEXICON)
    np.testing.assert_allclose(ours.iloc[:, :3], exact.iloc[:, :3], atol=1e-12)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_scores_lie_on_the_scale_and_do_not_depend_on_other_texts(texts):
    together = score_texts(texts, LEXICON, "contextual")
    alone = [score_texts([text], LEXICON, "contextual").iloc[0].to_numpy() for text in texts]
    np.testing.assert_array_equal(together.to_numpy().reshape(-1, 6), np.array(alone).reshape(-1, 6))
    values = together[list(LEXICON.axes)].to_numpy()
    assert not (np.abs(values) > 1).any()


def test_a_very_long_text_and_a_forgotten_memory(monkeypatch):
    monkeypatch.setattr("affectspace.lexicon.contextual._MOST_WORDS", 2)
    scorer = ContextualScorer(LEXICON, Contextual(prior=0))
    for _ in range(2):
        means, words, hits = scorer.score(["glad filler words here " * 25_000])
        assert (means[0, 0], words[0], hits[0]) == (pytest.approx(0.8), 100_000, 25_000)


def test_impossible_options():
    with pytest.raises(ConfigError, match="negation must be in"):
        Contextual(negation=-3)
    with pytest.raises(ConfigError, match="neutral_band in"):
        Contextual(neutral_band=1)


@pytest.mark.parametrize("text", ["not-glad", "Never-glad", "not\u200b gl\u00adad", "he is NOT-glad"])
def test_hyphens_and_invisible_characters_hide_no_negation(text: str) -> None:
    assert score(text)["valence"] == score("not glad")["valence"] < 0


def test_addresses_do_not_count():
    assert "example" not in " ".join(map(str, tokens("write to me@example.org, glad")))
