"""RAVDESS: 24 actors speak and sing two sentences in eight emotions.

``Actor_NN/MM-CC-EE-II-SS-RR-AA.wav`` (or .flac, .mp3, .mp4), also inside the folders of the released archives: MM 01 picture
and sound, 02 picture, 03 sound; CC 01 speech, 02 song; EE emotion; II intensity; SS sentence; RR repetition; AA actor (even:
female). The words of the sentences are read from a ``manifest.csv`` with columns file and text, if there is one.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import AUDIO, VIDEO, duplicate_reason, files_below, missing_media_notes, subfolder_notes
from affectspace.emotions import parse_emotions
from affectspace.errors import ConfigError, DataError
from affectspace.tables.reading import read_table

_NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_CHANNELS = {"speech": ("01",), "song": ("02",), "both": ("01", "02")}
_INTENSITY = {"01": "normal", "02": "strong"}


def read_ravdess(root: Path, *, channel: str = "speech") -> Corpus:
    """Read RAVDESS, a row for each performance: its sound, and its clip with sound or else the silent clip.

    root: a folder with Actor_01 ... at any depth. channel: "speech", "song" or "both". id is the file's name without its
    first number, in which the sound and the clips of a performance differ. Left out and counted are files of the other
    channel, copies of a file, and silent clips beside one with sound; files in subfolders are noted.
    """
    if channel not in _CHANNELS:
        raise ConfigError(f"unknown channel {channel!r}; choose from {', '.join(_CHANNELS)}")
    left_out: Counter[str] = Counter()
    performances: dict[str, dict[str, str]] = {}  # id -> first number -> path
    for path in files_below(root, (*AUDIO, *VIDEO)):
        name = _NAME.fullmatch(path.stem)
        if name is None:
            left_out["a file whose name is not seven known numbers"] += 1
            continue
        if name[2] not in _CHANNELS[channel]:
            left_out[f"a file of {'song' if name[2] == '02' else 'speech'}, the other channel"] += 1
            continue
        files = performances.setdefault(path.stem[3:], {})
        if name[1] in files:
            left_out[duplicate_reason(path, files[name[1]])] += 1
            continue
        files[name[1]] = path.relative_to(root).as_posix()
    if not performances:
        raise DataError(f"{root}: no RAVDESS here; expected Actor_NN/03-01-EE-II-SS-RR-AA.wav (or .flac, .mp4)")
    silent = sum({"01", "02"} <= set(files) for files in performances.values())
    left_out["a silent clip of a performance whose clip with sound is read"] += silent
    ids = sorted(performances, key=lambda name: (name[-2:], name))
    numbers = [name.split("-") for name in ids]
    texts = _texts(root)
    paths = {
        "audio": [performances[name].get("03") for name in ids],
        "video": [performances[name].get("01", performances[name].get("02")) for name in ids],
    }
    every_path = [path for files in performances.values() for path in files.values()]
    return Corpus.build(
        "ravdess",
        {
            "id": ids,
            "person": [actor for *_, actor in numbers],
            "text": [texts.get(name) for name in ids],
            **paths,
            "emotion": parse_emotions([number[1] for number in numbers], "ravdess", str(root)),
        },
        {
            "gender": ["female" if int(actor) % 2 == 0 else "male" for *_, actor in numbers],
            "intensity": [_INTENSITY[number[2]] for number in numbers],
            "sentence": [number[3] for number in numbers],
            "repetition": [number[4] for number in numbers],
            "channel": ["song" if number[0] == "02" else "speech" for number in numbers],
        },
        where=root,
        left_out=left_out,
        notes=missing_media_notes(paths) + subfolder_notes(every_path, r"Actor_\d\d"),
        media=root,
    )


def _texts(root: Path) -> dict[str, str]:
    path = root / "manifest.csv"
    if not path.is_file():
        return {}
    cells = read_table(path, ("file",))
    if "text" not in cells:
        return {}
    return {Path(file).stem[3:]: text for file, text in zip(cells["file"], cells["text"], strict=True)}
