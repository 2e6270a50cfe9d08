"""CREMA-D: 91 actors, 12 sentences, six emotions as acted, and as perceived from the voice, the face and both.

``SentenceFilenames.csv``, ``VideoDemographics.csv``, ``summaryTable.csv``, ``tabulatedVotes.csv``;
``AudioWAV/1001_DFA_ANG_XX.wav``, ``VideoFlash/1001_DFA_ANG_XX.flv``: actor, sentence, emotion, level (LO, MD, HI, XX: none).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import MediaFiles, missing_media_notes
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError, counted
from affectspace.tables.reading import read_table, to_numbers

_NAME = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_(LO|MD|HI|XX|X)")
_CHANNELS = {"1": "voice", "2": "face", "3": "both"}  # the first digit of a row's number in tabulatedVotes.csv
_COLUMNS = {"voice": "Voice", "face": "Face", "both": "MultiModal"}  # in summaryTable.csv
_LETTERS = "NHSAFD"


def read_cremad(root: Path, *, media: str | Path | None = None) -> Corpus:
    """Read CREMA-D. emotion is the acted one, level (extra) its strength, person the actor.

    root: the folder of the tables. media: the folder of AudioWAV/ and VideoFlash/, default root. ratings has a row for each
    clip and channel (voice, face, both): the emotion perceived by most, None if votes are tied (vote keeps the letters); the
    mean strength level, 0..100; and from tabulatedVotes.csv the votes for each emotion, their number n and the agreement, the
    share of the majority.
    """
    path = root / "SentenceFilenames.csv"
    if not path.is_file():
        raise DataError(f"{root}: no CREMA-D here; expected SentenceFilenames.csv beside AudioWAV/")
    names = read_table(path, ("Filename",))["Filename"].tolist()
    wrong = next((name for name in names if _NAME.fullmatch(name) is None), None)
    if wrong is not None:
        raise DataError(f"{path}: row {names.index(wrong) + 1}: {wrong!r} is not ACTOR_SENTENCE_EMOTION_LEVEL")
    folder = root if media is None else Path(media).expanduser()
    files = MediaFiles(folder)
    actors, sentences, codes, levels = (
        list(column) for column in zip(*(name.split("_") for name in names), strict=True)
    )
    paths = {
        "audio": [files.find("AudioWAV", name, (".wav", ".flac")) for name in names],
        "video": [files.find("VideoFlash", name, (".flv", ".mp4")) for name in names],
    }
    notes = missing_media_notes(paths)
    return Corpus.build(
        "cremad",
        {"id": names, "person": actors, **paths, "emotion": parse_emotions(codes, "cremad", str(path), rows=names)},
        {"sentence": sentences, "level": levels, **_demographics(root, actors)},
        where=path,
        ratings=_ratings(root, set(names), notes),
        notes=notes,
        media=folder,
    )


def _demographics(root: Path, actors: list[str]) -> dict[str, Any]:
    path = root / "VideoDemographics.csv"
    if not path.is_file():
        return {}
    cells = read_table(path, ("ActorID", "Age", "Sex", "Race", "Ethnicity")).set_index("ActorID")
    absent = sorted(set(actors) - set(cells.index))
    if absent:
        raise DataError(f"{path}: no row for actor {absent[0]}, who has clips")
    rows = cells.loc[actors]
    numbers = {"gender": rows["Sex"].str.lower().tolist(), "age": to_numbers(rows["Age"], "Age", path)}
    return numbers | {name.lower(): rows[name].tolist() for name in ("Race", "Ethnicity")}


def _ratings(root: Path, names: set[str], notes: list[str]) -> pd.DataFrame | None:
    votes, summary = root / "tabulatedVotes.csv", root / "summaryTable.csv"
    if votes.is_file():
        ratings = _tabulated_votes(votes)
    elif summary.is_file():
        ratings = _summary_table(summary)
        notes.append("no tabulatedVotes.csv: ratings without counts of votes")
    else:
        notes.append("neither tabulatedVotes.csv nor summaryTable.csv: no ratings")
        return None
    known = ratings["id"].isin(names)
    if not known.all():
        notes.append(
            f"{counted(int((~known).sum()), 'rating', 'is')} of clips that SentenceFilenames.csv does not list"
        )
    absent = 3 * len(names) - int(known.sum())
    if absent:
        notes.append(f"without {counted(absent, 'rating')} of a clip and channel")
    return ratings[known].reset_index(drop=True)


def _tabulated_votes(path: Path) -> pd.DataFrame:
    cells = read_table(path, ("fileName", "numResponses", "agreement", "emoVote", "meanEmoResp", *_LETTERS))
    channels = cells.iloc[:, 0].str[:1].map(_CHANNELS)
    if channels.isna().any():
        row = int(channels.isna().to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 1} has the number {cells.iloc[row, 0]!r}; its first digit must be a channel (1, 2, 3)"
        )

    def integers(name: str) -> np.ndarray:
        return to_numbers(cells[name], name, path).astype(np.int64)

    return pd.DataFrame(
        {
            "id": cells["fileName"],
            "channel": channels,
            "emotion": _perceived(cells["emoVote"]),
            "vote": cells["emoVote"],
            "level": to_numbers(cells["meanEmoResp"], "meanEmoResp", path),
            **{str(parse_emotions([letter], "cremad")[0]): integers(letter) for letter in _LETTERS},
            "n": integers("numResponses"),
            "agreement": to_numbers(cells["agreement"], "agreement", path),
        }
    )


def _summary_table(path: Path) -> pd.DataFrame:
    needed = [f"{name}{kind}" for name in _COLUMNS.values() for kind in ("Vote", "Level")]
    cells = read_table(path, ("FileName", *needed))
    frames = []
    for channel, name in _COLUMNS.items():
        vote, level = cells[f"{name}Vote"], cells[f"{name}Level"]
        single = level.where(~level.str.contains(":"), "")  # one level for each emotion if votes are tied
        frame = {"id": cells["FileName"], "channel": channel, "emotion": _perceived(vote), "vote": vote}
        frames.append(pd.DataFrame(frame | {"level": to_numbers(single, f"{name}Level", path)}))
    return pd.concat(frames, ignore_index=True)


def _perceived(votes: pd.Series) -> pd.Series:
    """The emotion with the most votes; None if several have equally many ("A:D")."""
    return pd.Series(parse_emotions(["" if ":" in vote else vote for vote in votes], "cremad"), dtype=object)
