"""Training on features: each process' share of every batch, the feature models' loss."""

from __future__ import annotations

import lightning as L
import torch

from affectspace.data.batches import FeatureBatch
from affectspace.models import AffectModel, LossTerms
from affectspace.training.feature_batches import FeatureBatches, FeatureSamples
from affectspace.training.feature_configuration import FeatureFitConfig
from affectspace.training.module import Training


class FeatureData(L.LightningDataModule):
    """Training batches of the trainer's current epoch, and validation batches that never change."""

    def __init__(self, training: FeatureSamples, validation: FeatureSamples, config: FeatureFitConfig) -> None:
        super().__init__()
        self.training, self.validation, self.config = training, validation, config

    def train_dataloader(self) -> FeatureBatches:
        return self._batches(self.training, self.trainer.current_epoch if self.trainer else 0, shuffle=True)

    def val_dataloader(self) -> FeatureBatches:
        return self._batches(self.validation, 0, shuffle=False)

    def _batches(self, samples: FeatureSamples, epoch: int, shuffle: bool) -> FeatureBatches:
        config, trainer = self.config, self.trainer
        return FeatureBatches(
            samples, config.batch_size, seed=config.seed, epoch=epoch, balance=config.balance, shuffle=shuffle,
            rank=trainer.global_rank if trainer else 0, ranks=trainer.world_size if trainer else 1,
        )  # fmt: skip


class FeatureTraining(Training):
    """Steps on features."""

    model: AffectModel

    def step_loss(self, batch: FeatureBatch, seed: int, progress: float, training: bool) -> LossTerms:
        generator = torch.Generator(self.device).manual_seed(seed)
        return self.model.loss(batch, generator, progress=progress)

    def transfer_batch_to_device(self, batch: FeatureBatch, device: torch.device, dataloader_idx: int) -> FeatureBatch:
        return batch if device.type == "cpu" else batch.to(device)

    def rows_of(self, step: int) -> list[str]:
        batches = self.trainer.train_dataloader
        return [str(name) for name in batches.samples.ids[batches.whole[step]]] if batches else []
