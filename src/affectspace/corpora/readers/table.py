"""Anybody's CSV or Parquet, with a folder or zip of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace import affect as emotions
from affectspace.affect import AXES, SCALES
from affectspace.affect import scale as scale_of
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import COLUMNS, ReadReport, axis_columns, build_table
from affectspace.errors import ConfigError, DataError, listed, quoted
from affectspace.media.files import leaves_media, open_media, plain_name
from affectspace.tables.messages import long_row, reason, repeated, short_row

_NUMBERS = ("start", "end", *AXES, "sentiment")
_SETTABLE = tuple(name for name in COLUMNS if name != "corpus")


def parse_columns(text: str) -> dict[str, str]:
    """``image=path,person=actor`` -> {"image": "path", "person": "actor"}: our name of a column <- theirs.

    Raises ConfigError for what is not of that form, for a name that is none of ours and for one named twice.
    """
    columns: dict[str, str] = {}
    for part in text.split(","):
        ours, equals, theirs = (piece.strip() for piece in part.partition("="))
        if not (ours and equals and theirs):
            raise ConfigError(f"columns {text!r}: {part.strip()!r} is not OURS=THEIRS, such as image=path,person=actor")
        if ours in columns:
            raise ConfigError(f"columns {text!r}: {ours} is named twice")
        columns[ours] = theirs
    _check_ours(columns)
    return columns


def read_table(
    root: Path,
    *,
    media: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    emotion_spelling: str | None = None,
    scale: str = "affectnet",
    name: str = "table",
    licence: str = "as its owner states",
    citation: str = "",
) -> Corpus:
    """Read a table, one row a sample. Columns under our names need not be named; what is none of ours is kept as it is.

    root: .csv, .tsv or .parquet. media: folder or zip that the column image is relative to (default: the table's
    folder). columns: our name <- theirs. emotion_spelling: whose spelling of emotions (a key of `SPELLINGS`; default
    English and our own). scale: of valence, arousal, dominance (default [-1, 1], -2 = none). Without a column id the
    image, else the row number (from 0) is the id.

    Rows whose image the media lack, or whose image's path leads out of them, are left out and counted. In messages the
    first row is row 1. Raises DataError for an empty table, a missing column, ids
    that are not unique, an unknown emotion, a value outside the scale (with its row), and where no image is there.
    """
    axes = _scale(scale)
    frame = _read_frame(root)
    given = _named(frame, dict(columns or {}), root)
    repaired: dict[str, int] = {}
    notes: list[str] = []
    built: dict[str, Any] = {ours: frame[theirs] for ours, theirs in given.items() if ours not in _NUMBERS}
    numbers = {ours: _numbers(frame[theirs], ours, root) for ours, theirs in given.items() if ours in _NUMBERS}
    on_axes = {axis: numbers.pop(axis) for axis in AXES if axis in numbers}
    absent = [axis for axis in on_axes if axis not in axes.axes]
    if absent:
        raise DataError(
            f"{root}: a column {', '.join(absent)}, which the scale {scale!r} does not have; name another scale"
        )
    outside = sum(axes.select([axis]).outside_nominal(values) for axis, values in on_axes.items())
    built |= numbers | axis_columns(axes, on_axes, where=str(root), columns=given)
    if outside:
        notes.append(
            f"{outside:,} values lie outside the nominal range of the scale {scale}, but inside what it accepts"
        )
    if "emotion" in built:
        built["emotion"] = emotions.parse(built["emotion"], emotion_spelling, str(root), rows=range(1, len(frame) + 1))
    if "image" in built:
        built["image"] = _image_names(frame[given["image"]], root)
    if "id" not in built:
        images = pd.Series(built.get("image"), dtype=object)
        named = images.dropna()
        unique = len(named) > 0 and named.is_unique
        if unique and len(named) < len(frame):
            row = int(np.flatnonzero(images.isna())[0]) + 1
            raise DataError(
                f"{root}: row {row} has no image ({len(frame) - len(named):,} in all); the image serves as the id here: "
                "fill it in or remove the row"
            )
        built["id"] = images if unique else [str(i) for i in range(len(frame))]
    extras = {column: frame[column] for column in frame.columns if column not in given.values()}
    clash = [column for column in extras if column in COLUMNS]
    if clash:
        extras = {f"{column}_in_file" if column in clash else column: values for column, values in extras.items()}
        notes.append(
            f"the file's own {', '.join(clash)} is kept as {', '.join(f'{column}_in_file' for column in clash)}"
        )
    table = build_table(name, built, extras, where=str(root))
    folder, present = _find_media(root, media, table, notes)
    left_out = dict(Counter(_why_absent(image) for image in table["image"][~present].tolist()))
    table = table[present].reset_index(drop=True)
    report = ReadReport(len(table), left_out, repaired, notes)
    return Corpus(name, table, axes if on_axes else None, licence, citation, report, folder)


def _scale(name: str) -> Any:
    """VA on [-1, 1] with AffectNet's missing code is the default, and there dominance is understood as well."""
    if name != "affectnet":
        return scale_of(name)
    from dataclasses import replace

    return replace(SCALES["canonical"], missing=SCALES["affectnet"].missing)


def _read_frame(path: Path) -> pd.DataFrame:
    kind, header = path.suffix.lower(), []
    if not path.is_file():
        raise DataError(f"{path}: not a file; a table is a .csv, .tsv or .parquet")
    try:
        if kind in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
        elif kind in (".csv", ".tsv", ".txt"):
            separator = "," if kind == ".csv" else "\t"
            options: dict[str, Any] = {"sep": separator, "keep_default_na": False, "encoding": "utf-8-sig"}
            header = pd.read_csv(path, header=None, nrows=1, dtype=str, **options).iloc[0].tolist()
            frame = pd.read_csv(path, low_memory=False, **options)
        else:
            raise DataError(f"{path}: a table is a .csv, .tsv or .parquet, not {kind or 'a file without suffix'}")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a table that can be read: {reason(error)}; tables are UTF-8, one row a sample"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # pyarrow's, for a file that is no Parquet
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a table that can be read: {reason(error)}") from error
    if kind not in (".parquet", ".pq") and not isinstance(frame.index, pd.RangeIndex):
        long = long_row(path, "," if kind == ".csv" else "\t") or "rows have more fields than the header names"
        raise DataError(f"{path}: {long}; quote cells that hold the separator")
    if kind in (".csv", ".tsv", ".txt") and len(frame) and any(cell == "" for cell in frame.iloc[:, -1].tolist()):
        short = short_row(path, "," if kind == ".csv" else "\t")
        if short:
            raise DataError(f"{path}: {short}; give each row as many fields, empty ones too")
    frame.columns = [str(column).strip() for column in frame.columns]
    if not len(frame):
        raise DataError(f"{path}: the table is empty; it has columns {listed(frame.columns)} and no rows")
    twice = repeated(header or frame.columns.tolist())  # pandas calls the second one of a CSV `name.1`
    if twice is not None:
        raise DataError(f"{path}: two columns are called {quoted(twice)}; rename one")
    return frame.reset_index(drop=True)


def _check_ours(columns: Mapping[str, str]) -> None:
    unknown = [name for name in columns if name not in _SETTABLE]
    if unknown:
        raise ConfigError(f"columns: {', '.join(unknown)} is no column of ours; ours are {', '.join(_SETTABLE)}")


def _named(frame: pd.DataFrame, columns: dict[str, str], path: Path) -> dict[str, str]:
    """Our name -> theirs, for what was asked and for what has our name anyhow."""
    _check_ours(columns)
    absent = [theirs for theirs in columns.values() if theirs not in frame.columns]
    if absent:
        raise DataError(f"{path}: no column {', '.join(map(repr, absent))}; it has {listed(frame.columns)}")
    return {name: name for name in _SETTABLE if name in frame.columns and name not in columns.values()} | columns


def _numbers(cells: pd.Series, name: str, path: Path) -> np.ndarray:
    kind = _no_numbers(cells)
    if kind:
        raise DataError(f"{path}: column {quoted(cells.name)} holds {kind}, not numbers, so it cannot be {name}")
    empty = np.array([emotions.is_missing(cell) for cell in cells.tolist()], dtype=bool)
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values) & ~empty
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path}: row {row + 1}: {cells.name} is {quoted(cells.tolist()[row])}, which is no number; "
            "leave it empty if there is none"
        )
    return values


def _no_numbers(cells: pd.Series) -> str | None:
    """What a column holds that pandas would silently take for numbers; None where it does not."""
    if pd.api.types.is_datetime64_any_dtype(cells) or pd.api.types.is_timedelta64_dtype(cells):
        return "times"
    if pd.api.types.is_bool_dtype(cells):
        return "true and false"
    mixed = cells.dtype == object and any(isinstance(cell, bool | np.bool_) for cell in cells.tolist())
    return "true and false" if mixed else None


def _image_names(cells: pd.Series, path: Path) -> list[str | None]:
    """Names of images as media know them, None for an empty cell."""
    values = [None if emotions.is_missing(cell) else cell for cell in cells.tolist()]
    for value in values:
        if value is not None and not isinstance(value, str):
            raise DataError(
                f"{path}: column {quoted(cells.name)} holds numbers such as {quoted(value)}, not file names; "
                "name the column with the images' names (--columns image=...)"
            )
    return [plain_name(value) if value else None for value in values]


def _why_absent(image: Any) -> str:
    outside = isinstance(image, str) and leaves_media(image)
    return "the image's path leaves the folder or zip of media" if outside else "the media lack the image"


def _find_media(
    root: Path, media: str | Path | None, table: pd.DataFrame, notes: list[str]
) -> tuple[Path | None, np.ndarray]:
    """The folder or zip, and which rows stay: those whose image is there; sounds and clips may be missing."""
    everything = np.ones(len(table), dtype=bool)
    folder = Path(media).expanduser() if media is not None else root.parent
    images = table["image"]
    if images.isna().all():
        named = table[["audio", "video"]].melt()["value"].dropna().tolist()
        if media is not None and not named:
            raise DataError(
                f"{root}: media are named, but no column says which file is whose; "
                "name it (--columns image=..., audio=... or video=...)"
            )
        if not named:
            notes.append("no column image, audio or video: labels alone")
            return None, everything
        with open_media(folder) as opened:
            there = sum(opened.present(named))
            if there < len(named):
                notes.append(f"{len(named) - there:,} of {len(named):,} sounds and clips are not in {folder}")
            if there or media is None:
                return folder if there else None, everything
            raise DataError(
                f"{folder}: none of the {len(named):,} sounds and clips of {root} is there, such as {quoted(named[0])}; "
                f"it has {', '.join(opened.some(2)) or 'nothing'}; name the folder or zip that they are relative to"
            )
    with open_media(folder) as opened:
        present = np.array(opened.present(images.fillna("").tolist()), dtype=bool)
        if present.any():
            return folder, present
        if media is None:
            notes.append("none of the images is beside the table: labels alone; name their folder or zip (--media)")
            return None, everything
        raise DataError(
            f"{folder}: none of the {len(images):,} images of {root} is there, such as "
            f"{quoted(images.dropna().iloc[0])}; it has {', '.join(opened.some(2)) or 'nothing'}; "
            "name the folder or zip that the column image is relative to (no absolute paths, no .. out of it)"
        )
