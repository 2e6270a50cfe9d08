"""Images as tensors: augmentation that keeps shape and range, and pixels of several corpora."""

import numpy as np
import torch

from affectspace.data.images import AugmentationConfig, Pixels, augment, to_image

NOTHING = AugmentationConfig(mirror=False, rotation=0, scale=0, shift=0, contrast=0, brightness=0)


def test_images_are_scaled_and_channels_last() -> None:
    image = to_image(np.full((2, 4, 4, 3), 255, np.uint8))
    assert image.shape == (2, 3, 4, 4)
    assert image.max() == 1.0
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_augmentation_is_a_function_of_its_seed_and_stays_in_range() -> None:
    image = torch.rand(16, 3, 32, 32)
    once, again, other = (
        augment(image, AugmentationConfig(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert once.shape == image.shape
    assert once.min() >= 0
    assert once.max() <= 1


def test_no_augmentation_changes_nothing_and_a_mirror_mirrors() -> None:
    image = torch.rand(64, 3, 16, 16)
    assert augment(image, NOTHING, torch.Generator()) is image
    mirrored = augment(image, NOTHING.model_copy(update={"mirror": True}), torch.Generator().manual_seed(0))
    same = torch.isclose(mirrored, image, atol=1e-5).flatten(1).all(dim=1)
    flipped = torch.isclose(mirrored, image.flip(3), atol=1e-5).flatten(1).all(dim=1)
    assert (same ^ flipped).all()
    assert 16 < flipped.sum() < 48


def test_pixels_of_several_corpora_are_read_in_the_order_of_the_rows() -> None:
    arrays = tuple(
        np.full((3, 2, 2, 3), value, np.uint8) + np.arange(3, dtype=np.uint8)[:, None, None, None] for value in (0, 100)
    )
    pixels = Pixels(arrays, np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2]))
    assert pixels.read(np.array([3, 0, 2, 1]))[:, 0, 0, 0].tolist() == [102, 0, 101, 2]
    assert len(pixels) == 4
