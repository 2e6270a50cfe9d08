"""The progress bar of all long commands, on stderr, so that stdout holds results only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectspace.progress import Progress


@contextmanager
def progress_bar(shown: bool = True) -> Iterator["Progress"]:
    """Yield a function (done, total, text) that moves a bar. Outside a terminal it prints a line every ten seconds."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from affectspace.progress import silent

    console = Console(stderr=True)
    if not shown:
        yield silent
        return
    if not console.is_terminal:
        printed = time.monotonic()

        def print_line(done: int, total: int, text: str) -> None:
            nonlocal printed
            if time.monotonic() - printed > 10 or done == total:
                printed = time.monotonic()
                console.print(f"{text} ({done}/{total})" if total else text, highlight=False, markup=False)

        yield print_line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total or None, description=text)
