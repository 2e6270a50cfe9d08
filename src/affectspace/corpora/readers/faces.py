"""Reads what `make_faces` wrote."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from affectspace.affect import SCALES, parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import COLUMNS, ReadReport, axis_columns, build_table
from affectspace.errors import DataError

PICTURES, INDEX, ABOUT = "faces.zip", "index.csv", "corpus.json"
KIND, DRAWING = "drawn faces", "drawing"  # in corpus.json: of what kind, and the state until all are drawn
_TEXT = ("id", "person", "session", "image", "emotion", "label_kind")
_REMEDY = "draw them with `affectspace corpus make faces OUT`"


def read_faces(root: str | Path) -> Corpus:
    """The corpus of drawn faces in a folder that `make_faces` wrote.

    valence and arousal are the truth of each picture, and so are the columns of pose, light, place and person. Raises
    DataError where the folder is not such a one, is not finished, or its files do not belong together.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of drawn faces; {_REMEDY}")
    about = _about(root / ABOUT) if (root / ABOUT).is_file() else {}
    if about.get("state") == DRAWING:
        raise DataError(
            f"{root}: its faces are not all drawn yet; when no other command draws them, run "
            f"`affectspace corpus make faces {root}` again with the same options"
        )
    absent = [name for name in (ABOUT, INDEX, PICTURES) if not (root / name).is_file()]
    if absent:
        raise DataError(f"{root}: no {', '.join(absent)}, so no finished folder of drawn faces; {_REMEDY}")
    index = _index(root / INDEX)
    if about.get("rows") != len(index):
        raise DataError(f"{root / INDEX}: {len(index)} rows, but {ABOUT} counts {about.get('rows')}; {_REMEDY}")
    _check_pictures(root / PICTURES, index)
    where = str(root / INDEX)
    axes = {axis: index[axis] for axis in ("valence", "arousal", "dominance") if axis in index}
    columns: dict[str, Any] = {name: index[name] for name in ("id", "person", "session", "image", "label_kind")}
    columns |= axis_columns(SCALES["canonical"], axes, rows=index["id"].tolist(), where=where)
    if "emotion" in index:
        columns["emotion"] = parse(index["emotion"].tolist(), where=where)
    table = build_table("faces", columns, {str(c): index[c] for c in index if c not in COLUMNS}, where=where)
    return Corpus(
        name="faces",
        table=table,
        scale=SCALES["canonical"].select(tuple(axes)),
        licence="drawn by affectspace (Apache-2.0); no real person",
        citation="affectspace, drawn faces",
        report=ReadReport(len(table), notes=["drawn faces: valence and arousal are the truth of each picture"]),
        media=root / PICTURES,
    )


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not JSON ({error}); {_REMEDY}") from None
    if not isinstance(about, dict) or about.get("kind") != KIND:
        raise DataError(f"{path}: not of drawn faces; {_REMEDY}")
    return about


def _index(path: Path) -> pd.DataFrame:
    try:
        index = pd.read_csv(
            path, dtype=dict.fromkeys(("id", "person", "session", "image", "emotion", "label_kind"), str)
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: not a CSV table ({error}); {_REMEDY}") from None
    needed = ("id", "person", "session", "image", "valence", "arousal", "label_kind")
    absent = [name for name in needed if name not in index]
    if absent:
        raise DataError(f"{path}: no column {', '.join(absent)}; {_REMEDY}")
    return index


def _check_pictures(path: Path, index: pd.DataFrame) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: not a readable zip ({error}); {_REMEDY}") from None
    lost = index.loc[~index["image"].isin(members), "image"]
    if len(lost):
        raise DataError(f"{path}: {len(lost)} pictures of {INDEX} are not in it, the first {lost.iloc[0]!r}; {_REMEDY}")
