"""AffectNet, as it was given out first and as it has been given out since 2021.

First: ``training.csv`` and ``validation.csv``, in the folder itself or in Manually_Annotated_file_lists/, with the columns
subDirectory_filePath, face_x, face_y, face_width, face_height, facial_landmarks, expression (0..10), valence, arousal
(-2: none). Some copies of training.csv have no header. Images in Manually_Annotated_Images/.

Since 2021: ``train_set/`` and ``val_set/`` with ``images/N.jpg`` (cut faces) and ``annotations/N_exp.npy``, ``N_val.npy`` and
``N_aro.npy``, one value each; N begins again in ``val_set/``. People are not known in either.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import axis_columns
from affectspace.emotions import parse_emotions
from affectspace.errors import DataError, counted
from affectspace.media.files import open_media, plain_name
from affectspace.tables.reading import read_table, to_numbers

_BOX = ("face_x", "face_y", "face_width", "face_height")
_NEEDED = ("subDirectory_filePath", "expression", "valence", "arousal")
_HEADER = ("subDirectory_filePath", *_BOX, "facial_landmarks", "expression", "valence", "arousal")
_LISTS = {"training.csv": "train", "validation.csv": "validation"}
_FOLDERS = ("", *(f"Manually_Annotated{end}" for end in ("_file_lists", "", "/Manually_Annotated_file_lists")))
_SETS = {"train_set": "train", "val_set": "validation"}
_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated_Images.zip")


def read_affectnet(root: Path, *, media: str | Path | None = None) -> Corpus:
    """Read AffectNet.

    root: the folder of the lists, or of train_set/ and val_set/. media: the images, if they are elsewhere. The column split
    is the list or the set; face_x, face_y, face_width, face_height (lists only) are the box of the face in pixels.
    Expressions None, Uncertain and Non-Face are no emotion. Left out and counted are rows with neither an emotion nor valence
    and arousal, missing images (unless all are missing), and images in several rows with different labels.
    """
    sets = [(root / name, part) for name, part in _SETS.items() if (root / name / "annotations").is_dir()]
    read = _read_set if sets else _read_list
    rows = pd.concat([read(path, part) for path, part in sets or _find_lists(root)], ignore_index=True)
    left_out: Counter[str] = Counter()
    labelled = rows[["emotion", "valence", "arousal"]].notna().any(axis=1)
    rows = _keep(rows, labelled, left_out, "neither an emotion nor valence and arousal (Uncertain, Non-Face)")
    rows = _without_duplicates(rows, left_out)
    parts = rows["split"].value_counts()
    notes = [f"{counted(n, 'row')} of {name}" for name, n in parts.items()]
    if len(parts) < len(_LISTS):
        notes.append(f"only one of {' and '.join(_SETS if sets else _LISTS)} was found")
    places = [root] if any((path / "images").is_dir() for path, _ in sets) else [root / name for name in _IMAGES]
    folders = [Path(media)] if media is not None else [place for place in places if place.exists()]
    if not folders:
        notes.append(f"no {'images' if sets else 'Manually_Annotated_Images'} found: labels only")
    else:
        with open_media(folders[0]) as opened:
            present = np.array(opened.present(rows["image"]), dtype=bool)
            if not present.any():
                raise DataError(
                    f"{folders[0]}: none of {len(rows)} images is there, such as {rows['image'].iloc[0]!r}; it has "
                    f"{', '.join(opened.some(2)) or 'nothing'}; give the folder that holds them (media=)"
                )
        rows = _keep(rows, pd.Series(present), left_out, "the image is missing")
    names = ("id", *(["image"] if folders else []), "emotion", "valence", "arousal")
    corpus = Corpus.build(
        "affectnet",
        {name: rows[name] for name in names},
        {name: rows[name] for name in (*([] if sets else _BOX), "split")},
        where=root,
        scale=SCALES["affectnet"],
        left_out=left_out,
        notes=notes,
        media=folders[0] if folders else None,
    )
    return corpus


def _find_lists(root: Path) -> list[tuple[Path, str]]:
    for folder in _FOLDERS:
        lists = [(root / folder / name, part) for name, part in _LISTS.items() if (root / folder / name).is_file()]
        if lists:
            return lists
    raise DataError(
        f"{root}: no AffectNet here; expected training.csv and validation.csv with {_IMAGES[0]}/, or train_set/ and "
        "val_set/ with images/ and annotations/"
    )


def _read_list(path: Path, part: str) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = [cell.strip().strip('"') for cell in file.readline().split(",")]
    headed = "expression" in first
    if not headed and len(first) != len(_HEADER):
        raise DataError(f"{path}: {len(first)} columns without a header; expected {', '.join(_HEADER)}")
    frame = read_table(path, _NEEDED, header=None if headed else _HEADER)
    return _rows(frame, path, part, [f"{i + 1} (line {i + 1 + headed})" for i in range(len(frame))])


def _read_set(folder: Path, part: str) -> pd.DataFrame:
    """Read train_set/ or val_set/: a row for each N, with the value of each of its annotations."""
    names = {"exp": "expression", "val": "valence", "aro": "arousal"}
    cells: dict[str, dict[str, Any]] = {}
    for path in (folder / "annotations").glob("*.npy"):
        number, _, kind = path.stem.rpartition("_")
        if kind in names and not number.startswith("."):
            cells.setdefault(number, {})[names[kind]] = _read_value(path)
    numbers = sorted(cells, key=lambda number: (len(number), number))
    frame = pd.DataFrame([cells[number] for number in numbers], columns=list(names.values()), dtype=object)
    frame["subDirectory_filePath"] = [f"{folder.name}/images/{number}.jpg" for number in numbers]
    return _rows(frame, folder / "annotations", part, numbers)


def _read_value(path: Path) -> Any:
    try:
        value = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: this is no readable .npy file of one value ({error}); copy it again") from None
    if value.size != 1:
        raise DataError(f"{path}: it holds {value.size} values, not one; copy it again")
    return value.item()


def _rows(frame: pd.DataFrame, path: Path, part: str, lines: list[str]) -> pd.DataFrame:
    rows = pd.DataFrame({"image": [plain_name(name) for name in frame["subDirectory_filePath"]]})
    rows["id"] = rows["image"]
    rows["emotion"] = pd.Series(parse_emotions(frame["expression"], "affectnet", str(path), rows=lines), dtype=object)
    native = {axis: to_numbers(frame[axis], axis, path, rows=lines) for axis in ("valence", "arousal")}
    for axis, values in axis_columns(SCALES["affectnet"], native, rows=lines, where=str(path)).items():
        rows[axis] = values
    for name in _BOX:
        cells = frame[name] if name in frame else pd.Series([None] * len(frame), dtype=object)
        rows[name] = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    rows["split"] = part
    return rows


def _keep(rows: pd.DataFrame, mask: pd.Series, left_out: Counter[str], reason: str) -> pd.DataFrame:
    left_out[reason] += int((~mask).sum())
    return rows[mask.to_numpy()].reset_index(drop=True)


def _without_duplicates(rows: pd.DataFrame, left_out: Counter[str]) -> pd.DataFrame:
    """One row for each image: in both lists the validation row, of equal labels the first, of different ones none."""
    validation = set(rows.loc[rows["split"] == "validation", "id"])
    in_both = (rows["split"] == "train") & rows["id"].isin(validation)
    rows = _keep(rows, ~in_both, left_out, "in both lists, kept in validation.csv")
    repeated = rows.duplicated(["id", "emotion", "valence", "arousal"])
    rows = _keep(rows, ~repeated, left_out, "duplicates of an image with the same labels")
    conflicting = rows["id"].duplicated(keep=False)
    return _keep(rows, ~conflicting, left_out, "duplicates of an image with different labels")
