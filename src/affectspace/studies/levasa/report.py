"""From a trained study to metrics.json, figures and the report; and the same, shorter, for a single run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectspace.corpora.splits import PARTS
from affectspace.data.dataset import Dataset
from affectspace.errors import counted
from affectspace.evaluation.results import Results
from affectspace.progress import Progress, silent
from affectspace.report import Cell, Claim, Report
from affectspace.studies.claims import decide
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture
from affectspace.studies.levasa.claims import claims, uar
from affectspace.studies.levasa.figures import history_picture, pictures
from affectspace.studies.levasa.paper import CITATION
from affectspace.studies.levasa.paper_tables import measure_paper_tables
from affectspace.studies.levasa.plan import LEVELS, Member
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.levasa.sections import (
    INFERRED,
    WORDS,
    emotion_tables,
    readout_table,
    reconstruction_table,
    sections,
)
from affectspace.studies.levasa.strict import measure_arm, measure_floors, measure_member, measure_transferred_labels
from affectspace.studies.levasa.study import STRICT, Arm, Readings, Study, Trained, paper_protocol
from affectspace.studies.summary import (
    FLOORS,
    chance_of,
    compared,
    key_figures,
    of_100,
    strongest_floor,
    tally_sentence,
)
from affectspace.studies.tables import Figures, Renderer, Section
from affectspace.training.configuration import TrainConfig
from affectspace.training.runs import Run, differences

_UAR = {"experiment": "probes", "model": "continuous", "latent": "va", "metric": "uar"}
KEY_FIGURES = {
    "Emotions of new people that LeVAsa recognises: unweighted average recall (UAR)": _UAR,
    "Primary endpoint: UAR minus the Vanilla VAE's": {**_UAR, "versus": "vanilla"},
    "UAR minus that with permuted ellipses": {**_UAR, "versus": "permuted"},
    "Error of reconstructions, over the Vanilla VAE's": {
        "experiment": "reconstruction", "model": "continuous", "versus": "vanilla", "metric": "mse_ratio",
    },
}  # fmt: skip
_LEVELS_UAR = {**_UAR, "experiment": f"{LEVELS}probes", "model": "discrete"}
LEVELS_KEY_FIGURES = {
    "Corpus with levels: unweighted average recall (UAR)": _LEVELS_UAR,
    "Corpus with levels: UAR minus the Vanilla VAE's": {**_LEVELS_UAR, "versus": "vanilla"},
}


def measure(study: Study, progress: Progress = silent) -> tuple[Results, dict[str, Readings]]:
    """Measure everything; members that were not trained are left out. Returns the results, and prefix -> readings."""
    results, readings = Results(), {}
    for arm in study.arms:
        own = readings[arm.prefix] = Readings(arm.data, progress)
        measure_arm(results, arm, own)
        for protocol in (paper_protocol(arm.data), STRICT):
            measure_paper_tables(results, arm, own, protocol)
        if not arm.prefix:
            measure_transferred_labels(results)
    return results, readings


def write_results(study: Study, progress: Progress = silent) -> Path:
    """Measure everything, and write metrics.json, figures and the report; return the report's path.

    Figures show faces of test people: they stay in the study's folder.
    """
    started = time.perf_counter()
    results, readings = measure(study, progress)

    def report(made: Mapping[str, Picture], facts: dict[str, Any]) -> Report:
        return study_report(study, results, made, {**study.facts, **facts})

    made = (picture for arm in study.arms for picture in pictures(arm, readings[arm.prefix], results))
    return write_study(study.out, results, made, report, started, progress)


def study_report(study: Study, results: Results, made: Mapping[str, Picture], facts: Mapping[str, Any]) -> Report:
    """Make the report of a study from its results and its saved figures."""
    names = " and ".join(arm.name for arm in study.arms)
    stated = {key: [arm.data.corpus_fact(key) for arm in study.arms] for key in ("licence", "citation")}
    facts = {
        "corpora": names,
        "seeds": ", ".join(map(str, sorted({entry.member.seed for entry in study.trained}))),
        "epochs": f"{study.budget.epochs}; of the models to the paper's letter {study.budget.paper_epochs}",
        "licence of the corpora": "; ".join(dict.fromkeys(stated["licence"])),
        "citation of the corpora": "; ".join(dict.fromkeys(stated["citation"])),
        "paper": CITATION,
        **facts,
        "budget": study.budget.model_dump(mode="json"),
        **_configurations(study),
    }
    report = Report("LeVAsa, reproduced", f"Valence and arousal in the latent space of faces: {names}", facts)
    renderer = Renderer(report, results, WORDS, made)
    decided = {title: decide(statements, results) for title, statements in claims(study.arms).items()}
    report.summary(sentences(results, study, [claim for group in decided.values() for claim in group]))
    report.key_figures(key_figures(results, {**KEY_FIGURES, **LEVELS_KEY_FIGURES}))
    renderer.draw("primary_endpoint", f"{LEVELS}primary_endpoint")
    report.section("Claims", "A claim holds where its whole 95 % interval over people is on its side.")
    for title, group in decided.items():
        report.section(title, level=3, open=True).claims(group)
    note = _pair_note(results)
    report.section("Data and protocol")
    for arm in study.arms:
        _protocol(report, arm.data, arm.name)
    if note:
        report.text(note)
    for arm in study.arms:
        renderer.add(*sections(arm, _same_corpus(arm), len(study.arms) > 1))
    _trainings(report, study)
    renderer.draw("history", f"{LEVELS}history")
    return report


def _without_folders(config: TrainConfig) -> dict[str, Any]:
    """Return a configuration to print, with only the names of its files and folders."""
    fields = config.model_dump(mode="json")
    data = fields["data"]
    for group, key in [
        (data, "cache"),
        *((corpus, key) for corpus in data["corpora"].values() for key in ("path", "media")),
    ]:
        if group[key]:
            group[key] = Path(group[key]).name
    return fields


def _configurations(study: Study) -> dict[str, Any]:
    """Return the headline's configuration, and what each other member changes."""
    configurations = {
        arm.prefix + name: _without_folders(seeds[0].member.config)
        for arm in study.arms
        for name, seeds in arm.trained.items()
    }
    base = "continuous" if "continuous" in configurations else next(iter(configurations), "")
    facts: dict[str, Any] = {f"configuration of {base}": configurations.get(base, {})}
    for name, fields in configurations.items():
        changed = dict(row.split(": ", 1) for row in differences(configurations[base], fields))
        if name != base and changed:
            facts[f"{name}: changed from {base}"] = changed
    return facts


def _same_corpus(arm: Arm) -> str:
    """Say whether data, protocol and measure are the paper's."""
    first = next((seeds[0] for seeds in arm.trained.values() if seeds), None)
    where = first.member.config.data.first.where if first else None
    images = "The images are not the paper's."
    if arm.reader in ("imfdb", "afew_va") or "imfdb" in arm.name.lower():
        images = "The corpus is the paper's" + (f", restricted to `{where}`." if where else ".")
    return (
        f"{images} Published figures stand beside the models to the paper's letter: its network, equations, and Adam. The "
        "weights of the terms are those of the authors' notebooks, and the epochs are ours. Tables 2 and 3 have the same "
        "measures as the paper; Table 1 may not."
    )


def sentences(results: Results, study: Study, decided: Sequence[Claim] = ()) -> list[str]:
    """Write what a reader may take home: by rules over the results, so that it is true for any run."""
    if all(arm.prefix for arm in study.arms):
        return [tally_sentence(decided)]
    drawn = " drawn" if study.arms[0].data.drawn else ""
    return [emotion_sentence(results, "continuous", "LeVAsa", drawn), versus_sentence(results), tally_sentence(decided)]


def emotion_sentence(results: Results, model: str, name: str, kind: str = "") -> str:
    """Write how many emotions of new people a model recognises, beside chance and the strongest floor."""
    row = results.find(**{**_UAR, "model": model})
    if row is None or row.value is None:
        return ""
    chance, floor = chance_of(results, row), strongest_floor(results, row)
    of = f" of {round(1 / chance)} emotions" if chance else ""
    text = f"Shown the{kind} face of a person whom it has not seen, {name} names the right one{of} in {of_100(row.value)} cases"
    if chance is not None:
        text += f"; guessing is right in {100 * chance:.0f}"
    if floor is None or floor.value is None or floor.model == "majority":
        return f"{text}."
    difference = results.find(**{**_UAR, "model": model}, versus=floor.model)
    text += f", and the strongest simple method, {FLOORS[floor.model]}, in {100 * floor.value:.0f}"
    return f"{text}: {compared(difference, name)}." if difference is not None else f"{text}."


def versus_sentence(results: Results) -> str:
    """Write what valence and arousal add to the same network, and whether the geometry of the circumplex matters."""
    vanilla = results.find(**{**_UAR, "model": "vanilla"})
    primary = results.find(**_UAR, versus="vanilla")
    if vanilla is None or primary is None:
        return "The primary endpoint needs the members `vanilla` and `continuous`; this study lacks one of them."
    if primary.low is None or primary.high is None:
        return "The primary endpoint has no interval: the test part has too few people or emotions."
    reached = f"{100 * (vanilla.value or 0):.0f}"
    text = f"Without valence and arousal in its training, the same network (Vanilla VAE) reaches {reached}"
    control, permuted = results.find(**{**_UAR, "model": "permuted"}), uar(results, "continuous", "permuted")
    if control is None or not permuted:
        return f"{text}: {compared(primary, 'LeVAsa')}."
    reason = "the places of the emotions on the map help"
    if permuted[0].verdict != "held":
        reason = "nothing here shows that the places help"
        reason += "; what helps is to know the emotion" if primary.low > 0 else ""
    wrong = f"with the emotions at wrong places on the map, {100 * (control.value or 0):.0f}"
    return f"{text}; {wrong}: {reason}."


def _pair_note(results: Results) -> str:
    """Say where the pair of Vanilla's chunks that validation chose is the worst one on test people."""
    notes = []
    for experiment in ("vanilla_pairs", f"{LEVELS}vanilla_pairs"):
        for model in results.filter(experiment=experiment).distinct("model"):
            rows = {row.latent: row.value for row in results.filter(experiment=experiment, model=model, metric="uar")}
            chosen = [
                row.latent for row in results.filter(experiment=experiment, model=model, metric="chosen") if row.value
            ]
            others = [value for latent, value in rows.items() if latent not in chosen and value is not None]
            if len(others) == 2 and (rows[chosen[0]] or 0) < min(others):
                notes.append(
                    f"Validation people chose {chosen[0]} of the {WORDS[model]}, the worst of its three pairs on test people "
                    f"(UAR {rows[chosen[0]]:.3f} against {', '.join(f'{value:.3f}' for value in others)}), so that comparisons "
                    "with it are generous to LeVAsa. The table of pairs compares LeVAsa with each."
                )
    return " ".join(notes)


def _protocol(report: Report, data: Dataset, name: str) -> None:
    rows = []
    for part in PARTS:
        table = data.table.iloc[data.rows(part)]
        counts = ", ".join(f"{name} {count:,}" for name, count in table["emotion"].value_counts().items())
        rows.append((part, len(table), int(table["person"].nunique()), counts or "none labelled"))
    transferred = data.label_kind == "transferred"
    kind = "transferred from emotions: proxies, not ratings" if transferred else "rated"
    shared = set(data.table["person"].iloc[data.rows("train")]) & set(data.table["person"].iloc[data.rows("test")])
    people = (
        "no person is in both train and test"
        if not shared
        else f"{counted(len(shared), 'person', 'is')} in both train and test"
    )
    note = f"Valence and arousal are {kind}; {people}. {counted(len(data.unreadable), 'image')} could not be read."
    report.table(f"The split of {name}", ("part", "images", "people", "emotions"), rows, note)
    sampled = (
        "Labels sampled from the ellipses are used in training only; evaluation uses the centres, except under protocol "
        "`paper`, which follows the paper."
    )
    remark = sampled if transferred else "" if data.categories and not data.inferred else INFERRED
    report.text(
        f"Probes are fitted on train, chosen on validation and scored once on test. {remark}\n\n"
        "Our assumptions, where the paper says nothing: width, optimiser and epochs of the MLP probes; C of the linear probe "
        "by validation UAR; Vanilla's chunks by R2 of ridge regressions on validation people, in Table 1 by squared distance "
        "on these; weights of the terms and epochs."
    )


def _trainings(report: Report, study: Study) -> None:
    rows = []
    for name, entry in ((arm.name, entry) for arm in study.arms for seeds in arm.trained.values() for entry in seeds):
        facts, config = entry.run.facts, entry.member.config
        weight = getattr(config.model, "alignment_weight", None) if entry.alignment != "none" else None
        epochs, kept = facts.get("epochs", config.fit.epochs), facts.get("kept_epoch")
        kept = None if kept is None else kept + 1  # counted from 0 in the run
        seconds = round(facts["seconds"]) if "seconds" in facts else None
        optimiser = f"AdamW, decay {config.fit.weight_decay:g}" if config.fit.weight_decay else "Adam"
        rate = f"{optimiser}, {config.fit.learning_rate:g}"
        rows.append((entry.member.title, name, entry.member.seed, epochs, kept, rate, Cell(weight, digits=2), seconds))
    columns = ("model", "corpus", "seed", "epochs", "kept epoch", "optimiser, rate", "alignment weight", "seconds")
    report.section("Trainings")
    report.table(
        "Every training", columns, rows,
        "Models of one network that are compared have the same epochs, data and class weights. The last epoch is kept unless "
        "`fit.keep` or `fit.patience` is set. The weight belongs to means over rows and pixel values, in models to the paper's "
        "letter to sums over the batch.",
    )  # fmt: skip


def evaluate_run(
    run: Run, data: Dataset, outputs: Representations, progress: Progress = silent
) -> tuple[Results, Path]:
    """Evaluate one run under the strict protocol: probes, read-outs, reconstruction, KL, active units, floors.

    Writes metrics.json, figures/ and report.html into the run's folder; returns the results and the report's path.
    """
    name, config = run.folder.resolve().name, run.image_config
    entry = Trained(Member(name, config.fit.seed, config), run, outputs)
    results, readings = Results(), Readings(data, progress)
    measure_member(results, name, [entry], readings)
    measure_floors(results, readings)
    results.write(run.folder / "metrics.json")
    facts = {
        "run": name,
        "seed": config.fit.seed,
        "licence": data.corpus_fact("licence"),
        "citation": data.corpus_fact("citation"),
    }
    report = Report(f"Run {name}", data.name, {**facts, "configuration": _without_folders(config)})
    kind = " drawn" if data.drawn else ""
    report.summary([emotion_sentence(results, name, "the model", kind)])
    wanted = {"Emotions of new people: unweighted average recall (UAR)": {**_UAR, "model": name}}
    report.key_figures(key_figures(results, wanted))
    _protocol(report, data, data.name)
    history = history_picture(entry)
    made = {} if history is None else {"history": history}
    for picture in made.values():
        picture.save(run.folder)
    Renderer(report, results, WORDS, made).add(
        Section("Emotion", parts=emotion_tables()),
        Section("Valence and arousal", parts=[readout_table()]),
        Section("Reconstruction", parts=[reconstruction_table()]),
        Section("Training", parts=[Figures(("history",))]),
    )
    return results, report.write(run.folder / "report.html")
