"""Containers of sounds and clips, opened with PyAV: only files, only formats of recordings; where they begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.media.content import Source, is_picture, kind_of, require_content, unreadable

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegvideo,mpegts,asf,ogg,wav,w64,mp3,aac,flac,aiff,au,caf,amr,"
    "h264,hevc,ivf"
)
BRIEF = 0.1  # seconds, of an offset that does not matter
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}  # a list of clips could open other files


def import_av(purpose: str, extra: str = "video") -> Any:
    """Return the module PyAV. Raises ConfigError with the command that installs it, by the extra of the purpose."""
    try:
        import av
    except ImportError as error:
        raise ConfigError(f"{purpose} needs PyAV: pip install 'affectspace[{extra}]'") from error
    return av


@contextmanager
def open_container(source: Source, kind: str) -> Iterator[Any]:
    """Open a sound or clip; what its decoder raises inside the block becomes UnreadableItem with the reason.

    kind : "audio" or "video", what is read
    """
    av = import_av("reading this sound" if kind == "audio" else "reading clips", kind)
    require_content(source)
    try:
        with av.open(
            BytesIO(source) if isinstance(source, bytes) else str(source), options=dict(_OPTIONS)
        ) as container:
            yield container
    except av.ArgumentError as error:
        raise unreadable(source, _kind(source, kind), "unknown format") from error
    except (av.FFmpegError, OSError, ValueError, OverflowError) as error:
        raise unreadable(source, _kind(source, kind), error) from error


def _kind(source: Source, kind: str) -> str:
    return "video" if kind_of(source) == "video" else kind


def first_stream(container: Any, kind: str) -> Any:
    """Return the first stream of a kind. Raises UnreadableItem where there is none, or none that can be decoded."""
    streams = container.streams.audio if kind == "audio" else container.streams.video
    if not streams:
        raise UnreadableItem("it has no sound track" if kind == "audio" else "it has no picture")
    if streams[0].codec_context is None:
        raise UnreadableItem(f"its {'sound' if kind == 'audio' else 'picture'} is in an unknown format")
    return streams[0]


def has_picture(source: Source) -> bool:
    """Return whether a clip has a stream of pictures; an animated picture has. Raises UnreadableItem with the reason."""
    if is_picture(source):
        return True
    with open_container(source, "video") as container:
        return bool(container.streams.video)


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield frames until the first that cannot be read: the rest of a truncated file is used."""
    av = import_av("reading clips")
    readable = False
    try:
        for frame in container.decode(stream):
            readable = True
            yield frame
    except (av.FFmpegError, OSError):
        if not readable:
            raise


def begin_of(container: Any) -> float:
    """Return the time of the first sample or frame in seconds: a clip that was cut from a longer one may begin later than 0."""
    return (container.start_time or 0) / 1e6


def end_of(container: Any, stream: Any | None = None) -> float:
    """Return the seconds from the beginning to the end of a container, or of one stream; 0 if its header does not say."""
    ends = []
    for candidate in [stream] if stream is not None else container.streams:
        if candidate.duration and candidate.time_base:
            start = candidate.start_time if candidate.start_time is not None else 0
            ends.append(float((start + candidate.duration) * candidate.time_base) - begin_of(container))
    until_end = "matroska" in container.format.name and begin_of(container) > BRIEF  # some writers count from time 0
    if not ends and container.duration and not until_end:
        ends.append(container.duration / 1e6)
    return max(ends, default=0.0)


def end_of_packets(source: Source, kind: str) -> float:
    """Find the seconds to the end of the sound or picture by reading the file, where no header says it."""
    with open_container(source, kind) as container:
        streams = container.streams.audio if kind == "audio" else container.streams.video
        if not streams:
            return 0.0
        last, frames = 0.0, 0
        for packet in container.demux(streams[0]):
            frames += bool(packet.size)
            if packet.pts is not None and packet.time_base:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base) - begin_of(container))
        rate = kind == "video" and (streams[0].average_rate or streams[0].guessed_rate)
        return last or (frames / float(rate) if rate else 0.0)
