"""From a corpus' table to what backbones read: the text, or the file of the sound, clip or image with its cut."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.media.files import Media, leaves_media, open_media, plain_name

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

SOURCES = {"text": ("text",), "words": ("text",), "audio": ("audio", "video"), "video": ("video", "image")}
_ENDS = 1 << 16  # bytes at either end of a file that its mark looks at


def items_of(corpus: Corpus, modality: str) -> list[Item]:
    """What there is of a modality, an item a row, in the order of the table; rows without it are left out.

    text and words are the column text; audio the column audio, or else the clip's sound; video the clip, or else the image.
    `start` and `end` cut only the file that holds more than the sample, which the column `cut` names ("audio", "video").
    Raises DataError where no row has the modality, ConfigError for a modality that no column holds.
    """
    if modality not in SOURCES:
        raise ConfigError(f"modality {modality!r}; there are {', '.join(SOURCES)}")
    table = corpus.table
    columns = [name for name in SOURCES[modality] if name in table and table[name].notna().any()]
    if not columns:
        raise DataError(f"corpus {corpus.name} has no {modality}: its column {' or '.join(SOURCES[modality])} is empty")
    if columns != ["text"] and corpus.media is None:
        raise DataError(f"corpus {corpus.name} was read without its files; name their folder (media=, --media)")
    ids = [str(name) for name in table["id"].tolist()]
    cuts = {
        name: table[name].tolist() if name in table else [None] * len(table) for name in ("cut", "start", "end", "half")
    }
    cells = [table[name].tolist() for name in columns]
    found = []
    for row, name in enumerate(ids):
        at = next((k for k, column in enumerate(cells) if isinstance(column[row], str)), None)
        if at is None:
            continue
        value, column = cells[at][row], columns[at]
        if column == "text":
            found.append(Item(name, text=value))
            continue
        start = end = half = None
        if cuts["cut"][row] == column:
            start, end = (_second(cuts[edge][row]) for edge in ("start", "end"))
            half = cuts["half"][row] if column == "video" and isinstance(cuts["half"][row], str) else None
        found.append(Item(name, path=Path(plain_name(value)), start=start, end=end, half=half))
    return found


def _second(value: float | None) -> float | None:
    """A time as a cut has it, None for an empty cell."""
    return None if value is None or value != value else float(value)


class Files:
    """Where the files of items are: in a folder, or in a zip, whose members are spooled one at a time."""

    def __init__(self, media: Media | None) -> None:
        self.media = media
        self._folder = media.path if media is not None and media.path.is_dir() else None

    @contextmanager
    def at(self, item: Item) -> Iterator[Item]:
        """The item with a path on disk. Raises UnreadableItem where the file is not there."""
        if item.path is None or self.media is None:
            yield item
            return
        name = item.path.as_posix()
        if self._folder is not None:
            if leaves_media(name):
                raise UnreadableItem("the path leaves the folder of media")
            if not (self._folder / name).is_file():
                raise UnreadableItem("there is no such file")
            yield replace(item, path=self._folder / name)
            return
        try:
            content = self.media.read(name)
        except FileNotFoundError:
            raise UnreadableItem("there is no such file in the zip") from None
        except OSError as error:
            raise UnreadableItem(error.strerror or str(error)) from error
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"member{item.path.suffix}"
            path.write_bytes(content)
            yield replace(item, path=path)

    def mark(self, item: Item) -> str:
        """What tells a changed input: of a text its hash; of a file its size, a hash of its ends, and the cut."""
        if item.vector is not None:
            return hashlib.sha256(item.vector.tobytes()).hexdigest()[:32]
        if item.path is None:
            return hashlib.sha256((item.text or "").encode("utf-8", "surrogatepass")).hexdigest()[:32]
        cut = f"{item.start}-{item.end}-{item.half}"
        name = item.path.as_posix()
        if self._folder is None and self.media is not None:
            size, crc = next(iter(self.media.marks([name])))
            return f"{size}:{crc:x}:{cut}"
        path = item.path if self._folder is None else self._folder / name
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest = hashlib.sha256(file.read(_ENDS))
                if size > 2 * _ENDS:
                    file.seek(-_ENDS, os.SEEK_END)
                digest.update(file.read(_ENDS))
        except OSError:
            return f"absent:{cut}"
        return f"{size}:{digest.hexdigest()[:24]}:{cut}"


@contextmanager
def files_of(corpus: Corpus) -> Iterator[Files]:
    """The files of a corpus, wherever they are."""
    with open_files(corpus.media) as files:
        yield files


@contextmanager
def open_files(media: Path | None) -> Iterator[Files]:
    """Files in a folder or zip. Raises DataError where it is not there."""
    if media is None:
        yield Files(None)
        return
    with open_media(media) as opened:
        yield Files(opened)
