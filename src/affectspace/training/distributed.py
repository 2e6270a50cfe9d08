"""What the processes of a distributed training tell the one that started them: progress, lines of the log, errors."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from affectspace.errors import RunError
from affectspace.processes import end_with_parent
from affectspace.progress import Progress
from affectspace.training.quiet import silence


class Relay:
    """A way from other processes to this one; it can be sent to them when they are started."""

    def __init__(self) -> None:
        self._queue: Any = get_context("spawn").SimpleQueue()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """On arrival in another process: it ends with this one, and the trainer would print what it keeps to itself here."""
        silence()
        end_with_parent()
        self.__dict__.update(state)

    def progress(self, done: int, total: int, text: str) -> None:
        self._queue.put(("progress", done, total, text))

    def say(self, text: str) -> None:
        self._queue.put(("say", text))

    def failed(self, error: RunError) -> None:
        """What stops the training, in words of ours; the trainer tells of all else."""
        self._queue.put(("failed", str(error)))

    @contextmanager
    def listening(self, progress: Progress, say: Callable[[str], None]) -> Iterator[None]:
        """Hand on what the processes tell; on leaving, raise the first RunError that one of them met.

        What `progress` or `say` raise is raised on leaving, too; nobody waits for a listener that is gone.
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
                errors.append(RunError(*content))
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
    """Variables of the processes that are started meanwhile, where they are not set."""
    added = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
