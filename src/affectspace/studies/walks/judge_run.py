"""`traverse RUN --judge`: train the judges of a run, judge its walks, write judged.json, figures and a report."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.evaluation import t_interval
from affectspace.evaluation.results import Result, Results
from affectspace.evaluation.significance import per_group
from affectspace.progress import Progress, silent
from affectspace.report import Report, image_grid
from affectspace.report.formatting import signed
from affectspace.report.theme import INK, MUTED, figure_style, new_figure
from affectspace.studies.claims import Finding, Rule, Statement, above, all_held, decide, describe
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture
from affectspace.studies.summary import key_figures
from affectspace.studies.tables import Renderer, Table, grid
from affectspace.studies.walks.judged import ELSEWHERE, HEADS, WALK, Judged, judge_walks, shown_faces
from affectspace.studies.walks.judges import Judges, judges_of
from affectspace.studies.walks.measures import measure
from affectspace.training.networks import JudgeSettings
from affectspace.training.runs import Run
from affectspace.walks.geometry import AXES
from affectspace.walks.runs import open_data, run_geometry, walkable_model
from affectspace.walks.strength import Strength

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WALKED, AWAY, REST = "#2f6db3", "#9a9ea4", "#c8452f"  # colours
LOSS = 0.05  # of the identity network's probability of the person that a walk may cost
FOLLOWS = 0.8  # correlation of target and reading on drawn faces

METHODS = {
    "directions": "along the directions that labels show within people (docs/explanation/walks.md)",
    "heads": "to the nearest code that the model's heads read as the target (docs/explanation/walks.md)",
}
SHARED = {
    "apart": "trained on validation people and the other half of the test people: it shares no person and no image with the "
    "walked model's training, and no person with what it judges",
    "others": "trained on the walked model's own training images (other weights, other people than those walked)",
    HEADS: "the walked model's own heads, which read its codes: no judge, and with `--method heads` they set the code",
    "regressor": "trained on faces drawn for it, of other people, with known valence and arousal",
}
WORDS = {ELSEWHERE: "as far elsewhere", "face": "the face itself", "reconstruction": "its reconstruction"}


def judge_run(
    run: Run,
    out: Path,
    *,
    method: str = "directions",
    strength: Strength | float | tuple[float, float] = 1.0,
    settings: JudgeSettings | None = None,
    progress: Progress = silent,
) -> tuple[Results, Path]:
    """Judge walks of a run's test people; return the results and the path of the report.

    Judges that are missing are trained and kept in RUN/judges. The files in ``out`` are judged.json, judged.html and
    figures, which show test people.

    Raises
    ------
    RunError
        The run cannot be walked, or has too few test people.
    """
    started = time.perf_counter()
    settings, model = settings or JudgeSettings(), walkable_model(run)
    data = open_data(run, progress)
    judges = judges_of(run.folder / "judges", data, settings, progress)
    geometry = run_geometry(run, model, method, strength, progress, data)
    judged = judge_walks(model, geometry, data, judges, settings.faces, settings.steps, progress)
    results = measure(judged, judges, data)
    facts = {
        "run": run.folder.resolve().name, "method": method,
        "strength": strength.values if isinstance(strength, Strength) else strength,
        "judges": settings.model_dump(mode="json"),
        "licence": data.corpus_fact("licence"), "citation": data.corpus_fact("citation"),
    }  # fmt: skip

    def report(made: Mapping[str, Picture], seconds: dict[str, Any]) -> Report:
        report = Report("Judged walks", data.name, {**facts, **seconds})
        names = [reader.name for reader in judges.readers]
        add_walks(Renderer(report, results, WORDS, made), names, method, len(judges.people))
        return report

    return results, write_study(out, results, _pictures(judged, judges), report, started, progress, name="judged")


def add_walks(renderer: Renderer, readers: Sequence[str], method: str, people: int) -> None:
    """Append key figures, claims, tables and figures of judged walks; the first reader is the primary one."""
    report, results = renderer.report, renderer.results
    primary = {"experiment": "expression", "model": readers[0], "condition": WALK}
    wanted = {
        f"{name}, {axis}": {**primary, "metric": metric, "task": axis, "target": axis}
        for metric, name in (("slope", "reading per unit of the target"), ("rho", "Spearman of target and reading"))
        for axis in AXES
    }
    report.key_figures(key_figures(results, wanted))
    report.section(
        "Does the expression move, and does the person stay?",
        f"Faces of test people were walked {METHODS[method]}, along one axis at a time. Networks that had no part in it read "
        f"every picture. `{readers[0]}` is the primary judge. Intervals: Student's t over {people} people.",
    )
    report.text("\n".join(f"- `{reader}`: {SHARED[reader]}." for reader in (*readers, HEADS)))
    drawn = len(results.filter(experiment="expression", metric="r")) > 0
    report.claims(decide((*CLAIMS, *DRAWN_CLAIMS) if drawn else CLAIMS, results))
    renderer.add(*TABLES)
    renderer.draw(*renderer.pictures)


def _expression(results: Results, axis: str, metric: str, condition: str = WALK) -> Result | None:
    """Return the primary judge's result for walks along an axis."""
    rows = results.filter(experiment="expression", task=axis, target=axis, metric=metric, condition=condition)
    return next(iter(rows), None)


def _follows(axis: str) -> Rule:
    def rule(results: Results) -> Sequence[Finding]:
        rho, elsewhere = (_expression(results, axis, "rho", condition) for condition in (WALK, ELSEWHERE))
        return [Finding(above(rho), f"{describe(rho, 'rho')}; {describe(elsewhere, WORDS[ELSEWHERE])}")]

    return rule


def _is_true(axis: str) -> Rule:
    def rule(results: Results) -> Sequence[Finding]:
        r = _expression(results, axis, "r")
        return [Finding(above(r, FOLLOWS), describe(r, "r"))]

    return rule


def _stays(results: Results) -> Sequence[Finding]:
    changes = {
        row.task: row for row in results.filter(experiment="identity", condition=WALK, metric="sure_change", task=AXES)
    }
    evidence = "; ".join(describe(change, axis) for axis, change in changes.items())
    return [Finding(all_held(above(change, -LOSS) for change in changes.values()), evidence)]


CLAIMS = (
    *(
        Statement(f"The expression follows the target {axis}: Spearman within a walk is above 0", "", _follows(axis))
        for axis in AXES
    ),
    Statement(
        f"The person stays: the identity network's probability of the person falls by less than {LOSS}", "", _stays
    ),
)
DRAWN_CLAIMS = tuple(
    Statement(f"On drawn faces the true {axis} follows with r of at least {FOLLOWS}", "", _is_true(axis))
    for axis in AXES
)
TABLES = (
    Table(
        "Expression",
        {"experiment": "expression"},
        [
            *(
                column
                for axis in AXES
                for column in grid("{metric} {task}", metric=("slope", "rho", "rise"), task=axis, target=axis)
            ),
            ("arousal on valence", {"metric": "rise", "task": "valence", "target": "arousal"}),
            ("valence on arousal", {"metric": "rise", "task": "arousal", "target": "valence"}),
            *(column for axis in AXES for column in grid("r {task}", metric="r", task=axis, target=axis)),
        ],
        ("model", "condition"),
        "judge",
        "slope: of the reading on the target, all points; 1 is what was asked for. "
        "rho: Spearman of target and reading within a walk. rise: reading at the end minus that at the start. Elsewhere: "
        "the same faces moved as far in z_z, each along a random direction; this is what moving alone does.",
    ),
    Table(
        "Identity",
        {"experiment": "identity"},
        grid("{metric}", metric={
                "named": "named correctly", "named_ends": "named correctly at the ends",
                "sure": "probability", "sure_change": "probability, change",
                "sure_change_ends": "probability, change at the ends", "named_change": "named correctly, change",
            }),
        ("condition", "task"),
        "picture",
        "Probability of the true person by the identity network. Changes are against the reconstruction of the same face.",
    ),
    Table(
        "Quality of the judges",
        {"experiment": "judges"},
        grid("{metric}", metric={"uar": "UAR", "accuracy": "accuracy", "r": "r"}),
        ("model", "target", "condition"),
        "judge",
        "Accuracy: the identity network on unseen images of the test people; every second image of each was trained on. "
        "r: with labels, or with their centres.",
    ),
)  # fmt: skip


def _pictures(judged: Judged, judges: Judges) -> Iterator[Picture]:
    for reader in judges.readers:
        alt = f"Readings of {reader.name} over target values"
        caption = f"Readings of `{reader.name}`, mean over people."
        yield Picture(f"readings_{reader.name}", reading_figure(judged, reader.name), caption, alt)
    for place, axis in enumerate(AXES):
        alt = f"Faces of six people over target {axis}"
        caption = f"Test people walked along {axis}; below each face what `{judges.readers[0].name}` reads in it."
        yield Picture(f"faces_{axis}", faces_figure(judged, place, judges.readers[0].name), caption, alt)


def reading_figure(judged: Judged, reader: str) -> "Figure":
    """Draw a reader's readings of walked faces over the target, minus its reading at the start of the walk.

    Mean over people with a t interval; the other axis' reading and the walk elsewhere stand beside it.
    """
    with figure_style():
        figure = new_figure(10.0, 3.8)
        axes = figure.subplots(1, 2)
        for index, (label, panel) in enumerate(zip(AXES, axes, strict=True)):
            line, away = judged.lines[label, WALK], judged.lines[label, ELSEWHERE]
            _band(panel, line.targets, line.read[reader][..., index], judged.people, WALKED, f"{label} read")
            _band(
                panel, line.targets, line.read[reader][..., 1 - index], judged.people, REST, f"{AXES[1 - index]} read"
            )
            _band(
                panel, line.targets, away.read[reader][..., index], judged.people, AWAY, f"{label} read, as far in z_z"
            )
            panel.axhline(0, color=MUTED, linewidth=0.6)
            panel.set(xlabel=f"target {label}", ylabel="reading, change from the start" if not index else "")
            panel.set_title(f"Walks along {label}", color=INK, fontsize=11, loc="left")
            panel.legend(frameon=False, fontsize=8.5)
    return figure


def _band(panel: object, targets: np.ndarray, read: np.ndarray, people: np.ndarray, colour: str, label: str) -> None:
    change = read - read[:, :1]
    intervals = [t_interval(per_group(np.mean, people, column)[1]) for column in change.T]
    middle, low, high = (np.array([getattr(one, name) for one in intervals]) for name in ("value", "low", "high"))
    panel.fill_between(targets, low, high, color=colour, alpha=0.16, linewidth=0)  # type: ignore[attr-defined]
    panel.plot(targets, middle, color=colour, marker="o", markersize=3, label=label)  # type: ignore[attr-defined]


def faces_figure(judged: Judged, axis: int, reader: str) -> "Figure":
    """Draw one face per person over the walk along an axis, and below each face what the reader reads in it."""
    line = judged.lines[AXES[axis], WALK]
    read = line.read[reader][shown_faces(judged.people), :, axis]
    captions = [[f"read {signed(value)}" for value in row] for row in read]
    heads = [f"asked {signed(value)}" for value in line.targets]
    return image_grid(judged.shown[:, axis], None, heads, f"Walks along {AXES[axis]}", cell=0.95, captions=captions)
