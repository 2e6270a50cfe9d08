"""All faces of a picture, and of a clip: each face is followed over time by the overlap of its boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectspace.media.clips import frames_over_time
from affectspace.media.content import Source, kind_of, read_content
from affectspace.media.faces import FINE, MARGIN, SHORT_SIDE, Box, Track, face_boxes, find_faces
from affectspace.media.images import decode_image

RATE = 3.0  # frames of a second in which faces are searched
MOST_FRAMES = 1200  # of a clip; in a longer one fewer frames of a second
OVERLAP = 0.25  # intersection over union of the boxes of one person in frames that follow each other
LONGEST_GAP = 3.0  # seconds in which a face may be missing
FEWEST = 2  # frames in which a face must be found


def all_faces(picture: np.ndarray) -> list[Box]:
    """Find all faces of a picture, also small ones beside large ones: the detector's own boxes, the largest first.

    Raises ConfigError where dlib is missing.
    """
    short_side = min(max(min(picture.shape[:2]), SHORT_SIDE), FINE)
    boxes = [(x, y, side / (1 + 2 * MARGIN)) for x, y, side in find_faces(picture, short_side)]
    return boxes or face_boxes(picture)


def faces_in(source: Source, start: float | None = None, end: float | None = None) -> list[Track]:
    """Find the faces of a picture or clip. A face of a clip is followed over time; the one that is seen most comes first.

    Parameters
    ----------
    source : path or bytes
    start, end : float, optional
        Part of a clip in seconds.

    Returns
    -------
    list of tuple
        For each face its times and boxes. A face of a picture has one box, at 0 s.

    Raises
    ------
    UnreadableItem
        With the reason.
    ConfigError
        Where dlib is missing.

    Examples
    --------
    >>> [(track[0][0], track[-1][0]) for track in faces_in("interview.mp4")]  # doctest: +SKIP
    [(0.2, 58.8), (0.2, 31.5)]
    """
    if kind_of(source) == "image":
        return [((0.0, box),) for box in all_faces(decode_image(read_content(source)))]
    times, boxes = [], []
    for second, frame in frames_over_time(source, RATE, MOST_FRAMES, start, end):
        times.append(second)
        boxes.append(all_faces(frame))
    return follow(times, boxes)


def follow(times: Sequence[float], boxes: Sequence[Sequence[Box]]) -> list[Track]:
    """Join the boxes of frames to faces, by the best total overlap of each frame with the faces before it.

    Faces in a single frame of several are left out: the detector also finds faces where there are none.

    Parameters
    ----------
    times : sequence of float
        Seconds of the frames, ascending.
    boxes : sequence of sequence of Box
        The boxes in each frame.

    Returns
    -------
    list of tuple
        The faces, the one with the largest sum of areas first.

    Examples
    --------
    >>> still, moving = follow([0.0, 0.5], [[(10, 10, 8), (40, 10, 6)], [(42, 10, 6), (10, 10, 8)]])
    >>> [box for _, box in moving]
    [(40, 10, 6), (42, 10, 6)]
    """
    from scipy.optimize import linear_sum_assignment

    tracks: list[list[tuple[float, Box]]] = []
    for second, found in zip(times, boxes, strict=True):
        open_ = [track for track in tracks if second - track[-1][0] <= LONGEST_GAP]
        overlaps = np.array([[overlap(track[-1][1], box) for box in found] for track in open_]).reshape(
            len(open_), len(found)
        )
        joined = {}
        for row, column in zip(*linear_sum_assignment(-overlaps), strict=True):
            if overlaps[row, column] >= OVERLAP:
                joined[int(column)] = open_[row]
        for column, box in enumerate(found):
            if column in joined:
                joined[column].append((second, box))
            else:
                tracks.append([(second, box)])
    fewest = min(FEWEST, len(times))
    seen = [tuple(track) for track in tracks if len(track) >= fewest]
    return sorted(seen, key=lambda track: -sum(box[2] ** 2 for _, box in track))


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two squares, in [0, 1]."""
    low, high = (
        np.array([[box[axis] + sign * box[2] / 2 for axis in (0, 1)] for box in (one, other)]) for sign in (-1, 1)
    )
    shared = float(np.prod((high.min(axis=0) - low.max(axis=0)).clip(0)))
    return shared / (one[2] ** 2 + other[2] ** 2 - shared)


def frame_of_track(track: Track) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a face in pixels: the medians over time."""
    x, y, side = np.median([box for _, box in track], axis=0).tolist()
    left, top, right, bottom = np.round([x - side / 2, y - side / 2, x + side / 2, y + side / 2], 1).tolist()
    return left, top, right, bottom


def part_of(track: Track, start: float | None, end: float | None) -> Track:
    """Return the part of a face's boxes from one second to another."""
    first, last = start or 0.0, np.inf if end is None else end
    return tuple((second, box) for second, box in track if first <= second <= last)
