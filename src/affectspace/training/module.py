"""The Lightning module and data module that train any of our image models."""

from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from affectspace.errors import RunError
from affectspace.models.levasa import ImageBatch
from affectspace.models.losses import LossTerms
from affectspace.models.pretrained import Pretrained
from affectspace.training.batches import EpochBatches, ImageSamples, augment, step_seed
from affectspace.training.configuration import FitConfig

VALIDATION = 2**31  # stands in for the epoch in the seed of validation noise, so that it is the same in every epoch


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


class ImageTraining(L.LightningModule):
    """Steps, optimiser and schedule. Noise is a function of (seed, epoch, step)."""

    def __init__(self, model: Pretrained, config: FitConfig, steps_per_epoch: int) -> None:
        super().__init__()
        self.model: Pretrained = model
        self.config, self.steps_per_epoch = config, steps_per_epoch

    def _generators(self, epoch: int, step: int) -> tuple[torch.Generator, torch.Generator]:
        seed = step_seed(self.config.seed, epoch, step)
        return torch.Generator().manual_seed(seed), torch.Generator(self.device).manual_seed(seed)

    def training_step(self, batch: ImageBatch, step: int) -> Tensor:
        for_images, for_codes = self._generators(self.current_epoch, step)
        image = augment(batch.image, self.config.augmentation, for_images)
        terms = self.model.loss(ImageBatch(image, batch.affect, batch.category), for_codes)
        self._check(terms, step)
        self._record("train", terms, len(batch.image))
        return terms.total

    def validation_step(self, batch: ImageBatch, step: int) -> None:
        _, for_codes = self._generators(VALIDATION, step)
        self._record("validation", self.model.loss(batch, for_codes), len(batch.image))

    def _record(self, part: str, terms: LossTerms, rows: int) -> None:
        values = {f"{part}_{name}": value.detach() for name, value in {"total": terms.total, **terms.terms}.items()}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=rows)

    def _check(self, terms: LossTerms, step: int) -> None:
        if torch.isfinite(terms.total):
            return
        batches = self.trainer.train_dataloader
        names: Any = batches.samples.ids[batches.parts[step]] if isinstance(batches, EpochBatches) else []
        values = ", ".join(f"{name} {value.item():.4g}" for name, value in terms.terms.items())
        raise RunError(
            f"the loss is {terms.total.item()} in epoch {self.current_epoch}, step {step} ({values}); "
            f"rows of that batch: {', '.join(map(str, names[:8]))}, ... Lower fit.learning_rate, set fit.gradient_clip, "
            "or look at those rows"
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        config = self.config
        optimizer = torch.optim.AdamW(
            self.model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        if config.schedule == "constant":
            return optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=config.epochs * self.steps_per_epoch + 1, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
