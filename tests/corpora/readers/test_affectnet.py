"""The reader of AffectNet's manually annotated lists."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.affect import AXES
from affectspace.corpora import read_corpus
from affectspace.errors import DataError


def test_lists_with_and_without_header(affectnet: Path) -> None:
    corpus = read_corpus("affectnet", affectnet)
    table = corpus.table.set_index("id")
    names = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
    assert list(table["emotion"][:8]) == names
    assert table["emotion"][8:9].isna().all()
    assert table.loc["1/8.jpg", "valence"] == pytest.approx(0.3)
    assert table.loc["3/backslash.jpg", ["emotion", "split", "face_width"]].tolist() == ["anger", "validation", 30]
    assert table["dominance"].isna().all()
    assert not np.isinf(table[list(AXES)]).any(axis=None)
    assert corpus.report.left_out == {
        "neither an emotion nor valence and arousal (Uncertain, Non-Face)": 2,
        "in both lists, kept in validation.csv": 1,
        "duplicates of an image with the same labels": 1,
        "duplicates of an image with different labels": 2,
        "the image is missing": 1,
    }
    assert corpus.images(8).ok.all()


def test_people_are_unknown_and_the_published_split_serves(affectnet: Path) -> None:
    corpus = read_corpus("affectnet", affectnet)
    with pytest.raises(DataError, match=r"no person is known.*use split 'published' or split 'random'"):
        corpus.split("person")
    split = corpus.split("published")
    assert set(corpus.table.loc[split == "test", "id"]) == {"2/both.jpg", "3/backslash.jpg"}
    assert {"train", "validation"} == set(split[corpus.table["split"] == "train"])
    assert "the published validation part is the test here" in split.attrs["notes"][-1]


def test_labels_alone(affectnet: Path) -> None:
    (affectnet / "Manually_Annotated_Images").rename(affectnet / "elsewhere")
    corpus = read_corpus("affectnet", affectnet)
    assert corpus.media is None
    assert "2/missing.jpg" in set(corpus.table["id"])
    assert read_corpus("affectnet", affectnet, media=affectnet / "elsewhere").images(8).ok.all()
    (affectnet / "empty").mkdir()
    with pytest.raises(DataError, match=r"none of 12 images is there, such as '1/0.jpg'; it has nothing"):
        read_corpus("affectnet", affectnet, media=affectnet / "empty")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("a.jpg,1,2,3,4,,11,0,0", r"training.csv: row 1 \(line 1\): unknown emotion '11'"),
        ("a.jpg,1,2,3,4,,1,1.5,0", r"row 1 \(line 1\): valence is 1.5, outside -1..1"),
        ("a.jpg,1,2,3,4,,1,high,0", r"row 1 \(line 1\): valence is 'high', which is not a number"),
        (
            "a.jpg,1,2,3,4,,1,0,0\nb.jpg,1,2,3,4,,1,0",
            r"training.csv: line 2 has 8 fields, the first line 9; give every row",
        ),
        (
            "subDirectory_filePath,expression,valence,arousal\na.jpg,1,0,0,0.5\nb.jpg,1,0,0",
            r"training.csv: line 2 has 5 fields, the first line 4; give every row",
        ),
        ("a.jpg,1,2", "3 columns without a header"),
        ("a.jpg,expression", "no column 'subDirectory_filePath', 'valence', 'arousal'"),
    ],
)
def test_bad_rows_are_named(affectnet: Path, cells: str, message: str) -> None:
    (affectnet / "training.csv").write_text(cells + "\n")
    with pytest.raises(DataError, match=message):
        read_corpus("affectnet", affectnet)


@pytest.fixture
def affectnet_sets(tmp_path: Path, image_bytes) -> Path:
    """train_set/ and val_set/, as AffectNet has been given out since 2021; image 1 is in both."""
    root = tmp_path / "AffectNet"
    for name, numbers in (("train_set", range(10)), ("val_set", [1])):
        (root / name / "images").mkdir(parents=True)
        (root / name / "annotations").mkdir()
        for number in numbers:
            (root / name / "images" / f"{number}.jpg").write_bytes(image_bytes(2))
            values = {"exp": str(number % 8), "val": str(number / 10 - 0.5), "aro": "0.25", "lnd": np.zeros(136)}
            if number == 9:
                values.update(val="-2", aro="-2")
            for kind, value in values.items():
                np.save(root / name / "annotations" / f"{number}_{kind}.npy", np.array(value))
    return root


def test_sets_of_2021(affectnet_sets: Path) -> None:
    (affectnet_sets / "train_set" / "images" / "3.jpg").unlink()
    corpus = read_corpus("affectnet", affectnet_sets)
    table = corpus.table.set_index("id")
    assert table.loc["train_set/images/1.jpg", ["emotion", "split"]].tolist() == ["happiness", "train"]
    assert table.loc["val_set/images/1.jpg", "split"] == "validation"
    assert table.loc["train_set/images/8.jpg", "valence"] == pytest.approx(0.3)
    assert table.loc["train_set/images/9.jpg", list(AXES)].isna().all()
    assert corpus.report.left_out["the image is missing"] == 1
    assert len(table) == 10
    assert corpus.images(8).ok.all()


def test_sets_without_images_are_labels_only(affectnet_sets: Path) -> None:
    for name in ("train_set", "val_set"):
        (affectnet_sets / name / "images").rename(affectnet_sets / f"{name}-elsewhere")
    assert read_corpus("affectnet", affectnet_sets).media is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array("11"), "annotations: row 7: unknown emotion '11'"),
        (np.array({"a": 1}, dtype=object), r"7_exp.npy: this is no readable .npy file of one value"),
        (np.zeros(3), r"7_exp.npy: it holds 3 values, not one"),
        (None, r"7_exp.npy: this is no readable .npy file of one value"),
    ],
)
def test_bad_values_of_a_set_are_named(affectnet_sets: Path, value: np.ndarray | None, message: str) -> None:
    path = affectnet_sets / "train_set" / "annotations" / "7_exp.npy"
    path.write_bytes(b"") if value is None else np.save(path, value)
    with pytest.raises(DataError, match=message):
        read_corpus("affectnet", affectnet_sets)
