"""Sounds of every kind as one channel at one sample rate, and how long a recording is."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.media.container import begin_of, decoded, end_of, end_of_packets, first_stream, open_container
from affectspace.media.content import (
    Note,
    Source,
    ignore,
    is_picture,
    kind_of,
    open_content,
    read_content,
    require_content,
    require_times,
)
from affectspace.media.images import animation_frames

LONGEST = 3600.0  # seconds of one sample; a longer one is a recording that was not cut
MOST_VALUES = 350_000_000  # samples of all channels together: an hour of stereo at 48 kHz
CANCEL = 0.1  # a mean of the channels with a smaller share of their power has lost the sound
LOUD, DAMAGED = 4.0, 1e6  # of samples that should lie in [-1, 1]
TELEPHONE, ABOVE = (300.0, 3400.0), (4300.0, 5300.0)  # bands in Hz
NARROW_DECIBEL = -40.0  # power above the band of a telephone, of sounds that have nothing there
WINDOW, MOST_SPECTRA = 0.03, 2000  # seconds of a spectrum, spectra of a sound
NARROW = "the sound has nothing above 4 kHz, as in a telephone call: its valence and dominance may be read too high"
CHANNELS_CANCEL = "the channels of the sound cancel each other: the louder one was used"
NOT_SCALED = "the samples of the sound reach {:,.0f} instead of 1: they were divided by it"


def read_sound(
    source: Source,
    rate: int = 16_000,
    start: float | None = None,
    end: float | None = None,
    *,
    longest: float = LONGEST,
    note: Note = ignore,
) -> np.ndarray:
    """Return a sound, (samples,) float32 in [-1, 1], resampled to `rate` Hz, the mean of its channels.

    source : path or content of a file; start, end : seconds; only this part is read; note : is told what is unusual.
    soundfile reads wav, flac, ogg and mp3, PyAV everything else that has a sound track (mp4, avi, ...). Where the mean of the
    channels cancels, the louder channel is used. Raises UnreadableItem with the reason.
    """
    try:
        import soundfile
        import soxr
    except ImportError as error:
        raise ConfigError(f"reading sounds needs {error.name}: pip install 'affectspace[audio]'") from error
    require_content(source)
    require_times(start, end)
    if is_picture(source):
        raise UnreadableItem("it has no sound track")
    _check_header(source, note)
    samples = None
    with suppress(soundfile.LibsndfileError):
        samples, native = _by_soundfile(source, start, end, longest)
    if samples is None:
        samples, native = _by_av(source, start, end, longest)
    if not len(samples):
        raise UnreadableItem("there is no sound in this part" if start or end else "the sound has no samples")
    mono = _in_range(_one_channel(samples, note), note)
    sound = mono if native == rate else soxr.resample(mono, native, rate).astype(np.float32)
    if is_narrow(sound, rate):
        note(NARROW)
    return sound


def _check_header(source: Source, note: Note) -> None:
    """Raise UnreadableItem for a WAV whose header contradicts itself; note one that states less sound than there is."""
    with open_content(source) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        rate = 0
        while len(chunk := file.read(8)) == 8:
            length, start = int.from_bytes(chunk[4:], "little"), file.tell()
            if chunk[:4] == b"fmt ":
                kind, channels, _, rate, align, bits = struct.unpack("<HHIIHH", file.read(16).ljust(16, b"\0"))
                if kind in (1, 3) and align != channels * ((bits + 7) // 8):
                    raise UnreadableItem(
                        f"its header contradicts itself: {channels} channels of {bits} bits, but {align} bytes a sample; save "
                        "it again as WAV"
                    )
            if chunk[:4] == b"data":
                file.seek(start + length + length % 2)
                rest = size - file.tell()
                following = file.read(4)
                if length and rate and rest > 0.1 * rate and not all(32 <= byte < 127 for byte in following):
                    note("the header of the sound states less than the file holds; only that part is read")
                return
            file.seek(start + length + length % 2)


def is_narrow(sound: np.ndarray, rate: int) -> bool:
    """Return whether a sound, (samples,), has nothing above 4 kHz, whatever rate it was stored at, as telephone calls.

    Recordings of speech have at least -32 dB there, relative to the band of a telephone; telephone calls have less than -49 dB.
    False for silence, for a rate below 11 kHz and for a sound of less than 0.1 s.
    """
    size = round(WINDOW * rate)
    if rate / 2 < ABOVE[1] or len(sound) < 3 * size:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(sound, size)[:: max(size // 2, len(sound) // MOST_SPECTRA)]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(size), axis=1))).sum(axis=0)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    above, within = (power[(hertz > low) & (hertz < high)].sum() for low, high in (ABOVE, TELEPHONE))
    return bool(above < 10 ** (NARROW_DECIBEL / 10) * within)


def _one_channel(samples: np.ndarray, note: Note) -> np.ndarray:
    """The mean of channels, (samples, channels) -> (samples,); the loudest where the mean cancels, as with a swapped wire."""
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged samples, which are refused later
        mono = samples.mean(axis=1, dtype=np.float32)
        power = [float(np.square(channel, dtype=np.float64).mean()) for channel in (mono, *samples.T)]
    if samples.shape[1] == 1 or not power[0] < CANCEL * float(np.mean(power[1:])):
        return mono
    note(CHANNELS_CANCEL)
    return np.ascontiguousarray(samples[:, int(np.argmax(power[1:]))])


def _in_range(mono: np.ndarray, note: Note) -> np.ndarray:
    """Divide samples that were written without a scale. Raises UnreadableItem for samples that are no sound."""
    peak = float(np.abs(mono).max())
    if not np.isfinite(peak):
        raise UnreadableItem("the sound has samples that are not numbers")
    if peak > DAMAGED:
        raise UnreadableItem(f"the sound has samples up to {peak:.3g}; they should lie between -1 and 1: it is damaged")
    if peak <= LOUD:
        return mono
    note(NOT_SCALED.format(peak))
    return mono / np.float32(peak)


def _too_long(longest: float) -> UnreadableItem:
    return UnreadableItem(f"longer than {longest:g} s; give the start and end of the sample")


def _require_bounds(values: int) -> None:
    if values > MOST_VALUES:
        raise UnreadableItem(f"the sound has {values:,} samples in all channels; give the start and end of the sample")


def _by_soundfile(
    source: Source, start: float | None, end: float | None, longest: float
) -> tuple[np.ndarray | None, int]:
    """Read with soundfile; None where the header does not say how long the sound is, as after a recording to a stream."""
    import soundfile

    with _without_chatter(source), soundfile.SoundFile(_opened(source)) as file:
        rate = file.samplerate
        if not 0 < file.frames < 1 << 48:
            return None, rate
        first = min(round((start or 0.0) * rate), file.frames)
        last = file.frames if end is None else min(round(end * rate), file.frames)
        if (last - first) / rate > longest:
            raise _too_long(longest)
        _require_bounds((last - first) * file.channels)
        file.seek(first)
        return file.read(last - first, dtype="float32", always_2d=True), rate


class _Content(BytesIO):
    """Bytes in which a decoder may seek to an impossible place, as a damaged header can ask for."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return -1


def _opened(source: Source) -> BytesIO | str:
    return _Content(source) if isinstance(source, bytes) else str(source)


def _by_av(source: Source, start: float | None, end: float | None, longest: float) -> tuple[np.ndarray, int]:
    parts: list[np.ndarray] = []
    with open_container(source, "audio") as container:
        stream = first_stream(container, "audio")
        rate, begin, count, values = int(stream.rate), begin_of(container), 0, 0
        if start:
            container.seek(int((start + begin) / float(stream.time_base or 1)), stream=stream)
        for frame in decoded(container, stream):
            if frame.sample_rate != rate and count:
                raise UnreadableItem(f"its sample rate changes from {rate:,} to {frame.sample_rate:,} Hz")
            rate = frame.sample_rate
            at = count / rate if frame.time is None else float(frame.time) - begin
            if end is not None and at >= end:
                break
            block = _floats(frame.to_ndarray(), len(frame.layout.channels))
            low = max(round(((start or 0.0) - at) * rate), 0)
            high = len(block) if end is None else min(max(round((end - at) * rate), 0), len(block))
            count += len(block)
            if parts and block.shape[1] != parts[0].shape[1]:
                block = np.repeat(block.mean(axis=1, keepdims=True), parts[0].shape[1], axis=1)
            if low < high:
                parts.append(block[low:high])
                values += parts[-1].size
                _require_bounds(values)
                if values > longest * rate * block.shape[1]:
                    raise _too_long(longest)
    return (np.concatenate(parts) if parts else np.empty((0, 1), np.float32)), rate


def _floats(block: np.ndarray, channels: int) -> np.ndarray:
    """A decoder's block, planar (channels, n) or packed (1, n * channels), as (n, channels) float32."""
    frames = block.T if block.shape[0] == channels and channels > 1 else block.reshape(-1, channels)
    if frames.dtype.kind == "f":
        return frames.astype(np.float32)
    limits = np.iinfo(frames.dtype)
    offset = 0 if limits.min < 0 else (limits.max + 1) / 2
    return ((frames.astype(np.float64) - offset) / ((limits.max + 1) / (2 if offset else 1))).astype(np.float32)


def length_of(source: Source) -> float:
    """Return the length of a sound or clip in seconds: by its header, or else by its last frame. 0 for a still picture.

    Raises UnreadableItem with the reason.
    """
    require_content(source)
    kind = kind_of(source)
    if is_picture(source):
        return animation_frames(read_content(source), ())[1] if kind == "video" else 0.0
    with (
        suppress(ImportError, RuntimeError),
        _without_chatter(source),
    ):  # RuntimeError: a format that soundfile does not read
        import soundfile

        facts = soundfile.info(_opened(source))
        if 0 < facts.frames < 1 << 48:
            return float(facts.duration)
    wanted = "audio" if kind == "audio" else "video"
    with open_container(source, wanted) as container:
        seconds = end_of(container)
    return seconds or max(end_of_packets(source, name) for name in ("audio", "video"))


_silence = threading.Lock()
_silenced = 0  # blocks that are inside `_without_chatter`
_error_stream = -1  # a copy of the file descriptor while it is redirected


@contextmanager
def _without_chatter(source: Source) -> Iterator[None]:
    """Drop what the decoder of MP3 writes to the error stream of the process: it remarks on files that it reads well.

    The decoder is a C library without a setting for this. Errors are raised as before. Safe in many threads.
    """
    global _silenced, _error_stream
    with open_content(source) as file:
        head = file.read(3)
    if head != b"ID3" and head[:1] != b"\xff" and (isinstance(source, bytes) or source.suffix.lower() != ".mp3"):
        yield
        return
    with _silence:
        _silenced += 1
        if _silenced == 1:
            with suppress(OSError):  # a process without an error stream
                _error_stream = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
    try:
        yield
    finally:
        with _silence:
            _silenced -= 1
            if _silenced == 0 and _error_stream >= 0:
                os.dup2(_error_stream, 2)
                os.close(_error_stream)
                _error_stream = -1
