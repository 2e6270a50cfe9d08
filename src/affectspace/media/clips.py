"""Frames of clips and pictures: sampled evenly from a part of the clip, with one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.media.container import begin_of, end_of, end_of_packets, import_av, open_container
from affectspace.media.content import (
    Source,
    is_animated,
    is_picture,
    read_content,
    require_content,
    require_times,
    unreadable,
)
from affectspace.media.images import MOST_PIXELS, MOST_SAMPLED, animation_frames, decode_image

HALVES = ("left", "right")


def read_frames(
    source: Source, n: int, start: float | None = None, end: float | None = None, half: str | None = None
) -> list[np.ndarray]:
    """Return n frames, (height, width, 3) uint8 RGB, from the middles of n equal parts of a clip.

    source : path or content of a file; start, end : seconds from the clip's first frame or sound, of the part of the clip
    half : "left" or "right" of the picture. A picture is a clip of one frame, an animated one of several. If there are fewer
    frames than n, they are repeated. Raises UnreadableItem with the reason.
    """
    if half is not None and half not in HALVES:
        raise ConfigError(f"unknown half {half!r}; there are {', '.join(HALVES)}")
    require_content(source)
    require_times(start, end)
    if is_picture(source):
        content = read_content(source)
        frames = _of_animation(content, n, start, end) if is_animated(source) else [decode_image(content)] * n
    else:
        frames = _of_clip(source, n, start, end)
    if half is None:
        return frames
    middle = max(frames[0].shape[1] // 2, 1)
    return [frame[:, :middle] if half == "left" else frame[:, -middle:] for frame in frames]


def _moments(n: int, first: float, last: float) -> np.ndarray:
    """The middles of n equal parts."""
    if last <= first:
        raise UnreadableItem(f"the sample starts at {first:g} s, but the clip ends at {last:g} s")
    return first + (np.arange(n) + 0.5) / n * (last - first)


def _of_animation(content: bytes, n: int, start: float | None, end: float | None) -> list[np.ndarray]:
    seconds = animation_frames(content, ())[1]
    return animation_frames(content, _moments(n, start or 0.0, seconds if end is None else min(end, seconds)))[0]


def _of_clip(source: Source, n: int, start: float | None, end: float | None) -> list[np.ndarray]:
    first = start or 0.0
    with open_container(source, "video") as container:
        if not container.streams.video:
            raise UnreadableItem("it has no picture")
        last = end_of(container, container.streams.video[0]) or None
    if last is None:
        last = end_of_packets(source, "video")
    if end is not None:
        last = end if last == 0 else min(end, last)
    frames, reached = _at(source, _moments(n, first, last), first)
    if len(frames) < n and first < reached < last:  # the file ends before its header says
        frames, _ = _at(source, _moments(n, first, reached), first)
    return frames + [frames[-1]] * (n - len(frames))


def _at(source: Source, moments: Sequence[float] | np.ndarray, first: float) -> tuple[list[np.ndarray], float]:
    """The last frames before each moment, in one pass forward from the key frame before the start, and the end of the last.

    At the end of the clip the last frame is added once, for the moments that it lasts for.
    """
    sampled: list[np.ndarray] = []
    current: Any = None
    shown = 0.0
    with open_container(source, "video") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
            size = f"{stream.codec_context.width} x {stream.codec_context.height}"
            raise UnreadableItem(f"frames of {size}: more than {MOST_PIXELS // 10**6} million pixels")
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        begin, bound = begin_of(container), MOST_SAMPLED / len(moments)  # larger frames are shrunk
        if first > 0 and stream.time_base:
            container.seek(int((first + begin) / stream.time_base), stream=stream)
        for number, frame in enumerate(_decoded(container, stream)):
            time = number / rate if frame.time is None else frame.time - begin
            while len(sampled) < len(moments) and current is not None and time > moments[len(sampled)] + 1e-6:
                sampled.append(_upright(current, bound))
            if len(sampled) == len(moments):
                return sampled, time
            current, shown = frame, time
        if current is None:
            raise unreadable(source, "video", "it has no complete frame")
        if not sampled and shown < first - 0.5:
            raise UnreadableItem(f"the sample starts at {first:g} s, but the clip ends at {shown:g} s")
        end = shown + 1 / rate
        last = _upright(current, bound)
    reached = sum(moment <= end for moment in moments)
    return [*sampled, *[last] * max(reached - len(sampled), 1)], end


def _upright(frame: Any, bound: float) -> np.ndarray:
    """The pixels of a frame, turned as a player turns it; a telephone that is held upright records lying frames."""
    size: dict[str, int] = {}
    if frame.width * frame.height > bound:
        shrink = (bound / (frame.width * frame.height)) ** 0.5
        size = {"width": max(int(frame.width * shrink), 1), "height": max(int(frame.height * shrink), 1)}
    return np.rot90(frame.to_ndarray(format="rgb24", **size), frame.rotation // 90)


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
