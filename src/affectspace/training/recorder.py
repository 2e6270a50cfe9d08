"""What is written while a training runs: history.csv, checkpoints, log.txt, and progress with rows per second."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from affectspace.files import write_atomic
from affectspace.progress import Progress
from affectspace.training.settings import FitSettings


class Recorder(Checkpoint):
    """history.csv, a row an epoch; the best epoch's weights; when to stop early; checkpoints; progress.

    Checkpoints are written at the end of an epoch, when the last ones are older than `seconds`, and at the end of the
    training: first the best weights, then what continues. A training that is killed between them repeats epochs, with the
    same numbers. The history is kept in the checkpoint, so that it continues.

    rows, unit : how many rows a step has, and what they are called; say : takes a line of the log
    """

    def __init__(
        self,
        folder: Path,
        settings: FitSettings,
        rows: int,
        unit: str,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self.history, self.best, self.last = folder / "history.csv", best_path(folder), last_path(folder)
        self.seconds, self.patience = settings.checkpoint_seconds, settings.patience
        self.step_rows, self.unit, self.progress, self.say = rows, unit, progress, say
        self.rows: list[dict[str, float]] = []
        self.best_epoch, self.best_value = -1, math.inf
        self._weights: dict[str, Tensor] | None = None
        self._written, self._started = time.monotonic(), 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "best_epoch": self.best_epoch, "best_value": self.best_value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
        self.best_epoch, self.best_value = state_dict["best_epoch"], state_dict["best_value"]

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        if len(self.rows) != trainer.current_epoch:
            pl_module.stop(
                f"{self.last} is of epoch {trainer.current_epoch} and has no history; another version of affectspace wrote "
                "it: continue with that version, or start anew with --force"
            )

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not trainer.is_global_zero:
            return
        epoch, total = trainer.current_epoch, pl_module.steps_per_epoch
        rate = (batch_idx + 1) * self.step_rows / max(time.perf_counter() - self._started, 1e-9)
        text = f"epoch {epoch + 1}/{trainer.max_epochs}, {rate:.0f} {self.unit}/s"
        self.progress(epoch * total + batch_idx + 1, (trainer.max_epochs or 0) * total, text)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        epoch, values = trainer.current_epoch, pl_module.epoch_means()
        self.rows.append({"epoch": epoch, **values})
        value = values["validation_total"]
        if not math.isfinite(value):
            pl_module.stop(
                f"the validation loss is {value} after epoch {epoch}; lower fit.learning_rate or set fit.gradient_clip"
            )
        if value < self.best_value:
            self.best_epoch, self.best_value = epoch, value
            self._weights = {name: copy_of(weight) for name, weight in pl_module.state_dict().items()}
        elif self.patience and epoch - self.best_epoch >= self.patience:
            trainer.should_stop = True
        if trainer.is_global_zero:
            write_atomic(self.history, self._write_history)
            shown = ", ".join(f"{name} {value:.5g}" for name, value in values.items())
            self.say(f"epoch {epoch}: {time.perf_counter() - self._started:.1f} s, {shown}")
            for logger in trainer.loggers:
                logger.log_metrics(values, step=epoch)
        ends = trainer.should_stop or epoch + 1 == trainer.max_epochs
        if trainer.strategy.broadcast(ends or time.monotonic() - self._written >= self.seconds):
            self._write(trainer)

    def _write_history(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)

    def _write(self, trainer: L.Trainer) -> None:
        if self._weights is not None and trainer.is_global_zero:
            content = {"epoch": self.best_epoch, "state_dict": self._weights}
            write_atomic(self.best, lambda path: torch.save(content, path))
        trainer.save_checkpoint(self.last)
        self._weights = None
        self._written = time.monotonic()


def copy_of(weight: Tensor) -> Tensor:
    """A copy in memory, on the CPU."""
    return weight.detach().to("cpu", copy=True)


def best_path(folder: Path) -> Path:
    """The best epoch's weights."""
    return folder / "checkpoints" / "best.ckpt"


def last_path(folder: Path) -> Path:
    """What continues a training."""
    return folder / "checkpoints" / "last.ckpt"
