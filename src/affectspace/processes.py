"""Processes that work for this one: spawned, and gone when it is."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of spawned processes that end with the one that started them, however that one ended."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent)


def end_with_parent() -> None:
    """Let this process end at once when the one that started it has ended, even if that was killed and could tell nobody.

    What is written meanwhile is whole or not there (`affectspace.files`), as after a kill of this process itself.
    """
    parent = parent_process()
    if parent is None:  # nobody of ours started it
        return

    def wait() -> None:
        parent.join()  # on what the system tells of the parent's end, without asking again and again
        os._exit(1)

    Thread(target=wait, name="end with parent", daemon=True).start()
