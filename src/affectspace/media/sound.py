"""Sound files of every kind as one channel at one rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem, reason_of

LONGEST = 3600.0  # seconds of one sample; more is a file that was not cut
_BLOCK = 1 << 16


def read_sound(
    path: Path, rate: int = 16_000, start: float | None = None, end: float | None = None, *, longest: float = LONGEST
) -> np.ndarray:
    """A sound, (samples,) float32 in [-1, 1] at `rate` Hz, channels averaged; only the cut is read.

    start, end : seconds. wav, flac, ogg and mp3 by soundfile; whatever else holds a sound track (mp4, avi, ...) by PyAV.
    Raises UnreadableItem with the reason: no such file, empty, not a sound, no sound track, cut outside, too long.
    """
    try:
        import soundfile
        import soxr
    except ImportError as error:
        raise ConfigError(f"sounds need {error.name}: pip install 'affectspace[audio]'") from error
    if not path.is_file():
        raise UnreadableItem("there is no such file")
    if path.stat().st_size == 0:
        raise UnreadableItem("the file is empty (0 bytes)")
    if start is not None and end is not None and end <= start:
        raise UnreadableItem(f"the cut ends ({end:g} s) before it starts ({start:g} s)")
    try:
        samples, native = _by_soundfile(path, start, end, longest)
    except soundfile.LibsndfileError:
        samples, native = _by_av(path, start, end, longest)
    if not len(samples):
        raise UnreadableItem("there is no sound in this cut" if start or end else "the sound has no samples")
    mono = samples.mean(axis=1, dtype=np.float32) if samples.ndim == 2 else samples
    if not np.isfinite(mono).all():
        raise UnreadableItem("the sound has samples that are no numbers")
    return mono if native == rate else soxr.resample(mono, native, rate).astype(np.float32)


def _by_soundfile(path: Path, start: float | None, end: float | None, longest: float) -> tuple[np.ndarray, int]:
    import soundfile

    with soundfile.SoundFile(path) as file:
        rate = file.samplerate
        first = min(round((start or 0.0) * rate), file.frames)
        last = file.frames if end is None else min(round(end * rate), file.frames)
        if (last - first) / rate > longest:
            raise UnreadableItem(f"longer than {longest:g} s; name start and end of the sample")
        file.seek(first)
        return file.read(last - first, dtype="float32", always_2d=True), rate


def _by_av(path: Path, start: float | None, end: float | None, longest: float) -> tuple[np.ndarray, int]:
    try:
        import av
    except ImportError as error:
        raise ConfigError("the sound of clips needs PyAV: pip install 'affectspace[audio]'") from error
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
                    raise UnreadableItem(f"longer than {longest:g} s; name start and end of the sample")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableItem(f"not a sound that can be read ({reason_of(error)})") from error
    return (np.concatenate(parts) if parts else np.empty((0, 1), np.float32)), rate


def _floats(block: np.ndarray, channels: int) -> np.ndarray:
    """A decoder's block, planar (channels, n) or packed (1, n * channels), as (n, channels) float32."""
    wide = block.T if block.shape[0] == channels and channels > 1 else block.reshape(-1, channels)
    if wide.dtype.kind == "f":
        return wide.astype(np.float32)
    information = np.iinfo(wide.dtype)
    offset = 0 if information.min < 0 else (information.max + 1) / 2
    return ((wide.astype(np.float64) - offset) / ((information.max + 1) / (2 if offset else 1))).astype(np.float32)
