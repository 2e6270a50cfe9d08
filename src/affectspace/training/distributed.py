"""What the processes of a distributed training tell the one that started them: progress, lines of the log, errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from affectspace.errors import AffectspaceError, ConfigError, DataError, RunError
from affectspace.training.progress import Progress

ERRORS: dict[str, type[AffectspaceError]] = {kind.__name__: kind for kind in (RunError, DataError, ConfigError)}


class Relay:
    """A way from other processes to this one; it can be sent to them when they are started."""

    def __init__(self) -> None:
        self._queue: Any = get_context("spawn").SimpleQueue()

    def progress(self, done: int, total: int, text: str) -> None:
        self._queue.put(("progress", done, total, text))

    def say(self, text: str) -> None:
        self._queue.put(("say", text))

    def failed(self, error: BaseException) -> None:
        """Errors that are ours keep their kind; the trainer tells of all others."""
        if isinstance(error, AffectspaceError):
            self._queue.put(("failed", type(error).__name__, str(error)))

    @contextmanager
    def listening(self, progress: Progress, say: Callable[[str], None]) -> Iterator[None]:
        """Hand on what the processes tell; on leaving, raise the first error of ours that one of them met."""
        errors: list[AffectspaceError] = []

        def listen() -> None:
            while True:
                kind, *content = self._queue.get()
                if kind == "progress":
                    progress(*content)
                elif kind == "say":
                    say(*content)
                elif kind == "failed":
                    errors.append(ERRORS.get(content[0], RunError)(content[1]))
                else:
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield
        except Exception as error:
            self._queue.put(("end",))
            listener.join()
            if errors:
                raise errors[0] from error
            raise
        else:
            self._queue.put(("end",))
            listener.join()
