"""Claims decided by intervals: held, not held, or not decided. Nothing here computes a figure."""

from affectspace.evaluation import MetricsFile
from affectspace.report import Claim
from affectspace.studies.manifold.judge import Found
from affectspace.studies.manifold.our_questions import OurQuestions
from affectspace.studies.manifold.paper_claims import PaperClaims
from affectspace.studies.manifold.published import OURS, STATEMENTS, Statement
from affectspace.studies.verdicts import UNDECIDED


def decide_claims(metrics: MetricsFile) -> tuple[list[Claim], list[Claim]]:
    """The paper's claims, and our questions; one of each for every corpus on which it can be tested."""
    rules = PaperClaims(metrics).rules() | OurQuestions(metrics).rules()
    paper: list[Claim] = []
    ours: list[Claim] = []
    for statement in STATEMENTS:
        (ours if statement.source == OURS else paper).extend(_claims(statement, rules[statement.key]()))
    return paper, ours


def _claims(statement: Statement, found: Found) -> list[Claim]:
    told = found or [("", (UNDECIDED, "not measured in this study"))]
    return [
        Claim(f"{statement.text} ({where})" if where else statement.text, verdict, text, statement.source)
        for where, (verdict, text) in told
    ]
