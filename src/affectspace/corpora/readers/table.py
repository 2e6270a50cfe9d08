"""The reader of your own table, with a folder or zip of images, sounds or clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import ALL_AXES, AXES, SCALES, Scale, scale
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.schema import COLUMNS, MEDIA_KINDS, NUMBER_COLUMNS, ReadReport, axis_columns, build_table
from affectspace.emotions import Vocabulary, is_missing
from affectspace.errors import ConfigError, DataError, counted, listed, quoted
from affectspace.media.content import stored_file
from affectspace.media.files import EVERY_FILE, leaves_media, names_in_table, open_media, plain_name
from affectspace.tables import PARQUET
from affectspace.tables.reading import read_table as read_frame
from affectspace.tables.reading import to_numbers, with_types
from affectspace.tables.times import to_seconds

SPELLINGS_OF_COLUMNS = {  # other common names of columns, without capitals; the first that a table has is used
    "person": ("speaker", "speaker_id", "person_id", "subject", "subject_id", "participant", "participant_id", "actor"),
    "dialogue": ("dialog", "dialogue_id", "dialog_id", "conversation", "conversation_id"),
    "text": ("sentence", "utterance", "transcript", "transcription"),
    "audio": ("audio_path", "audio_file", "wav"),
    "video": ("video_path", "video_file"),
    "image": ("image_path", "image_file"),
    "start": ("start_time",),
    "end": ("end_time",),
    "valence": ("val",),
    "arousal": ("aro", "act", "activation"),
    "dominance": ("dom",),
}
_SETTABLE = tuple(name for name in COLUMNS if name != "corpus")


def parse_columns(text: str) -> dict[str, str]:
    """Parse ``image=path,person=actor`` to our name of a column -> its name in the file.

    Raises ConfigError for text of another form, an unknown name, and a name that occurs twice.

    Examples
    --------
    >>> from affectspace.corpora import parse_columns
    >>> parse_columns("image=path,person=actor")
    {'image': 'path', 'person': 'actor'}
    """
    columns: dict[str, str] = {}
    for part in text.split(","):
        ours, _, theirs = (piece.strip() for piece in part.partition("="))
        if not (ours and theirs):
            raise ConfigError(f"columns {text!r}: {part.strip()!r} is not OURS=THEIRS, such as image=path,person=actor")
        if ours in columns:
            raise ConfigError(f"columns {text!r}: {ours} is given twice")
        columns[ours] = theirs
    _check_names(columns)
    return columns


def read_table(
    root: Path,
    *,
    media: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    emotion_spelling: str | None = None,
    emotion_labels: Mapping[str, str | None] | str | Path | None = None,
    unknown_emotions: str = "error",
    scale: str | Scale = "affectnet",
    axes: str | Sequence[str] | None = None,
    where: str | None = None,
    name: str = "table",
    licence: str = "as its owner states",
    citation: str = "",
) -> Corpus:
    """Read a table with one row for each sample. Other columns than ours are kept unchanged.

    root: .csv, .tsv or .parquet. media: folder or zip that the paths are relative to, default the table's folder. columns: our
    name -> name in the file, for columns that do not have our name. emotion_spelling, emotion_labels,
    unknown_emotions: how its emotions are written, see `Vocabulary`; default English.
    scale: of valence, arousal, dominance: a name, or a range such as "1:7"; default [-1, 1] with -2 for none. axes: those that
    are read, in the order of the ranges of the scale; default all that the table has. where: expression that chooses rows, by
    our names of columns or the file's own, whose values are those of the file. Without a column id, the image is the id,
    or else the number of the row from 0. In messages the first row is row 1. A column that is absent may have another common
    name (`SPELLINGS_OF_COLUMNS`), such as speaker for person; the report's notes tell it.

    Rows whose image is missing, or whose image path leads out of the media, are left out and counted.
    """
    frame = read_frame(root)
    chosen = _scale(scale, axes)
    names = _column_names(frame, dict(columns or {}), root)
    if axes is not None:
        names = {ours: theirs for ours, theirs in names.items() if ours in chosen.axes or ours not in AXES}
        unread = [axis for axis in chosen.axes if axis not in names]
        if unread:
            raise DataError(
                f"{root}: no column is read as {' or '.join(unread)}; name the column (--columns {unread[0]}=...) or leave "
                f"{' and '.join(unread)} out of the axes; the table has {listed(frame.columns)}"
            )
    given = columns or {}
    notes = [f"the column {theirs} is read as {ours}" for ours, theirs in names.items() if ours not in {theirs, *given}]
    named = {ours: (frame[names[ours]], names[ours], root) for ours in NUMBER_COLUMNS if ours in names}
    numbers = {
        ours: to_seconds(*column, required=False) if ours in ("start", "end") else to_numbers(*column)
        for ours, column in named.items()
    }
    native = {axis: numbers.pop(axis) for axis in AXES if axis in numbers}
    absent = [axis for axis in native if axis not in chosen.axes]
    if absent:
        raise DataError(
            f"{root}: the scale {chosen.name!r} has no {', '.join(absent)}; choose another scale, or the axes to read (--axes "
            f"{','.join(axis for axis in native if axis in chosen.axes) or 'valence'})"
        )
    built: dict[str, Any] = {ours: frame[theirs] for ours, theirs in names.items() if ours not in NUMBER_COLUMNS}
    built |= numbers | axis_columns(chosen, native, where=str(root), columns=names)
    if "emotion" in built:
        words = Vocabulary(emotion_spelling, emotion_labels, unknown_emotions)
        built["emotion"] = words.parse(built["emotion"], str(root), rows=range(1, len(frame) + 1))
        notes += [f"{counted(count, 'row')} without an emotion: {reason}" for reason, count in words.notes().items()]
    for kind in set(MEDIA_KINDS) & set(built):
        cells = built[kind].tolist()
        if any(stored_file(cell)[0] is not None for cell in cells):
            built[kind], media = names_in_table(names[kind], cells), root
    if "image" in built and media != root:
        built["image"] = _image_names(built["image"], root)
    numbered = "id" not in built
    if numbered:
        built["id"] = _ids(built.get("image"), len(frame), root)
        numbered = built["id"] is not built.get("image")
    outside = sum(chosen.select([axis]).outside_nominal(values) for axis, values in native.items())
    if outside:
        notes.append(
            f"{outside:,} values outside the nominal range of the scale {chosen.name}, but in its accepted range, are kept"
        )
    typed = (lambda cells: cells) if root.suffix.lower() in PARQUET else with_types
    extras: dict[str, Any] = {column: typed(frame[column]) for column in frame.columns if column not in names.values()}
    if "cut" not in extras:
        extras |= _cuts(built, notes)
    renamed = {column: f"{column}_in_file" for column in extras if column in COLUMNS}
    if renamed:
        extras = {renamed.get(column, column): values for column, values in extras.items()}
        notes.append(f"the file's own columns {', '.join(renamed)} are kept as {', '.join(renamed.values())}")
    table = build_table(name, built, extras, where=str(root))
    folder, present = _find_media(root, media, table, notes)
    notes += _what_is_missing(table, folder, "" if scale == "affectnet" else chosen.name)
    left_out = Counter(_why_absent(image) for image in table["image"][~present].tolist())
    table = table[present].reset_index(drop=True)
    report = ReadReport(len(table), dict(left_out), {}, notes)
    corpus = Corpus(name, table, chosen if native else None, licence, citation, report, folder, numbered=numbered)
    if where is None:
        return corpus
    values = {**numbers, **native}  # by the file's own names, on its scale
    own = {theirs: values[ours] if ours in values else typed(frame[theirs]) for ours, theirs in names.items()}
    own = {theirs: cells for theirs, cells in own.items() if theirs not in table}
    return corpus.where(where, pd.DataFrame(own, index=frame.index)[present].reset_index(drop=True))


def _what_is_missing(table: pd.DataFrame, media: Path | None, scale: str) -> list[str]:
    """Say which inputs or labels a table has not; scale : that was asked for, or "" """
    notes = []
    labelled = table[[*ALL_AXES, "emotion"]].notna().any(axis=None)
    if media is None and table["text"].isna().all():
        notes.append("no row has a text, image, sound or clip" + (": labels only" if labelled else ""))
    if not labelled:
        notes.append(
            f"no column is read as {', '.join(ALL_AXES)} or emotion: rows can be predicted, but not trained on or judged; name "
            "the columns with --columns, for example valence=..."
        )
    if scale and table[list(AXES)].isna().all(axis=None):
        notes.append(f"the scale {scale} is not used: no column is read as {', '.join(AXES)}")
    return notes


def _cuts(built: Mapping[str, Any], notes: list[str]) -> dict[str, list[str | None]]:
    """Return the column cut for a table whose times belong to its sounds and clips."""
    times = [built[edge] for edge in ("start", "end") if edge in built]
    if not times or not {"audio", "video"} & built.keys():
        return {}
    cut = ~np.isnan(np.column_stack(times)).all(axis=1)
    notes.append(
        "start and end cut the sounds and clips; if they are times elsewhere, such as in a film, add an empty column cut"
    )
    return {"cut": [EVERY_FILE if row else None for row in cut]}


def _scale(name: str | Scale, axes: str | Sequence[str] | None) -> Scale:
    """The default is AffectNet's, on [-1, 1] with -2 for none, but with dominance."""
    if name == "affectnet":
        name = replace(SCALES["canonical"], missing=SCALES["affectnet"].missing)
    return scale(name, axes)


def _check_names(columns: Mapping[str, str]) -> None:
    unknown = [name for name in columns if name not in _SETTABLE]
    if unknown:
        raise ConfigError(f"columns: {', '.join(unknown)} is not one of our columns: {', '.join(_SETTABLE)}")


def _column_names(frame: pd.DataFrame, columns: dict[str, str], path: Path) -> dict[str, str]:
    """Our name -> name in the file, of the given columns and of those that have our name or another common one."""
    _check_names(columns)
    absent = [theirs for theirs in columns.values() if theirs not in frame.columns]
    if absent:
        raise DataError(f"{path}: no column {', '.join(map(repr, absent))}; it has {listed(frame.columns)}")
    free = {str(name).casefold().replace(" ", "_"): name for name in frame.columns if name not in columns.values()}
    names = dict(columns)
    for ours in _SETTABLE:
        spelling = next((key for key in (ours, *SPELLINGS_OF_COLUMNS.get(ours, ())) if key in free), None)
        if ours in names or spelling is None:
            continue
        names[ours] = ours if ours in free.values() else free[spelling]
    return names


def _image_names(cells: pd.Series, path: Path) -> list[str | None]:
    """Names of images as media know them; None for an empty cell."""
    names = [None if is_missing(cell) else cell for cell in cells.tolist()]
    for name in names:
        if name is not None and not isinstance(name, str):
            raise DataError(
                f"{path}: column {quoted(cells.name)} holds numbers such as {quoted(name)}, not file names; choose the "
                "column with the names of the images (--columns image=...)"
            )
    return [plain_name(name) if name else None for name in names]


def _ids(images: list[str | None] | None, n: int, path: Path) -> list[str | None]:
    """The images if each is different, else the numbers of the rows."""
    named = [image for image in images or () if image is not None]
    if not named or len(set(named)) < len(named):
        return [str(i) for i in range(n)]
    assert images is not None
    if len(named) < n:
        raise DataError(
            f"{path}: row {images.index(None) + 1} has no image ({n - len(named):,} rows in all), but the image serves as the "
            "id: fill it in or remove the row"
        )
    return images


def _why_absent(image: Any) -> str:
    outside = isinstance(image, str) and leaves_media(image)
    return "the image's path leads out of the folder or zip of media" if outside else "the image is missing"


def _find_media(
    root: Path, media: str | Path | None, table: pd.DataFrame, notes: list[str]
) -> tuple[Path | None, np.ndarray]:
    """The folder or zip, and which rows stay: those whose image exists. Sounds and clips may be missing."""
    everything = np.ones(len(table), dtype=bool)
    folder = Path(media).expanduser() if media is not None else root.parent
    with_images = bool(table["image"].notna().any())
    columns = ["image"] if with_images else ["audio", "video"]
    paths = table[columns].melt()["value"]
    if paths.isna().all():
        if media is not None:
            raise DataError(
                f"{root}: there are media, but no column names the files; name it (--columns image=..., audio=... or "
                "video=...)"
            )
        return None, everything
    with open_media(folder) as opened:
        present = np.array(opened.present(paths.fillna("").tolist()), dtype=bool)
        named = int(paths.notna().sum())
        kind = "images" if with_images else "sounds and clips"
        if not present.any() and media is not None:
            raise DataError(
                f"{folder}: none of the {named:,} {kind} of {root} is there, such as {quoted(paths.dropna().iloc[0])}; it has "
                f"{', '.join(opened.some(2)) or 'nothing'}; give the folder or zip that the paths are relative to (no absolute "
                "paths, and no .. that leads out of it)"
            )
    names = paths.dropna()
    if not present.any() and names.str.fullmatch(r"[0-9.]+").all():
        raise DataError(
            f"{root}: the column of {kind} holds numbers such as {quoted(names.iloc[0])}, not file names; choose the column "
            "with the names of the files (--columns image=..., audio=... or video=...)"
        )
    if not present.any():
        notes.append(f"none of the {kind} is beside the table; give their folder or zip (--media)")
        return None, everything
    if with_images:
        return folder, present | (table["image"].isna() & table[["audio", "video"]].notna().any(axis=1)).to_numpy()
    if present.sum() < named:
        notes.append(f"{named - int(present.sum()):,} of {named:,} sounds and clips are not in {folder}")
    return folder, everything
