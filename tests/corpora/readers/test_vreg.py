"""The reader of SemEval's V-reg."""

from pathlib import Path

import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import DataError

HEAD = "ID\tTweet\tAffect Dimension\tIntensity Score"


def write(path: Path, *rows: str) -> None:
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")


def test_lists(tmp_path: Path) -> None:
    write(tmp_path / "2018-Valence-reg-En-train.txt", 'a\t"open quote\tvalence\t0.75', "b\tNA\tvalence\t0")
    write(tmp_path / "._2018-Valence-reg-En-train.txt")
    write(tmp_path / "2018-Valence-reg-En-dev.txt", "c\tfine ☺\tvalence\t1.000")
    write(tmp_path / "2018-Valence-reg-En-test-gold.txt", "d\thm\tvalence\t0.5", "e\tunknown\tvalence\tNONE")
    corpus = read_corpus("vreg", tmp_path)
    table = corpus.table.set_index("id")
    assert table.loc["a", "text"] == '"open quote'
    assert table.loc["b", "text"] == "NA"
    assert table["valence"].to_dict() == {"a": 0.5, "b": -1, "c": 1, "d": 0}
    assert table["arousal"].isna().all()
    assert corpus.report.left_out == {"no gold score": 1}
    assert corpus.table["id"].tolist() == list("cdab")
    assert corpus.split("published").tolist() == ["validation", "test", "train", "train"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\tt\tvalence\t1.5", "row a: valence is 1.5, outside 0..1"),
        ("a\tt\tjoy\t0.5", "row 1: the dimension is 'joy', not valence"),
    ],
)
def test_wrong_cells(tmp_path: Path, row: str, message: str) -> None:
    write(tmp_path / "Valence-reg-En-dev.txt", row)
    with pytest.raises(DataError, match=message):
        read_corpus("vreg", tmp_path)


def test_wrong_names(tmp_path: Path) -> None:
    write(tmp_path / "tweets.txt", "a\tt\tvalence\t0.5")
    with pytest.raises(DataError, match="must contain -train, -dev or -test"):
        read_corpus("vreg", tmp_path / "tweets.txt")


def test_real(shared_data: Path) -> None:
    corpus = read_corpus("vreg", shared_data / "semeval_vreg")
    assert len(corpus) == 1630
    assert corpus.table["split"].value_counts().to_dict() == {"train": 1181, "validation": 449}
