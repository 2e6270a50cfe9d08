"""Warnings about data become notes of the request in whose thread they arise."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from affectspace.errors import DataWarning

_messages: ContextVar[list[str] | None] = ContextVar("messages", default=None)


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collect the messages of DataWarning in this thread, ``with noting() as messages``. Other threads keep theirs."""
    _install()
    messages: list[str] = []
    token = _messages.set(messages)
    try:
        yield messages
    finally:
        _messages.reset(token)


def _install() -> None:
    """Show warnings through `_show`. `warnings.catch_warnings` would mix up the threads of requests."""
    if warnings.showwarning is _show:
        return
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        messages = _messages.get()
        if messages is not None and issubclass(category, DataWarning):
            messages.append(str(message))
        else:
            others(message, category, *place, **more)

    globals()["_show"] = warnings.showwarning = show
    warnings.filterwarnings("always", category=DataWarning)


_show: Any = None
