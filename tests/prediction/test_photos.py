"""Photographs cut to the face; the detector is stood in for, but for one test on real faces."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.media import faces
from affectspace.media.faces import MARGIN
from affectspace.prediction import photos
from affectspace.prediction.photos import (
    Framing,
    cut_photo,
    face_box,
    framing_of,
    measure_framing,
    read_framing,
    read_picture,
)
from affectspace.training.runs import Run


def picture(height: int, width: int) -> np.ndarray:
    """Red grows to the right, green downwards, so that a cut says where it is from."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, np.zeros_like(x)], axis=2).astype(np.uint8)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.fromarray(picture(120, 200)).save(path)
    return path


@pytest.fixture
def face_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    def place(box: Any) -> None:
        """The detector's own box; `find_faces` adds its margin."""
        boxes = [] if box is None else [(box[0], box[1], box[2] * (1 + 2 * MARGIN))]
        monkeypatch.setattr(faces, "find_faces", lambda frame, short_side=360: boxes)

    return place


def test_a_face_is_framed_as_the_corpus_does(photo: Path, face_at: Any) -> None:
    face_at((100.0, 60.0, 40.0))
    photo_cut = cut_photo(photo, read_picture(photo), 32, Framing(side=1.0, right=0.25, down=-0.25))
    assert (photo_cut.cut, photo_cut.note) == ("face", "")
    assert photo_cut.pixels.shape == (32, 32, 3)
    corners = photo_cut.pixels[[0, -1], [0, -1], :2].astype(int)
    np.testing.assert_allclose(corners, [[90, 30], [130, 70]], atol=3)


def test_without_a_face_the_middle_is_taken_and_told(photo: Path, face_at: Any, tmp_path: Path) -> None:
    face_at(None)
    photo_cut = cut_photo(photo, read_picture(photo), 32, Framing())
    assert (photo_cut.cut, photo_cut.note) == ("middle", "no face was found")
    np.testing.assert_allclose(photo_cut.pixels[0, [0, -1], 0].astype(int), [40, 160], atol=4)
    with pytest.raises(
        DataError, match=r"me\.png: no face was found; cut the picture to the face and use --crop middle"
    ):
        cut_photo(photo, read_picture(photo), 32, Framing(), "face")
    Image.fromarray(picture(64, 64)).save(tmp_path / "square.png")
    assert cut_photo(tmp_path / "square.png", read_picture(tmp_path / "square.png"), 32, None).cut == "none"


def test_no_face_is_sought_where_none_is_wanted_or_known(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "face_box", lambda picture: pytest.fail("a face was sought"))
    assert cut_photo(photo, read_picture(photo), 32, Framing(), "middle").note == ""
    assert cut_photo(photo, read_picture(photo), 32, None).cut == "middle"  # drawn faces


def test_without_dlib_the_middle_is_taken_and_told(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(picture: np.ndarray) -> None:
        raise ConfigError("cropping faces needs dlib")

    monkeypatch.setattr(photos, "face_box", missing)
    photo_cut = cut_photo(photo, read_picture(photo), 32, Framing())
    assert photo_cut.cut == "middle"
    assert "dlib is not installed" in photo_cut.note
    with pytest.raises(ConfigError, match="needs dlib"):
        cut_photo(photo, read_picture(photo), 32, Framing(), "face")


def test_close_ups_and_small_faces_are_sought_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[tuple[int, ...], int]] = []

    def find(frame: np.ndarray, short_side: int = 360) -> Any:
        seen.append((frame.shape[:2], short_side))
        return [(100.0, 90.0, 60.0)] if frame.shape[0] == 150 else []

    monkeypatch.setattr(faces, "find_faces", find)
    assert face_box(picture(90, 120)) == (70.0, 60.0, 40.0)
    assert face_box(picture(400, 500)) is None
    assert seen == [((90, 120), 360), ((150, 180), 360), ((400, 500), 360), ((666, 766), 360), ((400, 500), 1080)]


def test_the_framing_is_the_median_of_the_training_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "face_box", lambda picture: (30.0, 36.0, 40.0) if picture[0, 0, 0] else None)
    faces = [np.full((64, 64, 3), value, dtype=np.uint8) for value in [1] * 9 + [0] * 9]
    framing = measure_framing(faces)
    assert framing == Framing(side=1.6, right=0.05, down=-0.1)
    assert measure_framing(faces[2:]) is None  # seven faces


def test_the_framing_is_kept_and_drawn_faces_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data: Any = SimpleNamespace(
        drawn=False, images=lambda rows: np.zeros((len(rows), 32, 32, 3), np.uint8), rows=lambda part: np.arange(20),
    )  # fmt: skip
    monkeypatch.setattr(photos, "face_box", lambda picture: (16.0, 16.0, 20.0))
    assert framing_of(Run(tmp_path), data) == Framing(1.6, 0.0, 0.0)
    monkeypatch.setattr(photos, "face_box", lambda picture: pytest.fail("measured again"))
    assert framing_of(Run(tmp_path), data) == Framing(1.6, 0.0, 0.0)
    data.drawn = True
    assert framing_of(Run(tmp_path), data) is None
    assert read_framing(tmp_path / "absent.json") == Framing()
    (tmp_path / "framing.json").write_text(json.dumps(None))
    assert read_framing(tmp_path / "framing.json") is None
    (tmp_path / "framing.json").write_text('{"wide": 3}')
    with pytest.raises(RunError, match=r"framing\.json is damaged .* delete it"):
        read_framing(tmp_path / "framing.json")


def test_pictures_of_any_kind_are_read(tmp_path: Path) -> None:
    for mode, name in (("L", "a.png"), ("RGBA", "b.png"), ("RGB", "c.jpg"), ("P", "d.gif")):
        Image.new(mode, (70, 41), 0).save(tmp_path / name)
        face = cut_photo(tmp_path / name, read_picture(tmp_path / name), 32, None).pixels
        assert face.shape == (32, 32, 3)
        assert face.dtype == np.uint8
    whole = (tmp_path / "c.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.jpg: not an image that can be read"):
        cut_photo(tmp_path / "cut.jpg", read_picture(tmp_path / "cut.jpg"), 32, None)
    (tmp_path / "text.jpg").write_text("dear diary")
    with pytest.raises(DataError, match=r"text\.jpg: text, not an image; give a JPEG or PNG"):
        cut_photo(tmp_path / "text.jpg", read_picture(tmp_path / "text.jpg"), 32, None)


def test_a_real_face_in_a_larger_picture_is_found(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("dlib")
    from affectspace.corpora import read_corpus

    folder = shared_data / "imfdb"
    if not (folder / "index.csv").is_file():
        pytest.skip(f"no IMFDB at {folder}")
    columns = {"image": "path", "person": "actor"}
    corpus = read_corpus("table", folder / "index.csv", media=folder / "imfdb_64x64.zip", columns=columns)
    faces = corpus.take(np.arange(0, 4000, 250)).images(64, cache=tmp_path).pixels
    boxes_or_none = []
    for face in faces:
        sheet = np.full((600, 800, 3), 120, dtype=np.uint8)
        sheet[200:400, 300:500] = np.asarray(Image.fromarray(np.array(face)).resize((200, 200)))
        boxes_or_none.append(face_box(sheet))
    boxes = np.array([box for box in boxes_or_none if box is not None])
    assert len(boxes) >= 3
    assert (np.abs(np.median(boxes[:, :2], axis=0) - [400, 300]) < 60).all()
