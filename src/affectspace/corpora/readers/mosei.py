"""CMU-MOSEI: opinions in videos of the web, with sentiment in [-3, 3], which is not valence, and six emotions.

Raw: ``Raw/Transcript/Segmented/Combined/<video>.txt`` (``<video>___<clip>___<start>___<end>___<text>``, clip from 0),
``Raw/Audio/Full/WAV_16000/<video>.wav``, ``Raw/Videos/Segmented/Combined/<video>_<clip>.mp4``, and
``CMU_MOSEI_Labels.csd``, whose rows are in no order and found by (start, end). Or the form of
`affectspace.corpora.readers.sentiment`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectspace.affect import SCALES, parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import MediaFiles, visible, without_media
from affectspace.corpora.readers.mosi import LICENCE
from affectspace.corpora.readers.sentiment import (
    VIDEO_IS_PERSON,
    checked_sentiment,
    folds_of,
    read_label_csv,
    read_sequence,
    sequence_file,
)
from affectspace.corpora.schema import ReadReport, build_table
from affectspace.errors import DataError

CITATION = (
    "Zadeh, A., Liang, P. P., Poria, S., Cambria, E., Morency, L.-P. (2018). Multimodal language analysis in the wild: "
    "CMU-MOSEI dataset and interpretable dynamic fusion graph. ACL."
)
EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
_TOLERANCE = 0.01  # seconds: the two files round the same times differently


@dataclass(frozen=True)
class _Clip:
    video: str
    clip: str
    start: float
    end: float
    text: str


def read_mosei(root: Path, *, published_folds: str | Path | None = None) -> Corpus:
    """Read CMU-MOSEI, raw or as label.csv. person and session are the video, id is <video>_<clip>, sentiment as written.

    root: the folder of Raw/ (and of the .csd, here or up to two folders below), or of label.csv. published_folds: as in
    `read_mosi`. start and end are seconds in the whole video, which audio is (extra cut = "audio"); video holds the clip
    alone. The emotions' strengths, 0..3, are extras; emotion is the single strongest, none where none is above 0 or
    two are alike. Clips without labels and labels without a clip are left out and counted. Raises DataError for another
    layout and values outside -3..3.
    """
    if (root / "label.csv").is_file():
        return read_label_csv(root, "mosei", SCALES["mosi"], LICENCE, CITATION)
    sequence = read_sequence(sequence_file(root, "CMU_MOSEI_Labels.csd"), width=1 + len(EMOTIONS))
    left_out: Counter[str] = Counter()
    clips: list[_Clip] = []
    labels: list[np.ndarray] = []
    for video, spoken in _transcripts(root / "Raw" / "Transcript" / "Segmented" / "Combined").items():
        if video not in sequence:
            left_out["a clip of a video without labels"] += len(spoken)
            continue
        _join(spoken, *sequence.pop(video), clips, labels, left_out)
    left_out["labels of a video without transcript"] += sum(len(features) for features, _ in sequence.values())
    if not clips:
        raise DataError(f"{root}: no clip has labels; the transcripts and the .csd are not of one corpus")
    files = MediaFiles(root)
    names = [f"{clip.video}_{clip.clip}" for clip in clips]
    media: dict[str, list[str | None]] = {
        "audio": [files.find("Raw/Audio/Full/WAV_16000", clip.video, (".wav", ".flac")) for clip in clips],
        "video": [files.find("Raw/Videos/Segmented/Combined", name, (".mp4", ".avi")) for name in names],
    }
    values = np.array(labels, dtype=np.float64)
    videos = [clip.video for clip in clips]
    columns = {
        "id": names,
        "person": videos,
        "session": videos,
        "text": [clip.text for clip in clips],
        "start": [clip.start for clip in clips],
        "end": [clip.end for clip in clips],
        "emotion": _strongest(values[:, 1:]),
        "sentiment": checked_sentiment(SCALES["mosi"], values[:, 0].tolist(), names, root),
        **media,
    }
    extras = {"clip": [clip.clip for clip in clips], **dict(zip(EMOTIONS, values[:, 1:].T, strict=True))}
    extras["cut"] = ["audio" if name else None for name in media["audio"]]
    if published_folds is not None:
        extras["split"] = folds_of(Path(published_folds), videos)
    table = build_table("mosei", columns, extras, where=str(root))
    notes = [VIDEO_IS_PERSON, *without_media(media, ("audio", "video"))]
    report = ReadReport(len(table), {reason: n for reason, n in left_out.items() if n}, notes=notes)
    folder = root if any(media["audio"]) or any(media["video"]) else None
    return Corpus("mosei", table, SCALES["mosi"], LICENCE, CITATION, report, folder)


def _transcripts(folder: Path) -> dict[str, list[_Clip]]:
    found: dict[str, list[_Clip]] = {}
    for path in visible(folder, "*.txt"):
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").split("\n"), 1):
            if not line.strip():
                continue
            fields = line.rstrip("\r").split("___", 4)
            try:
                video, clip, start, end, text = fields
                spoken = _Clip(video, clip, float(start), float(end), text.strip())
            except ValueError as error:
                form = "<video>___<clip>___<start>___<end>___<text>"
                raise DataError(f"{path}: line {number}: {line[:80]!r} is not {form}") from error
            found.setdefault(video, []).append(spoken)
    if not found:
        raise DataError(
            f"{folder}: no transcripts (<video>.txt); expected Raw/Transcript/Segmented/Combined in the root"
        )
    return found


def _join(
    spoken: list[_Clip],
    features: np.ndarray,
    intervals: np.ndarray,
    clips: list[_Clip],
    labels: list[np.ndarray],
    left_out: Counter[str],
) -> None:
    """Each clip with the row of labels whose interval is its own; a row serves one clip."""
    free = np.ones(len(intervals), dtype=bool)
    for clip in spoken:
        distance = np.abs(intervals - (clip.start, clip.end)).max(axis=1, initial=0)
        distance[~free] = np.inf
        row = int(distance.argmin()) if len(distance) else -1
        if row < 0 or distance[row] > _TOLERANCE:
            left_out["a clip whose interval has no labels"] += 1
            continue
        free[row] = False
        if np.isnan(features[row, 0]):
            left_out["a clip without sentiment"] += 1
            continue
        clips.append(clip)
        labels.append(features[row])
    left_out["labels of an interval that is no clip"] += int(free.sum())


def _strongest(strengths: np.ndarray) -> list[str | None]:
    strengths = np.nan_to_num(strengths)
    most = strengths.max(axis=1)
    single = (most > 0) & ((strengths == most[:, None]).sum(axis=1) == 1)
    words = [EMOTIONS[i] if one else None for i, one in zip(strengths.argmax(axis=1), single, strict=True)]
    return parse(words, "mosei")
