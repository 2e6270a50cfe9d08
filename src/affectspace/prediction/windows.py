"""Long inputs in pieces: windows of seconds over sounds and clips, windows of sentences over texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.prediction.sample import IMAGES, Sample

SECONDS = (4.0, 2.0)  # window and step of sounds and clips
SENTENCES = (3, 1)  # of texts
LONG_SECONDS = 60.0  # what is longer is predicted in windows
LONG_TEXT = 2000  # characters; text encoders cut at about so many
SHORTEST = 0.5  # of a window: what is left at the end and shorter is no window of its own

_ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "inc", "ltd", "co", "no", "vol", "fig", "al",
    "e.g", "i.e", "a.m", "p.m", "u.s", "u.k", "approx", "dept", "est", "z.b", "bzw", "usw", "ca", "nr",
})  # fmt: skip
_END = re.compile(r"""[.!?\u2026]+["'\u201d\u2019)\]]*(?=\s+)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*|\n\s*\n""")


@dataclass(frozen=True)
class Window:
    """A piece of a long input. start, end : seconds, or of a text the first sentence and the one after the last, from 0"""

    start: float
    end: float
    sample: Sample


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without blanks around them; blank lines end sentences too.

    A point after an abbreviation, a single letter or a number that a small letter follows ends none.
    """
    found, begin = [], 0
    for match in _END.finditer(text):
        if match.group()[0] == "." and not _ends(text[begin : match.start()], text[match.end() :]):
            continue
        found.append(text[begin : match.end()])
        begin = match.end()
    found.append(text[begin:])
    return [" ".join(one.split()) for one in found if re.search(r"\w", one)]


def _ends(before: str, after: str) -> bool:
    words = before.split()
    last = words[-1].lstrip("(\"'[").lower() if words else ""
    following = after.lstrip()[:1]
    if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i"):
        return False
    return not following.islower()


def text_windows(text: str, window: int, step: int) -> list[Window]:
    """Windows of `window` sentences every `step`; a text of fewer is one window, and the last one reaches the end."""
    pieces = sentences(text)
    if not pieces:
        return []
    starts = list(range(0, max(len(pieces) - window, 0) + 1, step))
    if starts[-1] + window < len(pieces):
        starts.append(len(pieces) - window)
    return [
        Window(start, min(start + window, len(pieces)), Sample(text=" ".join(pieces[start : start + window])))
        for start in starts
    ]


def time_windows(sample: Sample, seconds: float, window: float, step: float) -> Iterator[Window]:
    """Windows of a sound or a clip of so many seconds; the last one is shorter, and left out below half a window."""
    begin, number = sample.start or 0.0, 0
    end = begin + seconds
    while True:
        start = begin + number * step
        rest = end - start
        if number and rest < SHORTEST * window:
            return
        stop = min(start + window, end)
        yield Window(start, stop, replace(sample, start=start, end=stop))
        if stop >= end:
            return
        number += 1


def seconds_of(sample: Sample) -> float:
    """How long the sound or clip of a sample is, or its cut; the longer one of both. Raises UnreadableItem."""
    if sample.audio is None and sample.video is None:
        return 0.0
    if sample.start is not None and sample.end is not None:
        return sample.end - sample.start
    whole = max(_length(path) for path in (sample.audio, sample.video) if path is not None)
    return (whole if sample.end is None else min(sample.end, whole)) - (sample.start or 0.0)


def require_steps(window: float, step: float) -> None:
    """Raises ConfigError for a window or a step that is not above 0, or a step that leaves gaps."""
    if not (window > 0 and 0 < step <= window):
        raise ConfigError(f"window {window:g}, step {step:g}: both are above 0, and the step is at most the window")


def _length(path: Path) -> float:
    """Seconds of a file by its header; of what has no length there, such as a stream that was cut, by its last frame."""
    if path.suffix.lower() in IMAGES:
        return 0.0
    if not path.is_file():
        raise UnreadableItem("there is no such file")
    if path.stat().st_size == 0:
        raise UnreadableItem("the file is empty (0 bytes)")
    try:
        import soundfile

        return float(soundfile.info(str(path)).duration)
    except ImportError:
        pass
    except soundfile.LibsndfileError:
        pass
    return _length_of_container(path)


def _length_of_container(path: Path) -> float:
    try:
        import av
    except ImportError as error:
        raise ConfigError("clips need PyAV: pip install 'affectspace[video]'") from error
    try:
        with av.open(str(path)) as container:
            lengths = [
                float(one.duration * one.time_base) for one in container.streams if one.duration and one.time_base
            ]
            if container.duration:
                lengths.append(container.duration / av.time_base)
            if lengths:
                return max(lengths)
            last = 0.0
            for packet in container.demux():
                if packet.pts is not None and packet.time_base:
                    last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            return last
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableItem(f"no sound and no clip that can be read ({' '.join(str(error).split())[:120]})") from error
