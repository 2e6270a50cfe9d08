"""One progress bar for every long command, on stderr, so that results on stdout stay clean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(shown: bool = True) -> Iterator[Callable[[int, int, str], None]]:
    """A function (done, total, text) that moves a bar; on no terminal a line now and then."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not shown:
        yield lambda done, total, text: None
        return
    if not console.is_terminal:
        last = [time.monotonic()]

        def line(done: int, total: int, text: str) -> None:
            if time.monotonic() - last[0] > 10 or done == total:
                last[0] = time.monotonic()
                console.print(f"{text} ({done}/{total})" if total else text, highlight=False)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total or None, description=text)
