"""The training loop of every model: steps, validation, checkpoints and exact continuation, on one device or several."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from affectspace.data.labels import step_seed
from affectspace.devices import choose_device, native_dtype
from affectspace.errors import ConfigError, RunError
from affectspace.models import LossTerms, Pretrained
from affectspace.models.gathering import processes
from affectspace.progress import Progress
from affectspace.training.configuration import FitConfig
from affectspace.training.recorder import Recorder, fitting, last_path, read_checkpoint

VALIDATION = 2**31  # stands in for the epoch in the seed of validation noise, so that it is the same in every epoch
NAMED = 8  # rows in a message


class Batches(Protocol):
    """The batches of one epoch."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def names(self, step: int) -> list[str]:
        """Names of the rows of a step, of all processes."""
        ...


class Training(ABC):
    """What is trained, on what, and with which loss.

    Attributes
    ----------
    model : Pretrained
        Its parameters are optimised.
    config : FitConfig
    steps : int
        Steps in an epoch.
    rows : int
        Training rows in an epoch.
    unit : str
        What the rows are called in the progress and the log.
    """

    unit = "rows"

    def __init__(self, model: Pretrained, config: FitConfig, steps: int, rows: int) -> None:
        self.model, self.config, self.steps, self.rows = model, config, steps, rows

    @abstractmethod
    def batches(self, epoch: int, rank: int, ranks: int) -> Batches:
        """Make the training batches of an epoch, of one process of several."""

    @abstractmethod
    def validation_batches(self, rank: int, ranks: int) -> Batches:
        """Make the validation batches, which are the same in every epoch."""

    @abstractmethod
    def loss(self, batch: Any, seed: int, progress: float, training: bool) -> LossTerms:
        """Compute the terms of a batch. `progress` says how far the training has come, from 0 to 1."""

    def to(self, device: torch.device) -> None:
        """Move everything that the loss needs to a device."""
        self.model.to(device)


def optimizer_of(
    parameters: Any, config: FitConfig, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler | None]:
    """Return AdamW and its schedule for a training with `steps` steps an epoch."""
    optimizer = torch.optim.AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay, fused=True)
    if config.schedule == "constant":
        return optimizer, None
    total = config.epochs * math.ceil(steps / config.accumulate) + 1
    rise = max(0.1, 1.5 / total)  # at least half a step: with ten steps a tenth would be divided by
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=total, pct_start=rise
    )


class Loop:
    """One process of a training.

    Noise is a function of (seed, epoch, step), also that of dropout, which draws from PyTorch's global state.

    Parameters
    ----------
    training : Training
    folder : Path
        The run folder. A checkpoint in it is continued.
    progress, say : callable
        Take the progress, and lines of the log. Only the first process calls them.
    rank, ranks : int
        Which process of how many.
    """

    def __init__(
        self,
        training: Training,
        folder: Path,
        progress: Progress,
        say: Callable[[str], None],
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        config = training.config
        self.training, self.config, self.rank, self.ranks = training, config, rank, ranks
        self.progress, self.say = progress, say
        self.device = torch.device(choose_device(config.accelerator, rank))
        if config.precision == "16-mixed" and self.device.type == "cpu":
            raise ConfigError("fit.precision: 16-mixed needs a GPU; use bf16-mixed or 32-true")
        training.to(self.device)
        self.module = _StepLoss(training)
        self.step_loss: Any = self.module
        if ranks > 1:  # a head of a modality that no row of a process has gets no gradient there
            self.step_loss = nn.parallel.DistributedDataParallel(self.module, find_unused_parameters=True)
        self.optimizer, self.schedule = optimizer_of(training.model.parameters(), config, training.steps)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "16-mixed")
        self.recorder = Recorder(folder, config, say if rank == 0 else None)
        self.epoch = 0
        if last_path(folder).is_file():
            state = read_checkpoint(last_path(folder))
            with fitting(last_path(folder)):
                self._restore(state)

    def run(self) -> None:
        """Train to the end. Raises RunError at a loss that is not finite."""
        while self.epoch < self.config.epochs and not self.recorder.should_stop:
            started = time.perf_counter()
            means = {f"train_{name}": value for name, value in self._train().items()}
            means |= {f"validation_{name}": value for name, value in self._validate().items()}
            if not math.isfinite(means["validation_total"]):
                raise RunError(
                    f"the validation loss is {means['validation_total']} after epoch {self.epoch}; lower "
                    "fit.learning_rate or set fit.gradient_clip"
                )
            seconds = time.perf_counter() - started
            self.recorder.add(self.epoch, dict(sorted(means.items())), seconds, self.training.model)
            self.epoch += 1
            if self.rank == 0:
                ends = self.recorder.should_stop or self.epoch == self.config.epochs
                self.recorder.save(self._state, now=ends)

    def _train(self) -> dict[str, float]:
        config, training, model = self.config, self.training, self.training.model
        batches, total = training.batches(self.epoch, self.rank, self.ranks), training.steps
        sums, started = TermSums(), time.perf_counter()
        model.train()
        for step, batch in enumerate(batches):
            seed = step_seed(config.seed, self.epoch, step, self.rank)
            seed_global_state(seed, self.device)
            progress = (self.epoch * total + step) / (config.epochs * total)
            accumulates = (step + 1) % config.accumulate != 0 and step + 1 < len(batches)
            shared = self.step_loss.no_sync if accumulates and self.ranks > 1 else nullcontext
            with shared():
                with self._autocast():
                    loss = self.step_loss(_moved(batch, self.device), seed, progress)
                terms = self.module.terms
                if not math.isfinite(loss.item()):
                    self._stop_at(terms, step, batches.names(step))
                self.scaler.scale(loss / config.accumulate).backward()
            sums.add(terms, len(batch.affect))
            if not accumulates:
                self._update()
            if self.rank == 0:
                self._report(step, started)
        return sums.means()

    def _update(self) -> None:
        if self.config.gradient_clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.training.model.parameters(), self.config.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        if self.schedule is not None:
            self.schedule.step()

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        training, sums = self.training, TermSums()
        training.model.eval()
        for step, batch in enumerate(training.validation_batches(self.rank, self.ranks)):
            seed = step_seed(self.config.seed, VALIDATION, step, self.rank)
            with self._autocast():
                terms = training.loss(_moved(batch, self.device), seed, 1.0, False)
            sums.add(terms, len(batch.affect))
        return sums.means()

    def _autocast(self) -> Any:
        precision = self.config.precision
        if precision == "auto":
            precision = "bf16-mixed" if native_dtype(self.device) == torch.bfloat16 else "32-true"
        dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
        return nullcontext() if dtype is None else torch.autocast(self.device.type, dtype)

    def _report(self, step: int, started: float) -> None:
        epoch, steps, epochs = self.epoch, self.training.steps, self.config.epochs
        rate = (step + 1) * (self.training.rows // steps) / max(time.perf_counter() - started, 1e-9)
        text = f"epoch {epoch + 1}/{epochs}, {rate:.0f} {self.training.unit}/s"
        self.progress(epoch * steps + step + 1, epochs * steps, text)

    def _stop_at(self, terms: LossTerms, step: int, names: list[str]) -> None:
        values = ", ".join(f"{name} {value.item():.4g}" for name, value in terms.terms.items())
        raise RunError(
            f"the loss is {terms.total.item()} in epoch {self.epoch}, step {step} ({values}); "
            f"rows of that batch: {', '.join(names[:NAMED])}, ... Lower fit.learning_rate, set fit.gradient_clip, "
            "or look at those rows"
        )

    def _state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "model": self.training.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": self.recorder.state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        if "history" not in state:
            raise RunError(
                f"{self.recorder.last} was written by another version of affectspace; continue with that version, or start "
                "again with --force"
            )
        self.training.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        self.recorder.restore(state["history"])
        self.epoch = int(state["epoch"])


class _StepLoss(nn.Module):
    """The loss of a training step as a module, which is what distributed training wraps."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.model = training.model
        self._training = training

    def forward(self, batch: Any, seed: int, progress: float) -> Tensor:
        self.terms = self._training.loss(batch, seed, progress, True)
        return self.terms.total


def _moved(batch: Any, device: torch.device) -> Any:
    return batch if device.type == "cpu" else batch.to(device)


def seed_global_state(seed: int, device: torch.device) -> None:
    """Do what torch.manual_seed does, for one device. The latter takes a millisecond where no GPU is."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


class TermSums:
    """The terms of an epoch's steps. Their means are weighted by rows and taken over all processes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.values: list[list[Tensor]] = []
        self.rows: list[int] = []

    def add(self, terms: LossTerms, rows: int) -> None:
        """Add the terms of a step with its number of rows."""
        if not self.values:
            self.names = ["total", *terms.terms]
        self.values.append([terms.total.detach(), *(value.detach() for value in terms.terms.values())])
        self.rows.append(rows)

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the rows."""
        if not self.values:
            return {}
        values = torch.stack([torch.stack(step) for step in self.values])
        rows = torch.tensor(self.rows, dtype=values.dtype, device=values.device)
        if processes() > 1:
            # a process' loss of a step is its share of that of the whole step: losses average, and rows add up
            for tensor in (values, rows):
                dist.all_reduce(tensor)
            values /= processes()
        means = (values * rows[:, None]).sum(dim=0) / rows.sum()
        return dict(zip(self.names, means.tolist(), strict=True))
