"""Work on the rows of large arrays in blocks that fit the processor's cache, on as many cores as there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

BLOCK = 16_384
_WORTH_THREADS = 16 * BLOCK  # numpy lets go of the interpreter's lock inside a block; starting threads costs 0.1 ms


def in_blocks(work: Callable[[int, int], None], n: int) -> None:
    """Call work(start, stop) for consecutive blocks of n rows. Each call writes its own rows only."""
    starts = range(0, n, BLOCK)
    workers = min(4, os.cpu_count() or 1)
    if n < _WORTH_THREADS or workers == 1:
        for start in starts:
            work(start, min(start + BLOCK, n))
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda start: work(start, min(start + BLOCK, n)), starts):
            pass
