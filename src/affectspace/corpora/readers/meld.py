"""MELD: utterances of a television series with seven emotions and three sentiments.

``{train,dev,test}_sent_emo.csv`` and, where they are, ``train_splits/dia0_utt0.mp4``, ``dev_splits_complete/``,
``output_repeated_splits_test/`` at any depth. Numbers of dialogues begin anew in each list.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from affectspace import affect as emotions
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import files_below, read_cells, without_media
from affectspace.corpora.schema import ReadReport, build_table
from affectspace.errors import DataError

LICENCE = "GPL-3.0 (annotations); the recordings are their owners'"
CITATION = (
    "Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E., Mihalcea, R. (2019). MELD: a multimodal "
    "multi-party dataset for emotion recognition in conversations. ACL."
)
_PARTS = {"train": "train", "dev": "validation", "test": "test"}
_FOLDERS = {"train_splits": "train", "dev_splits_complete": "dev", "output_repeated_splits_test": "test"}
_SENTIMENTS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
_NEEDED = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode")
_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
_CONTROLS = re.compile("[\x80-\x9f]")


def read_meld(root: Path, *, media: str | Path | None = None) -> Corpus:
    """Read MELD. person is the speaker, session the episode, sentiment -1, 0 or 1; start and end are seconds in it.

    root: the folder of the lists (some of the three will do), or the repository's, or that of the archives. media: the
    folder of the clips (default: root), each of which holds its utterance alone. Text stays as it is written, with
    typographic apostrophes; where a list was saved as Latin-1 the control characters that stand for them are put right
    and counted. Raises DataError for another layout, unknown emotions and sentiments.
    """
    lists = _lists(root)
    if not lists:
        raise DataError(f"{root}: no MELD here; expected train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv")
    folder = root if media is None else Path(media).expanduser()
    clips = _clips(folder)
    repaired: Counter[str] = Counter()
    frames = [_read_list(part, path, clips, repaired) for part, path in lists.items()]
    frame = pd.concat(frames, ignore_index=True)
    extras = {name: frame.pop(name) for name in ("season", "episode", "utterance", "split")}
    table = build_table("meld", {str(name): frame[name] for name in frame}, extras, where=str(root))
    notes = [f"no {part}_sent_emo.csv here" for part in _PARTS if part not in lists]
    notes.append("sentiment is -1, 0 or 1; start and end are times in the episode, the clips are cut already")
    notes += without_media({"video": frame["video"].tolist()}, ["video"])
    report = ReadReport(len(table), repaired=dict(repaired), notes=notes)
    return Corpus("meld", table, None, LICENCE, CITATION, report, folder if clips else None)


def _lists(root: Path) -> dict[str, Path]:
    """Part -> its list: in the root, where the repository has it (data/MELD), or in the archive's folder of the part."""
    found = {}
    for part in _PARTS:
        for folder in (root, root / "data" / "MELD", root / part):
            if part not in found and (folder / f"{part}_sent_emo.csv").is_file():
                found[part] = folder / f"{part}_sent_emo.csv"
    return found


def _clips(folder: Path) -> dict[tuple[str, str], str]:
    """(part, stem) -> path of the clip relative to the folder."""
    found = {}
    for path in files_below(folder, (".mp4",)) if folder.is_dir() else ():
        part = _FOLDERS.get(path.parent.name)
        if part is not None:
            found[part, path.stem] = path.relative_to(folder).as_posix()
    return found


def _read_list(part: str, path: Path, clips: dict[tuple[str, str], str], repaired: Counter[str]) -> pd.DataFrame:
    cells = read_cells(path, _NEEDED)
    stems = "dia" + cells["Dialogue_ID"] + "_utt" + cells["Utterance_ID"]
    where = str(path)
    unknown = ~cells["Sentiment"].isin(_SENTIMENTS)
    if unknown.any():
        row = int(unknown.to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 1}: sentiment is {cells['Sentiment'][row]!r}; known are {', '.join(_SENTIMENTS)}"
        )
    return pd.DataFrame(
        {
            "id": part + "_" + stems,
            "person": [_written(cell, repaired) for cell in cells["Speaker"]],
            "session": "s" + cells["Season"].str.zfill(2) + "e" + cells["Episode"].str.zfill(2),
            "dialogue": part + "_dia" + cells["Dialogue_ID"],
            "text": [_written(cell, repaired) for cell in cells["Utterance"]],
            "video": pd.Series([clips.get((part, stem)) for stem in stems], dtype=object),
            "start": _seconds(cells, "StartTime", path, repaired),
            "end": _seconds(cells, "EndTime", path, repaired),
            "emotion": pd.Series(emotions.parse(cells["Emotion"], "meld", where), dtype=object),
            "sentiment": cells["Sentiment"].map(_SENTIMENTS),
            "season": cells["Season"],
            "episode": cells["Episode"],
            "utterance": cells["Utterance_ID"].astype(int),
            "split": _PARTS[part],
        }
    )


def _written(text: str, repaired: Counter[str]) -> str:
    """The text with the C1 control characters, which are Windows-1252 read as Latin-1, put right."""
    if not _CONTROLS.search(text):
        return text
    repaired["typographic characters that were saved as Latin-1 controls"] += 1
    return _CONTROLS.sub(lambda found: found[0].encode("latin-1").decode("cp1252", "replace"), text)


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
