"""Computations of requests: in threads, a limited number at a time, each for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from fastapi import Request

from affectspace.app.answers import Refusal

Result = TypeVar("Result")


class Work:
    """Threads for the computations. waiting : requests that compute or wait at most; timeout : seconds of one"""

    def __init__(self, waiting: int, timeout: float) -> None:
        self.waiting, self.timeout, self.running = waiting, timeout, 0
        self._pool = ThreadPoolExecutor(waiting, thread_name_prefix="request")

    async def compute(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function in a thread. Raises Refusal with status 503 where too many wait, or it takes too long."""
        if self.running >= self.waiting:
            raise Refusal(503, f"{self.running} requests are waiting; try again later", "busy", {"Retry-After": "2"})
        self.running += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *arguments))
        future.add_done_callback(self._finished)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self.timeout)
        except TimeoutError:
            raise Refusal(
                503, f"it took longer than {self.timeout:g} s; send a shorter input, or several", "timeout"
            ) from None

    def _finished(self, future: asyncio.Future[Any]) -> None:
        self.running -= 1
        if not future.cancelled():
            future.exception()  # of a request that is no longer waited for

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def compute(request: Request, function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function of a request in a thread of the service, see `Work.compute`."""
    work: Work = request.app.state.work
    return await work.compute(function, *arguments)
