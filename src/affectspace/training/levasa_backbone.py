"""The encoder of a LeVAsa run as a video backbone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.errors import ConfigError
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.features.backbones.pretrained import torch_type
from affectspace.features.backbones.video import Frames, load_faces
from affectspace.models import Levasa
from affectspace.training.runs import open_run

FACES_PER_BATCH = 128


class LevasaBackbone(BaseBackbone):
    """Mean and population standard deviation, over evenly sampled frames, of the posterior means z_v, z_a and z_z."""

    modality, name = "video", "video:levasa"
    reads_faces = True
    shard_rows = 64

    def __init__(self, run: Path, frames: int, crop: bool | None, device: str, dtype: str) -> None:
        super().__init__()
        opened = open_run(run)
        model = opened.model()
        if not isinstance(model, Levasa):
            raise ConfigError(
                f"{run} holds a {opened.facts['kind']}, which has no latent code; "
                "give a run of `affectspace train` whose model is of kind levasa"
            )
        drawn = opened.drawn_faces  # the detector of faces in photographs does not find these
        self._crop = not drawn if crop is None else crop
        self._device, self._dtype = device, torch_type(dtype)
        self._model = model.to(device, dtype=self._dtype).eval()
        self._frames, self._size = frames, model.config.image_size
        weights = min((run / "model").glob("*.safetensors"))
        self.dimension = 2 * model.latent
        self.revision = hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
        self.licence = str(opened.facts.get("licence") or "that of the run's corpus")
        self.settings: dict[str, Any] = {"frames": frames, "crop": self._crop, "size": self._size, "dtype": dtype}
        codes = [f"z_{name}{k}" for name, size in zip("vaz", model.config.sizes, strict=True) for k in range(size)]
        self.columns = tuple(f"{code}_{kind}" for kind in ("mean", "sd") for code in codes)

    def load(self, item: Item) -> np.ndarray:
        """Return the faces, (frames, size, size, 3) uint8; one of a picture."""
        return np.stack(load_faces(item, self._frames, self._size, self._crop, self.counts))

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        """Return (batch, 2 * latent): means over time, then standard deviations."""
        pixels = np.concatenate(batch)
        codes = []
        with torch.inference_mode():
            for start in range(0, len(pixels), FACES_PER_BATCH):
                faces = torch.tensor(pixels[start : start + FACES_PER_BATCH]).permute(0, 3, 1, 2)
                codes.append(self._model.encode(faces.to(self._device, self._dtype) / 255).mean.float().cpu().numpy())
        over_time = np.split(np.concatenate(codes), np.cumsum([len(faces) for faces in batch])[:-1])
        return np.stack([np.concatenate([part.mean(axis=0), part.std(axis=0)]) for part in over_time])


def levasa_backbone(
    name: str = "levasa",
    *,
    run: str | Path | None = None,
    frames: Frames = 8,
    crop: bool | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> LevasaBackbone:
    """Load the encoder of a LeVAsa run.

    run : its folder; frames : per clip; crop : crop to the face, by default unless the run was trained on drawn faces
    Raises RunError or ConfigError if the run does not exist, is not finished, or holds another model.
    """
    if run is None:
        raise ConfigError(
            "video: the backbone levasa needs the folder of a run: --video-backbone RUN (in Python run=...)"
        )
    backbone = LevasaBackbone(Path(run), frames, crop, device, dtype)
    settings = {"run": str(Path(run).resolve()), "frames": frames, "crop": backbone.settings["crop"], "dtype": dtype}
    backbone.recipe = {"modality": "video", "name": name, "settings": settings}
    return backbone
