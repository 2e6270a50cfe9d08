"""Claims as declarations over the results: a statement, its source, and a rule that decides by intervals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from affectspace.evaluation.results import Result, Results, Where
from affectspace.report import Claim
from affectspace.report.blocks import Verdict

UNDECIDED: Verdict = "not decided"  # measured, and the interval contains the bar
NOT_MEASURED: Verdict = "not measured"
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
    """A claim under test: its text, who makes it, and the rule that decides it at each place where it can be tested.

    experiments : those that can test it; a study without any of them does not list the claim. Empty: every study can.
    """

    text: str
    source: str
    rule: Rule
    experiments: Collection[str] = ()


def decide(statements: Iterable[Statement], results: Results) -> list[Claim]:
    """Decide the statements that the experiments in the results can test."""
    claims, experiments = [], set(results.distinct("experiment"))
    for statement in statements:
        findings = list(statement.rule(results))
        if not findings and not experiments.isdisjoint(statement.experiments or experiments):
            findings = [Finding(NOT_MEASURED, "this study did not train or measure what the statement compares")]
        for finding in findings:
            text = f"{statement.text} ({finding.place})" if finding.place else statement.text
            claims.append(Claim(text, finding.verdict, finding.evidence, statement.source))
    return claims


def above(result: Result | None, bar: float = 0.0) -> Verdict:
    """Decide: held where the whole interval is above the bar, not held where it is below, otherwise not decided."""
    if result is None or result.value is None:
        return NOT_MEASURED
    if result.low is None or result.high is None:
        return UNDECIDED
    if result.low > bar:
        return "held"
    return "not held" if result.high < bar else UNDECIDED


def below(result: Result | None, bar: float = 0.0) -> Verdict:
    """Decide: held where the whole interval is below the bar, not held where it is above, otherwise not decided."""
    verdict = above(result, bar)
    reverse: dict[Verdict, Verdict] = {"held": "not held", "not held": "held"}
    return reverse.get(verdict, verdict)


def all_held(verdicts: Iterable[Verdict]) -> Verdict:
    """Combine verdicts: not held where one is not held, otherwise the one that all share, otherwise not decided."""
    known = set(verdicts) or {NOT_MEASURED}
    if "not held" in known:
        return "not held"
    return known.pop() if len(known) == 1 else UNDECIDED


def describe(result: Result | None, name: str, digits: int = 3) -> str:
    """Write a figure in words, with interval, protocol and number of rows."""
    if result is None or result.value is None:
        return f"{name}: {'not measured' if result is None else 'undefined'}"
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
    """Decide a comparison, in which p must agree, after Holm's correction where there is one; None if it was not measured."""
    difference = results.find(**columns)
    if difference is None:
        return None
    verdict, text = judgement(difference), describe(difference, name)
    named = {"p": "p {:.3g}", "p_holm": "p {:.3g} after Holm"}
    p_values = {metric: results.find(**{**columns, "metric": metric}) for metric in named}
    for metric, row in p_values.items():
        if correct and row is not None and row.value is not None:
            text += "; " + named[metric].format(row.value)
    deciding = p_values["p_holm"] or p_values["p"]
    if correct and deciding is not None and (deciding.value or 0.0) > ALPHA and verdict in ("held", "not held"):
        verdict, text = UNDECIDED, f"{text}: the interval alone would decide, this p does not"
    return Finding(verdict, text, place)
