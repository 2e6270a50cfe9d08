"""Pictures and clips cut around the face, as the images that a model was trained on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, DataError, RunError, UnreadableItem
from affectspace.files import parse_json, write_text
from affectspace.media.clips import frames_at, read_frames
from affectspace.media.content import Note, Source, read_content
from affectspace.media.faces import MARGIN, TIGHT, Box, Track, face_boxes, resized, square
from affectspace.media.images import decode_image
from affectspace.media.tracks import faces_in, frame_of_track, part_of
from affectspace.prediction.sample import Sample
from affectspace.training.runs import Run

FRAMING = "framing.json"  # in a run folder
MEASURED = 128  # training images in which faces are searched to measure their framing
MIN_FACES = 8  # that must be found in them
FRAMES = 8  # of a clip
LEAST_PIXELS = 16  # a side, below which a picture shows no face

NO_FACE = "no face was found: the complete picture was used"
NO_FACES = "no face was found in the clip: the middle of the picture was used"
SOME_FACES = "a face was found in some frames only"
SEVERAL_FACES = "{} faces were found: the largest was used; --faces all predicts each of them"
FACE_AT = "the face around column {:.0f} and row {:.0f}, {:.0f} pixels wide"
CROWD = "several faces were found in the clip: the largest of each frame was used; --faces all follows each of them"


@dataclass(frozen=True)
class Framing:
    """How a corpus cuts its pictures around the face that the detector finds, in widths of the detector's box.

    side : of the picture; right, down : offset from the middle of the box to the middle of the picture
    """

    side: float = 1 + 2 * MARGIN
    right: float = 0.0
    down: float = 0.0

    def around(self, box: Box) -> Box:
        """Return middle x, middle y and side of the cut around a face."""
        x, y, side = box
        return x + self.right * side, y + self.down * side, self.side * side


@dataclass(frozen=True)
class Photo:
    """A picture for a walk, (size, size, 3) uint8; cut : "face", "middle", or "none" for a square picture without a face."""

    pixels: np.ndarray
    cut: str
    note: str = ""


def read_picture(source: Source) -> np.ndarray:
    """Read an image, (height, width, 3) uint8, upright. Raises DataError where it is not readable, or too small for a face."""
    name = "the picture" if isinstance(source, bytes) else str(source)
    try:
        whole = decode_image(read_content(source))
    except UnreadableItem as error:
        raise DataError(f"{name}: {error}; give a JPEG or PNG of one face") from error
    height, width = whole.shape[:2]
    if min(height, width) < LEAST_PIXELS:
        raise DataError(
            f"{name} has {width} x {height} pixels; give a face of at least {LEAST_PIXELS} x {LEAST_PIXELS}"
        )
    return whole


def cut_photo(path: Path, whole: np.ndarray, size: int, framing: Framing | None, crop: str = "auto") -> Photo:
    """Cut a picture around its face and resize it. path : for messages

    framing : None where the detector does not know the corpus' faces (drawn ones); the middle square is used
    crop : "auto" uses the middle square where no face is found, with a note; "face" requires a face; "middle" does not
    search for one

    Raises DataError where a required face is not found, and ConfigError where dlib is missing for it.
    """
    box, note = None, ""
    if crop == "face" or (crop == "auto" and framing is not None):
        try:
            box = face_box(whole)
        except ConfigError:
            if crop == "face":
                raise
            note = "no face was searched, because dlib is not installed: pip install 'affectspace[video]'"
        if box is None and crop == "face":
            raise DataError(f"{path}: no face was found; cut the picture to the face and use --crop middle")
        if box is None and not note:
            note = "no face was found"
    if box is None:
        height, width = whole.shape[:2]
        cut = "none" if height == width else "middle"
        return Photo(resized(square(whole), size), cut, note)
    return Photo(resized(square(whole, (framing or Framing()).around(box)), size), "face")


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one person, (frames, size, size, 3) uint8; found : False where a face was searched without success."""

    pixels: np.ndarray
    found: bool = True


@dataclass(frozen=True)
class FaceCut:
    """How the faces in pictures and clips are cut for a prediction.

    size : pixels of the model's images; framing : of the training pictures around the face; None: do not search for faces
    always : cut pictures that are a face already too
    """

    size: int
    framing: Framing | None
    always: bool = False

    def picture(self, source: Source, note: Note, box: Box | None = None) -> Faces:
        """Cut the largest face in a picture, or the one in `box`; a picture that is a face is squeezed as in training.

        Raises UnreadableItem with the reason.
        """
        content = read_content(source)
        if self.framing is None and box is None:
            return Faces(decode_image(content, self.size)[None])
        whole, framing = decode_image(content), self.framing or Framing()
        boxes = face_boxes(whole) if box is None else [box]
        if box is not None:
            note(FACE_AT.format(*box))
        if len(boxes) > 1:
            note(SEVERAL_FACES.format(len(boxes)))
        if not boxes:
            note(NO_FACE)
        else:
            cut = framing.around(boxes[0])
            if self.always or cut[2] < TIGHT * min(whole.shape[:2]):
                return Faces(resized(square(whole, cut), self.size)[None])
        return Faces(decode_image(content, self.size)[None], bool(boxes))

    def clip(self, source: Source, start: float | None, end: float | None, note: Note, track: Track = ()) -> Faces:
        """Cut the largest face in each of 8 evenly sampled frames; a frame without one uses the nearest cut.

        track : the face to cut, with its boxes over time. Raises UnreadableItem where it is not seen in this part.
        """
        if track:
            return self._face_of_clip(source, start, end, note, track)
        frames = read_frames(source, FRAMES, start, end, note=note)
        boxes = [[] if self.framing is None else face_boxes(frame) for frame in frames]
        cuts = {number: self.framing.around(faces[0]) for number, faces in enumerate(boxes) if self.framing and faces}
        if self.framing is not None and len(cuts) < len(frames):
            note(SOME_FACES if cuts else NO_FACES)
        if any(len(faces) > 1 for faces in boxes):
            note(CROWD)
        pixels = []
        for number, frame in enumerate(frames):
            nearest = cuts[min(cuts, key=lambda other: abs(other - number))] if cuts else None
            pixels.append(resized(square(frame, nearest), self.size))
        return Faces(np.stack(pixels), bool(cuts) or self.framing is None)

    def _face_of_clip(self, source: Source, start: float | None, end: float | None, note: Note, track: Track) -> Faces:
        """Cut one face of a clip in at most 8 of the frames in which it was found."""
        seen = part_of(track, start, end)
        if not seen:
            raise UnreadableItem("this face is not seen in this part of the clip")
        chosen = [seen[place] for place in np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).round().astype(int)]
        place = FACE_AT.format(*np.median([box for _, box in track], axis=0))
        note(f"{place}, from {track[0][0]:.1f} to {track[-1][0]:.1f} s")
        frames, framing = frames_at(source, [second for second, _ in chosen]), self.framing or Framing()
        cuts = (square(frame, framing.around(box)) for frame, (_, box) in zip(frames, chosen, strict=False))
        return Faces(np.stack([resized(cut, self.size) for cut in cuts]))


def load_faces(cut: FaceCut, sample: Sample, note: Note) -> Faces:
    """Return the faces of a sample's picture, or of its clip. A picture comes before a clip."""
    if sample.image is not None:
        return cut.picture(sample.image, note, sample.box)
    assert sample.video is not None
    return cut.clip(sample.video, sample.start, sample.end, note, sample.track)


def face_box(picture: np.ndarray) -> Box | None:
    """Find the largest face, also in close-ups and small: middle x, middle y and side in pixels; None without one.

    Raises ConfigError where dlib is missing.
    """
    return next(iter(face_boxes(picture)), None)


def samples_of_faces(sample: Sample) -> list[Sample]:
    """Return a sample for each face of a sample's picture or clip: the largest first, of a clip the one that is seen most.

    The sample itself is returned where there is at most one face, and for a file that cannot be read: the reader says why.
    Raises ConfigError where dlib is missing.
    """
    source = sample.image if sample.image is not None else sample.video
    if source is None or sample.box is not None or sample.track:
        return [sample]
    try:
        tracks = faces_in(source, *((None, None) if sample.image is not None else (sample.start, sample.end)))
    except UnreadableItem:
        return [sample]
    if sample.image is not None:
        return [replace(sample, box=track[0][1]) for track in tracks] or [sample]
    return [replace(sample, track=track) for track in tracks] if len(tracks) > 1 else [sample]


def frame_of(sample: Sample) -> tuple[float, float, float, float] | None:
    """Return left, top, right and bottom of a sample's face in pixels, of a clip the median in its part; None without one."""
    track = part_of(sample.track, sample.start, sample.end) if sample.box is None else ((0.0, sample.box),)
    return frame_of_track(track) if track else None


def framing_of(run: Run, data: Dataset) -> Framing | None:
    """Return the framing of a run, measured on 128 training images at first use; None where their faces are not found.

    Drawn faces are not searched. Without dlib nothing is written.
    """
    if data.drawn:
        return None
    path = run.folder / FRAMING
    if path.is_file():
        return read_framing(path)
    rows = data.rows("train")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(MEASURED, len(rows))).round().astype(int))]
    try:
        framing = measure_framing(list(data.images(rows)))
    except ConfigError:
        return Framing()
    write_text(path, json.dumps(asdict(framing) if framing else None) + "\n")
    return framing


def read_framing(path: Path) -> Framing | None:
    """Read framing.json; the default framing without one. Raises RunError where it is damaged."""
    if not path.is_file():
        return Framing()
    try:
        kept = parse_json(path.read_text("utf-8"))
        if kept is None:
            return None
        framing = Framing(**{name: float(value) for name, value in kept.items()})
        if not (np.isfinite(list(asdict(framing).values())).all() and framing.side > 0):
            raise ValueError(f"a framing of {kept}")
        return framing
    except (ValueError, TypeError, AttributeError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RunError(f"{path} is damaged ({error}); delete it, and it is created again") from error


def measure_framing(pictures: list[np.ndarray]) -> Framing | None:
    """Measure the median framing of square pictures; None with fewer than 8 faces. Raises ConfigError without dlib."""
    framings = []
    for picture in pictures:
        box = face_box(picture)
        if box is not None:
            x, y, side = box
            middle = picture.shape[0] / 2
            framings.append((picture.shape[0] / side, (middle - x) / side, (middle - y) / side))
    if len(framings) < MIN_FACES:
        return None
    side, right, down = np.median(framings, axis=0).round(4)
    return Framing(float(side), float(right), float(down))
