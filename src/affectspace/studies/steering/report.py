"""From a projector's run to metrics.json, figures, texts, the raters' sheet and the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.errors import RunError
from affectspace.evaluation.results import Recorder, Result, Results
from affectspace.files import write_atomic
from affectspace.progress import Progress, silent
from affectspace.report import Report
from affectspace.report.blocks import Verdict
from affectspace.steering.steerer import Steerer
from affectspace.studies.claims import Finding, Rule, Statement, above, below, decide, describe
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture, curve_picture
from affectspace.studies.steering.evaluate import CURVES, EXPERIMENT, STUDY, Evaluation, evaluate_steering
from affectspace.studies.steering.plan import BARS, PRIMARY, TITLES, SteeringPlan
from affectspace.studies.steering.rating_sheet import write_sheet
from affectspace.studies.steering.themes import EXPERIMENT as TABLE_5
from affectspace.studies.steering.themes import Traversal, record_themes, traverse_themes
from affectspace.studies.summary import key_figures
from affectspace.studies.tables import Callout, Columns, Figures, Part, Renderer, Section, Table, grid
from affectspace.training.runs import open_run

EXAMPLES = 4  # held-out sentences that are shown
SHOWN = ("steered", "unsteered", "prompt", "vector", "template")  # curves of the figures
SHOWN_ONE = ("steered_one", "unsteered", "prompt_one", "vector_one", "template")
COMPARED = ("prompt", "prompt_one", "template_without", "vector", "vector_one")
SOURCE = "named beforehand"


def evaluate_projector(
    run: Path | str,
    *,
    lexicons: Mapping[str, Path] | None = None,
    plan: SteeringPlan | None = None,
    rows: Dataset | None = None,
    steerer: Steerer | None = None,
    progress: Progress = silent,
) -> tuple[Results, Path]:
    """Evaluate a projector's run; return the results and the path of the report.

    Files in the run's folder: metrics.json, report.html, figures/, texts.csv, texts/ and raters/.

    Parameters
    ----------
    lexicons
        Name and file of judges besides the ridge.
    rows, steerer
        Rows of the encoder's run, and the steerer, where the caller has them.

    Raises
    ------
    RunError
        The run is of another kind, or the encoder's corpus can no longer be read.
    """
    started, folder, plan = time.perf_counter(), Path(run), plan or SteeringPlan()
    steerer = steerer or Steerer.of_run(run)
    data = rows if rows is not None else _rows_of(steerer, progress)
    evaluation = evaluate_steering(steerer, data, folder, lexicons=lexicons, plan=plan, progress=progress)
    traversal = traverse_themes(steerer, plan, progress)
    results, judges = evaluation.results, evaluation.material.judges
    record_themes(Recorder(results, {"study": STUDY}), traversal, judges, plan)
    write_atomic(folder / "texts.csv", lambda path: evaluation.texts.to_csv(path, index=False))
    if plan.sheet_sentences:
        write_sheet(folder / "raters", evaluation.texts, plan.sheet_sentences, plan.seed)
    opened = open_run(folder)
    run_facts = {
        "run": str(folder),
        "encoder": f"{steerer.encoder.run.facts['kind']}, trained on {corpora_of(steerer)}",
        "language model": steerer.model.name,
        "seed": plan.seed,
        "training seconds": opened.facts.get("seconds"),
    }
    settings = {
        "configuration": opened.projector_config.model_dump(mode="json"),
        "evaluation": plan.model_dump(mode="json"),
    }

    def report(made: Mapping[str, Picture], facts: dict[str, Any]) -> Report:
        title = "Steering a frozen language model"
        report = Report(
            title, "Sentences with target valence, arousal and dominance", {**run_facts, **facts, **settings}
        )
        add_steering(Renderer(report, results, TITLES, made), evaluation, traversal, plan)
        return report

    return results, write_study(folder, results, curves(results), report, started, progress)


def _rows_of(steerer: Steerer, progress: Progress) -> Dataset:
    folder = steerer.run.projector_config.run
    try:
        return open_run(folder).dataset("features", progress)
    except RunError as error:
        raise RunError(
            f"{steerer.run.folder} is evaluated on the held-out sentences of {folder}, which {steerer.run.folder}/config.yaml "
            f"names, seen from where it was trained: {error}"
        ) from error


def add_steering(renderer: Renderer, evaluation: Evaluation, traversal: Traversal, plan: SteeringPlan) -> None:
    """Append key figures, claims, tables, figures and examples of an evaluation of steering."""
    report, results, judges = renderer.report, renderer.results, list(evaluation.material.judges)
    own = {"experiment": EXPERIMENT, "task": "valence", "model": main_method(results)}
    wanted = {
        **{
            f"Spearman, {judge}": {**own, "metric": "spearman", "target": "valence", "modality": judge}
            for judge in judges
        },
        "content": {**own, "metric": "content"},
        "perplexity, ratio": {**own, "metric": "perplexity_ratio"},
        "meet all three bars": {**own, "metric": "all_three"},
    }
    report.key_figures(key_figures(results, wanted, digits=2))
    report.section("Table 5: steering a frozen language model", _introduction(evaluation, plan))
    for name, parts in evaluation.material.parts.items():
        if parts:
            report.callout("warning", f"The judge {name} is not independent here: it {', and '.join(parts)}.")
    report.claims(decide(statements(results, evaluation.material.parts), results))
    _add_themes(renderer, traversal, plan, corpora_of(evaluation.material.steerer))
    for axis in AXES:
        pictures = Figures(tuple(f"steering_{axis}_{judge}" for judge in judges))
        renderer.add(Section(f"Along {axis}", parts=[*tables(axis, judges), pictures], level=3))
    _add_examples(report, evaluation)


def main_method(results: Results) -> str:
    """Return the projector's method: with ranked candidates where there are several, otherwise with one."""
    return "steered" if "steered" in results.filter(experiment=EXPERIMENT).distinct("model") else "steered_one"


def statements(results: Results, parts: Mapping[str, tuple[str, ...]]) -> Iterator[Statement]:
    """Yield the bars and comparisons on valence, named beforehand; parts : judge -> why it is not independent."""
    yield Statement("Valence follows the target", SOURCE, _bar("spearman", above, "at least", parts))
    yield Statement("Content is kept", SOURCE, _bar("content", above, "at least"))
    yield Statement("The language stays fluent", SOURCE, _bar("perplexity_ratio", below, "at most"))
    measured = results.filter(experiment=EXPERIMENT, model=main_method(results)).distinct("versus")
    for method in (name for name in COMPARED if name in measured):
        title = TITLES[method]
        yield Statement(f"Valence follows better than with {title}", SOURCE, _better("spearman", method, parts))
        yield Statement(f"More sentences meet all three bars than with {title}", SOURCE, _better("all_three", method))


def _rows(results: Results, metric: str, versus: str) -> Results:
    own = {"experiment": EXPERIMENT, "task": "valence", "target": ("", "valence"), "model": main_method(results)}
    return results.filter(**own, metric=metric, versus=versus)


def _place(row: Result, parts: Mapping[str, tuple[str, ...]]) -> str:
    dependent = ", a judge that is not independent here" if parts.get(row.modality) else ""
    return f"by {row.modality}{dependent}" if row.modality else ""


def _bar(
    metric: str,
    judgement: Callable[[Result | None, float], Verdict],
    words: str,
    parts: Mapping[str, tuple[str, ...]] | None = None,
) -> Rule:
    """Make a rule: the figure of each judge is beyond the bar of the metric."""
    limit = BARS[metric]

    def rule(results: Results) -> Sequence[Finding]:
        return [
            Finding(
                judgement(row, limit),
                f"{describe(row, metric.replace('_', ' '), 2)}; the bar is {words} {limit:g}",
                _place(row, parts or {}),
            )
            for row in _rows(results, metric, "")
        ]

    return rule


def _better(metric: str, versus: str, parts: Mapping[str, tuple[str, ...]] | None = None) -> Rule:
    """Make a rule: the difference from another method is above 0, by each judge."""
    return lambda results: [
        Finding(above(row), describe(row, "difference", 2), _place(row, parts or {}))
        for row in _rows(results, metric, versus)
    ]


def tables(axis: str, judges: Sequence[str]) -> list[Part]:
    """Declare the tables of one axis: does the text follow, content and language, drift, and comparisons."""
    own: dict[str, Any] = {"experiment": EXPERIMENT, "task": axis, "versus": ""}
    correlation = grid("Spearman, {modality}", metric="spearman", target=axis, modality=judges)
    language = {
        "content": "content (cosine)", "kept_words": "content words kept", "copied": "copies",
        "perplexity_ratio": "perplexity, ratio", "repetition": "repetition", "distinct_2": "distinct-2",
    }  # fmt: skip
    compared = {
        "all_three": "all three bars", "content": "content", "kept_words": "words kept", "surprise": "log perplexity",
    }  # fmt: skip
    others = [other for other in AXES if other != axis]
    drift = grid("{target}, {modality}", metric="slope", target=others, modality=judges)

    def table(caption: str, columns: Columns, note: str, **more: Any) -> Table:
        settings: dict[str, Any] = {"where": own, "rows": ("model",), **more}
        return Table(caption, columns=columns, head="method", note=note, digits=2, basis=False, **settings)

    return [
        table(
            f"Does {axis} follow the target?",
            [
                *correlation,
                *grid("slope, {modality}", metric="slope", target=axis, modality=judges),
                *grid("all three bars", metric="all_three"),
            ],
            "Means over sentences, 95 % intervals over documents. A slope of 1 is the target. All three bars: share of "
            f"sentences with a Spearman of {BARS['spearman']:g} by the ridge and every independent judge, content of "
            f"{BARS['content']:g}, and a perplexity of at most {BARS['perplexity_ratio']:g} times that without a target.",
        ),
        table(
            "Content and language",
            grid("{metric}", metric=language),
            "Perplexity under the unsteered model, as a ratio to that of the projector without a target.",
        ),
        table("Drift: slopes of the other axes", drift, "The target is 0."),
        table(
            "The projector minus each other method, paired by sentence",
            [*correlation, *grid("{metric}", metric=compared)],
            "",
            where={**own, "versus": bool},
            rows=("model", "versus"),
        ),
    ]


def curves(results: Results) -> Iterator[Picture]:
    """Draw what was read over the target: a figure per axis and judge."""
    measured = results.filter(experiment=CURVES)
    for axis in measured.distinct("task"):
        for judge in measured.filter(task=axis).distinct("modality"):
            shown = SHOWN if main_method(results) == "steered" else SHOWN_ONE
            picture = curve_picture(
                f"steering_{axis}_{judge}",
                measured,
                {method: TITLES[method] for method in shown},
                f"target {axis}, sd of the corpus",
                f"measured {axis}, sd of the judge",
                f"Does {axis} follow the target? As {judge} measures it",
                "Minus its measure of the original sentences; bands are 95 % intervals over the sentences' documents. The "
                "diagonal would be perfect.",
                task=axis,
                modality=judge,
            )
            if picture is not None:
                yield picture


def corpora_of(steerer: Steerer) -> str:
    """Return the names of the corpora that the encoder learned from."""
    return ", ".join(steerer.encoder.run.facts.get("corpora") or {}) or "a corpus that its run does not name"


def _introduction(evaluation: Evaluation, plan: SteeringPlan) -> str:
    steerer = evaluation.material.steerer
    run, encoder = steerer.run, steerer.encoder.run
    config, private = run.projector_config, steerer.projector.config.private or 0
    model = run.fact("language_model")
    candidates = "All methods write one text for each step with the same frozen model. Our encoder is no judge."
    if plan.candidates > 1:
        candidates = (
            "Our encoder ranks the candidates and is no judge. All methods write with the same frozen model, the same number "
            f"of candidates ({plan.candidates}) and the same ranking."
        )
    codes = f" and {private} private codes" if private else ", without private codes,"
    return (
        f"The encoder is a model of kind {encoder.facts['kind']} that learned from {corpora_of(steerer)}. A projector in the "
        f"mode {config.model.mode} turns its valence, arousal and dominance{codes} into {config.model.tokens} soft tokens of "
        f"{Path(model['name']).name} in {model['dtype']}. The weights of the language model do not change (one hash before and "
        f"after: `{model['digest'][:16]}`). Primary, named beforehand: {PRIMARY}. "
        f"Targets and measures are in standard deviations of the corpus. {candidates}\n\n"
        "A sentence in which a judge sees no difference between the steps counts as correlation 0. The template's words "
        "are its whole effect; without them nothing is left."
    )


def _add_themes(renderer: Renderer, traversal: Traversal, plan: SteeringPlan, corpora: str) -> None:
    report, canonical = renderer.report, plan.themes == "canonical"
    units = "valence on [-1, 1] as well" if canonical else "standard deviations of the corpus"
    report.section(
        "The paper's three themes",
        f"The paper traverses from -1 to +1 on its own axis with Qwen2.5-3B. Ours are {units}, with the language model named "
        "above. Sentences of the paper are quoted from its table 5.",
        level=3,
    )
    if traversal.too_long:
        sentences = ", ".join(f"“{theme.seed}”" for theme in traversal.too_long)
        renderer.add(
            Callout("note", f"Left out, as this run was trained on shorter sentences (fit.longest): {sentences}")
        )
    if not traversal.themes:
        return
    clipped = sum(ours.clipped for ours in traversal.steered)
    if clipped:
        renderer.add(
            Callout(
                "note",
                f"{clipped} of our targets lie beyond the projector's reach (`model.reach`, in standard deviations of the "
                "corpus) and were limited to it.",
            )
        )
    rows = [
        (theme.seed, f"{printed:+.1f}", text, f"{target:+.1f}{'' if canonical else ' sd'}", own or "(nothing)")
        for theme, ours in zip(traversal.themes, traversal.steered, strict=True)
        for (printed, text), target, own in zip(theme.texts.items(), plan.theme_targets, ours.texts, strict=False)
    ]
    report.table(
        "Table 5, as printed and ours", ("seed", "paper's target", "paper's text", "our target", "our text"), rows
    )
    where, row, own = {"experiment": TABLE_5}, ("task",), grid("{target}", metric="v_orig", target=AXES)
    judges = renderer.results.filter(experiment=TABLE_5, metric="spearman").distinct("modality")
    judged = [
        *grid("Spearman, {modality}", metric="spearman", target="valence", modality=judges),
        *grid("first to last step in sd, {modality}", metric="span", target="valence", modality=judges),
    ]
    renderer.add(
        Table(
            "v_orig: what the encoders read of the seeds, on [-1, 1]", where, own, row, "seed", basis=False,
            note=f"The paper's encoder was trained on IEMOCAP, ours on {corpora}.",
        ),
        Table(
            "Both traversals by the judges", where, judged, row, "seed", digits=2, basis=False,
            note="Beside each, the same measure of the paper's texts.",
        ),
    )  # fmt: skip


def _add_examples(report: Report, evaluation: Evaluation) -> None:
    texts, method = evaluation.texts, main_method(evaluation.results)
    rows = texts[(texts["method"] == method) & (texts["axis"] == "valence") & (texts["sentence"] < EXAMPLES)]
    body = [(row.seed, f"{row.target:+.1f} sd", row.text or "(nothing)") for row in rows.itertuples()]
    report.section("Examples", "The first sentences of those that were drawn, not chosen.", level=3)
    report.table("Held-out sentences along valence", ("sentence", "target", "text"), body)
