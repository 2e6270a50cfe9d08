"""The LeVAsa paper's claims, and ours about controls, floors and ceiling, as statements with rules."""

from __future__ import annotations

from collections.abc import Sequence

from affectspace.annotation import AnnotationTransfer, covered_area
from affectspace.evaluation.results import Results
from affectspace.report.blocks import Verdict
from affectspace.studies.claims import (
    Finding,
    Rule,
    Statement,
    above,
    all_held,
    below,
    corrected,
    describe,
    describe_all,
)
from affectspace.studies.levasa.study import AXES

RATIO_LIMIT = 1.15  # of the reconstruction error of LeVAsa to the Vanilla VAE's, that counts as "slightly worse"
CLOSED = 0.5  # share of the way to a supervised network


def uar(results: Results, model: str, versus: str) -> list[Finding]:
    """Decide a difference of UAR on held-out people, with the corrected p value."""
    named = {"experiment": "probes", "model": model, "versus": versus, "latent": "va", "metric": "uar"}
    finding = corrected(results, "strict", "difference of UAR", **named)
    return [finding] if finding is not None else []


def emotion(model: str, versus: str) -> Rule:
    """Make a rule: a difference of UAR under the strict protocol, and of Table 3's accuracy under the paper's."""

    def rule(results: Results) -> Sequence[Finding]:
        named = {"experiment": "table_3", "condition": "paper", "latent": "va", "metric": "accuracy"}
        accuracy = results.find(model=model, versus=versus, **named)
        paper = [Finding(above(accuracy), describe(accuracy, "difference of accuracy"), "paper")] if accuracy else []
        return [*uar(results, model, versus), *paper]

    return rule


def control(name: str) -> Rule:
    return lambda results: uar(results, "continuous", name)


def alignment(versus: str) -> Rule:
    """Make a rule: the squared distance of LeVAsa's chunks to valence and arousal, minus that of another model, by protocol."""
    remark = "; a constant passes this measure, so it says little" if versus == "vanilla" else ""

    def rule(results: Results) -> Sequence[Finding]:
        named = {"experiment": "table_1_continuous", "model": "continuous", "versus": versus, "target": "combined"}
        rows = {name: results.find(condition=name, metric="mse", **named) for name in ("strict", "paper")}
        return [
            Finding(below(row), describe(row, "difference of squared distance") + remark, name)
            for name, row in rows.items()
            if row is not None
        ]

    return rule


def _regression(results: Results) -> Sequence[Finding]:
    named = {"model": "continuous", "versus": "vanilla"}
    gains = {axis: results.find(experiment="readouts", target=axis, metric="r2", **named) for axis in AXES}
    columns = {"experiment": "table_2", "condition": "paper", "metric": "mse", **named}
    errors = {axis: results.find(target=axis, **columns) for axis in AXES}
    findings = []
    if any(gains.values()):
        verdict = all_held(map(above, gains.values()))
        findings.append(Finding(verdict, describe_all(gains, "R2 minus the Vanilla VAE's"), "strict"))
    if any(errors.values()):
        verdict = all_held(map(below, errors.values()))
        findings.append(Finding(verdict, describe_all(errors, "MSE minus the Vanilla VAE's"), "paper"))
    return findings


def _reconstruction(results: Results) -> Sequence[Finding]:
    ratio = results.find(experiment="reconstruction", model="continuous", versus="vanilla", metric="mse_ratio")
    text = (
        f"{describe(ratio, 'MSE of LeVAsa over that of the Vanilla VAE')}; 'slightly' is taken as at most {RATIO_LIMIT}"
    )
    return [Finding(all_held([above(ratio, 1.0), below(ratio, RATIO_LIMIT)]), text, "strict")] if ratio else []


def _gap(results: Results) -> Sequence[Finding]:
    named = {"model": "continuous", "versus": "vanilla to cnn", "latent": "va", "metric": "gap_closed"}
    share = results.find(experiment="probes", **named)
    return [Finding(above(share, CLOSED), describe(share, "share of the way", 2), "strict")] if share else []


def _area(results: Results) -> Sequence[Finding]:
    area = covered_area(AnnotationTransfer.reference("affectnet"))
    verdict: Verdict = "held" if round(100 * area) == 3 else "not held"
    return [Finding(verdict, f"one-sigma ellipses of AffectNet's statistics cover {100 * area:.1f} % of the square")]


PAPER_CLAIMS = (
    Statement(
        "LeVAsa's valence and arousal chunks predict emotions better than the Vanilla VAE's", "Table 3",
        emotion("continuous", "vanilla"),
    ),
    Statement("Valence and arousal are read better from LeVAsa's chunks than from Vanilla's", "Table 2", _regression),
    Statement(
        "LeVAsa's chunks are closer to valence and arousal than the Vanilla VAE's", "Table 1", alignment("vanilla")
    ),
    Statement(
        "For LeVAsa the two affective chunks predict emotions better than all three together", "Table 3",
        emotion("continuous", "vaz"),
    ),
    Statement(
        "Discrete annotations give chunks that predict emotions better than continuous ones", "section 3.3",
        emotion("discrete", "continuous"),
    ),
    Statement("LeVAsa's reconstructions are slightly worse than the Vanilla VAE's", "Figure 4", _reconstruction),
    Statement("The ellipses cover 3 % of the valence-arousal square on average", "section 2.1", _area),
)  # fmt: skip
CONTROL = "our control"
CONTROL_CLAIMS = tuple(
    Statement(text, CONTROL, rule)
    for text, rule in (
        (
            "The true ellipses predict emotions better than the same ellipses permuted among emotions",
            control("permuted"),
        ),
        (
            "Sampling from the ellipses predicts emotions better than aligning with their centres",
            control("class_means"),
        ),
        ("Valence and arousal as targets predict emotions better than an emotion head", control("seven_way")),
        ("LeVAsa's raw chunks are closer to valence and arousal than a constant", alignment("constant")),
        ("LeVAsa closes at least half of the way from the Vanilla VAE to a supervised network", _gap),
    )
)
