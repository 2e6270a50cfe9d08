"""How `affectspace evaluate` measures a run: one evaluator for each kind of model, each with a primary metric."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from affectspace.affect import AXES
from affectspace.errors import RunError
from affectspace.evaluation.results import Result, Results
from affectspace.progress import Progress, silent
from affectspace.studies.judgement.measure import measure_held_out
from affectspace.studies.judgement.report import run_facts, write_judgement
from affectspace.studies.judgement.rows import held_out_rows
from affectspace.studies.levasa.report import evaluate_run
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.steering.material import RIDGE
from affectspace.studies.steering.report import evaluate_projector
from affectspace.training.runs import Run


@dataclass(frozen=True)
class Evaluator:
    """Measures the runs of some kinds of models on what they have not seen.

    Attributes
    ----------
    primary
        The columns of the results that hold the one figure to remember, and its title.
    evaluate
        Measures a run, writes metrics.json and report.html into its folder, and returns the results and the report's path.
    greater_is_better
        Direction of the primary metric.
    """

    title: str
    primary: Mapping[str, str]
    evaluate: Callable[..., tuple[Results, Path]]
    greater_is_better: bool = True

    def primary_result(self, results: Results) -> Result | None:
        """Return the primary figure, or None where it was not measured."""
        row = next(iter(results.filter(**self.primary)), None)
        if row is None and self.primary.get("target") == "mean":  # one axis has ratings
            return next(iter(results.filter(**{**self.primary, "target": AXES})), None)
        return row


def evaluate_images(run: Run, *, force: bool = False, progress: Progress = silent) -> tuple[Results, Path]:
    """Evaluate a model on images: probes, read-outs and reconstruction on people that it has not seen.

    force : computes the representations again

    Raises
    ------
    RunError
        The run has fewer than two test people.
    """
    fractions = run.image_config.data.first.split.fractions
    data = run.dataset("images", progress)
    people = data.table["person"].iloc[data.rows("test")].dropna().unique()
    if not len(data.rows("test")):
        raise RunError(f"{run.folder} has no test people: data.split.fractions is {fractions}")
    if len(people) == 1:
        raise RunError(
            f"{run.folder} has one test person ({people[0]}), so no interval over people can be computed; train with more "
            f"people in the test part (data.split.fractions is {fractions}), or on a corpus of more people"
        )
    return evaluate_run(run, data, Representations.of(run, data, progress, force=force), progress)


def evaluate_features(run: Run, *, force: bool = False, progress: Progress = silent) -> tuple[Results, Path]:
    """Evaluate a model on features, or an adapter, on the run's own test part: tables 1 to 3 of the manifold paper.

    Raises
    ------
    RunError
        The test part is empty, or has no labels.
    """
    started = time.perf_counter()
    judged = held_out_rows([run], progress)
    results = measure_held_out(judged, progress)
    name = run.folder.resolve().name
    return results, write_judgement(run.folder, judged, results, f"Run {name}", run_facts(run, name), started, progress)


IMAGES = Evaluator(
    "UAR of emotions on test people, linear probe on valence and arousal",
    {"experiment": "probes", "latent": "va", "metric": "uar", "versus": ""},
    evaluate_images,
)
CLASSIFIER = replace(IMAGES, title="UAR of emotions on test people")
FEATURES = Evaluator(
    "CCC on the test part, mean over axes",
    {"experiment": "test", "task": "axes", "target": "mean", "metric": "ccc", "modality": "", "versus": ""},
    evaluate_features,
)
STEERING = Evaluator(
    "Spearman of target and measured valence",
    {"experiment": "steering", "task": "valence", "target": "valence", "modality": RIDGE, "metric": "spearman"},
    lambda run, force, progress, **settings: evaluate_projector(run.folder, progress=progress, **settings),
)
EVALUATORS = {
    "levasa": IMAGES, "classifier": CLASSIFIER, "manifold": FEATURES, "ensemble": FEATURES, "mvae": FEATURES, "misa": FEATURES,
    "projector": STEERING, "adapter": FEATURES,
}  # fmt: skip
