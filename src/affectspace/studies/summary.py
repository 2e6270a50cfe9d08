"""The sentences and numbers on top of a report: rules over the results, so that they are true for every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affectspace.evaluation.results import KEY, Result, Results
from affectspace.report import Claim, KeyFigure

FLOORS = {  # simple methods that a model must beat, in words
    "majority": "the most frequent emotion",
    "constant": "the mean of the training rows",
    "pca_96": "the main components (PCA) of the pixels",
    "ridge": "ridge regression on the same input",
    "ridge_text": "ridge regression on the text",
    "softmax": "a softmax over the emotions",
    "lexicon": "a lexicon of words",
}
CORRELATIONS = ("r", "rho", "ccc", "spearman", "r2")  # 0 is chance
SAME = {
    "mse_ratio": 1.0,
    "gap_closed": None,
    "perplexity_ratio": None,
}  # value at which nothing differs; None: no such value


def chance_of(results: Results, row: Result) -> float | None:
    """Return what guessing reaches; None where there is no such level."""
    if row.metric in CORRELATIONS:
        return 0.0
    others = {column: getattr(row, column) for column in KEY}
    guess = results.find(**{**others, "metric": f"{row.metric}_chance"})
    if guess is None and row.metric == "uar":
        guess = results.find(**{**others, "model": "majority"})
    return None if guess is None else guess.value


def strongest_floor(results: Results, row: Result) -> Result | None:
    """Return the best simple method on the same rows by the same measure; None where none was measured."""
    same = {column: getattr(row, column) for column in KEY if column not in ("model", "latent")}
    rows = [one for one in results.filter(**same, model=tuple(FLOORS)) if one.latent in (row.latent, "")]
    return max((one for one in rows if one.value is not None), key=lambda one: one.value or 0.0, default=None)


def beside(results: Results, row: Result) -> dict[str, float | str]:
    """Return what a figure must be compared with: the chance level, and the strongest floor above it."""
    if row.versus or row.metric == "difference":
        same = SAME.get(row.metric, 0.0)
        return {} if same is None else {"no difference is": same}
    chance, floor = chance_of(results, row), strongest_floor(results, row)
    values: dict[str, float | str] = {} if chance is None else {"chance": chance}
    if (
        floor is not None
        and floor.value is not None
        and floor.model != row.model
        and (chance is None or floor.value > chance)
    ):
        values[FLOORS[floor.model]] = floor.value
    return values


def key_figures(results: Results, wanted: Mapping[str, Mapping[str, str]], digits: int = 3) -> list[KeyFigure]:
    """Return the figures at the top of a report, those that were measured (label -> key columns)."""
    rows = {label: results.find(**columns) for label, columns in wanted.items()}
    return [
        KeyFigure(label, row.value, row.low, row.high, row.paper, _measured_on(row), digits, beside(results, row))
        for label, row in rows.items()
        if row is not None
    ]


def _measured_on(row: Result) -> str:
    return ", ".join(part for part in (row.protocol, f"n {row.n:,}" if row.n else "") if part)


def compared(difference: Result | None, name: str = "it") -> str:
    """Write whether a model is above another one: by the interval of their difference."""
    if difference is None or difference.low is None or difference.high is None:
        return f"whether {name} is better was not measured"
    if difference.low > 0:
        return f"{name} is better"
    return f"{name} is worse" if difference.high < 0 else f"whether {name} is better is not decided"


def of_100(value: float | None) -> str:
    """Write a share as a number of cases.

    Examples
    --------
    >>> of_100(0.5291)
    '53 of 100'
    """
    return f"{100 * (value or 0.0):.0f} of 100"


def correlation_sentence(results: Results, row: Result | None, seen: str) -> str:
    """Write how well predictions follow the truth, with the strongest floor beside it. seen : what was predicted from"""
    if row is None or row.value is None:
        return ""
    text = f"{seen}, predictions follow the truth with a correlation of {row.value:.2f} (1 is perfect, a guess has 0)"
    floor = strongest_floor(results, row)
    if floor is None or floor.value is None:
        return f"{text}."
    difference = results.find(**{**{column: getattr(row, column) for column in KEY}, "versus": floor.model})
    verdict = compared(difference, "the model")
    return f"{text}; the strongest simple method, {FLOORS[floor.model]}, has {floor.value:.2f}: {verdict}."


def tally_sentence(claims: Iterable[Claim], whose: str = "claims") -> str:
    """Write how many of the claims that could be tested hold."""
    verdicts = [claim.verdict for claim in claims]
    tested = [verdict for verdict in verdicts if verdict != "not measured"]
    if not tested:
        return ""
    held, failed, open_ = (tested.count(verdict) for verdict in ("held", "not held", "not decided"))
    left = len(verdicts) - len(tested)
    more = f"; {left} more cannot be tested here" if left else ""
    counts = f"{held} hold{'s' * (held == 1)}, {failed} {'does' if failed == 1 else 'do'} not, and {open_} "
    counts += f"{'is' if open_ == 1 else 'are'} not decided"
    return f"Of {len(tested)} {whose} that this study can test, {counts}{more}."
