"""AffectNet: the manually annotated lists and images.

``training.csv`` and ``validation.csv`` (beside the images or in Manually_Annotated_file_lists/) with the columns
subDirectory_filePath, face_x, face_y, face_width, face_height, facial_landmarks, expression (0..10), valence, arousal
(-2: none); some copies of training.csv have no header. Images in Manually_Annotated_Images/. People are not known.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.affect import SCALES, parse
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import ReadReport, axis_columns, build_table
from affectspace.errors import DataError
from affectspace.media.files import open_media, plain_name
from affectspace.tables.messages import long_row, reason, short_row

LICENCE = "research only; signed agreement with its owner (University of Denver)"
CITATION = (
    "Mollahosseini, A., Hasani, B., Mahoor, M. H. (2019). AffectNet: a database for facial expression, valence, and "
    "arousal computing in the wild. IEEE Transactions on Affective Computing 10(1)."
)
_HEADER = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
_BOX = _HEADER[1:5]
_NEEDED = ("subDirectory_filePath", "expression", "valence", "arousal")
_LISTS = (("training.csv", "train"), ("validation.csv", "validation"))
_FOLDERS = (
    "",
    "Manually_Annotated_file_lists",
    "Manually_Annotated",
    "Manually_Annotated/Manually_Annotated_file_lists",
)
_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated_Images.zip")


def read_affectnet(root: Path, *, media: str | Path | None = None) -> Corpus:
    """Read AffectNet. Its lists are the column split; the box of the face (pixels) is in face_x, face_y, face_width,
    face_height.

    root: the folder of the lists. media: the images where they are elsewhere. Expressions None, Uncertain and
    Non-Face are no emotion; rows with neither emotion nor valence and arousal are left out and counted, as are
    missing images (where there are any) and images in several rows with different labels. Raises DataError for
    another layout, an unknown expression and values outside [-1, 1], naming file and line.
    """
    frames = [_read_list(path, part) for path, part in _find_lists(root)]
    rows = pd.concat(frames, ignore_index=True)
    left_out: Counter[str] = Counter()
    rows = _keep(rows, rows["emotion"].notna() | rows["valence"].notna() | rows["arousal"].notna(), left_out,
                 "neither an emotion nor valence and arousal (Uncertain, Non-Face)")  # fmt: skip
    rows = _without_duplicates(rows, left_out)
    notes = [f"{n:,} rows of {name}" for name, n in rows["split"].value_counts().items()]
    if len(frames) < len(_LISTS):
        notes.append("only one of training.csv and validation.csv is here")
    folder = (
        Path(media) if media is not None else next((root / name for name in _IMAGES if (root / name).exists()), None)
    )
    if folder is None:
        notes.append("no Manually_Annotated_Images here: labels alone")
    else:
        with open_media(folder) as opened:
            present = np.array(opened.present(rows["image"]), dtype=bool)
            if not present.any():
                raise DataError(
                    f"{folder}: none of {len(rows)} images is there, such as {rows['image'].iloc[0]!r}; it has "
                    f"{', '.join(opened.some(2)) or 'nothing'}; name the folder that holds them (media=)"
                )
        rows = _keep(rows, pd.Series(present), left_out, "the image is missing")
    if not len(rows):
        raise DataError(f"{root}: no row is left; {ReadReport(0, dict(left_out)).to_text()}")
    columns = {name: rows[name] for name in ("id", "image", "emotion", "valence", "arousal")}
    if folder is None:
        del columns["image"]
    extras = {name: rows[name] for name in (*_BOX, "split")}
    table = build_table("affectnet", columns, extras, where=str(root))
    report = ReadReport(len(table), dict(left_out), {}, notes)
    return Corpus("affectnet", table, SCALES["affectnet"], LICENCE, CITATION, report, folder)


def _find_lists(root: Path) -> list[tuple[Path, str]]:
    for folder in _FOLDERS:
        found = [(root / folder / name, part) for name, part in _LISTS if (root / folder / name).is_file()]
        if found:
            return found
    raise DataError(f"{root}: no AffectNet here; expected training.csv and validation.csv, with {_IMAGES[0]}/")


def _read_list(path: Path, part: str) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = [cell.strip().strip('"') for cell in file.readline().lstrip("\ufeff").split(",")]
        headed = "expression" in first
        if headed and (absent := [name for name in _NEEDED if name not in first]):
            raise DataError(f"{path}: no column {', '.join(absent)}; it has {', '.join(first)}")
        if not headed and len(first) != len(_HEADER):
            raise DataError(f"{path}: {len(first)} columns without a header; expected {', '.join(_HEADER)}")
        wanted = set(_HEADER) - {"facial_landmarks"}
        frame = pd.read_csv(
            path,
            header=0 if headed else None,
            names=None if headed else list(_HEADER),
            usecols=lambda name: name.lstrip("\ufeff") in wanted,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a CSV that can be read ({reason(error)}); copy it again from the corpus"
        ) from error
    uneven = long_row(path, ",") or (short_row(path, ",") if (frame["arousal"] == "").any() else None)
    if uneven:  # of chosen columns the parser drops what is too much, in silence
        raise DataError(f"{path}: {uneven}; copy the list again from the corpus")
    lines = [f"{i + 1} (line {i + 1 + headed})" for i in range(len(frame))]
    rows = pd.DataFrame({"image": [plain_name(name) for name in frame["subDirectory_filePath"]]})
    rows["id"] = rows["image"]
    rows["emotion"] = pd.Series(parse(frame["expression"], "affectnet", str(path), rows=lines), dtype=object)
    native = {axis: _numbers(frame[axis], path, lines) for axis in ("valence", "arousal")}
    for axis, values in axis_columns(SCALES["affectnet"], native, rows=lines, where=str(path)).items():
        rows[axis] = values
    for name in _BOX:
        given = frame[name] if name in frame else pd.Series([None] * len(frame), dtype=object)
        rows[name] = pd.to_numeric(given, errors="coerce").astype(np.float64)
    rows["split"] = part
    return rows


def _numbers(cells: pd.Series, path: Path, lines: list[str]) -> np.ndarray:
    values = pd.to_numeric(cells.where(cells != "", None), errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.isnan(values) & (cells != "").to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{path}: row {lines[row]}: {cells.name} is {cells.iloc[row]!r}, which is no number")
    return values


def _keep(rows: pd.DataFrame, mask: pd.Series, left_out: Counter[str], reason: str) -> pd.DataFrame:
    gone = int((~mask).sum())
    if gone:
        left_out[reason] += gone
    return rows[mask.to_numpy()].reset_index(drop=True)


def _without_duplicates(rows: pd.DataFrame, left_out: Counter[str]) -> pd.DataFrame:
    """One row an image: of both lists the validation row, of equal labels the first, of different ones none."""
    validation = set(rows.loc[rows["split"] == "validation", "id"])
    both = (rows["split"] == "train") & rows["id"].isin(validation)
    rows = _keep(rows, ~both, left_out, "in both lists, kept in validation.csv")
    labels = rows[["id", "emotion", "valence", "arousal"]]
    rows = _keep(rows, ~labels.duplicated(), left_out, "duplicates of an image with the same labels")
    different = rows["id"].duplicated(keep=False)
    return _keep(rows, ~different, left_out, "duplicates of an image with different labels")
