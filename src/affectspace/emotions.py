"""Names of emotions: how corpora and people write them, and which of our categories they are."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any

from affectspace.affect import CATEGORIES
from affectspace.configuration import parse_yaml
from affectspace.errors import ConfigError, DataError, quoted
from affectspace.files import text_of

SKIP = "skip"  # in a map of labels: no emotion of ours
UNKNOWN = ("error", SKIP)  # words: an error, or no emotion


def _spellings(text: str) -> dict[str, str | None]:
    """Parse ``category: spelling, spelling; ...`` to spelling -> category. The category ``-`` stands for None."""
    table: dict[str, str | None] = {}
    for entry in text.split(";"):
        category, _, spellings = entry.partition(":")
        for spelling in spellings.split(","):
            table[spelling.strip()] = None if category.strip() == "-" else category.strip()
    return table


ENGLISH: dict[str, str | None] = _spellings(
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

# Spellings as the corpus writes them. Case and surrounding blanks do not matter.
SPELLINGS: dict[str, dict[str, str | None]] = {
    "imfdb": _spellings(";".join(f"{category}: {category.upper()}" for category in CATEGORIES[:7])),
    "affectnet": _spellings(
        "neutral: 0, Neutral; happiness: 1, Happy, Happiness; sadness: 2, Sad, Sadness; surprise: 3, Surprise;"
        "fear: 4, Fear; disgust: 5, Disgust; anger: 6, Anger; contempt: 7, Contempt;"
        "-: 8, None, 9, Uncertain, 10, Non-Face, NonFace, No-Face"
    ),
    "iemocap": _spellings(
        "anger: ang, Anger; happiness: hap, Happiness; excitement: exc, Excited; sadness: sad, Sadness;"
        "neutral: neu, Neutral state, Neutral; frustration: fru, Frustration; fear: fea, Fear; surprise: sur, Surprise;"
        "disgust: dis, Disgust; -: oth, Other, xxx"
    ),
    "affectnet_7": _spellings(
        "neutral: 0, Neutral; happiness: 1, Happy, Happiness; sadness: 2, Sad, Sadness; surprise: 3, Surprise;"
        "fear: 4, Fear; disgust: 5, Disgust; anger: 6, Anger"
    ),
    "affectnet_8": _spellings(
        "neutral: 0, Neutral; happiness: 1, Happy, Happiness; sadness: 2, Sad, Sadness; surprise: 3, Surprise;"
        "fear: 4, Fear; disgust: 5, Disgust; anger: 6, Anger; contempt: 7, Contempt"
    ),
    "fer2013": _spellings(
        "anger: 0, Angry; disgust: 1, Disgust; fear: 2, Fear; happiness: 3, Happy; sadness: 4, Sad; surprise: 5, Surprise;"
        "neutral: 6, Neutral"
    ),
    "ferplus": _spellings(
        "neutral: 0, neutral; happiness: 1, happiness; surprise: 2, surprise; sadness: 3, sadness; anger: 4, anger;"
        "disgust: 5, disgust; fear: 6, fear; contempt: 7, contempt; -: 8, unknown, 9, NF, non-face"
    ),
    "raf_db": _spellings(
        "surprise: 1, Surprise; fear: 2, Fear; disgust: 3, Disgust; happiness: 4, Happiness; sadness: 5, Sadness;"
        "anger: 6, Anger; neutral: 7, Neutral"
    ),
    "msp_podcast": _spellings(
        "anger: A; sadness: S; happiness: H; surprise: U; fear: F; disgust: D; contempt: C; neutral: N; -: O, X"
    ),
    "ravdess": _spellings(
        "neutral: 01, 1, neutral; calm: 02, 2, calm; happiness: 03, 3, happy; sadness: 04, 4, sad; anger: 05, 5, angry;"
        "fear: 06, 6, fearful; disgust: 07, 7, disgust; surprise: 08, 8, surprised, surprise"
    ),
    "emodb": _spellings("anger: W; boredom: L; disgust: E; fear: A; happiness: F; sadness: T; neutral: N"),
    "cremad": _spellings(
        "anger: ANG, A; disgust: DIS, D; fear: FEA, F; happiness: HAP, H; neutral: NEU, N; sadness: SAD, S"
    ),
    "tess": _spellings(
        "anger: angry; disgust: disgust, disgusted; fear: fear; happiness: happy; neutral: neutral; sadness: sad;"
        "surprise: ps, pleasant_surprise, pleasant_surprised, pleasant surprise"
    ),
    "meld": _spellings(
        "neutral: neutral; happiness: joy; sadness: sadness; anger: anger; fear: fear; disgust: disgust;"
        "surprise: surprise"
    ),
    "mosei": _spellings(
        "happiness: happy; sadness: sad; anger: anger; surprise: surprise; disgust: disgust; fear: fear"
    ),
}


class Vocabulary:
    """The words for emotions of one table: spelling -> category, and what happens to words that are not known.

    Parameters
    ----------
    spelling : str, optional
        A key of `SPELLINGS`. Our own names are always understood as well. Default: common English words.
    labels : mapping or path, optional
        Word -> category, in place of what the spelling says; "skip" or None for no emotion. Or a YAML file with it.
    unknown : "error" or "skip"
        Whether an unknown word is an error, or no emotion. Skipped words are counted in `skipped`.

    Examples
    --------
    >>> words = Vocabulary(labels={"love": "happiness"}, unknown="skip")
    >>> words.parse(["joy", "love", "pride"]), words.skipped
    (['happiness', 'happiness', None], Counter({'pride': 1}))
    """

    def __init__(
        self,
        spelling: str | None = None,
        labels: Mapping[Any, str | None] | str | Path | None = None,
        unknown: str = "error",
    ) -> None:
        if spelling is not None and spelling not in SPELLINGS:
            raise ConfigError(f"unknown spelling of emotions {spelling!r}; choose from {', '.join(SPELLINGS)}")
        if unknown not in UNKNOWN:
            raise ConfigError(f"unknown emotions: {unknown!r} is not known; choose {' or '.join(UNKNOWN)}")
        own = read_labels(labels) if isinstance(labels, str | Path) else dict(labels or {})
        for word, category in own.items():
            own[word] = (
                None if category == SKIP else category if category is None else ENGLISH.get(_normalised(category))
            )
            if category not in (SKIP, None) and own[word] is None:
                raise ConfigError(
                    f"labels: {word}: unknown emotion {category!r}; choose of {', '.join(CATEGORIES)}, or {SKIP}"
                )
        self.spelling, self.unknown, self.skipped = spelling, unknown, Counter[str]()
        self.words: dict[Any, str | None] = dict(ENGLISH if spelling is None else SPELLINGS[spelling])
        self._known: dict[str, str | None] = {category: category for category in CATEGORIES}
        for word, category in (self.words | own).items():
            self._known[_normalised(word)] = category
        self.words |= {str(word): category for word, category in own.items()}
        self._own = {_normalised(word) for word in own}
        self._cells: dict[Any, str | None] = {}  # cell -> category, so that a million rows cost one pass

    @classmethod
    def of(cls, spelling: str | Vocabulary | None) -> Vocabulary:
        """Return a vocabulary, or make that of a spelling."""
        return spelling if isinstance(spelling, Vocabulary) else cls(spelling)

    def parse(self, values: Iterable[Any], where: str = "", *, rows: Sequence[Any] | None = None) -> list[str | None]:
        """Translate cells as `parse_emotions` does."""
        names = []
        for row, cell in enumerate(values.tolist() if hasattr(values, "tolist") else values):
            try:
                names.append(self._cells[cell])
            except KeyError:
                names.append(self._translated(cell, row, where, rows))
            except TypeError:  # a list, or a tuple with one
                place = _place(row, where, rows)
                raise DataError(f"{place}: {quoted(cell)} is no single emotion; give one name a row") from None
        return names

    def _translated(self, cell: Any, row: int, where: str, rows: Sequence[Any] | None) -> str | None:
        if is_missing(cell):
            return None
        word = _normalised(cell)
        if word in self._known:
            self._cells[cell] = self._known[word]
            return self._known[word]
        if self.unknown == SKIP:
            self.skipped[str(cell)] += 1
            return None
        raise DataError(
            f"{_place(row, where, rows)}: unknown emotion {quoted(cell)}"
            f"{f' in the spelling of {self.spelling}' if self.spelling else ''}; "
            f"{suggestions(cell, list(self.words))}. "
            "Say what other words mean with --labels, or leave such rows without an emotion with --unknown skip"
        )

    def has_own(self, cell: Any) -> bool:
        """Return whether `labels` says what a word means."""
        return _normalised(cell) in self._own

    def notes(self) -> dict[str, int]:
        """Return a note on the words that were skipped, with their number of rows, for reports; empty if there are none."""
        most = ", ".join(f"{word} ({count:,})" for word, count in self.skipped.most_common(5))
        more = ", ..." if len(self.skipped) > 5 else ""
        return {f"unknown emotions that were skipped: {most}{more}": self.skipped.total()} if self.skipped else {}


def parse_emotions(
    values: Iterable[Any],
    spelling: str | Vocabulary | None = None,
    where: str = "",
    *,
    rows: Sequence[Any] | None = None,
) -> list[str | None]:
    """Translate spellings of emotions to our categories.

    Parameters
    ----------
    values : iterable
        Cells of a column; empty ones (None, NaN, "") become None.
    spelling : str or Vocabulary, optional
        A key of `SPELLINGS`, or a vocabulary of your own. Default: common English words.
    where : str, optional
        File name for messages.
    rows : sequence, optional
        Names of the rows for messages. Default: 0, 1, ...

    Returns
    -------
    list of str or None
        None where the corpus states that the label is none of our emotions ("other", "no agreement", "non-face").

    Raises
    ------
    DataError
        If a spelling is unknown; the message names its row and the most similar known spellings.

    Examples
    --------
    >>> from affectspace.emotions import parse_emotions
    >>> parse_emotions(["Happy", "afraid", ""])
    ['happiness', 'fear', None]
    >>> parse_emotions(["W", "N"], "emodb")
    ['anger', 'neutral']
    """
    return Vocabulary.of(spelling).parse(values, where, rows=rows)


def read_labels(path: str | Path) -> dict[str, str | None]:
    """Read a YAML file with lines ``label: emotion``, where the emotion may be skip. Raises ConfigError where it is none."""
    try:
        content = parse_yaml(text_of(path, "utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"labels in {path}: cannot be read ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(content, dict) or not all(isinstance(value, str | None) for value in content.values()):
        raise ConfigError(
            f"labels in {path}: write one 'label: emotion' a line, for example 'love: happiness', and skip for no emotion"
        )
    for word in content:
        if isinstance(word, bool):
            raise ConfigError(
                f"labels in {path}: YAML reads {'yes' if word else 'no'} as true or false; write it in quotes"
            )
    return {str(word): None if value == SKIP else value for word, value in content.items()}


def is_missing(value: Any) -> bool:
    """Return whether a cell is empty: None, NaN, pandas' NA, or a string of blanks."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, Number) and value != value)


def _place(row: int, where: str, rows: Sequence[Any] | None) -> str:
    """Name a row for messages."""
    return f"{where}{': ' if where else ''}row {row if rows is None else rows[row]}"


def _normalised(spelling: Any) -> str:
    if not isinstance(spelling, str) and hasattr(spelling, "item"):
        spelling = spelling.item()
    if isinstance(spelling, float) and spelling.is_integer():  # a column of integers with gaps is read as floats
        spelling = int(spelling)
    return str(spelling).strip().casefold()


def suggestions(value: Any, known: Sequence[str]) -> str:
    """Return the end of an error message: the known names most similar to a value, then all known names."""
    by_normalised = {_normalised(name): name for name in known}
    similar = [by_normalised[name] for name in difflib.get_close_matches(_normalised(value), by_normalised, n=3)]
    category = ENGLISH.get(_normalised(value))
    if category is not None and category in known and category not in similar:
        similar.insert(0, category)
    if str(value).strip().isdigit() and not any(str(name).isdigit() for name in known):
        numbered = [name for name, table in SPELLINGS.items() if any(word.isdigit() for word in table)]
        return f"numbers need the spelling of their corpus: {', '.join(numbered)}"
    listed = f"known are {', '.join(CATEGORIES if set(ENGLISH) <= set(known) else known)}"
    return f"did you mean {' or '.join(map(repr, similar))}? {listed}" if similar else listed
