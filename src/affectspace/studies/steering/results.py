"""A whole evaluation of steering: figures, metrics.json, the texts, the raters' sheet and the report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectspace.errors import RunError
from affectspace.evaluation import MetricsFile
from affectspace.files import write_atomic
from affectspace.progress import Progress, silent
from affectspace.report import Report
from affectspace.steering.steerer import Steerer
from affectspace.studies.figures import Picture
from affectspace.studies.steering.evaluate import Evaluation, evaluate_steering
from affectspace.studies.steering.figures import curves
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.studies.steering.rating_sheet import write_sheet
from affectspace.studies.steering.report import add_steering, key_figures
from affectspace.studies.steering.themes import Traversal, record_themes, traverse_themes
from affectspace.training.feature_set import FeatureSet
from affectspace.training.runs import open_run


@dataclass(frozen=True, eq=False)
class SteeringResults:
    """What an evaluation found; `add_to` appends its sections to a report."""

    evaluation: Evaluation
    traversal: Traversal
    pictures: list[Picture]
    plan: SteeringPlan
    folder: Path

    @property
    def metrics(self) -> MetricsFile:
        return self.evaluation.metrics

    def add_to(self, report: Report) -> None:
        """Append table 5, tables, curves and examples."""
        add_steering(report, self.evaluation, self.traversal, self.pictures, self.plan, self.folder)


def steering_results(
    run: Path | str,
    out: Path,
    *,
    lexicons: Mapping[str, Path] | None = None,
    plan: SteeringPlan | None = None,
    rows: FeatureSet | None = None,
    steerer: Steerer | None = None,
    progress: Progress = silent,
) -> SteeringResults:
    """Evaluate a projector's run; files go below `out`: texts/, texts.csv, raters/, figures/.

    lexicons : name -> file, of judges besides the ridge; rows : of the encoder's run, where the caller has them
    Raises RunError for a run of another kind, or where the encoder's corpus can no longer be read.
    """
    plan = plan or SteeringPlan()
    steerer = steerer or Steerer.of_run(run)
    data = rows if rows is not None else _rows_of(steerer, progress)
    evaluation = evaluate_steering(steerer, data, out, lexicons=lexicons, plan=plan, progress=progress)
    traversal = traverse_themes(steerer, plan, progress)
    record_themes(evaluation.metrics, traversal, evaluation.material.judges, plan)
    write_atomic(out / "texts.csv", lambda path: evaluation.texts.to_csv(path, index=False))
    if plan.sheet_sentences:
        write_sheet(out / "raters", evaluation.texts, plan.sheet_sentences, plan.seed)
    pictures = list(curves(evaluation.metrics, {name: name for name in evaluation.material.judges}))
    for picture in pictures:
        picture.save(out)
    return SteeringResults(evaluation, traversal, pictures, plan, out)


def _rows_of(steerer: Steerer, progress: Progress) -> FeatureSet:
    folder = steerer.run.projector_config.run
    try:
        return FeatureSet.of_run(open_run(folder), progress)
    except RunError as error:
        raise RunError(
            f"{steerer.run.folder} is evaluated on the held-out sentences of {folder}, which {steerer.run.folder}/config.yaml "
            f"names, seen from where it was trained: {error}"
        ) from error


def evaluate_projector(
    run: Path | str,
    *,
    lexicons: Mapping[str, Path] | None = None,
    plan: SteeringPlan | None = None,
    rows: FeatureSet | None = None,
    steerer: Steerer | None = None,
    progress: Progress = silent,
) -> tuple[MetricsFile, Path]:
    """`steering_results` into the run's own folder, with metrics.json and report.html; returns the metrics and the report."""
    started = time.perf_counter()
    folder = Path(run)
    found = steering_results(run, folder, lexicons=lexicons, plan=plan, rows=rows, steerer=steerer, progress=progress)
    found.metrics.write(folder / "metrics.json")
    opened = open_run(folder)
    facts = {
        "run": str(folder),
        "language model": found.evaluation.material.steerer.model.name,
        "seed": found.plan.seed,
        "training seconds": opened.facts.get("seconds"),
        "evaluation seconds": round(time.perf_counter() - started),
        "configuration": opened.projector_config.model_dump(mode="json"),
        "evaluation": found.plan.model_dump(mode="json"),
    }
    report = Report("Steering a frozen language model", "Valence, arousal and dominance of sentences, as asked", facts)
    report.key_figures(key_figures(found.metrics))
    found.add_to(report)
    return found.metrics, report.write(folder / "report.html")
