"""Frames of clips and images: sampled evenly from a part of the clip, with one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem, reason_of
from affectspace.media.files import IMAGES, import_av, require_content
from affectspace.media.images import decode_image

HALVES = ("left", "right")


def read_frames(
    path: Path, n: int, start: float | None = None, end: float | None = None, half: str | None = None
) -> list[np.ndarray]:
    """Return n frames, (height, width, 3) uint8 RGB, from the middles of n equal parts of a clip.

    start, end: seconds, of the part of the clip. half: "left" or "right" of the picture. An image is a clip of one frame; if
    there are fewer frames than n, they are repeated. Raises UnreadableItem with the reason.
    """
    if half is not None and half not in HALVES:
        raise ConfigError(f"unknown half {half!r}; there are {', '.join(HALVES)}")
    require_content(path)
    frames = [decode_image(path.read_bytes())] * n if path.suffix.lower() in IMAGES else _read_clip(path, n, start, end)
    if half is None:
        return frames
    middle = frames[0].shape[1] // 2
    return [frame[:, :middle] if half == "left" else frame[:, -middle:] for frame in frames]


def _upright(frame: Any) -> np.ndarray:
    """The pixels of a frame, turned as a player turns it; a telephone that is held upright records lying frames."""
    return np.rot90(frame.to_ndarray(format="rgb24"), getattr(frame, "rotation", 0) // 90)


def _read_clip(path: Path, n: int, start: float | None, end: float | None) -> list[np.ndarray]:
    """The last frames before each of n moments, in one pass forward from the key frame before the start."""
    av = import_av("reading clips")
    first = start or 0.0
    sampled: list[np.ndarray] = []
    current: Any = None
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnreadableItem("it has no picture")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            last = _duration(container, stream) if end is None else end
            if last <= first:
                raise UnreadableItem(f"the sample starts at {first:g} s, but the clip ends at {last:g} s")
            moments = first + (np.arange(n) + 0.5) / n * (last - first)
            if first > 0 and stream.time_base:
                container.seek(int(first / stream.time_base), stream=stream)
            for frame in _decoded(container, stream):
                while len(sampled) < n and current is not None and (frame.time or 0.0) > moments[len(sampled)] + 1e-6:
                    sampled.append(_upright(current))
                if len(sampled) == n:
                    break
                current = frame
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableItem(f"not a clip that can be read ({reason_of(error)})") from error
    if current is None:
        raise UnreadableItem("no frame of the clip can be read")
    shown = current.time or 0.0
    if not sampled and shown < first - 0.5:
        raise UnreadableItem(f"the sample starts at {first:g} s, but the clip ends at {shown:g} s")
    rest = n - len(sampled)
    return sampled + [_upright(current)] * rest if rest else sampled


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames until the first that cannot be read: the rest of a truncated clip is used."""
    av = import_av("reading clips")
    readable = False
    try:
        for frame in container.decode(stream):
            readable = True
            yield frame
    except (av.FFmpegError, OSError):
        if not readable:
            raise


def _duration(container: Any, stream: Any) -> float:
    """Seconds, of the stream, else of the container, else 0."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6
