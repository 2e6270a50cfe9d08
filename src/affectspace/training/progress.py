"""How long work tells how far it has come."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  # done, total, text


def silent(done: int, total: int, text: str) -> None:
    """Progress for those who do not want any."""
