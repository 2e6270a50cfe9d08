"""`affectspace traverse` on hand-made run folders."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from PIL import Image
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner, Result

from affectspace.annotation import AnnotationTransfer
from affectspace.cli.traverse import parse_range, parse_rows, parse_strength, traverse
from affectspace.cli.walked_faces import Request, file_names, output_stems
from affectspace.data.dataset import Dataset
from affectspace.errors import AffectspaceError, ConfigError
from affectspace.models import MODELS, ClassifierConfig, EmotionClassifier
from affectspace.prediction import Predictor
from affectspace.training.configuration import build_config
from affectspace.training.runs import Run, start_run

from ..walks.test_walker import make_run as make_walker

APP = typer.Typer()
APP.command()(traverse)
FEW = ("--valence", "0:0.2:2", "--arousal", "0:0.1:2")
SMALL = {"image_size": 32, "width": 4, "hidden": (16,)}


def make_run(folder: Path, corpus: Path | None = None, **model: Any) -> Run:
    """A finished run of an untrained model."""
    data = {"corpus": "table", "path": str(corpus or folder / "gone.csv")}
    fields = {**SMALL, **model}
    config = build_config({"data": data, "model": fields})
    run = start_run(folder, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        MODELS[config.model.kind](config.model).eval().save_pretrained(folder / "model")  # type: ignore[arg-type]
    run.record(state="finished")
    return run


def add_codes(run: Run) -> np.ndarray:
    codes = np.random.default_rng(0).normal(size=(60, 96)).astype(np.float32)
    save_file({"mean/train": codes}, run.folder / "representations.safetensors")
    return codes


def with_split(run: Run) -> Run:
    Dataset.of_config(run.image_config).split_table().to_csv(run.folder / "split.csv", index=False)
    return run


def make_corpus(folder: Path) -> Path:
    random = np.random.default_rng(0)
    rows = ["id,image,person,emotion,valence,arousal"]
    for number in range(24):
        Image.fromarray(random.integers(0, 256, (40, 32, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        emotion = ("happiness", "anger")[number % 2]
        valence, arousal = number / 24, number * 7 % 24 / 24 - 0.5
        rows.append(f"face{number},{number}.png,person{number // 3},{emotion},{valence:.2f},{arousal:.2f}")
    path = folder / "index.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def face(tmp_path: Path) -> Path:
    path = tmp_path / "my face.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(path)
    return path


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments])


def empty_run(folder: Path) -> Path:
    """A folder that has the two files that make it a run, and nothing that could be read."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text("", encoding="utf-8")
    (folder / "run.json").write_text('{"kind": "levasa"}', encoding="utf-8")
    return folder


def refused(*arguments: str | Path) -> str:
    result = invoke(*arguments)
    assert isinstance(result.exception, AffectspaceError), result.output
    return str(result.exception)


def test_a_picture_is_walked_and_what_was_reached_is_told(tmp_path: Path, face: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "out"
    codes = add_codes(run)
    ranges = ("--valence", "-0.2:0.2:3", "--arousal", "-0.1:0.1:2")
    result = invoke(run.folder, "--image", face, *ranges, "--method", "heads", "--crop", "middle", "--out", out)
    assert result.exit_code == 0, result.output
    assert "+0.20" in result.stdout
    with Image.open(out / "my_face.png") as picture:
        assert min(picture.size) > 200
    summary = json.loads((out / "walks.json").read_text(encoding="utf-8"))
    assert summary["valence"] == [-0.2, 0.0, 0.2]
    points = np.array(summary["walks"][0]["points"])
    assert points.shape == (6, 4)
    assert points[0, :2].tolist() == [-0.2, -0.1]
    missed = (np.abs(points[:, :2] - points[:, 2:]) > 2e-3).any(axis=1).sum()
    assert summary["walks"][0]["missed"] == missed
    assert (f"beyond the reach of the model: {missed} of 6 targets, dashed" in result.stdout) == (missed > 0)
    assert "1 figure, walks.csv and walks.json in" in result.stdout
    geometry = load_file(run.folder / "geometry.safetensors")["covariance"]
    np.testing.assert_allclose(geometry[0], np.cov(codes[:, :32], rowvar=False), atol=2e-3)
    assert not list(tmp_path.rglob("*.partial"))


def test_json_goes_to_stdout_and_nothing_is_overwritten(tmp_path: Path, face: Path) -> None:
    run = make_run(tmp_path / "run", alignment="discrete")
    add_codes(run)
    arguments = (run.folder, "--image", face, *FEW, "--method", "heads", "--json")
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["walks"][0]["face"] == str(face)
    assert (run.folder / "walks" / "my_face.png").is_file()
    before = (run.folder / "geometry.safetensors").stat().st_mtime_ns
    assert "my_face.png exists already; use --force to replace it" in refused(*arguments)
    assert invoke(*arguments, "--force").exit_code == 0
    assert (run.folder / "geometry.safetensors").stat().st_mtime_ns == before  # made at first use only


def test_faces_of_the_corpus_one_a_person(tmp_path: Path) -> None:
    run = with_split(make_run(tmp_path / "run", make_corpus(tmp_path)))
    result = invoke(run.folder, "--dataset-rows", "train:3", *FEW, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    faces = [walk["face"] for walk in summary["walks"]]
    assert len({int(name.removeprefix("face")) // 3 for name in faces}) == 3
    assert (run.folder / "directions.safetensors").is_file()
    assert (run.folder / "walks" / f"{faces[0]}.png").is_file()
    assert summary["method"] == "directions"
    points = np.array(summary["walks"][0]["points"])
    np.testing.assert_allclose(points[:, 2:], points[:, :2], atol=1e-3)
    assert np.array(summary["walks"][0]["heads"]).shape == (4, 2)


def save_judge(folder: Path, chosen: int, size: int = 64) -> Path:
    """A classifier that is sure of one of two emotions, whatever it sees."""
    judge = EmotionClassifier(ClassifierConfig(image_size=size, width=4, categories=("happiness", "anger")))
    with torch.no_grad():
        for weights in judge.parameters():
            weights.zero_()
        list(judge.parameters())[-1][chosen] = 50.0
    judge.eval().save_pretrained(folder)
    return folder


def test_judges_read_the_pictures(tmp_path: Path) -> None:
    run = with_split(make_run(tmp_path / "run", make_corpus(tmp_path)))
    happy = save_judge(tmp_path / "classifier" / "model", 0)  # of another size than the pictures
    kept = [save_judge(run.folder / "judges" / f"apart-{fold}", fold, 32) for fold in (0, 1)]
    summary = json.loads(
        invoke(run.folder, "--dataset-rows", "train:2", *FEW, "--json", "--out", tmp_path / "first").stdout
    )
    names = [walk["face"] for walk in summary["walks"]]
    people = [f"person{int(name.removeprefix('face')) // 3}" for name in names]
    (kept[0] / "facts.json").write_text(json.dumps({"people": people}))
    arguments = (
        "--dataset-rows",
        "train:2",
        *FEW,
        "--judged-by",
        happy.parent,
        "--judged-by",
        "apart",
        "--out",
        tmp_path / "out",
    )
    result = invoke(run.folder, *arguments)
    assert result.exit_code == 0, result.output
    assert "heads read valence" in result.output
    assert "apart read valence +0.00, arousal +0.00 (1 is what was asked for)" in result.output
    table = pd.read_csv(tmp_path / "out" / "walks.csv")
    centres = AnnotationTransfer.reference("affectnet").centres(["happiness", "anger"])
    np.testing.assert_allclose(table["classifier_valence"], centres[0, 0], atol=1e-3)
    for name, centre in zip(names, centres, strict=True):  # each person is judged by the network that has not seen it
        own = table[table["face"] == name]
        np.testing.assert_allclose(own[["apart_valence", "apart_arousal"]], np.tile(centre, (4, 1)), atol=1e-3)
    content = json.loads((tmp_path / "out" / "walks.json").read_text())
    assert content["judges"]["classifier"] == {
        "rows": 3,
        "r": {"faces": [None, None], "reconstructions": [None, None]},
    }  # it reads the same everywhere
    np.testing.assert_allclose(table["set_by_valence"], table["target_valence"], atol=1e-3)
    walk = content["walks"][0]
    np.testing.assert_allclose(table["heads_valence"][:4], np.array(walk["heads"])[:, 0])
    assert "no judge has read the pictures" in invoke(run.folder, "--dataset-rows", "train:2", *FEW).output
    for place in ("others", str(tmp_path)):
        assert "holds no judge; give the folder of a run of kind classifier" in refused(
            run.folder, "--dataset-rows", "train:2", *FEW, "--force", "--judged-by", place
        )


def test_films_along_a_path_and_what_was_cut(tmp_path: Path, face: Path) -> None:
    run, out = with_split(make_run(tmp_path / "run", make_corpus(tmp_path))), tmp_path / "out"
    arguments = (run.folder, "--image", face, *FEW, "--path", "-0.2,0;0.2,0.1", "--frames", "4", "--out", out)
    result = invoke(*arguments, "--mp4", "--gif")
    assert result.exit_code == 0, result.output
    assert "2 films" in result.output
    with Image.open(out / "my_face.gif") as picture:
        assert picture.n_frames == 6  # there and back
    assert (out / "my_face.mp4").stat().st_size > 500
    summary = json.loads((out / "walks.json").read_text(encoding="utf-8"))
    assert summary["path"] == "-0.2,0;0.2,0.1"
    assert [Path(name).name for name in summary["walks"][0]["films"]] == ["my_face.gif", "my_face.mp4"]
    assert summary["walks"][0]["cut"] == "middle"
    assert (run.folder / "framing.json").read_text() == "null\n"  # nobody is in pictures of noise
    (out / "my_face.png").unlink()
    (out / "walks.json").unlink()
    assert "my_face.gif exists already" in refused(*arguments)


def test_no_face_is_told_and_may_be_insisted_on(tmp_path: Path, face: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = with_split(make_run(tmp_path / "run", make_corpus(tmp_path)))
    (run.folder / "framing.json").write_text('{"side": 1.0}')
    monkeypatch.setattr("affectspace.media.faces.find_faces", lambda frame, short_side=360: [])
    result = invoke(run.folder, "--image", face, *FEW)
    assert result.exit_code == 0, result.output
    assert f"{face}: no face was found; the middle of the picture was walked" in result.output
    assert "my face.jpg: no face was found" in refused(run.folder, "--image", face, *FEW, "--crop", "face", "--force")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--crop", "eyes"), "--crop eyes: choose auto or face or middle"),
        (("--method", "magic"), "--method magic: choose directions or heads"),
        (("--strength", "0"), "--strength 0: give a number above 0 and at most 5"),
        (("--strength", "nan"), "--strength nan: give a number above 0"),
        (("--strength", "2", "--method", "heads"), "--strength 2 is for --method directions only"),
        (("--strength", "1,2,3"), "--strength 1,2,3: give a number above 0"),
        (("--strength", "much"), "--strength much: give a number above 0 and at most 5, two of them for valence and"),
        (("--model", "drawn-face"), "--model drawn-face walks faces without a run"),
        (("--path", "0,0"), "two or more corners that differ"),
        (("--path", ""), "--path '': write circle, valence, arousal"),
        (("--path", "dominance"), "--path 'dominance': write circle, valence, arousal"),
        (("--path", "nan,0;0,0"), "nan is outside"),
        (("--path", "0,0,0;1,1,1"), "'0,0,0' needs 2 numbers: valence, arousal"),
        (("--valence", "-2:2:5"), "--valence '-2:2:5': valence and arousal lie on [-1, 1]"),
        (("--dataset-rows", ""), "--dataset-rows '': write PART:COUNT"),
        (("--frames", "7"), "--frames 7 is for films; add --gif, --mp4 or --path"),
        (("--path", "0,0;2,0"), "2 is outside [-1, 1]"),
        (("--gif", "--frames", "1"), "give 2 to 400"),
        (("--judge", "--gif"), "leave out pictures, rows, ranges, crops and films"),
        (("--judge", "--valence", "0:1:3"), "leave out pictures, rows, ranges, crops and films"),
        (("--augmentation", "--dataset-rows", "test:2"), "leave out pictures, rows, ranges, crops and films"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_read(arguments: Any, text: str, tmp_path: Path) -> None:
    assert text in refused(empty_run(tmp_path / "run"), *arguments)


def test_a_corpus_that_is_gone(tmp_path: Path, face: Path) -> None:
    run = make_run(tmp_path / "run")
    for arguments in (("--image", face), ("--dataset-rows", "test:2")):
        message = refused(run.folder, *arguments)
        assert "gone.csv, which is not there" in message
        assert "--moved data.corpora.table.path=PATH/gone.csv" in message


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ({"alignment": "none"}, "a Vanilla VAE (alignment: none) without heads"),
        (
            {"alignment": "categories", "categories": ["neutral", "anger"]},
            "a control with an emotion head without heads",
        ),
        ({"kind": "classifier", "categories": ["neutral", "anger"]}, "a classifier, which decodes no images"),
    ],
)
def test_a_run_of_another_kind_says_which_is_right(tmp_path: Path, face: Path, model: Any, text: str) -> None:
    run = make_run(tmp_path / "run", **model)
    message = refused(run.folder, "--image", face)
    assert text in message
    assert "model.alignment: continuous or discrete" in message


def test_no_run_and_an_unfinished_run(tmp_path: Path, face: Path) -> None:
    assert "is not a run of affectspace" in refused(tmp_path / "nothing", "--image", face)
    run = make_run(tmp_path / "run")
    run.record(state="training")
    assert "its training has not finished" in refused(run.folder, "--image", face)


def test_pictures_that_are_none_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    text = tmp_path / "note.jpg"
    text.write_text("not a picture", encoding="utf-8")
    assert "note.jpg: text, not an image; give a JPEG" in refused(run.folder, "--image", text)
    assert "absent.png: there is no such file" in refused(run.folder, "--image", tmp_path / "absent.png")
    assert not (run.folder / "walks").exists()


def test_any_kind_of_picture_is_walked(tmp_path: Path) -> None:
    """Grey, with alpha, of a palette, of 16 bits, for print, moving, small, a strip."""
    run, random = make_run(tmp_path / "run"), np.random.default_rng(0)
    add_codes(run)
    colours = Image.fromarray(random.integers(0, 256, (50, 40, 3), dtype=np.uint8))
    pictures = {f"{mode}.png": colours.convert(mode) for mode in ("L", "RGBA", "LA", "P", "1")}
    pictures |= {"deep.png": Image.fromarray(random.integers(0, 65536, (40, 40), dtype=np.uint16))}
    pictures["print.jpg"] = colours.convert("CMYK")
    pictures |= {"small.png": Image.new("RGB", (16, 16)), "strip.png": Image.new("RGB", (999, 20))}
    arguments: list[str | Path] = []
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        arguments += ["--image", tmp_path / name]
    colours.save(tmp_path / "moving.gif", save_all=True, append_images=[colours.rotate(90), colours.rotate(180)])
    arguments += ["--image", tmp_path / "moving.gif"]
    result = invoke(run.folder, *arguments, *FEW, "--method", "heads", "--crop", "middle", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["walks"]) == len(pictures) + 1


def test_pictures_that_cannot_be_walked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("1", (30000, 3000)).save(tmp_path / "huge.png")
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "fractions.tiff")
    Image.new("RGB", (90, 90)).save(tmp_path / "whole.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:300])
    for name, text in (
        ("empty.png", "the file is empty"),
        ("huge.png", "more than 80 million pixels"),
        ("fractions.tiff", "floating-point numbers of unknown range"),
        ("half.jpg", "not an image that can be read"),
        ("run", "a folder, not a regular file"),
    ):
        message = refused(run.folder, "--image", tmp_path / name)
        assert f"{name}: " in message
        assert text in message
    assert not (run.folder / "walks").exists()


def test_a_place_where_no_figure_can_be_is_told_first(tmp_path: Path, face: Path) -> None:
    for place in (face, face / "walks"):
        for arguments in (("--image", face), ("--judge",)):
            assert f"{face} is a file; name a folder" in refused(
                empty_run(tmp_path / "run"), *arguments, "--out", place
            )


@pytest.mark.parametrize(
    ("name", "content", "method"),
    [
        ("representations.safetensors", b"xx", "heads"),
        ("geometry.safetensors", b"xx", "heads"),
        ("directions.safetensors", b"xx", "directions"),
        ("framing.json", b"[1, 2]", "directions"),
        ("framing.json", b'{"side": NaN}', "directions"),
        ("framing.json", b'{"side": "wide"}', "directions"),
    ],
)
def test_what_a_run_keeps_and_is_damaged(name: str, content: bytes, method: str, tmp_path: Path, face: Path) -> None:
    run = with_split(make_run(tmp_path / "run", make_corpus(tmp_path)))
    (run.folder / name).write_bytes(content)
    message = refused(run.folder, "--image", face, *FEW, "--method", method)
    assert f"{name} is damaged or" in message or f"{name} is damaged (" in message
    assert re.search("delete it,? and it is (computed again|made anew|created again)", message)


def test_too_few_people_to_judge(tmp_path: Path) -> None:
    run = with_split(make_run(tmp_path / "run", make_corpus(tmp_path)))
    assert "judging walks needs 4: use a larger share for the test" in refused(run.folder, "--judge")


def test_ranges() -> None:
    assert parse_range("-0.8:0.8:5", "--valence") == [-0.8, -0.4, 0.0, 0.4, 0.8]
    assert parse_range("1:-1:3", "--valence") == [1.0, 0.0, -1.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", "write low:high:steps, for example -0.8:0.8:5"),
        ("a:b:c", "write low:high:steps"),
        ("-1:1:2.5", "write low:high:steps"),
        ("-1.2:1:3", r"lie on \[-1, 1\]"),
        ("nan:1:3", r"lie on \[-1, 1\]"),
        ("0:1:1", "2 to 21 steps"),
        ("0:1:22", "2 to 21 steps"),
        ("0:0:3", "two ends that differ"),
    ],
)
def test_impossible_ranges_are_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"--arousal '{text}'.*{expected}"):
        parse_range(text, "--arousal")


def test_rows() -> None:
    assert parse_rows("test:8") == ("test", 8)
    assert parse_rows("validation") == ("validation", 4)
    for text in ("test:", "test:0", "test:-1", "exam:3"):
        with pytest.raises(ConfigError, match=f"--dataset-rows '{text}': write PART:COUNT"):
            parse_rows(text)


def test_names_of_figures_are_safe_and_differ() -> None:
    assert file_names(["a/b", "a b", "A_B", "..", ""]) == ["a_b", "a_b-2", "A_B-3", "face", "face-2"]


def test_figures_are_named_after_the_picture_without_its_suffix(tmp_path: Path) -> None:
    request = Request(
        tmp_path, False, [], None, [], [], None, None, [], "auto", "heads", (1.0,), tmp_path, False, [], False
    )  # fmt: skip
    names = ["p1/X.jpg", "X.JPEG", "X.png", "x.webp", "a.1", "v1.0 face", "no suffix"]
    stems = [stem.name for stem in output_stems(request, names)]
    assert stems == ["p1_X", "X", "X-2", "x-3", "a.1", "v1.0_face", "no_suffix"]
    (tmp_path / "X-2.png").touch()
    with pytest.raises(AffectspaceError, match=r"X-2\.png exists already"):
        output_stems(request, names)


def test_strengths_are_numbers_or_auto() -> None:
    assert parse_strength(None) is None
    assert parse_strength("auto") == "auto"
    assert parse_strength("2") == (2.0,)
    assert parse_strength("1.5,2") == (1.5, 2.0)


@pytest.fixture
def drawn_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models that ship with an untrained one that walks faces."""
    folder = tmp_path / "models"
    run = make_walker(folder / "drawn-face", usual_error=0.0).folder
    facts = {
        "title": "t",
        "modalities": ["video"],
        "licence": "CC0",
        "training": [],
        "scores": [],
        "limits": ["l"],
        "walks": True,
    }
    (run / "pretrained.json").write_text(json.dumps(facts))
    monkeypatch.setattr("affectspace.prediction.pretrained.FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    return run


def test_without_a_run_the_model_that_ships_walks_examples(drawn_model: Path) -> None:
    result = invoke(*FEW)
    assert result.exit_code == 0, result.output
    assert "strength 2.00 (valence) and 2.00 (arousal), calibrated on 9 faces of 3 validation people" in result.output
    table = pd.read_csv("walks/walks.csv")
    assert list(table["face"].unique()) == [f"example person-{number}" for number in (1, 2, 3, 4)]
    assert table["chooser_valence"].notna().all()
    assert Path("walks/person-1.png").is_file()
    assert not (drawn_model / "walks").exists()


def test_a_face_without_a_run_and_what_changed_in_it(drawn_model: Path, face: Path) -> None:
    result = invoke(face, *FEW, "--difference", "--gif", "--frames", "3", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["run"] == "drawn-face"
    assert summary["strength"] == [2.0, 2.0]
    (walk,) = summary["walks"]
    assert walk["notes"][0].startswith("this picture is unlike the drawn faces that the model was trained on")
    assert f"{face}: this picture is unlike" in result.stderr
    names = {path.name for path in Path("walks").iterdir()} - {".lock"}
    assert names == {
        "my_face.png", "my_face-difference.png", "my_face.gif", "my_face-difference.gif", "walks.json", "walks.csv"
    }  # fmt: skip
    other = json.loads(invoke(face, *FEW, "--strength", "1,2", "--out", "once", "--json").stdout)
    assert other["strength"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--judge",), "the model that ships comes without its corpus: name a run of your own"),
        (("--dataset-rows", "test:2"), "the model that ships comes without its corpus"),
        (("--model", "face"), "no model 'face' that walks faces; there is drawn-face"),
        (("gone.png",), "gone.png: there is no such file; give a JPEG or PNG of one face"),
        (("dot.png",), "dot.png has 1 x 1 pixels; give a face of at least 16 x 16"),
        (("gone",), "gone is not a run of affectspace"),
    ],
)
def test_what_the_model_that_ships_cannot_do(arguments: Any, text: str, drawn_model: Path) -> None:
    Image.new("RGB", (1, 1)).save("dot.png")
    assert text in refused(*arguments)


def test_a_model_that_walks_faces_predicts_nothing(drawn_model: Path) -> None:
    with pytest.raises(ConfigError, match=r"the model drawn-face moves drawn faces .* and predicts nothing"):
        Predictor.pretrained("drawn-face")
