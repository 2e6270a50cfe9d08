"""Training in several processes, and the way from them to the one that started them: progress, lines of the log, errors."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist

from affectspace.errors import AffectspaceError, RunError
from affectspace.processes import end_with_parent
from affectspace.progress import Progress
from affectspace.training.loop import Loop, Training
from affectspace.training.recorder import last_path, read_checkpoint


def train(training: Training, folder: Path, progress: Progress, say: Callable[[str], None]) -> None:
    """Train to the end in a run folder, from its last checkpoint where there is one.

    `fit.devices` processes share the rows of every step. Afterwards the model has the weights of the last epoch. Raises
    RunError at a loss that is not finite and ConfigError for devices or a precision that this machine lacks.
    """
    if training.config.devices == 1:
        Loop(training, folder, progress, say).run()
        return
    relay = Relay()
    try:
        with relay.listening(progress, say), TemporaryDirectory() as meeting:
            torch.multiprocessing.start_processes(
                _train_as,
                (training, folder, relay, meeting, torch.get_num_threads()),
                training.config.devices,
                start_method="spawn",
            )
    except torch.multiprocessing.ProcessExitedException as error:
        raise RunError(
            f"a process of the training was killed ({error}); run the same command again to continue, with smaller "
            "fit.devices or fit.batch_size if it happens again"
        ) from error
    training.model.load_state_dict(read_checkpoint(last_path(folder))["model"])


def _train_as(rank: int, training: Training, folder: Path, relay: Relay, meeting: str, threads: int) -> None:
    """Be one of the processes of a training, with as many threads as the process that started it."""
    config = training.config
    training.model = copy.deepcopy(training.model)  # tensors arrive in memory that all processes share
    torch.set_num_threads(threads)
    try:
        backend = "gloo" if config.accelerator == "cpu" or not torch.cuda.is_available() else "nccl"
        dist.init_process_group(backend, f"file://{meeting}/store", rank=rank, world_size=config.devices)
        Loop(training, folder, relay.progress, relay.say, rank, config.devices).run()
        dist.destroy_process_group()
    except AffectspaceError as error:
        relay.failed(error)
        raise


class Relay:
    """A way from other processes to this one. It can be sent to them when they are started."""

    def __init__(self) -> None:
        self._queue: Any = get_context("spawn").SimpleQueue()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in another process, which ends with this one from now on."""
        end_with_parent()
        self.__dict__.update(state)

    def progress(self, done: int, total: int, text: str) -> None:
        """Send progress."""
        self._queue.put(("progress", done, total, text))

    def say(self, text: str) -> None:
        """Send a line of the log."""
        self._queue.put(("say", text))

    def failed(self, error: AffectspaceError) -> None:
        """Send the error that stops the training."""
        self._queue.put(("failed", type(error), str(error)))

    @contextmanager
    def listening(self, progress: Progress, say: Callable[[str], None]) -> Iterator[None]:
        """Pass on the messages of the processes; on leaving, raise the first error that one of them sent.

        An error in `progress` or `say` is raised on leaving, too. The processes do not wait for a listener that failed.
        """
        errors: list[BaseException] = []
        listener = threading.Thread(target=self._listen, args=(progress, say, errors), daemon=True)
        listener.start()
        try:
            with _environment(TORCH_CPP_LOG_LEVEL="ERROR"):  # a hint about parameters without gradients
                yield
        except Exception as error:
            self._end(listener)
            if errors:
                raise errors[0] from error
            raise
        self._end(listener)
        if errors:
            raise errors[0]

    def _listen(self, progress: Progress, say: Callable[[str], None], errors: list[BaseException]) -> None:
        handlers: dict[str, Callable[..., None]] = {"progress": progress, "say": say}
        while True:
            kind, *content = self._queue.get()
            if kind == "end":
                return
            if kind == "failed":
                errors.append(content[0](content[1]))
            elif not errors:
                try:
                    handlers[kind](*content)
                except BaseException as error:
                    errors.append(error)

    def _end(self, listener: threading.Thread) -> None:
        self._queue.put(("end",))
        listener.join()


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile, where they are not set."""
    added = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
