"""Agreement of raters: closed forms, simulated reliabilities, perfect, useless and degenerate raters."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.corpora import Corpus, build_table, read_corpus
from affectspace.corpora.agreement import (
    axis_agreement,
    channel_correlations,
    channel_emotions,
    emotion_agreement,
    fleiss_kappa,
    rater_correlations,
)
from affectspace.errors import DataError


def long(values: np.ndarray) -> pd.DataFrame:
    """(items, raters) as a table with one row for each rating."""
    items, raters = values.shape
    return pd.DataFrame({"id": np.repeat([f"i{k}" for k in range(items)], raters), "valence": values.ravel()})


def test_simulated_raters_have_the_reliability_they_were_made_with() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(4000, 1))
    values = truth + random.normal(scale=2, size=(4000, 5))
    (row,) = axis_agreement(long(values)).to_dict("records")
    assert row["icc"] == pytest.approx(1 / 5, abs=0.02)
    assert row["reliability"] == pytest.approx(5 * 0.2 / (1 + 4 * 0.2), abs=0.02)  # Spearman-Brown
    assert row["ceiling"] == pytest.approx(np.corrcoef(values.mean(axis=1), truth[:, 0])[0, 1], abs=0.01)


def test_icc_against_shrout_and_fleiss() -> None:
    # their table of four judges and six targets (1979), ICC(1,1) = .17 and ICC(1,4) = .44
    values = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    (row,) = axis_agreement(long(values)).to_dict("records")
    assert row["icc"] == pytest.approx(0.17, abs=0.005)
    assert row["reliability"] == pytest.approx(0.44, abs=0.005)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_means_and_deviations_give_the_same_as_single_ratings(seed: int) -> None:
    random = np.random.default_rng(seed)
    frame = long(random.normal(size=(20, 4))).iloc[random.random(80) > 0.2].copy()
    groups = frame.groupby("id")["valence"]
    summed = pd.DataFrame(
        {"valence": groups.mean(), "sd_valence": groups.std(ddof=0), "n": groups.size()}
    ).reset_index()
    one, other = axis_agreement(frame), axis_agreement(summed.assign(channel="reader"))
    pd.testing.assert_frame_equal(one.drop(columns="channel"), other.drop(columns="channel"))


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_with_equally_many_raters_the_reliability_is_spearman_browns(seed: int, raters: int) -> None:
    random = np.random.default_rng(seed)
    (row,) = axis_agreement(long(random.normal(size=(30, 1)) + random.normal(size=(30, raters)))).to_dict("records")
    assert row["reliability"] == pytest.approx(raters * row["icc"] / (1 + (raters - 1) * row["icc"]))


def test_the_ceiling_holds_where_items_have_few_and_many_raters() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(6000, 1))
    values = truth + random.normal(scale=2, size=(6000, 20))
    values[:3000, 2:] = np.nan
    (row,) = axis_agreement(long(values)).to_dict("records")
    reached = np.corrcoef(np.nanmean(values, axis=1), truth[:, 0])[0, 1]
    assert row["ceiling"] == pytest.approx(reached, abs=0.015)
    assert reached < np.sqrt(11 * 0.2 / (1 + 10 * 0.2)) - 0.05  # what the mean number of raters would promise


def test_named_raters_are_correlated_in_pairs() -> None:
    frame = pd.DataFrame(
        {
            "id": [*"abcd", *"abcd", *"abc", *"abcd"],
            "rater": ["E1"] * 4 + ["E2"] * 4 + ["E3"] * 3 + ["F1"] * 4,
            "own": [False] * 11 + [True] * 4,
            "valence": [0.0, 1, 2, 3, 0, 2, 4, 6, 2, 1, 0, 9, 9, 9, 0],
            "arousal": [0.5] * 15,
        }
    )
    found = rater_correlations(frame).set_index(["first", "second", "axis"])
    assert set(found.index.get_level_values("second")) == {"E2", "E3"}
    assert found.at[("E1", "E2", "valence"), "r"] == pytest.approx(1)
    assert found.at[("E1", "E3", "valence"), "r"] == pytest.approx(-1)
    assert found.at[("E2", "E3", "valence"), "n"] == 3
    assert np.isnan(found.at[("E1", "E2", "arousal"), "r"])
    assert rater_correlations(frame.drop(columns="rater")).empty


def test_emotions_through_two_channels() -> None:
    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(0)
    voice, face = random.choice(["anger", "fear", "neutral"], size=(2, 200))
    ids = [f"i{k}" for k in range(200)]
    parts = [pd.DataFrame({"id": ids, "channel": c, "emotion": e}) for c, e in (("voice", voice), ("face", face))]
    (row,) = channel_emotions(pd.concat(parts)).to_dict("records")
    assert (row["first"], row["second"], row["n"]) == ("face", "voice", 200)
    assert row["same"] == (voice == face).mean()
    assert row["kappa"] == pytest.approx(cohen_kappa_score(voice, face))
    (row,) = channel_emotions(pd.concat([parts[0], parts[0].assign(channel="face")])).to_dict("records")
    assert row["kappa"] == 1
    constant = [part.assign(emotion="fear") for part in parts]
    assert np.isnan(channel_emotions(pd.concat(constant))["kappa"].item())
    constant[0].loc[3:, "emotion"] = None
    assert channel_emotions(pd.concat(constant))["n"].item() == 3
    assert channel_emotions(parts[0]).empty


def test_sentiment_of_channels_is_correlated_too() -> None:
    ratings = pd.DataFrame(
        {"id": list("abcabc"), "channel": ["text"] * 3 + ["audio"] * 3, "sentiment": [0.0, 1, 2] * 2}
    )
    assert channel_correlations(ratings)["r"].item() == pytest.approx(1)


def test_perfect_useless_and_degenerate_raters() -> None:
    same = np.repeat(np.arange(6.0)[:, None], 3, axis=1)
    (row,) = axis_agreement(long(same)).to_dict("records")
    assert row["icc"] == row["reliability"] == row["ceiling"] == 1
    opposed = np.tile([1.0, -1.0], (6, 1))
    (row,) = axis_agreement(long(opposed)).to_dict("records")
    assert np.isnan(row["ceiling"]) or row["ceiling"] == 0
    assert axis_agreement(long(np.ones((6, 1)))).empty
    (row,) = axis_agreement(long(np.ones((6, 3)))).to_dict("records")
    assert np.isnan(row["reliability"])


def test_self_ratings_are_left_out() -> None:
    frame = long(np.repeat(np.arange(6.0)[:, None], 2, axis=1)).assign(own=False)
    own = pd.DataFrame({"id": [f"i{k}" for k in range(6)], "valence": 9.0, "own": True})
    assert axis_agreement(pd.concat([frame, own]))["reliability"].item() == 1


def test_channels_are_correlated_over_shared_samples() -> None:
    one = pd.DataFrame({"id": ["a", "b", "c", "d"], "channel": "reader", "valence": [0.0, 1, 2, 9]})
    other = pd.DataFrame({"id": ["a", "b", "c"], "channel": "writer", "valence": [0.0, -1, -2]})
    (row,) = channel_correlations(pd.concat([one, other])).to_dict("records")
    assert (row["first"], row["second"], row["n"], row["r"]) == ("reader", "writer", 3, pytest.approx(-1))


def test_kappa_against_fleiss() -> None:
    # his example of 14 raters, 10 subjects and 5 categories (1971): kappa = .21
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(np.array(table)) == pytest.approx(0.210, abs=5e-4)


def test_kappa_of_the_perfect_the_useless_and_one_category() -> None:
    assert fleiss_kappa(np.array([[3, 0], [0, 5], [2, 0]])) == 1
    random = np.random.default_rng(0).multinomial(8, [0.5, 0.3, 0.2], size=5000)
    assert fleiss_kappa(random) == pytest.approx(0, abs=0.01)
    assert np.isnan(fleiss_kappa(np.array([[3, 0], [4, 0]])))
    with pytest.raises(DataError, match="kappa needs two votes"):
        fleiss_kappa(np.array([[1, 0], [2, 0]]))


def test_votes_on_emotions() -> None:
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "channel": "voice", "neutral": [3, 0, 1], "anger": [0, 2, 1], "n": [3, 2, 2]}
    )
    acted = pd.Series({"a": "neutral", "b": "neutral", "c": "anger"})
    (row,) = emotion_agreement(frame, acted).to_dict("records")
    assert row["majority"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert row["acted"] == pytest.approx((1 + 0 + 0.5) / 3)
    # one vote against the others: neutral is the others' majority 3 times in a (right) and once in c (wrong); so is anger
    assert row["human"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    raters = pd.DataFrame({"id": list("aaabbc"), "rater": list("123121"), "emotion": ["fear"] * 3 + ["anger"] * 3})
    (row,) = emotion_agreement(raters).to_dict("records")
    assert (row["items"], row["kappa"], row["human"]) == (2, 1, 1)


def test_the_known_agreement_of_emobank(shared_data: Path) -> None:
    ratings = read_corpus("emobank", shared_data / "emobank").ratings
    r = channel_correlations(ratings)["r"]
    np.testing.assert_allclose(r, [0.66, 0.30, 0.22], atol=0.006)
    readers = axis_agreement(ratings).query("channel == 'reader'")
    np.testing.assert_allclose(readers["reliability"], [0.70, 0.26, 0.32], atol=0.006)
    np.testing.assert_allclose(readers["ceiling"], [0.84, 0.51, 0.57], atol=0.006)


def test_raters_of_both_channels_agree_most(shared_data: Path) -> None:
    corpus = read_corpus("cremad", shared_data / "cremad")
    found = emotion_agreement(corpus.ratings, corpus.table.set_index("id")["emotion"]).set_index("channel")
    for column in ("kappa", "human", "acted"):
        assert found.at["voice", column] < found.at["face", column] < found.at["both", column]
    pairs = channel_emotions(corpus.ratings).set_index(["first", "second"])["same"]
    assert pairs["both", "face"] > pairs["both", "voice"] > pairs["face", "voice"]


def test_undefined_agreement_is_none_in_json_and_empty_on_screen() -> None:
    from affectspace.cli.corpus import _axis_agreement, _emotion_agreement

    ratings = pd.DataFrame({"id": list("aabb"), "rater": list("1212"), "valence": 1.0, "emotion": "fear"})
    corpus = Corpus("some", build_table("some", {"id": ["a", "b"]}, where="here"), ratings=ratings)
    described = json.loads(json.dumps(corpus.describe(), allow_nan=False))
    agreement = described["agreement"]
    assert agreement["axes"][0]["ceiling"] is None
    assert agreement["emotions"][0]["kappa"] is None
    assert agreement["raters"][0]["r"] is None
    assert agreement["channels"] == agreement["channel_emotions"] == []
    for section in (_axis_agreement, _emotion_agreement):
        _, rows, caption = section(described)
        assert rows[0][-1] == ""
        assert "nan" not in f"{rows}{caption}"
