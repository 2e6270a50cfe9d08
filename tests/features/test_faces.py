"""A vector for each face of a corpus' pictures and clips."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError
from affectspace.features import FeatureStore, Item, face_items, make_backbone
from affectspace.media import tracks
from affectspace.media.faces import Box
from affectspace.synthetic.speakers.writing import write_clip

FACES: list[Box] = [(30.0, 40.0, 20.0), (90.0, 40.0, 20.0)]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture and a clip of two people, and pictures of one and of nobody: there are as many faces as the red says."""
    random = np.random.default_rng(0)
    grain = random.integers(0, 200, (80, 120, 3), dtype=np.uint8)
    for name, number in (("two", 2), ("one", 1), ("none", 0)):
        grain[..., 0] = 50 * number
        Image.fromarray(grain).save(tmp_path / f"{name}.png")
    grain[..., 0] = 100
    write_clip(tmp_path / "talk.mp4", np.repeat(grain[None], 30, axis=0), 10, None, 16_000)
    (tmp_path / "t.csv").write_text("id,image,video\na,two.png,\nb,,talk.mp4\nc,one.png,\nd,none.png,\ne,,broken.mp4\n")
    (tmp_path / "broken.mp4").write_bytes(b"no clip")
    monkeypatch.setattr(tracks, "all_faces", lambda picture: FACES[: round(float(np.median(picture[..., 0])) / 50)])
    return tmp_path / "t.csv"


def test_a_vector_for_each_face(table: Path) -> None:
    store = table.parent / "store"
    command = [
        "extract",
        "table",
        table,
        "--modality",
        "video",
        "--backbone",
        "gradients",
        "--faces",
        "all",
        "--out",
        store,
    ]
    for made in ("6 vectors computed", "0 vectors computed; 6 existed"):
        result = CliRunner().invoke(app, [str(word) for word in command])
        assert result.exception is None, result.output
        assert made in result.output
        assert "0 rows have no video" in result.output
    faces = pd.read_csv(store / "faces.csv")
    assert faces["id"].tolist() == ["a#1", "a#2", "b#1", "b#2", "c"]
    assert faces["row"].tolist() == ["a", "a", "b", "b", "c"]
    assert faces[["left", "top", "right", "bottom"]].to_numpy()[[0, 3]].tolist() == [
        [20, 30, 40, 50],
        [80, 30, 100, 50],
    ]
    assert faces["end"].tolist()[1:3] == [0, pytest.approx(2.83, abs=0.01)]
    vectors, present = FeatureStore(store).read(["a#1", "a#2", "c", "d", "e"])
    assert present.tolist() == [True, True, True, True, False]
    assert not np.allclose(vectors[0], vectors[1])
    cut = [Item("x", path=table.parent / "two.png", track=((0.0, box),)) for box in FACES]
    backbone = make_backbone("video", "gradients")
    np.testing.assert_array_equal(vectors[:2], np.stack([backbone.load(item) for item in cut]))


def test_backbones_that_do_not_read_each_face(table: Path) -> None:
    with pytest.raises(ConfigError, match="video:gradients does not read each face"):
        face_items(read_corpus("table", table), make_backbone("video", "gradients", crop=False))
    result = CliRunner().invoke(
        app, ["extract", "table", str(table), "--modality", "audio", "--faces", "all", "--out", "x"]
    )
    assert "--faces all needs --modality video" in str(result.exception)
