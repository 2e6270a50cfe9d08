"""The report of a steering evaluation: what was asked beforehand, every table, curves, the paper's table 5, examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile
from affectspace.report import Cell, Claim, KeyFigure, Report
from affectspace.report.blocks import Verdict
from affectspace.studies.figures import Picture
from affectspace.studies.steering.evaluate import Evaluation
from affectspace.studies.steering.plan import BARS, PRIMARY, TITLES, SteeringPlan
from affectspace.studies.steering.themes import EXPERIMENT, Traversal

EXAMPLES = 4  # held-out sentences that are shown


def add_steering(
    report: Report,
    evaluation: Evaluation,
    traversal: Traversal,
    pictures: Iterable[Picture],
    plan: SteeringPlan,
    folder: Path,
) -> None:
    """The sections of steering, appended to a report. folder : where the pictures are saved"""
    metrics = evaluation.metrics
    report.section("Table 5: steering a frozen language model", _introduction(evaluation, plan))
    for name, parts in evaluation.material.parts.items():
        if parts:
            report.callout("warning", f"The judge {name} is not independent here: it {', and '.join(parts)}.")
    report.claims(claims(metrics, evaluation.material.parts))
    _themes(report, metrics, traversal, plan)
    drawn = list(pictures)
    for axis in AXES:
        experiment = f"steering_{axis}"
        if experiment in metrics.experiments:
            _axis(report, metrics, axis, list(evaluation.material.judges))
            for picture in drawn:
                if picture.name.startswith(f"{experiment}_"):
                    report.figure(picture.path(folder), picture.caption, picture.alt)
    _examples(report, evaluation, plan)


def _introduction(evaluation: Evaluation, plan: SteeringPlan) -> str:
    run = evaluation.material.steerer.run
    config = run.projector_config
    model = run.facts["language_model"]
    return (
        f"A projector in the mode {config.model.mode} turns valence, arousal, dominance and private codes into "
        f"{config.model.tokens} soft tokens of {Path(model['name']).name} in {model['dtype']}, whose weights stay as they "
        f"are (one hash before and after: `{model['digest'][:16]}`). Primary, named beforehand: {PRIMARY}. Asked and "
        f"measured are in standard deviations of the corpus; candidates are ranked by our encoder, which is no "
        f"judge. All methods write with the same frozen model, the same number of candidates ({plan.candidates}) and the "
        "same ranking.\n\n"
        "A sentence in which a judge sees no difference between the steps counts as correlation 0. The template's words "
        "are its whole effect; without them nothing is left."
    )


def _axis(report: Report, metrics: MetricsFile, axis: str, judges: Sequence[str]) -> None:
    experiment = f"steering_{axis}"
    report.section(f"Along {axis}", level=3)
    columns = {f"spearman_{judge}": f"Spearman, {judge}" for judge in judges}
    columns |= {f"slope_{judge}": f"slope, {judge}" for judge in judges} | {"all_three": "all three bars"}
    note = (
        "Means over sentences, 95 % intervals over documents. A slope of 1 is what was asked for. All three bars: share of "
        f"sentences with a Spearman of {BARS['spearman']:g} by the ridge and every independent judge, content of "
        f"{BARS['content']:g}, and a perplexity of at most {BARS['perplexity_ratio']:g} times that with nothing asked."
    )
    _table(report, metrics, experiment, f"Does {axis} follow what is asked?", columns, note)
    columns = {
        "content": "content (cosine)", "kept_words": "content words kept", "copied": "copies",
        "perplexity_ratio": "perplexity, ratio", "repetition": "repetition", "distinct_2": "distinct-2",
    }  # fmt: skip
    note = "Perplexity under the unsteered model, as a ratio to that of the projector with nothing asked."
    _table(report, metrics, experiment, "Content and language", columns, note)
    drifts = {f"drift_{other}_{judge}": f"{other}, {judge}" for other in AXES if other != axis for judge in judges}
    _table(
        report,
        metrics,
        experiment,
        "Drift: slopes of the axes that were not asked for",
        drifts,
        "0 is what was asked for.",
    )
    compared = f"{experiment}_comparisons"
    if compared in metrics.experiments:
        columns = {f"spearman_{judge}": f"Spearman, {judge}" for judge in judges}
        columns |= {
            "all_three": "all three bars",
            "content": "content",
            "kept_words": "words kept",
            "surprise": "log perplexity",
        }
        _table(report, metrics, compared, "The projector less each other method, paired by sentence", columns, "")


def _table(
    report: Report, metrics: MetricsFile, experiment: str, caption: str, columns: dict[str, str], note: str
) -> None:
    rows = metrics.experiments[experiment]
    shown = [name for name in columns if any(name in figures for figures in rows.values())]
    body = []
    for row, figures in rows.items():
        cells = [_cell(figures.get(name)) for name in shown]
        if any(cell is not None for cell in cells):
            body.append((_title(row), *cells))
    if body:
        report.table(caption, ("method", *(columns[name] for name in shown)), body, note)


def _title(row: str) -> str:
    return " less ".join(TITLES.get(name, name) for name in row.split(" - "))


def _cell(one: object) -> Cell | None:
    return None if one is None else Cell(one.value, one.low, one.high, digits=2)  # type: ignore[attr-defined]


def _themes(report: Report, metrics: MetricsFile, traversal: Traversal, plan: SteeringPlan) -> None:
    report.section(
        "The paper's three themes",
        "The paper traverses from -1 to +1 on its own axis with Qwen2.5-3B; ours are standard deviations of the corpus, with "
        "the language model named above. Sentences of the paper are quoted from its table 5.",
        level=3,
    )
    if traversal.too_long:
        left = ", ".join(f"“{theme.seed}”" for theme in traversal.too_long)
        report.callout("note", f"Left out, as this run was trained on shorter sentences (fit.longest): {left}")
    if not traversal.themes:
        return
    rows = []
    for place, theme in enumerate(traversal.themes):
        for (printed, text), asked, ours in zip(
            theme.texts.items(), plan.asked, traversal.found[place].texts, strict=False
        ):
            rows.append((theme.seed, f"{printed:+.1f}", text, f"{asked:+.1f} sd", ours or "(nothing)"))
    columns = ("seed", "paper asks", "paper's text", "we ask", "our text")
    report.table("Table 5, as printed and ours", columns, rows)
    read = [
        (
            theme.name,
            *(
                Cell(metrics.get(EXPERIMENT, theme.name, axis).value, paper=theme.own[place], digits=3)
                for place, axis in enumerate(AXES)
            ),
        )
        for theme in traversal.themes
    ]
    note = "The paper's encoder was trained on IEMOCAP, ours on the corpus named above: other labels, other spreads."
    report.table("v_orig: what the encoders read of the seeds, on [-1, 1]", ("seed", *AXES), read, note)
    first = metrics.experiments[EXPERIMENT][traversal.themes[0].name]
    judged = [name for name in first if name.startswith(("spearman_", "span_"))]
    body = []
    for theme in traversal.themes:
        figures = [metrics.get(EXPERIMENT, theme.name, name) for name in judged]
        body.append((theme.name, *(Cell(one.value, paper=_rounded(one.paper), digits=2) for one in figures)))
    if judged:
        names = [
            name.replace("spearman_", "Spearman, ").replace("span_", "first to last step in sd, ") for name in judged
        ]
        report.table(
            "Both traversals by the judges",
            ("seed", *names),
            body,
            "Beside each, the same measure of the paper's texts.",
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _examples(report: Report, evaluation: Evaluation, plan: SteeringPlan) -> None:
    texts = evaluation.texts
    method = "steered" if (texts["method"] == "steered").any() else "steered_one"
    rows = texts[(texts["method"] == method) & (texts["axis"] == "valence") & (texts["sentence"] < EXAMPLES)]
    body = [(row.seed, f"{row.asked:+.1f} sd", row.text or "(nothing)") for row in rows.itertuples()]
    report.section("Examples", "The first sentences of those that were drawn, not chosen.", level=3)
    report.table("Held-out sentences along valence", ("sentence", "asked", "text"), body)


def claims(metrics: MetricsFile, parts: dict[str, tuple[str, ...]]) -> list[Claim]:
    """The bars that were named beforehand, and the comparisons, on valence."""
    experiment = "steering_valence"
    rows = metrics.experiments[experiment]
    own = "steered" if "steered" in rows else "steered_one"
    found = []
    for name in rows[own]:
        judge = name.removeprefix("spearman_")
        if name.startswith("spearman_"):
            one = rows[own][name]
            whose = "" if not parts.get(judge) else ", a judge that is not independent here"
            found.append(
                _claim(
                    f"Valence follows what is asked, by {judge}{whose}", one.value, one.low, one.high, BARS["spearman"]
                )
            )
    for name, words, sign in (("content", "Content is kept", 1), ("perplexity_ratio", "The language stays fluent", -1)):
        if name in rows[own]:
            one = rows[own][name]
            found.append(_claim(words, one.value, one.low, one.high, BARS[name], sign))
    for other in ("prompt", "prompt_one", "template_without", "vector", "vector_one"):
        row = metrics.experiments.get(f"{experiment}_comparisons", {}).get(f"{own} - {other}", {})
        for name, one in row.items():
            if name.startswith("spearman_"):
                words = f"Valence follows better than with {TITLES[other]}, by {name.removeprefix('spearman_')}"
            elif name == "all_three":
                words = f"More sentences meet all three bars at once than with {TITLES[other]}"
            else:
                continue
            found.append(_claim(words, one.value, one.low, one.high, 0.0))
    return found


def _claim(text: str, value: float | None, low: float | None, high: float | None, bar: float, sign: int = 1) -> Claim:
    verdict: Verdict = "not decided"
    if low is not None and high is not None:
        beyond, short = (low > bar, high < bar) if sign > 0 else (high < bar, low > bar)
        verdict = "held" if beyond else "not held" if short else "not decided"
    interval = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
    shown = "undefined" if value is None else f"{value:.2f}"
    return Claim(
        text, verdict, f"{shown}{interval}; the bar is {'at least' if sign > 0 else 'at most'} {bar:g}", "issue"
    )


def key_figures(metrics: MetricsFile) -> list[KeyFigure]:
    """The few numbers to remember."""
    rows = metrics.experiments["steering_valence"]
    own = rows["steered" if "steered" in rows else "steered_one"]
    names = {name: f"Spearman, {name.removeprefix('spearman_')}" for name in own if name.startswith("spearman_")}
    names |= {"content": "content", "perplexity_ratio": "perplexity, ratio", "all_three": "meet all three bars"}
    return [
        KeyFigure(told, own[name].value, own[name].low, own[name].high, digits=2)
        for name, told in names.items()
        if name in own
    ]
