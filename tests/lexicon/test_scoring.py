import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError
from affectspace.lexicon import Contextual, Lexicon, lexicon_statistics, score_texts

WORDS = {
    "glad": (0.8, 0.4, 0.2),
    "dull": (-0.4, -0.6, -0.2),
    "mid-way": (0.2, 0, 0),
    "null": (-0.5, 0, 0),
    "Loud": (0, 1, 0),
}
LEXICON = Lexicon.from_terms(WORDS)
VALENCE = Lexicon.from_terms({"glad": 3.0, "awful": -3.0}, scale="vader")


def plain(text):
    """The published algorithm, one text at a time."""
    words = text.lower().split(" ")
    values = {term.lower(): value for term, value in WORDS.items()}
    hits = [values[word] for word in words if word in values]
    mean = np.mean(hits, axis=0) if hits else np.full(3, np.nan)
    return [*mean, sum(word.isalpha() for word in words), len(hits)]


@given(st.lists(st.lists(st.sampled_from([*WORDS, "GLAD", "dull,", "", "x1", "y", "\t"])).map(" ".join), max_size=8))
def test_equals_the_plain_loop(texts):
    table = score_texts(texts, LEXICON)
    expected = np.array([plain(text) for text in texts], dtype=float).reshape(-1, 5)
    np.testing.assert_allclose(table.iloc[:, :5].to_numpy(dtype=float), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "tokens", "hits"),
    [
        ("Glad GLAD glad", 3, 3),
        ("glad!", 0, 0),  # punctuation is not stripped
        ("glad , dull", 2, 2),
        ("glad  \tdull", 1, 1),  # single blanks only: the tab stays in its token
        ("a mid-way glad", 2, 2),
        ("12 loud", 1, 1),
        ("null", 1, 1),
        ("", 0, 0),
    ],
)
def test_tokens_and_hits(text, tokens, hits):
    row = score_texts([text], LEXICON).iloc[0]
    assert (row.numTokens, row.numLexTokens) == (tokens, hits)
    assert np.isnan(row.valence) == (hits == 0)


def test_ratio_may_exceed_one_and_be_infinite():
    ratio = score_texts(["mid-way mid-way glad", "mid-way", "", "x"], LEXICON)["lexRatio"].to_numpy()
    np.testing.assert_array_equal(ratio, [3, np.inf, np.nan, 0])


def test_index_is_kept_missing_texts_are_empty_and_rows_without_hits_can_be_dropped():
    texts = pd.Series(["glad", None, "nothing", "dull"], index=[7, 8, 9, 10])
    assert score_texts(texts, LEXICON).index.tolist() == [7, 8, 9, 10]
    assert score_texts(texts, LEXICON, drop=True).index.tolist() == [7, 10]
    assert score_texts([], LEXICON).shape == (0, 6)
    assert score_texts([], LEXICON, "contextual").shape == (0, 6)


def test_errors():
    with pytest.raises(DataError, match="row 1: 3 is of type int, not a text"):
        score_texts(["glad", 3], LEXICON)
    with pytest.raises(DataError, match="put it in a list"):
        score_texts("glad", LEXICON)
    with pytest.raises(ConfigError, match="unknown method 'mean'"):
        score_texts(["glad"], LEXICON, "mean")
    with pytest.raises(ConfigError, match="belong to method='contextual'"):
        score_texts(["glad"], LEXICON, contextual=Contextual())


@pytest.mark.parametrize(
    ("folder", "texts", "words", "scale"),
    [
        ("raw__glasgow2019_1to9", "input_emobank_raw", "glasgow2019_1to9", "glasgow"),
        ("pretok__glasgow2019_1to9", "input_emobank_pretokenised", "glasgow2019_1to9", "glasgow"),
        ("edge_noempty__toy", "input_edge_cases_noempty", "toy_lexicon_free", "nrc_vad_1"),
    ],
)
def test_equals_the_original_tool(folder, texts, words, scale, shared_data):
    root = shared_data / "emotiondynamics_reference"
    columns = {"term": "word", **{axis: axis for axis in AXES}}
    lexicon = Lexicon.read(root / "lexicons" / f"{words}.csv", columns=columns, scale=scale)
    table = pd.read_csv(root / f"{texts}.csv", keep_default_na=False)
    scores = score_texts(table["text"], lexicon, drop=True)
    native = lexicon.scale.to_native(scores[list(lexicon.axes)].to_numpy())
    for place, axis in enumerate(lexicon.axes):
        expected = pd.read_csv(root / "per_text" / folder / f"{axis}.csv", keep_default_na=False)
        assert expected["id"].tolist() == table.loc[scores.index, "id"].tolist()
        np.testing.assert_allclose(native[:, place], expected["avgLexVal"], rtol=0, atol=1e-9)
        for column in ("numTokens", "numLexTokens", "lexRatio"):
            np.testing.assert_allclose(scores[column], expected[column], rtol=0, atol=1e-9)


def test_statistics_of_each_text_in_closed_form():
    texts = pd.Series(["glad dull day", "", "awful, glad", None], index=list("abcd"))
    table = lexicon_statistics(texts, {"norms": LEXICON, "polar": VALENCE})
    assert table.shape == (4, 18)
    assert table.index.tolist() == list("abcd")
    first = table.loc["a"]
    assert first["norms_valence_mean"] == pytest.approx(0.2)
    assert (first["norms_valence_low"], first["norms_valence_high"]) == pytest.approx((-0.4, 0.8))
    assert first["norms_valence_spread"] == pytest.approx(np.std([0.8, -0.4]))
    assert (first["norms_coverage"], first["polar_coverage"]) == pytest.approx((2 / 3, 1 / 3))
    assert table.loc["c", "polar_valence_spread"] == pytest.approx(0.75)
    assert (table.loc[["b", "d"]] == 0).all(axis=None)
    assert np.isfinite(table.to_numpy()).all()


def test_neutral_band_and_no_texts():
    table = lexicon_statistics(["glad"], {"n": LEXICON}, contextual=Contextual(neutral_band=0.5))
    assert (table.loc[0, "n_valence_mean"], table.loc[0, "n_arousal_high"]) == pytest.approx((0.8, 0))
    assert lexicon_statistics([], {"n": LEXICON}).shape == (0, 13)
    with pytest.raises(ConfigError, match="at least one lexicon"):
        lexicon_statistics(["glad"], {})


def test_the_contextual_method_is_better_on_every_axis_of_emobank(shared_data):
    lexicon = Lexicon.read(shared_data / "lexicons" / "glasgow2019" / "glasgow_norms.csv")
    table = pd.read_csv(shared_data / "emobank" / "emobank.csv", keep_default_na=False).query("split == 'test'")
    ratings = table[["V", "A", "D"]].astype(float).set_axis(AXES, axis=1)
    assert len(ratings) == 1000
    exact, contextual = (
        score_texts(table["text"], lexicon, name)[list(AXES)] for name in ("emotiondynamics", "contextual")
    )
    assert (contextual.corrwith(ratings) > exact.corrwith(ratings)).all()  # of the sentences with a hit
    assert (contextual.fillna(0).corrwith(ratings) > exact.fillna(0).corrwith(ratings)).all()
    assert contextual["valence"].notna().mean() > exact["valence"].notna().mean()
