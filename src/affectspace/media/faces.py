"""The face in a frame, as a square: dlib's detector, with the middle of the picture where it finds none."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

from affectspace.errors import ConfigError
from affectspace.progress import note

SHORT_SIDE = 360  # pixels that the detector looks at
MARGIN = 0.25  # of the box, on every side

Box = tuple[float, float, float]  # middle x, middle y, side, in pixels


_own = threading.local()


def _detector() -> Any:
    """A detector of this thread: one that threads share crashes."""
    if not hasattr(_own, "detector"):
        _own.detector = _new_detector()
    return _own.detector


def _new_detector() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise ConfigError(
            "cropping faces needs dlib: pip install 'affectspace[video]', or crop=false (--set crop=false)"
        ) from error
    return dlib.get_frontal_face_detector()


def find_face(frame: np.ndarray, short_side: int = SHORT_SIDE) -> Box | None:
    """The largest face of a frame, (height, width, 3) uint8, or None. Frames are looked at with that short side, in pixels."""
    from PIL import Image

    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))
    boxes = _detector()(small, 0)
    if not boxes:
        return None
    box = max(boxes, key=lambda one: one.width() * one.height())
    side = max(box.width(), box.height()) * (1 + 2 * MARGIN)
    middle_x, middle_y = (box.left() + box.right()) / 2, (box.top() + box.bottom()) / 2
    return middle_x / scale, middle_y / scale, side / scale


def crop_faces(frames: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """The face of each frame as a square, and in how many frames it was found.

    A frame without a face takes the box of the nearest frame with one; without any face all take the middle square.
    """
    boxes = [find_face(frame) for frame in frames]
    known = [place for place, box in enumerate(boxes) if box is not None]
    crops = []
    for place, frame in enumerate(frames):
        box = boxes[min(known, key=lambda other: abs(other - place))] if known else None
        crops.append(square(frame, box))
    return crops, len(known)


def faces_of(frames: list[np.ndarray], crop: bool, counts: Counter[str]) -> list[np.ndarray]:
    """Squares of a clip's frames: its faces, or without `crop` their middles; clips with frames without a face are counted."""
    if not crop:
        return [square(frame) for frame in frames]
    faces, found = crop_faces(frames)
    if not found:
        note(counts, "a clip where no face was found: the middle of the picture was taken")
    elif found < len(frames):
        note(counts, "a clip with faces in some frames only")
    return faces


def square(frame: np.ndarray, box: Box | None = None) -> np.ndarray:
    """A square of a frame around a box, moved and made smaller so that it lies inside; the middle where there is no box."""
    height, width = frame.shape[:2]
    x, y, side = box or (width / 2, height / 2, float(min(height, width)))
    size = max(min(round(side), height, width), 1)
    left = min(max(round(x - size / 2), 0), width - size)
    top = min(max(round(y - size / 2), 0), height - size)
    return frame[top : top + size, left : left + size]


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """A square frame at another size, (size, size, 3) uint8."""
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(frame)).resize((size, size), Image.Resampling.LANCZOS))
