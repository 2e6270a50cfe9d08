"""The reader of EmoBank: words that look like missing values, two perspectives, documents."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.corpora import leakage, read_corpus
from affectspace.corpora.readers.emobank import document_of
from affectspace.errors import DataError

HEAD = ["id", "split", "V", "A", "D", "text"]
RATINGS = ["id", "V", "A", "D", "stdV", "stdA", "stdD", "N"]


@pytest.fixture
def emobank(tmp_path: Path, write_csv) -> Path:
    rows = [
        [f"doc{i % 6}_{i}_{i + 5}", ("train", "dev", "test")[i % 3], 1 + i % 5, 3, 2.5, f"line {i}"] for i in range(24)
    ]
    rows += [["SemEval_7", "train", 5, 5, 1, "NA"], ["SemEval_8", "test", 3.0, 3, 3, 'a "quoted", one']]
    write_csv(tmp_path / "emobank.csv", [HEAD, *rows])
    write_csv(
        tmp_path / "reader.csv", [RATINGS, ["SemEval_7", 4, 3, 2, 1, 0.5, 0, 5], ["gone_1_2", 3, 3, 3, 0, 0, 0, 4]]
    )
    write_csv(tmp_path / "writer.csv", [RATINGS, ["SemEval_7", 5, 3, 2, 0, 0, 0, 3]])
    return tmp_path


def test_everything_is_read(emobank: Path) -> None:
    corpus = read_corpus("emobank", emobank)
    row = corpus.table.set_index("id").loc["SemEval_7"]
    assert row["text"] == "NA"
    assert row[["valence", "arousal", "dominance"]].tolist() == [1, 1, -1]
    assert row["label_kind"] == "rated"
    assert corpus.table["document"].nunique() == 7
    assert corpus.ratings is not None
    assert corpus.ratings["channel"].tolist() == ["reader", "writer"]
    assert corpus.ratings["valence"].tolist() == [0.5, 1]
    assert corpus.ratings["sd_valence"].tolist() == [0.5, 0]
    assert corpus.ratings["n"].tolist() == [5, 3]
    assert "1 ratings in reader.csv are of sentences that the corpus does not have" in "\n".join(corpus.report.notes)
    assert set(corpus.split("published")) == {"train", "validation", "test"}
    assert corpus.media is None


def test_documents_are_kept_apart_where_the_published_parts_share_them(emobank: Path) -> None:
    corpus = read_corpus("emobank", emobank)
    assert "document" not in leakage(corpus.table, corpus.split("document"))
    assert "document" not in leakage(corpus.table, corpus.split("document", fold=1, folds=3))
    assert leakage(corpus.table, corpus.split("published"))["document"] == {"train/test": ["SemEval"]}
    described = corpus.describe()
    assert described["ratings"] == {"reader": 1, "writer": 1}
    assert described["texts"] == 26
    assert list(described["splits"]) == ["person", "random", "published", "document"]


def test_documents_of_ids() -> None:
    ids = pd.Series(["110CYL068_1036_1079", "anth_essay_4_7951_8120", "SemEval_800"])
    assert document_of(ids).tolist() == ["110CYL068", "anth_essay_4", "SemEval"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["a_1_2", "train", 6, 3, 3, "text"], "row a_1_2: valence is 6, outside 1..5"),
        (["a_1_2", "train", "much", 3, 3, "text"], "row 1: V is 'much', which is not a number"),
        (["a_1_2", "eval", 3, 3, 3, "text"], "split is 'eval'; parts are train, dev, test"),
    ],
)
def test_wrong_cells(tmp_path: Path, write_csv, row: list, message: str) -> None:
    write_csv(tmp_path / "emobank.csv", [HEAD, row])
    with pytest.raises(DataError, match=message):
        read_corpus("emobank", tmp_path)


def test_wrong_files(tmp_path: Path, write_csv) -> None:
    write_csv(tmp_path / "emobank.csv", [["id", "text"], ["a", "b"]])
    with pytest.raises(DataError, match="no column 'split', 'V', 'A', 'D'; it has id, text"):
        read_corpus("emobank", tmp_path)


def test_real(shared_data: Path) -> None:
    corpus = read_corpus("emobank", shared_data / "emobank")
    assert len(corpus) == 10_062
    assert corpus.split("published").value_counts().to_dict() == {"train": 8062, "validation": 1000, "test": 1000}
    assert corpus.table["document"].nunique() == 136
    assert corpus.table["text"].notna().all()
    assert corpus.ratings is not None
    assert corpus.ratings["channel"].value_counts().to_dict() == {"reader": 10_062, "writer": 10_062}
    wide = corpus.ratings.pivot(index="id", columns="channel", values="valence")
    assert np.corrcoef(wide.to_numpy().T)[0, 1] == pytest.approx(0.66, abs=0.01)
    shared = set(leakage(corpus.table, corpus.split("published"))["document"]["train/test"])
    test = corpus.table[corpus.table["split"] == "test"]
    assert (test["document"].isin(shared) & (test["document"] != "SemEval")).mean() == pytest.approx(0.88, abs=0.005)
    published = corpus.describe()["splits"]["published"]
    assert published["shared"]["document"]["train/test"] == 110
    assert published["shared_rows"]["document"]["train/test"] == 1.0
    assert "document" not in leakage(corpus.table, corpus.split("document"))
