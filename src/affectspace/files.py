"""Write files atomically, so that a reader never meets half of one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affectspace.errors import DataError, RunError

# how the writers of checkpoints and safetensors report a full disk, in exceptions that are not OSError
_FULL_DISK = ("unexpected pos", "PytorchStreamWriter failed", "os error 28", "No space left on device")
_BAD_PLACE = (FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def write_atomic(path: Path, write: Callable[[Path], Any]) -> None:
    """Write to a temporary file beside the path and rename it. Missing folders are created.

    If writing fails, nothing is left behind. Raises RunError with the system's reason.
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
            remedy = "" if isinstance(error, _BAD_PLACE) else "free some space or "
            raise RunError(f"cannot write {path}: {error.strerror or error}; {remedy}choose another place") from error
        if any(words in str(error) for words in _FULL_DISK):
            raise RunError(
                f"cannot write {path}: the disk is full or not writable; free some space or choose another place"
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8 with `write_atomic`."""
    write_atomic(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def cache_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of caches: the given one, else $AFFECTSPACE_CACHE, else affectspace/ in the user's cache folder.

    The user's cache folder is $XDG_CACHE_HOME, or ~/.cache.
    """
    chosen = folder or os.environ.get("AFFECTSPACE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "affectspace"


def require_file(path: Path) -> None:
    """Raise DataError if there is no such file."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file")


def is_written(path: Path) -> bool:
    """Return whether a file exists and is not empty. A file that `write_atomic` wrote is then complete."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
