"""The calibrated read-out of a face run: valence, arousal and emotions from the whole code, fitted once and kept in the run.

The heads of a LeVAsa model are trained on draws that show every emotion equally often, and so over-predict what is rare. The
read-out is a ridge regression of the code on the training people as often as they come, brought to scale and offset on the
validation people, whose residuals are its standard deviation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from affectspace.affect import AXES
from affectspace.errors import DataError, RunError
from affectspace.evaluation import fit_ridge
from affectspace.files import write_atomic
from affectspace.models import Levasa
from affectspace.prediction.emotions import EmotionMap
from affectspace.training.batches import to_image
from affectspace.training.runs import Run
from affectspace.training.training_set import Progress, TrainingSet, silent

FILE = "readout.safetensors"
FEWEST = 10  # validation faces of an emotion, to know where the read-out puts it
BATCH = 256
_VA = AXES[:2]


@dataclass(frozen=True, eq=False)
class Readout:
    """Valence and arousal of a code, and where each emotion's faces come to lie.

    weight : (code, 2); bias : (2,); deviation : (2,), of the residuals on validation
    emotions : Gaussians of the read-outs of validation faces, one covariance for all; None where no two emotions are known
    facts : of which model, from how many rows, what kind of labels, what it reaches on validation
    """

    weight: np.ndarray
    bias: np.ndarray
    deviation: np.ndarray
    emotions: EmotionMap | None
    facts: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write as safetensors, whole or not at all."""
        tensors = {"weight": self.weight, "bias": self.bias, "deviation": self.deviation}
        names: list[str] = []
        if self.emotions is not None:
            names = list(self.emotions.names)
            tensors |= {"centres": self.emotions.centres, "covariance": self.emotions.covariances[0]}
        header = {"facts": json.dumps(self.facts), "emotions": json.dumps(names)}
        solid = {name: np.ascontiguousarray(value, np.float64) for name, value in tensors.items()}
        write_atomic(path, lambda partial: save_file(solid, partial, metadata=header))

    @classmethod
    def read(cls, path: Path) -> Readout:
        """What `save` wrote. Raises RunError where the file is none."""
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata()
                names = tuple(json.loads(header["emotions"]))
                known = ("weight", "bias", "deviation", *(("centres", "covariance") if names else ()))
                held = {name: file.get_tensor(name) for name in known}
                emotions = None
                if names:
                    spread = np.repeat(held["covariance"][None], len(names), axis=0)
                    emotions = EmotionMap(names, _VA, held["centres"], spread, "validation faces of the run")
                return cls(held["weight"], held["bias"], held["deviation"], emotions, json.loads(header["facts"]))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is damaged ({error}); delete it and it is made anew") from error


def fit_readout(
    codes: tuple[np.ndarray, np.ndarray], labels: tuple[np.ndarray, np.ndarray], emotion: np.ndarray | None = None
) -> Readout:
    """The read-out from codes (n, code) and labels (n, 2) of training and of validation rows; NaN labels are left out.

    emotion : (n_validation,) names, None without one. Raises DataError where an axis has fewer than 10 labelled rows in
    either part.
    """
    weight, bias, deviation = np.empty((codes[0].shape[1], 2)), np.empty(2), np.empty(2)
    facts: dict[str, Any] = {"train": len(codes[0]), "validation": len(codes[1])}
    for place, axis in enumerate(_VA):
        known = [np.isfinite(part[:, place]) for part in labels]
        if min(part.sum() for part in known) < FEWEST:
            raise DataError(
                f"fewer than {FEWEST} labelled rows of {axis} in train or validation: nothing to calibrate with"
            )
        (x, vx), (y, vy) = (
            [np.asarray(values[rows], np.float64) for values, rows in zip(both, known, strict=True)]
            for both in (codes, [part[:, place] for part in labels])
        )
        weight[:, place], bias[place], guess = _one_axis(x, y, vx, vy)
        deviation[place] = np.sqrt(np.mean((vy - guess) ** 2))
        facts[f"{axis}_r2_validation"] = round(float(1 - np.mean((vy - guess) ** 2) / max(vy.var(), 1e-12)), 4)
    emotions = None if emotion is None else _emotions(np.asarray(codes[1], np.float64) @ weight + bias, emotion)
    return Readout(weight, bias, deviation, emotions, facts)


def _one_axis(x: np.ndarray, y: np.ndarray, vx: np.ndarray, vy: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Weights and intercept on plain codes, calibrated, and what they say of validation."""
    ridge = fit_ridge(x, y, vx, vy)
    guess = ridge(vx)
    around = guess - guess.mean()
    spread = float(around @ around)
    slope = max(float(around @ (vy - vy.mean())) / spread, 0.0) if spread > 1e-12 * len(guess) else 0.0
    offset = float(vy.mean() - slope * guess.mean())
    return slope * ridge.weights, slope * float(ridge.bias) + offset, slope * guess + offset


def _emotions(points: np.ndarray, emotion: np.ndarray) -> EmotionMap | None:
    names = sorted({name for name in emotion if isinstance(name, str)})
    rows = {name: np.flatnonzero(emotion == name) for name in names}
    rows = {name: found for name, found in rows.items() if len(found) >= FEWEST}
    if len(rows) < 2:
        return None
    centres = np.array([points[found].mean(axis=0) for found in rows.values()])
    around = np.concatenate([points[found] - centre for found, centre in zip(rows.values(), centres, strict=True)])
    covariance = around.T @ around / max(len(around) - len(rows), 1) + 1e-9 * np.eye(2)
    return EmotionMap(
        tuple(rows), _VA, centres, np.repeat(covariance[None], len(rows), axis=0), "validation faces of the run"
    )


def kept_readout(run: Run) -> Readout | None:
    """The run's readout.safetensors; None where there is none, or one of other weights. Raises RunError where it is damaged."""
    path = run.folder / FILE
    if not path.is_file():
        return None
    kept = Readout.read(path)
    return kept if kept.facts.get("model") == weights_digest(run) else None


def make_readout(run: Run, model: Levasa, data: TrainingSet, progress: Progress = silent) -> Readout:
    """Fit the read-out on the run's corpus and keep it. Raises DataError where too few rows have labels."""
    rows = {part: data.rows(part) for part in ("train", "validation")}
    codes = _kept_codes(run.folder / "codes.safetensors", model, {part: len(found) for part, found in rows.items()})
    if codes is None:
        codes = {part: _codes(model, data, found, progress) for part, found in rows.items()}
    known = np.array([*data.labels.categories, None], dtype=object)
    made = fit_readout(
        (codes["train"], codes["validation"]),
        (data.labels.evaluation[rows["train"]], data.labels.evaluation[rows["validation"]]),
        known[data.labels.category[rows["validation"]]],
    )
    facts = {"model": weights_digest(run), "corpus": data.corpus.name, "labels": data.labels.kind, **made.facts}
    made = replace(made, facts=facts)
    made.save(run.folder / FILE)
    return made


def weights_digest(run: Run) -> str:
    """What tells one model's weights from another's."""
    digest = hashlib.sha256()
    for path in sorted((run.folder / "model").glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _kept_codes(path: Path, model: Levasa, rows: dict[str, int]) -> dict[str, np.ndarray] | None:
    """The codes that an evaluation left, where they are of these rows."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            found = {part: file.get_tensor(f"mean/{part}") for part in rows}
    except (SafetensorError, OSError):
        return None
    same = all(found[part].shape == (count, model.latent) for part, count in rows.items())
    return found if same else None


def _codes(model: Levasa, data: TrainingSet, rows: np.ndarray, progress: Progress) -> np.ndarray:
    device = next(model.parameters()).device
    where, found = data.pixel_rows[rows], []
    with torch.inference_mode():
        for start in range(0, len(where), BATCH):
            progress(start, len(where), "codes for the read-out, once")
            image = to_image(data.pixels[where[start : start + BATCH]]).to(device)
            found.append(model.encode(image).mean.float().cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, model.latent), np.float32)
