"""Berlin EmoDB: ten actors speak ten German sentences in seven emotions.

``wav/03a01Fa.wav``, or flat and as FLAC: speaker (2), sentence (3), emotion (1), version (1). How many listeners recognised
the emotion, and found it natural, stands in ``erkennung.txt`` (tab-separated, Latin-1, comma decimals) or ``manifest.csv``.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from affectspace.affect import parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.files import AUDIO, deeper, files_below, numbers, read_cells, twin
from affectspace.corpora.schema import ReadReport, build_table
from affectspace.errors import DataError

LICENCE = "free for research"
CITATION = (
    "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W., Weiss, B. (2005). A database of German emotional speech. "
    "Interspeech."
)
_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
_WOMEN = ("08", "09", "13", "14", "16")


def read_emodb(root: Path) -> Corpus:
    """Read EmoDB. person is the speaker, sentence (extra) its code; recognised and natural are shares of listeners, 0..1.

    root: the folder that holds wav/, or the recordings. Of two recordings of one name the first is read, the
    other counted. Raises DataError for a folder without recordings, and for an emotion letter that is none.
    """
    left_out: Counter[str] = Counter()
    found: dict[str, str] = {}
    for path in files_below(root, AUDIO):
        name = path.relative_to(root).as_posix()
        if _NAME.fullmatch(path.stem) is None:
            left_out["a file whose name is not speaker, sentence, emotion, version"] += 1
        elif path.stem in found:
            left_out[twin(path, found[path.stem])] += 1
        else:
            found[path.stem] = name
    if not found:
        raise DataError(f"{root}: no EmoDB here; expected wav/03a01Fa.wav and its like")
    ids = list(found)
    shares, notes = _listeners(root)
    columns = {
        "id": ids,
        "person": [name[:2] for name in ids],
        "audio": list(found.values()),
        "emotion": parse([name[5] for name in ids], "emodb", str(root), rows=ids),
    }
    nothing = (float("nan"), float("nan"))
    extras: dict[str, list[str] | list[float]] = {
        "gender": ["female" if name[:2] in _WOMEN else "male" for name in ids],
        "sentence": [name[2:5] for name in ids],
        "version": [name[6] for name in ids],
        "recognised": [shares.get(name, nothing)[0] for name in ids],
        "natural": [shares.get(name, nothing)[1] for name in ids],
    }
    notes += deeper(found.values(), "wav")
    table = build_table("emodb", columns, extras, where=str(root))
    return Corpus("emodb", table, None, LICENCE, CITATION, ReadReport(len(table), dict(left_out), notes=notes), root)


def _listeners(root: Path) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Name -> shares of listeners who recognised the emotion and found it natural."""
    manifest = root / "manifest.csv"
    if manifest.is_file():
        cells = read_cells(manifest, ("file", "recognised_pct", "natural_pct"))
        names = [Path(file).stem for file in cells["file"]]
        recognised, natural = (numbers(cells[name], name, manifest) for name in ("recognised_pct", "natural_pct"))
    elif (root / "erkennung.txt").is_file():
        path = root / "erkennung.txt"
        lines = path.read_bytes().decode("latin-1").splitlines()[1:]
        rows = [[field.strip("\xa0 ") for field in line.split("\t")] for line in lines if line.strip()]
        if any(len(row) < 4 for row in rows):
            raise DataError(f"{path}: expected number, recording, recognised, natural in each line, by tabs")
        names = [Path(row[1]).stem for row in rows]
        recognised = numbers([row[2].replace(",", ".") for row in rows], "erkannt", path)
        natural = numbers([row[3].replace(",", ".") for row in rows], "natuerlich", path)
    else:
        return {}, ["no erkennung.txt or manifest.csv: how listeners judged is not known"]
    pairs = zip(recognised, natural, strict=True)
    return {name: (r / 100, n / 100) for name, (r, n) in zip(names, pairs, strict=True)}, []
