"""Which faces are to be drawn: invented labels, given ones, and AFEW-VA's file of levels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.affect import SCALES
from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.faces.parameters import stream

# How often an emotion is drawn: unbalanced, as corpora are, but every one is there.
SHARES = {
    "neutral": 0.19, "happiness": 0.21, "sadness": 0.15, "anger": 0.13, "fear": 0.09, "disgust": 0.10, "surprise": 0.13,
}  # fmt: skip
_REQUIRED = ("id", "person", "valence", "arousal")


def invented_labels(n: int, people: int, seed: int = 0, distribution: str = "gaussian") -> pd.DataFrame:
    """n photographs of `people` people, about equally many each, with an emotion and its valence and arousal.

    The valence and arousal are drawn from AffectNet's distribution of the emotion (`AnnotationTransfer.sample`), and
    are the truth of the picture. Columns: id, person, session, emotion, valence, arousal. Raises ConfigError where
    there are not at least one person and as many faces.
    """
    from affectspace.annotation import AnnotationTransfer

    if people < 1 or n < people:
        raise ConfigError(f"n={n} faces of people={people}: at least one person and one face of each are needed")
    random = stream("labels", seed, n, people)
    emotion = random.choice(list(SHARES), size=n, p=list(SHARES.values()))
    transfer = AnnotationTransfer.reference("affectnet", distribution=distribution)
    affect = np.clip(transfer.sample(emotion, random_state=int(random.integers(1 << 31))), -1.0, 1.0)
    number = random.permutation(np.arange(n) % people)
    ids = [f"face{i:06d}" for i in range(n)]
    return pd.DataFrame(
        {
            "id": ids,
            "person": [f"p{k:03d}" for k in number],
            "session": ids,
            "emotion": emotion.astype(str),
            "valence": affect[:, 0],
            "arousal": affect[:, 1],
        }
    )


def checked_labels(labels: pd.DataFrame) -> pd.DataFrame:
    """The table of labels, complete: session (default: the person) and frame (the row's number within it) added.

    Raises DataError for a missing column, no rows, an id or a person that is missing, repeated or not fit for a file's
    name, and valence or arousal that is missing or off [-1, 1], naming the row.
    """
    absent = [column for column in _REQUIRED if column not in labels.columns]
    if absent:
        raise DataError(f"labels for faces: no column {', '.join(absent)}; needed are {', '.join(_REQUIRED)}")
    if labels.empty:
        raise DataError("labels for faces: the table has no rows; nothing to draw")
    table = labels.reset_index(drop=True)
    for column in ("id", "person"):
        names = table[column]
        missing = names.isna()
        names = names.astype(str)
        unfit = missing | ~names.str.fullmatch(r"[\w\-. @+]{1,100}") | names.str.fullmatch(r"\.+")
        if unfit.any():
            row = int(np.flatnonzero(unfit)[0])
            raise DataError(
                f"labels for faces: row {row + 1}: {column} is {table[column].tolist()[row]!r}, not fit for a file's name; "
                "use letters, digits and - _ . @ +"
            )
        table[column] = names
    if table["id"].duplicated().any():
        first = table["id"][table["id"].duplicated()].iloc[0]
        raise DataError(f"labels for faces: id {first!r} stands more than once; ids must be unique")
    for axis in ("valence", "arousal", "dominance"):
        if axis in table:
            _check_axis(table, axis)
    session = (
        table["session"].where(table["session"].notna(), table["person"]) if "session" in table else table["person"]
    )
    table["session"] = session.astype(str)
    table["frame"] = table.groupby(["person", "session"], sort=False).cumcount()
    return table


def _check_axis(table: pd.DataFrame, axis: str) -> None:
    values = pd.to_numeric(table[axis], errors="coerce")
    wrong = ~values.between(-1.0, 1.0)
    if axis == "dominance":
        wrong &= table[axis].notna()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"labels for faces: row {row + 1} (id {table['id'][row]!r}): {axis} is {table[axis].tolist()[row]!r}; "
            "it must be a number on [-1, 1]: convert it with affectspace.affect first"
        )
    table[axis] = values.astype(np.float64)


def labels_from_levels(path: str | Path) -> pd.DataFrame:
    """The labels of AFEW-VA's frames, from its file of levels: key ``NNN_FFFFF`` -> [valence, arousal] on -10..10.

    Columns: id (the key), person and session (``NNN``: a clip is one identity), valence and arousal, canonical; rows
    in the order of clip and frame. Raises DataError for a file that is no such JSON, no frames, a malformed key, values
    that are not two numbers or lie outside -10..10, naming the key.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; it must be JSON with keys NNN_FFFFF and [valence, arousal] on -10..10")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not JSON ({error}); it must map NNN_FFFFF to [valence, arousal] on -10..10") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds a {type(content).__name__}; it must map NNN_FFFFF to [valence, arousal]")
    if not content:
        raise DataError(f"{path}: holds no frames; nothing to draw")
    for key, value in content.items():
        clip, _, frame = key.partition("_")
        if not (clip.isdecimal() and frame.isdecimal() and key.isascii()):
            raise DataError(f"{path}: key {key!r} is not of the form NNN_FFFFF (clip, frame)")
        numbers = isinstance(value, list) and len(value) == 2
        if not numbers or any(isinstance(x, bool) or not isinstance(x, int | float) for x in value):
            raise DataError(f"{path}: {key}: {value!r} is not [valence, arousal] on -10..10")
    keys = sorted(content, key=lambda key: tuple(int(part) for part in key.split("_")))
    levels = np.array([content[key] for key in keys], dtype=np.float64)
    affect = SCALES["afew_va"].to_canonical(levels, rows=keys, where=str(path))
    clips = [key.partition("_")[0] for key in keys]
    return pd.DataFrame(
        {"id": keys, "person": clips, "session": clips, "valence": affect[:, 0], "arousal": affect[:, 1]}
    )
