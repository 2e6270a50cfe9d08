"""Sound files of every kind as one channel at one sample rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem, reason_of
from affectspace.media.files import import_av, require_content, without_chatter

LONGEST = 3600.0  # seconds of one sample; a longer one is a recording that was not cut


def read_sound(
    path: Path, rate: int = 16_000, start: float | None = None, end: float | None = None, *, longest: float = LONGEST
) -> np.ndarray:
    """Return a sound, (samples,) float32 in [-1, 1], resampled to `rate` Hz, the mean of its channels.

    start, end: seconds; only this part is read. soundfile reads wav, flac, ogg and mp3, PyAV everything else that has a sound
    track (mp4, avi, ...). Raises UnreadableItem with the reason.
    """
    try:
        import soundfile
        import soxr
    except ImportError as error:
        raise ConfigError(f"reading sounds needs {error.name}: pip install 'affectspace[audio]'") from error
    require_content(path)
    if start is not None and end is not None and end <= start:
        raise UnreadableItem(f"the sample ends ({end:g} s) before it starts ({start:g} s)")
    try:
        with without_chatter(path):
            samples, native = _by_soundfile(path, start, end, longest)
    except soundfile.LibsndfileError:
        samples, native = _by_av(path, start, end, longest)
    if not len(samples):
        raise UnreadableItem("there is no sound in this part" if start or end else "the sound has no samples")
    mono = samples.mean(axis=1, dtype=np.float32) if samples.ndim == 2 else samples
    if not np.isfinite(mono).all():
        raise UnreadableItem("the sound has samples that are not numbers")
    return mono if native == rate else soxr.resample(mono, native, rate).astype(np.float32)


def _too_long(longest: float) -> UnreadableItem:
    return UnreadableItem(f"longer than {longest:g} s; give the start and end of the sample")


def _by_soundfile(path: Path, start: float | None, end: float | None, longest: float) -> tuple[np.ndarray, int]:
    import soundfile

    with soundfile.SoundFile(path) as file:
        rate = file.samplerate
        first = min(round((start or 0.0) * rate), file.frames)
        last = file.frames if end is None else min(round(end * rate), file.frames)
        if (last - first) / rate > longest:
            raise _too_long(longest)
        file.seek(first)
        return file.read(last - first, dtype="float32", always_2d=True), rate


def _by_av(path: Path, start: float | None, end: float | None, longest: float) -> tuple[np.ndarray, int]:
    av = import_av("reading this sound", "audio")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise UnreadableItem("it has no sound track")
            stream = container.streams.audio[0]
            rate = int(stream.rate)
            if start:
                container.seek(int(start / float(stream.time_base or 1)), stream=stream)
            parts, seconds = [], 0.0
            for frame in container.decode(stream):
                at = float(frame.time or 0.0)
                if end is not None and at >= end:
                    break
                block = _floats(frame.to_ndarray(), len(frame.layout.channels))
                low = max(round(((start or 0.0) - at) * rate), 0)
                high = len(block) if end is None else min(max(round((end - at) * rate), 0), len(block))
                if low < high:
                    parts.append(block[low:high])
                    seconds += (high - low) / rate
                if seconds > longest:
                    raise _too_long(longest)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableItem(f"not a sound that can be read ({reason_of(error)})") from error
    return (np.concatenate(parts) if parts else np.empty((0, 1), np.float32)), rate


def _floats(block: np.ndarray, channels: int) -> np.ndarray:
    """A decoder's block, planar (channels, n) or packed (1, n * channels), as (n, channels) float32."""
    frames = block.T if block.shape[0] == channels and channels > 1 else block.reshape(-1, channels)
    if frames.dtype.kind == "f":
        return frames.astype(np.float32)
    limits = np.iinfo(frames.dtype)
    offset = 0 if limits.min < 0 else (limits.max + 1) / 2
    return ((frames.astype(np.float64) - offset) / ((limits.max + 1) / (2 if offset else 1))).astype(np.float32)
