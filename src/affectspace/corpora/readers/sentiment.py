"""CMU-MOSI, CMU-MOSEI and CH-SIMS: videos with sentiment, which is not valence.

All three exist as ``label.csv`` with the columns video_id, clip_id, text, label, label_T, label_A, label_V, annotation, mode
(train, valid, test) and ``Raw/<video>/<clip>.mp4``. The first two exist also in raw form:

CMU-MOSI: ``Raw/Transcript/Segmented/<video>.annotprocessed`` (``<k>_DELIM_<TEXT>``, k from 1),
``Raw/Audio/WAV_16000/Segmented/<video>_<k>.wav``, ``Raw/Video/Segmented/<video>_<k>.mp4``, and
``CMU_MOSI_Opinion_Labels.csd``, whose row k - 1 is segment k.

CMU-MOSEI: ``Raw/Transcript/Segmented/Combined/<video>.txt`` (``<video>___<clip>___<start>___<end>___<text>``, clip from 0),
``Raw/Audio/Full/WAV_16000/<video>.wav``, ``Raw/Videos/Segmented/Combined/<video>_<clip>.mp4``, and
``CMU_MOSEI_Labels.csd``, whose rows are in no order and are found by (start, end).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import SCALES, Scale
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import VIDEO, MediaFiles, missing_media_notes, visible_files
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError
from affectspace.tables.formats import read_json
from affectspace.tables.reading import read_table, to_numbers

MOSEI_EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")  # in the order of the labels
_TOLERANCE = 0.01  # seconds; transcripts and labels of MOSEI round the same times differently
_SEGMENT = re.compile(r"(\d+)_DELIM_(.*)")
_PARTS = {"train": "train", "valid": "validation", "test": "test"}
_CHANNELS = {"label_T": "text", "label_A": "audio", "label_V": "video"}
_VIDEO_IS_PERSON = "the speakers are not named: a video counts as a person"
_Sequence = dict[str, tuple[np.ndarray, np.ndarray]]  # video -> features (n, width), intervals (n, 2) in seconds


def read_ch_sims(root: Path) -> Corpus:
    """Read CH-SIMS: label.csv and Raw/<video>/<clip>.mp4; sentiment in [-1, 1], ratings by channel."""
    return _read_label_csv(root, "ch_sims")


def read_mosi(root: Path, *, published_folds: str | Path | None = None) -> Corpus:
    """Read CMU-MOSI, raw or as label.csv. person and session are the video, id is <video>_<k>, sentiment is unchanged.

    root: the folder of Raw/ (with the .csd in it or up to two folders below), or of label.csv. published_folds: for the raw
    form, a JSON file of train, validation and test -> videos, which the raw files do not name. start and end are seconds in
    the whole video; the files hold only the segment.
    """
    if (root / "label.csv").is_file():
        return _read_label_csv(root, "mosi")
    sequence = _read_sequence(root, "CMU_MOSI_Opinion_Labels.csd", width=1)
    texts = _mosi_transcripts(root / "Raw" / "Transcript" / "Segmented")
    left_out: Counter[str] = Counter()
    clips: list[_Clip] = []
    for video, (features, intervals) in sequence.items():
        for k, ((sentiment,), (start, end)) in enumerate(zip(features, intervals, strict=True), 1):
            text = texts.pop((video, k), None)
            if np.isnan(sentiment):
                left_out["a segment without sentiment"] += 1
            else:
                clips.append(_Clip(video, str(k), float(start), float(end), text, np.array([sentiment])))
    left_out["a transcript of a segment without labels"] += len(texts)
    silent = sum(clip.text is None for clip in clips)
    files = MediaFiles(root)
    names = [f"{clip.video}_{clip.number}" for clip in clips]
    return _build(
        root,
        "mosi",
        clips,
        audio=[files.find("Raw/Audio/WAV_16000/Segmented", name, (".wav", ".flac")) for name in names],
        video_folder="Raw/Video/Segmented",
        files=files,
        published_folds=published_folds,
        left_out=left_out,
        notes=[f"{silent:,} segments have no transcript"] if silent else [],
    )


def read_mosei(root: Path, *, published_folds: str | Path | None = None) -> Corpus:
    """Read CMU-MOSEI, raw or as label.csv. person and session are the video, id is <video>_<clip>, sentiment is unchanged.

    root, published_folds: as in `read_mosi`. start and end are seconds in the whole video, which audio holds (extra cut =
    "audio"); video holds only the clip. The strengths of the emotions, 0..3, are extras; emotion is the single strongest,
    None if all are 0 or two are equal. Clips without labels and labels without a clip are left out and counted.
    """
    if (root / "label.csv").is_file():
        return _read_label_csv(root, "mosei")
    sequence = _read_sequence(root, "CMU_MOSEI_Labels.csd", width=1 + len(MOSEI_EMOTIONS))
    left_out: Counter[str] = Counter()
    clips: list[_Clip] = []
    for video, spoken in _mosei_transcripts(root / "Raw" / "Transcript" / "Segmented" / "Combined").items():
        if video not in sequence:
            left_out["a clip of a video without labels"] += len(spoken)
        else:
            clips += _with_labels(spoken, *sequence.pop(video), left_out)
    left_out["labels of a video without transcript"] += sum(len(features) for features, _ in sequence.values())
    if not clips:
        raise DataError(f"{root}: no clip has labels; the transcripts and the .csd are not of the same corpus")
    strengths = np.array([clip.labels[1:] for clip in clips])
    files = MediaFiles(root)
    audio = [files.find("Raw/Audio/Full/WAV_16000", clip.video, (".wav", ".flac")) for clip in clips]
    extras = {"clip": [clip.number for clip in clips], **dict(zip(MOSEI_EMOTIONS, strengths.T, strict=True))}
    return _build(
        root,
        "mosei",
        clips,
        audio=audio,
        video_folder="Raw/Videos/Segmented/Combined",
        files=files,
        published_folds=published_folds,
        left_out=left_out,
        notes=[],
        emotions=_strongest(strengths),
        extras=extras | {"cut": ["audio" if path else None for path in audio]},
    )


@dataclass(frozen=True)
class _Clip:
    """A segment of a video. labels: the sentiment, then the strengths of emotions."""

    video: str
    number: str
    start: float
    end: float
    text: str | None
    labels: np.ndarray


def _build(
    root: Path,
    name: str,
    clips: list[_Clip],
    *,
    audio: list[str | None],
    video_folder: str,
    files: MediaFiles,
    published_folds: str | Path | None,
    left_out: Counter[str],
    notes: list[str],
    emotions: list[str | None] | None = None,
    extras: dict[str, Any] | None = None,
) -> Corpus:
    """Build a corpus in raw form."""
    ids = [f"{clip.video}_{clip.number}" for clip in clips]
    videos = [clip.video for clip in clips]
    media = {"audio": audio, "video": [files.find(video_folder, name, (".mp4", ".avi")) for name in ids]}
    columns: dict[str, Any] = {
        "id": ids,
        "person": videos,
        "session": videos,
        "text": [clip.text for clip in clips],
        "start": [clip.start for clip in clips],
        "end": [clip.end for clip in clips],
        "sentiment": _checked(_scale(name), [float(clip.labels[0]) for clip in clips], ids, root),
        **media,
    }
    if emotions is not None:
        columns["emotion"] = emotions
    folds = {} if published_folds is None else {"split": _folds_of(Path(published_folds), videos)}
    return Corpus.build(
        name,
        columns,
        {**(extras or {}), **folds},
        where=root,
        scale=_scale(name),
        left_out=left_out,
        notes=[_VIDEO_IS_PERSON, *notes, *missing_media_notes(media)],
        media=root,
    )


def _scale(name: str) -> Scale:
    return SCALES["ch_sims" if name == "ch_sims" else "mosi"]


def _checked(scale: Scale, sentiment: list[float], ids: list[str], path: Path) -> list[float]:
    """The values unchanged. Raises DataError for one outside the scale, naming its row."""
    scale.to_canonical(sentiment, rows=ids, where=str(path))
    return sentiment


def _read_sequence(root: Path, name: str, *, width: int) -> _Sequence:
    """Read a computational sequence (.csd), which is in the root or up to two folders below."""
    paths = [path for pattern in (name, f"*/{name}", f"*/*/{name}") for path in sorted(root.glob(pattern))]
    if not paths:
        raise DataError(
            f"{root}: no label.csv and no {name} here; expected Raw/ beside {name}, or label.csv beside Raw/"
        )
    path = paths[0]
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: reading .csd needs h5py: pip install 'affectspace[video]'") from error
    sequence: _Sequence = {}
    try:
        with h5py.File(path, "r") as file:
            groups = [group for group in file if isinstance(file[group], h5py.Group) and "data" in file[group]]
            if len(groups) != 1:
                raise DataError(f"{path}: not a computational sequence; expected one group with data, got {list(file)}")
            for video, data in file[groups[0]]["data"].items():
                features = np.asarray(data["features"], dtype=np.float64)
                intervals = np.asarray(data["intervals"], dtype=np.float64)
                if features.shape != (len(features), width) or intervals.shape != (len(features), 2):
                    raise DataError(
                        f"{path}: video {video!r} has features {features.shape} and intervals {intervals.shape}; "
                        f"expected (n, {width}) and (n, 2)"
                    )
                sequence[str(video)] = (features, intervals)
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: not a readable computational sequence ({error}); copy it again") from error
    if not sequence:
        raise DataError(f"{path}: it has no videos; copy it again")
    return sequence


def _folds_of(path: Path, videos: list[str]) -> list[str | None]:
    """The part of each row's video; None for a video that no part names."""
    document = read_json(path)
    if not isinstance(document, dict) or set(document) != set(_PARTS.values()):
        raise DataError(f'{path}: expected {{"train": [videos], "validation": [...], "test": [...]}}')
    part_of: dict[str, str] = {}
    for part in _PARTS.values():
        for video in document[part]:
            if part_of.setdefault(str(video), part) != part:
                raise DataError(f"{path}: video {video!r} is in {part_of[str(video)]} and in {part}")
    folds = [part_of.get(video) for video in videos]
    if not any(folds):
        raise DataError(f"{path}: none of the videos is in any part, such as {videos[0]!r}")
    return folds


def _mosi_transcripts(folder: Path) -> dict[tuple[str, int], str]:
    """(video, segment) -> words."""
    texts = {}
    for path in visible_files(folder, "*.annotprocessed"):
        for number, line in enumerate(path.read_bytes().decode("latin-1").splitlines(), 1):
            if not line.strip():
                continue
            segment = _SEGMENT.fullmatch(line.strip())
            if segment is None:
                raise DataError(f"{path}: line {number}: {line[:80]!r} is not <k>_DELIM_<TEXT>")
            texts[path.stem, int(segment[1])] = segment[2]
    if not texts:
        raise DataError(f"{folder}: no transcripts (<video>.annotprocessed)")
    return texts


def _mosei_transcripts(folder: Path) -> dict[str, list[_Clip]]:
    """Video -> its clips, without labels."""
    videos: dict[str, list[_Clip]] = {}
    for path in visible_files(folder, "*.txt"):
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").split("\n"), 1):
            if not line.strip():
                continue
            try:
                video, clip, start, end, text = line.rstrip("\r").split("___", 4)
                spoken = _Clip(video, clip, float(start), float(end), text.strip(), np.empty(0))
            except ValueError as error:
                form = "<video>___<clip>___<start>___<end>___<text>"
                raise DataError(f"{path}: line {number}: {line[:80]!r} is not {form}") from error
            videos.setdefault(video, []).append(spoken)
    if not videos:
        raise DataError(f"{folder}: no transcripts (<video>.txt)")
    return videos


def _with_labels(
    clips: list[_Clip], features: np.ndarray, intervals: np.ndarray, left_out: Counter[str]
) -> list[_Clip]:
    """Each clip with the row of labels that has its interval. A row is used for one clip."""
    kept = []
    free = np.ones(len(intervals), dtype=bool)
    for clip in clips:
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
        kept.append(_Clip(clip.video, clip.number, clip.start, clip.end, clip.text, features[row]))
    left_out["labels of an interval that is no clip"] += int(free.sum())
    return kept


def _strongest(strengths: np.ndarray) -> list[str | None]:
    strengths = np.nan_to_num(strengths)
    most = strengths.max(axis=1)
    single = (most > 0) & ((strengths == most[:, None]).sum(axis=1) == 1)
    places = zip(strengths.argmax(axis=1), single, strict=True)
    return parse_emotions([MOSEI_EMOTIONS[place] if alone else None for place, alone in places], "mosei")


def _read_label_csv(root: Path, name: str) -> Corpus:
    """Read a corpus as label.csv. person and session are the video; a clip's file holds only the clip.

    ratings has a row for each clip and channel (text, audio, video) where label_T, label_A, label_V are filled.
    """
    path = root / "label.csv"
    cells = read_table(path, ("video_id", "clip_id", "text", "label", "mode"))
    unknown = sorted(set(cells["mode"]) - set(_PARTS))
    if unknown:
        raise DataError(f"{path}: mode is {unknown[0]!r}; modes are {', '.join(_PARTS)}")
    ids = (cells["video_id"] + "_" + cells["clip_id"]).tolist()
    files, videos = MediaFiles(root), cells["video_id"].tolist()
    media = {
        "video": [files.find(f"Raw/{video}", clip, VIDEO) for video, clip in zip(videos, cells["clip_id"], strict=True)]
    }

    scale = _scale(name)

    def sentiment(column: str) -> list[float]:
        return _checked(scale, to_numbers(cells[column], column, path).tolist(), ids, path)

    channels = [
        pd.DataFrame({"id": ids, "channel": channel, "sentiment": sentiment(column)})
        for column, channel in _CHANNELS.items()
        if column in cells
    ]
    ratings = pd.concat(channels, ignore_index=True).dropna(subset="sentiment") if channels else pd.DataFrame()
    return Corpus.build(
        name,
        {
            "id": ids,
            "text": cells["text"].tolist(),
            "person": videos,
            "session": videos,
            "sentiment": sentiment("label"),
        }
        | media,
        {"clip": cells["clip_id"], "split": cells["mode"].map(_PARTS)},
        where=path,
        scale=scale,
        notes=[_VIDEO_IS_PERSON, *missing_media_notes(media)],
        media=root,
        ratings=ratings.reset_index(drop=True) if len(ratings) else None,
    )
