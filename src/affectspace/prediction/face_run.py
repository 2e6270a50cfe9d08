"""Runs on faces: a picture, or the frames of a clip, through a LeVAsa model and its calibrated read-out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from affectspace.corpora.decoding import UnreadableImageError, decode_image, decode_picture
from affectspace.errors import AffectspaceError, RunError
from affectspace.features.backbone import UnreadableItem
from affectspace.features.clips import read_frames
from affectspace.features.face_crop import faces_of, find_face, resized, square
from affectspace.models import Levasa
from affectspace.prediction.answers import Answers
from affectspace.prediction.emotions import affectnet_emotions
from affectspace.prediction.readout import Readout, readout_of
from affectspace.prediction.sample import Sample
from affectspace.scales import AXES
from affectspace.training.batches import to_image
from affectspace.training.progress import Progress, silent
from affectspace.training.runs import Run

FRAMES = 8  # of a clip
TIGHT = 0.85  # share of a picture's short side that its face takes at least where the picture is the face already
BATCH = 128
UNCALIBRATED = "read by the model's heads, not calibrated and without deviation: the run's corpus is not there"


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
        self.readout, self.reason = read_out(run, self.model, progress)
        self._published = affectnet_emotions()
        drawn = getattr(run.config.data, "corpus", None) == "faces"  # a detector does not see drawn faces
        self._crop = False if drawn and crop is None else crop

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
                notes[row].append(UNCALIBRATED)
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
        size, path = self.model.config.image_size, sample.image or sample.video
        try:
            if sample.image is not None:
                return self._face(Path(sample.image), notes)[None]
            assert sample.video is not None
            frames = read_frames(Path(sample.video), FRAMES, sample.start, sample.end)
        except UnreadableItem as reason:
            return UnreadableItem(f"{path}: {reason}")
        counts: Counter[str] = Counter()
        faces = faces_of(frames, self._crop is not False, counts)
        notes.extend(counts)
        return np.stack([resized(face, size) for face in faces])

    def _face(self, path: Path, notes: list[str]) -> np.ndarray:
        """The face of a picture, (size, size, 3): cut out, or the whole picture, squeezed as in training, where it is one."""
        size = self.model.config.image_size
        content = read_bytes(path)
        try:
            if self._crop is False:
                return decode_image(content, size)
            picture = decode_picture(content)
            box = find_face(picture)
            if box is None:
                notes.append("no face was found: the whole picture was taken")
            elif self._crop or box[2] < TIGHT * min(picture.shape[:2]):
                return resized(square(picture, box), size)
            return decode_image(content, size)
        except UnreadableImageError as error:
            raise UnreadableItem(f"not an image that can be read ({error})") from error


def read_bytes(path: Path) -> bytes:
    """A file. Raises UnreadableItem with the reason."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableItem("there is no such file") from None
    except OSError as error:
        raise UnreadableItem(error.strerror or str(error)) from error


def read_out(run: Run, model: Levasa, progress: Progress) -> tuple[Readout | None, str]:
    """The read-out, or None and why there is none. Raises RunError for a model that has no heads either."""
    try:
        return readout_of(run, model, progress), ""
    except (AffectspaceError, FileNotFoundError) as error:
        if not set(AXES[:2]) <= set(model.heads):
            raise RunError(
                f"{run.folder}: a model with alignment {model.config.alignment!r} reads valence and arousal only by a "
                f"read-out that is fitted on its corpus, and that cannot be read ({error})"
            ) from error
        return None, str(error)
