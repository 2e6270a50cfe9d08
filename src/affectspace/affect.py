"""The axes of affect, how every corpus writes them, and the emotion categories with all their spellings.

A scale carries the order of its axes. Canonical values are always in the order valence, arousal, dominance (of those
that the scale has), on [-1, 1], with NaN where nothing was annotated. Sentiment is an axis of its own: it is
not valence.

`parse` turns spellings into categories; what a corpus says is no emotion of ours ("other", "no agreement", "non-face")
becomes None, and so does an empty cell. A spelling that nobody knows is an error that lists the nearest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from affectspace.errors import ConfigError, DataError, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


AXES = ("valence", "arousal", "dominance")
_ORDER = (*AXES, "sentiment")
_TOLERANCE = 1e-6  # of the nominal range: a value that went through float32 is not outside for that


@dataclass(frozen=True)
class Scale:
    """The scale of a corpus.

    axes: their names in the order of the corpus' columns. low, high: the nominal range, one number or one per axis.
    neutral: what the corpus calls neutral, per axis; information only, never an offset; None where it is not stated.
    missing: the code for "not annotated". accepted: the range beyond which a value is an error; None: the
    nominal range.
    """

    name: str
    axes: tuple[str, ...]
    low: float | tuple[float, ...]
    high: float | tuple[float, ...]
    neutral: tuple[float, ...] | None = None
    missing: float | None = None
    accepted: tuple[float, float] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        unknown = [axis for axis in self.axes if axis not in _ORDER]
        if not self.axes or unknown or len(set(self.axes)) != len(self.axes):
            raise ConfigError(f"scale {self.name!r}: axes {self.axes} must be different names of {', '.join(_ORDER)}")
        for axis, (low, high) in zip(self.axes, self.ranges, strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ConfigError(f"scale {self.name!r}: {axis} runs from {low} to {high}; low must be below high")
            if self.missing is not None and low <= self.missing <= high:
                raise ConfigError(f"scale {self.name!r}: the missing code {self.missing} lies inside {low}..{high}")
        if self.accepted is not None and any(self.accepted[0] > a or self.accepted[1] < b for a, b in self.ranges):
            raise ConfigError(f"scale {self.name!r}: the accepted range {self.accepted} must hold the nominal range")
        if self.neutral is not None and len(self.neutral) != len(self.axes):
            raise ConfigError(f"scale {self.name!r}: neutral needs one number for each of {', '.join(self.axes)}")

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each axis, in the scale's own order."""
        lows, highs = _per_axis(self.low, len(self.axes)), _per_axis(self.high, len(self.axes))
        return tuple(zip(lows, highs, strict=True))

    @property
    def canonical_axes(self) -> tuple[str, ...]:
        """The scale's axes in canonical order: the columns of what `to_canonical` returns."""
        return tuple(axis for axis in _ORDER if axis in self.axes)

    def select(self, axes: Sequence[str]) -> Scale:
        """The same scale for some of its axes, in the order given (the order of somebody's columns)."""
        absent = [axis for axis in axes if axis not in self.axes]
        if absent:
            raise ConfigError(f"scale {self.name!r} has no {', '.join(absent)}; it has {', '.join(self.axes)}")
        places = [self.axes.index(axis) for axis in axes]
        return replace(
            self,
            axes=tuple(axes),
            low=tuple(self.ranges[i][0] for i in places),
            high=tuple(self.ranges[i][1] for i in places),
            neutral=None if self.neutral is None else tuple(self.neutral[i] for i in places),
        )

    def to_canonical(
        self,
        values: ArrayLike,
        *,
        rows: Sequence[Any] | None = None,
        where: str = "",
        columns: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Native values to [-1, 1], by the affine map of the nominal range.

        values: (n, axes) in the scale's own order; (n,) for a scale of one axis. rows: n names of the rows for messages
        (default 0, 1, ...); where: the file, columns: axis -> its column there, for messages. Returns float64 of the same
        shape, columns in canonical order (`canonical_axes`); the missing code and NaN become NaN. Values outside the nominal
        but inside the accepted range are kept (`outside_nominal` counts them). Raises DataError for one outside the latter.
        """
        import numpy as np

        native, flat = self._columns(values, where)
        low, high = np.array(self.ranges).T
        accepted_low, accepted_high = (low, high) if self.accepted is None else np.array(self.accepted)[:, None]
        slack = _TOLERANCE * (high - low)
        outside = (native < accepted_low - slack) | (native > accepted_high + slack)
        if outside.any():
            row, column = (int(i) for i in np.argwhere(outside)[0])
            others = int(outside.any(axis=1).sum()) - 1
            at = f"{where}: " if where else ""
            more = f" ({others} more rows are outside)" if others else ""
            limits = self.accepted or self.ranges[column]
            name = (columns or {}).get(self.axes[column], self.axes[column])
            raise DataError(
                f"{at}row {row if rows is None else rows[row]}: {name} is {native[row, column]:g}, "
                f"outside {limits[0]:g}..{limits[1]:g} which the scale {self.name!r} accepts{more}; correct the value "
                f"or name the scale that the file is written in ({', '.join(SCALES)})"
            )
        canonical = (native - (low + high) / 2) / ((high - low) / 2)
        canonical = canonical[:, [self.axes.index(axis) for axis in self.canonical_axes]]
        return canonical[:, 0] if flat else canonical

    def to_native(self, values: ArrayLike) -> np.ndarray:
        """Canonical values, (n, axes) in canonical order or (n,), to the scale's own range and order.

        NaN becomes the scale's missing code, or stays NaN where it has none. Nothing is rounded or clipped.
        """
        import numpy as np

        canonical, flat = _matrix(values, len(self.axes), f"scale {self.name!r}")
        low, high = np.array(self.ranges).T
        native = canonical[:, [self.canonical_axes.index(axis) for axis in self.axes]]
        native = native * ((high - low) / 2) + (low + high) / 2
        if self.missing is not None:
            native[np.isnan(native)] = self.missing
        return native[:, 0] if flat else native

    def outside_nominal(self, values: ArrayLike) -> int:
        """How many native values lie outside the nominal range (missing ones do not count)."""
        import numpy as np

        native, _ = self._columns(values, "")
        low, high = np.array(self.ranges).T
        slack = _TOLERANCE * (high - low)
        return int(((native < low - slack) | (native > high + slack)).sum())

    def _columns(self, values: ArrayLike, where: str) -> tuple[np.ndarray, bool]:
        import numpy as np

        native, flat = _matrix(values, len(self.axes), where or f"scale {self.name!r}")
        if self.missing is not None:
            native[native == self.missing] = np.nan
        return native, flat


def _per_axis(value: float | tuple[float, ...], n: int) -> tuple[float, ...]:
    if isinstance(value, tuple):
        if len(value) != n:
            raise ConfigError(f"{value} should be one number or {n}, one for each axis")
        return value
    return (value,) * n


def _matrix(values: ArrayLike, n_axes: int, where: str) -> tuple[np.ndarray, bool]:
    import numpy as np

    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: values must be numbers: {error}") from error
    flat = matrix.ndim == 1 and n_axes == 1
    if flat:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] != n_axes:
        raise DataError(f"{where}: expected an array of shape (n, {n_axes}), got {np.shape(values)}")
    return matrix, flat


def scale(name: str) -> Scale:
    """The scale of that name; an unknown one is a ConfigError that lists those that there are."""
    if name not in SCALES:
        raise ConfigError(f"unknown scale {name!r}; there are {', '.join(SCALES)}")
    return SCALES[name]


_VAD, _VA = AXES, AXES[:2]
SCALES: dict[str, Scale] = {
    item.name: item
    for item in (
        Scale("canonical", _VAD, -1, 1, (0, 0, 0), source="affectspace's own"),
        Scale("iemocap", _VAD, 1, 5, (3, 3, 3), accepted=(0.5, 5.5), source="Busso et al. 2008; 0.5 and 5.5 do occur"),
        Scale(
            "msp_podcast",
            ("arousal", "dominance", "valence"),
            1,
            7,
            (4, 4, 4),
            source="Lotfian & Busso 2019; in the order of the speech models that are trained on it",
        ),
        Scale("nrc_vad_1", _VAD, 0, 1, (0.5, 0.5, 0.5), source="Mohammad 2018"),
        Scale("nrc_vad_2", _VAD, -1, 1, (0, 0, 0), source="Mohammad 2025"),
        Scale("sam", _VAD, 1, 9, (5, 5, 5), source="Bradley & Lang 1994, nine points"),
        Scale("anew", _VAD, 1, 9, (5, 5, 5), source="Bradley & Lang 1999"),
        Scale("warriner", _VAD, 1, 9, (5, 5, 5), source="Warriner et al. 2013"),
        Scale("glasgow", _VAD, 1, 9, (5, 5, 5), source="Scott et al. 2019"),
        Scale("emobank", _VAD, 1, 5, (3, 3, 3), source="Buechel & Hahn 2017"),
        Scale("affectnet", _VA, -1, 1, (0, 0), missing=-2, source="Mollahosseini et al. 2017"),
        Scale("afew_va", _VA, -10, 10, (0, 0), source="Kossaifi et al. 2017"),
        Scale("aff_wild2", _VA, -1, 1, (0, 0), missing=-5, source="Kollias & Zafeiriou 2019"),
        Scale(
            "omg",
            ("arousal", "valence"),
            (0, -1),
            (1, 1),
            source="Barros et al. 2018; arousal on 0..1 may be one-sided, so no neutral is stated",
        ),
        Scale("vreg", ("valence",), 0, 1, (0.5,), source="SemEval-2018 Task 1 (Mohammad et al. 2018)"),
        Scale("mosi", ("sentiment",), -3, 3, (0,), source="Zadeh et al. 2016; sentiment is not valence"),
    )
}


CATEGORIES = (
    "neutral",
    "happiness",
    "sadness",
    "anger",
    "fear",
    "disgust",
    "surprise",
    "contempt",
    "calm",
    "boredom",
    "excitement",
    "frustration",
)

# one colour an emotion in all figures, told apart by colour-blind readers too
EMOTION_COLOURS = {
    "neutral": "#6e6e6e",
    "happiness": "#e69f00",
    "sadness": "#0072b2",
    "anger": "#c9400a",
    "fear": "#cc79a7",
    "disgust": "#009e73",
    "surprise": "#4fb3ea",
    "contempt": "#882255",
    "calm": "#44aa99",
    "boredom": "#8c8c2b",
    "excitement": "#d9b300",
    "frustration": "#6b3d0f",
}
_BASIC = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")


def _table(text: str) -> dict[str, str | None]:
    """``"category: spelling, spelling; ..."`` -> spelling -> category; the category ``-`` is None."""
    table: dict[str, str | None] = {}
    for entry in text.split(";"):
        category, _, spellings = entry.partition(":")
        for spelling in spellings.split(","):
            table[spelling.strip()] = None if category.strip() == "-" else category.strip()
    return table


GENERAL: dict[str, str | None] = _table(
    ";".join(f"{category}: {category}" for category in CATEGORIES) + ";"
    "neutral: neutrality, no emotion;"
    "happiness: happy, joy, joyful, glad, amused, amusement;"
    "sadness: sad, unhappy, sorrow;"
    "anger: angry, mad, furious;"
    "fear: fearful, afraid, scared, fright;"
    "disgust: disgusted;"
    "surprise: surprised, astonished, astonishment;"
    "contempt: contemptuous, scorn;"
    "calm: calmness, relaxed, relaxation, serene;"
    "boredom: bored;"
    "excitement: excited;"
    "frustration: frustrated;"
    "-: other, unknown, uncertain, none, n/a, na, nan, null"
)

# The keys as the corpus writes them; the comparison ignores case and blanks at the ends.
SPELLINGS: dict[str, dict[str, str | None]] = {
    "imfdb": _table(";".join(f"{category}: {category.upper()}" for category in _BASIC)),
    "affectnet": _table(
        "neutral: 0, Neutral; happiness: 1, Happy, Happiness; sadness: 2, Sad, Sadness; surprise: 3, Surprise;"
        "fear: 4, Fear; disgust: 5, Disgust; anger: 6, Anger; contempt: 7, Contempt;"
        "-: 8, None, 9, Uncertain, 10, Non-Face, NonFace, No-Face"
    ),
    "iemocap": _table(
        "anger: ang, Anger; happiness: hap, Happiness; excitement: exc, Excited; sadness: sad, Sadness;"
        "neutral: neu, Neutral state, Neutral; frustration: fru, Frustration; fear: fea, Fear; surprise: sur, Surprise;"
        "disgust: dis, Disgust; -: oth, Other, xxx"
    ),
    "msp_podcast": _table(
        "anger: A; sadness: S; happiness: H; surprise: U; fear: F; disgust: D; contempt: C; neutral: N; -: O, X"
    ),
    "ravdess": _table(
        "neutral: 01, 1, neutral; calm: 02, 2, calm; happiness: 03, 3, happy; sadness: 04, 4, sad; anger: 05, 5, angry;"
        "fear: 06, 6, fearful; disgust: 07, 7, disgust; surprise: 08, 8, surprised, surprise"
    ),
    "emodb": _table("anger: W; boredom: L; disgust: E; fear: A; happiness: F; sadness: T; neutral: N"),
    "cremad": _table(
        "anger: ANG, A; disgust: DIS, D; fear: FEA, F; happiness: HAP, H; neutral: NEU, N; sadness: SAD, S"
    ),
    "meld": _table(
        "neutral: neutral; happiness: joy; sadness: sadness; anger: anger; fear: fear; disgust: disgust;"
        "surprise: surprise"
    ),
    "mosei": _table("happiness: happy; sadness: sad; anger: anger; surprise: surprise; disgust: disgust; fear: fear"),
}


class _Lookup(dict[Any, "str | None"]):
    """Spelling -> category, which works out a spelling once, on its first appearance: a million rows cost one pass."""

    def __init__(self, spellings: dict[str, str | None]) -> None:
        super().__init__()
        self.known: dict[str, str | None] = {category: category for category in CATEGORIES}
        self.known |= {_plain(spelling): category for spelling, category in spellings.items()}

    def __missing__(self, spelling: Any) -> str | None:
        if is_missing(spelling):
            return None
        self[spelling] = category = self.known[_plain(spelling)]  # KeyError: unknown
        return category


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, pandas' NA, or a string of blanks."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return type(value).__name__ in ("NAType", "NaTType") or (not isinstance(value, str) and value != value)


def _plain(spelling: Any) -> str:
    if not isinstance(spelling, str) and hasattr(spelling, "item"):
        spelling = spelling.item()
    if isinstance(spelling, float) and spelling.is_integer():  # a column of ids with gaps is read as floats
        spelling = int(spelling)
    return str(spelling).strip().casefold()


def parse(
    spellings: Iterable[Any], corpus: str | None = None, where: str = "", *, rows: Sequence[Any] | None = None
) -> list[str | None]:
    """Spellings to categories, in a list of the same length; None where the corpus says that it is no emotion of ours.

    corpus: whose spelling (a key of `SPELLINGS`), beside which our own names are always understood; None: general
    English. where: the file, for messages; rows: names of the rows for messages (default 0, 1, ...). Empty cells (None,
    NaN, "") are None. Raises DataError for an unknown spelling, with its row and the nearest known ones.
    """
    if corpus is not None and corpus not in SPELLINGS:
        raise ConfigError(f"no spelling of emotions is known for {corpus!r}; there are {', '.join(SPELLINGS)}, or none")
    table = GENERAL if corpus is None else SPELLINGS[corpus]
    lookup = _Lookup(table)
    values = spellings.tolist() if hasattr(spellings, "tolist") else list(spellings)
    try:
        return [lookup[value] for value in values]
    except KeyError:
        row = next(i for i, value in enumerate(values) if not is_missing(value) and _plain(value) not in lookup.known)
    at = f"{where}: " if where else ""
    whose = "" if corpus is None else f" in the spelling of {corpus}"
    raise DataError(
        f"{at}row {row if rows is None else rows[row]}: unknown emotion {quoted(values[row])}{whose}; "
        f"{nearest(values[row], list(table))}"
    )


def nearest(value: Any, known: Sequence[str]) -> str:
    """The end of an error message: the known names nearest to a value, then all of them (of English: our own)."""
    import difflib

    by_plain = {_plain(name): name for name in known}
    close = [by_plain[name] for name in difflib.get_close_matches(_plain(value), by_plain, n=3, cutoff=0.6)]
    category = GENERAL.get(_plain(value))
    if category is not None and category in known and category not in close:
        close.insert(0, category)
    listed = f"known are {', '.join(CATEGORIES if len(known) == len(GENERAL) else known)}"
    return f"did you mean {' or '.join(repr(name) for name in close)}? {listed}" if close else listed
