"""From the table of a corpus to the items that backbones read, and the files of these items."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.media.content import on_disk, open_content, require_content
from affectspace.media.files import EVERY_FILE, Media, leaves_media, open_media, plain_name

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

SOURCES = {"text": ("text",), "words": ("text",), "audio": ("audio", "video"), "video": ("video", "image")}  # columns
CHECKED = 500  # files whose content is compared, at most twice as many
_DIGITS = 24  # of the hash in the fingerprint of a file in a folder
_HASHED = 1 << 16  # bytes at each end of a file that are hashed


def items_of(corpus: Corpus, modality: str) -> list[Item]:
    """List the items of one modality in the order of the corpus. Rows without the modality are left out.

    ``text`` and ``words`` read the column ``text``. ``audio`` reads the column ``audio``, else the sound of the column
    ``video``. ``video`` reads the column ``video``, else ``image``. The columns ``start``, ``end`` and ``half`` apply
    to the file that the column ``cut`` names ("audio" or "video"), or to both ("all").

    Parameters
    ----------
    corpus : Corpus
    modality : {"text", "words", "audio", "video"}

    Returns
    -------
    list of Item

    Raises
    ------
    ConfigError
        If the modality is unknown.
    DataError
        If no row has the modality, or the corpus was read without its media files.

    Examples
    --------
    >>> from affectspace.corpora import Corpus, build_table
    >>> table = build_table("talk", {"id": ["a", "b"], "text": ["Good morning!", None]}, where="example")
    >>> items_of(Corpus("talk", table), "text")[0].text
    'Good morning!'
    """
    if modality not in SOURCES:
        raise ConfigError(f"unknown modality {modality!r}; choose one of {', '.join(SOURCES)}")
    table = corpus.table
    columns = [name for name in SOURCES[modality] if name in table and table[name].notna().any()]
    if not columns:
        raise DataError(f"corpus {corpus.name} has no {modality}: its column {' or '.join(SOURCES[modality])} is empty")
    if columns != ["text"] and corpus.media is None:
        raise DataError(f"corpus {corpus.name} was read without its media files; name their folder (media=, --media)")
    empty = [None] * len(table)
    ids = [str(name) for name in table["id"].tolist()]
    values = {name: table[name].tolist() for name in columns}
    cuts = {name: table[name].tolist() if name in table else empty for name in ("cut", "start", "end", "half")}
    items = []
    for row, name in enumerate(ids):
        column = next((column for column in columns if isinstance(values[column][row], str)), None)
        if column is None:
            continue
        value = values[column][row]
        if column == "text":
            items.append(Item(name, text=value))
            continue
        start = end = half = None
        if cuts["cut"][row] in (column, EVERY_FILE):
            start, end = (_seconds(cuts[edge][row]) for edge in ("start", "end"))
            half = cuts["half"][row] if column == "video" and isinstance(cuts["half"][row], str) else None
        items.append(Item(name, path=Path(plain_name(value)), start=start, end=end, half=half))
    return items


def _seconds(value: float | None) -> float | None:
    """Convert a table cell to seconds; None for an empty cell."""
    return None if value is None or value != value else float(value)


class ItemFiles:
    """The files of items, in a folder or in a zip."""

    def __init__(self, media: Media | None) -> None:
        self.media = media
        self._folder = media.path if media is not None and media.path.is_dir() else None

    def locate(self, item: Item) -> Item:
        """Return the item with its path on disk, or with its content. Raises UnreadableItem if the file is missing."""
        if item.path is None or self.media is None:
            return item
        name = item.path.as_posix()
        if self._folder is not None:
            if leaves_media(name):
                raise UnreadableItem("the path leaves the folder of media")
            path = on_disk(self._folder / name)
            require_content(path)
            return replace(item, path=path)
        try:
            content = self.media.read(name)
        except FileNotFoundError:
            raise UnreadableItem("there is no such file in the zip") from None
        except OSError as error:
            raise UnreadableItem(error.strerror or str(error)) from error
        return replace(item, content=content)

    def fingerprint(self, item: Item) -> str:
        """Identify the input of an item: the hash of a text or vector; of a file its size, a hash of its ends, and the cut."""
        if item.vector is not None:
            return hashlib.sha256(item.vector.tobytes()).hexdigest()[:32]
        if item.path is None:
            return text_mark(item.text or "")
        cut, name = _cut(item), item.path.as_posix()
        if self._folder is None and self.media is not None:
            size, crc = next(iter(self.media.marks([name])))
            return f"{size}:{crc:x}:{cut}"
        path = item.path if self._folder is None else on_disk(self._folder / name)
        try:
            with open_content(path) as file:
                size = os.fstat(file.fileno()).st_size
                digest = hashlib.sha256(file.read(_HASHED))
                if size > 2 * _HASHED:
                    file.seek(-_HASHED, os.SEEK_END)
                digest.update(file.read(_HASHED))
        except (OSError, UnreadableItem):
            return f"absent:{cut}"
        return f"{size}:{digest.hexdigest()[:_DIGITS]}:{cut}"

    def changed(self, items: Sequence[Item], marks: Sequence[str]) -> list[Item]:
        """Return the items whose file or cut is not that of an earlier fingerprint. Files that are absent do not count.

        Sizes and cuts of all are compared, and the ends of about `CHECKED` files: another corpus differs in nearly all of them.
        Times of change are not compared: they change when a corpus is copied. Between a zip and a folder, sizes decide.
        """
        changed, alike = [], []
        for item, mark in zip(items, marks, strict=True):
            size, digest, cut = ([*mark.split(":", 2), "", ""])[:3]
            now = self._size(item)
            if now < 0 or not size.isdigit():
                continue
            if int(size) != now or (cut and cut != _cut(item)):
                changed.append(item)
            elif (len(digest) == _DIGITS) == (self._folder is not None or self.media is None):
                alike.append((item, mark))
        every = max(len(alike) // CHECKED, 1)
        return changed + [item for item, mark in alike[::every] if self.fingerprint(item) != mark]

    def _size(self, item: Item) -> int:
        """Return the size of an item's file in bytes; -1 if it is absent."""
        assert item.path is not None
        if self.media is not None:
            return next(iter(self.media.marks([item.path.as_posix()])))[0]
        return item.path.stat().st_size if item.path.is_file() else -1


def _cut(item: Item) -> str:
    face = f"-{text_mark(repr(item.track))}" if item.track else ""
    return f"{item.start}-{item.end}-{item.half}{face}"


def text_mark(text: str) -> str:
    """Return the fingerprint of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@contextmanager
def open_item_files(media: Path | None) -> Iterator[ItemFiles]:
    """Open the folder or zip of a corpus' media files. Raises DataError if it does not exist."""
    if media is None:
        yield ItemFiles(None)
        return
    with open_media(media) as opened:
        yield ItemFiles(opened)
