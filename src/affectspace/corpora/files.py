"""Find the media files of a corpus by name, without the debris of other systems."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from affectspace.errors import counted

AUDIO = (".wav", ".flac", ".mp3")
VIDEO = (".mp4", ".avi", ".flv")
_MOST_FOLDERS = 6  # in a note


def files_below(root: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Yield the files with these suffixes at any depth, in order. Hidden ones (``._name`` of macOS) are skipped."""
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(folder) / name


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of one folder that match a pattern, in order, without hidden ones."""
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))


def duplicate_reason(path: Path, used: str) -> str:
    """Return why a second file of the same name is left out. used: the path of the one that is read."""
    if path.suffix.lower() == Path(used).suffix.lower():
        return "a copy of a file in another folder"
    return "a recording that is read from a file of another format"


def subfolder_notes(names: Iterable[str], expected: str) -> list[str]:
    """Return a note on files that lie deeper than in the corpus' own layout, with their folders.

    names: paths below the root. expected: a regular expression for the folders of the layout.
    """
    folders = Counter(re.sub(rf"/?{expected}$", "", Path(name).parent.as_posix()) for name in names)
    if not set(folders) - {"", "."}:
        return []
    most = [f"{folder or '.'} ({count:,})" for folder, count in folders.most_common(_MOST_FOLDERS)]
    more = f" and {len(folders) - _MOST_FOLDERS:,} more folders" if len(folders) > _MOST_FOLDERS else ""
    return [f"files were read from subfolders: {', '.join(most)}{more}"]


class MediaFiles:
    """The media files below a folder. Each subfolder is listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[str, set[str]] = {}

    def find(self, folder: str, stem: str, suffixes: Sequence[str]) -> str | None:
        """Return the path of ``folder/stem`` with the first of the suffixes that exists, relative to the root, or None."""
        if folder not in self._names:
            place = self.root / folder
            self._names[folder] = {entry.name for entry in os.scandir(place)} if place.is_dir() else set()
        for suffix in suffixes:
            if f"{stem}{suffix}" in self._names[folder]:
                return f"{folder}/{stem}{suffix}" if folder else f"{stem}{suffix}"
        return None


def missing_media_notes(columns: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Return a note for each kind of media (column -> paths) that some or all rows lack."""
    notes = []
    for kind, paths in columns.items():
        existing = sum(path is not None for path in paths)
        if existing < len(paths):
            notes.append(
                f"only {counted(existing, 'row', 'has')} {kind}"
                if existing
                else f"{kind} files were not found: no row has {kind}"
            )
    return notes
