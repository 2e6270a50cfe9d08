"""The Lightning module that trains any of our models: steps, sums of the terms, optimiser, schedule, a clear stop at NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from affectspace.errors import RunError
from affectspace.models import LossTerms, Pretrained
from affectspace.training.batches import step_seed
from affectspace.training.settings import FitSettings

VALIDATION = 2**31  # stands in for the epoch in the seed of validation noise, so that it is the same in every epoch
NAMED = 8  # rows in a message


class Training(L.LightningModule):
    """What trainings of images and of features share; a subclass says what the loss of a batch is.

    Noise is a function of (seed, epoch, step), also that of dropout, which draws from PyTorch's global state.
    """

    def __init__(self, model: Pretrained, config: FitSettings, steps_per_epoch: int) -> None:
        super().__init__()
        self.model: Pretrained = model
        self.config, self.steps_per_epoch = config, steps_per_epoch
        self.tell: Callable[[RunError], None] | None = None  # who hears of an error that stops this process
        self._sums = {"train": TermSums(), "validation": TermSums()}

    def step_loss(self, batch: Any, seed: int, progress: float, training: bool) -> LossTerms:
        """Terms of a batch. progress : how far the training has come, from 0 to 1."""
        raise NotImplementedError

    def rows_of(self, step: int) -> list[str]:
        """Names of the rows of a training step, of all processes."""
        raise NotImplementedError

    def on_fit_start(self) -> None:
        if self.config.threads and self.trainer.world_size > 1:  # other processes do not have this one's setting
            torch.set_num_threads(self.config.threads)

    def training_step(self, batch: Any, step: int) -> Tensor:
        epoch = self.current_epoch
        seed = step_seed(self.config.seed, epoch, step, self.global_rank)
        seed_global_state(seed, self.device)
        progress = (epoch * self.steps_per_epoch + step) / (self.config.epochs * self.steps_per_epoch)
        terms = self.step_loss(batch, seed, progress, True)
        if not math.isfinite(terms.total.item()):
            self._stop_at(terms, step)
        self._sums["train"].add(terms, len(batch.affect))
        return terms.total

    def validation_step(self, batch: Any, step: int) -> None:
        seed = step_seed(self.config.seed, VALIDATION, step, self.global_rank)
        self._sums["validation"].add(self.step_loss(batch, seed, 1.0, False), len(batch.affect))

    def epoch_means(self) -> dict[str, float]:
        """Means of an epoch's terms, train_<name> and validation_<name>, and a new start.

        The trainer's own log, called in every step, costs more than a small model's step.
        """
        means = {f"{part}_{name}": value for part, sums in self._sums.items() for name, value in sums.means().items()}
        return {name: float(value) for name, value in sorted(means.items())}

    def _stop_at(self, terms: LossTerms, step: int) -> None:
        names = self.rows_of(step)
        values = ", ".join(f"{name} {value.item():.4g}" for name, value in terms.terms.items())
        self.stop(
            f"the loss is {terms.total.item()} in epoch {self.current_epoch}, step {step} ({values}); "
            f"rows of that batch: {', '.join(names[:NAMED])}, ... Lower fit.learning_rate, set fit.gradient_clip, "
            "or look at those rows"
        )

    def stop(self, why: str) -> NoReturn:
        """End the training with a RunError."""
        error = RunError(why)
        if self.tell is not None:
            self.tell(error)
        raise error

    def configure_optimizers(self) -> OptimizerLRScheduler:
        config = self.config
        optimizer = torch.optim.AdamW(
            self.model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        if config.schedule == "constant":
            return optimizer
        steps = config.epochs * math.ceil(self.steps_per_epoch / getattr(config, "accumulate", 1)) + 1
        rise = max(0.1, 1.5 / steps)  # of at least half a step: with ten steps a tenth would be divided by
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=steps, pct_start=rise
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def seed_global_state(seed: int, device: torch.device) -> None:
    """What torch.manual_seed does for one device; that takes a millisecond where no GPU is."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


class TermSums:
    """Terms of an epoch's steps; their means are weighted by rows, and taken over all processes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.values: list[Tensor] = []
        self.rows: list[int] = []

    def add(self, terms: LossTerms, rows: int) -> None:
        if not self.values:
            self.names = ["total", *terms.terms]
        self.values.append(torch.stack([terms.total.detach(), *(value.detach() for value in terms.terms.values())]))
        self.rows.append(rows)

    def means(self) -> dict[str, Tensor]:
        """Mean of each term over the rows, and a new start."""
        if not self.values:
            return {}
        values = torch.stack(self.values)
        rows = torch.tensor(self.rows, dtype=values.dtype, device=values.device)
        self.values, self.rows = [], []
        if dist.is_available() and dist.is_initialized():
            # a process' loss of a step is its share of that of the whole step: losses average, and rows add up
            for each in (values, rows):
                dist.all_reduce(each)
            values /= dist.get_world_size()
        means = (values * rows[:, None]).sum(dim=0) / rows.sum()
        return dict(zip(self.names, means, strict=True))
