"""Training of images: augmented batches, the image models' loss."""

from __future__ import annotations

import lightning as L
import torch

from affectspace.data.batches import ImageBatch
from affectspace.models import LossTerms
from affectspace.training.batches import EpochBatches, ImageSamples, augment
from affectspace.training.image_configuration import FitConfig
from affectspace.training.module import Training


class ImageData(L.LightningDataModule):
    """Training batches of the trainer's current epoch, and validation batches that never change."""

    def __init__(self, training: ImageSamples, validation: ImageSamples, config: FitConfig) -> None:
        super().__init__()
        self.training, self.validation, self.config = training, validation, config

    def train_dataloader(self) -> EpochBatches:
        epoch = self.trainer.current_epoch if self.trainer else 0
        config = self.config
        return EpochBatches(self.training, config.batch_size, seed=config.seed, epoch=epoch, balance=config.balance)

    def val_dataloader(self) -> EpochBatches:
        return EpochBatches(self.validation, self.config.batch_size, seed=self.config.seed, epoch=0, shuffle=False)


class ImageTraining(Training):
    """Steps on images. Augmentation is a function of (seed, epoch, step)."""

    config: FitConfig

    def step_loss(self, batch: ImageBatch, seed: int, progress: float, training: bool) -> LossTerms:
        image = batch.image
        if training:
            image = augment(image, self.config.augmentation, torch.Generator().manual_seed(seed))
        generator = torch.Generator(self.device).manual_seed(seed)
        return self.model.loss(ImageBatch(image, batch.affect, batch.category), generator)

    def rows_of(self, step: int) -> list[str]:
        batches = self.trainer.train_dataloader
        return [str(name) for name in batches.samples.ids[batches.parts[step]]] if batches else []
