"""Write sound and clips: 16-bit wav with the standard library, mp4 and avi with PyAV."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np

from affectspace.errors import RunError
from affectspace.media.container import import_av

WRITING_CLIPS = "writing clips"


def _sixteen_bit(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2")


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write mono samples on [-1, 1] as a 16-bit wav file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(_sixteen_bit(samples).tobytes())


def write_clip(
    path: Path, frames: np.ndarray, fps: float, sound: np.ndarray | None, rate: int, container: str = "mp4"
) -> None:
    """Write frames as MPEG-4, with a sound track (AAC; PCM in an avi) if there is sound.

    frames: (n, height, width, 3) uint8 with even sides. sound: (samples,) on [-1, 1] at `rate` Hz. Raises ConfigError if PyAV
    is not installed, RunError if it cannot write.
    """
    av = import_av(WRITING_CLIPS)
    try:
        with av.open(str(path), "w", format=container) as file:
            video = file.add_stream("mpeg4", rate=Fraction(fps).limit_denominator(1001))
            video.height, video.width = frames.shape[1:3]
            video.pix_fmt = "yuv420p"
            video.bit_rate = 0
            video.codec_context.flags |= av.codec.context.Flags.qscale
            video.codec_context.qmin = video.codec_context.qmax = 3
            video.codec_context.thread_count = 1
            audio = None if sound is None else file.add_stream("pcm_s16le" if container == "avi" else "aac", rate=rate)
            if audio is not None:
                audio.layout = "mono"
            for frame in frames:
                file.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
            file.mux(video.encode())
            if audio is not None and sound is not None:
                levels = _sixteen_bit(sound).astype(np.int16)
                for start in range(0, len(levels), 1024):
                    block = av.AudioFrame.from_ndarray(levels[None, start : start + 1024], format="s16", layout="mono")
                    block.sample_rate, block.pts = rate, start
                    block.time_base = Fraction(1, rate)
                    file.mux(audio.encode(block))
                file.mux(audio.encode())
    except av.error.FFmpegError as error:
        raise RunError(f"cannot write {path}: {error}") from error
