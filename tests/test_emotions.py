import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.affect import CATEGORIES
from affectspace.emotions import ENGLISH, SPELLINGS, Vocabulary, parse_emotions, read_labels, suggestions
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
    with pytest.raises(ConfigError, match="unknown spelling of emotions 'fer'; choose from imfdb, affectnet"):
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


@pytest.mark.parametrize(
    ("spelling", "classes"),
    [
        ("fer2013", "anger disgust fear happiness sadness surprise neutral"),
        ("ferplus", "neutral happiness surprise sadness anger disgust fear contempt"),
        ("affectnet_7", "neutral happiness sadness surprise fear disgust anger"),
        ("affectnet_8", "neutral happiness sadness surprise fear disgust anger contempt"),
    ],
)
def test_orders_of_classes_from_0(spelling: str, classes: str) -> None:
    expected = classes.split()
    assert parse_emotions(range(len(expected)), spelling) == expected
    assert parse_emotions(np.arange(len(expected), dtype=float), spelling) == expected
    with pytest.raises(DataError, match=f"unknown emotion '?{len(expected) + 3}'? in the spelling of {spelling}"):
        parse_emotions([len(expected) + 3], spelling)


def test_raf_db_counts_from_1() -> None:
    expected = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    assert parse_emotions(["1", "2", "3", "4", "5", "6", "7"], "raf_db") == expected


def test_numbers_without_a_spelling_name_those_that_have_numbers() -> None:
    with pytest.raises(DataError, match=r"unknown emotion '3'; numbers need the spelling of their corpus: .*fer2013"):
        parse_emotions(["happy", "3"])


def test_own_labels_come_before_the_spelling() -> None:
    words = Vocabulary("iemocap", {"exc": "joy", "Fru": "skip", "love": "happiness", 7: None})
    assert words.parse(["EXC", "fru", "love", 7, "7", "ang"]) == ["happiness", None, "happiness", None, None, "anger"]
    assert words.notes() == {}
    with pytest.raises(ConfigError, match="labels: love: unknown emotion 'bliss'; choose of neutral, happiness"):
        Vocabulary(labels={"love": "bliss"})


def test_unknown_words_are_skipped_and_counted_on_request() -> None:
    words = Vocabulary(unknown="skip")
    assert words.parse(["love", "joy", "love", "", "pride"]) == [None, "happiness", None, None, None]
    assert words.notes() == {"unknown emotions that were skipped: love (2), pride (1)": 3}
    with pytest.raises(ConfigError, match="'drop' is not known; choose error or skip"):
        Vocabulary(unknown="drop")


@pytest.mark.parametrize("cell", [["joy"], {"joy": 1}, np.array(["joy"]), ("joy", ["sad"])])
def test_a_cell_that_is_no_single_name_is_refused(cell: object) -> None:
    with pytest.raises(DataError, match=r"row 1: .* is no single emotion; give one name a row"):
        parse_emotions(["joy", cell])


def test_the_map_of_labels_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("love: happiness\nmixed: null\npride: skip\n0: fear\n", encoding="utf-8")
    assert read_labels(path) == {"love": "happiness", "mixed": None, "pride": None, "0": "fear"}
    for content in ("- love\n", "", "a: [\n", "a: {b: c}\n"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"labels in .*map\.yaml"):
            read_labels(path)
    path.write_text("no: anger\n")
    with pytest.raises(ConfigError, match="YAML reads no as true or false; write it in quotes"):
        read_labels(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_labels(tmp_path / "missing.yaml")
