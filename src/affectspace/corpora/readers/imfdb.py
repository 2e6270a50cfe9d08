"""IMFDB: faces of Indian film actors with seven emotions, in its official layout and with its faults.

``IMFDB_final/<actor>/<movie>/{<movie>.txt, images/}``. The text files are Latin-1, tab-separated, without header: 0 video,
1 frame, 2 image, 3-6 box x y w h, 7 movie, 8 year, 9 actor, 10 gender, 11 expression, 12 occlusion, 13 illumination, 14 age,
15 pose, 16 make-up. Faulty rows are counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import ReadReport
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError

_EXTRAS = ("gender", "occlusion", "illumination", "age", "pose", "makeup", "year", "width", "height")
_LAYOUT = "expected IMFDB_final/<actor>/<movie>/ with <movie>.txt and images/"
_SAME_EMOTION = "duplicates of an image with the same emotion, the first is kept"


@dataclass
class _Row:
    """A readable row of a text file."""

    image: str
    emotion: str
    extras: dict[str, str | float]


def read_imfdb(root: Path, *, emotion_spelling: str = "imfdb") -> Corpus:
    """Read IMFDB. person is the actor's folder, session the movie's; the extras are columns of the text files, unchanged.

    root: the folder IMFDB_final, or the folder that holds it. Rows with an emotion and an image are kept; the report counts
    the others by reason.
    """
    root = root / "IMFDB_final" if (root / "IMFDB_final").is_dir() else root
    reading = _Reading(emotion_spelling)
    columns: dict[str, list[str]] = {name: [] for name in ("id", "person", "session", "image", "emotion")}
    extras: dict[str, list[str | float]] = {name: [] for name in _EXTRAS}
    folders = _movie_folders(root)
    for actor, movie, folder in folders:
        for row in reading.folder(folder):
            image = f"{actor}/{movie}/images/{row.image}"
            values = (f"{actor}/{movie}/{row.image}", actor, movie, image, row.emotion)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
            for name in _EXTRAS:
                extras[name].append(row.extras[name])
    if not columns["id"]:
        raise DataError(f"{root}: no row could be kept; {ReadReport(0, reading.left_out, reading.repaired).to_text()}")
    return Corpus.build(
        "imfdb",
        columns,
        extras,
        where=root,
        left_out=reading.left_out,
        repaired=reading.repaired,
        notes=[f"{len(folders):,} movie folders"],
        media=root,
    )


def _movie_folders(root: Path) -> list[tuple[str, str, Path]]:
    folders = [
        (actor.name, movie.name, movie)
        for actor in _subfolders(root)
        for movie in _subfolders(actor)
        if (movie / "images").is_dir() or any(movie.glob("*.txt"))
    ]
    if not folders:
        raise DataError(f"{root}: no IMFDB here; {_LAYOUT}")
    return folders


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: this is not a folder; {_LAYOUT}")
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX")))


class _Reading:
    """Reads movie folders, and counts what is left out and repaired."""

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling
        self.left_out: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()

    def folder(self, folder: Path) -> list[_Row]:
        """Return the rows of one movie that have an emotion and an image, one for each image."""
        images = folder / "images"
        files = {path.name for path in images.iterdir() if path.is_file()} if images.is_dir() else set()
        by_case = {name.casefold(): name for name in files}
        rows: dict[str, list[_Row]] = {}
        named: set[str] = set()
        for line in self._lines(folder):
            row = self._parse(line, named)
            if row is not None:
                rows.setdefault(row.image, []).append(row)
        kept: dict[str, _Row] = {}
        for image, same in rows.items():
            if len({row.emotion for row in same}) > 1:
                self.left_out["duplicates of an image that differ in the emotion"] += len(same)
                continue
            self.left_out[_SAME_EMOTION] += len(same) - 1
            row = same[0]
            if image not in files:
                if image.casefold() not in by_case:
                    self.left_out["the image is missing"] += 1
                    continue
                row.image = by_case[image.casefold()]
                self.repaired["image name in another case"] += 1
            if kept.setdefault(row.image, row) is not row:  # names that differ in case only
                self.left_out[_SAME_EMOTION] += 1
        unnamed = len(set(by_case) - {image.casefold() for image in named})
        self.left_out["an image that no row names" if named else "an image in a folder without rows"] += unnamed
        return list(kept.values())

    def _lines(self, folder: Path) -> Iterator[str]:
        """The lines of the folder's text file, or of its text files under other names."""
        own = folder / f"{folder.name}.txt"
        others = sorted(path for path in folder.glob("*.txt") if not path.name.startswith("."))
        files = [own] if own.is_file() else others
        if files and files != [own]:
            self.repaired["text file under another name than its folder"] += 1
        for path in files:
            text = path.read_bytes().decode("latin-1").removeprefix("\xef\xbb\xbf")
            for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
                if line.strip():
                    yield line

    def _parse(self, line: str, named: set[str]) -> _Row | None:
        """Parse a line. The names of its images are added to `named`, even if the row is left out."""
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) == 1:
            named.update(word for word in line.split() if word.lower().endswith((".jpg", ".jpeg", ".png")))
            self.left_out["separated by blanks: a box and no expression"] += 1
            return None
        image = next((i for i in (2, 1) if _is_box(fields[i + 1 : i + 5])), None)
        if image is None or not fields[image]:
            self.left_out["no image and box in the expected columns"] += 1
            return None
        named.add(fields[image])
        if len(fields) <= image + 9 or not fields[image + 9]:
            self.left_out["no expression"] += 1
            return None
        try:
            emotion = parse_emotions([fields[image + 9]], self.spelling)[0]
        except DataError:
            emotion = None
        if emotion is None:
            self.left_out[f"unknown expression {fields[image + 9]!r}"] += 1
            return None
        if len(fields) == 18 and not fields[17]:
            self.repaired["18 fields: a tab at the end"] += 1
        elif image == 1:
            self.repaired["16 fields: video and frame in one"] += 1
        elif len(fields) != 17:
            self.repaired[f"{len(fields)} fields instead of 17"] += 1
        rest = (fields[image + 10 :] + [""] * 5)[:5]
        words = dict(zip(("occlusion", "illumination", "age", "pose", "makeup"), rest, strict=True))
        extras: dict[str, str | float] = {"gender": fields[image + 8], **words, "year": fields[image + 6]}
        extras["width"], extras["height"] = float(fields[image + 3]), float(fields[image + 4])
        return _Row(fields[image], emotion, extras)


def _is_box(fields: list[str]) -> bool:
    return len(fields) == 4 and all(field.lstrip("-").isdecimal() for field in fields)
