"""What a media file is: its kind by its content, its length in bytes, and why it cannot be read."""

from __future__ import annotations

import errno
import math
import os
import stat
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from affectspace.emotions import is_missing
from affectspace.errors import UnreadableItem, reason_of

Source: TypeAlias = Path | bytes  # a file, or its content
Note: TypeAlias = Callable[[str], None]  # is told what is unusual about a sample

IMAGES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".avif")
SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".aif", ".aiff")
CLIPS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp")
LARGEST_FILE = 512 << 20  # bytes of a file that is read at once
LONGEST_NAME = 255  # characters of a file name
HEAD = 512  # bytes that are looked at
_SUFFIXES = {"image": IMAGES, "audio": SOUNDS, "video": CLIPS}
_BY_SUFFIX = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}
_NAMES = {"image": "an image", "audio": "a sound", "video": "a clip"}
_SIGNATURES = (  # offset, bytes, kind of the content
    (0, b"\x89PNG\r\n\x1a\n", "image"), (0, b"\xff\xd8\xff", "image"), (0, b"GIF8", "image"), (0, b"II*\0", "image"),
    (0, b"MM\0*", "image"), (0, b"II+\0", "image"), (8, b"WEBP", "image"), (4, b"ftypavi", "image"), (4, b"ftyphei", "image"),
    (4, b"ftyphev", "image"), (4, b"ftypmif1", "image"), (4, b"ftypmsf1", "image"), (8, b"WAVE", "audio"), (8, b"AIF", "audio"),
    (0, b"fLaC", "audio"), (0, b"ID3", "audio"), (0, b"OggS", "audio"), (0, b".snd", "audio"), (0, b"caff", "audio"),
    (0, b"#!AMR", "audio"), (4, b"ftypM4A", "audio"), (4, b"ftypM4B", "audio"), (8, b"AVI ", "video"), (4, b"ftyp", "video"),
    (4, b"moov", "video"), (4, b"mdat", "video"), (4, b"wide", "video"), (0, b"\x1aE\xdf\xa3", "video"),
    (0, b"FLV\x01", "video"), (0, b"\0\0\x01\xba", "video"), (0, b"\0\0\x01\xb3", "video"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "video"),
)  # fmt: skip
_POINTER = b"version https://git-lfs.github.com/spec/"
_WEB = ("http:", "https:", "ftp:", "s3:", "gs:")
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml")


def stored_file(cell: Any) -> tuple[bytes | None, str | None]:
    """Return the content and the name of the file in a cell of a table; None for what it does not have.

    A cell is a name, bytes, or a mapping with bytes and path, as Hugging Face stores media in Parquet.
    """
    content, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, Mapping) else (None, cell)
    if isinstance(cell, bytes):
        content, name = cell, None
    return content, None if is_missing(name) or not str(name).strip() else str(name)


def ignore(text: str) -> None:
    """Drop a note."""


def require_content(source: Source) -> None:
    """Raise UnreadableItem with the reason if there is no such file, or if it is empty or no regular file."""
    if isinstance(source, bytes):
        size = len(source)
    else:
        try:
            status = os.stat(source)
        except OSError as error:
            raise UnreadableItem(_absent(source, error)) from None
        except ValueError:
            raise UnreadableItem("the name of the file has a null character") from None
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            raise UnreadableItem(f"{what}, not a regular file")
        size = status.st_size
    if size == 0:
        raise UnreadableItem("the file is empty (0 bytes)")


def _absent(path: Path, error: OSError) -> str:
    if not {part.lower() for part in path.parts}.isdisjoint(_WEB):
        return "a web address, and nothing is downloaded; download the file first"
    if error.errno == errno.ENAMETOOLONG:
        return (
            f"no file can have a name of {len(path.name):,} characters; is this the column with the names of the files?"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "there is no such file"
    return error.strerror or str(error)


def on_disk(path: Path) -> Path:
    """Return a path as it is on disk: accents may be composed in its name there and not here, or the other way."""
    if str(path).isascii() or os.path.exists(path):
        return path
    spellings = (Path(unicodedata.normalize(form, str(path))) for form in ("NFC", "NFD"))
    return next((spelling for spelling in spellings if os.path.exists(spelling)), path)


def read_content(source: Source) -> bytes:
    """Return the bytes of a file. Raises UnreadableItem with the reason, also for a file of more than 512 MB."""
    require_content(source)
    if isinstance(source, bytes):
        return source
    try:
        if os.stat(source).st_size > LARGEST_FILE:
            raise UnreadableItem(f"larger than {LARGEST_FILE >> 20} MB")
        return source.read_bytes()
    except OSError as error:
        raise UnreadableItem(error.strerror or str(error)) from error


def open_content(source: Source) -> BinaryIO:
    """Open a file or its bytes for reading. Raises UnreadableItem with the reason."""
    require_content(source)
    if isinstance(source, bytes):
        return BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise UnreadableItem(error.strerror or str(error)) from error


def require_times(start: float | None, end: float | None) -> None:
    """Raise UnreadableItem for a start and end that no part of a file can have."""
    for name, second in (("start", start), ("end", end)):
        if second is not None and not (math.isfinite(second) and second >= 0):
            raise UnreadableItem(f"the sample's {name} is {second:g} s; give seconds from 0 on")
    if start is not None and end is not None and end <= start:
        raise UnreadableItem(f"the sample ends ({end:g} s) before it starts ({start:g} s)")


def kind_by_suffix(path: Path) -> str | None:
    """Return "audio", "video" or "image"; None for other suffixes."""
    return _BY_SUFFIX.get(path.suffix.lower())


def kind_of(source: Source) -> str | None:
    """Return "audio", "video" or "image" by the content, else by the suffix; None for anything else.

    The suffix chooses between sound and clip, because their containers are the same. An animated picture is a clip.
    """
    named = None if isinstance(source, bytes) else kind_by_suffix(source)
    try:
        head = _head(source)
    except UnreadableItem:  # the reader says why
        return named
    content = _kind_by_content(head)
    if content == "image":
        return "video" if is_animated(source) else "image"
    return named if content is None or (named in ("audio", "video")) else content


def is_picture(source: Source) -> bool:
    """Return whether a file is in a format of pictures, animated or not."""
    content = _kind_by_content(_head(source))
    return content == "image" or (
        content is None and not isinstance(source, bytes) and kind_by_suffix(source) == "image"
    )


def is_animated(source: Source) -> bool:
    """Return whether a picture has several frames that follow each other. Pages of a TIFF do not."""
    from PIL import Image

    ignore_warnings_of_size()
    try:
        with open_content(source) as file, Image.open(file) as image:
            return image.format != "TIFF" and bool(getattr(image, "is_animated", False))
    except Exception:  # decoders raise almost anything for damaged bytes; reading it gives the reason
        return False


@cache
def ignore_warnings_of_size() -> None:
    """Keep Pillow from warning of large pictures, which are refused with a reason."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def _head(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source[:HEAD]
    with open_content(source) as file:
        return file.read(HEAD)


def _kind_by_content(head: bytes) -> str | None:
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image"
    if head[:1] == b"G" and head[188:189] == b"G":  # a transport stream
        return "video"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] != 0xFF and head[2] & 0xF0 != 0xF0:
        return "audio"  # MP3 or AAC without a header of the file
    return None


def unreadable(source: Source, wanted: str, error: Exception | str = "") -> UnreadableItem:
    """Return the error of a file that a decoder refuses, with what the file is instead.

    wanted : "audio", "video" or "image"; error : of the decoder
    """
    head, name = _head(source), _NAMES[wanted]
    if head.startswith(_POINTER):
        return UnreadableItem("a Git LFS pointer, not the file itself; fetch the file with: git lfs pull")
    if _is_text(head):
        page = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES)
        return UnreadableItem(f"a web page, not {name}; download the file again" if page else f"text, not {name}")
    if not any(head):
        return UnreadableItem("it begins with zeros only; copy or download the file again")
    if head[4:11] in (b"ftyphei", b"ftyphev", b"ftypmif"):
        return UnreadableItem("a picture in the format HEIF; save it as JPEG")
    content = _kind_by_content(head)
    if content == "video" and head[4:8] in (b"ftyp", b"mdat", b"wide", b"free") and not _has_index(source):
        return UnreadableItem(
            "the clip is cut off: its index (the box moov) is missing; copy or download the file again"
        )
    if content not in (None, wanted) and "image" in (content, wanted):
        return UnreadableItem(f"{_NAMES[str(content)]}, not {name}")
    reason = reason_of(error) if isinstance(error, Exception) else error
    return UnreadableItem(f"not {name} that can be read ({reason or 'unknown format'})")


def _is_text(head: bytes) -> bool:
    return b"\0" not in head and sum(byte >= 32 or byte in b"\t\r\n\f" for byte in head) > 0.9 * len(head)


def _has_index(source: Source) -> bool:
    """Whether an MP4 or MOV has a box moov."""
    with open_content(source) as file:
        end = file.seek(0, os.SEEK_END)
        place = 0
        while place + 8 <= end:
            file.seek(place)
            header = file.read(16)
            size, name = int.from_bytes(header[:4]), header[4:8]
            if name == b"moov":
                return True
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < 8:
                return False
            place += size
    return False
