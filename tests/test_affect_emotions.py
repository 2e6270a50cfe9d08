import csv

import numpy as np
import pandas as pd
import pytest

from affectspace.affect import CATEGORIES, ENGLISH, SPELLINGS, parse_emotions, suggestions
from affectspace.errors import ConfigError, DataError


def test_the_categories_and_their_order():
    assert CATEGORIES[:7] == ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
    assert len(set(CATEGORIES)) == 12


def test_every_spelling_means_a_category_or_none():
    for table in (*SPELLINGS.values(), ENGLISH):
        assert set(table.values()) <= {*CATEGORIES, None}
        assert all(spelling == spelling.strip() and spelling for spelling in table)


@pytest.mark.parametrize(
    ("corpus", "spellings", "expected"),
    [
        ("imfdb", ["HAPPINESS", "ANGER", "Surprise"], ["happiness", "anger", "surprise"]),
        (
            "affectnet",
            [0, 1, "6", 7.0, 8, "9", 10, "Uncertain"],
            ["neutral", "happiness", "anger", "contempt", *[None] * 4],
        ),
        (
            "iemocap",
            ["ang", "exc", "fru", "xxx", "oth", "neu"],
            ["anger", "excitement", "frustration", None, None, "neutral"],
        ),
        ("ravdess", ["01", "02", "fearful", 8], ["neutral", "calm", "fear", "surprise"]),
        ("emodb", list("WLEAFTN"), ["anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"]),
        ("cremad", ["ANG", "NEU", "H"], ["anger", "neutral", "happiness"]),
        ("meld", ["joy", "disgust"], ["happiness", "disgust"]),
        ("mosei", ["happy", "sad"], ["happiness", "sadness"]),
        ("msp_podcast", ["U", "X", "C"], ["surprise", None, "contempt"]),
        (None, ["Happy", " angry ", "afraid", "calm", "other", ""], ["happiness", "anger", "fear", "calm", None, None]),
    ],
)
def test_spellings(corpus, spellings, expected):
    assert parse_emotions(spellings, corpus) == expected


def test_any_sequence_and_empty_cells():
    for values in (
        np.array(["fear"]),
        pd.Series(["fear"]),
        pd.array(["fear"], dtype="string"),
        ("fear",),
        iter(["fear"]),
    ):
        assert parse_emotions(values) == ["fear"]
    assert parse_emotions([None, float("nan"), pd.NA, "  ", np.str_("joy")]) == [None, None, None, None, "happiness"]
    assert parse_emotions(np.array([1, 2]), "affectnet") == ["happiness", "sadness"]
    assert parse_emotions([]) == []


def test_unknown_spellings():
    with pytest.raises(
        DataError, match=r"x.csv: row 1: unknown emotion 'hapiness'; did you mean 'happiness'.* known are neutral, "
    ):
        parse_emotions(["fear", "hapiness"], where="x.csv")
    with pytest.raises(
        DataError, match=r"row r7: unknown emotion 11 in the spelling of affectnet; .*known are 0, Neutral"
    ):
        parse_emotions([1, 11], "affectnet", rows=["r6", "r7"])
    with pytest.raises(ConfigError, match="unknown emotion spelling 'fer'; there are imfdb, affectnet"):
        parse_emotions(["x"], "fer")
    assert suggestions("zzz", ["a", "b"]) == "known are a, b"


def test_a_million_rows():
    names = ["HAPPINESS", "anger", "FEAR", "", None] * 200_000
    assert parse_emotions(names, "imfdb")[-5:] == ["happiness", "anger", "fear", None, None]


def test_real_spellings(shared_data):
    for name, folder, column in (
        ("imfdb", "imfdb/index.csv", "emotion"),
        ("meld", "meld/train_sent_emo.csv", "Emotion"),
    ):
        with open(shared_data / folder, encoding="utf-8", newline="") as file:
            values = [row[column] for row in csv.DictReader(file)]
        assert None not in parse_emotions(values, name)
