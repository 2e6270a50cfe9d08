"""Media files: their bytes, from a folder or a zip and in many threads at once."""

from __future__ import annotations

import os
import re
import struct
import threading
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol
from unicodedata import normalize

from affectspace.errors import DataError, UnreadableItem
from affectspace.files import answered
from affectspace.media.content import LARGEST_FILE, on_disk, read_content, stored_file
from affectspace.tables import PARQUET

EVERY_FILE = "all"  # in the column cut of a corpus: start and end of a row cut its sound and its clip
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class Media(Protocol):
    """Files by name. Names have forward slashes."""

    path: Path

    def present(self, names: Iterable[str]) -> list[bool]:
        """Return which of the names exist."""

    def some(self, n: int) -> list[str]:
        """Return up to n existing names, for messages."""

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        """Yield for each name two numbers that change when its content does; (-1, -1) if there is no such file."""

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises OSError with the reason. Safe in many threads."""


@contextmanager
def open_media(path: Path) -> Iterator[Media]:
    """Open a folder or a zip of media, or a Parquet table whose cells are files. Raises DataError if it is none of them."""
    if path.is_dir():
        yield FolderMedia(path)
        return
    try:
        media: ZipMedia | TableMedia = TableMedia(path) if path.suffix.lower() in PARQUET else ZipMedia(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such folder or zip of media") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: neither a folder nor a readable zip ({error}); media must be in one or the other"
        ) from error
    try:
        yield media
    finally:
        media.close()


def plain_name(name: str) -> str:
    """Return a name as media know it: with forward slashes and without a leading ``./``."""
    return name.replace("\\", "/").removeprefix("./")


def leaves_media(name: str) -> bool:
    """Return whether a name leads out of the media: an absolute path, or more ``..`` than folders before them."""
    if name.startswith("/") or re.match(r"[A-Za-z]:/", name):
        return True
    depth = 0
    for part in name.split("/") if ".." in name else ():
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return False


def _refuse_outside(name: str) -> None:
    if leaves_media(name):
        raise OSError("the path leaves the folder or zip of media")


class FolderMedia:
    """Files below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def present(self, names: Iterable[str]) -> list[bool]:
        """Look names up in one listing for each folder, instead of one query for each file."""
        listings: dict[str, set[str]] = {}
        result = []
        for name in names:
            folder, _, file = name.rpartition("/")
            if leaves_media(name):
                result.append(False)
                continue
            if folder not in listings:
                listings[folder] = _files(on_disk(self.path / folder) if folder else self.path)
            result.append(normalize("NFC", file) in listings[folder])
        return result

    def some(self, n: int) -> list[str]:
        names: list[str] = []
        for folder, _, files in os.walk(self.path):
            names += [(Path(folder) / file).relative_to(self.path).as_posix() for file in files[: n - len(names)]]
            if len(names) >= n:
                break
        return names

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        """Yield size and time of change; (-1, -1) for a file that is not there."""
        root = str(self.path)
        for name in names:
            try:
                status = None if leaves_media(name) else os.stat(on_disk(Path(root, name)))
            except (OSError, ValueError):  # ValueError: a null character in the name
                yield (-1, -1)
            else:
                yield (-1, -1) if status is None else (status.st_size, status.st_mtime_ns)

    def read(self, name: str) -> bytes:
        _refuse_outside(name)
        try:
            return read_content(on_disk(self.path / name))
        except UnreadableItem as error:
            raise OSError(str(error)) from error


def _files(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {normalize("NFC", entry.name) for entry in entries if answered(entry.is_file)}
    except (OSError, ValueError):
        return set()


class ZipMedia:
    """Members of a zip, also of one whose names have backslashes, and of one that holds a single folder with all files.

    The directory is read once. Members are read at their offset, without the lock and the seeking of `zipfile`, so that
    threads do not wait for each other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = zipfile.ZipFile(path)
        infos = [info for info in self._archive.infolist() if not info.is_dir()]
        self._members = {normalize("NFC", plain_name(info.filename)): info for info in infos}
        tops = {name.partition("/")[0] for name in self._members if not name.startswith("__MACOSX/")}
        self._top = f"{min(tops)}/" if len(tops) == 1 else ""
        self._file: BinaryIO = path.open("rb")
        self._lock = threading.Lock()

    def _member(self, name: str) -> zipfile.ZipInfo | None:
        name = normalize("NFC", name)
        return self._members.get(name) or self._members.get(self._top + name)

    def close(self) -> None:
        self._archive.close()
        self._file.close()

    def present(self, names: Iterable[str]) -> list[bool]:
        return [self._member(name) is not None and not leaves_media(name) for name in names]

    def some(self, n: int) -> list[str]:
        return list(self._members)[:n]

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        for name in names:
            info = self._member(name)
            yield (-1, -1) if info is None else (info.file_size, info.CRC)

    def read(self, name: str) -> bytes:
        """Read a member. Several threads may read at once."""
        _refuse_outside(name)
        info = self._member(name)
        if info is None:
            raise FileNotFoundError(f"not in {self.path.name}")
        if info.file_size > LARGEST_FILE:
            raise OSError(f"larger than {LARGEST_FILE >> 20} MB")
        if info.flag_bits & 1:
            raise OSError("encrypted in the zip")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return self._read_by_zipfile(info)
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

    def _read_by_zipfile(self, info: zipfile.ZipInfo) -> bytes:
        """Read a member with a rare compression, by the standard library."""
        try:
            with self._lock:
                return self._archive.read(info)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
            raise OSError(f"cannot be extracted ({error})") from error


def names_in_table(column: str, cells: Sequence[Any]) -> list[str | None]:
    """Return the names that `TableMedia` gives the files in the cells of a column; None for an empty cell.

    A name is ``<column>/<number of the row>``, and the name of the file if the cell has it.
    """
    names: list[str | None] = []
    for row, (content, name) in enumerate(map(stored_file, cells)):
        file = f"/{PurePosixPath(plain_name(name)).name}" if name else ""
        names.append(None if content is None else f"{column}/{row}{file}")
    return names


class TableMedia:
    """Files that are cells of a Parquet table, as Hugging Face stores media. One group of rows is in memory at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self.path = path
        try:
            self._table = pq.ParquetFile(path)
        except ValueError as error:  # pyarrow.ArrowInvalid
            raise OSError(f"not a readable Parquet table: {error}") from error
        counts = [self._table.metadata.row_group(group).num_rows for group in range(self._table.num_row_groups)]
        self._ends = list(accumulate(counts))
        self._columns = set(self._table.schema_arrow.names)
        self._group: tuple[str, int] = "", -1
        self._cells: list[Any] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        self._table.close()

    def present(self, names: Iterable[str]) -> list[bool]:
        return [self._place(name) is not None for name in names]

    def some(self, n: int) -> list[str]:
        rows = range(min(n, self._ends[-1] if self._ends else 0))
        return [f"{column}/{row}" for column in sorted(self._columns) for row in rows][:n]

    def marks(self, names: Iterable[str]) -> Iterator[tuple[int, int]]:
        for name in names:
            try:
                content = self.read(name)
            except OSError:
                yield (-1, -1)
            else:
                yield len(content), zlib.crc32(content)

    def read(self, name: str) -> bytes:
        """Read a cell. Several threads may read at once; neighbours in the table are read together."""
        place = self._place(name)
        if place is None:
            raise FileNotFoundError(f"not in {self.path.name}")
        column, row = place
        group = bisect_right(self._ends, row)
        with self._lock:
            if self._group != (column, group):
                self._cells = self._table.read_row_group(group, columns=[column])[column].to_pylist()
                self._group = column, group
            content, _ = stored_file(self._cells[row - (self._ends[group - 1] if group else 0)])
        if content is None:
            raise FileNotFoundError("the cell has no content of a file")
        return content

    def _place(self, name: str) -> tuple[str, int] | None:
        """Column and row of a name."""
        column, _, rest = name.partition("/")
        row = rest.partition("/")[0]
        known = column in self._columns and row.isdecimal() and int(row) < (self._ends[-1] if self._ends else 0)
        return (column, int(row)) if known else None
