"""Crop the face in a frame to a square: dlib's detector, with the centre of the picture where it finds no face."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

from affectspace.errors import ConfigError
from affectspace.progress import note

SHORT_SIDE = 360  # pixels of the short side of the picture that the detector sees
FINE = 3 * SHORT_SIDE  # at which small faces are searched
LONGEST_SIDE, MOST_PIXELS = 20_000, 8_000_000  # of the picture that the detector sees; dlib crashes on longer strips
MARGIN = 0.25  # of the box, on every side
TIGHT = 0.85  # a cut that takes this share of a picture's short side means that the picture is a face already

Box = tuple[float, float, float]  # centre x, centre y, side, in pixels
Track = tuple[tuple[float, Box], ...]  # a face of a clip: seconds from its beginning, and the box at that time


_threads = threading.local()


def _detector() -> Any:
    """The detector of this thread: dlib crashes if threads share one."""
    if not hasattr(_threads, "detector"):
        try:
            import dlib
        except ImportError as error:
            raise ConfigError(
                "cropping faces needs dlib: pip install 'affectspace[video]', or use the whole picture with crop=false "
                "(--set crop=false)"
            ) from error
        _threads.detector = dlib.get_frontal_face_detector()
    return _threads.detector


def find_faces(frame: np.ndarray, short_side: int = SHORT_SIDE) -> list[Box]:
    """Return the faces in a frame, (height, width, 3) uint8, the largest first, each with its margin.

    short_side: pixels to which the frame's short side is resized before detection; fewer for a long strip.
    """
    from PIL import Image

    height, width = frame.shape[:2]
    bounds = LONGEST_SIDE / max(height, width), (MOST_PIXELS / (height * width)) ** 0.5
    scale = min(short_side / min(height, width), *bounds)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))
    boxes = []
    for box in sorted(_detector()(small, 0), key=lambda box: -box.width() * box.height()):
        side = max(box.width(), box.height()) * (1 + 2 * MARGIN)
        centre_x, centre_y = (box.left() + box.right()) / 2, (box.top() + box.bottom()) / 2
        boxes.append((centre_x / scale, centre_y / scale, side / scale))
    return boxes


def find_face(frame: np.ndarray) -> Box | None:
    """Return the largest face in a frame with its margin, or None."""
    return next(iter(find_faces(frame)), None)


def face_boxes(picture: np.ndarray) -> list[Box]:
    """Find the faces of a picture, also in close-ups and small ones: the detector's own boxes, the largest first.

    Raises ConfigError where dlib is missing.
    """
    boxes, margin = find_faces(picture), 0
    if not boxes:  # a face that fills the picture is found with something around it
        margin = min(picture.shape[:2]) // 3
        boxes = find_faces(np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    if not boxes and min(picture.shape[:2]) > SHORT_SIDE:
        margin, boxes = 0, find_faces(picture, FINE)
    return [(x - margin, y - margin, side / (1 + 2 * MARGIN)) for x, y, side in boxes]


def crop_faces(frames: list[np.ndarray], margin: float = MARGIN) -> tuple[list[np.ndarray], int]:
    """Return the face of each frame as a square, and the number of frames in which one was found.

    margin: around the detector's box on every side, as a share of it.

    A frame without a face takes the box of the nearest frame with one. Without any face, all take the central square.
    """
    scale = (1 + 2 * margin) / (1 + 2 * MARGIN)
    boxes = [None if face is None else (*face[:2], face[2] * scale) for face in map(find_face, frames)]
    known = [i for i, box in enumerate(boxes) if box is not None]
    crops = [
        square(frame, boxes[min(known, key=lambda other: abs(other - i))] if known else None)
        for i, frame in enumerate(frames)
    ]
    return crops, len(known)


def faces_of(frames: list[np.ndarray], crop: bool, counts: Counter[str], margin: float = MARGIN) -> list[np.ndarray]:
    """Return a square of each frame of a clip: its face, or without `crop` its centre. Missing faces are counted."""
    if not crop:
        return [square(frame) for frame in frames]
    faces, count = crop_faces(frames, margin)
    if not count:
        note(counts, "a clip where no face was found: the middle of the picture was taken")
    elif count < len(frames):
        note(counts, "a clip with faces in some frames only")
    return faces


def face_of(picture: np.ndarray, crop: bool, counts: Counter[str], margin: float = MARGIN) -> np.ndarray:
    """Return a square of a photograph: its face, or without `crop` its centre.

    A picture that is a face already, or in which none is found, is returned whole, as it is. Missing faces are counted.
    """
    if not crop:
        return square(picture)
    boxes = face_boxes(picture)
    if not boxes:
        note(counts, "a picture where no face was found: the complete picture was taken")
        return picture
    x, y, side = boxes[0]
    side *= 1 + 2 * margin
    return square(picture, (x, y, side)) if side < TIGHT * min(picture.shape[:2]) else picture


def square(frame: np.ndarray, box: Box | None = None) -> np.ndarray:
    """Return a square of a frame around a box, moved and shrunk until it lies inside. Without a box: the centre."""
    height, width = frame.shape[:2]
    x, y, side = box or (width / 2, height / 2, float(min(height, width)))
    size = max(min(round(side), height, width), 1)
    left = min(max(round(x - size / 2), 0), width - size)
    top = min(max(round(y - size / 2), 0), height - size)
    return frame[top : top + size, left : left + size]


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """Return a frame as a square of another size, (size, size, 3) uint8; one that is not square is squeezed."""
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(frame)).resize((size, size), Image.Resampling.LANCZOS))
