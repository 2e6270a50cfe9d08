"""Claims decided by intervals: held, not held, or not decided. Nothing here computes a figure."""

from collections.abc import Callable

from affectspace.annotation import AnnotationTransfer, covered_area
from affectspace.evaluation import MetricsFile
from affectspace.evaluation.result import Measurement
from affectspace.report import Claim
from affectspace.report.blocks import Verdict
from affectspace.studies.levasa.published import STATEMENTS, Statement
from affectspace.studies.levasa.strict import RATIO_LIMIT
from affectspace.studies.verdicts import UNDECIDED, Evidence, above, below, said, together


class Judge:
    """Verdicts on the statements of `published.STATEMENTS` by what the metrics hold."""

    def __init__(self, metrics: MetricsFile) -> None:
        self.metrics = metrics

    def find(self, experiment: str, row: str, metric: str) -> Measurement | None:
        names = (experiment, row, metric)
        return self.metrics.get(*names) if names in self.metrics else None

    def decide(self, statement: Statement) -> list[Claim]:
        """One claim for each protocol under which the statement can be tested."""
        rule: dict[str, Callable[[], list[tuple[str, Evidence]]]] = {
            "emotion": self._emotion,
            "regression": self._regression,
            "alignment": lambda: self._alignment("vanilla"),
            "va_vaz": self._va_vaz,
            "discrete": self._discrete,
            "reconstruction": self._reconstruction,
            "area": self._area,
            "permuted": lambda: [("strict", self.control("permuted"))],
            "class_means": lambda: [("strict", self.control("class_means"))],
            "seven_way": lambda: [("strict", self.control("seven_way"))],
            "constant": lambda: self._alignment("constant"),
            "gap": self._gap,
        }
        found = rule[statement.key]()
        return [
            Claim(f"{statement.text} ({protocol})" if protocol else statement.text, verdict, text, statement.source)
            for protocol, (verdict, text) in found
        ]

    def _uar(self, row: str) -> Evidence:
        difference, p = self.find("comparisons", row, "uar"), self.find("comparisons", row, "p")
        holm = self.find("comparisons", row, "p_holm")
        verdict = above(difference)
        text = said(difference, "difference of UAR")
        if p is not None and p.value is not None:
            text += f"; sign-flip over people p {p.value:.3g}"
        if holm is not None and holm.value is not None:
            text += f", {holm.value:.3g} after Holm"
            if holm.value > 0.05 and verdict != UNDECIDED:
                verdict, text = UNDECIDED, text + ": the interval alone would decide, the corrected p does not"
        return verdict, text

    def _accuracy(self, row: str) -> Evidence:
        difference = self.find("table_3_paper", row, "accuracy")
        return above(difference), said(difference, "difference of accuracy")

    def _emotion(self) -> list[tuple[str, Evidence]]:
        strict = self._uar("continuous - vanilla")
        return [("strict", strict), ("paper", self._accuracy("continuous va - vanilla va"))]

    def _va_vaz(self) -> list[tuple[str, Evidence]]:
        paper = self._accuracy("continuous va - continuous vaz")
        return [("strict", self._uar("continuous: va - vaz")), ("paper", paper)]

    def _discrete(self) -> list[tuple[str, Evidence]]:
        paper = self._accuracy("discrete va - continuous va")
        return [("strict", self._uar("discrete - continuous")), ("paper", paper)]

    def _regression(self) -> list[tuple[str, Evidence]]:
        gains = [self.find("readouts", "continuous", f"r2_{axis}_above_vanilla") for axis in ("valence", "arousal")]
        strict = together(*map(above, gains)), _both(gains, "R2 above the Vanilla VAE")
        errors = [self.find("table_2_paper", "continuous - vanilla", f"mse_{axis}") for axis in ("valence", "arousal")]
        paper = together(*map(below, errors)), _both(errors, "MSE above the Vanilla VAE")
        return [("strict", strict), ("paper", paper)]

    def _alignment(self, other: str) -> list[tuple[str, Evidence]]:
        found: list[tuple[str, Evidence]] = []
        remark = "; this measure is passed by a constant, so it says little" if other == "vanilla" else ""
        for protocol in ("strict", "paper"):
            distance = self.find(f"table_1_continuous_{protocol}", f"continuous - {other}", "mse_combined")
            found.append((protocol, (below(distance), said(distance, "difference of squared distance") + remark)))
        return found

    def _reconstruction(self) -> list[tuple[str, Evidence]]:
        ratio = self.find("reconstruction", "continuous", "mse_ratio")
        worse, slight = above(ratio, 1.0), below(ratio, RATIO_LIMIT)
        text = said(ratio, "MSE of LeVAsa over the Vanilla VAE's") + f"; 'slightly' is taken as at most {RATIO_LIMIT}"
        return [("strict", (together(worse, slight), text))]

    def control(self, name: str) -> Evidence:
        """Whether LeVAsa beats a control in UAR, Holm's correction included."""
        return self._uar(f"continuous - {name}")

    def _gap(self) -> list[tuple[str, Evidence]]:
        share = self.find("comparisons", "gap_closed", "share")
        return [("strict", (above(share, 0.5), said(share, "share of the way", 2)))]

    def _area(self) -> list[tuple[str, Evidence]]:
        area = covered_area(AnnotationTransfer.reference("affectnet"))
        verdict: Verdict = "held" if round(100 * area) == 3 else "not held"
        return [("", (verdict, f"one-sigma ellipses of AffectNet's statistics cover {100 * area:.1f} % of the square"))]


def _both(measurements: list[Measurement | None], what: str) -> str:
    pairs = zip(("valence", "arousal"), measurements, strict=True)
    return "; ".join(said(one, f"{axis}: {what}") for axis, one in pairs)


def decide_claims(metrics: MetricsFile) -> tuple[list[Claim], list[Claim]]:
    """The paper's claims, and ours about controls, floors and ceiling."""
    judge = Judge(metrics)
    paper: list[Claim] = []
    ours: list[Claim] = []
    for statement in STATEMENTS:
        (ours if statement.source == "our control" else paper).extend(judge.decide(statement))
    return paper, ours
