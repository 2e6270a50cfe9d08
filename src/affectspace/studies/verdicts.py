"""How claims are decided: by intervals on one side of a bar. Nothing here computes a figure."""

from affectspace.evaluation.result import Measurement
from affectspace.report.blocks import Verdict

Evidence = tuple[Verdict, str]
UNDECIDED: Verdict = "not decided"


def above(measurement: Measurement | None, bar: float = 0.0) -> Verdict:
    """Held where the whole interval lies above the bar, not held where it lies below, else not decided."""
    if measurement is None or measurement.low is None or measurement.high is None:
        return UNDECIDED
    if measurement.low > bar:
        return "held"
    return "not held" if measurement.high < bar else UNDECIDED


def below(measurement: Measurement | None, bar: float = 0.0) -> Verdict:
    """`above` with the sides exchanged."""
    turned: dict[Verdict, Verdict] = {"held": "not held", "not held": "held", UNDECIDED: UNDECIDED}
    return turned[above(measurement, bar)]


def together(*verdicts: Verdict) -> Verdict:
    """Held where all are, not held where any is not, else not decided."""
    if "not held" in verdicts:
        return "not held"
    return "held" if verdicts and all(verdict == "held" for verdict in verdicts) else UNDECIDED


def said(measurement: Measurement | None, what: str, digits: int = 3) -> str:
    """A figure in words, with its interval, n and protocol."""
    if measurement is None or measurement.value is None:
        return f"{what}: not measured"
    text = f"{what} {measurement.value:+.{digits}f}" if digits else f"{what} {measurement.value:g}"
    if measurement.low is not None and measurement.high is not None:
        text += f" [{measurement.low:+.{digits}f}, {measurement.high:+.{digits}f}]"
    return f"{text} (protocol {measurement.protocol}, n {measurement.n})"
