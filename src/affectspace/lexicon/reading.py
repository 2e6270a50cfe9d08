"""A lexicon of words with valence, arousal and dominance, read from the layouts in which they are released."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.affect import SCALES, Scale
from affectspace.errors import ConfigError, DataError
from affectspace.lexicon.formats import FORMATS, VADER, detect, own_format, rows

if TYPE_CHECKING:
    from affectspace.lexicon.contextual import Contextual, ContextualScorer

_SENSE = re.compile(r"^(.*\S)\s*\([^()]*\)$")
_MOST_BAD = 0.5  # with more bad rows than this share, the format or the scale is wrong, not the rows


@dataclass(frozen=True)
class LexiconReport:
    """What was read. problems: a message for each row left out; duplicates: later rows of a term, which are not used."""

    kept: int = 0
    duplicates: int = 0
    problems: tuple[str, ...] = ()

    def to_text(self) -> str:
        """One line, and one for each of the first five problems."""
        head = f"{self.kept:,} terms; {self.duplicates:,} duplicates not used; {len(self.problems):,} bad rows left out"
        more = [f"... and {len(self.problems) - 5} more"] if len(self.problems) > 5 else []
        return "\n".join([head, *self.problems[:5], *more])


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Terms and their canonical values.

    terms: n of them, as written. values: (n, axes) float64 on [-1, 1], columns in canonical order. scale: that of the
    file, for its own axes. senses: whether a bracket behind a term is a sense ("address (postal)").
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
        if self.values.shape != (len(self.terms), len(self.axes)) or not np.isfinite(self.values).all():
            raise DataError(
                f"lexicon {self.name!r}: values must be finite, of shape ({len(self.terms)}, {len(self.axes)})"
            )

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of `values`, in canonical order."""
        return self.scale.canonical_axes

    def __len__(self) -> int:
        return len(self.terms)

    @cached_property
    def index(self) -> dict[str, int]:
        """Lower-cased term -> its row; of several, the first."""
        index: dict[str, int] = {}
        for row, term in enumerate(self.terms):
            index.setdefault(term.lower(), row)
        return index

    @cached_property
    def entries(self) -> dict[str, np.ndarray]:
        """Lower-cased term -> values, with senses merged: a term without a bracket stands for all; else their mean."""
        entries: dict[str, np.ndarray] = {}
        senses: dict[str, list[np.ndarray]] = {}
        for written, row in self.index.items():
            term = written.replace("\u2019", "'")
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
        """The contextual scorers that were made for this lexicon, by their options: they remember words."""
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
        """Read a lexicon; its values become canonical.

        format: one of `FORMATS`; None: by the first lines. columns: for any other table with a header, `term` and axes
        -> its names of columns; scale: how that table is written, a name of `SCALES`, "vader" or a Scale (default
        canonical). A row without a term, with a value that is no number or outside the scale is left out, with
        file, line, value in `.report`; strict: it is a DataError instead. So is a file with more bad rows than good ones. Of
        duplicates the first is used, and the others are counted.
        """
        path = Path(path)
        if columns is not None:
            if format is not None:
                raise ConfigError(f"{path}: give a format ({format!r}) or columns, not both")
            layout = own_format(path, columns, _scale(scale or "canonical"))
        elif format is None:
            layout = detect(path)
        elif format in FORMATS:
            layout = FORMATS[format]
        else:
            raise ConfigError(f"unknown format {format!r}; there are {', '.join(FORMATS)}; or give columns and scale")
        if scale is not None and columns is None:
            layout = replace(layout, scale=_scale(scale).select(tuple(layout.columns)))
        axes, ranges = tuple(layout.columns), layout.scale.select(tuple(layout.columns)).ranges
        terms, native, problems, seen = [], [], [], set()
        duplicates = total = 0
        for line, cells in rows(path, layout):
            total += 1
            numbers = _numbers(cells, axes, ranges)
            if isinstance(numbers, str):
                problems.append(f"{path}: line {line}: {numbers}")
                if strict:
                    raise DataError(f"{problems[-1]}; correct the row or remove it")
            elif cells[0].strip() in seen:
                duplicates += 1
            else:
                seen.add(cells[0].strip())
                terms.append(cells[0].strip())
                native.append(numbers)
        if not terms or len(problems) > _MOST_BAD * total:
            first = problems[0] if problems else f"{path} has no rows"
            raise DataError(
                f"{first}; {len(problems)} of {total} rows are so: is it {layout.name!r}, and on its scale?"
            )
        chosen = layout.scale.select(axes)
        report = LexiconReport(len(terms), duplicates, tuple(problems))
        return cls(path.stem, tuple(terms), chosen.to_canonical(native), chosen, layout.senses, report)

    @classmethod
    def from_terms(
        cls, terms: Mapping[str, Sequence[float] | float], scale: str | Scale = "canonical", name: str = "own"
    ) -> Lexicon:
        """A lexicon from a mapping term -> values on the scale, in the scale's order of axes."""
        chosen = _scale(scale)
        native = np.array([np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in terms.values()])
        values = chosen.to_canonical(native, rows=list(terms), where=f"lexicon {name!r}")
        return cls(name, tuple(terms), values, chosen, False, LexiconReport(len(terms)))


def _numbers(cells: list[str], axes: tuple[str, ...], ranges: tuple[tuple[float, float], ...]) -> list[float] | str:
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


def _scale(scale: str | Scale) -> Scale:
    if isinstance(scale, Scale):
        return scale
    known: dict[str, Any] = {**SCALES, "vader": VADER}
    if scale not in known:
        raise ConfigError(f"unknown scale {scale!r}; there are {', '.join(known)}")
    return known[scale]
