"""CREMA-D: 91 actors, 12 sentences, six emotions as acted, and as perceived from voice, face and both.

``SentenceFilenames.csv``, ``VideoDemographics.csv``, ``summaryTable.csv``, ``tabulatedVotes.csv``;
``AudioWAV/1001_DFA_ANG_XX.wav``, ``VideoFlash/1001_DFA_ANG_XX.flv``: actor, sentence, emotion, level (LO, MD, HI, XX: none).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import MediaFiles, numbers, read_cells, without_media
from affectspace.corpora.schema import ReadReport, build_table
from affectspace.errors import DataError

LICENCE = "ODbL 1.0 (database), DbCL 1.0 (contents)"
CITATION = (
    "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., Verma, R. (2014). CREMA-D: crowd-sourced "
    "emotional multimodal actors dataset. IEEE Transactions on Affective Computing 5(4)."
)
_NAME = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_(LO|MD|HI|XX|X)")
_CHANNELS = {"1": "voice", "2": "face", "3": "both"}  # the first digit of a row's number in tabulatedVotes.csv
_COLUMNS = {"voice": "Voice", "face": "Face", "both": "MultiModal"}  # in summaryTable.csv
_LETTERS = "NHSAFD"


def read_cremad(root: Path, *, media: str | Path | None = None) -> Corpus:
    """Read CREMA-D. emotion is the acted one, level (extra) its strength, person the actor.

    root: the folder of the tables. media: the folder of AudioWAV/ and VideoFlash/ (default: root). ratings: a row a clip
    and channel (voice, face, both): the emotion perceived by most, none where votes are tied (vote keeps the letters), the
    mean strength level 0..100, and where tabulatedVotes.csv is there the votes for each emotion, their number n and the
    share of the majority agreement. Raises DataError for another layout and for names that are not of its form.
    """
    path = root / "SentenceFilenames.csv"
    if not path.is_file():
        raise DataError(f"{root}: no CREMA-D here; expected SentenceFilenames.csv beside AudioWAV/")
    names = read_cells(path, ("Filename",))["Filename"].tolist()
    wrong = next((name for name in names if _NAME.fullmatch(name) is None), None)
    if wrong is not None:
        raise DataError(f"{path}: row {names.index(wrong) + 1}: {wrong!r} is not ACTOR_SENTENCE_EMOTION_LEVEL")
    folder = root if media is None else Path(media).expanduser()
    files = MediaFiles(folder)
    fields = [name.split("_") for name in names]
    columns: dict[str, list[str | None]] = {
        "id": list(names),
        "person": [field[0] for field in fields],
        "audio": [files.find("AudioWAV", name, (".wav", ".flac")) for name in names],
        "video": [files.find("VideoFlash", name, (".flv", ".mp4")) for name in names],
        "emotion": parse([field[2] for field in fields], "cremad", str(path), rows=names),
    }
    extras: dict[str, Any] = {"sentence": [field[1] for field in fields], "level": [field[3] for field in fields]}
    extras |= _people(root, [field[0] for field in fields])
    table = build_table("cremad", columns, extras, where=str(path))
    notes = without_media(columns, ("audio", "video"))
    ratings = _ratings(root, set(names), notes)
    has_media = any(columns["audio"]) or any(columns["video"])
    report = ReadReport(len(table), notes=notes)
    return Corpus("cremad", table, None, LICENCE, CITATION, report, folder if has_media else None, ratings)


def _people(root: Path, actors: list[str]) -> dict[str, Any]:
    path = root / "VideoDemographics.csv"
    if not path.is_file():
        return {}
    cells = read_cells(path, ("ActorID", "Age", "Sex", "Race", "Ethnicity")).set_index("ActorID")
    absent = sorted(set(actors) - set(cells.index))
    if absent:
        raise DataError(f"{path}: no row of actor {absent[0]}, of whom there are clips")
    wanted = cells.loc[actors]
    gender = wanted["Sex"].str.lower().tolist()
    words = {name.lower(): wanted[name].tolist() for name in ("Race", "Ethnicity")}
    return {"gender": gender, "age": numbers(wanted["Age"], "Age", path), **words}


def _ratings(root: Path, known: set[str], notes: list[str]) -> pd.DataFrame | None:
    votes, summary = root / "tabulatedVotes.csv", root / "summaryTable.csv"
    if votes.is_file():
        ratings = _tabulated(votes)
    elif summary.is_file():
        ratings = _summary(summary)
        notes.append("no tabulatedVotes.csv: ratings without counts of votes")
    else:
        notes.append("neither tabulatedVotes.csv nor summaryTable.csv: no ratings")
        return None
    of_clips = ratings["id"].isin(known)
    if not of_clips.all():
        notes.append(f"{int((~of_clips).sum()):,} ratings are of clips that SentenceFilenames.csv does not have")
    absent = 3 * len(known) - int(of_clips.sum())
    if absent:
        notes.append(f"{absent:,} ratings of a clip and channel are not there")
    return ratings[of_clips].reset_index(drop=True)


def _tabulated(path: Path) -> pd.DataFrame:
    cells = read_cells(path, ("fileName", "numResponses", "agreement", "emoVote", "meanEmoResp", *_LETTERS))
    digits = cells.iloc[:, 0].str[:1]
    unknown = ~digits.isin(_CHANNELS)
    if unknown.any():
        row = int(unknown.to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 1} has the number {cells.iloc[row, 0]!r}, which begins with no channel (1, 2, 3)"
        )
    counted = np.array([numbers(cells[letter], letter, path) for letter in _LETTERS], dtype=np.float64).astype(np.int64)
    categories = [str(category) for category in parse(list(_LETTERS), "cremad")]
    return pd.DataFrame(
        {
            "id": cells["fileName"],
            "channel": digits.map(_CHANNELS),
            "emotion": pd.Series(_perceived(cells["emoVote"]), dtype=object),
            "vote": cells["emoVote"],
            "level": numbers(cells["meanEmoResp"], "meanEmoResp", path),
            **dict(zip(categories, counted, strict=True)),
            "n": np.array(numbers(cells["numResponses"], "numResponses", path)).astype(np.int64),
            "agreement": numbers(cells["agreement"], "agreement", path),
        }
    )


def _summary(path: Path) -> pd.DataFrame:
    cells = read_cells(
        path, ("FileName", *(f"{name}{what}" for name in _COLUMNS.values() for what in ("Vote", "Level")))
    )
    frames = []
    for channel, name in _COLUMNS.items():
        vote, level = cells[f"{name}Vote"], cells[f"{name}Level"]
        single = level.where(~level.str.contains(":"), "")  # one level an emotion where votes are tied
        frame = {"id": cells["FileName"], "channel": channel}
        frame |= {"emotion": pd.Series(_perceived(vote), dtype=object), "vote": vote}
        frames.append(pd.DataFrame(frame | {"level": numbers(single, f"{name}Level", path)}))
    return pd.concat(frames, ignore_index=True)


def _perceived(votes: pd.Series) -> list[str | None]:
    """The emotion of most votes; None where several have as many ("A:D")."""
    return parse(["" if ":" in vote else vote for vote in votes], "cremad")
