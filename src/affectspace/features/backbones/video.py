"""Vectors of clips: any video or image encoder of transformers, or histograms of gradients."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError
from affectspace.features.backbone import Item
from affectspace.features.backbones.pretrained import load_encoder, require, revision_of, short_name
from affectspace.media.clips import read_frames
from affectspace.media.faces import faces_of, resized

CELL, ORIENTATIONS, BLOCK = 8, 8, 2


class Gradients:
    """Gradient histograms (Dalal & Triggs 2005) of evenly sampled grey faces, averaged over the frames."""

    modality = "video"
    columns = None
    shard_rows = 64

    def __init__(self, frames: int, size: int, crop: bool) -> None:
        if frames < 1 or size < BLOCK * CELL or size % CELL:
            raise ConfigError(
                f"frames is {frames} and size {size}: give a frame or more, and a multiple of {CELL} from {BLOCK * CELL} on"
            )
        self._frames, self._size, self._crop = frames, size, crop
        cells = size // CELL
        self.name, self.revision, self.licence = "video:gradients", "1", "Apache-2.0 (affectspace)"
        self.dimension = (cells - BLOCK + 1) ** 2 * BLOCK**2 * ORIENTATIONS
        self.settings: dict[str, Any] = {"frames": frames, "size": size, "crop": crop}
        self.counts: Counter[str] = Counter()

    def load(self, item: Item) -> np.ndarray:
        """Its histograms, the mean over frames, (dimension,) float32."""
        from skimage.feature import hog

        assert item.path is not None
        frames = read_frames(item.path, self._frames, item.start, item.end, item.half)
        grey = [resized(face, self._size).mean(axis=2) / 255 for face in faces_of(frames, self._crop, self.counts)]
        shape = {"pixels_per_cell": (CELL, CELL), "cells_per_block": (BLOCK, BLOCK)}
        return np.mean([hog(one, orientations=ORIENTATIONS, **shape) for one in grey], axis=0).astype(np.float32)

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


def gradients_backbone(
    name: str = "gradients",
    *,
    frames: int = 6,
    size: int = 64,
    crop: bool = True,
    device: str = "cpu",
    dtype: str = "float32",
) -> Gradients:
    """Gradient histograms of faces. frames : sampled from each clip; size : pixels of a face's side; crop : to the face

    device, dtype : of no matter here. Drawn faces are not found by the detector of photographs: crop=False.
    """
    return Gradients(frames, size, crop)


_CLIPS = ("timesformer", "videomae", "vivit")  # these look at all frames at once; others at one
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VideoBackbone:
    """TimeSformer, VideoMAE and ViViT over the frames of a clip; ViT, DINO, CLIP and other image encoders frame by frame.

    The first token of the last layer where the model has one ([CLS]), else the mean over tokens; of image encoders the mean
    over frames. Pixels are scaled as the folder's preprocessor_config.json says.
    """

    modality = "video"
    columns = None
    shard_rows = 64

    def __init__(self, name: str, folder: str, frames: int | None, crop: bool, device: str, dtype: str) -> None:
        model = load_encoder("video", name, folder, device, dtype)
        vision = getattr(model, "vision_model", model)
        config = getattr(model.config, "vision_config", model.config)
        self._whole = config.model_type in _CLIPS
        if not hasattr(config, "image_size"):
            raise ConfigError(
                f"{name} is a {config.model_type}, which takes no pictures; give a video or image encoder"
            )
        trained = getattr(config, "num_frames", None) if self._whole else None
        if trained and frames is not None and frames != trained:
            raise ConfigError(f"{name} was trained on {trained} frames; frames={frames} would be a model of its own")
        self._frames = int(trained or frames or 8)
        size = config.image_size
        self._size = int(size if isinstance(size, int) else size[0])
        self._model, self._device, self._crop = vision, device, crop
        self._token = config.model_type not in ("videomae",)  # it has no [CLS]
        self._mean, self._deviation = _pixel_scale(Path(folder))
        self.name, self.dimension = f"video:{name}", int(config.hidden_size)
        self.licence, self.revision = "see the model's card", revision_of(model)
        self.settings: dict[str, Any] = {
            "frames": self._frames, "crop": crop, "size": self._size, "dtype": dtype,
            "mean": [round(float(one), 6) for one in self._mean],
            "deviation": [round(float(one), 6) for one in self._deviation],
        }  # fmt: skip
        self.counts: Counter[str] = Counter()

    def load(self, item: Item) -> np.ndarray:
        """Its faces, (frames, size, size, 3) uint8."""
        assert item.path is not None
        frames = read_frames(item.path, self._frames, item.start, item.end, item.half)
        return np.stack([resized(face, self._size) for face in faces_of(frames, self._crop, self.counts)])

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        """(batch, dimension) float32."""
        import torch

        pixels = (np.stack(batch) / np.float32(255) - self._mean) / self._deviation
        clip = torch.from_numpy(pixels.astype(np.float32)).permute(0, 1, 4, 2, 3).to(self._device, self._model.dtype)
        with torch.inference_mode():
            if self._whole:
                hidden = self._model(pixel_values=clip).last_hidden_state
            else:
                hidden = self._model(pixel_values=clip.flatten(0, 1)).last_hidden_state
            tokens = (hidden[:, 0] if self._token else hidden.mean(dim=1)).float()
        if not self._whole:
            tokens = tokens.unflatten(0, (len(batch), self._frames)).mean(dim=1)
        return tokens.cpu().numpy()


def video_backbone(
    name: str, *, frames: int | None = None, crop: bool = True, device: str = "cpu", dtype: str = "float32"
) -> VideoBackbone:
    """A video or image encoder by folder or hub name, such as "facebook/timesformer-base-finetuned-k400".

    frames : sampled from each clip; default what the model was trained on, 8 for image encoders. crop : to the face
    """
    require("transformers", "text", "video encoders")
    return VideoBackbone(short_name(name), name, frames, crop, device, dtype)


def _pixel_scale(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation per channel that pixels in [0, 1] are scaled with; ImageNet's where a folder does not say."""
    path = folder / "preprocessor_config.json"
    try:
        said = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON that can be read ({error})") from error
    mean, deviation = said.get("image_mean", _MEAN), said.get("image_std", _DEVIATION)
    return np.array(mean, np.float32), np.array(deviation, np.float32)
