"""The corpus itself: its table, choosing rows, and its description."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.affect import SCALES
from affectspace.corpora import Corpus, ReadReport, build_table
from affectspace.errors import DataError


@pytest.fixture
def corpus() -> Corpus:
    columns = {
        "id": [f"{i}" for i in range(12)],
        "person": [f"p{i % 4}" for i in range(12)],
        "emotion": ["happiness", "sadness", None] * 4,
        "valence": np.linspace(-1, 1, 12),
        "arousal": [np.nan, *np.zeros(11)],
    }
    table = build_table("test", columns, {"age": np.arange(12), "group": list("ab") * 6}, where="test")
    ratings = pd.DataFrame({"id": ["0", "0", "11"], "rater": [1, 2, 1], "valence": [0.1, 0.2, 0.3]})
    return Corpus("test", table, SCALES["affectnet"], "free", "nobody", ReadReport(12), None, ratings)


def test_where_and_take_keep_count_and_ratings(corpus: Corpus) -> None:
    young = corpus.where("age < 6")
    assert young.table.index.tolist() == list(range(6))
    assert young.report.left_out == {"where age < 6": 6}
    assert young.ratings is not None
    assert young.ratings["id"].tolist() == ["0", "0"]
    taken = young.take([5, 1])
    assert taken.table["id"].tolist() == ["5", "1"]
    assert taken.report == ReadReport(2, {"where age < 6": 6, "not taken": 4})
    assert len(corpus.take(np.arange(12) > 9)) == 2
    with pytest.raises(DataError, match="none of the 12 rows is left"):
        corpus.take([])


def test_description_is_json(corpus: Corpus) -> None:
    described = json.loads(json.dumps(corpus.describe()))
    assert described["rows"] == 12
    assert described["people"] == 4
    assert described["emotions"] == {"happiness": {"rows": 4, "people": 4}, "sadness": {"rows": 4, "people": 4}}
    valence = described["axes"]["valence"]
    assert (valence["n"], valence["min"], valence["max"]) == (12, -1, 1)
    assert valence["q50"] == pytest.approx(0)
    assert described["axes"]["arousal"]["n"] == 11
    assert "dominance" not in described["axes"]
    assert set(described["splits"]["random"]["shared_rows"]["person"].values()) <= {0.5, 1.0}
    assert described["extras"] == {"age": {str(i): 1 for i in range(12)}, "group": {"a": 6, "b": 6}}
    assert described["splits"]["person"]["shared"] == {}
    assert sum(part["people"] for part in described["splits"]["person"]["parts"].values()) == 4
    assert "person" in described["splits"]["random"]["shared"]
    assert described["image_size"] is None
    assert described["scale"] == "affectnet"


def test_image_sizes_are_looked_up_where_the_table_is_silent(tmp_path: Path, image_bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(image_bytes(1, (30, 20)))
    (tmp_path / "b.jpg").write_bytes(b"text")
    table = build_table("t", {"id": ["a", "b"], "image": ["a.jpg", "b.jpg"]}, where="t")
    size = Corpus("t", table, media=tmp_path).describe()["image_size"]
    assert size["source"] == "1 of 2 files"
    assert (size["shorter"]["max"], size["longer"]["max"]) == (20, 30)


def test_impossible_splits_are_described(corpus: Corpus) -> None:
    assert "only 1 person" in corpus.where("person == 'p0'").describe()["splits"]["person"]["impossible"]


def test_build_table_checks() -> None:
    with pytest.raises(DataError, match="no rows are left"):
        build_table("t", {"id": []}, where="t.csv")
    table = build_table("t", {"id": [1.0, "b"], "valence": [None, 0.5]}, where="t.csv")
    assert table["id"].tolist() == ["1", "b"]
    assert table["label_kind"].isna().tolist() == [True, False]


def test_further_columns_are_summarised() -> None:
    extras = {"rate": [30.0, 30.0, 25.0, 25.0], "share": [0.1, 0.95239, 0.3, 0.4]}
    extras |= {"mood": ["", "a", " ", "a"], "none": [None] * 4}
    table = build_table("t", {"id": list("abcd")}, extras, where="t")
    described = Corpus("t", table).describe()["extras"]
    assert described["rate"] == {"30": 2, "25": 2}
    assert described["share"] == "0.1 .. 0.95239"
    assert described["mood"] == {"a": 2, "(empty)": 2}
    assert described["none"] == {}
