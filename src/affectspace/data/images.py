"""Images: from decoded pixels to tensors, and their augmentation in training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affectspace.data.configuration import AugmentationConfig


@dataclass(frozen=True, eq=False)
class Pixels:
    """Decoded images of the rows of several corpora.

    arrays : for each corpus (images, size, size, 3) uint8, memory-mapped
    corpus : (n,) which array a row's image is in; index : (n,) its place there
    """

    arrays: tuple[np.ndarray, ...]
    corpus: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of these rows, (len(rows), size, size, 3) uint8."""
        if len(self.arrays) == 1:
            return self.arrays[0][self.index[rows]]
        images = np.empty((len(rows), *self.arrays[0].shape[1:]), np.uint8)
        for number, array in enumerate(self.arrays):
            own = self.corpus[rows] == number
            images[own] = array[self.index[rows][own]]
        return images


def to_image(pixels: np.ndarray) -> Tensor:
    """(batch, size, size, 3) uint8 -> (batch, 3, size, size) float in [0, 1], channels last in memory without a copy."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255.0)


def augment(image: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Mirror, rotate, scale, shift and relight each image at random; same shape, in [0, 1], channels last.

    generator : on the CPU whatever the image's device, so that the same seed changes the images alike everywhere
    """
    if config == AugmentationConfig(mirror=False, rotation=0, scale=0, shift=0, contrast=0, brightness=0):
        return image
    draw = torch.rand(len(image), 7, generator=generator).mul_(2).sub_(1).to(image.device)
    angle = draw[:, 0] * math.radians(config.rotation)
    size = 1 + draw[:, 1] * config.scale
    mirror = torch.where((draw[:, 2] > 0) & config.mirror, -1.0, 1.0)
    cosine, sine, shift = size * angle.cos(), size * angle.sin(), 2 * config.shift * draw[:, 3:5]
    rows = (torch.stack([mirror * cosine, -sine, shift[:, 0]], 1), torch.stack([mirror * sine, cosine, shift[:, 1]], 1))
    grid = F.affine_grid(torch.stack(rows, dim=1), list(image.shape), align_corners=False).to(image.dtype)
    moved = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    contrast = (1 + config.contrast * draw[:, 5])[:, None, None, None]
    brightness = (config.brightness * draw[:, 6])[:, None, None, None]
    relit = ((moved - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)
    return relit.contiguous(memory_format=torch.channels_last)
