"""Runs on faces: a picture, or the frames of a clip, through a LeVAsa model and its calibrated read-out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.errors import AffectspaceError, RunError, UnreadableItem
from affectspace.models import Levasa
from affectspace.prediction.answers import Answers
from affectspace.prediction.emotions import affectnet_emotions
from affectspace.prediction.face_cut import FaceCut
from affectspace.prediction.photos import Framing, framing_of, read_framing
from affectspace.prediction.readout import Readout, kept_readout, make_readout
from affectspace.prediction.sample import Sample
from affectspace.progress import Progress, silent
from affectspace.training.batches import to_image
from affectspace.training.runs import Run
from affectspace.training.training_set import TrainingSet

FRAMING = "framing.json"
BATCH = 128
UNCALIBRATED = "read by the model's heads, not calibrated and without deviation"


class FaceReader:
    """A finished LeVAsa run. Dominance is NaN: these models do not read it."""

    modalities: tuple[str, ...] = ("image",)
    kinds: tuple[str, ...] = ("video", "image")
    vectors: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str] | None] = {}

    def __init__(
        self,
        run: Run,
        model: Levasa,
        backbones: Mapping[str, str | Path],
        device: str,
        crop: bool | None = None,
        progress: Progress = silent,
    ) -> None:
        if backbones:
            raise RunError(f"{run.folder} is a run on images, which needs no backbone; leave --backbone out")
        self.run, self.device = run, device
        self.label_kinds = tuple(str(kind) for kind in (run.facts.get("label_kind"),) if kind)
        self.model = model.to(device).eval()
        corpus = Corpus(run, progress)
        self.readout, self.reason = read_out(run, self.model, progress, corpus)
        self._published = affectnet_emotions()
        framing = None if crop is False else _framing(run, corpus, sought=crop is True)
        self._cut = FaceCut(model.config.image_size, framing, always=crop is True)

    def answer(self, samples: Sequence[Sample]) -> Answers:
        """Valence and arousal of each picture, of a clip the mean over its frames."""
        notes: dict[int, list[str]] = {row: [] for row in range(len(samples))}
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8, max(len(samples), 1)), thread_name_prefix="decode") as pool:
            found = list(pool.map(lambda row: self._faces(samples[row], notes[row]), notes))
        failures = {row: str(one) for row, one in enumerate(found) if isinstance(one, UnreadableItem)}
        faces = {row: one for row, one in enumerate(found) if not isinstance(one, UnreadableItem)}
        mean, deviation = np.full((len(samples), 3), np.nan), np.full((len(samples), 3), np.nan)
        if faces:
            said = self.read(np.concatenate(list(faces.values())))
            ends = np.cumsum([len(one) for one in faces.values()])
            for row, part in zip(faces, np.split(said, ends[:-1]), strict=True):
                mean[row, :2] = part.mean(axis=0)
        known = np.isfinite(mean[:, 0])
        emotions, spread = self._published, deviation
        if self.readout is None:
            for row in faces:
                notes[row].append(f"{UNCALIBRATED}: {self.reason}")
        else:
            deviation[known, :2] = self.readout.deviation
            if self.readout.emotions is not None:  # its Gaussians hold the read-out's own spread
                emotions, spread = self.readout.emotions, np.zeros_like(deviation)
        probabilities = emotions.probabilities(np.nan_to_num(mean), spread)
        by_modality = {"image": (mean, deviation, known)}
        return Answers(mean, deviation, by_modality, probabilities, emotions.names, failures, notes)

    def read(self, pixels: np.ndarray) -> np.ndarray:
        """Valence and arousal of faces, (n, size, size, 3) uint8 -> (n, 2)."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(pixels), BATCH):
                code = self.model.encode(to_image(pixels[start : start + BATCH]).to(self.device)).mean
                if self.readout is None:
                    found.append(self.model.read_affect(code).double().cpu().numpy())
                else:
                    found.append(code.double().cpu().numpy() @ self.readout.weight + self.readout.bias)
        return np.concatenate(found)

    def _faces(self, sample: Sample, notes: list[str]) -> np.ndarray | UnreadableItem:
        """(frames, size, size, 3) uint8, or why there are none. A picture comes before a clip."""
        path = Path(sample.image or sample.video or "")
        try:
            if sample.image is not None:
                return self._cut.picture(path, notes.append)[None]
            return self._cut.clip(path, sample.start, sample.end, notes.append)
        except UnreadableItem as reason:
            return UnreadableItem(f"{path}: {reason}")


class Corpus:
    """The images of a run, opened when something must be made of them, and once."""

    def __init__(self, run: Run, progress: Progress) -> None:
        self._run, self._progress = run, progress
        self._data: TrainingSet | None = None

    def open(self) -> TrainingSet:
        """Raises RunError or DataError where it can no longer be read."""
        if self._data is None:
            try:
                self._data = TrainingSet.of_run(self._run, self._progress)
            except FileNotFoundError as error:
                raise RunError(f"{error.filename or error} is not there") from error
        return self._data


def _framing(run: Run, corpus: Corpus, sought: bool) -> Framing | None:
    """How the run's corpus cuts its pictures around faces, kept in the run; None for drawn faces, which no detector sees."""
    if run.image_config.data.corpus == "faces":
        return Framing() if sought else None
    path = run.folder / FRAMING
    if not path.is_file():
        try:
            framing = framing_of(run, corpus.open())
        except AffectspaceError:
            return Framing()
    else:
        framing = read_framing(path)
    return Framing() if sought and framing is None else framing


def read_out(run: Run, model: Levasa, progress: Progress, corpus: Corpus | None = None) -> tuple[Readout | None, str]:
    """The read-out, kept or made now, or None and why there is none.

    Raises RunError for a model that has no heads either, and for a read-out that is damaged.
    """
    kept = kept_readout(run)
    if kept is not None:
        return kept, ""
    try:
        return make_readout(run, model, (corpus or Corpus(run, progress)).open(), progress), ""
    except AffectspaceError as error:
        if not set(AXES[:2]) <= set(model.heads):
            raise RunError(
                f"{run.folder}: a model with alignment {model.config.alignment!r} reads valence and arousal only by a "
                f"read-out that is fitted on its corpus, and there is none ({error})"
            ) from error
        return None, str(error)
