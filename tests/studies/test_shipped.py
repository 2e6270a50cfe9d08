"""Models that ship, made in small: the whole way from corpora to a packed model that predicts without its corpora."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from affectspace.affect import AXES
from affectspace.cli import app
from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError
from affectspace.prediction import Prediction, Predictor
from affectspace.studies import shipped
from affectspace.studies.shipped import RECIPES, make_model

from .test_manifold_reproduce import write_emobank, write_meld, write_vreg


@pytest.fixture
def data(tmp_path: Path, tiny_text: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three corpora of a text model in small, and a recipe with a tiny encoder and short trainings."""
    for name, write in {"emobank": write_emobank, "semeval_vreg": write_vreg, "meld": write_meld}.items():
        write(tmp_path / "data" / name)
    recipe = RECIPES["text"]
    adapter = {
        "model": {"kind": "adapter", "encoder": str(tiny_text), "settings": {"marks": True, "tokens": 16}},
        "fit": {"epochs": 1, "keep": "last", "threads": 1, "accelerator": "cpu", "precision": "32-true"},
    }
    manifold = {
        "model": {"kind": "manifold", "encoder": {"hidden": [8]}, "private": {"size": 4}},
        "fit": {"epochs": 2, "threads": 1, "accelerator": "cpu"},
    }
    small = dataclasses.replace(recipe, seeds=2, adapter=adapter, manifold=manifold)
    monkeypatch.setitem(RECIPES, "text", small)
    monkeypatch.setattr("affectspace.prediction.onnx_sentences.PACKAGES", ("not installed",))  # a graph takes seconds
    return tmp_path / "data"


def test_a_packed_model_predicts_what_its_run_predicts_and_names_no_place(data: Path, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    folder = make_model("text", data, out, work=work)
    assert folder == out / "text"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "README.md", "pretrained.json", "config.yaml", "run.json", "model/config.json", "model/model.safetensors",
        "backbone/config.json", "backbone/model.safetensors",
    }  # fmt: skip
    texts = {name: (folder / name).read_text("utf-8") for name in files if not name.endswith(".safetensors")}
    for name in ("config.yaml", "run.json", "pretrained.json", "README.md"):
        assert str(tmp_path) not in texts[name], name
    packed = Predictor.of_run(folder, device="cpu").predict("a good day")
    original = Predictor.of_run(work / "text" / "seed0" / "manifold", device="cpu").predict("a good day")
    assert isinstance(packed, Prediction)
    np.testing.assert_allclose(packed.mean, original.mean, atol=1e-6)
    np.testing.assert_allclose(packed.deviation, original.deviation, atol=1e-6)
    facts = json.loads(texts["pretrained.json"])
    assert facts["licence"] == "CC BY-SA 4.0"
    measured = {(score["data"], score["metric"]): score for score in facts["scores"]}
    for data_name in ("EmoBank, test (published split)", "EmoBank, test (documents apart)"):
        for axis in AXES:
            score = measured[data_name, f"r of {axis}"]
            assert score["low"] <= score["value"] <= score["high"]
    assert measured["EmoBank, test (published split)", "r of valence"]["seeds"] == 2
    assert measured["SemEval-2018 V-reg tweets, zero-shot", "r of valence"]["n"] == 60
    assert measured["MELD, test, names of emotions", "balanced accuracy"]["n"] == 60
    assert "| EmoBank, test (published split) | r of valence |" in texts["README.md"]


def test_the_same_call_trains_nothing_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_model("text", data, tmp_path / "out", work=tmp_path / "work")
    before = {path.name: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    monkeypatch.setattr(shipped, "fit", lambda *arguments, **options: pytest.fail("it trains again"))
    second = make_model("text", data, tmp_path / "out", work=tmp_path / "work")
    assert {path.name: path.read_bytes() for path in second.rglob("*") if path.is_file()} == before


def test_scores_of_perfect_and_useless_predictions(data: Path) -> None:
    table = read_corpus("emobank", data / "emobank").table
    truth = table[list(AXES)].to_numpy(float)

    class Said:
        def __init__(self, mean: np.ndarray, width: float) -> None:
            self.mean, self.deviation = mean, np.full(3, width)

    random = np.random.default_rng(0)
    perfect = [Said(row, 0.1) for row in truth]
    useless = [Said(row, 0.001) for row in random.normal(size=truth.shape)]
    scores = {entry["metric"]: entry for entry in shipped._correlations("x", table, [perfect])}
    assert scores["r of valence"]["value"] == pytest.approx(1.0)
    assert scores["coverage of 90 % intervals of dominance"]["value"] == 1.0
    scores = {entry["metric"]: entry for entry in shipped._correlations("x", table, [useless])}
    assert abs(scores["r of valence"]["value"]) < 0.25
    assert scores["coverage of 90 % intervals of arousal"]["value"] < 0.05


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe for a model 'smell'; choose from text, text-large, voice"):
        make_model("smell", tmp_path, tmp_path, work=tmp_path)
    arguments = ["models", "make", "smell", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert "no recipe" in str(result.exception)
