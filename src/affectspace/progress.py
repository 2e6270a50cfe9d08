"""Progress of long work, and remarks that are counted."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_THREAD = threading.local()

Progress = Callable[[int, int, str], None]  # done, total, text


def silent(done: int, total: int, text: str) -> None:
    """Report no progress."""


def note(counts: Counter[str], remark: str) -> None:
    """Count a remark. Several threads may call this at the same time."""
    with _LOCK:
        counts[remark] += 1
    heard = getattr(_THREAD, "remarks", None)
    if heard is not None:
        heard[remark] = None


@contextmanager
def remarks_of_thread() -> Iterator[dict[str, None]]:
    """Yield a dict whose keys are the remarks that this thread makes meanwhile; those of other threads are not in it."""
    before, own = getattr(_THREAD, "remarks", None), dict[str, None]()
    _THREAD.remarks = own
    try:
        yield own
    finally:
        _THREAD.remarks = before


def take_notes(counts: Counter[str]) -> Counter[str]:
    """Return the remarks that were counted, and reset the counter."""
    with _LOCK:
        taken = counts.copy()
        counts.clear()
    return taken
