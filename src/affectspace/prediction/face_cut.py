"""What of a picture or a clip is shown to a face model: the face, cut as the training's faces were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectspace.errors import UnreadableItem
from affectspace.media.clips import read_frames
from affectspace.media.faces import Box, resized, square
from affectspace.media.images import decode_image
from affectspace.prediction.photos import Framing, face_box

FRAMES = 8  # of a clip
TIGHT = 0.85  # share of a picture's short side that the cut takes at least where the picture is a face already

NO_FACE = "no face was found: the whole picture was taken"
NO_FACES = "no face was found in the clip: the middle of the picture was taken"
SOME_FACES = "a face was found in some frames only"


@dataclass(frozen=True)
class FaceCut:
    """How faces are cut.

    size : pixels of the model's images; framing : of the training's pictures around the face; None: faces are not sought
    always : cut pictures that are a face already too
    """

    size: int
    framing: Framing | None
    always: bool = False

    def picture(self, path: Path, note: Callable[[str], None]) -> np.ndarray:
        """The face in an image file, (size, size, 3) uint8; the whole picture, squeezed as in training, where it is one.

        Raises UnreadableItem with the reason.
        """
        content = _content(path)
        try:
            if self.framing is None:
                return decode_image(content, self.size)
            whole = decode_image(content)
            box = face_box(whole)
            if box is None:
                note(NO_FACE)
            else:
                around = self._around(box)
                if self.always or around[2] < TIGHT * min(whole.shape[:2]):
                    return resized(square(whole, around), self.size)
            return decode_image(content, self.size)
        except UnreadableItem as error:
            raise UnreadableItem(f"not an image that can be read ({error})") from error

    def clip(self, path: Path, start: float | None, end: float | None, note: Callable[[str], None]) -> np.ndarray:
        """The faces in evenly sampled frames, (8, size, size, 3) uint8; a frame without one takes the nearest frame's place."""
        frames = read_frames(path, FRAMES, start, end)
        boxes = [None if self.framing is None else face_box(frame) for frame in frames]
        known = {place: box for place, box in enumerate(boxes) if box is not None}
        if self.framing is not None and len(known) < len(frames):
            note(SOME_FACES if known else NO_FACES)
        faces = []
        for place, frame in enumerate(frames):
            nearest = known[min(known, key=lambda other: abs(other - place))] if known else None
            faces.append(resized(square(frame, nearest and self._around(nearest)), self.size))
        return np.stack(faces)

    def _around(self, box: Box) -> Box:
        assert self.framing is not None
        x, y, side = box
        return x + self.framing.right * side, y + self.framing.down * side, self.framing.side * side


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableItem("there is no such file") from None
    except OSError as error:
        raise UnreadableItem(error.strerror or str(error)) from error
