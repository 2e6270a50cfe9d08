"""Computations of requests: in threads, a limited number at a time, each for a limited time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from fastapi import Request

from affectspace.app.answers import Refusal

Result = TypeVar("Result")
LOOK = 0.5  # seconds between two looks whether a client is still there
_current = threading.local()  # its `abandoned` is set when nobody waits for the result of a thread any more


class Work:
    """Threads for the computations. waiting : requests that compute or wait at most; timeout : seconds of one"""

    def __init__(self, waiting: int, timeout: float) -> None:
        self.waiting, self.timeout, self.running = waiting, timeout, 0
        self._events: set[threading.Event] = set()
        self._pool = ThreadPoolExecutor(waiting, thread_name_prefix="request")

    async def compute(
        self, gone: Callable[[], Awaitable[bool]], function: Callable[..., Result], *arguments: Any
    ) -> Result:
        """Call a function in a thread. Raises Refusal where too many wait, it takes too long, or the client is gone."""
        if self.running >= self.waiting:
            raise Refusal(503, f"{self.running} requests are waiting; try again later", "busy", {"Retry-After": "2"})
        self.running += 1
        abandoned = threading.Event()
        self._events.add(abandoned)
        future = asyncio.get_running_loop().run_in_executor(self._pool, _run, abandoned, partial(function, *arguments))
        future.add_done_callback(partial(self._finished, abandoned))
        end = time.monotonic() + self.timeout
        try:
            while not (await asyncio.wait([future], timeout=LOOK))[0]:
                if time.monotonic() > end:
                    raise Refusal(503, f"it took longer than {self.timeout:g} s; send less at once", "timeout")
                if await gone():
                    raise Refusal(499, "the client went away")
            return future.result()
        finally:
            abandoned.set()

    def _finished(self, abandoned: threading.Event, future: asyncio.Future[Any]) -> None:
        self.running -= 1
        self._events.discard(abandoned)
        if not future.cancelled():
            future.exception()  # of a request that is no longer waited for

    def close(self) -> None:
        """Start nothing more, and stop what computes at its next step."""
        for abandoned in self._events:
            abandoned.set()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _run(abandoned: threading.Event, function: Callable[[], Result]) -> Result:
    _current.abandoned = abandoned
    return function()


def given_up() -> bool:
    """Return whether nobody waits for the computation of this thread any more."""
    event: threading.Event | None = getattr(_current, "abandoned", None)
    return event is not None and event.is_set()


def stop_if_given_up(*progress: Any) -> None:
    """Stop the computation of this thread if nobody waits for it any more. It can be the `progress` of a prediction."""
    if given_up():
        raise Refusal(503, "the service no longer computes this request")


async def compute(request: Request, function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function of a request in a thread of the service, see `Work.compute`."""
    work: Work = request.app.state.work
    return await work.compute(request.is_disconnected, function, *arguments)
