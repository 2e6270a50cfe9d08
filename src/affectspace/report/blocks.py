"""The content of a report: frozen records that say nothing about how it looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from affectspace.report.checks import check_choice, check_digits, check_interval

Verdict = Literal["held", "not held", "not decided"]
CalloutKind = Literal["note", "assumption", "fault", "warning"]


@dataclass(frozen=True)
class Cell:
    """A measured value in a table.

    Attributes
    ----------
    value : float, int, str or None
        The value. None and NaN are shown as an en dash.
    low, high : float, optional
        Ends of its interval.
    paper : float or str, optional
        The published value, a number as it is printed there, or a text.
    n : int, optional
        Number of samples.
    note : str, optional
        How it was measured, in small print.
    best : bool
        Whether to highlight it as the best of its column.
    digits : int
        Number of decimals of value and interval.

    Examples
    --------
    >>> Cell(0.203, low=0.190, high=0.216, paper=0.36, n=4210).value
    0.203
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
        check_interval(self.low, self.high, f"a cell with value {self.value}")
        check_digits(self.digits, f"a cell with value {self.value}")


@dataclass(frozen=True)
class Claim:
    """A statement under test.

    Attributes
    ----------
    text : str
        The statement.
    verdict : {"held", "not held", "not decided"}
        Result of the test.
    evidence : str
        Figures and reasons.
    source : str
        Where the claim is made, for example the page of a paper.
    """

    text: str
    verdict: Verdict
    evidence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_choice(self.verdict, get_args(Verdict), f"the verdict of the claim {self.text!r}")


@dataclass(frozen=True)
class KeyFigure:
    """One of the few numbers to remember, shown large at the top of a report. Fields as in `Cell`."""

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
    """numeric : whether each column is right-aligned; row_headers : whether the first column names the rows"""

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
    """address : a data: URL; width : in pixels, as it should be seen"""

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
        """Number of claims per verdict."""
        return {verdict: sum(claim.verdict == verdict for claim in self.claims) for verdict in get_args(Verdict)}


@dataclass(frozen=True)
class CalloutBlock:
    kind: ClassVar[str] = "callout"
    label: CalloutKind
    text: str

    def __post_init__(self) -> None:
        check_choice(self.label, get_args(CalloutKind), "the kind of a callout")


Block = SectionBlock | TextBlock | TableBlock | FigureBlock | ClaimsBlock | CalloutBlock
