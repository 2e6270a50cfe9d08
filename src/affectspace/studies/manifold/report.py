"""From a trained study to metrics.json, figures and the report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from affectspace.evaluation.results import Results
from affectspace.report import Report
from affectspace.studies.claims import decide
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture
from affectspace.studies.manifold.claims import ADDITIONAL_HYPOTHESES, PAPER_CLAIMS, as_headline
from affectspace.studies.manifold.corpora import CORPORA
from affectspace.studies.manifold.cross_modal import ALL_PAIRS
from affectspace.studies.manifold.experiments import measure
from affectspace.studies.manifold.figures import ENDPOINTS, pictures
from affectspace.studies.manifold.paper import ASSUMED, CITATION, FAULTS, NOT_STATED, PUBLISHED
from affectspace.studies.manifold.plan import EXPERIMENTS, HEADLINE, PAPER_MODEL, SPLITS, TARGETS, TITLES, TRAININGS
from affectspace.studies.manifold.preparation import excluded, needed_corpora, store_facts
from affectspace.studies.manifold.sections import LOOKED_AT, WORDS, sections
from affectspace.studies.manifold.study import Study
from affectspace.studies.summary import chance_of, correlation_sentence, key_figures, of_100, tally_sentence
from affectspace.studies.tables import Renderer
from affectspace.training.runs import differences

NO_TRIAD = (
    "No row of the real corpora here has text together with audio or video. Eq. 7 connects audio with action units on "
    "RAVDESS, and a text's vector with the lexicon statistics of the same text on EmoBank (two views of one modality). It "
    "never connects text with another modality on real data. Only the synthetic people have all three."
)
PROXIES = (
    "RAVDESS, EmoDB and MELD are not rated. Their valence, arousal and dominance are the published centres of the emotion's "
    "term (Russell & Mehrabian 1977; neutral at the origin and calm as relaxed are conventions of ours). On RAVDESS these "
    "are 8 points for 8 emotions: the best that a model can do is to recognise the emotion, so a softmax over emotions is "
    "the floor, and r with them is no evidence for regression. The intensity of acting was never used in training and is "
    "evidence."
)
OTHER_CORPORA = (
    "None of these corpora is the paper's (IEMOCAP, CMU-MOSI and CMU-MOSEI may not be redistributed). Published figures stand "
    "beside ours for orientation: data, backbones and protocol differ; measures are the same where a table says so."
)
TRAINED = (
    "Models that are compared have the same rows, batches, epochs and schedule: AdamW, a learning rate that rises and falls "
    "once, and the weights of the last epoch. Learning rate and weight decay of MVAE and MISA are the best ones on validation "
    "rows. An ablation that changes nothing in a training is not listed there."
)
LABELS = {"transferred": "emotions' centres", "known": "known by construction"}
SYNTHETIC = (
    "Made by affectspace: {}. They hold synthetic people in the official layout. Figures show that the commands work and say "
    "nothing about people. No published figure stands beside them."
)
_R = {"task": "axes", "model": HEADLINE, "metric": "r"}
SENTENCES = 2  # of results; a third one counts the claims
SEEN = {  # experiment -> what its rows are, in the order of the sentences
    "iemocap": "On held-out speakers of IEMOCAP",
    "text_axes": "On sentences of EmoBank's test part",
    "zero_shot_text": "On tweets, a kind of text that was not in the training",
    "trimodal": "From text, voice and face of synthetic people whom no model has seen",
}
KEY_FIGURES: dict[str, dict[str, str]] = {
    "Synthetic people: mean correlation (r) with the true valence, arousal and dominance": {
        "experiment": "trimodal", "target": "mean", **_R,
    },
    "Text, EmoBank: mean r": {"experiment": "text_axes", "target": "mean", **_R},
    "Tweets, zero-shot: r of valence": {"experiment": "zero_shot_text", "target": "valence", **_R},
    "MELD: emotion, shared minus private": {
        "experiment": "text_probes", "task": "emotion", "model": HEADLINE, "modality": "text", "latent": "shared",
        "versus": "private", "condition": "linear", "metric": "accuracy",
    },
    "RAVDESS: arousal, strong minus normal": {
        "experiment": "audio_face", "task": "intensity", "model": HEADLINE, "modality": "all", "target": "arousal",
        "metric": "difference",
    },
    "EmoDB, zero-shot: r of arousal": {"experiment": "zero_shot_audio", "target": "arousal", **_R},
    "Synthetic people: the matching recording is among the first ten": {
        "experiment": "trimodal", "task": "retrieval", "model": HEADLINE, "modality": ALL_PAIRS, "metric": "top_10",
    },
    "IEMOCAP: mean r": {"experiment": "iemocap", "target": "mean", **_R},
    "MOSI, zero-shot: r with sentiment": {
        "experiment": "zero_shot_sentiment", "target": "sentiment", "condition": "mosi", **_R,
    },
    "MOSEI, zero-shot: r with sentiment": {
        "experiment": "zero_shot_sentiment", "target": "sentiment", "condition": "mosei", **_R,
    },
}  # fmt: skip


def write_results(study: Study) -> Path:
    """Measure everything, and write metrics.json, figures and the report; return the report's path.

    What was not trained is left out of tables and figures, and claims about it are not measured.
    """
    started = time.perf_counter()
    results = measure(study)
    drawn = pictures(study, results)

    def report(made: Mapping[str, Picture], facts: dict[str, Any]) -> Report:
        return study_report(study, results, made, {**study.facts, **facts})

    return write_study(study.out, results, drawn, report, started, study.progress)


def study_report(study: Study, results: Results, made: Mapping[str, Picture], facts: Mapping[str, Any]) -> Report:
    """Make the report of a study from its results and its saved figures."""
    corpora = needed_corpora(study.experiments, study.folders)
    titles = ", ".join(study.source(name).title for name in corpora)
    facts = {
        "corpora": titles,
        "experiments": ", ".join(study.experiments),
        "seeds": ", ".join(map(str, study.budget.seeds)),
        "paper": CITATION,
        **facts,
        "budget": study.budget.model_dump(mode="json"),
        **_configurations(study),
    }
    report = Report("The affective manifold, reproduced", f"Shared valence, arousal and dominance: {titles}", facts)
    renderer = Renderer(report, Results([*results, *published_figures(study)]), {**TITLES, **WORDS}, made)
    paper, own = decide(PAPER_CLAIMS, results), decide(ADDITIONAL_HYPOTHESES, results)
    report.summary([*sentences(results, study), tally_sentence(paper, "claims of the paper")])
    report.key_figures(key_figures(results, KEY_FIGURES))
    made_up = [CORPORA[name].title for name in corpora if name != "people" and not study.real(name)]
    if made_up:
        report.callout("warning", SYNTHETIC.format(", ".join(made_up)))
    renderer.draw(next((name for name in (*ENDPOINTS,) if name in made), ""))
    holds = "A claim holds where its whole 95 % interval is on its side, and after Holm's correction where several are tested."
    report.section("Claims", holds)
    letter = as_headline(results, PAPER_MODEL)
    on_letter = [statement for statement in PAPER_CLAIMS if statement.rule(letter)] if letter else []
    report.section("The paper's claims, on our default model", level=3, open=True).claims(paper)
    if on_letter:
        text = "The model that the paper describes. Statements that need an ablation are judged on our default alone."
        report.section("The paper's claims, on its equations to the letter", text, level=3)
        report.claims(decide(on_letter, letter))
    report.section("Additional hypotheses: floors, leaks, deviations, one model for all", level=3).claims(own)
    endpoints = [f"- {name.replace('_', ' ')}: {EXPERIMENTS[name].primary}" for name in study.experiments]
    if "iemocap" in corpora:
        endpoints.append(f"- the split of IEMOCAP: {SPLITS[study.budget.split]}")
    protocol = (
        "One endpoint of each experiment was named before the measurements; every other comparison is corrected by Holm. "
        "Intervals are over people, documents or dialogues, never over rows of one person"
        + (", except for tweets, whose writers are not known" if "vreg" in corpora else "")
        + ".\n\n"
        + "\n".join(endpoints)
    )
    _data(report, study, corpora, protocol)
    renderer.add(*sections(study.budget.split, study.source("iemocap").title if "iemocap" in corpora else ""))
    _trainings(report, study)
    renderer.draw(*(name for name in made if name.startswith("history_")))
    return report


def sentences(results: Results, study: Study) -> list[str]:
    """Write what a reader may take home: by rules over the results, so that it is true for any run."""
    known = []
    for name, seen in SEEN.items():
        if name in study.experiments:
            target = "valence" if name == "zero_shot_text" else "mean"
            row = results.find(**_R, experiment=name, target=target, modality="", versus="")
            known.append(correlation_sentence(results, row, seen))
    found = results.find(**KEY_FIGURES["Synthetic people: the matching recording is among the first ten"])
    if found is not None and len(known) < SENTENCES:
        chance = chance_of(results, found)
        text = "Given one recording of a person, the model finds the matching one in another modality among the first ten of "
        text += f"{found.n} in {of_100(found.value)} cases"
        known.append(text + (f"; guessing finds it in {100 * chance:.0f}." if chance is not None else "."))
    return [sentence for sentence in known if sentence][:SENTENCES]


def published_figures(study: Study) -> Results:
    """Return the published figures of the tables that experiments on real people stand beside."""
    tables, targets = set(), set()
    for name in study.experiments:
        plan = EXPERIMENTS[name]
        tested = [corpus for corpus in TARGETS.get(name, ()) if study.folders.has(corpus)] or list(plan.corpora[-1:])
        real = [corpus for corpus in tested if study.real(*plan.corpora, corpus)]
        tables |= {f"table_{table}" for table in plan.tables if real}
        targets |= set(real)
    absent = {corpus for corpus in TARGETS["zero_shot_sentiment"] if study.folders.has(corpus)} - targets
    return PUBLISHED.filter(experiment=tables, condition=lambda corpus: corpus not in absent)


def _data(report: Report, study: Study, corpora: list[str], protocol: str) -> None:
    """Append corpora, parts, transferred labels, and what the paper leaves open."""
    report.section("Data and protocol", protocol)
    rows, sources = [], [study.source(name) for name in corpora]
    for name in corpora:
        source, known = study.source(name), CORPORA[name]
        people = int(source.table["person"].nunique()) or None
        shown = ", ".join(modality.replace("_", " ") for modality in source.stores)
        labels = LABELS.get(known.labels, known.labels)
        rows.append((source.title, len(source), people, shown, labels, known.role, source.corpus.licence))
    columns = ("corpus", "rows", "people", "modalities", "valence, arousal, dominance", "role", "licence")
    report.table("Corpora of this study", columns, rows)
    made = [(source.title, *facts.values()) for source in sources for facts in store_facts(source)]
    heads = (
        "modality",
        "backbone",
        "numbers",
        "revision",
        "settings",
        "rows",
        "rows without",
        "licence of the backbone",
    )
    report.table("What made the vectors", ("corpus", *heads), made)
    without = excluded(study.folders, sources)
    if without:
        lines = [f"- {title}: {modality.replace('_', ' ')}: {reason}" for title, modality, reason in without]
        report.text("Left out:\n\n" + "\n".join(lines))
    report.table(
        "The parts that models were trained, chosen and tested on",
        ("training", "corpus", "train", "validation", "test"),
        list(_parts(study)),
        "No person is in two parts, where people are known."
        + (
            " EmoBank's published parts share documents: 88 % of its test sentences have one in train; a second training keeps "
            "documents apart."
            if "emobank" in corpora
            else ""
        ),
    )
    if {"ravdess", "emodb", "meld"} & set(corpora):
        report.callout("warning", PROXIES)
    if {"ravdess", "emobank"} & set(corpora) and "iemocap" not in corpora:
        report.callout("note", NO_TRIAD)
    if "emodb" in corpora:
        report.callout("warning", LOOKED_AT)
    if "iemocap" not in corpora:
        report.callout("note", OTHER_CORPORA)
    report.section("What the paper leaves open", level=3)
    report.text("Not stated:\n\n" + "\n".join(f"- {item}" for item in NOT_STATED))
    report.text("Our assumptions:\n\n" + "\n".join(f"- {item}" for item in ASSUMED))
    report.section("Faults of the published protocol", level=3)
    for fault in FAULTS:
        report.callout("fault", fault)


def _parts(study: Study) -> Iterator[tuple[object, ...]]:
    for training in dict.fromkeys(name for name, _ in study.trained):
        for corpus in TRAININGS[training].splits:
            folds = study.folds_of(training, corpus)
            sizes = [[len(part) for part in (fold.train, fold.validation, fold.test)] for fold in folds]
            ranges = [
                f"{min(part):,}" if min(part) == max(part) else f"{min(part):,}-{max(part):,}"
                for part in zip(*sizes, strict=True)
            ]
            name = training.replace("_", " ") + (f", {len(folds)} folds" if len(folds) > 1 else "")
            yield (name, study.source(corpus).title, *ranges)


def _trainings(report: Report, study: Study) -> None:
    """Append what was trained, and how long."""
    rows = []
    for (training, name), group in study.trained.items():
        seconds = sum(float(study.run_of(member).facts.get("seconds", 0)) for member in group)
        seeds, epochs = len({member.seed for member in group}), group[0].config.fit.epochs
        per_run = round(seconds / len(group), 1)
        rows.append((training.replace("_", " "), TITLES[name], seeds, len(group), epochs, per_run))
    report.section("Trainings")
    columns = ("training", "model", "seeds", "runs", "epochs", "seconds a run")
    report.table("Every training", columns, rows, TRAINED)


def _configurations(study: Study) -> dict[str, Any]:
    """Return the headline's configuration in each training, and what each variant changes."""
    facts: dict[str, Any] = {}
    for training in dict.fromkeys(name for name, _ in study.trained):
        base = study.trained.get((training, HEADLINE))
        if not base:
            continue
        fields = _without_folders(base[0].config.model_dump(mode="json"))
        facts[f"configuration of {HEADLINE} on {training}"] = fields
        for (name, variant), group in study.trained.items():
            if name == training and variant != HEADLINE:
                theirs = _without_folders(group[0].config.model_dump(mode="json"))
                same = theirs["model"]["kind"] == fields["model"]["kind"]
                changed = dict(row.split(": ", 1) for row in differences(fields, theirs)) if same else theirs["model"]
                if changed:
                    facts[f"{variant} on {training}: changed"] = changed
    return facts


def _without_folders(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration to print, with only the names of its files and folders."""
    for corpus in fields["data"]["corpora"].values():
        corpus["path"] = Path(corpus["path"]).name
        corpus["features"] = {name: Path(store).name for name, store in corpus["features"].items()}
    if fields["data"].get("lexicon"):
        fields["data"]["lexicon"]["path"] = Path(fields["data"]["lexicon"]["path"]).name
    return fields
