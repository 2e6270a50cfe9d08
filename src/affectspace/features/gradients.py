"""Histograms of oriented gradients of a clip's faces: an offline picture of the face that needs no weights."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from affectspace.errors import ConfigError
from affectspace.features.backbone import Item
from affectspace.features.clips import read_frames
from affectspace.features.face_crop import faces_of, resized

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
