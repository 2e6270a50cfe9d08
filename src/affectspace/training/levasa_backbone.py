"""The encoder of a LeVAsa run as an eye: the codes of a clip's faces, their mean and spread over time."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError
from affectspace.features.backbone import Item
from affectspace.features.backbones.pretrained import torch_type
from affectspace.media.clips import read_frames
from affectspace.media.faces import faces_of, resized


class LevasaEye:
    """z_v, z_a and z_z of evenly sampled faces: the posterior means' mean and population deviation over the frames."""

    modality = "video"
    shard_rows = 64

    def __init__(self, run: Path, frames: int, crop: bool | None, device: str, dtype: str) -> None:
        from affectspace.models import Levasa
        from affectspace.training.runs import open_run

        opened = open_run(run)
        model = opened.model()
        if not isinstance(model, Levasa):
            raise ConfigError(
                f"{run} holds a {opened.facts['kind']}, which has no latent code; "
                "give a run of `affectspace train` whose model is of kind levasa"
            )
        if frames < 1:
            raise ConfigError(f"frames is {frames}; at least one is needed")
        drawn = opened.image_config.data.corpus == "faces"  # which a detector in photographs does not see
        self._crop = not drawn if crop is None else crop
        self._model = model.to(device, dtype=torch_type(dtype)).eval()
        self._device, self._dtype, self._frames, self._size = (
            device,
            torch_type(dtype),
            frames,
            model.config.image_size,
        )
        weights = next(iter(sorted((run / "model").glob("*.safetensors"))))
        self.name, self.dimension = "video:levasa", 2 * model.latent
        self.revision = hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
        self.licence = str(opened.facts.get("licence") or "that of the run's corpus")
        self.settings: dict[str, Any] = {
            "frames": frames, "crop": self._crop, "size": self._size, "dtype": dtype,
        }  # fmt: skip
        chunk = model.config.chunk
        codes = [f"z_{name}{k}" for name in ("v", "a", "z") for k in range(chunk)]
        self.columns: tuple[str, ...] = tuple(f"{code}_{kind}" for kind in ("mean", "sd") for code in codes)
        self.counts: Counter[str] = Counter()
        self.recipe: dict[str, Any] | None = None

    def load(self, item: Item) -> np.ndarray:
        """Its faces, (frames, size, size, 3) uint8."""
        assert item.path is not None
        frames = read_frames(item.path, self._frames, item.start, item.end, item.half)
        faces = faces_of(frames, self._crop, self.counts)
        return np.stack([resized(face, self._size) for face in faces])

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        """(batch, 2 * latent): means over time, then deviations."""
        import torch

        pixels = np.concatenate(batch)
        codes = []
        with torch.inference_mode():
            for first in range(0, len(pixels), 128):
                image = (
                    torch.tensor(pixels[first : first + 128]).permute(0, 3, 1, 2).to(self._device, self._dtype) / 255
                )
                codes.append(self._model.encode(image).mean.float().cpu().numpy())
        over_time = np.concatenate(codes).reshape(len(batch), self._frames, -1)
        return np.concatenate([over_time.mean(axis=1), over_time.std(axis=1)], axis=1)


def levasa_backbone(
    name: str = "levasa",
    *,
    run: str | Path | None = None,
    frames: int = 8,
    crop: bool | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> LevasaEye:
    """The eye of a LeVAsa run.

    run : its folder; frames : sampled from each clip; crop : to the face, by default unless the run was trained on drawn faces
    Raises RunError or ConfigError where the run is none, not finished, or of another kind.
    """
    if run is None:
        raise ConfigError("video: levasa needs the folder of a run: --video-backbone RUN (in Python run=...)")
    eye = LevasaEye(Path(run), frames, crop, device, dtype)
    settings = {"run": str(Path(run).resolve()), "frames": frames, "crop": eye.settings["crop"], "dtype": dtype}
    eye.recipe = {"modality": "video", "name": name, "settings": settings}
    return eye
