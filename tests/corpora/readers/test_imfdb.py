"""The reader of IMFDB's official layout: every fault is counted, nothing else is lost."""

from pathlib import Path

import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import DataError


def test_every_fault_is_counted(imfdb: Path) -> None:
    corpus = read_corpus("imfdb", imfdb)
    emotions = dict(zip(corpus.table["id"], corpus.table["emotion"], strict=True))
    assert emotions == {
        "Ann/Plain/a.jpg": "happiness",
        "Ann/Plain/É.jpg": "anger",
        "Ann/Trailing/a.jpg": "sadness",
        "Bob/Sixteen/b.jpg": "fear",
        "Bob/Other/A.JPG": "disgust",
        "Cat/Twice/a.jpg": "happiness",
        "Cat/Twice/c.jpg": "surprise",
    }
    assert corpus.report.left_out == {
        "the image is missing": 1,
        "unknown expression 'ANGRY-ISH'": 1,
        "no expression": 1,
        "separated by blanks: a box and no expression": 2,
        "no image and box in the expected columns": 1,
        "an image in a folder without rows": 2,
        "duplicates of an image with the same emotion, the first is kept": 1,
        "duplicates of an image that differ in the emotion": 2,
        "an image that no row names": 1,
    }
    assert corpus.report.repaired == {
        "18 fields: a tab at the end": 1,
        "16 fields: video and frame in one": 1,
        "text file under another name than its folder": 1,
        "image name in another case": 1,
    }
    assert corpus.report.kept == len(corpus.table) == 7
    assert "left out 1: no expression" in corpus.report.to_text()


def test_columns(imfdb: Path) -> None:
    table = read_corpus("imfdb", imfdb).table.set_index("id")
    row = table.loc["Cat/Twice/a.jpg", ["person", "session", "pose", "width", "height"]]
    assert row.tolist() == ["Cat", "Twice", "FRONTAL", 20, 30]
    assert table.loc["Bob/Sixteen/b.jpg", "makeup"] == "OVER"
    assert table["valence"].isna().all()
    assert table["label_kind"].isna().all()


def test_root_above_and_images(imfdb: Path) -> None:
    corpus = read_corpus("imfdb", imfdb.parent)
    images = corpus.images(16)
    assert images.ok.all()
    assert images.pixels.shape == (7, 16, 16, 3)


def test_nothing_to_keep_is_an_error_with_the_reasons(imfdb: Path) -> None:
    for folder in ("Ann", "Cat", "Bob/Sixteen", "Bob/Other"):
        (imfdb / folder).rename(imfdb.parent / folder.replace("/", "-"))
    with pytest.raises(DataError, match=r"no row could be kept(.|\n)*left out 2: separated by blanks"):
        read_corpus("imfdb", imfdb)


def test_real_sample(shared_data: Path) -> None:
    corpus = read_corpus("imfdb", shared_data / "imfdb" / "layout_sample")
    assert len(corpus.table) == 60
    assert corpus.table["person"].nunique() == 3
    assert corpus.report.left_out["separated by blanks: a box and no expression"] == 241
    assert corpus.report.left_out["duplicates of an image that differ in the emotion"] == 3
    assert corpus.report.repaired["18 fields: a tab at the end"] == 202
    assert corpus.report.repaired["16 fields: video and frame in one"] == 225
    assert corpus.images(64).ok.all()
