"""From a trained study to metrics.json, figures and the report."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from affectspace.evaluation import MetricsFile
from affectspace.report import Report
from affectspace.studies.manifold.claims import decide_claims
from affectspace.studies.manifold.data_section import data_and_protocol
from affectspace.studies.manifold.figures import pictures
from affectspace.studies.manifold.measure import measure
from affectspace.studies.manifold.panel import Panel, fold_of
from affectspace.studies.manifold.plan import HEADLINE, PRIMARY
from affectspace.studies.manifold.preparation import needed_corpora
from affectspace.studies.manifold.printed_tables import Tables
from affectspace.studies.manifold.published import CITATION
from affectspace.studies.manifold.report_sections import sections
from affectspace.studies.manifold.side_by_side import ablations, key_figures, trainings
from affectspace.studies.manifold.study import Study
from affectspace.studies.pictures import Picture
from affectspace.training.runs import differences


def write_results(study: Study) -> Path:
    """Write metrics.json, figures/*.png and report.html into the study's folder; returns the report's path.

    What was not trained is left out of tables and figures, and claims about it are not decided.
    """
    started = time.perf_counter()
    metrics = measure(study)
    metrics.write(study.out / "metrics.json")
    made: dict[str, Picture] = {}
    for picture in pictures(study, metrics, shown_panels(study)):
        study.progress(0, 0, f"figure {picture.name}")
        picture.save(study.out)
        made[picture.name] = picture
    facts = {**study.facts, "evaluation seconds": round(time.perf_counter() - started)}
    return study_report(study, metrics, made, facts).write(study.out / "report.html")


def shown_panels(study: Study) -> dict[str, Panel]:
    """experiment -> its rows as the headline sees them, for the figures that show rows."""
    asked = {
        "text_axes": ("emobank", "emobank", "EmoBank's test part", "document"),
        "text_probes": ("emobank", "meld", "MELD's test part", "dialogue"),
        "audio_face": ("ravdess", "ravdess", "RAVDESS, held-out actors", "person"),
        "trimodal": ("people", "people", "held-out synthetic people", "person"),
        "iemocap": ("iemocap", "iemocap", "IEMOCAP, session 5", "dialogue"),
    }
    found = {}
    for name, (training, source, protocol, groups) in asked.items():
        if name in study.experiments and study.has(training):
            folds = [fold_of(study.source("meld").table["split"].to_numpy(object))] if name == "text_probes" else None
            found[name] = study.panel(name, training, source, protocol, groups, folds=folds, models=(HEADLINE,))
    return found


def study_report(study: Study, metrics: MetricsFile, made: dict[str, Picture], facts: dict[str, Any]) -> Report:
    """The report of a study from its metrics and its saved figures."""
    titles = [study.source(name).title for name in needed_corpora(study.experiments, study.places)]
    facts = {
        "corpora": ", ".join(titles),
        "experiments": ", ".join(study.experiments),
        "seeds": ", ".join(map(str, study.budget.seeds)),
        "paper": CITATION,
        **facts,
        "budget": study.budget.model_dump(mode="json"),
        **_configurations(study),
    }
    report = Report(
        "The affective manifold, reproduced", f"Shared valence, arousal and dominance: {', '.join(titles)}", facts
    )
    tables = Tables(report, metrics)
    report.key_figures(key_figures(metrics))
    report.text(summary(study, metrics))
    draw(report, study.out, made, "figure_2_space")
    paper, ours = decide_claims(metrics)
    report.section(
        "Claims", "A claim holds where its whole 95 % interval is on its side, and after Holm where several are tested."
    )
    report.section("The paper's", level=3).claims(paper)
    report.section("Ours: floors, leaks, widths, one model for all", level=3).claims(ours)
    data_and_protocol(report, study)
    for add in sections():
        add(report, tables, study, lambda *names: draw(report, study.out, made, *names))
    ablations(report, metrics)
    trainings(report, study)
    draw(report, study.out, made, *(name for name in made if name.startswith("history_")))
    return report


def summary(study: Study, metrics: MetricsFile) -> str:
    """What was asked beforehand, in a paragraph."""
    asked = "\n".join(f"- {name.replace('_', ' ')}: {PRIMARY[name]}" for name in study.experiments if name in PRIMARY)
    text = (
        "One endpoint of each experiment was named beforehand; every other comparison is corrected by Holm. Intervals are over "
        "people, documents or dialogues, never over rows of one person, except for tweets, whose writers are not known.\n\n"
    )
    return text + asked


def draw(report: Report, folder: Path, made: dict[str, Picture], *names: str) -> None:
    """Put saved figures into the report, those that were made."""
    for name in names:
        if name in made:
            report.figure(made[name].path(folder), made[name].caption, made[name].alt)


def _configurations(study: Study) -> dict[str, Any]:
    """The headline's configuration in each training, and how each variant's differs from it."""
    facts: dict[str, Any] = {}
    for training in dict.fromkeys(name for name, _ in study.members):
        base = study.members.get((training, HEADLINE))
        if not base:
            continue
        fields = _plain(base[0].config.model_dump(mode="json"))
        facts[f"configuration of {HEADLINE} on {training}"] = fields
        for (name, variant), group in study.members.items():
            if name == training and variant != HEADLINE:
                theirs = _plain(group[0].config.model_dump(mode="json"))
                same = theirs["model"]["kind"] == fields["model"]["kind"]
                changed = dict(_split(differences(fields, theirs))) if same else {"model": theirs["model"]}
                if changed:
                    facts[f"{variant} on {training}: changed"] = changed
    return facts


def _split(rows: Iterable[str]) -> Iterable[tuple[str, str]]:
    for row in rows:
        key, _, change = row.partition(": ")
        yield key, change


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """A configuration to print: of paths the names only."""
    for corpus in fields["data"]["corpora"].values():
        corpus["path"] = Path(corpus["path"]).name
        corpus["features"] = {name: Path(store).name for name, store in corpus["features"].items()}
    if fields["data"].get("lexicon"):
        fields["data"]["lexicon"]["path"] = Path(fields["data"]["lexicon"]["path"]).name
    return fields
