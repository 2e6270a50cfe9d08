"""Sentences without PyTorch: the text encoder and the model of a run as one ONNX graph, made once and kept in the cache.

A folder of the cache holds `graph.onnx` (inputs `ids` and `mask`, outputs by the names of `Representation.outputs`), its
weights, `tokenizer.json`, and `facts.json`, which is written last.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import RunError, UnreadableItem
from affectspace.features.backbones.text import CHARACTERS, Loaded, marks_of
from affectspace.files import cache_folder, open_as_usual, parse_json, partial_path, write_text

PACKAGES = ("onnxruntime", "tokenizers")  # for reading; making a graph also needs MAKING
MAKING = ("onnx", "onnxscript", "transformers")
FACTS, GRAPH, WEIGHTS, TOKENIZER = "facts.json", "graph.onnx", "weights.bin", "tokenizer.json"
BATCH_TOKENS = 384  # of a batch of a table, padding included; more tokens do not fit the cache of a processor
_CODE = (
    "models",
    "features/backbones",
    "prediction/export.py",
    "prediction/onnx_sentences.py",
)  # what a graph depends on

Make = Callable[[Path], Mapping[str, Any]]  # fills a folder with the three files, and returns facts


class Sentences:
    """An opened graph. tokens : limit of a text; inputs, outputs : their names"""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        facts = parse_json((folder / FACTS).read_text(encoding="utf-8"))
        for name, size in facts["files"].items():
            if (folder / name).stat().st_size != size:
                raise ValueError(f"{name} has another size")
        self.tokens, self.inputs, self.outputs = int(facts["tokens"]), tuple(facts["inputs"]), tuple(facts["outputs"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # batches run side by side instead
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.tokens)

    def load(self, texts: Sequence[str]) -> list[tuple[Loaded, bool] | UnreadableItem]:
        """Return tokens and marks of each text, and whether it was cut; UnreadableItem for an empty text."""
        cut = [text[: CHARACTERS * self.tokens] for text in texts]
        loaded: list[tuple[Loaded, bool] | UnreadableItem] = []
        for text, read, encoding in zip(texts, cut, self._tokenizer.encode_batch(cut), strict=True):
            if text.strip():
                marks = marks_of(read) if "marks" in self.inputs else ()
                loaded.append(((encoding.ids, marks), bool(encoding.overflowing) or len(read) < len(text)))
            else:
                loaded.append(UnreadableItem("the text is empty"))
        return loaded

    def pieces(self, words: Sequence[str]) -> list[int]:
        """Count the tokens of each word."""
        encodings = self._tokenizer.encode_batch([f" {word}" for word in words], add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def represent(self, loaded: Mapping[int, Loaded], rows: int) -> dict[str, np.ndarray]:
        """Compute the outputs of `rows` rows, name -> (rows, ...) float64; NaN in rows without tokens.

        loaded : row -> its tokens and marks. Batches have texts of similar length; every processor computes one at a time.
        """
        batches = list(_batches({row: len(ids) for row, (ids, _) in loaded.items()}))
        workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 16)
        if len(batches) < 2 or workers < 2:
            computed = [self._run([loaded[row] for row in batch]) for batch in batches]
        else:
            with ThreadPoolExecutor(workers, thread_name_prefix="sentences") as pool:
                computed = list(pool.map(lambda batch: self._run([loaded[row] for row in batch]), batches))
        outputs: dict[str, np.ndarray] = {}
        for batch, values in zip(batches, computed, strict=True):
            for name, value in zip(self.outputs, values, strict=True):
                if name not in outputs:
                    outputs[name] = np.full((rows, *value.shape[1:]), np.nan)
                outputs[name][batch] = value
        return outputs

    def _run(self, batch: Sequence[Loaded]) -> list[np.ndarray]:
        ids, mask = np.zeros((2, len(batch), max(len(tokens) for tokens, _ in batch)), np.int64)
        for row, (tokens, _) in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"ids": ids, "mask": mask, "marks": np.array([marks for _, marks in batch], np.float32)}
        return self._session.run(self.outputs, {name: inputs[name] for name in self.inputs})


def _batches(lengths: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield rows in batches of similar length."""
    batch: list[int] = []
    for row in sorted(lengths, key=lambda row: lengths[row]):
        if batch and (len(batch) + 1) * lengths[row] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def open_sentences(key: Mapping[str, Any], files: Sequence[Path], make: Make) -> Sentences | None:
    """Open the graph of a run from the cache, or make it first. None where this run or this machine cannot have one.

    Parameters
    ----------
    key : mapping
        What the graph depends on besides the code of this package, as JSON.
    files : sequence of path
        Files that it depends on, such as the weights of the model.
    make : callable
        Fills a folder with graph, weights and tokenizer. It raises RunError for an encoder that has no graph.

    Raises
    ------
    RunError
        Where a file of the run cannot be read.
    """
    if any(importlib.util.find_spec(name) is None for name in PACKAGES):
        return None
    folder = cache_folder() / "sentences" / _digest(key, files)
    try:
        return _opened(folder)
    except _Unsupported:
        return None
    except Exception:  # missing, or damaged in any way that a runtime can report
        if any(importlib.util.find_spec(name) is None for name in MAKING):
            return None
    try:
        _write(folder, make)
        return _opened(folder)
    except (_Unsupported, OSError):  # a cache that cannot be written costs time, and nothing else
        return None


class _Unsupported(Exception):
    """This run has no graph."""


def _opened(folder: Path) -> Sentences:
    if (folder / FACTS).is_file():
        facts = parse_json((folder / FACTS).read_text(encoding="utf-8"))
        if facts.get("unsupported"):
            raise _Unsupported(facts["unsupported"])
    return Sentences(folder)


def _write(folder: Path, make: Make) -> None:
    """Make a graph in a folder beside its place, and rename that. A run that has none leaves the reason."""
    partial = partial_path(folder)
    try:
        partial.mkdir(parents=True, exist_ok=True)
        try:
            facts = dict(make(partial))
            facts["files"] = {name: (partial / name).stat().st_size for name in (GRAPH, WEIGHTS, TOKENIZER)}
        except RunError as error:
            facts = {"unsupported": str(error)}
        write_text(partial / FACTS, json.dumps(facts, indent=2) + "\n")
        open_as_usual(partial)  # users may share a cache
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _digest(key: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Hash what a graph depends on, the code included, so that a new version never reads the graph of an old one."""
    package = Path(__file__).resolve().parents[1]
    code = [
        path
        for name in _CODE
        for path in ([package / name] if name.endswith(".py") else package.glob(f"{name}/**/*.py"))
    ]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode())
    for path in [*files, *sorted(code)]:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise RunError(
                f"{path} cannot be read ({error.strerror or error}); train the run again with --force"
            ) from error
    return digest.hexdigest()[:24]
