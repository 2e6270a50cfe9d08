"""Claims as declarations over the results: a statement, its source, and a rule that decides by intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from affectspace.evaluation.results import Result, Results, Where
from affectspace.report import Claim
from affectspace.report.blocks import Verdict

UNDECIDED: Verdict = "not decided"
ALPHA = 0.05  # of corrected p values


@dataclass(frozen=True)
class Finding:
    """The verdict on a statement at one place, such as a corpus, with the evidence in words."""

    verdict: Verdict
    evidence: str
    place: str = ""


Judgement = Callable[[Result | None], Verdict]
Rule = Callable[[Results], Sequence[Finding]]


@dataclass(frozen=True)
class Statement:
    """A claim under test: its text, who makes it, and the rule that decides it at each place where it can be tested."""

    text: str
    source: str
    rule: Rule


def decide(statements: Iterable[Statement], results: Results) -> list[Claim]:
    """Decide statements; one that was not measured anywhere is not decided."""
    claims = []
    for statement in statements:
        for finding in statement.rule(results) or [Finding(UNDECIDED, "not measured in this study")]:
            text = f"{statement.text} ({finding.place})" if finding.place else statement.text
            claims.append(Claim(text, finding.verdict, finding.evidence, statement.source))
    return claims


def above(result: Result | None, bar: float = 0.0) -> Verdict:
    """Decide: held where the whole interval is above the bar, not held where it is below, otherwise not decided."""
    if result is None or result.low is None or result.high is None:
        return UNDECIDED
    if result.low > bar:
        return "held"
    return "not held" if result.high < bar else UNDECIDED


def below(result: Result | None, bar: float = 0.0) -> Verdict:
    """Decide: held where the whole interval is below the bar, not held where it is above, otherwise not decided."""
    reverse: dict[Verdict, Verdict] = {"held": "not held", "not held": "held", UNDECIDED: UNDECIDED}
    return reverse[above(result, bar)]


def all_held(verdicts: Iterable[Verdict]) -> Verdict:
    """Combine verdicts: held where all are held, not held where one is not held, otherwise not decided."""
    known = list(verdicts)
    if "not held" in known:
        return "not held"
    return "held" if known and all(verdict == "held" for verdict in known) else UNDECIDED


def describe(result: Result | None, name: str, digits: int = 3) -> str:
    """Write a figure in words, with interval, protocol and number of rows."""
    if result is None or result.value is None:
        return f"{name}: not measured"
    return f"{name} {_figure(result, digits)} {_protocol(result)}"


def describe_all(results: Mapping[str, Result | None], name: str) -> str:
    """Write several figures of one kind (label -> result), with protocol and number of rows once where all share them."""
    protocols = {_protocol(result) for result in results.values() if result is not None}
    if len(protocols) != 1 or any(result is None or result.value is None for result in results.values()):
        return f"{name}: " + "; ".join(describe(result, label) for label, result in results.items())
    figures = [f"{label} {_figure(result, 3)}".strip() for label, result in results.items() if result is not None]
    return f"{name}: {'; '.join(figures)} {protocols.pop()}"


def _figure(result: Result, digits: int) -> str:
    interval = (
        "" if result.low is None or result.high is None else f" [{result.low:+.{digits}f}, {result.high:+.{digits}f}]"
    )
    return f"{result.value:+.{digits}f}{interval}"


def _protocol(result: Result) -> str:
    return f"(protocol {result.protocol}, n {result.n})"


def label_of(result: Result, columns: Sequence[str]) -> str:
    """Write the values of columns in words."""
    return ", ".join(getattr(result, column).replace("_", " ") for column in columns if getattr(result, column))


def bar(
    judgement: Judgement, name: str, labels: Sequence[str], places: Mapping[str, str], note: str = "", **where: Where
) -> Rule:
    """Make a rule: at each place (experiment -> name) every result that `where` selects meets the judgement.

    name : of the figures; labels : the columns that tell them apart; note : added to the evidence
    """

    def rule(results: Results) -> list[Finding]:
        findings = []
        for experiment, place in places.items():
            rows = {label_of(row, labels): row for row in results.filter(experiment=experiment, **where)}
            if rows:
                text = describe_all(rows, name) + note
                findings.append(Finding(all_held(judgement(row) for row in rows.values()), text, place))
        return findings

    return rule


def corrected(
    results: Results, place: str, name: str, judgement: Judgement = above, correct: bool = True, /, **columns: str
) -> Finding | None:
    """Decide a comparison, in which the p value after Holm's correction must agree; None where it was not measured."""
    difference = results.find(**columns)
    if difference is None:
        return None
    verdict, text = judgement(difference), describe(difference, name)
    named = {"p": "p {:.3g}", "p_holm": "p {:.3g} after Holm"}
    p_values = {metric: results.find(**{**columns, "metric": metric}) for metric in named}
    for metric, row in p_values.items():
        if correct and row is not None and row.value is not None:
            text += "; " + named[metric].format(row.value)
            if metric == "p_holm" and row.value > ALPHA and verdict != UNDECIDED:
                verdict, text = UNDECIDED, f"{text}: the interval alone would decide, the corrected p does not"
    return Finding(verdict, text, place)
