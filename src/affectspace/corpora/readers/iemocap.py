"""IEMOCAP: ten actors in improvised and scripted dialogues, with valence, arousal, dominance and emotions.

``Session{1..5}/dialog/EmoEvaluation/<dialog>.txt`` (labels), ``dialog/transcriptions/<dialog>.txt``,
``sentences/wav/<dialog>/<utterance>.wav``, ``dialog/avi/DivX/<dialog>.avi`` (whole dialogues, two actors side by side).
Latin-1. 1..5, where 0.5 and 5.5 occur. Self-ratings (C-F1, A-M1) are no part of the mean.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, SCALES, parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import MediaFiles, visible, without_media
from affectspace.corpora.schema import ReadReport, axis_columns, build_table
from affectspace.errors import DataError

LICENCE = "research only, signed agreement with its owners (SAIL, University of Southern California)"
CITATION = (
    "Busso, C., Bulut, M., Lee, C.-C., et al. (2008). IEMOCAP: interactive emotional dyadic motion capture database. "
    "Language Resources and Evaluation 42(4)."
)
_ID = re.compile(r"(Ses\d\d)([FM])_((impro|script)\w+)_([FM])\w*")
_HEAD = re.compile(r"\[(\S+) - (\S+)\]\t(\S+)\t(\S+)\t\[(\S+), (\S+), (\S+)\]")
_CATEGORY = re.compile(r"C-([EFM]\d*):\s*(.*?)\s*(?:\((.*)\))?")
_ATTRIBUTE = re.compile(r"A-([EFM]\d*):\s*val\s*([\d.]*);\s*act\s*([\d.]*);\s*dom\s*([\d.]*);?.*")
_SPOKEN = re.compile(r"(Ses\w+)\s+\[\s*[\d.]+\s*-\s*[\d.]+\s*\]:\s*(.*)")
_RATED = ("emotion", "vote", *AXES)


def read_iemocap(root: Path) -> Corpus:
    """Read IEMOCAP. person is session and speaker (Ses01F), who the letter in the last field of an utterance's name is.

    root: the folder of Session1 ... (or the one that holds IEMOCAP_full_release). start and end are seconds in the
    dialogue; audio is the utterance alone, video the whole dialogue (extra cut = "video"), of which half (left, right)
    shows the speaker: the actor with the markers, whom the dialogue is named after, is on the left. scenario is impro01,
    script01_1, ... ratings: a row an utterance and rater: own (a self-rating), emotion (the first one named), vote (all, as
    written), canonical valence, arousal, dominance. Utterances without agreement keep their ratings and have no emotion.
    Raises DataError for another layout and for lines and values that cannot be.
    """
    if not list(root.glob("Session[1-5]")) and (root / "IEMOCAP_full_release").is_dir():
        root = root / "IEMOCAP_full_release"
    paths = [
        path
        for session in sorted(root.glob("Session[1-5]"))
        for path in visible(session / "dialog" / "EmoEvaluation", "Ses*.txt")
    ]
    if not paths:
        raise DataError(f"{root}: no IEMOCAP here; expected Session1/dialog/EmoEvaluation/<dialog>.txt")
    left_out: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    raters: list[dict[str, Any]] = []
    for path in paths:
        texts = _transcripts(path.parents[1] / "transcriptions" / path.name)
        of_file = _read_evaluation(path, raters)
        for row in of_file:
            row["text"] = texts.pop(row["id"], None)
        rows += of_file
        left_out["a transcript without labels"] += len(texts)
    if not rows:
        raise DataError(f"{root}: no utterance in {len(paths):,} files of labels, such as {paths[0]}")
    frame = pd.DataFrame(rows)
    ids = frame["id"].tolist()
    native = frame[list(AXES)].to_numpy()
    scale = SCALES["iemocap"]
    axes = axis_columns(scale, {axis: frame[axis] for axis in AXES}, rows=ids, where=str(root))
    media = _media(root, frame)
    notes = _notes(frame, scale.outside_nominal(native), media)
    ratings = _ratings(raters, root, notes)
    columns = {name: frame[name] for name in ("id", "person", "session", "dialogue", "text", "start", "end")}
    emotion = parse(frame["code"], "iemocap", str(root), rows=ids)
    extras = {name: frame[name] for name in ("gender", "scenario", "improvised", "code", "half")}
    extras["cut"] = pd.Series(["video" if video else None for video in media["video"]], dtype=object)
    table = build_table("iemocap", {**columns, **media, **axes, "emotion": emotion}, extras, where=str(root))
    present = any(media["audio"]) or any(media["video"])
    report = ReadReport(len(table), {reason: n for reason, n in left_out.items() if n}, notes=notes)
    return Corpus("iemocap", table, scale, LICENCE, CITATION, report, root if present else None, ratings)


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _transcripts(path: Path) -> dict[str, str]:
    """Utterance -> words. Lines without an utterance's name (remarks, overheard words) are none of ours."""
    if not path.is_file():
        return {}
    found = (_SPOKEN.fullmatch(line.strip()) for line in _lines(path))
    return {line[1]: line[2] for line in found if line is not None}


def _read_evaluation(path: Path, raters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The utterances of one file of labels; their raters are appended."""
    rows: list[dict[str, Any]] = []
    own: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(_lines(path), 1):
        head = _HEAD.fullmatch(line.rstrip())
        if head is not None:
            rows.append(_utterance(head, path, number))
            own = {}
        elif line.startswith("["):
            raise DataError(
                f"{path}: line {number}: {line[:80]!r} is not [START - END], name, emotion, [V, A, D] by tabs"
            )
        elif line.startswith(("C-", "A-")):
            if not rows:
                raise DataError(f"{path}: line {number}: a rating before any utterance")
            rater, values = _rating(line.strip(), path, number)
            if rater not in own:
                own[rater] = {"id": rows[-1]["id"], "rater": rater, "own": not rater.startswith("E")}
                own[rater] |= dict.fromkeys(_RATED)
                raters.append(own[rater])
            own[rater] |= values
    return rows


def _utterance(head: re.Match[str], path: Path, number: int) -> dict[str, Any]:
    name = head[3]
    fields = _ID.fullmatch(name)
    if fields is None or not name.startswith(f"{path.stem}_"):
        raise DataError(f"{path}: line {number}: {name!r} is no utterance of {path.stem}")
    session, marked, scenario, kind, speaker = fields.groups()
    try:
        start, end, *rated = (float(head[i]) for i in (1, 2, 5, 6, 7))
    except ValueError as error:
        raise DataError(f"{path}: line {number}: {error}; times and ratings are numbers") from error
    return {
        "id": name,
        "person": session + speaker,
        "session": session,
        "dialogue": path.stem,
        "folder": path.parents[2].name,
        "start": start,
        "end": end,
        "code": head[4],
        **dict(zip(AXES, rated, strict=True)),
        "gender": "female" if speaker == "F" else "male",
        "scenario": scenario,
        "improvised": kind == "impro",
        "half": "left" if speaker == marked else "right",
    }


def _rating(line: str, path: Path, number: int) -> tuple[str, dict[str, Any]]:
    """(rater, values) of a C- or A- line."""
    category = _CATEGORY.fullmatch(line)
    if category is not None:
        named = [word.strip() for word in category[2].split(";") if word.strip()]
        first = parse(named[:1], "iemocap", str(path), rows=[f"line {number}"]) or [None]
        return category[1], {"emotion": first[0], "vote": "; ".join(named)}
    attribute = _ATTRIBUTE.fullmatch(line)
    if attribute is None:
        raise DataError(
            f"{path}: line {number}: {line[:80]!r} is neither C-<rater>: emotions nor A-<rater>: val; act; dom"
        )
    values = [float(cell) if cell else float("nan") for cell in attribute.groups()[1:]]
    return attribute[1], dict(zip(AXES, values, strict=True))


def _media(root: Path, frame: pd.DataFrame) -> dict[str, list[str | None]]:
    files = MediaFiles(root)
    audio, video = [], []
    for folder, dialogue, name in zip(frame["folder"], frame["dialogue"], frame["id"], strict=True):
        audio.append(files.find(f"{folder}/sentences/wav/{dialogue}", name, (".wav", ".flac")))
        video.append(files.find(f"{folder}/dialog/avi/DivX", dialogue, (".avi", ".mp4")))
    return {"audio": audio, "video": video}


def _notes(frame: pd.DataFrame, outside: int, media: dict[str, list[str | None]]) -> list[str]:
    notes = [f"{frame['dialogue'].nunique():,} dialogues in {frame['session'].nunique()} sessions"]
    if outside:
        notes.append(f"{outside:,} values are outside the nominal 1..5 (0.5 or 5.5): kept")
    mute = int(frame["text"].isna().sum())
    if mute:
        notes.append(f"{mute:,} utterances have no transcript")
    return notes + without_media(media, ("audio", "video"))


def _ratings(raters: list[dict[str, Any]], root: Path, notes: list[str]) -> pd.DataFrame | None:
    if not raters:
        return None
    frame = pd.DataFrame(raters)
    native = {axis: np.asarray(frame[axis], dtype=np.float64) for axis in AXES}
    rows = [f"{name} by {rater}" for name, rater in zip(frame["id"], frame["rater"], strict=True)]
    scale = replace(SCALES["iemocap"], accepted=(0, 6))  # a mean of 0.5 may be one of 0 and 1
    outside = scale.outside_nominal(np.column_stack(list(native.values())))
    if outside:
        notes.append(f"{outside:,} values of single raters are outside the nominal 1..5: kept")
    return frame.assign(**axis_columns(scale, native, rows=rows, where=f"{root}: ratings"))
