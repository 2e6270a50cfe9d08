"""MELD: utterances of a television series with seven emotions and three sentiments.

``{train,dev,test}_sent_emo.csv`` and, if present, clips at any depth: ``train_splits/dia0_utt0.mp4``,
``dev_splits_complete/``, ``output_repeated_splits_test/``. Numbers of dialogues start at 0 in each list.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import files_below, missing_media_notes
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError
from affectspace.tables.reading import read_table

_PARTS = {"train": "train", "dev": "validation", "test": "test"}
_FOLDERS = {"train_splits": "train", "dev_splits_complete": "dev", "output_repeated_splits_test": "test"}
_SENTIMENTS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
_NEEDED = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode")
_EXTRAS = ("season", "episode", "utterance", "split")
_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
_CONTROLS = re.compile("[\x80-\x9f]")


def read_meld(root: Path, *, media: str | Path | None = None) -> Corpus:
    """Read MELD. person is the speaker, session the episode, sentiment -1, 0 or 1; start and end are seconds in the episode.

    root: the folder of the lists (one of the three is enough), of the repository, or of the archives. media: the folder of
    the clips, default root; a clip holds only its utterance. The text is unchanged, with typographic apostrophes; where a
    list was saved as Latin-1, the control characters that replace them are repaired and counted.
    """
    lists = _find_lists(root)
    if not lists:
        raise DataError(f"{root}: no MELD here; expected train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv")
    folder = root if media is None else Path(media).expanduser()
    clips = _find_clips(folder)
    repaired: Counter[str] = Counter()
    frame = pd.concat([_read_list(part, path, clips, repaired) for part, path in lists.items()], ignore_index=True)
    notes = [f"no {part}_sent_emo.csv found" for part in _PARTS if part not in lists]
    notes.append("sentiment is -1, 0 or 1; start and end are times in the episode, and each clip holds one utterance")
    return Corpus.build(
        "meld",
        {str(name): frame[name] for name in frame if name not in _EXTRAS},
        {name: frame[name] for name in _EXTRAS},
        where=root,
        repaired=repaired,
        notes=notes + missing_media_notes({"video": frame["video"].tolist()}),
        media=folder,
    )


def _find_lists(root: Path) -> dict[str, Path]:
    """Part -> its list: in the root, in data/MELD (the repository), or in the folder of the part (the archive)."""
    lists = {}
    for part in _PARTS:
        for folder in (root, root / "data" / "MELD", root / part):
            if part not in lists and (folder / f"{part}_sent_emo.csv").is_file():
                lists[part] = folder / f"{part}_sent_emo.csv"
    return lists


def _find_clips(folder: Path) -> dict[tuple[str, str], str]:
    """(part, stem) -> path of the clip relative to the folder."""
    paths = files_below(folder, (".mp4",)) if folder.is_dir() else ()
    return {
        (_FOLDERS[path.parent.name], path.stem): path.relative_to(folder).as_posix()
        for path in paths
        if path.parent.name in _FOLDERS
    }


def _read_list(part: str, path: Path, clips: dict[tuple[str, str], str], repaired: Counter[str]) -> pd.DataFrame:
    cells = read_table(path, _NEEDED)
    stems = "dia" + cells["Dialogue_ID"] + "_utt" + cells["Utterance_ID"]
    unknown = ~cells["Sentiment"].isin(_SENTIMENTS)
    if unknown.any():
        row = int(unknown.to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 1}: sentiment is {cells['Sentiment'][row]!r}; known are {', '.join(_SENTIMENTS)}"
        )
    return pd.DataFrame(
        {
            "id": part + "_" + stems,
            "person": [_repaired(cell, repaired) for cell in cells["Speaker"]],
            "session": "s" + cells["Season"].str.zfill(2) + "e" + cells["Episode"].str.zfill(2),
            "dialogue": part + "_dia" + cells["Dialogue_ID"],
            "text": [_repaired(cell, repaired) for cell in cells["Utterance"]],
            "video": pd.Series([clips.get((part, stem)) for stem in stems], dtype=object),
            "start": _seconds(cells, "StartTime", path, repaired),
            "end": _seconds(cells, "EndTime", path, repaired),
            "emotion": pd.Series(parse_emotions(cells["Emotion"], "meld", str(path)), dtype=object),
            "sentiment": cells["Sentiment"].map(_SENTIMENTS),
            "season": cells["Season"],
            "episode": cells["Episode"],
            "utterance": cells["Utterance_ID"].astype(int),
            "split": _PARTS[part],
        }
    )


def _repaired(text: str, repaired: Counter[str]) -> str:
    """Replace C1 control characters, which are Windows-1252 characters read as Latin-1."""
    if not _CONTROLS.search(text):
        return text
    repaired["typographic characters that were saved as Latin-1 controls"] += 1
    return _CONTROLS.sub(lambda match: match[0].encode("latin-1").decode("cp1252", "replace"), text)


def _seconds(cells: pd.DataFrame, column: str, path: Path, repaired: Counter[str]) -> list[float]:
    if column not in cells:
        return [float("nan")] * len(cells)
    values = []
    for row, cell in enumerate(cells[column]):
        time = _TIME.fullmatch(cell.strip())
        if time is None:
            raise DataError(f"{path}: row {row + 1}: {column} is {cell!r}; expected HH:MM:SS,mmm")
        if len(time[4]) < 3:
            repaired["a time with fewer than three digits after the comma, read as milliseconds"] += 1
        hours, minutes, seconds, thousandths = (int(group) for group in time.groups())
        values.append(3600 * hours + 60 * minutes + seconds + thousandths / 1000)
    return values
