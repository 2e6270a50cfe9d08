"""What CMU-MOSI, CMU-MOSEI and CH-SIMS share: ``label.csv``, computational sequences and published folds.

Columns video_id, clip_id, text, label, label_T, label_A, label_V, annotation, mode (train, valid, test).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.affect import Scale
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import VIDEO, MediaFiles, numbers, read_cells, without_media
from affectspace.corpora.schema import ReadReport, build_table
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


Sequence = dict[str, tuple[np.ndarray, np.ndarray]]


def sequence_file(root: Path, name: str) -> Path:
    """The file of that name in the root or up to two folders below. Raises DataError where there is none."""
    for pattern in (name, f"*/{name}", f"*/*/{name}"):
        found = sorted(root.glob(pattern))
        if found:
            return found[0]
    raise DataError(f"{root}: no label.csv and no {name} here; expected Raw/ beside {name}, or label.csv beside Raw/")


def read_sequence(path: Path, *, width: int) -> Sequence:
    """Video -> (features (n, width), intervals (n, 2) in seconds), float64, in the file's order of rows.

    Raises DataError where h5py is not installed, the file is no HDF5 and no computational sequence, or a video's arrays
    have other shapes.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: reading .csd needs h5py; install it: pip install 'affectspace[video]'") from error
    found: Sequence = {}
    try:
        with h5py.File(path, "r") as file:
            named = [name for name in file if isinstance(file[name], h5py.Group) and "data" in file[name]]
            if len(named) != 1:
                raise DataError(f"{path}: no computational sequence; expected one group with data, found {list(file)}")
            data = file[named[0]]["data"]
            for video in data:
                features = np.asarray(data[video]["features"], dtype=np.float64)
                intervals = np.asarray(data[video]["intervals"], dtype=np.float64)
                n = len(features)
                if features.shape != (n, width) or intervals.shape != (n, 2):
                    raise DataError(
                        f"{path}: video {video!r} has features {features.shape} and intervals {intervals.shape}; "
                        f"expected (n, {width}) and (n, 2)"
                    )
                found[str(video)] = (features, intervals)
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: not a computational sequence that can be read ({error}); copy it again") from error
    if not found:
        raise DataError(f"{path}: no videos in it; copy it again")
    return found


CH_SIMS = Scale("ch_sims", ("sentiment",), -1, 1, (0,), source="Yu et al. 2020; sentiment is not valence")
SIMS_LICENCE = "research only; ask its owners (Tsinghua University) for other use"
SIMS_CITATION = (
    "Yu, W., Xu, H., Meng, F., et al. (2020). CH-SIMS: a Chinese multimodal sentiment analysis dataset with "
    "fine-grained annotation of modality. ACL."
)
VIDEO_IS_PERSON = "who speaks is not said: a video counts as a person"
_PARTS = {"train": "train", "valid": "validation", "test": "test"}
_CHANNELS = {"label_T": "text", "label_A": "audio", "label_V": "video"}


def read_ch_sims(root: Path) -> Corpus:
    """Read CH-SIMS: label.csv and Raw/<video>/<clip>.mp4; sentiment in [-1, 1], ratings a channel. See `read_label_csv`."""
    return read_label_csv(root, "ch_sims", CH_SIMS, SIMS_LICENCE, SIMS_CITATION)


def read_label_csv(root: Path, name: str, scale: Scale, licence: str, citation: str) -> Corpus:
    """Read a corpus in this form. person and session are the video; every clip's file holds the clip alone.

    root: the folder of label.csv. scale: of the sentiment, which is kept as it is written. ratings: a row a clip and
    channel (text, audio, video) where label_T, label_A, label_V are filled. Raises DataError for another layout, a
    sentiment that is outside the scale or no number, and unknown modes.
    """
    path = root / "label.csv"
    cells = read_cells(path, ("video_id", "clip_id", "text", "label", "mode"))
    unknown = sorted(set(cells["mode"]) - set(_PARTS))
    if unknown:
        raise DataError(f"{path}: mode is {unknown[0]!r}; modes are {', '.join(_PARTS)}")
    ids = (cells["video_id"] + "_" + cells["clip_id"]).tolist()
    sentiment = checked_sentiment(scale, numbers(cells["label"], "label", path), ids, path)
    files = MediaFiles(root)
    pairs = zip(cells["video_id"], cells["clip_id"], strict=True)
    columns: dict[str, list[str | None]] = {"id": list(ids), "text": cells["text"].tolist()}
    columns["video"] = [files.find(f"Raw/{video}", clip, VIDEO) for video, clip in pairs]
    sources = cells["video_id"].tolist()
    extras = {"clip": cells["clip_id"], "split": cells["mode"].map(_PARTS)}
    table = build_table(
        name, {**columns, "person": sources, "session": sources, "sentiment": sentiment}, extras, where=str(path)
    )
    media = root if any(columns["video"]) else None
    notes = [VIDEO_IS_PERSON, *without_media(columns, ("video",))]
    ratings = _ratings(cells, ids, scale, path)
    return Corpus(name, table, scale, licence, citation, ReadReport(len(table), notes=notes), media, ratings)


def checked_sentiment(scale: Scale, values: list[float], ids: list[str], path: Path) -> list[float]:
    """The values as they are. Raises DataError for one outside the scale, naming its row."""
    scale.to_canonical(values, rows=ids, where=str(path))
    return values


def _ratings(cells: pd.DataFrame, ids: list[str], scale: Scale, path: Path) -> pd.DataFrame | None:
    frames = []
    for column, channel in _CHANNELS.items():
        if column in cells:
            values = checked_sentiment(scale, numbers(cells[column], column, path), ids, path)
            frames.append(pd.DataFrame({"id": ids, "channel": channel, "sentiment": values}))
    ratings = pd.concat(frames, ignore_index=True).dropna(subset="sentiment") if frames else pd.DataFrame()
    return ratings.reset_index(drop=True) if len(ratings) else None
