"""A photograph of anybody as the model knows faces: cropped around the face as the training images are."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from affectspace.errors import ConfigError, DataError, RunError, UnreadableItem
from affectspace.files import write_text
from affectspace.media.faces import MARGIN, SHORT_SIDE, find_face, resized, square
from affectspace.media.images import decode_image
from affectspace.training.runs import Run
from affectspace.training.training_set import TrainingSet

CROPS = ("auto", "face", "middle")
LOOKED_AT = 128  # training images in which faces are sought
ENOUGH = 8  # of them with a face, to say how the corpus frames
FINE = 3 * SHORT_SIDE  # pixels of the short side at which small faces are sought


@dataclass(frozen=True)
class Framing:
    """How a corpus cuts its pictures around the face that the detector finds, in widths of the detector's box.

    side : of the picture; right, down : from the middle of the box to the middle of the picture
    """

    side: float = 1 + 2 * MARGIN
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True)
class Photo:
    """A face to walk, (size, size, 3) uint8, and how it was cut: "face", "middle", or "none" for what is square and whole."""

    pixels: np.ndarray
    cut: str
    note: str = ""


def read_picture(path: Path) -> np.ndarray:
    """An image file, (height, width, 3) uint8, upright. Raises DataError that names the file where it is none."""
    try:
        return decode_image(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnreadableItem as error:
        raise DataError(f"{path}: not a readable image ({error}); give a JPEG or PNG of one face") from error


def cut_photo(path: Path, whole: np.ndarray, size: int, framing: Framing | None, crop: str = "auto") -> Photo:
    """A picture, cut around its face and resized. path : its name, for messages

    framing : None where the detector does not know the corpus' faces (drawn ones): the middle square is taken
    crop : "auto" takes the middle square where no face is found, and says so; "face" insists on one; "middle" seeks none

    Raises DataError that names the file where it has no face that is insisted on; ConfigError where dlib is missing then.
    """
    box, note = None, ""
    if crop == "face" or (crop == "auto" and framing is not None):
        try:
            box = face_box(whole)
        except ConfigError:
            if crop == "face":
                raise
            note = "dlib is not installed, so that no face was sought: pip install 'affectspace[video]'"
        if box is None and crop == "face":
            raise DataError(f"{path}: no face was found; cut the picture to the face and use --crop middle")
        if box is None and not note:
            note = "no face was found"
    if box is None:
        height, width = whole.shape[:2]
        cut = "none" if height == width else "middle"
        return Photo(resized(square(whole), size), cut, note)
    framing = framing or Framing()
    x, y, side = box
    cut_out = square(whole, (x + framing.right * side, y + framing.down * side, framing.side * side))
    return Photo(resized(cut_out, size), "face")


def read_photo(path: Path, size: int, framing: Framing | None, crop: str = "auto") -> Photo:
    """`read_picture` and `cut_photo`."""
    return cut_photo(path, read_picture(path), size, framing, crop)


def face_box(picture: np.ndarray) -> tuple[float, float, float] | None:
    """Middle x, middle y and side of the largest face, in pixels; close-ups and small faces are sought too, or None.

    Raises ConfigError where dlib is missing.
    """
    found = find_face(picture)
    margin = 0
    if found is None:  # a face that fills the picture is found with something around it
        margin = min(picture.shape[:2]) // 3
        found = find_face(np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    if found is None and min(picture.shape[:2]) > SHORT_SIDE:
        margin, found = 0, find_face(picture, FINE)
    if found is None:
        return None
    x, y, side = found
    return x - margin, y - margin, side / (1 + 2 * MARGIN)


def framing_of(run: Run, data: TrainingSet) -> Framing | None:
    """The run's framing.json, made at first use from 128 of its training images; None where their faces are not found.

    Drawn faces are not sought. Without dlib nothing is written.
    """
    if data.corpus.name == "faces":
        return None
    path = run.folder / "framing.json"
    if path.is_file():
        return read_framing(path)
    rows = data.pixel_rows[data.rows("train")]
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows))).round().astype(int))]
    try:
        framing = measure_framing([np.array(data.pixels[row]) for row in rows])
    except ConfigError:
        return Framing()
    write_text(path, json.dumps(asdict(framing) if framing else None) + "\n")
    return framing


def read_framing(path: Path) -> Framing | None:
    """What framing.json says; our own margin where there is none. Raises RunError where it is damaged."""
    if not path.is_file():
        return Framing()
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept is None:
            return None
        framing = Framing(**{name: float(value) for name, value in kept.items()})
        if not (np.isfinite(list(asdict(framing).values())).all() and framing.side > 0):
            raise ValueError(f"a framing of {kept}")
        return framing
    except (ValueError, TypeError, AttributeError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RunError(f"{path} is damaged ({error}); delete it and it is made anew") from error


def measure_framing(pictures: list[np.ndarray]) -> Framing | None:
    """The median framing of square pictures; None where faces are found in fewer than 8. Raises ConfigError without dlib."""
    places = []
    for picture in pictures:
        box = face_box(picture)
        if box is not None:
            x, y, side = box
            middle = picture.shape[0] / 2
            places.append((picture.shape[0] / side, (middle - x) / side, (middle - y) / side))
    if len(places) < ENOUGH:
        return None
    side, right, down = np.median(places, axis=0).round(4)
    return Framing(float(side), float(right), float(down))
