"""Writing files so that a reader never meets half of one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affectspace.errors import RunError


def write_atomic(path: Path, write: Callable[[Path], Any]) -> None:
    """Write to a temporary name beside the path and rename; nothing is left behind when writing fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RunError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another place"
        ) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """`write_atomic` of a text in UTF-8."""
    write_atomic(path, lambda partial: partial.write_text(text, encoding="utf-8"))
