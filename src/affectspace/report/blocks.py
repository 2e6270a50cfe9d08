"""Cells, claims and key figures of a report: frozen records that say nothing about how they look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from affectspace.report.checks import check_choice, check_digits, check_interval

Verdict = Literal["held", "not held", "not decided", "not measured"]
CalloutKind = Literal["note", "assumption", "fault", "warning"]


@dataclass(frozen=True)
class Cell:
    """A measured value in a table.

    Examples
    --------
    >>> Cell(0.203, low=0.190, high=0.216, paper=0.36, n=4210).value
    0.203
    """

    value: float | int | str | None  # None and NaN are shown as an en dash
    low: float | None = None  # ends of the interval
    high: float | None = None
    paper: float | str | None = None  # the published value, a number as printed there or a text
    n: int | None = None  # number of samples
    note: str | None = None  # how it was measured, in small print
    best: bool = False  # whether to highlight it as the best of its column
    digits: int = 3  # decimals of value and interval

    def __post_init__(self) -> None:
        check_interval(self.low, self.high, f"a cell with value {self.value}")
        check_digits(self.digits, f"a cell with value {self.value}")


@dataclass(frozen=True)
class Claim:
    """A statement under test, with its verdict, evidence, and where the claim is made."""

    text: str
    verdict: Verdict
    evidence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_choice(self.verdict, get_args(Verdict), f"the verdict of the claim {self.text!r}")


@dataclass(frozen=True)
class KeyFigure:
    """One of the few numbers to remember, shown large at the top of a report. Fields as in `Cell`.

    beside : name -> what the value must be compared with, such as the chance level and the strongest floor
    """

    label: str
    value: float | int | str | None
    low: float | None = None
    high: float | None = None
    paper: float | str | None = None
    note: str | None = None
    digits: int = 3
    beside: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_interval(self.low, self.high, f"the key figure {self.label!r}")
        check_digits(self.digits, f"the key figure {self.label!r}")
