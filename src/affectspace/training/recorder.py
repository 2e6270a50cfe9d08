"""What a training writes while it runs: history.csv, checkpoints and lines of the log."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affectspace.errors import AffectspaceError, RunError
from affectspace.files import write_atomic
from affectspace.training.configuration import FitConfig


class Recorder:
    """The history, the best epoch's weights, early stopping and checkpoints.

    Checkpoints are written at the end of an epoch, when the last ones are older than `fit.checkpoint_seconds`, and at the end
    of the training: first the best weights, then the state that continues. A training that was killed between them repeats
    epochs, with the same numbers. The history is part of the checkpoint, so that it continues too.

    Parameters
    ----------
    folder : Path
        The run folder.
    config : FitConfig
    say : callable or None
        Takes lines of the log; None in processes that write nothing.
    """

    def __init__(self, folder: Path, config: FitConfig, say: Callable[[str], None] | None) -> None:
        self.history, self.best, self.last = folder / "history.csv", best_path(folder), last_path(folder)
        self.config, self.say = config, say
        self.rows: list[dict[str, float]] = []
        self.best_epoch, self.best_value = -1, math.inf
        self._weights: dict[str, Tensor] | None = None
        self._written = time.monotonic()
        self._board: Any = None

    @property
    def should_stop(self) -> bool:
        """Whether the last `fit.patience` epochs brought no lower validation loss."""
        patience = self.config.patience
        return patience > 0 and len(self.rows) > self.best_epoch + patience

    def add(self, epoch: int, means: dict[str, float], seconds: float, model: nn.Module) -> None:
        """Record the means of an epoch's terms."""
        self.rows.append({"epoch": epoch, **means})
        if means["validation_total"] < self.best_value:
            self.best_epoch, self.best_value = epoch, means["validation_total"]
            if self.say is not None:
                self._weights = {
                    name: weight.detach().to("cpu", copy=True) for name, weight in model.state_dict().items()
                }
        if self.say is None:
            return
        write_atomic(self.history, self._write_history)
        self.say(
            f"epoch {epoch + 1}: {seconds:.1f} s, " + ", ".join(f"{name} {mean:.5g}" for name, mean in means.items())
        )
        if self.config.logger == "tensorboard":
            self._log_to_tensorboard(epoch, means)

    def save(self, state: Callable[[], dict[str, Any]], now: bool) -> None:
        """Write checkpoints if it is time to, or `now`. `state` returns what continues the training."""
        if not now and time.monotonic() - self._written < self.config.checkpoint_seconds:
            return
        if self._weights is not None:
            best = {"epoch": self.best_epoch, "model": self._weights}
            write_atomic(self.best, lambda path: torch.save(best, path))
        write_atomic(self.last, lambda path: torch.save(state(), path))
        self._weights = None
        self._written = time.monotonic()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the history."""
        return {"rows": self.rows, "best_epoch": self.best_epoch, "best_value": self.best_value}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue the history of a checkpoint."""
        self.rows = list(state["rows"])
        self.best_epoch, self.best_value = int(state["best_epoch"]), float(state["best_value"])
        if self.rows and self.say is not None:
            write_atomic(self.history, self._write_history)  # the file may be missing, or ahead of the checkpoint

    def _write_history(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)

    def _log_to_tensorboard(self, epoch: int, means: dict[str, float]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if self._board is None:
            self._board = SummaryWriter(str(self.history.parent / "logs"), purge_step=epoch)
        for name, mean in means.items():
            self._board.add_scalar(name, mean, epoch)
        self._board.flush()


def best_path(folder: Path) -> Path:
    """Return the file of the best epoch's weights."""
    return folder / "checkpoints" / "best.ckpt"


def last_path(folder: Path) -> Path:
    """Return the file that continues a training."""
    return folder / "checkpoints" / "last.ckpt"


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU, without unpickling. Raises RunError where it is missing or damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a cut file fails in many ways: zip, OS, unpickling
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise _damaged(path, f"it holds a {type(content).__name__}")
    return content


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Turn errors about the content of a checkpoint, such as missing keys or other shapes, into a RunError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        if isinstance(error, AffectspaceError):
            raise
        raise _damaged(path, f"it does not fit this training: {type(error).__name__}: {error}") from error


def _damaged(path: Path, reason: object) -> RunError:
    text = " ".join(str(reason).split())[:200]
    return RunError(
        f"{path} is missing or damaged ({text}); delete the folder {path.parent} to train from the first epoch, or use --force"
    )
