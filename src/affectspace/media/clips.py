"""Frames of clips and pictures: sampled evenly from a part of the clip, with one frame in memory at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.media.container import begin_of, decoded, end_of, end_of_packets, first_stream, open_container
from affectspace.media.content import (
    Note,
    Source,
    ignore,
    is_animated,
    is_picture,
    read_content,
    require_content,
    require_times,
    unreadable,
)
from affectspace.media.images import MOST_PIXELS, MOST_SAMPLED, animation_frames, decode_image

HALVES = ("left", "right")
SHORT_OF = 0.5  # seconds that may be missing at the end of a clip
CUT_OFF = "the clip ends before its header says: it may be damaged or cut off"


def read_frames(
    source: Source,
    n: int,
    start: float | None = None,
    end: float | None = None,
    half: str | None = None,
    *,
    note: Note = ignore,
) -> list[np.ndarray]:
    """Return n frames, (height, width, 3) uint8 RGB, from the middles of n equal parts of a clip.

    source : path or content of a file; start, end : seconds from the clip's first frame or sound, of the part of the clip
    half : "left" or "right" of the picture; note : is told what is unusual. A picture is a clip of one frame, an animated one
    of several. If there are fewer frames than n, they are repeated. Raises UnreadableItem with the reason.
    """
    if half is not None and half not in HALVES:
        raise ConfigError(f"unknown half {half!r}; choose from {', '.join(HALVES)}")
    require_content(source)
    require_times(start, end)
    if is_picture(source):
        content = read_content(source)
        frames = _of_animation(content, n, start, end) if is_animated(source) else [decode_image(content)] * n
    else:
        frames = _of_clip(source, n, start, end, note)
    if half is None:
        return frames
    middle = max(frames[0].shape[1] // 2, 1)
    return [frame[:, :middle] if half == "left" else frame[:, -middle:] for frame in frames]


def frames_over_time(
    source: Source, rate: float, most: int, start: float | None = None, end: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the seconds from the clip's beginning and the frame, `rate` times a second but at most `most` times.

    One frame is in memory at a time, of an animated picture all of them. Raises UnreadableItem with the reason.
    """
    require_content(source)
    require_times(start, end)
    first = start or 0.0
    animated = is_picture(source)
    seconds = animation_frames(read_content(source), ())[1] if animated else _end(source)
    last = seconds if end is None else min(end, seconds)
    moments = moments_of(min(max(math.ceil((last - first) * rate), 1), most), first, last)
    if animated:
        yield from zip(moments, animation_frames(read_content(source), moments)[0], strict=True)
    else:
        yield from zip(
            moments.tolist(), _frames(source, moments, first, bound=MOST_SAMPLED / 8), strict=False
        )  # the clip may end before


def frames_at(source: Source, moments: Sequence[float]) -> list[np.ndarray]:
    """Return the frames that are shown at ascending moments, in seconds; fewer where the clip ends before."""
    if is_picture(source):
        return animation_frames(read_content(source), moments)[0]
    return list(_frames(source, np.asarray(moments), moments[0], MOST_SAMPLED / 8))


def moments_of(n: int, first: float, last: float) -> np.ndarray:
    """Return the middles of n equal parts of a clip, in seconds. Raises UnreadableItem where the clip ends before."""
    if last <= first:
        raise UnreadableItem(f"the sample starts at {first:g} s, but the clip ends at {last:g} s")
    return first + (np.arange(n) + 0.5) / n * (last - first)


def _of_animation(content: bytes, n: int, start: float | None, end: float | None) -> list[np.ndarray]:
    seconds = animation_frames(content, ())[1]
    return animation_frames(content, moments_of(n, start or 0.0, seconds if end is None else min(end, seconds)))[0]


def _end(source: Source) -> float:
    """Seconds of the picture of a clip, by its header, else by its packets."""
    with open_container(source, "video") as container:
        seconds = end_of(container, first_stream(container, "video"))
    return seconds or end_of_packets(source, "video")


def _of_clip(source: Source, n: int, start: float | None, end: float | None, note: Note) -> list[np.ndarray]:
    first, last = start or 0.0, _end(source)
    if end is not None:
        last = end if last == 0 else min(end, last)
    reached: list[float] = []
    bound = MOST_SAMPLED / n  # larger frames are shrunk
    frames = list(_frames(source, moments_of(n, first, last), first, bound, reached))
    if len(frames) < n and reached and first < reached[0] < last:
        if last - reached[0] > SHORT_OF:
            note(CUT_OFF)
        frames = list(_frames(source, moments_of(n, first, reached[0]), first, bound))
    return frames + [frames[-1]] * (n - len(frames))


def _frames(
    source: Source, moments: np.ndarray, first: float, bound: float, reached: list[float] | None = None
) -> Iterator[np.ndarray]:
    """Yield the last frames before each moment, in one pass forward from the key frame before the start.

    At the end of the clip the last frame is yielded for the moments that it lasts for, at least once.
    bound : pixels of a frame; reached : gets the end
    """
    done = 0
    current: Any = None
    shown = 0.0
    with open_container(source, "video") as container:
        stream = first_stream(container, "video")
        stream.thread_type = "AUTO"
        if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
            size = f"{stream.codec_context.width} x {stream.codec_context.height}"
            raise UnreadableItem(f"frames of {size}: more than {MOST_PIXELS // 10**6} million pixels")
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        begin = begin_of(container)
        if first > 0 and stream.time_base:
            container.seek(int((first + begin) / stream.time_base), stream=stream)
        for number, frame in enumerate(decoded(container, stream)):
            time = number / rate if frame.time is None else frame.time - begin
            while done < len(moments) and current is not None and time > moments[done] + 1e-6:
                done += 1
                yield _upright(current, bound)
            if done == len(moments):
                return
            current, shown = frame, time
        if current is None:
            raise unreadable(source, "video", "it has no complete frame")
        if not done and shown < first - 0.5:
            raise UnreadableItem(f"the sample starts at {first:g} s, but the clip ends at {shown:g} s")
        end, last = shown + 1 / rate, _upright(current, bound)
    if reached is not None:
        reached.append(end)
    yield from [last] * max(sum(moment <= end for moment in moments) - done, 1)


def _upright(frame: Any, bound: float) -> np.ndarray:
    """The pixels of a frame, turned as a player turns it; a telephone that is held upright records lying frames."""
    size: dict[str, int] = {}
    if frame.width * frame.height > bound:
        shrink = (bound / (frame.width * frame.height)) ** 0.5
        size = {"width": max(int(frame.width * shrink), 1), "height": max(int(frame.height * shrink), 1)}
    return np.rot90(frame.to_ndarray(format="rgb24", **size), frame.rotation // 90)
