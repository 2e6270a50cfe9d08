"""Batches: functions of (seed, epoch), balanced on request, augmentation that keeps shape and range."""

import numpy as np
import pytest
import torch

from affectspace.errors import DataError
from affectspace.training.batches import EpochBatches, ImageSamples, augment, drawing_weights, step_seed, to_image
from affectspace.training.configuration import AugmentationConfig

NOTHING = AugmentationConfig(mirror=False, rotation=0, scale=0, shift=0, contrast=0, brightness=0)


def samples(n: int = 40, rare: int = 4) -> ImageSamples:
    pixels = np.arange(n * 12, dtype=np.uint8).reshape(n, 2, 2, 3)
    category = np.array([0] * rare + [1] * (n - rare))
    affect = np.zeros((n, 2), np.float32)
    return ImageSamples(pixels, np.arange(n), lambda epoch: affect + epoch, category, np.arange(n).astype(str))


def test_the_same_seed_and_epoch_give_the_same_batches() -> None:
    first, again = (EpochBatches(samples(), 8, seed=1, epoch=2, balance=1.0) for _ in range(2))
    other = EpochBatches(samples(), 8, seed=1, epoch=3, balance=1.0)
    assert [part.tolist() for part in first.parts] == [part.tolist() for part in again.parts]
    assert [part.tolist() for part in first.parts] != [part.tolist() for part in other.parts]
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.image, two.image)
        assert (one.affect == 2).all()


def test_without_balance_each_row_comes_once() -> None:
    batches = EpochBatches(samples(), 8, seed=0, epoch=0)
    assert sorted(np.concatenate(batches.parts)) == list(range(40))


def test_rows_that_fill_no_batch_wait_and_validation_keeps_all() -> None:
    assert len(EpochBatches(samples(41), 8, seed=0, epoch=0)) == 5
    kept = EpochBatches(samples(41), 8, seed=0, epoch=0, shuffle=False)
    assert np.concatenate(kept.parts).tolist() == list(range(41))
    assert len(EpochBatches(samples(5), 8, seed=0, epoch=0)) == 1


def test_balance_draws_rare_emotions_as_often_as_others() -> None:
    weights = drawing_weights(np.array([0] * 10 + [1] * 90), 1.0)
    assert weights[:10].sum() == pytest.approx(0.5)
    assert drawing_weights(np.array([0] * 10 + [1] * 90), 0.0)[:10].sum() == pytest.approx(0.1)
    drawn = np.concatenate(EpochBatches(samples(4000, 100), 8, seed=0, epoch=0, balance=1.0).parts)
    assert (drawn < 100).mean() == pytest.approx(0.5, abs=0.05)


def test_an_empty_part_is_an_error() -> None:
    empty = ImageSamples(
        np.zeros((0, 2, 2, 3), np.uint8), np.arange(0), lambda epoch: np.zeros((0, 2)), np.arange(0), np.arange(0)
    )
    with pytest.raises(DataError, match="this part of the split is empty"):
        EpochBatches(empty, 8, seed=0, epoch=0)


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


def test_step_seeds_differ() -> None:
    assert len({step_seed(seed, epoch, step) for seed in range(4) for epoch in range(4) for step in range(4)}) == 64
