"""The categories, and every corpus' spelling of them.

`parse` turns spellings into categories; what a corpus says is no emotion of ours ("other", "no agreement", "non-face")
becomes None, and so does an empty cell. A spelling that nobody knows is an error that lists the nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from affectspace.errors import ConfigError, DataError, quoted

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
