"""The LeVAsa paper's claims, and ours about controls, floors and ceiling, as statements with rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from affectspace.studies.levasa.plan import LETTER, LEVELS
from affectspace.studies.levasa.study import AXES, Arm

RATIO_LIMIT = 1.15  # of the reconstruction error of LeVAsa to the Vanilla VAE's, that counts as "slightly worse"
CLOSED = 0.5  # share of the way to a supervised network


def uar(results: Results, model: str, versus: str, prefix: str = "") -> list[Finding]:
    """Decide a difference of UAR on held-out people, with the corrected p value."""
    named = {"experiment": f"{prefix}probes", "model": model, "versus": versus, "latent": "va", "metric": "uar"}
    finding = corrected(results, "strict", "difference of UAR", **named)
    return [finding] if finding is not None else []


def emotion(model: str, versus: str, prefix: str = "") -> Rule:
    """Make a rule: a difference of UAR under the strict protocol, and of Table 3's accuracy under the paper's."""

    def rule(results: Results) -> Sequence[Finding]:
        named = {"experiment": f"{prefix}table_3", "condition": "paper", "latent": "va", "metric": "accuracy"}
        accuracy = results.find(model=model, versus=versus, **named)
        paper = [Finding(above(accuracy), describe(accuracy, "difference of accuracy"), "paper")] if accuracy else []
        return [*uar(results, model, versus, prefix), *paper]

    return rule


def control(name: str) -> Rule:
    return lambda results: uar(results, "continuous", name)


def alignment(model: str, versus: str) -> Rule:
    """Make a rule: the squared distance of raw chunks to valence and arousal, minus that of another model, by protocol."""
    remark = "" if versus == "constant" else "; a constant passes this measure, so it says little"
    named = {"experiment": "table_1_continuous", "model": model, "versus": versus, "target": "combined"}

    def rule(results: Results) -> Sequence[Finding]:
        rows = {name: results.find(condition=name, metric="mse", **named) for name in ("strict", "paper")}
        return [
            Finding(below(row), describe(row, "difference of squared distance") + remark, name)
            for name, row in rows.items()
            if row is not None
        ]

    return rule


def levels(model: str, versus: str, prefix: str = "") -> Rule:
    """Make a rule: the cross-entropy of the discrete heads, minus that of the Vanilla VAE's chunks as logits, by protocol."""

    def rule(results: Results) -> Sequence[Finding]:
        rows = results.filter(experiment=f"{prefix}table_1_discrete", model=model, versus=versus, target="combined")
        return [Finding(below(row), describe(row, "difference of cross-entropy"), row.condition) for row in rows]

    return rule


def regression(family: str) -> Rule:
    """Make a rule against the Vanilla VAE: R2 of ridge read-outs, strict, and Table 2's error under the paper's protocol."""
    model = f"{family}continuous"

    def rule(results: Results) -> Sequence[Finding]:
        gains = {
            axis: results.find(experiment="readouts", target=axis, metric="r2", model=model, versus="vanilla")
            for axis in AXES
        }
        columns = {"experiment": "table_2", "condition": "paper", "metric": "mse", "versus": f"{family}vanilla"}
        errors = {axis: results.find(target=axis, model=model, **columns) for axis in AXES}
        findings = []
        if any(gains.values()):
            verdict = all_held(map(above, gains.values()))
            findings.append(Finding(verdict, describe_all(gains, "R2 minus the Vanilla VAE's"), "strict"))
        if any(errors.values()):
            verdict = all_held(map(below, errors.values()))
            findings.append(Finding(verdict, describe_all(errors, "MSE minus the Vanilla VAE's"), "paper"))
        return findings

    return rule


def reconstruction(model: str, prefix: str = "") -> Rule:
    """Make a rule: the reconstruction error is above the Vanilla VAE's, and by at most `RATIO_LIMIT`."""

    def rule(results: Results) -> Sequence[Finding]:
        named = {"experiment": f"{prefix}reconstruction", "versus": "vanilla", "metric": "mse_ratio"}
        ratio = results.find(model=model, **named)
        text = describe(ratio, "MSE of LeVAsa over that of the Vanilla VAE")
        text += f"; 'slightly' is taken as at most {RATIO_LIMIT}"
        return [Finding(all_held([above(ratio, 1.0), below(ratio, RATIO_LIMIT)]), text, "strict")] if ratio else []

    return rule


def _gap(results: Results) -> Sequence[Finding]:
    named = {"model": "continuous", "versus": "vanilla to cnn", "latent": "va", "metric": "gap_closed"}
    share = results.find(experiment="probes", **named)
    return [Finding(above(share, CLOSED), describe(share, "share of the way", 2), "strict")] if share else []


def _area(results: Results) -> Sequence[Finding]:
    area = covered_area(AnnotationTransfer.reference("affectnet"))
    verdict: Verdict = "held" if round(100 * area) == 3 else "not held"
    return [Finding(verdict, f"one-sigma ellipses of AffectNet's statistics cover {100 * area:.1f} % of the square")]


AREA = Statement("The ellipses cover 3 % of the valence-arousal square on average", "section 2.1", _area)
_DISCRETE = "LeVAsa's discrete heads fit the levels better than the Vanilla VAE's chunks"
_SLIGHTLY = "LeVAsa's reconstructions are slightly worse than the Vanilla VAE's"


def paper_claims(family: str) -> list[Statement]:
    """List the paper's claims about a corpus with emotions, for the models to its letter (`LETTER`), or for ours ("")."""
    vanilla, continuous, discrete = (family + name for name in ("vanilla", "continuous", "discrete"))
    statements = [
        Statement(
            "LeVAsa's valence and arousal chunks predict emotions better than the Vanilla VAE's", "Table 3",
            emotion(continuous, vanilla),
        ),
        Statement(
            "Valence and arousal are read better from LeVAsa's chunks than from Vanilla's", "Table 2", regression(family)
        ),
        Statement(_DISCRETE, "Table 1", levels(discrete, vanilla)),
        Statement(
            "For LeVAsa the two affective chunks predict emotions better than all three together", "Table 3",
            emotion(continuous, "vaz"),
        ),
        Statement(
            "Discrete annotations give chunks that predict emotions better than continuous ones", "section 3.3",
            emotion(discrete, continuous),
        ),
        Statement(_SLIGHTLY, "Figure 4", reconstruction(continuous)),
    ]  # fmt: skip
    if family:  # Table 1's claim is that of the paper's models, whose heads, or chunks, are pulled towards the labels
        closer = "chunks are closer to valence and arousal than the Vanilla VAE's"
        table_1 = [
            Statement(f"LeVAsa's {closer}", "Table 1", alignment(continuous, vanilla)),
            Statement(f"Without heads, as in the authors' notebooks, LeVAsa's {closer}", "Table 1",
                      alignment("notebook", "vanilla")),
        ]  # fmt: skip
        statements[2:2] = table_1
    return statements


def levels_claims(family: str) -> list[Statement]:
    """List the statements about a corpus with levels of valence and arousal."""
    vanilla, discrete = f"{family}vanilla", f"{family}discrete"
    return [
        Statement(_DISCRETE, "Table 1", levels(discrete, vanilla, LEVELS)),
        Statement(_SLIGHTLY, "Figure 4", reconstruction(discrete, LEVELS)),
        Statement(
            "LeVAsa's valence and arousal chunks predict the inferred emotions better than the Vanilla VAE's", CONTROL,
            emotion(discrete, vanilla, LEVELS),
        ),
    ]  # fmt: skip


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
        (
            "Without heads, as in the authors' notebooks, raw chunks are closer to valence and arousal than a constant",
            alignment("notebook", "constant"),
        ),
        ("LeVAsa closes at least half of the way from the Vanilla VAE to a supervised network", _gap),
    )
)


def claims(arms: Iterable[Arm]) -> dict[str, Sequence[Statement]]:
    """Return the statements about the corpora of a study and the networks that were trained on them, by title."""
    stated: dict[str, Sequence[Statement]] = {}
    arms = tuple(arms)
    for arm in arms:
        on = f": {arm.name}" if len(arms) > 1 else ""
        for family, title in (
            (LETTER, "The paper's claims, for models to its letter"),
            ("", "The paper's claims, for our network"),
        ):
            if any(name.startswith(LETTER) == bool(family) for name in arm.trained):
                stated[title + on] = levels_claims(family) if arm.prefix else paper_claims(family)
        if not arm.prefix:
            stated["Our controls, floors and ceiling" + on] = CONTROL_CLAIMS
    return {**stated, "Annotation transfer": [AREA]}
