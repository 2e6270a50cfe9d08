"""`traverse RUN --judge`: the judges of a run, its walks before them, judged.json, figures and a report."""

from pathlib import Path
from typing import Any

from affectspace.evaluation import MetricsFile
from affectspace.evaluation.result import Measurement
from affectspace.progress import Progress, silent
from affectspace.report import Cell, Claim, KeyFigure, Report, save_figure
from affectspace.studies.verdicts import above, said, together
from affectspace.studies.walks.figures import faces_figure, reading_figure
from affectspace.studies.walks.judged import AXES, ELSEWHERE, judge_walks
from affectspace.studies.walks.judges import Judges, judges_of
from affectspace.studies.walks.measures import measures
from affectspace.studies.walks.networks import JudgeSettings
from affectspace.training.runs import Run
from affectspace.walks.runs import open_data, run_geometry, walkable_model

LOSS = 0.05  # of the identity network's sureness that a walk may cost
FOLLOWS = 0.8  # correlation of asked and read on drawn faces

METHODS = {
    "directions": "along the directions that labels show within people (docs/walks.md)",
    "heads": "to the nearest code that the model's heads read as asked (docs/walks.md)",
}
SHARED = {
    "apart": "trained on validation people and the other half of the test people: no person and no image is shared with the "
    "walked model's training, no person with what it judges",
    "others": "trained on the walked model's own training images (other weights, other people than those walked)",
    "regressor": "trained on faces drawn for it, of other people, with known valence and arousal",
}


def judge_run(
    run: Run,
    out: Path,
    *,
    method: str = "directions",
    strength: float = 1.0,
    settings: JudgeSettings | None = None,
    progress: Progress = silent,
) -> tuple[MetricsFile, Path]:
    """Train the judges that are missing into RUN/judges, judge walks of test people; the figures and the report's path.

    Writes judged.json, judged.html and figures into `out`; its pictures show test people. Raises RunError where the run
    cannot be walked or has too few test people.
    """
    settings, model = settings or JudgeSettings(), walkable_model(run)
    data = open_data(run, progress)
    judges = judges_of(run.folder / "judges", data, settings, progress)
    judged = judge_walks(
        model,
        run_geometry(run, model, method, strength, progress, data),
        data,
        judges,
        settings.faces,
        settings.steps,
        progress,
    )
    metrics = measures(judged, judges, data)
    metrics.write(out / "judged.json")
    facts = {
        "run": run.folder.resolve().name, "method": method, "strength": strength, "judges": settings.model_dump(mode="json"),
        "licence": data.corpus.licence, "citation": data.corpus.citation,
    }  # fmt: skip
    report = Report("Walks before their judges", data.corpus.name, facts)
    walk_section(report, metrics, judges, method)
    for reader in judges.readers:
        path = save_figure(reading_figure(judged, reader.name), out / "figures" / f"readings_{reader.name}.png")
        report.figure(
            path, f"Readings of `{reader.name}`, mean over people.", f"Readings of {reader.name} over asked values"
        )
    for axis, label in enumerate(AXES):
        path = save_figure(faces_figure(judged, axis), out / "figures" / f"faces_{label}.png")
        report.figure(path, f"Test people walked along {label}.", f"Faces of six people over asked {label}")
    return metrics, report.write(out / "judged.html")


def walk_section(report: Report, metrics: MetricsFile, judges: Judges, method: str) -> None:
    """Claims, key figures and tables of judged walks, appended to a report."""
    primary = judges.readers[0].name
    report.key_figures(
        KeyFigure(
            f"Spearman of asked and read {label}", *_triple(metrics, "walks", primary, f"rho_{label}"), note=primary
        )
        for label in AXES
    )
    report.section(
        "Does the expression move, and does the person stay?",
        f"Faces of test people were walked {METHODS[method]}, along one axis at a time. Networks that had no part in it "
        f"read every picture. `{primary}` is the primary judge. Intervals: Student's t over {len(judges.people)} people.",
    )
    report.text("\n".join(f"- `{reader.name}`: {SHARED[reader.name]}." for reader in judges.readers))
    report.claims(claims(metrics, judges))
    rows = []
    for row, figures in metrics.experiments["walks"].items():
        cells = [_cell(figures.get(f"{kind}_{label}")) for kind in ("rho", "rise") for label in AXES]
        rows.append((row, *cells, _cell(figures["arousal_on_valence"]), _cell(figures["valence_on_arousal"])))
    report.table(
        "Expression",
        (
            "judge",
            "rho valence",
            "rho arousal",
            "rise valence",
            "rise arousal",
            "arousal on valence",
            "valence on arousal",
        ),
        rows,
        "rho: Spearman of asked and read within a walk. rise: reading at the end less at the start. elsewhere: the same faces "
        "moved as far in z_z, along a random direction each: what moving alone does.",
    )
    names = ("named", "sure", "sure_change", "sure_change_ends", "named_change")
    report.table(
        "Identity",
        ("picture", "named rightly", "sure", "sure, change", "sure, change at the ends", "named, change"),
        [
            (row, *(_cell(figures.get(name)) for name in names))
            for row, figures in metrics.experiments["identity"].items()
        ],
        "sure: probability of the true person. Changes are against the reconstruction of the same face.",
    )
    rows = []
    for row, figures in metrics.experiments["judges"].items():
        for name, one in figures.items():
            rows.append((row, name.replace("_", " "), _cell(one), one.note))
    report.table("What the judges are worth", ("judge", "measure", "value", "note"), rows)


def claims(metrics: MetricsFile, judges: Judges) -> list[Claim]:
    """What was to be shown, decided by intervals."""
    primary, found = judges.readers[0].name, []
    for label in AXES:
        one = metrics.get("walks", primary, f"rho_{label}")
        away = metrics.get("walks", f"{primary}, {ELSEWHERE}", f"rho_{label}")
        text = f"The expression follows the asked {label}: Spearman over a walk is above 0"
        found.append(Claim(text, above(one), f"{said(one, 'rho')}; {said(away, 'as far elsewhere')}"))
        if ("walks", primary, f"r_{label}") in metrics:
            one = metrics.get("walks", primary, f"r_{label}")
            text = f"On drawn faces the true {label} follows with r of at least {FOLLOWS}"
            found.append(Claim(text, above(one, FOLLOWS), said(one, "r")))
    changes = [metrics.get("identity", f"walk along {label}", "sure_change") for label in AXES]
    evidence = "; ".join(said(one, label) for one, label in zip(changes, AXES, strict=True))
    text = f"The person stays: the identity network loses less than {LOSS} of its sureness of the reconstruction"
    found.append(Claim(text, together(*(above(one, -LOSS) for one in changes)), evidence))
    return found


def _triple(metrics: MetricsFile, *names: str) -> tuple[float | None, float | None, float | None]:
    one = metrics.get(*names)
    return one.value, one.low, one.high


def _cell(one: Measurement | None) -> Any:
    return None if one is None else Cell(one.value, one.low, one.high, n=one.n)
