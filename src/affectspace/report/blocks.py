"""What a report is made of: frozen records that hold content, and nothing about how it looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from affectspace.errors import DataError

Verdict = Literal["held", "not held", "not decided"]
CalloutKind = Literal["note", "assumption", "fault", "warning"]


@dataclass(frozen=True)
class Cell:
    """A measured figure in a table: value, its interval, the published figure, how it was measured.

    ``value``, ``low``, ``high``: float, int, or None/NaN (shown as an en dash). ``paper``: the published figure,
    a number as printed there or a text. ``n``: how many samples. ``note``: the protocol, as small text.
    ``best``: set off as the best of its column. ``digits``: decimals of value and interval.
    Raises DataError where only one end of the interval is given or the ends are swapped.
    """

    value: float | int | str | None
    low: float | None = None
    high: float | None = None
    paper: float | str | None = None
    n: int | None = None
    note: str | None = None
    best: bool = False
    digits: int = 3

    def __post_init__(self) -> None:
        check_interval(self.low, self.high, f"a cell of value {self.value}")
        check_digits(self.digits, f"a cell of value {self.value}")


@dataclass(frozen=True)
class Claim:
    """A statement under test, the verdict on it, the evidence in words and figures, and where the claim is made."""

    text: str
    verdict: Verdict
    evidence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_choice(self.verdict, get_args(Verdict), f"verdict of the claim {self.text!r}")


@dataclass(frozen=True)
class KeyFigure:
    """One of the few numbers that the reader should remember, with its interval; shown large at the top."""

    label: str
    value: float | int | str | None
    low: float | None = None
    high: float | None = None
    paper: float | str | None = None
    note: str | None = None
    digits: int = 3

    def __post_init__(self) -> None:
        check_interval(self.low, self.high, f"the key figure {self.label!r}")
        check_digits(self.digits, f"the key figure {self.label!r}")


@dataclass(frozen=True)
class SectionBlock:
    kind: ClassVar[str] = "section"
    title: str
    anchor: str
    level: int


@dataclass(frozen=True)
class TextBlock:
    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class TableBlock:
    """``numeric[j]``: whether column j is set to the right; ``row_headers``: whether column 0 names the rows."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str
    numeric: tuple[bool, ...]
    row_headers: bool
    anchor: str


@dataclass(frozen=True)
class FigureBlock:
    """An image as a ``data:`` address; ``width``: pixels at which it is meant to be seen."""

    kind: ClassVar[str] = "figure"
    address: str
    caption: str
    alt: str
    width: int


@dataclass(frozen=True)
class ClaimsBlock:
    kind: ClassVar[str] = "claims"
    claims: tuple[Claim, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many claims bear each verdict."""
        return {verdict: sum(claim.verdict == verdict for claim in self.claims) for verdict in get_args(Verdict)}


@dataclass(frozen=True)
class CalloutBlock:
    kind: ClassVar[str] = "callout"
    label: CalloutKind
    text: str

    def __post_init__(self) -> None:
        check_choice(self.label, get_args(CalloutKind), "kind of a callout")


Block = SectionBlock | TextBlock | TableBlock | FigureBlock | ClaimsBlock | CalloutBlock


def check_interval(low: float | None, high: float | None, where: str) -> None:
    """Raise DataError unless both ends are given or neither, in order; NaN counts as not known."""
    if (low is None) != (high is None):
        raise DataError(f"{where} has only one end of its interval (low={low}, high={high}); give both or neither")
    if low is not None and high is not None and low > high:
        raise DataError(f"{where} has an interval from {low} to {high}; low must not be above high")


def check_digits(digits: int, where: str) -> None:
    """Raise DataError for a number of decimals that cannot be printed."""
    if not 0 <= digits <= 12:
        raise DataError(f"{where} asks for {digits} decimals; give 0 to 12")


def check_choice(value: str, choices: tuple[str, ...], where: str) -> None:
    """Raise DataError for a word that is not one of the choices."""
    if value not in choices:
        raise DataError(f"{where} is {value!r}; choose one of {', '.join(choices)}")
