"""Progress of long work, and remarks that are counted."""

import threading
from collections import Counter
from collections.abc import Callable

_COUNTING = threading.Lock()

Progress = Callable[[int, int, str], None]  # done, total, text


def silent(done: int, total: int, text: str) -> None:
    """Progress for those who do not want any."""


def note(counts: Counter[str], remark: str) -> None:
    """Count a remark; from many threads at once, of which none must be lost."""
    with _COUNTING:
        counts[remark] += 1
