"""ONNX: a run's model as one file that needs neither this package nor PyTorch.

The file maps features to affect. It contains standardisation, masks, fusion and calibration, and the read-out of a run on
faces, but not the backbones; its metadata names those that made the features.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
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
from affectspace.features.backbones.text import MARKS, TextBackbone
from affectspace.files import write_atomic, write_text
from affectspace.models import AffectModel, Levasa
from affectspace.prediction.faces import Readout, find_readout, open_corpus
from affectspace.prediction.onnx_sentences import GRAPH, TOKENIZER, WEIGHTS
from affectspace.progress import Progress, silent
from affectspace.training.runs import Run, open_run

ROWS = 2  # of the example that is traced
TOLERANCE = 1e-4  # largest difference of a graph of sentences from PyTorch
OURS = "ours."  # prefix of our names while the graph is made; the exporter's own names have no full stop
METADATA = "affectspace"  # key of our metadata


class FeatureGraph(nn.Module):
    """(features, present) of each modality in the model's order -> the values of `Representation.outputs`."""

    def __init__(self, model: AffectModel) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(model.config.modalities)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs; values in absent rows are never read, not even NaN."""
        features = dict(zip(self.names, inputs[::2], strict=True))
        present = dict(zip(self.names, inputs[1::2], strict=True))
        features = {name: torch.where(present[name][:, None], value, 0.0) for name, value in features.items()}
        outputs = self.model.represent(features, present).outputs()
        for name in self.names:
            for output in (f"{name}_mean", f"{name}_deviation", f"{name}_distance"):
                if output in outputs:
                    mask = present[name] if outputs[output].ndim == 1 else present[name][:, None]
                    outputs[output] = outputs[output].where(mask, torch.nan)
        return tuple(outputs.values())


class SentenceGraph(nn.Module):
    """Tokens and their mask (batch, length), and marks (batch, numbers) -> `Representation.outputs` of a text alone."""

    def __init__(self, model: AffectModel, modality: str, backbone: TextBackbone) -> None:
        super().__init__()
        self.model, self.encoder, self.modality, self.backbone = model, backbone.model, modality, backbone

    def outputs(self, ids: Tensor, mask: Tensor, marks: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the outputs by name; those of other modalities are left out."""
        vectors = self.backbone.pooled(ids, mask, marks)
        present = torch.ones(ids.shape[0], dtype=torch.bool)
        outputs = self.model.represent({self.modality: vectors}, {self.modality: present}).outputs()
        others = [name for name in self.model.config.modalities if name != self.modality]
        absent = {f"{name}_{kind}" for name in others for kind in ("mean", "deviation", "distance")}
        return {name: value for name, value in outputs.items() if name not in absent}

    def forward(self, ids: Tensor, mask: Tensor, marks: Tensor | None = None) -> tuple[Tensor, ...]:
        """Compute the outputs."""
        return tuple(self.outputs(ids, mask, marks).values())


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
        """Compute mean and deviation."""
        code = self.model.encode(image).mean
        mean = code @ self.weight + self.bias if self.calibrated else self.model.read_affect(code)
        return mean, torch.zeros_like(mean) + self.residual


@dataclass(frozen=True)
class Exported:
    """A written file. inputs, outputs : their names in order; facts : its metadata; bytes : its size"""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    facts: dict[str, Any]
    bytes: int


def export_onnx(run: str | Path, out: str | Path, *, force: bool = False, progress: Progress = silent) -> Exported:
    """Write a finished run's model as ONNX with a dynamic batch.

    A run on features has inputs `<modality>` (batch, width) float32 and `<modality>_present` (batch,) bool, and outputs
    `mean`, `deviation` (batch, 3) and `<modality>_mean`, `<modality>_deviation`, NaN where nothing is present. A LeVAsa run
    has the input `image` (batch, 3, size, size) in [0, 1], and outputs `mean`, `deviation` (batch, 2) of valence and arousal.

    Parameters
    ----------
    run : path
        Folder of a finished run.
    out : path
        File to write.
    force : bool
        Replace an existing file.
    progress : callable

    Raises
    ------
    RunError
        If the run is not finished or of another kind, or `out` exists.
    ConfigError
        If a package is missing.

    Examples
    --------
    >>> export_onnx("runs/mine", "mine.onnx").inputs  # doctest: +SKIP
    ('text', 'text_present')
    """
    opened, path = open_run(Path(run)), Path(out)
    model = opened.model()
    if not isinstance(model, AffectModel | Levasa):
        raise RunError(
            f"{run} holds a model of kind {opened.facts['kind']!r}, which does not predict valence and arousal; export another "
            "run"
        )
    if path.is_dir():
        raise RunError(f"{path} is a folder; give a file, such as model.onnx")
    if path.exists() and not force:
        raise RunError(f"{path} exists already; use --force to replace it")
    require_onnx()
    parts = _face_parts(opened, model, progress) if isinstance(model, Levasa) else _feature_parts(opened, model)
    graph, examples, inputs, outputs, facts = parts
    facts = {"affectspace": __version__, "kind": opened.facts["kind"], **facts, "licences": _licences(opened.facts)}
    progress(0, 1, "exporting")
    written = _write(graph.eval(), examples, inputs, outputs, facts, path)
    progress(1, 1, "exporting")
    return written


def require_onnx() -> None:
    """Raise ConfigError if a package of the export is missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"the export needs {error.name}: pip install 'affectspace[onnx]'") from error


_Parts = tuple[nn.Module, tuple[Tensor, ...], list[str], list[str], dict[str, Any]]


def _feature_parts(run: Run, model: AffectModel) -> _Parts:
    examples: list[Tensor] = []
    inputs: list[str] = []
    for name, width in model.config.modalities.items():
        examples += [torch.zeros(ROWS, width), torch.ones(ROWS, dtype=torch.bool)]
        inputs += [name, f"{name}_present"]
    features, present = (dict(zip(model.config.modalities, examples[part::2], strict=True)) for part in (0, 1))
    with torch.inference_mode():
        outputs = list(model.represent(features, present).outputs())
    facts = {"axes": list(AXES), "modalities": run.backbones, "emotions": list(model.config.categories)}
    return FeatureGraph(model), tuple(examples), inputs, outputs, facts


def _face_parts(run: Run, model: Levasa, progress: Progress) -> _Parts:
    found = find_readout(run, model, lambda: open_corpus(run, progress), progress)
    readout = None if isinstance(found, str) else found
    size = model.config.image_size
    facts: dict[str, Any] = {"axes": list(AXES[:2]), "image_size": size, "calibrated": readout is not None}
    facts["readout"] = {"missing": found} if readout is None else readout.facts
    return FaceGraph(model, readout), (torch.zeros(ROWS, 3, size, size),), ["image"], ["mean", "deviation"], facts


def _licences(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Corpus -> its licence, citation and kind of labels, which travel with the model."""
    kept = ("licence", "citation", "label_kind")
    corpora = facts.get("corpora") or {"corpus": facts}
    return {name: {key: corpus[key] for key in kept if corpus.get(key)} for name, corpus in corpora.items()}


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
    model = _traced(graph, examples, shapes, inputs, outputs)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(facts)
    onnx.checker.check_model(model)
    write_atomic(path, lambda partial: onnx.save_model(model, str(partial)))
    return Exported(path, tuple(inputs), tuple(outputs), facts, path.stat().st_size)


def _traced(
    graph: nn.Module, examples: tuple[Tensor, ...], shapes: Any, inputs: Sequence[str], outputs: Sequence[str]
) -> Any:
    """Return the ONNX model of a graph. shapes : the dynamic dimensions of its inputs"""
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph, examples, dynamic_shapes=shapes, dynamo=True, verbose=False,
            input_names=[OURS + name for name in inputs], output_names=[OURS + name for name in outputs],
        )  # fmt: skip
    assert program is not None
    model = program.model_proto
    _give_names(model.graph, {*inputs, *outputs})
    fixed = [value.name for value in model.graph.input if not value.type.tensor_type.shape.dim[0].dim_param]
    if fixed:
        raise RunError(
            f"the model fixes the number of rows of {fixed[0]}, so that it cannot be exported for any batch size"
        )
    model.producer_name, model.producer_version = "affectspace", __version__
    return model


def export_sentences(model: AffectModel, modality: str, backbone: Any, folder: Path) -> dict[str, Any]:
    """Write the graph of a text encoder and a model into a folder, for `affectspace.prediction.onnx_sentences`.

    Returns the limit of tokens and the names of the outputs. Raises RunError for an encoder that has no graph.
    """
    import onnx

    tokenizer = backbone.tokenizer_json() if isinstance(backbone, TextBackbone) else None
    if tokenizer is None:
        raise RunError(f"{backbone.name} is not an encoder of transformers with a tokenizer of the package tokenizers")
    graph = SentenceGraph(model, modality, backbone).eval()
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, int(backbone.model.config.vocab_size), (ROWS, 7), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=1, max=backbone.settings["tokens"])
    examples: dict[str, Tensor] = {"ids": ids, "mask": mask}
    shapes: tuple[dict[int, Any], ...] = ({0: batch, 1: length}, {0: batch, 1: length})
    if backbone.settings.get("marks"):
        examples["marks"], shapes = torch.rand(ROWS, len(MARKS), generator=generator), (*shapes, {0: batch})
    with torch.inference_mode():
        expected = {name: value.numpy() for name, value in graph.outputs(**examples).items()}
    outputs = list(expected)
    try:
        traced = _traced(graph, tuple(examples.values()), shapes, list(examples), outputs)
    except Exception as error:  # the exporter raises almost anything for an operation that it does not know
        raise RunError(f"{backbone.name} cannot be exported: {' '.join(str(error).split())[:300]}") from error
    write_text(folder / TOKENIZER, tokenizer)
    onnx.save_model(traced, str(folder / GRAPH), save_as_external_data=True, location=WEIGHTS)
    _check_sentences(folder / GRAPH, {name: value.numpy() for name, value in examples.items()}, expected)
    return {
        "tokens": backbone.settings["tokens"],
        "inputs": list(examples),
        "outputs": outputs,
        "backbone": backbone.name,
    }


def _check_sentences(path: Path, inputs: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Raise RunError if a graph computes something else than PyTorch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    computed = session.run(list(expected), inputs)
    for (name, value), other in zip(expected.items(), computed, strict=True):
        if not np.allclose(value, other, atol=TOLERANCE, rtol=0, equal_nan=True):
            raise RunError(f"the output {name} of the graph differs from PyTorch's by more than {TOLERANCE}")


def _give_names(graph: Any, public: set[str]) -> None:
    """Give inputs and outputs their names; rename inner values that the exporter called the same, such as `mean`."""

    def renamed(name: str) -> str:
        return name.removeprefix(OURS) if name.startswith(OURS) else f"inner.{name}" if name in public else name

    for node in graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = renamed(value.name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's messages about packages that it could use, and its warnings about itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
