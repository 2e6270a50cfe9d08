"""A lexicon of words with valence, arousal and dominance, read from the layouts in which lexicons are released."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import is_normalized, normalize

import numpy as np

from affectspace.affect import Scale
from affectspace.affect import scale as scale_of
from affectspace.errors import ConfigError, DataError
from affectspace.lexicon.formats import FORMATS, detect, own_format, read_rows

if TYPE_CHECKING:
    from affectspace.lexicon.contextual import Contextual, ContextualScorer

_SENSE = re.compile(r"^(.*\S)\s*\([^()]*\)$")
_VARIATION = re.compile("[\ufe0e\ufe0f]")
_MOST_BAD = 0.5  # a larger share of bad rows means that the format or the scale is wrong, not the rows


@dataclass(frozen=True)
class LexiconReport:
    """How a lexicon was read. problems: a message for each row left out; duplicates: later rows of a term, not used."""

    kept: int = 0
    duplicates: int = 0
    problems: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return one line, and one for each of the first five problems."""
        head = f"{self.kept:,} terms; {self.duplicates:,} duplicates not used; {len(self.problems):,} bad rows left out"
        more = [f"... and {len(self.problems) - 5} more"] if len(self.problems) > 5 else []
        return "\n".join([head, *self.problems[:5], *more])


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Terms and their canonical values.

    Attributes
    ----------
    name : str
    terms : tuple of n str
        As written in the file.
    values : ndarray of shape (n, axes)
        On [-1, 1], columns in canonical order.
    scale : Scale
        Scale of the file, for its own axes.
    senses : bool
        Whether a bracket behind a term is a sense, as in "address (postal)".
    report : LexiconReport

    Examples
    --------
    >>> from affectspace.lexicon import Lexicon
    >>> lexicon = Lexicon.from_terms({"glad": (8, 6, 6), "sad": (2, 4, 3)}, scale="sam")
    >>> lexicon.axes
    ('valence', 'arousal', 'dominance')
    >>> lexicon.values[0]
    array([0.75, 0.25, 0.25])
    """

    name: str
    terms: tuple[str, ...]
    values: np.ndarray
    scale: Scale
    senses: bool = False
    report: LexiconReport = field(default_factory=LexiconReport)

    def __post_init__(self) -> None:
        if not self.terms:
            raise DataError(f"lexicon {self.name!r} has no terms")
        shape = (len(self.terms), len(self.axes))
        if self.values.shape != shape or not np.isfinite(self.values).all():
            raise DataError(f"lexicon {self.name!r}: values must be finite numbers of shape {shape}")

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of `values`, in canonical order."""
        return self.scale.canonical_axes

    def __len__(self) -> int:
        return len(self.terms)

    @cached_property
    def index(self) -> dict[str, int]:
        """Lower-case term with composed characters -> its row; of several rows, the first."""
        index: dict[str, int] = {}
        for row, term in enumerate(self.terms):
            index.setdefault(normalize("NFC", term.lower()), row)
        return index

    @cached_property
    def entries(self) -> dict[str, np.ndarray]:
        """Lower-case term -> values, with senses merged: a term without bracket is used for all senses, else their mean."""
        entries: dict[str, np.ndarray] = {}
        senses: dict[str, list[np.ndarray]] = {}
        for written, row in self.index.items():
            term = one_spelling(written)
            match = _SENSE.match(term) if self.senses else None
            if match is None:
                entries.setdefault(term, self.values[row])
            else:
                senses.setdefault(match[1], []).append(self.values[row])
        for term, values in senses.items():
            entries.setdefault(term, np.mean(values, axis=0))
        return entries

    @cached_property
    def scorers(self) -> dict[Contextual, ContextualScorer]:
        """The contextual scorers of this lexicon, by their options. They remember words."""
        return {}

    @classmethod
    def read(
        cls,
        path: str | Path,
        format: str | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        scale: str | Scale | None = None,
        strict: bool = False,
    ) -> Lexicon:
        """Read a lexicon and make its values canonical.

        Parameters
        ----------
        path : path
        format : str, optional
            One of `FORMATS`. Default: recognised by the first lines.
        columns : mapping, optional
            For any other table with a header: `term` and axes -> names of its columns.
        scale : str or Scale, optional
            Scale of that table (a key of `SCALES`). Default: canonical.
        strict : bool
            Raise DataError for a bad row, instead of leaving it out.

        Returns
        -------
        Lexicon
            Rows without a term, or with a value that is not a number or lies outside the scale, are left out; `.report` lists
            them with file, line and value. Of duplicates the first one is used.

        Raises
        ------
        DataError
            If the file cannot be read, or has more bad rows than good ones.
        """
        path = Path(path)
        if columns is not None:
            if format is not None:
                raise ConfigError(f"{path}: give a format ({format!r}) or columns, not both")
            layout = own_format(path, columns, _as_scale(scale or "canonical"))
        elif format is None:
            layout = detect(path)
        elif format in FORMATS:
            layout = FORMATS[format]
        else:
            raise ConfigError(f"unknown format {format!r}; choose from {', '.join(FORMATS)}; or give columns and scale")
        axes = tuple(layout.columns)
        chosen = (layout.scale if scale is None else _as_scale(scale)).select(axes)
        terms: dict[str, list[float]] = {}
        problems: list[str] = []
        total = 0
        for line, cells in read_rows(path, layout):
            total += 1
            numbers = _parse_row(cells, axes, chosen.ranges)
            if isinstance(numbers, str):
                problems.append(f"{path}: line {line}: {numbers}")
                if strict:
                    raise DataError(f"{problems[-1]}; correct the row or remove it")
            else:
                terms.setdefault(cells[0].strip(), numbers)
        if not terms or len(problems) > _MOST_BAD * total:
            first = problems[0] if problems else f"{path} has no rows"
            raise DataError(
                f"{first}; {len(problems)} of {total} rows are bad: is the format {layout.name!r}, and is it on its scale?"
            )
        report = LexiconReport(len(terms), total - len(problems) - len(terms), tuple(problems))
        values = chosen.to_canonical(list(terms.values()))
        return cls(path.stem, tuple(terms), values, chosen, layout.senses, report)

    @classmethod
    def vader(cls) -> Lexicon:
        """Read the word list of VADER (Hutto & Gilbert 2014, MIT licence), valence only, from the package vaderSentiment.

        Raises
        ------
        ConfigError
            If the package is not installed.

        Examples
        --------
        >>> Lexicon.vader().axes  # doctest: +SKIP
        ('valence',)
        """
        spec = importlib.util.find_spec("vaderSentiment")  # its list is read; the package is not imported
        if spec is None or spec.origin is None:
            raise ConfigError(
                "no lexicon is given, and the word list of VADER is not installed: pip install 'affectspace[lexicon]', or "
                "give the file of a lexicon with --lexicon"
            )
        return cls.read(Path(spec.origin).with_name("vader_lexicon.txt"), "vader")

    @classmethod
    def from_terms(
        cls, terms: Mapping[str, Sequence[float] | float], scale: str | Scale = "canonical", name: str = "own"
    ) -> Lexicon:
        """Return a lexicon of a mapping term -> values on the scale, in the scale's order of axes."""
        chosen = _as_scale(scale)
        native = np.array([np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in terms.values()])
        values = chosen.to_canonical(native, rows=list(terms), where=f"lexicon {name!r}")
        return cls(name, tuple(terms), values, chosen, False, LexiconReport(len(terms)))


def one_spelling(text: str) -> str:
    """Return a text with composed characters, plain apostrophes and hyphens, and emoji without variation selectors."""
    text = text if is_normalized("NFC", text) else normalize("NFC", text)
    return _VARIATION.sub("", text).replace("\u2019", "'").replace("\u2010", "-")


def _as_scale(scale: str | Scale) -> Scale:
    return scale if isinstance(scale, Scale) else scale_of(scale)


def _parse_row(cells: list[str], axes: tuple[str, ...], ranges: tuple[tuple[float, float], ...]) -> list[float] | str:
    """The values of a row, or what is wrong with it."""
    if len(cells) <= len(axes):
        return f"{len(cells)} cells, expected a term and {', '.join(axes)}"
    if not cells[0].strip():
        return "the term is empty"
    numbers = []
    for axis, cell, (low, high) in zip(axes, cells[1:], ranges, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            return f"{axis} of {cells[0]!r} is {cell!r}, not a number"
        if not low <= number <= high:
            return f"{axis} of {cells[0]!r} is {cell}, outside {low:g}..{high:g}"
        numbers.append(number)
    return numbers
