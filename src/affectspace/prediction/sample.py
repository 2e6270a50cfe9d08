"""The input of a prediction: a sentence, files, ready-made vectors, or several of them for the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import DataError, UnreadableItem
from affectspace.files import require_file
from affectspace.media.content import CLIPS, IMAGES, LONGEST_NAME, SOUNDS, Source, kind_of, require_content
from affectspace.media.faces import Track

TEXTS = (".txt", ".md")
SUFFIXES = {"text": TEXTS, "audio": SOUNDS, "video": CLIPS, "image": IMAGES}  # kind of input -> suffixes of its files

FILES = ("audio", "video", "image")
KINDS = ("text", *FILES, "vectors")


@dataclass(frozen=True, eq=False)
class Sample:
    """One moment of one person, in any of several kinds of input.

    Parameters
    ----------
    text : str, optional
    audio, video, image : path or bytes, optional
        Files, or their content. A clip also provides its sound track if no `audio` is given.
    vectors : mapping of str to array, optional
        Modality -> (width,) numbers that were computed elsewhere.
    start, end : float, optional
        Cut of audio and video in seconds; the complete file by default.
    box : tuple of float, optional
        The face to predict in a picture: middle x, middle y and side in pixels. Default: the largest face.
    track : sequence of (second, box), optional
        The face to predict in a clip: its boxes over time, as `faces_in` finds them. Default: the largest face of each frame.

    Examples
    --------
    >>> Sample("I told you so.", audio="voice.wav").kinds
    ('text', 'audio')
    """

    text: str | None = None
    audio: Source | None = None
    video: Source | None = None
    image: Source | None = None
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    start: float | None = None
    end: float | None = None
    box: tuple[float, float, float] | None = None
    track: Track = ()

    def __post_init__(self) -> None:
        for kind in FILES:
            source: Any = getattr(self, kind)
            if source is not None and not isinstance(source, Path | bytes):
                object.__setattr__(self, kind, Path(source))
        vectors = {name: np.asarray(vector) for name, vector in (self.vectors or {}).items()}
        object.__setattr__(self, "vectors", vectors)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of input that the sample has, of text, audio, video, image and vectors."""
        return tuple(kind for kind in KINDS if (bool(self.vectors) if kind == "vectors" else self.has(kind)))

    def has(self, kind: str) -> bool:
        """Whether the sample has text, audio, video or image."""
        return getattr(self, kind) is not None


def sample_of_file(path: Path) -> Sample:
    """Make the sample of a file of a known type; the content of a text file is one text.

    Raises DataError for an unknown type, for what is no regular file, and for a text that cannot be read.
    """
    require_file(path)
    suffix, kind = path.suffix.lower(), kind_of_file(path)
    if kind is not None:
        try:
            require_content(path)
        except UnreadableItem as error:
            raise DataError(with_place(path, error)) from error
        content: dict[str, Any] = {kind: read_text(path) if kind == "text" else path}
        return Sample(**content)
    known = ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    raise DataError(f"{path}: unknown type of file, {suffix or 'no suffix'}; known types: {known}")


def kind_of_file(path: Path) -> str | None:
    """Return "text" by the suffix; "audio", "video" or "image" by the content or the suffix; None for another type."""
    return "text" if path.suffix.lower() in TEXTS else kind_of(path)


def with_place(source: Source | None, reason: object) -> str:
    """Return a reason with the path of its file before it, if it has one."""
    if not isinstance(source, Path):
        return str(reason)
    return f"{source}: {reason}" if len(source.name) <= LONGEST_NAME else f"{str(source)[:60]}...: {reason}"


def read_text(path: Path) -> str:
    """Read a text file. Raises DataError where it is missing or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text in UTF-8 (byte {error.start}); save it as UTF-8") from error
