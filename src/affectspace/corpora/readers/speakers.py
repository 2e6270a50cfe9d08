"""Reads what `make_speakers` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from affectspace.affect import AXES, SCALES, parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import COLUMNS, ReadReport, axis_columns, build_table
from affectspace.errors import DataError
from affectspace.media.files import FolderMedia

INDEX, ABOUT = "index.csv", "corpus.json"
KIND, MAKING = "synthetic speakers", "making"  # in corpus.json: of what kind, and the state until all are made
_REMEDY = "make them with `affectspace corpus make speakers OUT`"
_TEXT = ("id", "person", "session", "dialogue", "text", "audio", "video", "emotion", "label_kind", "topic")


def read_speakers(root: str | Path) -> Corpus:
    """The corpus of synthetic speakers in a folder that `make_speakers` wrote.

    valence, arousal and dominance are the truth of each moment; emotion is the nearest of Russell & Mehrabian's terms.
    Further columns are the private truth: topic, turn, the person's voice and home base, the microphone, the place. Raises
    DataError where the folder is not such a one, is not finished, or a file is missing.
    """
    root = Path(root).expanduser()
    about = read_about(root)
    if about.get("state") == MAKING:
        raise DataError(
            f"{root}: not all is made yet; when no other command makes it, run `affectspace corpus make speakers "
            f"{root}` again with the same options"
        )
    where = str(root / INDEX)
    try:
        index = pd.read_csv(root / INDEX, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise DataError(f"{root}: no {INDEX}; {_REMEDY}") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{where}: not a CSV table ({error}); {_REMEDY}") from None
    absent = [name for name in (*_TEXT, *AXES) if name not in index]
    if absent:
        raise DataError(f"{where}: no column {', '.join(absent)}; {_REMEDY}")
    if about.get("rows") != len(index):
        raise DataError(f"{where}: {len(index)} rows, but {ABOUT} counts {about.get('rows')}; {_REMEDY}")
    _check_files(root, index)
    columns: dict[str, Any] = {name: index[name] for name in _TEXT if name not in ("emotion", "topic")}
    axes = {axis: index[axis] for axis in AXES}
    columns |= axis_columns(SCALES["canonical"], axes, rows=index["id"].tolist(), where=where)
    columns["emotion"] = parse(index["emotion"].tolist(), where=where)
    table = build_table("speakers", columns, {str(c): index[c] for c in index if c not in COLUMNS}, where=where)
    notes = ["synthetic people: valence, arousal and dominance are the truth of each moment"]
    for kind in ("text", "audio", "video"):
        lacking = int(table[kind].isna().sum())
        if lacking:
            notes.append(f"{lacking:,} rows without {kind}, as asked for")
    return Corpus(
        name="speakers",
        table=table,
        scale=SCALES["canonical"],
        licence="made by affectspace (Apache-2.0); no real person",
        citation="affectspace, synthetic speakers",
        report=ReadReport(len(table), notes=notes),
        media=root if index["audio"].notna().any() or index["video"].notna().any() else None,
    )


def read_about(root: Path) -> dict[str, Any]:
    """corpus.json of a folder of speakers. Raises DataError where there is none of ours."""
    path = root / ABOUT
    if not path.is_file():
        raise DataError(f"{root}: no {ABOUT}, so no folder of synthetic speakers; {_REMEDY}")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not JSON ({error}); {_REMEDY}") from None
    if not isinstance(about, dict) or about.get("kind") != KIND:
        raise DataError(f"{path}: not of synthetic speakers; {_REMEDY}")
    return about


def _check_files(root: Path, index: pd.DataFrame) -> None:
    media = FolderMedia(root)
    for kind in ("audio", "video"):
        names = index[kind].dropna().tolist()
        gone = [name for name, there in zip(names, media.present(names), strict=True) if not there]
        if gone:
            raise DataError(
                f"{root}: {len(gone)} {kind} files of {INDEX} are not there, the first {gone[0]!r}; {_REMEDY}"
            )
