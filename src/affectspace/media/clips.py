"""Frames of clips and images: sampled evenly, cut in time and to a half of the picture, one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem, reason_of

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
HALVES = ("left", "right")


def read_frames(
    path: Path, n: int, start: float | None = None, end: float | None = None, half: str | None = None
) -> list[np.ndarray]:
    """n frames, (height, width, 3) uint8 RGB, at the middles of n equal parts of the clip or of its cut.

    start, end : seconds; half : "left" or "right" of the picture, or None. An image is a clip of one frame; what has fewer
    frames repeats them. Raises UnreadableItem with the reason: no such file, empty, no picture, cut outside.
    """
    if half is not None and half not in HALVES:
        raise ConfigError(f"half {half!r}; there are left and right")
    if not path.is_file():
        raise UnreadableItem("there is no such file")
    if path.stat().st_size == 0:
        raise UnreadableItem("the file is empty (0 bytes)")
    frames = [_image(path)] * n if path.suffix.lower() in IMAGES else _sampled(path, n, start, end)
    if half is None:
        return frames
    middle = frames[0].shape[1] // 2
    return [frame[:, :middle] if half == "left" else frame[:, -middle:] for frame in frames]


def _image(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableItem(f"not an image that can be read ({reason_of(error)})") from error


def _sampled(path: Path, n: int, start: float | None, end: float | None) -> list[np.ndarray]:
    """Frames nearest after the wished moments; one pass forward from the last key frame before the cut."""
    try:
        import av
    except ImportError as error:
        raise ConfigError("clips need PyAV: pip install 'affectspace[video]'") from error
    first = start or 0.0
    found: list[np.ndarray] = []
    shown: Any = None
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnreadableItem("it has no picture")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            last = _length(container, stream) if end is None else end
            if last <= first:
                raise UnreadableItem(f"the cut begins ({first:g} s) where the clip has ended ({last:g} s)")
            wanted = first + (np.arange(n) + 0.5) / n * (last - first)
            if first > 0 and stream.time_base:
                container.seek(int(first / stream.time_base), stream=stream)
            for frame in _decoded(container, stream):
                while len(found) < n and shown is not None and (frame.time or 0.0) > wanted[len(found)] + 1e-6:
                    found.append(shown.to_ndarray(format="rgb24"))
                if len(found) == n:
                    break
                shown = frame
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableItem(f"not a clip that can be read ({reason_of(error)})") from error
    if shown is None:
        raise UnreadableItem("no frame of it can be read")
    if not found and (shown.time or 0.0) < first - 0.5:
        raise UnreadableItem(f"the cut begins ({first:g} s) where the clip has ended ({shown.time or 0.0:g} s)")
    rest = n - len(found)
    return found + [shown.to_ndarray(format="rgb24")] * rest if rest else found


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames as long as they can be read: what is left of a truncated clip is used."""
    import av

    frames = container.decode(stream)
    count = 0
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            return
        except (av.FFmpegError, OSError):
            if count:
                return
            raise
        count += 1
        yield frame


def _length(container: Any, stream: Any) -> float:
    """Seconds of a clip: of the stream, else of the container, else 0."""
    import av

    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float((container.duration or 0) / av.time_base)
