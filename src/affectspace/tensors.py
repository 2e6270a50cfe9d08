"""Files of tensors that hold their own hash, so that a damaged one is refused before it is used."""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affectspace.errors import RunError
from affectspace.files import write_atomic

SETTLED = 2_000_000_000  # nanoseconds, more than the clock of any file system needs to tell two changes apart
UNSEALED = {"sha256": "0" * 64}  # metadata of a safetensors file that `seal` completes
_HASH = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_unchanged: set[tuple[Any, ...]] = set()  # versions of files that have the hash that they hold


def write_sealed(path: Path, save: Callable[[Path], Any]) -> None:
    """Write a safetensors file with `write_atomic`, and its hash into it. save : saves it with the metadata `UNSEALED`"""

    def write(partial: Path) -> None:
        save(partial)
        seal(partial)

    write_atomic(path, write)


def seal(path: Path) -> None:
    """Write the hash of a safetensors file, which was saved with the metadata `UNSEALED`, into its header."""
    place, _, actual = _hashes(path)
    assert place is not None
    with path.open("r+b") as file:
        file.seek(place)
        file.write(actual)


def require_unchanged(path: Path, remedy: str) -> None:
    """Raise RunError where a file has not the hash that it holds. Files of earlier versions hold none and pass.

    A version of a file (its place, size and time of change) is hashed once by a process.
    """
    version = version_of(path)
    if version in _unchanged:
        return
    place, stated, actual = _hashes(path)
    if place is not None and stated != actual:
        raise RunError(f"{path} is damaged: its content has changed since it was written; {remedy}")
    if version is not None:
        _unchanged.add(version)


def version_of(path: Path) -> tuple[Any, ...] | None:
    """Identify a version of a file; None while it is so new that another change could have the same time."""
    status = path.stat()
    settled = time.time_ns() - status.st_mtime_ns > SETTLED
    return (path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns) if settled else None


def _hashes(path: Path) -> tuple[int | None, bytes, bytes]:
    """Return where a file holds its hash (None if it does not), this hash, and that of its content, as it was unsealed."""
    content = memoryview(path.read_bytes())
    end = 8 + int.from_bytes(content[:8], "little")
    found = _HASH.search(bytes(content[8:end]))
    if found is None:
        return None, b"", b""
    place = 8 + found.start(1)
    digest = hashlib.sha256(content[:place])
    digest.update(UNSEALED["sha256"].encode())
    digest.update(content[place + 64 :])
    return place, found[1], digest.hexdigest().encode()
