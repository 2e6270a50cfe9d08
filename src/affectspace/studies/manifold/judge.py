"""What claims are decided by: where each can be tested, the bars, and how figures of the metrics are found and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from affectspace.evaluation import MetricsFile
from affectspace.evaluation.result import Measurement
from affectspace.report.blocks import Verdict
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.verdicts import UNDECIDED, Evidence, above, below, said

NEAR = 0.2  # pooled standard deviations between centroids that count as nearly overlapping; ours (Cohen's small effect)
MIXED = 0.6  # UAR of a classifier of the modality up to which clouds count as intermixed; ours, chance is .5
MARGIN = 0.01  # of r, up to which "at least as well" bears a loss; ours
LEAK = 0.20  # of eight emotions, chance .13
REBUILT = 0.05  # gain of R2 that a living private latent brings to the reconstruction; ours
COVERED = (0.85, 0.95)
PLACES = {  # where a claim can be tested: experiment -> modalities and name
    "text_axes": (("text",), "EmoBank"),
    "text_probes": (("text",), "MELD"),
    "audio_face": (("audio", "action_units"), "RAVDESS"),
    "trimodal": (("text", "audio", "video"), "synthetic people"),
    "iemocap": (("text", "audio", "video"), "IEMOCAP"),
}
Found = list[tuple[str, Evidence]]  # corpus, verdict and evidence


def at_least(measurement: Measurement | None, margin: float = MARGIN) -> Verdict:
    """Held where the interval lies above -margin, not held where it lies below 0, else not decided."""
    if below(measurement) == "held":
        return "not held"
    return "held" if above(measurement, -margin) == "held" else UNDECIDED


def listed(told: Iterable[tuple[str, Measurement | None]], what: str) -> str:
    """Named figures of one kind; the kind is told once, and so are protocol and rows where they are the same."""
    figures = list(told)
    bases = {(one.protocol, one.n) for _, one in figures if one is not None}
    if len(bases) != 1:
        return f"{what}: " + "; ".join(said(one, name) for name, one in figures)
    protocol, n = next(iter(bases))
    ending = f" (protocol {protocol}, n {n})"
    return f"{what}: " + "; ".join(said(one, name).removesuffix(ending) for name, one in figures) + ending


class Judge:
    """Finds figures in the metrics of a study."""

    def __init__(self, metrics: MetricsFile) -> None:
        self.metrics = metrics

    def find(self, experiment: str, row: str, metric: str) -> Measurement | None:
        names = (experiment, row, metric)
        return self.metrics.get(*names) if names in self.metrics else None

    def rows(self, experiment: str, start: str) -> list[str]:
        """The rows of an experiment that begin so."""
        return [row for row in self.metrics.experiments.get(experiment, {}) if row.startswith(start)]

    def compared(
        self,
        experiment: str,
        other: str,
        metric: str,
        rule: Callable[[Measurement | None], Verdict] = above,
    ) -> Evidence:
        """The headline against another model, Holm's correction included."""
        table, row = f"{experiment}_comparisons", f"{HEADLINE} - {other}"
        difference, holm = self.find(table, row, metric), self.find(table, row, "p_holm")
        verdict, text = rule(difference), said(difference, f"difference of {metric.replace('_', ' ')}")
        if rule is above and holm is not None and holm.value is not None:
            text += f"; p {holm.value:.3g} after Holm"
            if holm.value > 0.05 and verdict != UNDECIDED:
                verdict, text = UNDECIDED, text + ": the interval alone would decide, the corrected p does not"
        return verdict, text

    def each(self, table: str, row: str, metric: str, modalities: Iterable[str]) -> list[tuple[str, Measurement]]:
        """A figure of each modality that has it; `row` with the modality behind it, `table` an experiment's name."""
        found = [(one, self.find(table, f"{row} {one}", metric)) for one in modalities]
        return [(one, measurement) for one, measurement in found if measurement is not None]

    def zero_shot(self, other: str) -> Found:
        """The headline against another model in every zero-shot transfer."""
        found: Found = []
        places = (
            ("zero_shot_text", "r_valence", "EmoBank to V-reg, valence"),
            ("zero_shot_audio", "r_arousal", "RAVDESS to EmoDB, arousal"),
            ("zero_shot_mosi", "r_sentiment", "IEMOCAP to MOSI, sentiment"),
            ("zero_shot_mosei", "r_sentiment", "IEMOCAP to MOSEI, sentiment"),
        )
        for experiment, metric, name in places:
            if self.find(f"{experiment}_comparisons", f"{HEADLINE} - {other}", metric) is not None:
                found.append((name, self.compared(experiment, other, metric)))
        return found
