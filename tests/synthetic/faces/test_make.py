"""A corpus of drawn faces on disk: written, read, refused."""

import copy
import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import RidgeCV

from affectspace.annotation import AnnotationTransfer
from affectspace.corpora import read_corpus
from affectspace.corpora.corpus import Corpus
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.synthetic.faces import NUISANCE, invented_labels, labels_from_levels, make, make_faces


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_faces(tmp_path_factory.mktemp("faces"), n=500, people=50, size=16, seed=3, workers=1)


def some_labels(n: int = 12) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"{i:02d}" for i in range(n)],
            "person": ["a" if i < n // 2 else "b" for i in range(n)],
            "valence": np.linspace(-1, 1, n),
            "arousal": np.linspace(1, -1, n),
        }
    )


def test_what_is_made_can_be_read(corpus: Corpus) -> None:
    table = corpus.table
    assert len(corpus) == 500
    assert table["person"].nunique() == 50
    assert set(table["person"].value_counts()) == {10}
    assert set(table["label_kind"]) == {"rated"}
    assert set(table["width"]) == set(table["height"]) == {16}
    assert set(NUISANCE) <= set(table.columns)
    assert table["emotion"].nunique() == 7
    expected = invented_labels(500, 50, 3)
    assert np.array_equal(table["valence"], expected["valence"])
    assert np.array_equal(table["arousal"], expected["arousal"])
    assert corpus.media is not None
    again = read_corpus("faces", corpus.media.parent, where="valence > 0")
    assert len(again) == (table["valence"] > 0).sum()
    with zipfile.ZipFile(corpus.media) as archive:
        assert archive.namelist() == table["image"].tolist()
        picture = Image.open(io.BytesIO(archive.read(table["image"][0])))
        assert (picture.size, picture.mode, picture.format) == ((16, 16), "RGB", "PNG")
    assert not list(corpus.media.parent.glob("*.partial"))


def test_affect_can_be_predicted_from_pixels_of_unseen_people(corpus: Corpus) -> None:
    assert corpus.media is not None
    with zipfile.ZipFile(corpus.media) as archive:
        pictures = [Image.open(io.BytesIO(archive.read(name))).convert("L") for name in corpus.table["image"]]
    pixels = np.array([np.asarray(p, dtype=float).ravel() for p in pictures])
    pixels = (pixels - pixels.mean(axis=1, keepdims=True)) / pixels.std(axis=1, keepdims=True)
    affect = corpus.table[["valence", "arousal"]].to_numpy()
    test = (corpus.table["person"] >= "p037").to_numpy()
    guess = RidgeCV(np.logspace(0, 4, 9)).fit(pixels[~test], affect[~test]).predict(pixels[test])
    r2 = 1 - ((guess - affect[test]) ** 2).mean(axis=0) / affect[test].var(axis=0)
    assert np.all(r2 > (0.3, 0.2)), r2


def test_emotions_keep_their_places() -> None:
    labels = invented_labels(5000, 10, seed=0, distribution="uniform")
    reference = AnnotationTransfer.reference("affectnet")
    for emotion, rows in labels.groupby("emotion"):
        centre = reference.centres([emotion])[0]
        assert np.allclose(rows[["valence", "arousal"]].mean(), centre, atol=0.03)
    assert labels["emotion"].value_counts(normalize=True).between(0.07, 0.23).all()
    assert not labels.equals(invented_labels(5000, 10, seed=1))


def test_even_labels_fill_the_map() -> None:
    labels = invented_labels(8000, 10, seed=0, distribution="even")
    counts, *_ = np.histogram2d(labels["valence"], labels["arousal"], bins=4, range=[[-1, 1], [-1, 1]])
    assert counts.min() > 400  # 500 each
    assert counts.sum() == 8000
    nearest = AnnotationTransfer.reference("affectnet").predict(labels[["valence", "arousal"]].to_numpy())
    assert (labels["emotion"].to_numpy() == nearest).all()


def test_the_pictures_do_not_depend_on_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_another_process(work: Any, items: list[Any], workers: int) -> Iterator[Any]:
        used.append(workers)
        assert pickle.dumps((work, items))
        return map(copy.deepcopy(work), copy.deepcopy(items))

    used: list[int] = []
    monkeypatch.setattr(make, "map_in_order", in_another_process)
    monkeypatch.setattr(make, "ALONE", 0)
    monkeypatch.setattr(make, "CHUNK", 5)
    seen: list[int] = []
    small = {"n": 14, "people": 3, "size": 16}
    make_faces(tmp_path / "one", **small, workers=1, progress=lambda done, total, text: seen.append(done))
    make_faces(tmp_path / "two", **small, workers=2)
    assert seen == [5, 10, 14]
    assert used == [1, 2]
    for name in ("faces.zip", "index.csv", "corpus.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_row_is_drawn_alike_beside_other_rows(tmp_path: Path) -> None:
    labels = some_labels()
    for name, rows in (("all", labels), ("part", labels[labels["person"] == "b"])):
        make_faces(tmp_path / name, labels=rows, size=16)
    with zipfile.ZipFile(tmp_path / "all/faces.zip") as every, zipfile.ZipFile(tmp_path / "part/faces.zip") as part:
        assert len(part.namelist()) == 6
        for name in part.namelist():
            assert every.read(name) == part.read(name)


def test_given_labels_are_drawn_exactly(tmp_path: Path) -> None:
    labels = some_labels().assign(dominance=[0.5, *[np.nan] * 11])
    table = make_faces(tmp_path, labels=labels, size=16).table
    assert table["id"].tolist() == labels["id"].tolist()
    assert np.array_equal(table["valence"], labels["valence"])
    assert np.array_equal(table["dominance"], labels["dominance"], equal_nan=True)
    assert table["emotion"].isna().all()
    assert table["frame"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    for _, clip in table.groupby("person"):
        assert clip["background_hue"].nunique() == clip["exposure"].nunique() == clip["tone"].nunique() == 1
        assert clip["yaw"].nunique() == 6
        assert clip["yaw"].diff().abs().max() < 2
    assert table["image"][0] == "a/00.png"


def test_a_full_disk_leaves_an_unfinished_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(make, "draw_files", broken)
    with pytest.raises(RunError, match=r"cannot write .*no space"):
        make_faces(tmp_path, n=8, people=2, size=16)
    with pytest.raises(DataError, match="are not finished"):
        read_corpus("faces", tmp_path)
    monkeypatch.undo()
    assert len(make_faces(tmp_path, n=8, people=2, size=16)) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="person"), "no column person"),
        (lambda t: t[:0], "no rows"),
        (lambda t: t.assign(valence=2.0), r"row 1 \(id '00'\): valence is 2.0; it must be a number on \[-1, 1\]"),
        (lambda t: t.assign(arousal=[np.nan] * len(t)), "arousal is nan"),
        (lambda t: t.assign(arousal="high"), "arousal is 'high'"),
        (lambda t: t.assign(dominance=-3.0), "dominance is -3.0"),
        (lambda t: t.assign(id="x"), "id 'x' occurs more than once"),
        (lambda t: t.assign(person="../a"), r"person is '\.\./a', which a file name cannot have"),
        (lambda t: t.assign(person=[None] * len(t)), "row 1: person is"),
        (lambda t: t.assign(person=".."), "a file name cannot"),
    ],
)
def test_unfit_labels_are_refused(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message):
        make_faces(tmp_path, labels=change(some_labels()), size=16)


def test_impossible_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"number of people \(5\) is larger than the number of faces \(3\)"):
        make_faces(tmp_path, n=3, people=5)
    with pytest.raises(ConfigError, match="size=8"):
        make_faces(tmp_path, n=3, people=1, size=8)
    with pytest.raises(ConfigError, match="workers=0"):
        make_faces(tmp_path, n=3, people=1, size=16, workers=0)


def test_levels_become_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"002_00001": [10, -10], "001_00010": [-5, 0], "001_00002": [0.0, 3]}))
    labels = labels_from_levels(path)
    assert labels["id"].tolist() == ["001_00002", "001_00010", "002_00001"]
    assert labels["person"].tolist() == ["001", "001", "002"]
    assert labels["valence"].tolist() == pytest.approx([0.0, -0.5, 1.0])
    assert labels["arousal"].tolist() == pytest.approx([0.3, 0.0, -1.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "with at least one frame"),
        ("[]", "expected a JSON object"),
        ("{", "cannot be read: the JSON breaks off"),
        ('{"a_1": [0, 0]}', "key 'a_1' is not of the form NNN_FFFFF"),
        ('{"00100000": [0, 0]}', "key '00100000'"),
        ('{"001_00000": [0, 11]}', "001_00000"),
        ('{"001_00000": [0]}', r"001_00000: \[0\] is not \[valence, arousal\]"),
        ('{"001_00000": [true, 0]}', "001_00000"),
        ('{"001_00000": ["1", 0]}', "001_00000"),
    ],
)
def test_bad_levels_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.json"
    with pytest.raises(DataError, match="there is no such file"):
        labels_from_levels(path)
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        labels_from_levels(path)


def test_the_real_levels(shared_data: Path) -> None:
    labels = labels_from_levels(shared_data / "afew_va" / "labels.json")
    assert len(labels) == 30_051
    assert labels["person"].nunique() == 600
