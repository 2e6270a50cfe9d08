"""IMFDB: faces of Indian film actors with seven emotions, in its official layout and with its faults.

``IMFDB_final/<actor>/<movie>/{<movie>.txt, images/}``. The text files are latin-1, tab-separated, without header: 0
video, 1 frame, 2 image, 3-6 box x y w h, 7 movie, 8 year, 9 actor, 10 gender, 11 expression, 12 occlusion, 13
illumination, 14 age, 15 pose, 16 make-up. What is wrong with a row is counted by reason; only a folder that is no
IMFDB is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affectspace.affect import parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import ReadReport, build_table
from affectspace.errors import DataError

LICENCE = "research only; ask its owners (CVIT, IIIT Hyderabad) for other use"
CITATION = (
    "Setty, S., Husain, M., Beham, P., et al. (2013). Indian Movie Face Database: a benchmark for face recognition "
    "under wide variations. NCVPRIPG."
)
_EXTRAS = ("gender", "occlusion", "illumination", "age", "pose", "makeup", "year", "width", "height")
_LAYOUT = "expected IMFDB_final/<actor>/<movie>/ with <movie>.txt and images/"


@dataclass
class _Row:
    """One row of a text file that could be read."""

    image: str
    emotion: str
    extras: dict[str, str | float]


def read_imfdb(root: Path, *, emotion_spelling: str = "imfdb") -> Corpus:
    """Read IMFDB. person is the actor's folder, session the movie's; extras are the text files' columns as they stand.

    root: the folder IMFDB_final, or one that holds it. Kept are rows with an emotion and an image; the report counts
    the others by reason. Raises DataError for a folder in another layout, or where nothing could be kept.
    """
    root = root / "IMFDB_final" if (root / "IMFDB_final").is_dir() else root
    left_out: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    columns: dict[str, list[str]] = {name: [] for name in ("id", "person", "session", "image", "emotion")}
    extras: dict[str, list[str | float]] = {name: [] for name in _EXTRAS}
    folders = _movie_folders(root)
    for actor, movie, folder in folders:
        for row in _read_folder(folder, left_out, repaired, emotion_spelling):
            image = f"{actor}/{movie}/images/{row.image}"
            values = (f"{actor}/{movie}/{row.image}", actor, movie, image, row.emotion)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
            for name in _EXTRAS:
                extras[name].append(row.extras[name])
    report = ReadReport(len(columns["id"]), dict(left_out), dict(repaired), [f"{len(folders):,} movie folders"])
    if not report.kept:
        raise DataError(f"{root}: no row could be kept; {report.to_text()}")
    table = build_table("imfdb", columns, extras, where=str(root))
    return Corpus("imfdb", table, None, LICENCE, CITATION, report, root)


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
        raise DataError(f"{folder}: not a folder; {_LAYOUT}")
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX")))


def _read_folder(folder: Path, left_out: Counter[str], repaired: Counter[str], spelling: str) -> list[_Row]:
    """The rows of one movie that have an emotion and an image, one an image."""
    images = folder / "images"
    files = {path.name for path in images.iterdir() if path.is_file()} if images.is_dir() else set()
    by_case = {name.casefold(): name for name in files}
    rows: dict[str, list[_Row]] = {}
    named: set[str] = set()
    for line in _lines(folder, repaired):
        row = _parse(line, left_out, repaired, named, spelling)
        if row is not None:
            rows.setdefault(row.image, []).append(row)
    kept = []
    for image, same in rows.items():
        if len({row.emotion for row in same}) > 1:
            left_out["duplicates of an image that differ in the emotion"] += len(same)
            continue
        left_out["duplicates of an image with the same emotion, the first is kept"] += len(same) - 1
        row = same[0]
        if image not in files:
            if image.casefold() not in by_case:
                left_out["the image is missing"] += 1
                continue
            row.image = by_case[image.casefold()]
            repaired["image name in another case"] += 1
        kept.append(row)
    unnamed = len(set(by_case) - {image.casefold() for image in named})
    left_out["an image that no row names" if named else "an image in a folder without rows"] += unnamed
    for counter in (left_out, repaired):
        for reason in [reason for reason, n in counter.items() if n == 0]:
            del counter[reason]
    return _one_per_file(kept, left_out)


def _one_per_file(rows: list[_Row], left_out: Counter[str]) -> list[_Row]:
    """Rows whose names differ in case only and mean one file."""
    first: dict[str, _Row] = {}
    for row in rows:
        if first.setdefault(row.image, row) is not row:
            left_out["duplicates of an image with the same emotion, the first is kept"] += 1
    return list(first.values())


def _lines(folder: Path, repaired: Counter[str]) -> Iterator[str]:
    """The lines of the folder's text file, or of those it has under other names."""
    own = folder / f"{folder.name}.txt"
    others = sorted(path for path in folder.glob("*.txt") if not path.name.startswith("."))
    files = [own] if own.is_file() else others
    if files and files != [own]:
        repaired["text file under another name than its folder"] += 1
    for path in files:
        text = path.read_bytes().decode("latin-1").removeprefix("\xef\xbb\xbf")
        for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            if line.strip():
                yield line


def _parse(line: str, left_out: Counter[str], repaired: Counter[str], named: set[str], spelling: str) -> _Row | None:
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) == 1:
        named.update(word for word in line.split() if word.lower().endswith((".jpg", ".jpeg", ".png")))
        left_out["separated by blanks: a box and no expression"] += 1
        return None
    image = next((i for i in (2, 1) if _is_box(fields[i + 1 : i + 5])), None)
    if image is None or not fields[image]:
        left_out["no image and box where they should be"] += 1
        return None
    named.add(fields[image])
    if len(fields) <= image + 9 or not fields[image + 9]:
        left_out["no expression"] += 1
        return None
    try:
        emotion = parse([fields[image + 9]], spelling)[0]
    except DataError:
        emotion = None
    if emotion is None:
        left_out[f"unknown expression {fields[image + 9]!r}"] += 1
        return None
    if len(fields) == 18 and not fields[17]:
        repaired["18 fields: a tab at the end"] += 1
    elif image == 1:
        repaired["16 fields: video and frame in one"] += 1
    elif len(fields) != 17:
        repaired[f"{len(fields)} fields instead of 17"] += 1
    rest = (fields[image + 10 :] + [""] * 5)[:5]
    words = dict(zip(("occlusion", "illumination", "age", "pose", "makeup"), rest, strict=True))
    extras: dict[str, str | float] = {"gender": fields[image + 8], **words, "year": fields[image + 6]}
    extras["width"], extras["height"] = float(fields[image + 3]), float(fields[image + 4])
    return _Row(fields[image], emotion, extras)


def _is_box(fields: list[str]) -> bool:
    return len(fields) == 4 and all(field.lstrip("-").isdecimal() for field in fields)
