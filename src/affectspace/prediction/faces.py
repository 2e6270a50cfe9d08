"""Runs on faces: a picture, or the frames of a clip, pass a LeVAsa model and its calibrated read-out.

The heads of a LeVAsa model are trained on draws that show every emotion equally often, and so over-predict what is rare. The
read-out is a ridge regression of valence and arousal on the complete code, fitted on the training people as often as they
occur; its scale and offset are set on the validation people, whose residuals are its standard deviation. It is fitted once
and kept in the run folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.data.images import to_image
from affectspace.errors import AffectspaceError, DataError, RunError, UnreadableItem
from affectspace.evaluation import fit_ridge
from affectspace.models import Levasa
from affectspace.prediction.emotions import EmotionMap, affectnet_emotions
from affectspace.prediction.photos import FRAMING, FaceCut, Framing, framing_of, load_faces, read_framing
from affectspace.prediction.readers import training_corpora
from affectspace.prediction.result import Outcome, to_outcomes
from affectspace.prediction.sample import Sample, with_place
from affectspace.progress import Progress, silent
from affectspace.tensors import UNSEALED, require_unchanged, write_sealed
from affectspace.training.runs import Run

FILE = "readout.safetensors"
MIN_FACES = 10  # of validation with an emotion, to locate the emotion; with a label, to calibrate
REACH = 2.0  # standard deviations of validation faces, within which an emotion is looked for
BATCH = 128
VA = AXES[:2]
UNCALIBRATED = "read by the model's heads, not calibrated and without deviation"
SOURCE = "validation faces of the run"


@dataclass(frozen=True, eq=False)
class Readout:
    """Valence and arousal of a code, and where the faces of each emotion lie.

    weight : (code, 2); bias : (2,); deviation : (2,), of the residuals on validation
    emotions : Gaussians of the read-outs of validation faces, one covariance for all; None with fewer than two emotions
    facts : of which model, from how many rows, what kind of labels, its fit on validation
    """

    weight: np.ndarray
    bias: np.ndarray
    deviation: np.ndarray
    emotions: EmotionMap | None
    facts: dict[str, Any]

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Read valence and arousal from codes, (n, code) -> (n, 2)."""
        return codes @ self.weight + self.bias

    def save(self, path: Path) -> None:
        """Write as safetensors, atomically."""
        tensors = {"weight": self.weight, "bias": self.bias, "deviation": self.deviation}
        names: list[str] = []
        if self.emotions is not None:
            names = list(self.emotions.names)
            tensors |= {"centres": self.emotions.centres, "covariance": self.emotions.covariances[0]}
            tensors |= {
                name: part for name in ("priors", "limits") if (part := getattr(self.emotions, name)) is not None
            }
        header = {"facts": json.dumps(self.facts), "emotions": json.dumps(names), **UNSEALED}
        contiguous = {name: np.ascontiguousarray(value, np.float64) for name, value in tensors.items()}
        write_sealed(path, lambda partial: save_file(contiguous, partial, metadata=header))

    @classmethod
    def read(cls, path: Path) -> Readout:
        """Read what `save` wrote. Raises RunError where the file is damaged."""
        remedy = "delete it, and it is created again"
        require_unchanged(path, remedy)
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata()
                names = tuple(json.loads(header["emotions"]))
                keys = ("weight", "bias", "deviation", *(("centres", "covariance") if names else ()))
                tensors = {key: file.get_tensor(key) for key in keys}
                later = {key: file.get_tensor(key) for key in ("priors", "limits") if key in file.keys()}  # noqa: SIM118
            if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
                raise ValueError("it has missing or infinite numbers")
            emotions = None
            if names:
                covariances = np.repeat(tensors["covariance"][None], len(names), axis=0)
                emotions = EmotionMap(names, VA, tensors["centres"], covariances, SOURCE, **later, fitted=True)
            facts = json.loads(header["facts"])
            return cls(tensors["weight"], tensors["bias"], tensors["deviation"], emotions, facts)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is damaged ({error}); {remedy}") from error


def fit_readout(
    codes: tuple[np.ndarray, np.ndarray], labels: tuple[np.ndarray, np.ndarray], emotion: np.ndarray | None = None
) -> Readout:
    """Fit the read-out on codes (n, code) and labels (n, 2) of training and validation rows; NaN labels are left out.

    emotion : (n_validation,) names, None without one. Raises DataError where an axis has fewer than 10 labelled rows in
    either part.
    """
    for column, axis in enumerate(VA):
        if min(np.isfinite(part[:, column]).sum() for part in labels) < MIN_FACES:
            raise DataError(
                f"fewer than {MIN_FACES} labelled rows of {axis} in train or validation: too few for a calibration"
            )
    ridge = fit_ridge(codes[0], labels[0], codes[1], labels[1])
    weight, bias, deviation = ridge.weights.copy(), np.array(ridge.bias), np.empty(len(VA))
    facts: dict[str, Any] = {"train": len(codes[0]), "validation": len(codes[1])}
    for column, axis in enumerate(VA):
        known = np.isfinite(labels[1][:, column])
        truth, guess = labels[1][known, column], ridge(codes[1][known])[:, column]
        slope, offset = _calibrate(guess, truth)
        weight[:, column] *= slope
        bias[column] = slope * bias[column] + offset
        error = np.mean((truth - slope * guess - offset) ** 2)
        deviation[column] = np.sqrt(error)
        facts[f"{axis}_r2_validation"] = round(float(1 - error / max(truth.var(), 1e-12)), 4)
    readout = Readout(weight, bias, deviation, None, facts)
    if emotion is None:
        return readout
    return replace(readout, emotions=_emotions(readout(np.asarray(codes[1], np.float64)), emotion))


def _calibrate(guess: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Slope (not negative) and offset of the truth on the guess."""
    centred = guess - guess.mean()
    spread = float(centred @ centred)
    slope = max(float(centred @ (truth - truth.mean())) / spread, 0.0) if spread > 1e-12 * len(guess) else 0.0
    return slope, float(truth.mean() - slope * guess.mean())


def _emotions(points: np.ndarray, emotion: np.ndarray) -> EmotionMap | None:
    """Fit a Gaussian of each emotion, with its frequency as the prior.

    Faces of another corpus may all lie on one side, where the rarest emotion would win: points count as at most REACH
    deviations from the mean.
    """
    names = sorted({name for name in emotion if isinstance(name, str)})
    groups = {name: points[emotion == name] for name in names}
    groups = {name: group for name, group in groups.items() if len(group) >= MIN_FACES}
    if len(groups) < 2:
        return None
    centres = np.array([group.mean(axis=0) for group in groups.values()])
    centred = np.concatenate([group - centre for group, centre in zip(groups.values(), centres, strict=True)])
    covariance = centred.T @ centred / max(len(centred) - len(groups), 1) + 1e-9 * np.eye(2)
    priors = np.array([len(group) + MIN_FACES for group in groups.values()], np.float64)
    limits = points.mean(axis=0) + REACH * points.std(axis=0) * np.array([[-1.0], [1.0]])
    covariances = np.repeat(covariance[None], len(groups), axis=0)
    return EmotionMap(tuple(groups), VA, centres, covariances, SOURCE, priors / priors.sum(), limits, fitted=True)


def kept_readout(run: Run) -> Readout | None:
    """Return the run's read-out; None without one, or for one of other weights. Raises RunError where it is damaged."""
    path = run.folder / FILE
    if not path.is_file():
        return None
    readout = Readout.read(path)
    return readout if readout.facts.get("model") == weights_digest(run) else None


def make_readout(run: Run, model: Levasa, data: Dataset, progress: Progress = silent) -> Readout:
    """Fit the read-out on the run's corpus and keep it. Raises DataError where too few rows have labels."""
    rows = {part: data.rows(part) for part in ("train", "validation")}
    codes = _kept_codes(
        run.folder / "representations.safetensors", model, {part: len(found) for part, found in rows.items()}
    )
    if codes is None:
        codes = {part: _codes(model, data, found, progress) for part, found in rows.items()}
    names = np.array([*data.categories, None], dtype=object)
    readout = fit_readout(
        (codes["train"], codes["validation"]),
        (data.affect[rows["train"], :2], data.affect[rows["validation"], :2]),
        names[data.category[rows["validation"]]],
    )
    facts = {"model": weights_digest(run), "corpus": data.name, "labels": data.label_kind, **readout.facts}
    readout = replace(readout, facts=facts)
    with suppress(RunError):  # a run that cannot be written is only slower: the read-out is fitted again
        readout.save(run.folder / FILE)
    return readout


def find_readout(run: Run, model: Levasa, open_data: Callable[[], Dataset], progress: Progress) -> Readout | str:
    """Return the read-out, kept or fitted now, or the reason why there is none.

    Raises RunError for a model that has no heads either, and for a read-out that is damaged.
    """
    kept = kept_readout(run)
    if kept is not None:
        return kept
    try:
        return make_readout(run, model, open_data(), progress)
    except AffectspaceError as error:
        if not set(VA) <= set(model.heads):
            raise RunError(
                f"{run.folder}: a model with alignment {model.config.alignment!r} needs a read-out, which is fitted on its "
                f"corpus, to predict valence and arousal, and there is none ({error})"
            ) from error
        return str(error)


def open_corpus(run: Run, progress: Progress) -> Dataset:
    """Open the images of a run. Raises RunError or DataError where they can no longer be read."""
    try:
        return run.dataset("images", progress)
    except FileNotFoundError as error:
        raise RunError(f"{error.filename or error} does not exist") from error


def weights_digest(run: Run) -> str:
    """Return a digest that distinguishes the weights of different models."""
    digest = hashlib.sha256()
    for path in sorted((run.folder / "model").glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _kept_codes(path: Path, model: Levasa, rows: dict[str, int]) -> dict[str, np.ndarray] | None:
    """The codes that an evaluation kept, if they are of these rows."""
    if not path.is_file():
        return None
    try:
        require_unchanged(path, "it is computed again")
        with safe_open(path, framework="numpy") as file:
            codes = {part: file.get_tensor(f"mean/{part}") for part in rows}
    except (SafetensorError, OSError, RunError):
        return None
    same = all(
        codes[part].shape == (count, model.latent) and np.isfinite(codes[part]).all() for part, count in rows.items()
    )
    return codes if same else None


def _codes(model: Levasa, data: Dataset, rows: np.ndarray, progress: Progress) -> np.ndarray:
    codes = [np.empty((0, model.latent), np.float32)]
    for start in range(0, len(rows), BATCH):
        progress(start, len(rows), "codes for the read-out, once")
        codes.append(encode_faces(model, data.images(rows[start : start + BATCH])).float().cpu().numpy())
    return np.concatenate(codes)


@torch.inference_mode()
def encode_faces(model: Levasa, pixels: np.ndarray) -> torch.Tensor:
    """Encode faces (n, size, size, 3) uint8 to the means of their codes, (n, code)."""
    return model.encode(to_image(pixels).to(next(model.parameters()).device)).mean


class FaceReader:
    """A finished LeVAsa run. Dominance is NaN: these models do not predict it."""

    modalities: tuple[str, ...] = ("image",)
    kinds: tuple[str, ...] = ("video", "image")
    vectors: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str] | None] = {}
    axes: tuple[str, ...] = AXES[:2]
    reads_boxes = True

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
        self.run = run
        self.label_kinds = tuple(str(kind) for kind in (run.facts.get("label_kind"),) if kind)
        self.trained_on = training_corpora(run.facts)
        self.model = model.to(device).eval()
        open_data = cache(partial(open_corpus, run, progress))
        self.readout = find_readout(run, self.model, open_data, progress)
        self._published = affectnet_emotions()
        framing = None if crop is False else run_framing(run, open_data, always=crop is True)
        self._cut = FaceCut(model.config.image_size, framing, always=crop is True)

    def read(self, samples: Sequence[Sample]) -> list[Outcome]:
        """Predict valence and arousal of each picture; of a clip the mean over its frames."""
        notes: dict[int, list[str]] = {row: [] for row in range(len(samples))}
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8, max(len(samples), 1)), thread_name_prefix="decode") as pool:
            loaded = list(pool.map(lambda row: self._load(samples[row], notes[row]), notes))
        failures = {row: str(reason) for row, reason in enumerate(loaded) if isinstance(reason, UnreadableItem)}
        faces = {row: pixels for row, pixels in enumerate(loaded) if not isinstance(pixels, UnreadableItem)}
        mean, deviation = np.full((2, len(samples), len(AXES)), np.nan)
        if faces:
            ends = np.cumsum([len(pixels) for pixels in faces.values()])
            frames = np.split(self.read_pixels(np.concatenate(list(faces.values()))), ends[:-1])
            for row, points in zip(faces, frames, strict=True):
                mean[row, :2] = points.mean(axis=0)
        known = np.isfinite(mean[:, 0])
        emotions = self._published
        if isinstance(self.readout, str):
            for row in faces:
                notes[row].append(f"{UNCALIBRATED}: {self.readout}")
        else:
            deviation[known, :2] = self.readout.deviation
            emotions = self.readout.emotions or emotions
        probabilities = emotions.probabilities(np.nan_to_num(mean), deviation)
        outputs = {"mean": mean, "deviation": deviation, "image_mean": mean, "image_deviation": deviation}
        outputs["log_emotion"] = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
        return to_outcomes(outputs, {"image": known}, emotions.names, failures, notes)

    @torch.inference_mode()
    def read_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Predict valence and arousal of faces, (n, size, size, 3) uint8 -> (n, 2)."""
        affect = []
        for start in range(0, len(pixels), BATCH):
            code = encode_faces(self.model, pixels[start : start + BATCH])
            if isinstance(self.readout, str):
                affect.append(self.model.read_affect(code).double().cpu().numpy())
            else:
                affect.append(self.readout(code.double().cpu().numpy()))
        return np.concatenate(affect)

    def _load(self, sample: Sample, notes: list[str]) -> np.ndarray | UnreadableItem:
        """(frames, size, size, 3) uint8, or the reason why there are none. A picture comes before a clip."""
        try:
            return load_faces(self._cut, sample, notes.append).pixels
        except UnreadableItem as reason:
            return UnreadableItem(with_place(sample.video if sample.image is None else sample.image, reason))


def run_framing(run: Run, open_data: Callable[[], Dataset], always: bool) -> Framing | None:
    """Return how a run's corpus cuts its pictures around faces, kept in the run; None for drawn faces."""
    if run.drawn_faces:
        return Framing() if always else None
    path = run.folder / FRAMING
    try:
        framing = read_framing(path) if path.is_file() else framing_of(run, open_data())
    except AffectspaceError:
        if path.is_file():
            raise
        return Framing()
    return Framing() if always and framing is None else framing
