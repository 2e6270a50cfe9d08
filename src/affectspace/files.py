"""Writing files so that a reader never meets half of one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affectspace.errors import RunError

# what the writers of checkpoints and safetensors say of a full disk, in exceptions that are no OSError
FULL = ("unexpected pos", "PytorchStreamWriter failed", "os error 28", "No space left on device")
NOT_A_PLACE = (FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def write_atomic(path: Path, write: Callable[[Path], Any]) -> None:
    """Write to a temporary name beside the path and rename; folders are made, and nothing is left behind when it fails.

    Raises RunError with the system's reason.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        os.replace(partial, path)
    except BaseException as error:
        if partial.is_file():
            partial.unlink()
        if isinstance(error, OSError):
            remedy = (
                "choose another place" if isinstance(error, NOT_A_PLACE) else "free some space or choose another place"
            )
            raise RunError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error
        if any(words in str(error) for words in FULL):
            raise RunError(
                f"cannot write {path}: the disk is full or not writable; free some space or choose another place"
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """`write_atomic` of a text in UTF-8."""
    write_atomic(path, lambda partial: partial.write_text(text, encoding="utf-8"))
