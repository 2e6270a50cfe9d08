"""What is to be predicted: a sentence, files, ready-made vectors, or several of them for the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from affectspace.errors import DataError
from affectspace.media.clips import IMAGES

TEXTS = (".txt", ".md")
SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".aif", ".aiff")
CLIPS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp")

KINDS = ("text", "audio", "video", "image", "vectors")


@dataclass(frozen=True, eq=False)
class Sample:
    """One moment of one person. A clip gives its sound too, where no `audio` is named.

    text : as written; audio, video, image : files; vectors : modality -> (width,) numbers made elsewhere
    start, end : seconds to cut from audio and video; None is the whole file
    """

    text: str | None = None
    audio: Path | None = None
    video: Path | None = None
    image: Path | None = None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    start: float | None = None
    end: float | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is given of text, audio, video, image, vectors."""
        return tuple(name for name in KINDS if (bool(self.vectors) if name == "vectors" else self.given(name)))

    def given(self, name: str) -> bool:
        """Whether text, audio, video or image is there."""
        return getattr(self, name) is not None


def sample_of_file(path: Path) -> Sample:
    """The sample in a file, by its suffix; a text file's whole content is one text.

    Raises DataError for a suffix that is none of ours and for a text that cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in TEXTS:
        return Sample(text=read_text(path))
    if suffix in SOUNDS:
        return Sample(audio=path)
    if suffix in CLIPS:
        return Sample(video=path)
    if suffix in IMAGES:
        return Sample(image=path)
    remedy = "a table goes by --csv" if suffix in (".csv", ".tsv", ".parquet") else f"there are {', '.join(suffixes())}"
    raise DataError(f"{path}: what it holds is not known from its name ({suffix or 'no suffix'}); {remedy}")


def suffixes() -> tuple[str, ...]:
    """Of all files that are understood."""
    return (*TEXTS, *SOUNDS, *CLIPS, *IMAGES)


def read_text(path: Path) -> str:
    """A text file. Raises DataError where it is not there or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text in UTF-8 (byte {error.start}); save it as UTF-8") from error
