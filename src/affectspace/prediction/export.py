"""ONNX: a run's model as one file that needs neither this package nor PyTorch.

Features in, affect out: standardisation from the training rows, masks, fusion and calibration are inside, and so is the
read-out of a run on faces. The backbones are not: the file says in its metadata which ones made the features.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectspace import __version__
from affectspace.affect import AXES
from affectspace.errors import ConfigError, RunError
from affectspace.files import write_atomic
from affectspace.models import AffectModel, EmotionClassifier, Levasa
from affectspace.prediction.face_run import read_out
from affectspace.prediction.feature_run import modality_facts
from affectspace.prediction.readout import Readout
from affectspace.progress import Progress, silent
from affectspace.training.runs import Run, open_run

ROWS = 2  # of the example that is traced
OURS = "ours."  # before the names of inputs and outputs while the graph is made; no name of the exporter has a point
METADATA = "affectspace"  # the key of what the file says of itself


class FeatureGraph(nn.Module):
    """(features, present) of each modality in the model's order -> fused mean and deviation, then those of each modality."""

    def __init__(self, model: AffectModel) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(model.config.modalities)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        features = dict(zip(self.names, inputs[::2], strict=True))
        present = dict(zip(self.names, inputs[1::2], strict=True))
        # what stands in absent rows is never read, be it NaN
        features = {name: torch.where(present[name][:, None], value, 0.0) for name, value in features.items()}
        said = self.model.represent(features, present)
        alone: list[Tensor] = []
        for name in self.names:
            there = present[name][:, None]
            alone += [value.where(there, torch.nan) for value in (said.affect[name], said.deviation[name])]
        return (said.fused, said.fused_deviation, *alone)


class FaceGraph(nn.Module):
    """Images (batch, 3, size, size) in [0, 1] -> valence and arousal, and their deviation, (batch, 2) each."""

    def __init__(self, model: Levasa, readout: Readout | None) -> None:
        super().__init__()
        self.model, self.calibrated = model, readout is not None
        if readout is not None:
            self.register_buffer("weight", torch.tensor(readout.weight, dtype=torch.float32))
            self.register_buffer("bias", torch.tensor(readout.bias, dtype=torch.float32))
        deviation = np.full(2, np.nan) if readout is None else readout.deviation
        self.register_buffer("residual", torch.tensor(deviation, dtype=torch.float32))  # a name that no output has

    weight: Tensor
    bias: Tensor
    residual: Tensor

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        code = self.model.encode(image).mean
        mean = code @ self.weight + self.bias if self.calibrated else self.model.read_affect(code)
        return mean, torch.zeros_like(mean) + self.residual


@dataclass(frozen=True)
class Exported:
    """What was written. inputs, outputs : their names in order; facts : what the file's metadata says; bytes : its size"""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    facts: dict[str, Any]
    bytes: int


def export_onnx(run: str | Path, out: str | Path, *, force: bool = False, progress: Progress = silent) -> Exported:
    """Write a finished run's model as ONNX with a dynamic batch.

    Of a run on features: inputs `<modality>` (batch, width) float32 and `<modality>_present` (batch,) bool; outputs `mean`,
    `deviation` (batch, 3) and `<modality>_mean`, `<modality>_deviation`, NaN where nothing is present. Of a LeVAsa run:
    input `image` (batch, 3, size, size) in [0, 1]; outputs `mean`, `deviation` (batch, 2), valence and arousal.
    Raises RunError where the run is not finished, of another kind, or `out` is there; ConfigError without the packages.
    """
    opened, path = open_run(Path(run)), Path(out)
    model = opened.model()
    if path.exists() and not force:
        raise RunError(f"{path} is there already; --force replaces it")
    if path.is_dir():
        raise RunError(f"{path} is a folder; --out names a file, such as model.onnx")
    require_onnx()
    if isinstance(model, AffectModel):
        parts = _feature_parts(opened, model)
    elif isinstance(model, Levasa):
        parts = _face_parts(opened, model, progress)
    elif isinstance(model, EmotionClassifier):
        raise RunError(
            f"{run} holds a classifier of emotions, which knows no valence and arousal; there is nothing to export"
        )
    else:
        raise RunError(f"{run} is a run of kind {opened.facts['kind']!r}, which predicts no valence and arousal")
    graph, examples, inputs, outputs, facts = parts
    facts = {"affectspace": __version__, "kind": opened.facts["kind"], **facts, "licences": _licences(opened.facts)}
    progress(0, 1, "exporting")
    written = _write(graph.eval(), examples, inputs, outputs, facts, path)
    progress(1, 1, "exporting")
    return written


def require_onnx() -> None:
    """Raises ConfigError where the packages of the export are missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"the export needs {error.name}: pip install 'affectspace[onnx]'") from error


_Parts = tuple[nn.Module, tuple[Tensor, ...], list[str], list[str], dict[str, Any]]


def _feature_parts(run: Run, model: AffectModel) -> _Parts:
    examples: list[Tensor] = []
    inputs: list[str] = []
    outputs = ["mean", "deviation"]
    for name, width in model.config.modalities.items():
        examples += [torch.zeros(ROWS, width), torch.ones(ROWS, dtype=torch.bool)]
        inputs += [name, f"{name}_present"]
        outputs += [f"{name}_mean", f"{name}_deviation"]
    facts = {"axes": list(AXES), "modalities": modality_facts(run, model)}
    return FeatureGraph(model), tuple(examples), inputs, outputs, facts


def _face_parts(run: Run, model: Levasa, progress: Progress) -> _Parts:
    readout, reason = read_out(run, model, progress)
    size = model.config.image_size
    facts: dict[str, Any] = {"axes": list(AXES[:2]), "image_size": size, "calibrated": readout is not None}
    facts["readout"] = {"missing": reason} if readout is None else readout.facts
    return FaceGraph(model, readout), (torch.zeros(ROWS, 3, size, size),), ["image"], ["mean", "deviation"], facts


def _licences(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Corpus -> its licence, citation and kind of labels, which go where the model goes."""
    kept = ("licence", "citation", "label_kind")
    corpora = facts.get("corpora") or {"corpus": facts}
    return {name: {key: one[key] for key in kept if one.get(key)} for name, one in corpora.items()}


def _write(
    graph: nn.Module,
    examples: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    facts: dict[str, Any],
    path: Path,
) -> Exported:
    import onnx

    batch = torch.export.Dim("batch", min=1)
    shapes: Any = tuple({0: batch} for _ in examples)
    if isinstance(graph, FeatureGraph):
        shapes = (shapes,)  # of *inputs
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph, examples, dynamic_shapes=shapes, dynamo=True, verbose=False,
            input_names=[OURS + name for name in inputs], output_names=[OURS + name for name in outputs],
        )  # fmt: skip
    assert program is not None
    model = program.model_proto
    _give_names(model.graph, {*inputs, *outputs})
    fixed = [one.name for one in model.graph.input if not one.type.tensor_type.shape.dim[0].dim_param]
    if fixed:
        raise RunError(f"this model fixes the number of rows of {fixed[0]}, so that it has no dynamic batch to export")
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(facts)
    model.producer_name, model.producer_version = "affectspace", __version__
    onnx.checker.check_model(model)
    write_atomic(path, lambda partial: onnx.save_model(model, str(partial)))
    return Exported(path, tuple(inputs), tuple(outputs), facts, path.stat().st_size)


def _give_names(graph: Any, public: set[str]) -> None:
    """Inputs and outputs get their names; a value inside that the exporter called the same (`mean` of an average) another."""

    def renamed(name: str) -> str:
        return name.removeprefix(OURS) if name.startswith(OURS) else f"inner.{name}" if name in public else name

    for node in graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = renamed(value.name)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's talk of packages that it could use, and its warnings about itself, are not the user's concern."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
