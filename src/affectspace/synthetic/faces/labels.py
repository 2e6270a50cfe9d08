"""Labels of the faces to draw: invented ones, your own, and AFEW-VA's file of levels."""

from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.affect import AXES, SCALES
from affectspace.annotation import AnnotationTransfer
from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.faces.parameters import stream
from affectspace.tables.formats import read_json

# Shares of the emotions: unbalanced like in real corpora, but none is rare.
SHARES = {
    "neutral": 0.19, "happiness": 0.21, "sadness": 0.15, "anger": 0.13, "fear": 0.09, "disgust": 0.10, "surprise": 0.13,
}  # fmt: skip
EVEN = "even"  # distribution
_REQUIRED = ("id", "person", "valence", "arousal")


def invented_labels(n: int, people: int, seed: int = 0, distribution: str = "gaussian") -> pd.DataFrame:
    """Return labels for n photographs of `people` people, about equally many of each person.

    Valence and arousal are sampled from AffectNet's distribution of the emotion (`AnnotationTransfer.sample`) and are the true
    values of the picture. With the distribution "even" they are spread evenly over the whole map, and the emotion is that of
    the nearest ellipse. Columns: id, person, session, emotion, valence, arousal. Raises ConfigError if there are fewer faces
    than people.
    """
    if people < 1:
        raise ConfigError(f"people is {people}; at least one person is needed")
    if n < people:
        raise ConfigError(
            f"the number of people ({people}) is larger than the number of faces ({n}); every person needs a face, so "
            "lower people or raise n"
        )
    random = stream("labels", seed, n, people)
    if distribution == EVEN:
        affect = random.uniform(-1.0, 1.0, (n, 2))
        emotion = AnnotationTransfer.reference("affectnet").predict(affect)
    else:
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
    """Return the table of labels with session (default: the person) and frame (the number of the row in it).

    Raises DataError, which names the row, for a missing column, no rows, an id or person that is missing, repeated or not
    allowed in a file name, and for valence or arousal that is missing or not on [-1, 1].
    """
    absent = [column for column in _REQUIRED if column not in labels.columns]
    if absent:
        raise DataError(f"labels for faces: no column {', '.join(absent)}; {', '.join(_REQUIRED)} are needed")
    if labels.empty:
        raise DataError("labels for faces: the table has no rows, so there is nothing to draw")
    table = labels.reset_index(drop=True)
    for column in ("id", "person"):
        names = table[column]
        missing = names.isna()
        names = names.astype(str)
        unfit = missing | ~names.str.fullmatch(r"[\w\-. @+]{1,100}") | names.str.fullmatch(r"\.+")
        if unfit.any():
            row = int(np.flatnonzero(unfit)[0])
            raise DataError(
                f"labels for faces: row {row + 1}: {column} is {table[column].tolist()[row]!r}, which a file name cannot "
                "have; use letters, digits and - _ . @ +"
            )
        table[column] = names
    if table["id"].duplicated().any():
        first = table["id"][table["id"].duplicated()].iloc[0]
        raise DataError(f"labels for faces: id {first!r} occurs more than once; ids must be unique")
    for axis in AXES:
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
            "it must be a number on [-1, 1]; convert it with a scale of affectspace.affect"
        )
    table[axis] = values.astype(np.float64)


def labels_from_levels(path: str | Path) -> pd.DataFrame:
    """Read labels of AFEW-VA's frames from its file of levels, ``NNN_FFFFF`` -> [valence, arousal] on -10..10.

    Returns a table for `make_faces`: id (the key), person and session (``NNN``: a clip is one identity), canonical valence and
    arousal, in the order of clip and frame. Raises DataError, which names the key, for another form or other values.
    """
    path = Path(path)
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: expected a JSON object NNN_FFFFF -> [valence, arousal] with at least one frame")
    for key, value in content.items():
        clip, _, frame = key.partition("_")
        if not (clip.isdecimal() and frame.isdecimal() and key.isascii()):
            raise DataError(f"{path}: the key {key!r} is not of the form NNN_FFFFF (clip, frame)")
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
