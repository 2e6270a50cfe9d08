"""Sound and clips to files: 16-bit wav by the standard library, mp4 and avi by PyAV."""

from __future__ import annotations

import os
import wave
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, RunError
from affectspace.synthetic.speakers.voice import RATE


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Mono samples on [-1, 1] as 16-bit wav, 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2").tobytes())


def require_av() -> ModuleType:
    """PyAV. Raises ConfigError with the line that installs it."""
    try:
        import av
    except ImportError as error:
        raise ConfigError(
            "clips are written with PyAV; install it: pip install 'affectspace[video]' (or leave video out)"
        ) from error
    return av


def write_clip(
    path: Path, pictures: np.ndarray, fps: float, sound: np.ndarray | None = None, container: str = "mp4"
) -> None:
    """Frames (n, height, width, 3) uint8, sides even, as MPEG-4, with the sound at 16 kHz (AAC; PCM in an avi).

    Raises ConfigError where PyAV is not installed, RunError where it cannot write.
    """
    av: Any = require_av()
    try:
        with av.open(str(path), "w", format=container) as file:
            video = file.add_stream("mpeg4", rate=Fraction(fps).limit_denominator(1001))
            video.height, video.width = pictures.shape[1:3]
            video.pix_fmt = "yuv420p"
            video.bit_rate = 0
            video.codec_context.flags |= av.codec.context.Flags.qscale
            video.codec_context.qmin = video.codec_context.qmax = 3
            video.codec_context.thread_count = 1
            audio = None if sound is None else file.add_stream("pcm_s16le" if container == "avi" else "aac", rate=RATE)
            if audio is not None:
                audio.layout = "mono"
            for picture in pictures:
                file.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
            file.mux(video.encode())
            if audio is not None and sound is not None:
                levels = np.clip(np.rint(sound * 32767.0), -32768, 32767).astype(np.int16)
                for start in range(0, len(levels), 1024):
                    frame = av.AudioFrame.from_ndarray(levels[None, start : start + 1024], format="s16", layout="mono")
                    frame.sample_rate, frame.pts = RATE, start
                    frame.time_base = Fraction(1, RATE)
                    file.mux(audio.encode(frame))
                file.mux(audio.encode())
    except av.error.FFmpegError as error:
        raise RunError(f"cannot write {path}: {error}") from error


def whole(path: Path) -> bool:
    """Whether a file is there and holds something (files are renamed when they are whole)."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
