"""Runs on features: samples pass the backbones that made the training features, and then the model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.affect import AXES
from affectspace.devices import choose_device
from affectspace.errors import ConfigError, RunError, UnreadableItem
from affectspace.features.backbone import (
    Backbone,
    Item,
    encode_by_length,
    is_ready_made,
    recipe_of,
    remake_backbone,
)
from affectspace.features.backbones.pretrained import threads_for
from affectspace.features.backbones.text import Loaded
from affectspace.features.items import SOURCES
from affectspace.prediction.emotions import kept_moments, published_emotions
from affectspace.prediction.language import unusual_text
from affectspace.prediction.onnx_sentences import Sentences, open_sentences
from affectspace.prediction.readers import training_corpora
from affectspace.prediction.result import Outcome, to_outcomes
from affectspace.prediction.sample import FILES, KINDS, Sample, with_place
from affectspace.progress import Progress, remarks_of_thread, silent
from affectspace.training.places import near
from affectspace.training.runs import Run

if TYPE_CHECKING:
    from affectspace.models import AffectModel


@dataclass(eq=False)
class ModalityFeatures:
    """The features of one modality of n samples.

    features : (n, width) float32, zero where absent; present : (n,) bool
    reasons : row -> why its input could not be read; notes : row -> what the backbone noticed
    """

    features: np.ndarray
    present: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)


class Modality:
    """One modality of a run. Its backbone is loaded when it is first needed.

    name, width : as in the model; identity : what the run records about the backbone, None where it records nothing
    source : current location of its weights, if they have moved: a folder, a hub name, or a LeVAsa run
    folder : of the run; a recorded location that begins with "./" is below it
    """

    def __init__(
        self,
        name: str,
        width: int,
        identity: Mapping[str, Any] | None,
        source: str | Path | None,
        device: str,
        folder: Path,
    ) -> None:
        self.name, self.width, self.identity = name, width, identity
        self._source, self._device, self._folder = source, device, folder
        self._backbone: Backbone | None = None

    @property
    def ready_made(self) -> bool:
        """Whether its vectors are computed elsewhere."""
        return self.identity is None or is_ready_made(self.identity)

    @property
    def reads(self) -> tuple[str, ...]:
        """The kinds of input that it reads, of text, audio, video and image; ready-made vectors are always read."""
        if self.identity is None or self.ready_made:
            return ()
        return SOURCES.get(str(self.identity["modality"]), ())

    @property
    def backbone(self) -> Backbone:
        """The backbone. Raises RunError with the remedy where it cannot run here."""
        if self._backbone is None:
            assert self.identity is not None
            try:
                self._backbone = remake_backbone(self._relocated(), device=choose_device(self._device))
            except ConfigError as error:
                raise RunError(
                    f"modality {self.name}: {error}; give the location of the same weights with --backbone "
                    f"{self.name}=... (in Python backbones=), or ready-made vectors, which need no backbone"
                ) from error
        return self._backbone

    def _relocated(self) -> dict[str, Any]:
        """What the run records, with the location that the caller gives, or with that in the run folder."""
        recorded = dict(self.identity or {})
        recipe = recipe_of(recorded)
        location = Path(str(recipe["settings"]["run"] if recipe["name"] == "levasa" else recipe["name"]))
        source = self._source
        if source is None and str(recipe["name"]).startswith("./"):
            source = self._folder / location
        elif source is None and location.is_absolute() and not location.exists():
            source = next(near(self._folder, location.name), None)
        if source is None:
            return recorded
        if recipe["name"] == "levasa":
            changes: dict[str, Any] = {"settings": {**recipe["settings"], "run": str(source)}}
        elif self._source is not None and "lexicons" in recipe["settings"]:
            changes = {"settings": {**recipe["settings"], "lexicons": self._lexicons(recipe["settings"]["lexicons"])}}
        else:
            changes = {"name": str(source)}
        return {**recorded, "recipe": {**recipe, **changes}}

    def _lexicons(self, known: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Settings of lexicons whose files have moved: name=FILE,name=FILE, or the file alone if there is one lexicon."""
        text = str(self._source)
        pairs = [part.partition("=") for part in text.split(",")] if "=" in text or len(known) > 1 else []
        files = {name.strip(): file.strip() for name, _, file in pairs} if pairs else dict.fromkeys(known, text)
        unknown = [name for name in files if name not in known]
        if unknown:
            raise ConfigError(f"unknown lexicon {unknown[0]!r}; write {'=FILE,'.join(known)}=FILE")
        return {name: {**options, "path": files.get(name, options["path"])} for name, options in known.items()}

    def kind_in(self, sample: Sample) -> str | None:
        """Return which of the sample's inputs it reads: "vectors", "text", "audio", ...; None without one."""
        if self.name in sample.vectors:
            return "vectors"
        return next((kind for kind in self.reads if sample.has(kind)), None)

    def encode(self, samples: Sequence[Sample]) -> ModalityFeatures:
        """Compute the features of samples. What cannot be read is absent, with its reason."""
        result = ModalityFeatures(np.zeros((len(samples), self.width), np.float32), np.zeros(len(samples), bool))
        kinds = [self.kind_in(sample) for sample in samples]
        for row, kind in enumerate(kinds):
            if kind == "vectors":
                self._add(result, row, samples[row].vectors[self.name])
        rows = [row for row, kind in enumerate(kinds) if kind not in (None, "vectors")]
        if not rows:
            return result
        loaded = _load(self.backbone, {row: _item(samples[row], str(kinds[row])) for row in rows}, result.notes)
        result.reasons |= {row: str(value) for row, value in loaded.items() if isinstance(value, UnreadableItem)}
        readable = {row: loaded[row] for row in rows if row not in result.reasons}
        for row, vector in encode_by_length(self.backbone, readable):
            self._add(result, row, vector)
        return result

    def _add(self, result: ModalityFeatures, row: int, vector: Any) -> None:
        try:
            numbers = np.asarray(vector, dtype=np.float32)
        except (TypeError, ValueError):
            result.reasons[row] = f"the vector of {self.name} is not numbers"
            return
        if numbers.shape != (self.width,):
            result.reasons[row] = (
                f"the vector of {self.name} has shape {numbers.shape}; the run was trained on {self.width}"
            )
        elif not np.isfinite(numbers).all():
            result.reasons[row] = f"the vector of {self.name} has missing or infinite numbers"
        else:
            result.features[row], result.present[row] = numbers, True


def _item(sample: Sample, kind: str) -> Item:
    if kind == "text":
        return Item("sample", text=sample.text)
    source = getattr(sample, kind)
    start, end = (None, None) if kind == "image" else (sample.start, sample.end)
    if isinstance(source, bytes):
        return Item("sample", content=source, start=start, end=end)
    return Item(source.name, path=source, start=start, end=end)


def _load(backbone: Backbone, items: dict[int, Item], notes: dict[int, list[str]]) -> dict[int, Any]:
    """Load items, row -> what the backbone read, or the UnreadableItem. Files are loaded in threads."""

    def load(row: int) -> Any:
        with remarks_of_thread() as remarks:
            try:
                loaded = backbone.load(items[row])
            except UnreadableItem as reason:
                loaded = reason
        notes[row] = list(remarks)
        return loaded

    if len(items) > 1 and all(item.text is None for item in items.values()):
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8), thread_name_prefix="decode") as pool:
            return dict(zip(items, pool.map(load, items), strict=True))
    return {row: load(row) for row in items}


def open_modalities(run: Run, backbones: Mapping[str, str | Path], device: str) -> dict[str, Modality]:
    """Return the modalities of a run. Raises RunError for a backbone of a modality that the run does not have."""
    widths = run.model_settings["modalities"]
    unknown = [name for name in backbones if name not in widths]
    if unknown:
        raise RunError(f"{run.folder} has no modality {unknown[0]!r}; it has {', '.join(widths)}")
    facts = run.backbones
    return {
        name: Modality(name, width, facts[name], backbones.get(name), device, run.folder)
        for name, width in widths.items()
    }


class FeatureReader:
    """A finished run of a model on feature vectors. Model and backbones are loaded when they are first needed.

    Samples with nothing but a text pass one ONNX graph without PyTorch, on the CPU and where the encoder allows it.
    """

    reads_boxes = False

    def __init__(self, run: Run, backbones: Mapping[str, str | Path], device: str, progress: Progress = silent) -> None:
        self.run, self._device, self._progress = run, device, progress
        corpora = (run.facts.get("corpora") or {}).values()
        self.label_kinds = tuple(sorted({str(kind) for corpus in corpora for kind in corpus.get("label_kind", ())}))
        self.trained_on = training_corpora(run.facts)
        self._modalities = open_modalities(run, backbones, device)
        self.modalities = tuple(self._modalities)
        read = {kind for modality in self._modalities.values() for kind in modality.reads}
        self.kinds = tuple(kind for kind in KINDS if kind in read)
        self.vectors = self.modalities
        self.columns: Mapping[str, Sequence[str] | None] = {
            name: (modality.identity or {}).get("columns") for name, modality in self._modalities.items()
        }
        self.pools = {
            name: (modality.identity or {}).get("settings", {}).get("pool")
            for name, modality in self._modalities.items()
        }
        self._categories: Sequence[str] = run.model_settings.get("categories") or ()
        kept = kept_moments(run.folder / "model" / "model.safetensors")
        self._published = published_emotions(self._categories, kept.outputs)
        self._label_spread = kept.label_spread
        self.axes = tuple(axis for axis in AXES if axis in run.facts.get("axes", AXES))
        self._learned = np.isin(AXES, self.axes)  # the others had no label in training

    @cached_property
    def model(self) -> AffectModel:
        """The model, in evaluation mode on its device."""
        model: Any = self.run.model()
        return model.to(choose_device(self._device))

    def read(self, samples: Sequence[Sample]) -> list[Outcome]:
        """Predict from whatever inputs each sample has."""
        texts = [row for row, sample in enumerate(samples) if sample.kinds == ("text",)]
        if not texts or self._sentences is None:
            encoded = {name: modality.encode(samples) for name, modality in self._modalities.items()}
            return self._outcomes(samples, encoded, self._represent(encoded))
        if len(texts) < len(samples):
            others = [row for row, sample in enumerate(samples) if sample.kinds != ("text",)]
            outcomes = dict(zip(texts, self.read([samples[row] for row in texts]), strict=True))
            outcomes |= zip(others, self.read([samples[row] for row in others]), strict=True)
            return [outcomes[row] for row in range(len(samples))]
        return self._outcomes(samples, *self._read_sentences(self._sentences, samples))

    def _read_sentences(
        self, sentences: Sentences, samples: Sequence[Sample]
    ) -> tuple[dict[str, ModalityFeatures], dict[str, np.ndarray]]:
        """Read texts with the graph: what could be read, without its features, and the outputs."""
        [name] = [name for name, modality in self._modalities.items() if "text" in modality.reads]
        part = ModalityFeatures(np.zeros((len(samples), 0), np.float32), np.zeros(len(samples), bool))
        loaded: dict[int, Loaded] = {}
        for row, text in enumerate(sentences.load([sample.text or "" for sample in samples])):
            if isinstance(text, UnreadableItem):
                part.reasons[row] = str(text)
                continue
            loaded[row], cut = text
            part.present[row] = True
            part.notes[row] = [f"a text of more than {sentences.tokens} tokens, cut"] if cut else []
        return {name: part}, sentences.represent(loaded, len(samples))

    @cached_property
    def _sentences(self) -> Sentences | None:
        """The graph of text encoder and model. None on another device, and for a run without an encoder that allows one."""
        reading = [modality for modality in self._modalities.values() if "text" in modality.reads]
        if (
            self._device not in ("auto", "cpu")
            or len(reading) != 1
            or "lexicons" in (reading[0].identity or {}).get("settings", {})
        ):
            return None
        [modality] = reading

        def make(folder: Path) -> dict[str, Any]:
            from affectspace.prediction.export import export_sentences

            self._progress(0, 1, "preparing the text model for ONNX Runtime, once")
            facts = export_sentences(self.model, modality.name, modality.backbone, folder)
            self._progress(1, 1, "preparing the text model for ONNX Runtime, once")
            return facts

        files = [self.run.folder / "model" / name for name in ("config.json", "model.safetensors")]
        return open_sentences({"modality": modality.name, "backbone": modality.identity}, files, make)

    def _outcomes(
        self, samples: Sequence[Sample], encoded: Mapping[str, ModalityFeatures], outputs: dict[str, np.ndarray]
    ) -> list[Outcome]:
        """Convert outputs to predictions, with emotions, failures and notes."""
        failures, notes = self._failures(samples, encoded)
        emotions = self._categories
        if "log_emotion" not in outputs:
            outputs["log_emotion"], emotions = self._published_emotions(outputs["mean"], outputs["deviation"])
        for key in (
            f"{name}{part}" for name in ("", *(f"{name}_" for name in encoded)) for part in ("mean", "deviation")
        ):
            if key in outputs:
                outputs[key] = np.where(self._learned, outputs[key], np.nan)
        unlike = self._unusual_texts(samples, encoded, outputs)
        for row in np.flatnonzero(~np.isfinite(outputs["mean"]).any(axis=1)).tolist():
            failures.setdefault(row, "the model predicts no finite value for it")
        masks = {name: part.present for name, part in encoded.items()}
        return to_outcomes(outputs, masks, emotions, failures, notes, unlike)

    def _unusual_texts(
        self, samples: Sequence[Sample], encoded: Mapping[str, ModalityFeatures], outputs: dict[str, np.ndarray]
    ) -> dict[int, list[str]]:
        """Find texts that a model of English texts was not trained for, and widen their deviations. Returns row -> remarks.

        The encoder's vectors of such texts are not far from those of English ones, so that the model cannot tell.
        """
        unlike: dict[int, list[str]] = {}
        if not self.trained_on or not all(corpus.english for corpus in self.trained_on):
            return unlike
        for name, part in encoded.items():
            for row in np.flatnonzero(part.present).tolist():
                if self._modalities[name].kind_in(samples[row]) != "text":
                    continue
                source = self._sentences or self._modalities[name].backbone
                reason = unusual_text(samples[row].text or "", getattr(source, "pieces", None))
                if reason:
                    unlike.setdefault(row, []).append(f"{reason}: the prediction is wide")
                    for key in ("deviation", f"{name}_deviation"):
                        outputs[key][row] = np.hypot(outputs[key][row], self._label_spread)
        return unlike

    def _represent(self, encoded: Mapping[str, ModalityFeatures]) -> dict[str, np.ndarray]:
        """Pass features through the model. The arrays have the names of `Representation.outputs`."""
        import torch

        used = {name: part for name, part in encoded.items() if part.present.any()} or encoded
        device = choose_device(self._device)
        features = {name: torch.from_numpy(part.features).to(device) for name, part in used.items()}
        present = {name: torch.from_numpy(part.present).to(device) for name, part in used.items()}
        rows = next(iter(present.values())).shape[0]
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        with torch.inference_mode(), threads_for(2.0 * parameters * rows):
            outputs = self.model.represent(features, present).outputs()
        return {name: value.double().cpu().numpy() for name, value in outputs.items()}

    def _published_emotions(self, mean: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, Sequence[str]]:
        """Log-probabilities of emotions with published centres, on the axes that the model predicts, and their names."""
        predicted = np.isfinite(mean).any(axis=0)
        emotions = self._published.on([axis for axis, known in zip(AXES, predicted, strict=True) if known] or AXES)
        probabilities = emotions.probabilities(np.nan_to_num(mean), deviation)
        return np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)), emotions.names

    def _failures(
        self, samples: Sequence[Sample], encoded: Mapping[str, ModalityFeatures]
    ) -> tuple[dict[int, str], dict[int, list[str]]]:
        """Find the samples without a prediction, and the notes on the others.

        A named input that cannot be read fails the sample. A clip may lack sound or a face; it is predicted from the rest.
        """
        failures: dict[int, str] = {}
        notes: dict[int, list[str]] = {}
        for row, sample in enumerate(samples):
            readable = any(part.present[row] for part in encoded.values())
            for name, part in encoded.items():
                notes.setdefault(row, []).extend(part.notes.get(row, []))
                if row not in part.reasons:
                    continue
                kind = self._modalities[name].kind_in(sample)
                reason = with_place(getattr(sample, kind) if kind in FILES else None, part.reasons[row])
                if kind == "video" and readable:
                    notes[row].append(f"{name} left out: {reason}")
                else:
                    failures.setdefault(row, reason)
            if not readable and row not in failures:
                failures[row] = "no input that this run reads is given"
        return failures, notes
