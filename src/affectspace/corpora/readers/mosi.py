"""CMU-MOSI: opinions in videos of the web, with sentiment in [-3, 3], which is not valence.

Raw: ``Raw/Transcript/Segmented/<video>.annotprocessed`` (``<k>_DELIM_<TEXT>``, k from 1),
``Raw/Audio/WAV_16000/Segmented/<video>_<k>.wav``, ``Raw/Video/Segmented/<video>_<k>.mp4``, and
``CMU_MOSI_Opinion_Labels.csd``, whose row k - 1 is segment k. Or the form of `affectspace.corpora.readers.sentiment`.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import MediaFiles, visible, without_media
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

LICENCE = "research only; ask its owners (MultiComp Lab, Carnegie Mellon University) for other use"
CITATION = (
    "Zadeh, A., Zellers, R., Pincus, E., Morency, L.-P. (2016). Multimodal sentiment intensity analysis in videos: facial "
    "gestures and verbal messages. IEEE Intelligent Systems 31(6)."
)
_SEGMENT = re.compile(r"(\d+)_DELIM_(.*)")


def read_mosi(root: Path, *, published_folds: str | Path | None = None) -> Corpus:
    """Read CMU-MOSI, raw or as label.csv. person and session are the video, id is <video>_<k>, sentiment as written.

    root: the folder of Raw/ (and of the .csd, here or up to two folders below), or of label.csv. published_folds: for the
    raw form, a JSON of train, validation and test -> videos, which the raw files do not say. start and end are seconds in
    the whole video; the segments' files hold the segment alone. Raises DataError for another layout and values
    outside -3..3.
    """
    if (root / "label.csv").is_file():
        return read_label_csv(root, "mosi", SCALES["mosi"], LICENCE, CITATION)
    sequence = read_sequence(sequence_file(root, "CMU_MOSI_Opinion_Labels.csd"), width=1)
    texts = _transcripts(root / "Raw" / "Transcript" / "Segmented")
    left_out: Counter[str] = Counter()
    files = MediaFiles(root)
    media: dict[str, list[str | None]] = {"audio": [], "video": []}
    ids: list[str] = []
    videos: list[str] = []
    words: list[str | None] = []
    values: list[float] = []
    times: list[tuple[float, float]] = []
    for video, (features, intervals) in sequence.items():
        for k, (feature, interval) in enumerate(zip(features, intervals, strict=True), 1):
            name = f"{video}_{k}"
            if feature[0] != feature[0]:
                left_out["a segment without sentiment"] += 1
                texts.pop((video, k), None)
                continue
            ids.append(name)
            videos.append(video)
            words.append(texts.pop((video, k), None))
            values.append(float(feature[0]))
            times.append((float(interval[0]), float(interval[1])))
            media["audio"].append(files.find("Raw/Audio/WAV_16000/Segmented", name, (".wav", ".flac")))
            media["video"].append(files.find("Raw/Video/Segmented", name, (".mp4", ".avi")))
    left_out["a transcript of a segment without labels"] += len(texts)
    mute = sum(text is None for text in words)
    notes = [VIDEO_IS_PERSON, *([f"{mute:,} segments have no transcript"] if mute else [])]
    notes += without_media(media, ("audio", "video"))
    checked_sentiment(SCALES["mosi"], values, ids, root)
    extras = {} if published_folds is None else {"split": folds_of(Path(published_folds), videos)}
    columns = {"id": ids, "person": videos, "session": videos, "text": words, "sentiment": values, **media}
    columns |= {"start": [start for start, _ in times], "end": [end for _, end in times]}
    table = build_table("mosi", columns, extras, where=str(root))
    report = ReadReport(len(table), {reason: n for reason, n in left_out.items() if n}, notes=notes)
    folder = root if any(media["audio"]) or any(media["video"]) else None
    return Corpus("mosi", table, SCALES["mosi"], LICENCE, CITATION, report, folder)


def _transcripts(folder: Path) -> dict[tuple[str, int], str]:
    """(video, segment) -> words."""
    found = {}
    for path in visible(folder, "*.annotprocessed"):
        for number, line in enumerate(path.read_bytes().decode("latin-1").splitlines(), 1):
            if not line.strip():
                continue
            segment = _SEGMENT.fullmatch(line.strip())
            if segment is None:
                raise DataError(f"{path}: line {number}: {line[:80]!r} is not <k>_DELIM_<TEXT>")
            found[path.stem, int(segment[1])] = segment[2]
    if not found:
        raise DataError(
            f"{folder}: no transcripts (<video>.annotprocessed); expected Raw/Transcript/Segmented in the root"
        )
    return found
