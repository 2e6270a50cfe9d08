"""Worker processes that end when their parent ends."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import TypeVar

from affectspace.errors import RunError

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Make a pool of spawned processes, which end at Ctrl-C, and with the process that started them, even if that is killed."""
    others = set(active_children())
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            for worker in set(active_children()) - others:
                worker.terminate()
            raise


def in_order(pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int) -> Iterator[Result]:
    """Yield work(item) for each item, in order.

    At most `ahead` items are worked on ahead of the consumer, so that the results do not fill the memory.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield result_of(waiting.popleft())
        while waiting:
            yield result_of(waiting.popleft())
    finally:
        for future in waiting:
            future.cancel()


def result_of(future: Future[Result]) -> Result:
    """Return the result of a worker process. Raises RunError where the process was killed."""
    try:
        return future.result()
    except BrokenExecutor as error:
        raise RunError(
            "a worker process was killed, perhaps because there was not enough memory; run the same command again, with fewer "
            "--workers if it happens again"
        ) from error


def map_in_order(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """Yield work(item) for each item, in order, from several processes. With one worker this process does the work."""
    if workers == 1 or len(items) < 2:
        yield from map(work, items)
        return
    with worker_pool(min(workers, len(items))) as pool:
        yield from in_order(pool, work, items, 3 * workers)


def end_with_parent() -> None:
    """Make this process exit at once when its parent has ended, even if the parent was killed.

    Files that are being written then are complete or absent (`affectspace.files`).
    """
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()  # waits on a handle of the system, without polling
        os._exit(1)

    Thread(target=wait, name="end with parent", daemon=True).start()
