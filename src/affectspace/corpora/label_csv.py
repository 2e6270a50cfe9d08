"""``label.csv`` with ``Raw/<video>/<clip>.mp4``: the form in which CMU-MOSI, CMU-MOSEI and CH-SIMS also circulate.

Columns video_id, clip_id, text, label, label_T, label_A, label_V, annotation, mode (train, valid, test).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import VIDEO, MediaFiles, numbers, read_cells, without_media
from affectspace.corpora.report import ReadReport
from affectspace.corpora.schema import build_table
from affectspace.errors import DataError
from affectspace.scales import Scale

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
