"""IEMOCAP: ten actors in improvised and scripted dialogues, with valence, arousal, dominance and emotions.

``Session{1..5}/dialog/EmoEvaluation/<dialog>.txt`` (labels), ``dialog/transcriptions/<dialog>.txt``,
``sentences/wav/<dialog>/<utterance>.wav``, ``dialog/avi/DivX/<dialog>.avi`` (whole dialogues, two actors side by side). The
files are Latin-1. The scale is 1..5, but 0.5 and 5.5 occur. Self-ratings (C-F1, A-M1) are not part of the mean.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from affectspace.affect import AXES, SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import MediaFiles, missing_media_notes, visible_files
from affectspace.corpora.schema import axis_columns
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError, counted

_SCALE = SCALES["iemocap"]
_ID = re.compile(r"(Ses\d\d)([FM])_((impro|script)\w+)_([FM])\w*")
_HEAD = re.compile(r"\[(\S+) - (\S+)\]\t(\S+)\t(\S+)\t\[(\S+), (\S+), (\S+)\]")
_CATEGORY = re.compile(r"C-([EFM]\d*):\s*(.*?)\s*(?:\((.*)\))?")
_ATTRIBUTE = re.compile(r"A-([EFM]\d*):\s*val\s*([\d.]*);\s*act\s*([\d.]*);\s*dom\s*([\d.]*);?.*")
_SPOKEN = re.compile(r"(Ses\w+)\s+\[\s*[\d.]+\s*-\s*[\d.]+\s*\]:\s*(.*)")


def read_iemocap(root: Path) -> Corpus:
    """Read IEMOCAP. person is session and speaker (Ses01F); the speaker is the letter in the last field of the name.

    root: the folder of Session1 ..., or the one that holds IEMOCAP_full_release. start and end are seconds in the dialogue.
    audio holds the utterance alone, video the whole dialogue (extra cut = "video"), of which half (left or right) shows the
    speaker: the actor with the markers, after whom the dialogue is named, is on the left. scenario is impro01, script01_1,
    ... ratings has a row for each utterance and rater: own (a self-rating), emotion (the first one named), vote (all, as
    written), canonical valence, arousal, dominance. Utterances without agreement have ratings but no emotion.
    """
    if not list(root.glob("Session[1-5]")) and (root / "IEMOCAP_full_release").is_dir():
        root = root / "IEMOCAP_full_release"
    paths = [
        path
        for session in sorted(root.glob("Session[1-5]"))
        for path in visible_files(session / "dialog" / "EmoEvaluation", "Ses*.txt")
    ]
    if not paths:
        raise DataError(f"{root}: no IEMOCAP here; expected Session1/dialog/EmoEvaluation/<dialog>.txt")
    left_out: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    votes: list[dict[str, Any]] = []
    for path in paths:
        texts = _read_transcripts(path.parents[1] / "transcriptions" / path.name)
        utterances = _read_evaluation(path, votes)
        for row in utterances:
            row["text"] = texts.pop(row["id"], None)
        rows += utterances
        left_out["a transcript without labels"] += len(texts)
    if not rows:
        raise DataError(f"{root}: no utterance in {len(paths):,} files of labels, such as {paths[0]}")
    frame = pd.DataFrame(rows)
    media = _find_media(root, frame)
    notes = _notes(frame, media)
    columns: dict[str, Any] = {name: frame[name] for name in ("person", "session", "dialogue", "text", "start", "end")}
    columns["emotion"] = parse_emotions(frame["code"], "iemocap", str(root), rows=frame["id"].tolist())
    extras = {name: frame[name] for name in ("gender", "scenario", "improvised", "code", "half")}
    extras["cut"] = pd.Series(["video" if video else None for video in media["video"]], dtype=object)
    return Corpus.build(
        "iemocap",
        {"id": frame["id"].tolist(), **columns, **media},
        extras,
        where=root,
        scale=_SCALE,
        native={axis: frame[axis] for axis in AXES},
        left_out=left_out,
        ratings=_ratings(votes, root, notes),
        notes=notes,
        media=root,
    )


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _read_transcripts(path: Path) -> dict[str, str]:
    """Utterance -> words. Lines without the name of an utterance (remarks, overheard words) are skipped."""
    if not path.is_file():
        return {}
    matches = (_SPOKEN.fullmatch(line.strip()) for line in _lines(path))
    return {match[1]: match[2] for match in matches if match is not None}


def _read_evaluation(path: Path, votes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The utterances of one file of labels. The ratings of single raters are appended to `votes`."""

    def fail(reason: str) -> NoReturn:
        raise DataError(f"{path}: line {number}: {reason}")

    rows: list[dict[str, Any]] = []
    raters: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(_lines(path), 1):
        head = _HEAD.fullmatch(line.rstrip())
        if head is not None:
            try:
                rows.append(_utterance(head, path))
            except ValueError as error:
                fail(str(error))
            raters = {}
        elif line.startswith("["):
            fail(f"{line[:80]!r} is not [START - END], name, emotion, [V, A, D], separated by tabs")
        elif line.startswith(("C-", "A-")):
            if not rows:
                fail("a rating before any utterance")
            rating = _rating(line.strip(), f"{path}: line {number}")
            if rating is None:
                fail(f"{line[:80]!r} is neither C-<rater>: emotions nor A-<rater>: val; act; dom")
            rater, values = rating
            if rater not in raters:
                raters[rater] = {"id": rows[-1]["id"], "rater": rater, "own": not rater.startswith("E")}
                raters[rater] |= dict.fromkeys(("emotion", "vote", *AXES))
                votes.append(raters[rater])
            raters[rater] |= values
    return rows


def _utterance(head: re.Match[str], path: Path) -> dict[str, Any]:
    """A row of the table. Raises ValueError with the reason."""
    name = head[3]
    fields = _ID.fullmatch(name)
    if fields is None or not name.startswith(f"{path.stem}_"):
        raise ValueError(f"{name!r} is not an utterance of {path.stem}")
    session, marked, scenario, kind, speaker = fields.groups()
    start, end, *rated = (float(head[i]) for i in (1, 2, 5, 6, 7))
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


def _rating(line: str, where: str) -> tuple[str, dict[str, Any]] | None:
    """(rater, values) of a C- or A- line; None if it is neither."""
    category = _CATEGORY.fullmatch(line)
    if category is not None:
        names = [name.strip() for name in category[2].split(";") if name.strip()]
        first = parse_emotions(names[:1], "iemocap", where) or [None]
        return category[1], {"emotion": first[0], "vote": "; ".join(names)}
    attribute = _ATTRIBUTE.fullmatch(line)
    if attribute is None:
        return None
    values = [float(cell) if cell else np.nan for cell in attribute.groups()[1:]]
    return attribute[1], dict(zip(AXES, values, strict=True))


def _find_media(root: Path, frame: pd.DataFrame) -> dict[str, list[str | None]]:
    files = MediaFiles(root)
    rows = list(zip(frame["folder"], frame["dialogue"], frame["id"], strict=True))
    wavs = [
        files.find(f"{folder}/sentences/wav/{dialogue}", name, (".wav", ".flac")) for folder, dialogue, name in rows
    ]
    avis = [files.find(f"{folder}/dialog/avi/DivX", dialogue, (".avi", ".mp4")) for folder, dialogue, _ in rows]
    return {"audio": wavs, "video": avis}


def _notes(frame: pd.DataFrame, media: dict[str, list[str | None]]) -> list[str]:
    notes = [f"{counted(frame['dialogue'].nunique(), 'dialogue')} in {counted(frame['session'].nunique(), 'session')}"]
    outside = _SCALE.outside_nominal(frame[list(AXES)].to_numpy())
    if outside:
        notes.append(f"{counted(outside, 'value')} outside the nominal 1..5 (0.5 or 5.5) kept")
    silent = int(frame["text"].isna().sum())
    if silent:
        notes.append(f"{counted(silent, 'utterance', 'has')} no transcript")
    return notes + missing_media_notes(media)


def _ratings(votes: list[dict[str, Any]], root: Path, notes: list[str]) -> pd.DataFrame | None:
    if not votes:
        return None
    frame = pd.DataFrame(votes)
    native = {axis: np.asarray(frame[axis], dtype=np.float64) for axis in AXES}
    rows = [f"{name} by {rater}" for name, rater in zip(frame["id"], frame["rater"], strict=True)]
    scale = replace(_SCALE, accepted=(0, 6))  # a mean of 0.5 may be the mean of 0 and 1
    outside = scale.outside_nominal(np.column_stack(list(native.values())))
    if outside:
        notes.append(f"{counted(outside, 'value')} of single raters outside the nominal 1..5 kept")
    return frame.assign(**axis_columns(scale, native, rows=rows, where=f"{root}: ratings"))
