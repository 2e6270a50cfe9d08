"""Write files atomically, so that a reader never meets half of one, and keep two processes from writing the same output."""

import errno
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENAMETOOLONG, EROFS
from pathlib import Path
from typing import Any

from affectspace.errors import DataError, RunError

# how the writers of checkpoints and safetensors report a full disk, in exceptions that are not OSError
_FULL_DISK = ("unexpected pos", "PytorchStreamWriter failed", "No space left on device")
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_BAD_PLACE = (FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
_PARTIAL = re.compile(r"\.\d+-[0-9a-f]{8}\.partial$")
_NAME_KEPT = 40  # characters of a file's name in that of its partial file, which must not be too long for the system


def write_atomic(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file or folder under a name of this process beside the path, and rename it. Missing folders are created.

    If writing fails, nothing is left behind. Raises RunError with the system's reason.
    """
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        open_as_usual(partial)
        os.replace(partial, path)
    except BaseException as error:
        _remove(partial)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        number = _SYSTEM_ERROR.search(str(error))
        if number is not None:
            raise cannot_write(path, OSError(int(number[1]), os.strerror(int(number[1])))) from error
        if any(words in str(error) for words in _FULL_DISK):
            raise RunError(
                f"cannot write {path}: the disk is full or not writable; free some space or choose another place"
            ) from error
        raise


def open_as_usual(path: Path) -> None:
    """Give files the permissions that the user's umask asks for: libraries write some that only their owner may read."""
    mode = 0o666 & ~_umask()
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file() and stat.S_IMODE(file.stat().st_mode) == 0o600:
            file.chmod(mode)


def _umask() -> int:
    """Return the umask of this process, without changing it for a moment where the system tells it."""
    with suppress(OSError, StopIteration), open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return int(next(line for line in file if line.startswith("Umask:")).split()[1], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8 with `write_atomic`."""
    write_atomic(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def partial_path(path: Path) -> Path:
    """Return a new name beside a path, for what is being written. Two processes or threads never get the same."""
    return path.with_name(f"{path.name[:_NAME_KEPT]}.{os.getpid()}-{secrets.token_hex(4)}.partial")


def is_partial(path: Path) -> bool:
    """Return whether a name is one of `partial_path`."""
    return _PARTIAL.search(path.name) is not None


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left in a folder and below. The caller must hold the folder's lock."""
    for path in folder.rglob("*.partial"):
        if is_partial(path):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # it is not there, or it lies below a file
            path.unlink()


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error for a file or folder that cannot be written, with the system's reason and a remedy."""
    remedy = "" if isinstance(error, _BAD_PLACE) or error.errno in (ENAMETOOLONG, EROFS) else "free some space or "
    below_file = isinstance(error, FileExistsError)  # the folders of the path could not be created
    reason = "Not a directory" if below_file else error.strerror or error
    return RunError(f"cannot write {path}: {reason}; {remedy}choose another place")


@contextmanager
def locked_folder(folder: Path, activity: str) -> Iterator[None]:
    """Create a folder, and keep others out of it meanwhile: other processes, and threads of this one.

    Raises RunError at once where another one has the folder. activity : what that one is doing, such as "training"
    """
    with _locked(folder / ".lock", folder, f"another process is {activity} in this folder"):
        yield


@contextmanager
def locked_output(path: Path) -> Iterator[None]:
    """Keep others from writing a file or folder meanwhile, with a hidden lock file beside it that is removed at the end.

    Raises RunError at once where another process writes it.
    """
    place = path.absolute()
    inside = place.is_dir() and not (place.name and os.access(place.parent, os.W_OK))
    lock = place / ".lock" if inside else place.with_name(f".{place.name}.lock")
    with _locked(lock, path, "another process is writing this"):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def _locked(lock: Path, place: Path, busy: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    guard = FileLock(lock, timeout=0)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        guard.acquire()
    except Timeout:
        raise RunError(f"{place}: {busy}; wait until it has finished, or choose another --out") from None
    except OSError as error:
        raise cannot_write(place, error) from error
    try:
        yield
    finally:
        guard.release()


def answered(question: Callable[[], bool]) -> bool:
    """Return the answer about an entry of a folder, and False where the system has none, as for a link to itself."""
    try:
        return question()
    except OSError:
        return False


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError for other texts, and for one that is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("values are nested too deeply") from None


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object that affectspace wrote. Raises RunError, with the remedy, where it is missing or damaged."""
    try:
        content = parse_json(text_of(path))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged (it is not a JSON object); {remedy}")
    return content


def cache_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of caches: the given one, else $AFFECTSPACE_CACHE, else affectspace/ in the user's cache folder.

    The user's cache folder is $XDG_CACHE_HOME, or ~/.cache.
    """
    chosen = folder or os.environ.get("AFFECTSPACE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "affectspace"


def text_of(path: str | Path, encoding: str = "utf-8") -> str:
    """Read a text file. Raises OSError also for what is no file, such as a pipe, which might never end."""
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise OSError(errno.EINVAL, "this is a pipe or device, not a file", str(path))
    return Path(path).read_text(encoding=encoding)


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
