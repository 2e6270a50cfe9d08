"""`/v1/walk`: points, grids and paths of a face, and clear answers to bad requests. The walker is a small untrained one."""

import base64
import io
import os

import numpy as np
import pytest
from PIL import Image

from affectspace import Levasa, LevasaConfig
from affectspace.app import faces, work
from affectspace.app.answers import Refusal
from affectspace.errors import RunError
from affectspace.report.differences import difference_images
from affectspace.walks import FaceWalker, fit_geometry

SIZE = 32


@pytest.fixture
def service(client, tmp_path, monkeypatch):
    """A client of a service whose model of faces is not trained."""
    model = Levasa(LevasaConfig(image_size=SIZE, width=4, head="linear", chunk=4)).eval()
    geometry = fit_geometry(model, np.random.default_rng(0).normal(size=(50, 12)))
    walker = FaceWalker(model, geometry, None, None, tmp_path, True)
    monkeypatch.setattr(FaceWalker, "pretrained", classmethod(lambda cls: walker))
    return client(runs=tmp_path)


def picture(width: int = 48, height: int = 48) -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, "PNG")
    return content.getvalue()


def pixels(url: str) -> np.ndarray:
    head, _, content = url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_an_example_moves_to_a_point(service) -> None:
    offered = service.get("/v1/walk").json()
    name = offered["faces"][0]["name"]
    assert "Dominance" in offered["notes"][0]
    answer = service.post("/v1/walk", data={"face": name, "valence": "0.5", "arousal": "-0.25", "difference": "true"})
    assert answer.status_code == 200, answer.text
    content = answer.json()
    [one] = content["pictures"]
    assert (one["valence"], one["arousal"], one["reading"]) == (0.5, -0.25, None)
    image, start, difference = (
        pixels(url).astype(int) for url in (one["image"], content["reconstruction"]["image"], one["difference"])
    )
    assert (difference_images(image.astype(np.uint8), start.astype(np.uint8))[0] == difference).all()
    assert (pixels(content["face"]["image"]) == pixels(offered["faces"][0]["image"])).all()


def test_a_grid_has_the_highest_arousal_first_and_a_path_its_frames(service) -> None:
    grid = service.post("/v1/walk", data={"face": "person-1", "grid": "3"}).json()["pictures"]
    assert [one["arousal"] for one in grid[::3]] == [0.8, 0.1, -0.6]
    assert [one["valence"] for one in grid[:3]] == [-0.8, 0.0, 0.8]
    path = service.post("/v1/walk", data={"face": "person-1", "path": "arousal", "frames": "4"}).json()["pictures"]
    assert [one["valence"] for one in path] == [None] * 4
    assert path[0]["arousal"] == -0.6


def test_the_cut_face_can_be_sent_again_in_place_of_the_picture(service) -> None:
    first = service.post("/v1/walk", files={"file": ("me.png", picture(60, 40))}, data={"valence": "0.2"}).json()
    cut = base64.b64decode(first["face"]["image"].partition(",")[2])
    again = service.post(
        "/v1/walk", files={"file": ("face.png", cut)}, data={"valence": "0.2", "crop": "middle"}
    ).json()
    assert again["face"] == first["face"]
    assert again["pictures"] == first["pictures"]


@pytest.mark.parametrize(
    ("fields", "content", "words"),
    [
        ({"valence": "0"}, None, "give one face"),
        ({"face": "person-1", "valence": "0"}, picture(), "give one face"),
        ({"face": "nobody", "valence": "0"}, None, "no example 'nobody'"),
        ({"face": "person-1"}, None, "give valence and arousal"),
        ({"face": "person-1", "valence": "0", "grid": "3"}, None, "give valence and arousal"),
        ({"face": "person-1", "valence": "2"}, None, "the field valence is 2"),
        ({"face": "person-1", "valence": "nan"}, None, "finite number"),
        ({"face": "person-1", "valence": "high"}, None, "give a number"),
        ({"face": "person-1", "grid": "99"}, None, "from 2 to 9"),
        ({"face": "person-1", "grid": "2.5"}, None, "whole number"),
        ({"face": "person-1", "path": "spiral"}, None, "circle or valence or arousal"),
        ({"face": "person-1", "path": "circle", "frames": "1000"}, None, "from 2 to 60"),
        ({"face": "person-1", "valence": "0", "dominance": "1"}, None, "unknown field 'dominance'"),
        ({"face": "person-1", "valence": "0", "model": "../x"}, None, "no model '../x'"),
        ({"valence": "0"}, b"no picture", "me.png: "),
        ({"valence": "0"}, b"", "me.png: "),
        ({"valence": "0"}, picture(4, 4), "4 x 4 pixels"),
    ],
)  # fmt: skip
def test_bad_requests_are_refused(service, fields, content, words: str) -> None:
    files = {"file": ("me.png", content)} if content is not None else None
    answer = service.post("/v1/walk", data=fields, files=files)
    assert answer.status_code == 422, answer.text
    message = answer.json()["error"]["message"]
    assert words in message
    assert "/tmp" not in message


def test_a_run_that_was_trained_again_is_opened_again(tmp_path, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(FaceWalker, "of_run", classmethod(lambda cls, folder: opened.append(folder) or object()))
    desk, folders = faces.FaceDesk(), [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}")
        first = desk._open("run", {"run": folder})
        assert desk._open("run", {"run": folder}) is first
    assert opened == folders
    os.utime(folders[1] / "run.json", (1, 1))
    assert desk._open("run", {"run": folders[1]}) is not first
    (folders[1] / "strength.json").write_text("{}")
    desk._open("run", {"run": folders[1]})
    assert opened == [folders[0], *[folders[1]] * 3]


def test_a_walk_that_was_given_up_opens_nothing(monkeypatch) -> None:
    monkeypatch.setattr(work, "given_up", lambda: True)
    desk = faces.FaceDesk()
    with pytest.raises(Refusal, match="no longer computes"):
        desk.walk(faces.DRAWN, {}, None)
    assert not desk._walkers


def test_a_missing_model_is_said(client, tmp_path, monkeypatch) -> None:
    def missing(cls):
        raise RunError("the model of drawn faces is missing; install affectspace again")

    monkeypatch.setattr(FaceWalker, "pretrained", classmethod(missing))
    service = client(runs=tmp_path)
    offered = service.get("/v1/walk").json()
    assert offered["faces"] == []
    assert "is missing" in offered["notes"][1]
    answer = service.post("/v1/walk", data={"face": "person-1", "valence": "0"})
    assert answer.status_code == 422
    assert faces.DRAWN in offered["models"]
