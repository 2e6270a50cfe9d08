"""RAVDESS: 24 actors speak (and sing) two sentences in eight emotions.

``Actor_NN/MM-CC-EE-II-SS-RR-AA.wav`` (or .flac, .mp4), also inside the folders of the released archives: MM 01 picture and
sound, 02 picture, 03 sound; CC 01 speech, 02 song; EE emotion; II intensity; SS sentence; RR repetition; AA actor (even:
female). A ``manifest.csv`` with columns file and text, where there is one, says the sentences.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from affectspace.affect import parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import AUDIO, VIDEO, deeper, files_below, read_cells, twin, without_media
from affectspace.corpora.schema import ReadReport, build_table
from affectspace.errors import ConfigError, DataError

LICENCE = "CC BY-NC-SA 4.0"
CITATION = (
    "Livingstone, S. R., Russo, F. A. (2018). The Ryerson audio-visual database of emotional speech and song (RAVDESS). "
    "PLoS ONE 13(5)."
)
_NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_CHANNELS = {"speech": ("01",), "song": ("02",), "both": ("01", "02")}
_INTENSITY = {"01": "normal", "02": "strong"}


def read_ravdess(root: Path, *, channel: str = "speech") -> Corpus:
    """Read RAVDESS, a row a performance: audio is its sound, video its clip with sound, or else the one without.

    root: a folder with Actor_01 ... at any depth. channel: "speech", "song" or "both"; what is not asked for is counted.
    id is the file's name without its first number, which the sound and the clips of one performance differ in. person is
    the actor. Copies of a file, and silent clips beside one with sound, are left out and counted; folders that lie deeper
    are noted. Raises DataError for a folder without such files.
    """
    if channel not in _CHANNELS:
        raise ConfigError(f"channel {channel!r}; there are {', '.join(_CHANNELS)}")
    left_out: Counter[str] = Counter()
    found: dict[str, dict[str, str]] = {}
    for path in files_below(root, (*AUDIO, *VIDEO)):
        name = _NAME.fullmatch(path.stem)
        if name is None:
            left_out["a file whose name is not of seven known numbers"] += 1
            continue
        if name[2] not in _CHANNELS[channel]:
            left_out[f"a file of {'song' if name[2] == '02' else 'speech'}, which was not asked for"] += 1
            continue
        files = found.setdefault(path.stem[3:], {})
        if name[1] in files:
            left_out[twin(path, files[name[1]])] += 1
            continue
        files[name[1]] = path.relative_to(root).as_posix()
    if not found:
        raise DataError(f"{root}: no RAVDESS here; expected Actor_NN/03-01-EE-II-SS-RR-AA.wav (or .flac, .mp4)")
    silent = sum("01" in files and "02" in files for files in found.values())
    if silent:
        left_out["a silent clip of a performance whose clip with sound is read"] += silent
    ids = sorted(found, key=lambda name: (name[-2:], name))
    parts = [name.split("-") for name in ids]
    texts = _texts(root)
    columns: dict[str, list[str | None]] = {
        "id": list(ids),
        "person": [part[5] for part in parts],
        "text": [texts.get(name) for name in ids],
        "audio": [found[name].get("03") for name in ids],
        "video": [found[name].get("01", found[name].get("02")) for name in ids],
        "emotion": parse([part[1] for part in parts], "ravdess", str(root)),
    }
    extras = {
        "gender": ["female" if int(part[5]) % 2 == 0 else "male" for part in parts],
        "intensity": [_INTENSITY[part[2]] for part in parts],
        "sentence": [part[3] for part in parts],
        "repetition": [part[4] for part in parts],
        "channel": ["song" if part[0] == "02" else "speech" for part in parts],
    }
    table = build_table("ravdess", columns, extras, where=str(root))
    notes = without_media(columns, ("audio", "video"))
    notes += deeper((file for files in found.values() for file in files.values()), r"Actor_\d\d")
    report = ReadReport(len(table), dict(left_out), notes=notes)
    return Corpus("ravdess", table, None, LICENCE, CITATION, report, root)


def _texts(root: Path) -> dict[str, str]:
    path = root / "manifest.csv"
    if not path.is_file():
        return {}
    cells = read_cells(path, ("file",))
    if "text" not in cells:
        return {}
    return {Path(file).stem[3:]: text for file, text in zip(cells["file"], cells["text"], strict=True)}
