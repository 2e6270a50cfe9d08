"""The paper's claims and additional hypotheses, each decided on every corpus on which it can be tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from affectspace.affect import AXES
from affectspace.evaluation.results import Result, Results
from affectspace.report.blocks import Verdict
from affectspace.studies.claims import (
    NOT_MEASURED,
    UNDECIDED,
    Finding,
    Rule,
    Statement,
    above,
    all_held,
    bar,
    below,
    corrected,
    describe,
    describe_all,
)
from affectspace.studies.manifold.cross_modal import ALL_PAIRS, LABELS
from affectspace.studies.manifold.independence import EQUIVALENT
from affectspace.studies.manifold.plan import EXPERIMENTS, HEADLINE
from affectspace.studies.manifold.uncertainty import CONSTANT

NEAR = 0.2  # pooled standard deviations between centroids that nearly overlap; our choice (Cohen's small effect)
MIXED = 0.6  # UAR of a classifier of the modality up to which clouds count as intermixed; our choice, chance is .5
MARGIN = 0.01  # loss of r that "at least as well" allows; our choice
LEAK = 0.20  # accuracy on eight emotions, chance .13
REBUILT = 0.05  # gain of R2 that an active private latent brings to the reconstruction; our choice
COVERED = (0.85, 0.95)
PLACES = {name: one.title for name, one in EXPERIMENTS.items() if one.modalities and name != "zero_shot_audio"}
SEVERAL = tuple(name for name in PLACES if len(EXPERIMENTS[name].modalities) > 1)  # with several modalities
RATED = tuple(name for name in PLACES if name != "text_probes")  # with valence, arousal and dominance
NAMED = tuple(name for name in PLACES if name != "text_axes")  # with emotions
ZERO_SHOT = (  # experiment, target, name
    ("zero_shot_text", "valence", "EmoBank to V-reg, valence"),
    ("zero_shot_audio", "arousal", "RAVDESS to EmoDB, arousal"),
    ("zero_shot_mosi", "sentiment", "IEMOCAP to MOSI, sentiment"),
    ("zero_shot_mosei", "sentiment", "IEMOCAP to MOSEI, sentiment"),
)
TRANSFERS = tuple(experiment for experiment, _, _ in ZERO_SHOT)
RIDGE_PLACES = ("text_axes", "text_axes_documents", "audio_face", "trimodal", "iemocap")


def as_headline(results: Results, model: str) -> Results:
    """Return results in which a model stands in the place of the headline, so that the same rules judge it."""
    others = [row for row in results if row.model not in (model, HEADLINE) and row.versus not in (model, HEADLINE)]
    own = [replace(row, model=HEADLINE) for row in results if row.model == model and row.versus != HEADLINE]
    return Results([*others, *own]) if own else Results()


def at_least(result: Result | None, margin: float = MARGIN) -> Verdict:
    """Decide: held where the interval is above -margin, not held where it is below 0, otherwise not decided."""
    if below(result) == "held":
        return "not held"
    verdict = above(result, -margin)
    return UNDECIDED if verdict == "not held" else verdict


def near(result: Result | None) -> Verdict:
    if result is None or result.value is None:
        return NOT_MEASURED if result is None else UNDECIDED
    return "held" if result.value < NEAR else "not held"


def covers(result: Result | None) -> Verdict:
    if result is None or result.value is None:
        return NOT_MEASURED if result is None else UNDECIDED
    return "held" if COVERED[0] <= result.value <= COVERED[1] else "not held"


def versus(other: str, target: str, *places: str) -> Rule:
    """Make a rule: the headline's r of a target is compared with another model, on the test rows of experiments."""

    def rule(results: Results) -> Sequence[Finding]:
        findings = []
        for experiment in places:
            named = {"experiment": experiment, "task": "axes", "model": HEADLINE, "target": target, "metric": "r"}
            place = {"text_axes": "EmoBank, published", "text_axes_documents": "EmoBank, documents apart"}.get(
                experiment, EXPERIMENTS[experiment].title if experiment in EXPERIMENTS else experiment
            )
            finding = corrected(results, place, "difference of mean r", at_least, False, versus=other, **named)
            findings += [finding] if finding is not None else []
        return findings

    return rule


def zero_shot(other: str) -> Rule:
    """Make a rule: the headline's r is compared with another model in every zero-shot transfer."""

    def rule(results: Results) -> Sequence[Finding]:
        findings = []
        for experiment, target, name in ZERO_SHOT:
            named = {"experiment": experiment, "task": "axes", "model": HEADLINE, "target": target, "metric": "r"}
            finding = corrected(results, name, f"difference of r, {target}", versus=other, **named)
            findings += [finding] if finding is not None else []
        return findings

    return rule


def _agreement(results: Results) -> Sequence[Finding]:
    findings = []
    for experiment, place, task, raters, agree, ceiling in (
        ("text_axes", "EmoBank", "axes", "reader and writer", "readers and writers agree at", "ceiling of readers"),
        ("iemocap", "IEMOCAP", "matrix", "raters", "two raters agree at", "ceiling"),
    ):  # fmt: skip
        verdicts, texts = [], []
        for axis in AXES[1:]:
            named = {"experiment": experiment, "target": axis, "metric": "r"}
            r = results.find(task="axes", model=HEADLINE, **named)
            agreement, bound = (results.find(task=task, model=model, **named) for model in (raters, ceiling))
            if r is not None and agreement is not None and agreement.value is not None:
                verdicts.append(above(r, agreement.value))
                text = f"{describe(r, f'{axis}: r')}; {agree} {agreement.value:.2f}"
                texts.append(text + (f", their means bound r at {bound.value:.2f}" if bound and bound.value else ""))
        if texts:
            note = ". Agreement is not a bound; the root of the reliability is"
            findings.append(Finding(all_held(verdicts), "; ".join(texts) + note, place))
    return findings


def _independence(results: Results) -> Sequence[Finding]:
    findings = bar(
        lambda row: below(row, EQUIVALENT), f"debiased CKA (bar {EQUIVALENT})", ("modality",), PLACES,
        task="independence", model=HEADLINE, versus="", metric="debiased_cka",
    )(results)  # fmt: skip
    p_values = results.filter(task="independence", model=HEADLINE, versus="", metric="hsic_p")
    noted = []
    for finding in findings:
        rows = [row for row in p_values if PLACES.get(row.experiment) == finding.place and row.value is not None]
        text = "".join(f"; {row.modality.replace('_', ' ')}: permutation p of HSIC {row.value:.3g}" for row in rows)
        noted.append(Finding(finding.verdict, finding.evidence + text, finding.place))
    return noted


def _dissociation(results: Results) -> Sequence[Finding]:
    findings = []
    for experiment, place in PLACES.items():
        gaps = {
            task: {
                row.modality: row
                for row in results.filter(
                    experiment=experiment, task=task, model=HEADLINE, condition="linear", latent="shared", versus="private",
                    metric="uar",
                )
            }
            for task in ("emotion", "speaker")
        }  # fmt: skip
        both = [modality for modality in gaps["emotion"] if modality in gaps["speaker"]]
        verdicts = [v for one in both for v in (above(gaps["emotion"][one]), below(gaps["speaker"][one]))]
        named = {f"{one.replace('_', ' ')}, {task}": gaps[task][one] for one in both for task in gaps}
        if both:
            findings.append(Finding(all_held(verdicts), describe_all(named, "UAR of shared minus private"), place))
    return findings


def _leak(results: Results) -> Sequence[Finding]:
    columns = {"task": "emotion", "model": HEADLINE, "latent": "private", "versus": "", "metric": "accuracy"}
    findings = bar(
        lambda row: below(row, LEAK), "accuracy on eight emotions", ("modality",), {"audio_face": "RAVDESS"},
        condition="linear", **columns,
    )(results)  # fmt: skip
    trees = results.filter(experiment="audio_face", condition="boosted", **columns)
    text = "".join(f"; {describe(row, f'{row.modality}, boosted trees')}" for row in trees)
    return [Finding(finding.verdict, finding.evidence + text, finding.place) for finding in findings]


def _active(results: Results) -> Sequence[Finding]:
    findings = []
    for experiment, place in PLACES.items():
        verdicts: list[Verdict] = []
        texts = []
        for modality in EXPERIMENTS[experiment].modalities:
            named = {"experiment": experiment, "task": "independence", "model": HEADLINE, "modality": modality}
            active, full, without = (
                results.find(metric=metric, **named) for metric in ("active", "r2_rebuilt", "r2_rebuilt_without")
            )
            if active is None or full is None or without is None:
                continue
            gain = (full.value or 0.0) - (without.value or 0.0)
            verdicts.append("held" if (active.value or 0) >= 1 and gain >= REBUILT else "not held")
            texts.append(
                f"{modality.replace('_', ' ')}: {active.value:g} active units, R2 of the reconstruction {full.value:.2f}, "
                f"{gain:.2f} of it from the private latent"
            )
            speakers = {"experiment": experiment, "task": "speaker", "condition": "linear", "metric": "uar"}
            speaker = results.find(model=HEADLINE, modality=modality, latent="private", **speakers)
            chance = results.find(model="majority", latent="full", **speakers)
            if speaker is not None and chance is not None and chance.value is not None:
                verdicts.append(above(speaker, chance.value))
                texts.append(describe(speaker, f"{modality}: UAR of the speaker, chance {chance.value:.2f}:"))
        if texts:
            findings.append(Finding(all_held(verdicts), "; ".join(texts), place))
    return findings


def _union(results: Results) -> Sequence[Finding]:
    rows = results.filter(experiment="union", versus="single")
    named = {f"{row.condition}, {row.task}": row for row in rows}
    if not named:
        return []
    verdicts: list[Verdict] = ["not held" if below(row) == "held" else "held" for row in rows]
    text = describe_all(named, "union minus single") + "; held where no interval is below 0"
    return [Finding(all_held(verdicts), text)]


def _widening(results: Results) -> Sequence[Finding]:
    findings = []
    for experiment, place in PLACES.items():
        named = {"experiment": experiment, "task": "widening", "model": HEADLINE, "condition": "without one modality"}
        ratio, share = results.find(metric="ratio", **named), results.find(metric="share_wider", **named)
        if ratio and share and ratio.value is not None and share.value is not None:
            verdict: Verdict = "held" if ratio.value > 1 and share.value > 0.5 else "not held"
            text = f"without intervals: {ratio.value:.3f} times as wide, wider in {100 * share.value:.0f} % of rows and axes"
            findings.append(Finding(verdict, text, place))
    return findings


def emotion_gap(other: str) -> Rule:
    """Make a rule: accuracy of the emotion from the shared latent minus that from another part of the latents."""
    return bar(
        above, f"accuracy of shared minus {other.replace('full', 'both')}", ("modality",), PLACES, task="emotion",
        model=HEADLINE, condition="linear", latent="shared", versus=other, metric="accuracy",
    )  # fmt: skip


_PAIR = ("modality", "target")
_ABOVE_CHANCE = "share among the first ten above chance"
_PEOPLE = {"trimodal": ""}
_OURS = {"model": HEADLINE, "versus": ""}

PAPER_CLAIMS = (
    Statement(
        "Each axis of the shared latent follows its own attribute more than the other two", "Table 1",
        bar(
            above, "own r above the largest other", ("latent",), PLACES, task="matrix", model=HEADLINE, modality="",
            metric="own_above_others",
        ), RATED,
    ),
    Statement(
        "The shared latent reaches the agreement of raters in arousal and dominance", "section 4.2", _agreement,
        ("text_axes",),
    ),
    Statement(
        "The centroids of the modalities nearly overlap in the shared space", "Figure 2",
        bar(
            near, f"distance in pooled sd, without interval, near is below {NEAR}", _PAIR, PLACES, task="gap",
            metric="centroids", **_OURS,
        ), SEVERAL,
    ),
    Statement(
        "Samples of different modalities are intermixed in the shared space", "Figure 2",
        bar(
            lambda row: below(row, MIXED), "a classifier's UAR of the modality", _PAIR, PLACES, task="gap",
            metric="classifier_uar", **_OURS,
        ), SEVERAL,
    ),
    Statement(
        "Shared and private latents are statistically independent in every modality", "Table 2", _independence, PLACES
    ),
    Statement(
        "The shared latent alone predicts emotions better than shared and private together", "Table 3", emotion_gap("full"),
        NAMED,
    ),
    Statement("The private latent predicts emotions worse than the shared one", "Table 3", emotion_gap("private"), NAMED),
    Statement(
        "Double dissociation: emotion is read better from the shared latent, the speaker better from the private one",
        "section 4.3", _dissociation, NAMED,
    ),
    Statement("In zero-shot transfer the shared latent is above MVAE", "Table 4", zero_shot("mvae"), TRANSFERS),
    Statement("In zero-shot transfer the shared latent is above MISA", "Table 4", zero_shot("misa"), TRANSFERS),
    Statement(
        "Transfer is more robust than that of a fully supervised network", "abstract", zero_shot("supervised"), TRANSFERS
    ),
    Statement(
        "Cross-modal reconstruction reduces the gap between modalities", "section 3.4",
        bar(
            below, "a classifier's UAR of the modality, with minus without Eq. 7", _PAIR, PLACES, task="gap",
            model=HEADLINE, versus="no_cross", metric="classifier_uar",
        ), SEVERAL,
    ),
    Statement(
        "The lexicon anchor makes the space robust against the bias of one corpus", "section 3.5", zero_shot("no_lexicon"),
        TRANSFERS,
    ),
    Statement(
        "Moving along shared valence changes a sentence's tone and keeps its topic", "Table 5",
        lambda results: [Finding(NOT_MEASURED, "no sentence is generated in this study: `affectspace steer` does that")],
    ),
)  # fmt: skip

HYPOTHESIS = "additional hypothesis"
ADDITIONAL_HYPOTHESES = tuple(
    Statement(text, HYPOTHESIS, rule, experiments)
    for text, rule, experiments in (
        (
            "The shared latent predicts valence, arousal and dominance at least as well as ridge regression",
            versus("ridge", "mean", *RIDGE_PLACES), RIDGE_PLACES,
        ),
        ("In zero-shot transfer the shared latent is above ridge regression on the features", zero_shot("ridge"), TRANSFERS),
        (
            "Within actor and emotion, predicted arousal rises from normal to strong intensity",
            bar(
                above, "strong minus normal", (), {"audio_face": "RAVDESS"}, task="intensity", model=HEADLINE,
                modality="all", target="arousal", metric="difference",
            ), ("audio_face",),
        ),
        (
            "The shared latent reaches the softmax floor on RAVDESS' proxies",
            versus("softmax", "mean", "audio_face"), ("audio_face",),
        ),
        (
            "A linear probe of the private latents recognises RAVDESS' eight emotions in under 20 % of cases",
            _leak, ("audio_face",),
        ),
        ("The private latents are active: active units, reconstruction, speaker", _active, PLACES),
        (
            "Training with HSIC lowers the dependence that HSIC measures",
            bar(
                below, "debiased HSIC, with minus without", ("modality",), PLACES, task="independence", model="hsic",
                versus="no_independence", metric="hsic",
            ), PLACES,
        ),
        ("One model for all corpora is not worse than one model for each", _union, ("union",)),
        (
            "For synthetic people, one modality finds the same sample in another better than chance",
            bar(
                above, _ABOVE_CHANCE, _PAIR, _PEOPLE, task="retrieval", metric="top_10_above_chance",
                modality=lambda name: name != ALL_PAIRS, **_OURS,
            ), _PEOPLE,
        ),
        (
            "A vector generated from another modality's affect alone (Eq. 6) finds its own row better than chance",
            bar(
                above, _ABOVE_CHANCE, _PAIR, PLACES, task="generation", metric="top_10_above_chance",
                modality=lambda name: name != LABELS, **_OURS,
            ), SEVERAL,
        ),
        (
            "For synthetic people, every subset of modalities predicts valence and arousal",
            bar(above, "r", _PAIR, _PEOPLE, task="subsets", target=AXES[:2], metric="r", **_OURS), _PEOPLE,
        ),
        (
            "Predicted deviations score better (NLL, CRPS) than one constant deviation for each axis",
            bar(
                below, "minus that of a constant deviation", ("metric", "target"), PLACES, task="uncertainty",
                model=HEADLINE, versus=CONSTANT, metric=("nll", "crps"),
            ), RATED,
        ),
        (
            "90 % intervals cover 85 to 95 % in each third of the predicted deviations",
            bar(
                covers, "without intervals", ("target", "condition"), PLACES, task="uncertainty", metric="coverage",
                condition=bool, **_OURS,
            ), RATED,
        ),
        ("Predicted deviations grow as modalities are missing", _widening, SEVERAL),
    )
)  # fmt: skip
