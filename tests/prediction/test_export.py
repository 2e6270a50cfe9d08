"""ONNX: what onnxruntime says equals what PyTorch says, with any batch and any modalities missing."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError, RunError
from affectspace.models import MODELS, AffectModel
from affectspace.prediction import export as module
from affectspace.prediction import export_onnx
from affectspace.prediction.faces import FILE, FaceReader, Readout, weights_digest
from affectspace.training.configuration import build_config
from affectspace.training.runs import load, open_run, start_run

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

SMALL: dict[str, Any] = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}
CATEGORIES = ("anger", "calm", "fear")
MODELS_AND_SETTINGS: list[Any] = [
    (
        "manifold",
        {"encoder": {"hidden": (16,)}, "private": {"size": 4}, "corpora": ("a", "b"), "categories": ("anger", "calm")},
    ),
    pytest.param(
        "manifold",
        {"encoder": {"hidden": (16,)}, "private": {"size": 4}, "fusion": "precision"},
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "manifold",
        {
            "encoder": {"hidden": (16,)},
            "private": {"size": 4},
            "categories": CATEGORIES,
            "prototypes": {"heads": ("text", "audio")},
        },
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "ensemble", {"encoder": {"hidden": (16,)}, "private": {"size": 4}, "members": 2}, marks=pytest.mark.slow
    ),
    pytest.param("mvae", {"hidden": (16,)}, marks=pytest.mark.slow),
    pytest.param("misa", {"hidden": 16}, marks=pytest.mark.slow),
]


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def rows(model: AffectModel, n: int, seed: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Random features with a mask that lacks something in every second row, and everything in the last of many."""
    generator = torch.Generator().manual_seed(seed)
    features, present = {}, {}
    for place, (name, width) in enumerate(model.config.modalities.items()):
        features[name] = 3 * torch.randn(n, width, generator=generator)
        present[name] = (torch.arange(n) + place + seed) % 2 == 0
        present[name] |= torch.rand(n, generator=generator) < 0.4
        if n > 2:
            present[name][-1] = False
    return features, present


def close(mine: np.ndarray, theirs: torch.Tensor, where: torch.Tensor | None = None) -> None:
    expected = theirs.detach().numpy()
    if where is not None:
        expected = np.where(where.numpy()[:, None], expected, np.nan)
    np.testing.assert_allclose(mine, expected, atol=1e-5, rtol=0, equal_nan=True)


@pytest.mark.parametrize(("kind", "settings"), MODELS_AND_SETTINGS, ids=lambda value: str(value)[:40])
def test_outputs_equal_pytorch(
    make_run: Callable[..., Path], tmp_path: Path, kind: str, settings: dict[str, Any]
) -> None:
    run = make_run("text", "audio", "units", kind=kind, **settings)
    done = export_onnx(run, tmp_path / "model.onnx")
    model = load(run)
    assert isinstance(model, AffectModel)
    exported = session(done.path)
    assert [one.name for one in exported.get_inputs()] == list(done.inputs)
    assert [one.shape for one in exported.get_inputs()][:2] == [["batch", 27], ["batch"]]
    facts = json.loads(exported.get_modelmeta().custom_metadata_map["affectspace"])
    assert facts["kind"] == kind
    assert facts["modalities"]["text"]["name"] == "text:letters"
    assert facts["modalities"]["units"] is None  # nothing is recorded of it
    assert facts["licences"] == {"a": {"licence": "free", "label_kind": ["transferred"]}}
    for n in (1, 2, 17):
        features, present = rows(model, n, seed=n)
        given = {  # what stands in absent rows is of no matter
            name: value.masked_fill(~present[name][:, None], torch.nan).numpy() for name, value in features.items()
        }
        given |= {f"{name}_present": value.numpy() for name, value in present.items()}
        outputs = dict(zip(done.outputs, exported.run(None, given), strict=True))
        with torch.inference_mode():
            expected = model.represent(features, present)
        assert np.isfinite(outputs["mean"][:-1]).all() or n == 1
        close(outputs["mean"], expected.fused)
        close(outputs["deviation"], expected.fused_deviation)
        for name in model.config.modalities:
            close(outputs[f"{name}_mean"], expected.affect[name], present[name])
            close(outputs[f"{name}_deviation"], expected.deviation[name], present[name])


def face_run(folder: Path, alignment: str = "continuous", readout: bool = True) -> Path:
    """A finished run of an untrained face model whose corpus is gone, with or without its read-out."""
    config = build_config({
        "data": {"corpus": "table", "path": str(folder / "gone.csv")},
        "model": {"image_size": 32, "width": 4, "hidden": (16,), "chunk": 4, "alignment": alignment},
    })  # fmt: skip
    run = start_run(folder, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        MODELS[config.model.kind](config.model).eval().save_pretrained(folder / "model")  # type: ignore[arg-type]
    run.record(state="finished")
    if readout:
        random = np.random.default_rng(0)
        facts = {"model": weights_digest(run)}
        Readout(random.normal(size=(12, 2)), random.normal(size=2), np.array([0.3, 0.4]), None, facts).save(
            folder / FILE
        )
    return folder


@pytest.mark.parametrize(
    ("alignment", "readout"),
    [("none", True), pytest.param("discrete", False, marks=pytest.mark.slow)],
)
def test_faces(tmp_path: Path, alignment: str, readout: bool) -> None:
    run = face_run(tmp_path / "run", alignment, readout)
    done = export_onnx(run, tmp_path / "face.onnx")
    exported = session(done.path)
    assert (done.facts["calibrated"], done.facts["axes"]) == (readout, ["valence", "arousal"])
    reader = FaceReader(open_run(run), load(run), {}, "cpu")  # type: ignore[arg-type]
    for n in (1, 2, 17):
        pixels = np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
        image = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32) / 255
        mean, deviation = exported.run(["mean", "deviation"], {"image": image})
        np.testing.assert_allclose(mean, reader.read_pixels(pixels), atol=1e-5, rtol=0)
        expected = np.tile([0.3, 0.4], (n, 1)) if readout else np.full((n, 2), np.nan)
        np.testing.assert_allclose(deviation, expected, atol=1e-6, equal_nan=True)


def test_refusals(make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("text", **SMALL)
    (tmp_path / "there.onnx").touch()
    with pytest.raises(RunError, match=r"there\.onnx exists already; use --force to replace it"):
        export_onnx(run, tmp_path / "there.onnx")
    with pytest.raises(RunError, match="is a folder; give a file"):
        export_onnx(run, tmp_path, force=True)
    with pytest.raises(RunError, match="is not a run of affectspace"):
        export_onnx(tmp_path / "nowhere", tmp_path / "model.onnx")
    unfinished = make_run("audio", state="training", **SMALL)
    with pytest.raises(RunError, match="has not finished"):
        export_onnx(unfinished, tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ConfigError, match=r"the export needs onnxscript: pip install 'affectspace\[onnx\]'"):
        export_onnx(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.slow
def test_a_model_that_fixes_its_rows_is_refused(
    make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = module.FeatureGraph.forward

    def fixing(self: Any, *inputs: torch.Tensor) -> Any:
        return plain(self, *(one.reshape(len(one), *one.shape[1:]) for one in inputs))

    monkeypatch.setattr(module.FeatureGraph, "forward", fixing)
    with pytest.raises(RunError, match="fixes the number of rows of text"):
        export_onnx(make_run("text", **SMALL), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
