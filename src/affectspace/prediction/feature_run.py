"""Runs on features: samples through the backbones that made the training's features, then through the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.errors import RunError
from affectspace.features.backbones.pretrained import threads_for
from affectspace.models import AffectModel, Representation
from affectspace.prediction.answers import Answers
from affectspace.prediction.emotions import published_emotions
from affectspace.prediction.encoding import Encoded, Modality
from affectspace.prediction.sample import KINDS, Sample
from affectspace.training.runs import Run


class FeatureReader:
    """A finished run of a model on feature vectors."""

    def __init__(self, run: Run, model: AffectModel, backbones: Mapping[str, str | Path], device: str) -> None:
        self.run, self.device = run, device
        corpora = (run.facts.get("corpora") or {}).values()
        self.label_kinds = tuple(sorted({str(kind) for one in corpora for kind in one.get("label_kind", ())}))
        self.model = model.to(device).eval()
        identities = modality_facts(run, model)
        unknown = [name for name in backbones if name not in identities]
        if unknown:
            raise RunError(f"{run.folder} has no modality {unknown[0]!r}; it has {', '.join(identities)}")
        self._modalities = [
            Modality(name, width, identities[name], backbones.get(name), device)
            for name, width in model.config.modalities.items()
        ]
        self.modalities = tuple(one.name for one in self._modalities)
        read = {kind for one in self._modalities for kind in one.reads}
        self.kinds = tuple(kind for kind in KINDS if kind in read)
        self.vectors = self.modalities
        self.columns: Mapping[str, Sequence[str] | None] = {
            name: (facts or {}).get("columns") for name, facts in identities.items()
        }
        self._parameters = sum(parameter.numel() for parameter in self.model.parameters())
        self._published = published_emotions(model.config.categories)

    def answer(self, samples: Sequence[Sample]) -> Answers:
        """Predictions from whatever each sample has."""
        encoded = {one.name: one.encode(samples) for one in self._modalities}
        failures, notes = self._failures(samples, encoded)
        features = {name: torch.from_numpy(one.features).to(self.device) for name, one in encoded.items()}
        present = {name: torch.from_numpy(one.present).to(self.device) for name, one in encoded.items()}
        with torch.inference_mode(), threads_for(2.0 * self._parameters * len(samples)):
            said = self.model.represent(features, present)
            names, probabilities = self._emotions(said)
        mean, deviation = _numbers(said.fused), _numbers(said.fused_deviation)
        for row in np.flatnonzero(~np.isfinite(mean).any(axis=1)):
            failures.setdefault(int(row), "the model has no number for it")
        by_modality = {
            name: (_numbers(said.affect[name]), _numbers(said.deviation[name]), encoded[name].present)
            for name in self.modalities
        }
        return Answers(mean, deviation, by_modality, probabilities, names, failures, notes)

    def _emotions(self, said: Representation) -> tuple[tuple[str, ...], np.ndarray]:
        """Names and probabilities of the emotions: the model's own, or those of published centres."""
        if said.log_emotion is not None:
            return self.model.config.categories, _numbers(said.log_emotion.exp())
        mean, deviation = _numbers(said.fused), _numbers(said.fused_deviation)
        read = np.isfinite(mean).any(axis=0)
        emotions = self._published.on([axis for axis, there in zip(AXES, read, strict=True) if there] or AXES)
        return emotions.names, emotions.probabilities(np.nan_to_num(mean), deviation)

    def _failures(
        self, samples: Sequence[Sample], encoded: Mapping[str, Encoded]
    ) -> tuple[dict[int, str], dict[int, list[str]]]:
        """Which samples have no prediction, and what is to be told of the others.

        What was named and cannot be read fails the sample. A clip is a different thing: it may have no sound or no face, and
        is predicted from what it has.
        """
        failures: dict[int, str] = {}
        notes: dict[int, list[str]] = {}
        for row, sample in enumerate(samples):
            there = [name for name, one in encoded.items() if one.present[row]]
            for one in self._modalities:
                told, kind = encoded[one.name], one.kind_in(sample)
                notes.setdefault(row, []).extend(told.remarks.get(row, []))
                if row not in told.reasons:
                    continue
                reason = _named(sample, kind, told.reasons[row])
                if kind == "video" and there:
                    notes[row].append(f"{one.name} left out: {reason}")
                else:
                    failures.setdefault(row, reason)
            if not there and row not in failures:
                failures[row] = "nothing is given that this run reads"
        return failures, notes


def modality_facts(run: Run, model: AffectModel) -> dict[str, dict[str, Any] | None]:
    """What the run records of the backbone of each modality; None where it records none, as of a training on arrays."""
    facts = run.facts.get("modalities") or {}
    return {name: facts.get(name) for name in model.config.modalities}


def _numbers(values: torch.Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy().astype(np.float64)


def _named(sample: Sample, kind: str | None, reason: str) -> str:
    path = getattr(sample, kind) if kind in ("audio", "video", "image") else None
    return f"{path}: {reason}" if path is not None else reason
