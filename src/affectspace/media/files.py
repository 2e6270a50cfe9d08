"""The bytes of media files in a folder or in a zip, read from many threads at once."""

from __future__ import annotations

import os
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from affectspace.errors import DataError

LARGEST_FILE = 512 << 20  # bytes; nothing that we decode at once is larger
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class Media(Protocol):
    """Files by name; names have forward slashes."""

    path: Path

    def present(self, names: Iterable[str]) -> list[bool]:
        """Which of the names there are."""

    def some(self, n: int) -> list[str]:
        """Some names that there are, for messages."""

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        """For each name two numbers that change when its content does; (-1, -1) for a name that is not there."""

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises OSError with the reason; safe in many threads."""


@contextmanager
def open_media(path: Path) -> Iterator[Media]:
    """A folder or a zip of media. Raises DataError for what is neither."""
    if path.is_dir():
        yield FolderMedia(path)
        return
    try:
        media = ZipMedia(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such folder or zip of media") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: neither a folder nor a zip that can be read ({error}); media come in one of both"
        ) from error
    try:
        yield media
    finally:
        media.close()


def plain_name(name: str) -> str:
    """A name as media know it: forward slashes, no leading ``./``."""
    return name.replace("\\", "/").removeprefix("./")


def leaves_media(name: str) -> bool:
    """Whether a name leads out of the folder or zip: an absolute path, or more ``..`` than folders before them."""
    if name.startswith("/") or re.match(r"[A-Za-z]:/", name):
        return True
    depth = 0
    for part in name.split("/") if ".." in name else ():
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return False


class FolderMedia:
    """Files below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def present(self, names: Iterable[str]) -> list[bool]:
        """One listing per folder instead of one look per file."""
        listed: dict[str, set[str]] = {}
        found = []
        for name in names:
            folder, _, file = name.rpartition("/")
            if leaves_media(name):
                found.append(False)
                continue
            if folder not in listed:
                listed[folder] = _files(self.path / folder if folder else self.path)
            found.append(file in listed[folder])
        return found

    def some(self, n: int) -> list[str]:
        names: list[str] = []
        for folder, _, files in os.walk(self.path):
            names += [(Path(folder) / file).relative_to(self.path).as_posix() for file in files[: n - len(names)]]
            if len(names) >= n:
                break
        return names

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        root = str(self.path)
        for name in names:
            try:
                status = None if leaves_media(name) else os.stat(os.path.join(root, name))
            except (OSError, ValueError):  # ValueError: a null character in the name
                yield (-1, -1)
            else:
                yield (-1, -1) if status is None else (status.st_size, status.st_mtime_ns)

    def read(self, name: str) -> bytes:
        _refuse_outside(name)
        with (self.path / name).open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                raise OSError(f"larger than {LARGEST_FILE >> 20} MB")
            return file.read()


def _refuse_outside(name: str) -> None:
    if leaves_media(name):
        raise OSError("the path leaves the folder or zip of media")


def _files(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):
        return set()


class ZipMedia:
    """Members of a zip.

    The directory is read once; members are read at their place without the lock and the seeking of `zipfile`, so that
    threads do not wait for each other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = zipfile.ZipFile(path)
        self._members = {info.filename: info for info in self._archive.infolist() if not info.is_dir()}
        self._file: BinaryIO = path.open("rb")
        self._lock = threading.Lock()

    def close(self) -> None:
        self._archive.close()
        self._file.close()

    def present(self, names: Iterable[str]) -> list[bool]:
        return [name in self._members and not leaves_media(name) for name in names]

    def some(self, n: int) -> list[str]:
        return list(self._members)[:n]

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        for name in names:
            info = self._members.get(name)
            yield (-1, -1) if info is None else (info.file_size, info.CRC)

    def read(self, name: str) -> bytes:
        _refuse_outside(name)
        info = self._members.get(name)
        if info is None:
            raise FileNotFoundError(f"not in {self.path.name}")
        if info.file_size > LARGEST_FILE:
            raise OSError(f"larger than {LARGEST_FILE >> 20} MB")
        if info.flag_bits & 1:
            raise OSError("encrypted in the zip")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return self._read_slowly(info)
        header = self._read_at(_LOCAL_HEADER.size, info.header_offset)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise OSError("the zip is damaged here")
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        data = self._read_at(info.compress_size, start)
        if info.compress_type == zipfile.ZIP_DEFLATED:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, info.file_size + 1)
            except zlib.error as error:
                raise OSError(f"the zip is damaged here ({error})") from error
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise OSError("the zip is damaged here (wrong checksum)")
        return data

    def _read_at(self, size: int, offset: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def _read_slowly(self, info: zipfile.ZipInfo) -> bytes:
        """Rare kinds of compression, by the standard library."""
        try:
            with self._lock:
                return self._archive.read(info)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
            raise OSError(f"cannot be unpacked ({error})") from error
