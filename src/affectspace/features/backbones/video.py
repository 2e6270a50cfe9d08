"""Vectors of clips and pictures: histograms of gradients, or any video or image encoder of transformers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from affectspace.errors import ConfigError
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.features.backbones.pretrained import PretrainedBackbone, processor_settings, short_name
from affectspace.media.clips import frames_at, read_frames
from affectspace.media.content import kind_of
from affectspace.media.faces import MARGIN, face_of, faces_of, resized, square
from affectspace.progress import note

if TYPE_CHECKING:
    from torch import Tensor

CELL, ORIENTATIONS, BLOCK = 8, 8, 2  # of the histograms of gradients
MOST_FRAMES = 1000  # of a clip: each is searched for a face
MOST_PIXELS = 1024  # of a face's side
Frames = Annotated[int, Field(ge=1, le=MOST_FRAMES)]
CLIP_MODELS = ("timesformer", "videomae", "vivit")  # read all frames together; other models read one at a time
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_faces(
    item: Item, frames: int, size: int, crop: bool, counts: Counter[str], margin: float = MARGIN
) -> list[np.ndarray]:
    """Return the faces of evenly sampled frames, or their middle squares, (size, size, 3) uint8 each; one of a picture."""
    source = item.source
    if item.track:
        n = 1 if len(item.track) == 1 else frames
        chosen = [item.track[place] for place in np.linspace(0, len(item.track) - 1, n).round().astype(int)]
        pictures = frames_at(source, [second for second, _ in chosen])
        boxes = [(x, y, side * (1 + 2 * margin)) for _, (x, y, side) in chosen]
        return [resized(square(picture, box), size) for picture, box in zip(pictures, boxes, strict=True)]
    if kind_of(source) == "image":
        [picture] = read_frames(source, 1, half=item.half)
        return [resized(face_of(picture, crop, counts, margin), size)]
    sampled = read_frames(source, frames, item.start, item.end, item.half, note=partial(note, counts))
    return [resized(face, size) for face in faces_of(sampled, crop, counts, margin)]


class GradientsBackbone(BaseBackbone):
    """Histograms of oriented gradients (Dalal & Triggs 2005) of grey faces, averaged over the frames."""

    modality = "video"
    reads_faces = True
    shard_rows = 64

    def __init__(self, frames: int, size: int, crop: bool) -> None:
        super().__init__()
        if frames < 1 or size < BLOCK * CELL or size % CELL:
            raise ConfigError(
                f"frames is {frames} and size {size}; give at least one frame, and a multiple of {CELL} from {BLOCK * CELL} on"
            )
        self._frames, self._size, self._crop = frames, size, crop
        self.name, self.revision, self.licence = "video:gradients", "1", "Apache-2.0 (affectspace)"
        self.dimension = (size // CELL - BLOCK + 1) ** 2 * BLOCK**2 * ORIENTATIONS
        self.settings: dict[str, Any] = {"frames": frames, "size": size, "crop": crop}

    def load(self, item: Item) -> np.ndarray:
        """Return the mean histogram over the frames, (dimension,) float32."""
        return self.vector(self.faces(item))

    def faces(self, item: Item) -> list[np.ndarray]:
        """Return the faces of the frames, (size, size, 3) uint8 each."""
        return load_faces(item, self._frames, self._size, self._crop, self.counts)

    def vector(self, faces: Sequence[np.ndarray]) -> np.ndarray:
        """Compute the mean histogram of faces, (dimension,) float32."""
        from skimage.feature import hog

        shape = {"pixels_per_cell": (CELL, CELL), "cells_per_block": (BLOCK, BLOCK)}
        histograms = [hog(face.mean(axis=2) / 255, orientations=ORIENTATIONS, **shape) for face in faces]
        return np.mean(histograms, axis=0).astype(np.float32)

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


def gradients_backbone(
    name: str = "gradients",
    *,
    frames: Annotated[int, Field(le=MOST_FRAMES)] = 6,
    size: Annotated[int, Field(le=MOST_PIXELS)] = 64,
    crop: bool = True,
    device: str = "cpu",
    dtype: str = "float32",
) -> GradientsBackbone:
    """Make the backbone of gradient histograms. It needs no weights.

    frames : per clip; size : side of a face in pixels; crop : crop to the face. The detector does not find drawn faces,
    so use crop=False for these. device, dtype : not used
    """
    return GradientsBackbone(frames, size, crop)


class VideoBackbone(PretrainedBackbone):
    """TimeSformer, VideoMAE and ViViT on the frames of a clip; ViT, DINO, CLIP and other image encoders on each frame.

    The vector is the first token ([CLS]) of the last layer, or the mean over tokens if the model has no such token.
    Image encoders are averaged over the frames. Pixels are scaled as the model's own processor says, also if the model is named
    by its hub name. If it has no processor, they are scaled as for ImageNet, and the rows carry a remark.
    """

    modality = kind = "video"
    reads_faces = True
    shard_rows = 64

    def __init__(self, name: str, folder: str, frames: int | None, crop: bool, device: str, dtype: str) -> None:
        super().__init__(name, folder, device, dtype)
        config = getattr(self.model.config, "vision_config", self.model.config)
        processor = processor_settings(
            name, folder, "image_processor", getattr(self.model.config, "_commit_hash", None)
        )
        self.model = getattr(self.model, "vision_model", self.model)
        if not hasattr(config, "image_size"):
            raise ConfigError(
                f"{name} is a {config.model_type}, which does not read pictures; give a video or image encoder"
            )
        self._reads_clips = config.model_type in CLIP_MODELS
        trained = getattr(config, "num_frames", None) if self._reads_clips else None
        if trained and frames is not None and frames != trained:
            raise ConfigError(f"{name} was trained on {trained} frames, not {frames}; leave out the setting frames")
        self._frames = int(trained or frames or 8)
        size = config.image_size
        self._size = int(size if isinstance(size, int) else size[0])
        self._crop = crop
        self._has_class_token = config.model_type != "videomae"
        self._mean, self._deviation = _pixel_scale(processor)
        self._remark = ""
        if processor is None or not {"image_mean", "image_std"} <= processor.keys():
            self._remark = f"pixels were scaled as for ImageNet, because {name} states no mean and deviation of pixels"
        self.dimension = int(config.hidden_size)
        self.settings: dict[str, Any] = {
            "frames": self._frames, "crop": crop, "size": self._size, "dtype": dtype,
            "mean": [round(float(value), 6) for value in self._mean],
            "deviation": [round(float(value), 6) for value in self._deviation],
        }  # fmt: skip

    def load(self, item: Item) -> np.ndarray:
        """Return the faces, (frames, size, size, 3) uint8; one of a picture."""
        faces = np.stack(load_faces(item, self._frames, self._size, self._crop, self.counts))
        if self._remark:
            note(self.counts, self._remark)
        return faces

    def vectors(self, batch: list[np.ndarray]) -> Tensor:
        """Return (batch, dimension)."""
        import torch

        if self._reads_clips:  # a picture is a clip that stands still
            batch = [np.repeat(faces, self._frames, axis=0) if len(faces) == 1 else faces for faces in batch]
        pixels = (np.concatenate(batch) / np.float32(255) - self._mean) / self._deviation
        images = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2).to(self.device, self.model.dtype)
        inputs = images.unflatten(0, (len(batch), self._frames)) if self._reads_clips else images
        hidden = self.model(pixel_values=inputs).last_hidden_state
        vectors = (hidden[:, 0] if self._has_class_token else hidden.mean(dim=1)).float()
        if self._reads_clips:
            return vectors
        return torch.stack([part.mean(dim=0) for part in vectors.split([len(faces) for faces in batch])])


def video_backbone(
    name: str,
    *,
    frames: Frames | None = None,
    crop: bool = True,
    device: str = "cpu",
    dtype: str = "float32",
) -> VideoBackbone:
    """Load a video or image encoder by folder or hub name, for example "facebook/timesformer-base-finetuned-k400".

    frames : per clip; default what the model was trained on, 8 for image encoders; crop : crop to the face
    """
    return VideoBackbone(short_name(name), name, frames, crop, device, dtype)


def _pixel_scale(settings: dict[str, Any] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation per channel for pixels in [0, 1], as a processor states them; ImageNet's where it does not.

    A processor multiplies pixels of 0..255 by its factor, may subtract 1 (`offset`), and then standardises.
    """
    settings = settings or {}
    factor = 255 * settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else 255.0
    mean, deviation = np.array(settings.get("image_mean", IMAGENET_MEAN)), settings.get("image_std", IMAGENET_DEVIATION)
    if not settings.get("do_normalize", True):
        mean, deviation = np.zeros(3), np.ones(3)
    offset = float(bool(settings.get("offset")) and settings.get("do_rescale", True))
    return ((mean + offset) / factor).astype(np.float32), (np.array(deviation) / factor).astype(np.float32)
