"""Image batches whose order and augmentation are functions of (seed, epoch, step), so that a training can be continued."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affectspace.data.batches import ImageBatch
from affectspace.errors import DataError
from affectspace.training.image_configuration import AugmentationConfig


def step_seed(seed: int, epoch: int, step: int, rank: int = 0) -> int:
    """A seed for one step of one epoch in one process, below 2^63."""
    entropy = [seed, epoch, step, rank] if rank else [seed, epoch, step]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True)
class ImageSamples:
    """Images and labels of one part of a corpus.

    pixels : (corpus, size, size, 3) uint8, memory-mapped; `rows` says which of them belong to this part
    rows : (n,) indices into pixels, ascending
    affect : function of the epoch -> (n, 2) float32, valence and arousal on [-1, 1], NaN where not annotated
    category : (n,) index of the emotion, -1 where not annotated
    ids : (n,) names of the samples, for messages
    """

    pixels: np.ndarray
    rows: np.ndarray
    affect: Callable[[int], np.ndarray]
    category: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def to_image(pixels: np.ndarray) -> Tensor:
    """(batch, size, size, 3) uint8 -> (batch, 3, size, size) float in [0, 1], channels last in memory without a copy."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255.0)


def drawing_weights(category: np.ndarray, balance: float) -> np.ndarray:
    """Probability of each row to be drawn: its emotion's count to the power -balance, normalised, (n,).

    Rows without an emotion count as an emotion of their own.
    """
    _, inverse, counts = np.unique(category, return_inverse=True, return_counts=True)
    weights = counts.astype(np.float64)[inverse] ** -balance
    return weights / weights.sum()


class EpochBatches:
    """The batches of one epoch. Iterating twice gives the same batches.

    With `balance` rows are drawn with replacement, else each row comes once. Rows that do not fill a batch wait for the
    next epoch's order, unless there is less than one batch in all.
    """

    def __init__(
        self,
        samples: ImageSamples,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        balance: float = 0.0,
        shuffle: bool = True,
    ) -> None:
        if not len(samples):
            raise DataError("no images to make batches of: this part of the split is empty")
        self.samples, self.epoch = samples, epoch
        count = len(samples)
        order = np.arange(count)
        if shuffle:
            random = np.random.default_rng([seed, epoch])
            if balance > 0:
                order = random.choice(count, count, p=drawing_weights(samples.category, balance))
            else:
                order = random.permutation(count)
            count = max(count // batch_size, 1) * batch_size
        self.parts = [order[start : start + batch_size] for start in range(0, min(count, len(order)), batch_size)]

    def __len__(self) -> int:
        return len(self.parts)

    def names(self, step: int) -> list[str]:
        """Return the names of a step's rows."""
        return [str(name) for name in self.samples.ids[self.parts[step]]]

    def __iter__(self) -> Iterator[ImageBatch]:
        affect = self.samples.affect(self.epoch)
        for part in self.parts:
            yield ImageBatch(
                to_image(self.samples.pixels[self.samples.rows[part]]),
                torch.from_numpy(affect[part]),
                torch.from_numpy(self.samples.category[part]),
            )


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
