"""Progress of long work, and remarks that are counted."""

import threading
from collections import Counter
from collections.abc import Callable

_LOCK = threading.Lock()

Progress = Callable[[int, int, str], None]  # done, total, text


def silent(done: int, total: int, text: str) -> None:
    """Report no progress."""


def note(counts: Counter[str], remark: str) -> None:
    """Count a remark. Several threads may call this at the same time."""
    with _LOCK:
        counts[remark] += 1


def take_notes(counts: Counter[str]) -> Counter[str]:
    """Return the remarks that were counted, and reset the counter."""
    with _LOCK:
        taken = counts.copy()
        counts.clear()
    return taken
