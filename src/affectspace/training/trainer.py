"""Lightning's trainer as we use it: devices, precision, steps and continuation are its job."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from affectspace.errors import ConfigError
from affectspace.progress import Progress
from affectspace.training.checkpoints import WholeCheckpoints
from affectspace.training.distributed import Relay
from affectspace.training.quiet import quiet
from affectspace.training.recorder import Recorder, last_path
from affectspace.training.settings import FitSettings
from affectspace.training.tasks import Task


def run_trainer(
    task: Task, settings: FitSettings, folder: Path, progress: Progress, say: Callable[[str], None]
) -> None:
    """Train to the end in a run folder, from its last checkpoint where there is one. The module has the last weights then.

    Raises RunError at a loss that is not finite, ConfigError for devices or a precision that cannot be had.
    """
    relay = Relay() if getattr(settings, "strategy", "auto") == "ddp" else None
    told = relay or _Here(progress, say)
    rows = task.rows // task.module.steps_per_epoch
    recorder = Recorder(folder, settings, rows, task.unit, told.progress, told.say)
    last = last_path(folder)
    with quiet():
        trainer = _make_trainer(settings, folder, recorder)
        if relay is not None:
            task.module.tell = relay.failed
        with relay.listening(progress, say) if relay is not None else nullcontext():
            try:
                trainer.fit(
                    task.module,
                    datamodule=task.batches,
                    ckpt_path=str(last) if last.is_file() else None,
                    weights_only=True,
                )
            except SystemExit:  # what the trainer makes of Ctrl-C
                raise KeyboardInterrupt from None
            finally:
                task.module.tell = None


class _Here:
    """Progress and log of a training in this process."""

    def __init__(self, progress: Progress, say: Callable[[str], None]) -> None:
        self.progress, self.say = progress, say


def _make_trainer(settings: FitSettings, folder: Path, recorder: Recorder) -> L.Trainer:
    distributed: Any = "auto"
    if getattr(settings, "strategy", "auto") == "ddp":
        # a head of a modality that no row of a process has gets no gradient there
        distributed = DDPStrategy(start_method="spawn", find_unused_parameters=True)
    try:
        return L.Trainer(
            max_epochs=settings.epochs,
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=distributed,
            precision=settings.precision,  # type: ignore[arg-type]
            gradient_clip_val=settings.gradient_clip,
            accumulate_grad_batches=getattr(settings, "accumulate", 1),
            callbacks=[recorder],
            logger=TensorBoardLogger(folder / "logs", name="", version="")
            if settings.logger == "tensorboard"
            else False,
            plugins=[WholeCheckpoints()],
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except (ValueError, MisconfigurationException) as error:
        raise ConfigError(f"fit.accelerator, fit.devices or fit.precision cannot be had here: {error}") from error
