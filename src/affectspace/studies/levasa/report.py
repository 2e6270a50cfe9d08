"""From a trained study to metrics.json, figures and the report; and the same, small, for a single run."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.annotation import AnnotationTransfer, r2_given_emotion, recovery_rates
from affectspace.evaluation import Measurement, MetricsFile
from affectspace.report import Cell, KeyFigure, Report
from affectspace.studies.levasa import strict
from affectspace.studies.levasa.claims import Judge, decide_claims
from affectspace.studies.levasa.codes import Codes
from affectspace.studies.levasa.drawn import drawn_results
from affectspace.studies.levasa.figures import history_picture, pictures
from affectspace.studies.levasa.paper_tables import all_tables
from affectspace.studies.levasa.plan import Member
from affectspace.studies.levasa.printed_tables import Tables
from affectspace.studies.levasa.published import CITATION, FAULTS
from affectspace.studies.levasa.readings import COMBINATIONS, STRICT, Readings, alignment_of, paper_protocol
from affectspace.studies.levasa.study import Study, Trained
from affectspace.studies.pictures import Picture
from affectspace.training.configuration import TrainConfig
from affectspace.training.runs import Run, differences
from affectspace.training.training_set import PARTS, Progress, TrainingSet, silent


def measure(study: Study, progress: Progress = silent) -> tuple[MetricsFile, Readings]:
    """Every figure of a study, members that were not trained left out."""
    metrics, readings = MetricsFile(), Readings(study.data, progress=progress)
    main = {name: ones for name, ones in study.trained.items() if ones and not name.startswith("afew_")}
    for name, ones in main.items():
        combinations = COMBINATIONS if name in strict.FULLY_PROBED else ("va",)
        strict.member(metrics, name, ones, readings, combinations)
    strict.floors(metrics, readings)
    strict.comparisons(metrics, main, readings)
    if "vanilla" in main:
        strict.vanilla_pairs(metrics, main["vanilla"], readings)
    for protocol in (paper_protocol(study.data), STRICT):
        all_tables(metrics, main, readings, protocol)
    _ellipses(metrics)
    drawn_results(metrics, study, progress)
    return metrics, readings


def _ellipses(metrics: MetricsFile) -> None:
    """What transferred labels can be at best, by the way in which they are sampled."""
    reference, points = AnnotationTransfer.reference("affectnet"), 50_000
    for distribution, row in (("uniform", "uniform in the ellipse"), ("gaussian", "Gaussian of the emotion")):
        ceilings = r2_given_emotion(reference, distribution)
        for axis in ("valence", "arousal"):
            measurement = Measurement(ceilings[axis], protocol="closed form")
            metrics.set("transferred_labels", row, f"r2_{axis}", measurement)
        back = recovery_rates(reference, distribution, points=points)
        note = "n samples an emotion"
        metrics.set(
            "transferred_labels",
            row,
            "anger_returns",
            Measurement(back["anger"], n=points, protocol="Monte Carlo", note=note),
        )
        mean = float(np.mean(list(back.values())))
        metrics.set(
            "transferred_labels", row, "mean_returns", Measurement(mean, n=points, protocol="Monte Carlo", note=note)
        )


def write_results(study: Study, progress: Progress = silent) -> Path:
    """Write metrics.json, figures/*.png and report.html into the study's folder; returns the report's path.

    Members that were not trained are left out of tables, figures and claims. Figures show test faces: they stay there.
    """
    started = time.perf_counter()
    metrics, readings = measure(study, progress)
    study.out.mkdir(parents=True, exist_ok=True)
    metrics.write(study.out / "metrics.json")
    made = {one.name: one for one in pictures(study, readings, metrics)}
    for picture in made.values():
        progress(0, 0, f"figure {picture.name}")
        picture.save(study.out)
    facts = {**study.facts, "evaluation seconds": round(time.perf_counter() - started)}
    return study_report(study, metrics, made, facts).write(study.out / "report.html")


def study_report(study: Study, metrics: MetricsFile, made: dict[str, Picture], facts: dict[str, Any]) -> Report:
    """The report of a study from its metrics and its saved figures."""
    data = study.data
    name = corpus_name(study)
    seeds = sorted({one.member.seed for ones in study.trained.values() for one in ones})
    facts = {
        "corpus": name,
        "seeds": ", ".join(map(str, seeds)),
        "epochs": study.budget.epochs,
        "licence of the corpus": data.corpus.licence,
        "citation of the corpus": data.corpus.citation,
        "paper": CITATION,
        **facts,
        "budget": study.budget.model_dump(mode="json"),
        **_configurations(study),
    }
    report = Report("LeVAsa, reproduced", f"Valence and arousal in the latent space of faces: {name}", facts)
    tables = Tables(report, metrics)
    report.key_figures(_key_figures(metrics))
    paper, ours = decide_claims(metrics)
    report.text(_summary(metrics))
    _draw(report, study.out, made, "primary_endpoint")
    report.section("Claims", "A claim holds where its whole 95 % interval over people is on its side.")
    report.section("The paper's", level=3).claims(paper)
    report.section("Ours: controls, floors, ceiling", level=3).claims(ours)
    report.section("Data and protocol")
    _protocol(report, data)
    report.section("Emotion on held-out people")
    tables.headline()
    tables.comparisons()
    _draw(report, study.out, made, "confusion")
    report.section("Valence and arousal on held-out people")
    tables.readouts()
    _draw(report, study.out, made, "readout_valence", "readout_arousal", "figure_3_circumplex", "figure_2_ellipses")
    columns = {"r2_valence": "R2 valence", "r2_arousal": "R2 arousal", "mean_returns": "samples that return"}
    columns["anger_returns"] = "of anger"
    tables.add("What transferred labels allow, given the emotion", "transferred_labels", columns, first="sampling")
    report.section("Reconstruction and what alignment costs")
    tables.reconstruction()
    _draw(report, study.out, made, "figure_4_reconstructions", "rate_distortion", "uar_over_weight", "walk")
    report.section("The paper's tables, as published", "For comparison only; the faults of this protocol:")
    report.callout("fault", " ".join(FAULTS))
    report.callout("note", _sameness(study))
    tables.paper_tables("paper", "the training images, sampled labels, MLPs on random rows")
    report.section("The paper's tables, strictly", "The published figures beside ours come from the other protocol.")
    tables.paper_tables("strict", "people unseen in training, the ellipses' centres")
    if any(row.startswith("drawn") for row in metrics.experiments):
        report.section("Drawn faces with AFEW-VA's labels")
        text = (
            "These images are a renderer's, not AFEW-VA's: the published figures are on other data and no comparison."
        )
        report.callout("warning", text)
        tables.drawn()
        _draw(report, study.out, made, "figure_4_drawn")
    report.section("Trainings")
    _trainings(report, study)
    _draw(report, study.out, made, "history")
    return report


def corpus_name(study: Study) -> str:
    """The corpus' name; of one that was read as a table the table's folder and name, without the way to it."""
    first = next((ones[0] for ones in study.trained.values() if ones), None)
    if study.data.corpus.name != "table" or first is None:
        return study.data.corpus.name
    path = first.member.config.data.path
    return f"{path.resolve().parent.name}/{path.name}"


def _plain(config: TrainConfig) -> dict[str, Any]:
    """A configuration to print: of paths the names only."""
    fields = config.model_dump(mode="json")
    for key in ("path", "media", "cache"):
        if fields["data"][key]:
            fields["data"][key] = Path(fields["data"][key]).name
    return fields


def _configurations(study: Study) -> dict[str, Any]:
    """The headline's configuration, and how each other member's differs from it."""
    dumped = {name: _plain(ones[0].member.config) for name, ones in study.trained.items()}
    base = "continuous" if "continuous" in dumped else next(iter(dumped), "")
    facts: dict[str, Any] = {f"configuration of {base}": dumped.get(base, {})}
    for name, fields in dumped.items():
        changed = dict(row.split(": ", 1) for row in differences(dumped[base], fields))
        if name != base and changed:
            facts[f"{name}: changed from {base}"] = changed
    return facts


def _sameness(study: Study) -> str:
    """Whether data, protocol and measure are the paper's."""
    first = next((ones[0] for ones in study.trained.values() if ones), None)
    where = first.member.config.data.where if first else None
    images = "The images are not the paper's."
    if "imfdb" in corpus_name(study).lower():
        images = "The corpus is the paper's" + (f", restricted to `{where}`." if where else ".")
    return (
        f"{images} Published figures stand beside ours. The protocol is as near to the notebooks' as the paper tells; network "
        "(but for the rows that say so) and epochs are ours. Tables 2 and 3 have the same measures; Table 1 may not."
    )


def _draw(report: Report, folder: Path, made: dict[str, Picture], *names: str) -> None:
    for name in names:
        if name in made:
            report.figure(made[name].path(folder), made[name].caption, made[name].alt)


def _key_figures(metrics: MetricsFile) -> list[KeyFigure]:
    wanted = (
        ("Primary: UAR of LeVAsa's z_v, z_a above Vanilla's", "comparisons", "continuous - vanilla", "uar"),
        ("UAR of LeVAsa's z_v, z_a", "probes", "continuous", "uar_va"),
        ("UAR above permuted ellipses", "comparisons", "continuous - permuted", "uar"),
        ("Share of the way to a supervised network", "comparisons", "gap_closed", "share"),
        ("Reconstruction MSE over Vanilla's", "reconstruction", "continuous", "mse_ratio"),
    )
    found = []
    gap = ("comparisons", "cnn - vanilla", "uar")
    no_gap = gap in metrics and (metrics.get(*gap).low or 0) <= 0  # then a share of it means nothing
    for label, *names in wanted:
        if tuple(names) in metrics and not (no_gap and names[1] == "gap_closed"):
            one = metrics.get(*names)
            note = f"{one.protocol}, n {one.n:,}" if one.n else one.protocol
            found.append(KeyFigure(label, one.value, one.low, one.high, one.paper, note))
    return found


def _summary(metrics: MetricsFile) -> str:
    names = ("comparisons", "continuous - vanilla", "uar")
    if names not in metrics:
        return "The primary endpoint needs the members `vanilla` and `continuous`; this study lacks one of them."
    one = metrics.get(*names)
    if one.low is None or one.high is None:
        return "The primary endpoint has no interval: the test part has too few people or emotions."
    verdict = "lies above" if one.low > 0 else "lies below" if one.high < 0 else "cannot be told from"
    text = (
        f"**Primary endpoint.** On people unseen in training, LeVAsa {verdict} the Vanilla VAE in UAR of a linear "
        "probe on the valence and arousal chunks."
    )
    verdict, _ = Judge(metrics).control("permuted")
    if verdict == "held":
        return text + " The true ellipses beat permuted ones, so the geometry of the circumplex helps."
    if ("comparisons", "continuous - permuted", "uar") in metrics:
        text += " The true ellipses do not beat permuted ones: nothing here shows that the circumplex' geometry helps"
        text += ", what helps is supervision by emotion." if one.low > 0 else "."
    return text


def _protocol(report: Report, data: TrainingSet) -> None:
    rows = []
    for part in PARTS:
        chosen = data.rows(part)
        emotions = data.table["emotion"].iloc[chosen]
        counts = ", ".join(f"{name} {count:,}" for name, count in emotions.value_counts().items())
        rows.append((part, len(chosen), int(data.table["person"].iloc[chosen].nunique()), counts or "none labelled"))
    kind = "transferred from emotions: proxies, not ratings" if data.labels.kind == "transferred" else "rated"
    shared = set(data.table["person"].iloc[data.rows("train")]) & set(data.table["person"].iloc[data.rows("test")])
    text = "no person is in both train and test" if not shared else f"{len(shared)} people are in both train and test"
    note = f"Valence and arousal are {kind}; {text}. {len(data.unreadable)} images could not be read."
    report.table("The split", ("part", "images", "people", "emotions"), rows, note)
    report.text(
        "Probes are fitted on train, chosen on validation, scored once on test. Labels sampled from the ellipses are "
        "used in training only; evaluation uses the centres, except under protocol `paper`, which does as "
        "published.\n\n"
        "Our assumptions, where the paper is silent: width, optimiser, epochs of the MLP probes; C of the linear probe "
        "by validation UAR; Vanilla's chunks by smallest squared distance on validation rows; one epoch budget for all."
    )


def _trainings(report: Report, study: Study) -> None:
    rows = []
    for ones in study.trained.values():
        for one in ones:
            facts, model = one.run.facts, one.member.config.model
            weight = getattr(model, "alignment_weight", None) if alignment_of(one) != "none" else None
            epochs, kept = facts.get("epochs", one.member.config.fit.epochs), facts.get("kept_epoch")
            seconds = round(facts["seconds"]) if "seconds" in facts else None
            rows.append((one.member.title, one.member.seed, epochs, kept, Cell(weight, digits=2), seconds))
    columns = ("model", "seed", "epochs", "kept epoch", "alignment weight", "seconds")
    report.table(
        "Every training", columns, rows, "Models that are compared have the same epochs, data and class weights."
    )


def evaluate_run(run: Run, data: TrainingSet, codes: Codes, progress: Progress = silent) -> tuple[dict[str, Any], Path]:
    """Judge one run under the strict protocol: probes, read-outs, reconstruction, KL, active units, floors.

    Writes metrics.json, figures/ and report.html into the run's folder. Returns the measurements (experiment -> row ->
    metric -> figure) and the report's path.
    """
    name, config = run.folder.resolve().name, run.image_config
    one = Trained(Member(name, config.fit.seed, config), run, codes)
    metrics, readings = MetricsFile(), Readings(data, progress=progress)
    strict.member(metrics, name, [one], readings, COMBINATIONS)
    strict.floors(metrics, readings)
    metrics.write(run.folder / "metrics.json")
    facts = {"run": name, "seed": config.fit.seed, "licence": data.corpus.licence, "citation": data.corpus.citation}
    report = Report(f"Run {name}", data.corpus.name, {**facts, "configuration": _plain(config)})
    primary = metrics.get("probes", name, "uar_va")
    note = f"strict, n {primary.n:,}"
    report.key_figures([KeyFigure("UAR on test people", primary.value, primary.low, primary.high, note=note)])
    _protocol(report, data)
    tables = Tables(report, metrics)
    report.section("Emotion")
    tables.headline()
    report.section("Valence and arousal")
    tables.readouts()
    report.section("Reconstruction")
    tables.reconstruction()
    history = history_picture(one)
    if history is not None:
        history.save(run.folder)
        report.section("Training")
        _draw(report, run.folder, {"history": history}, "history")
    return metrics.to_dict(), report.write(run.folder / "report.html")
