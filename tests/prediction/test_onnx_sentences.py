"""Sentences that pass one ONNX graph: the same answers as PyTorch's, without importing it, and a cache that repairs itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectspace.features.backbones.text import marks_of
from affectspace.files import cache_folder
from affectspace.prediction import Failure, Prediction, Predictor, Sample
from affectspace.prediction import features as module
from affectspace.prediction.onnx_sentences import _batches, open_sentences

from .conftest import written
from .small_runs import SMALL, MakeRun

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnxscript", reason="the packages that make a graph are not installed")

TEXTS = [
    "good day",
    "GOOD day!!! ...",
    "a",
    "bad day good day bad bad",
    "  ",
    "good " * 40,
    "b c a b c a good",
    "x" * 3000 + " good",
]
HEAVY = ("torch", "transformers", "pandas", "sklearn", "pyarrow", "scipy", "matplotlib")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the tests of this file, as a graph takes seconds to make."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(autouse=True)
def _use_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(cache))


@pytest.fixture
def run(make_run: MakeRun, tiny_text: Path) -> Path:
    facts = {
        "text": written(f"text:{tiny_text}", pooling="mean", layers=[-2, -1], tokens=16, marks=True),
        "units": None,
    }
    return make_run("text", "units", facts=facts, widths={"text": 22}, **SMALL, categories=("anger", "calm"))


def by_pytorch(run: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    with monkeypatch.context() as patch:
        patch.setattr(module, "open_sentences", lambda *arguments: None)
        return Predictor.of_run(run).predict_many(samples)


def numbers(prediction: Prediction) -> np.ndarray:
    alone = [value for estimate in prediction.by_modality.values() for value in (*estimate.mean, *estimate.deviation)]
    return np.array([*prediction.mean, *prediction.deviation, prediction.probability, *alone])


def test_predictions_equal_those_of_pytorch(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [Sample(text) for text in TEXTS if len(text) < 2000]
    samples += [Sample(vectors={"units": np.arange(4.0)}), Sample("good", vectors={"units": np.ones(4)})]
    messages = []
    mine = Predictor.of_run(run, progress=lambda *arguments: messages.append(arguments)).predict_many(samples)
    theirs = by_pytorch(run, samples, monkeypatch)
    assert messages[0] == (0, 1, "preparing the text model for ONNX Runtime, once")
    for one, other in zip(mine, theirs, strict=True):
        if isinstance(other, Failure):
            assert one == other
            continue
        assert (one.emotion, one.notes, one.modalities) == (other.emotion, other.notes, other.modalities)
        np.testing.assert_allclose(numbers(one), numbers(other), atol=1e-4)
    assert mine[5].notes[0] == "a text of more than 16 tokens, cut"
    words = ["good", "asdf", "it's"]
    reader: Any = Predictor.of_run(run)._reader
    assert reader._sentences.pieces(words) == reader._modalities["text"].backbone.pieces(words)
    files = [path for path in (cache_folder() / "sentences").rglob("*") if path.is_file()]
    assert len({path.stat().st_mode & 0o777 for path in files}) == 1  # of the umask: users may share a cache


def test_a_sentence_imports_nothing_heavy_once_the_graph_is_made(run: Path) -> None:
    expected = Predictor.of_run(run).predict("good day")
    code = (
        "import json, sys; from affectspace.prediction import Predictor; "
        "prediction = Predictor.of_run(sys.argv[1]).predict('good day'); "
        f"print(json.dumps([prediction.mean, [name for name in {HEAVY} if name in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True)
    mean, heavy = json.loads(done.stdout)
    np.testing.assert_allclose(mean, expected.mean, atol=1e-12)
    assert heavy == []


@pytest.mark.parametrize("damage", ["weights.bin", "graph.onnx", "tokenizer.json", "facts.json"])
def test_a_damaged_cache_is_made_again(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    Predictor.of_run(run).predict("good day")
    [template] = [path for path in (cache_folder() / "sentences").iterdir() if (path / "graph.onnx").is_file()]
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path / "cache"))
    made: list[Path] = []

    def make(folder: Path) -> dict[str, Any]:
        made.append(folder)
        for name in ("weights.bin", "graph.onnx", "tokenizer.json"):
            shutil.copy(template / name, folder)
        return json.loads((template / "facts.json").read_text(encoding="utf-8"))

    def mean() -> np.ndarray:
        sentences = open_sentences({"run": 1}, [], make)
        assert sentences is not None
        return sentences.represent({0: ([2, 4, 3], marks_of("a"))}, 1)["mean"]

    expected = mean()
    np.testing.assert_array_equal(mean(), expected)
    assert len(made) == 1
    [folder] = (cache_folder() / "sentences").iterdir()
    (folder / damage).write_bytes((folder / damage).read_bytes()[:-50])
    np.testing.assert_array_equal(mean(), expected)
    assert len(made) == 2
    assert list(folder.parent.iterdir()) == [folder]


def test_without_a_place_for_the_cache_pytorch_predicts(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Predictor.of_run(run).predict("good day")
    (tmp_path / "file").touch()
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path / "file"))
    np.testing.assert_allclose(numbers(Predictor.of_run(run).predict("good day")), numbers(expected), atol=1e-4)


def test_an_encoder_without_a_graph_is_asked_once(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("text", **SMALL)
    expected = Predictor.of_run(run).predict("good day")
    reasons = [
        json.loads(path.read_text()).get("unsupported") for path in cache_folder().glob("sentences/*/facts.json")
    ]
    assert "text:letters is not an encoder of transformers with a tokenizer of the package tokenizers" in reasons
    monkeypatch.setitem(sys.modules, "affectspace.prediction.export", None)  # it is not tried again
    assert Predictor.of_run(run).predict("good day") == expected


def test_batches_hold_texts_of_similar_length() -> None:
    lengths = dict(enumerate([3, 300, 5, 4, 250, 192, 192]))
    assert list(_batches(lengths)) == [[0, 3, 2], [5, 6], [4], [1]]
