"""Published folds of videos that the raw files of a corpus do not say: a JSON that the user brings."""

from __future__ import annotations

import json
from pathlib import Path

from affectspace.errors import DataError

_FOLDS = ("train", "validation", "test")


def folds_of(path: Path, videos: list[str]) -> list[str | None]:
    """The part of each row's video; None for a video that no part names.

    path: JSON {"train": [videos], "validation": [...], "test": [...]}. Raises DataError for another form, a video in two
    parts, and where no video of ours is named.
    """
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not JSON that can be read ({error})") from error
    if not isinstance(document, dict) or set(document) != set(_FOLDS):
        raise DataError(f'{path}: expected {{"train": [videos], "validation": [...], "test": [...]}}')
    part_of: dict[str, str] = {}
    for part in _FOLDS:
        for video in document[part]:
            if part_of.setdefault(str(video), part) != part:
                raise DataError(f"{path}: video {video!r} is in {part_of[str(video)]} and in {part}")
    folds = [part_of.get(video) for video in videos]
    if not any(folds):
        raise DataError(f"{path}: none of the videos is in any part, such as {videos[0]!r}")
    return folds
