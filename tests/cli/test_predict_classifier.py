"""`affectspace predict --classifier` and `--faces`: the options reach the model, and mistakes are named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError
from affectspace.media import tracks
from affectspace.media.faces import Box
from affectspace.prediction import Failure, Predictor, Sample, photos
from affectspace.prediction.bridge import EmotionBridge
from affectspace.prediction.classifiers import ClassifierReader
from affectspace.prediction.networks import ExpressionFaces
from affectspace.prediction.shards import identity_of
from affectspace.synthetic.speakers.writing import write_clip


class Signs:
    """Text: the first label for exclamation marks. Pictures: the first label for boxes on the left."""

    modality, kinds, licence = "text", ("text", "image"), "MIT"

    def load(self, sample: Sample, note: Any) -> np.ndarray:
        if sample.text is not None:
            return np.array([[4.0 * sample.text.count("!"), 2.0]])
        return np.array([[0.0, sample.box[0] - 100 if sample.box else 0.0]])

    def outputs(self, loaded: Any) -> list[np.ndarray]:
        return list(loaded)


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments with which a classifier is opened."""
    given: dict[str, Any] = {}

    def open_reader(name: str, **arguments: Any) -> ClassifierReader:
        given.update(arguments, name=name)
        bridge = EmotionBridge(["happiness", "sadness"], "russell_mehrabian_1977", exclusive=not arguments["labels"])
        return ClassifierReader(Signs(), bridge)  # type: ignore[arg-type]

    monkeypatch.setattr("affectspace.prediction.classifiers.classifier_reader", open_reader)
    return given


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_classifier_predicts(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").touch()
    result = run("--classifier", "some/model", "What a day!", "--calibrate", "rows.csv", "--no-crop")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:4]] == ["valence", "arousal", "dominance"]
    assert "emotion    happiness 0.88" in result.stdout
    assert "proxies, not ratings" in result.stdout
    assert options["name"] == "some/model"
    assert (options["calibrate"], options["labels"], options["axes"], options["crop"]) == (
        Path("rows.csv"),
        None,
        None,
        False,
    )
    data = json.loads(
        run("--classifier", "m", "a", "b!", "--axes", "arousal, valence", "--scale", "unit", "--json").stdout
    )
    assert (options["axes"], options["ratings"], options["crop"]) == (["arousal", "valence"], "unit", True)
    assert [entry["emotion"] for entry in data["predictions"]] == ["sadness", "happiness"]
    assert data["licence"] == "MIT"


def test_options_that_exclude_or_need_each_other(tmp_path: Path) -> None:
    for arguments, message in (
        (["--classifier", "m", "--model", "text", "a"], "--model and --classifier are different models"),
        (["--labels", "map.yaml", "a"], "--labels needs a classifier: --classifier NAME"),
        (["--scale", "unit", "--run", tmp_path, "a"], "--scale needs a classifier"),
        (["--faces", "some", "a"], "--faces some: choose largest or all"),
        (["--faces", "all", "--together", "a"], "--faces all needs pictures, clips or folders"),
        (["--classifier", "m", "--backbone", "text=x", "a"], "--backbone needs a run of your own"),
    ):
        with pytest.raises(ConfigError, match=message):
            run(*arguments)


def test_a_row_for_each_face(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "group.png"
    Image.new("RGB", (200, 120)).save(path)
    for place, name in ((photos, "face_boxes"), (tracks, "all_faces")):
        monkeypatch.setattr(place, name, lambda picture: [(150.0, 60.0, 40.0), (40.0, 60.0, 30.0)])
    data = json.loads(run("--classifier", "m", path, "--faces", "all", "--json").stdout)
    assert [entry["id"] for entry in data["predictions"]] == [f"face 1 of {path}", f"face 2 of {path}"]
    assert [entry["emotion"] for entry in data["predictions"]] == ["sadness", "happiness"]
    monkeypatch.setenv("COLUMNS", "300")
    screen = run("--classifier", "m", path, "--faces", "all").stdout
    assert [line.split()[:2] for line in screen.splitlines()[1:3]] == [["face", "1"], ["face", "2"]]
    assert len(json.loads(run("--classifier", "m", path, "--json").stdout)["predictions"]) == 1


def test_a_trajectory_for_each_face_of_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second face is there in the first half only. The voice is nobody's."""
    write_clip(tmp_path / "talk.mp4", np.full((40, 120, 200, 3), 90, np.uint8), 10, 0.1 * np.ones(64_000), 16_000)
    frames: list[int] = []

    def all_faces(frame: np.ndarray) -> list[Box]:
        frames.append(0)
        return [(150.0, 60.0, 40.0), (40.0, 60.0, 30.0)][: 2 if len(frames) <= 6 else 1]

    monkeypatch.setattr(tracks, "all_faces", all_faces)
    cutter = {"_cut": photos.FaceCut(16, photos.Framing())}
    monkeypatch.setattr(ExpressionFaces, "__init__", lambda self, *given: self.__dict__.update(cutter))
    monkeypatch.setattr(
        ExpressionFaces, "outputs", lambda self, loaded: [np.zeros((len(faces.pixels), 7)) for faces in loaded]
    )
    out = tmp_path / "out.csv"
    run(tmp_path / "talk.mp4", "--faces", "all", "--out", out, "--force")
    whole = pd.read_csv(out)
    assert whole["id"].tolist() == [f"face {k} of {tmp_path / 'talk.mp4'}" for k in (1, 2)]
    assert whole[["left", "top", "right", "bottom"]].to_numpy().tolist() == [[130, 40, 170, 80], [25, 45, 55, 75]]
    assert whole["modalities"].tolist() == ["video", "video"]
    frames.clear()
    run(tmp_path / "talk.mp4", "--faces", "all", "--window", 1, "--step", 1, "--out", out, "--force")
    windows = pd.read_csv(out)
    assert windows.groupby("id", sort=False)["left"].count().tolist() == [4, 2]
    assert windows["reason"].notna().tolist() == [False] * 6 + [True] * 2
    assert "this face is not seen in this part of the clip" in windows["reason"].iloc[-1]


def test_other_options_are_not_continued(options: dict[str, Any]) -> None:
    identities = [identity_of(Predictor.of_classifier("m", labels=labels)) for labels in (None, {"a": "joy"})]
    assert identities[0] != identities[1]
    assert identities[0] == identity_of(Predictor.of_classifier("m"))
    assert not isinstance(Predictor.of_classifier("m").predict_many([Sample("a")])[0], Failure)
