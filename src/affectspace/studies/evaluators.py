"""How `affectspace evaluate` measures a run: one evaluator for each kind of model, each with a primary metric."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.corpora import row_groups
from affectspace.data.dataset import Dataset
from affectspace.errors import RunError
from affectspace.evaluation import constant_floor, interval, majority_floor
from affectspace.evaluation.intervals import Metric
from affectspace.evaluation.results import Recorder, Result, Results
from affectspace.models import Representation
from affectspace.models.adapter.model import Adapter
from affectspace.progress import Progress, silent
from affectspace.report import Report
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture
from affectspace.studies.levasa.report import evaluate_run
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.steering.material import RIDGE
from affectspace.studies.steering.report import evaluate_projector
from affectspace.studies.tables import Renderer, Table, grid, key_figures
from affectspace.training.adapters import predict_part
from affectspace.training.runs import Run

AXIS_METRICS: dict[str, Metric] = {"ccc": "concordance", "r": "pearson", "mae": "mae"}
EMOTION_METRICS: tuple[Metric, ...] = ("accuracy", "uar")
CONSTANT = "constant"  # the floor, among the modalities of the tables
TABLES = tuple(
    Table(caption, {"experiment": "test"}, columns, ("modality", "condition"), "shown")
    for caption, columns in (
        ("Concordance (CCC)", grid("{target}", metric="ccc", target=(*AXES, "mean"))),
        ("Pearson's r", grid("{target}", metric="r", target=(*AXES, "mean"))),
        ("Mean absolute error on [-1, 1]", grid("{target}", metric="mae", target=(*AXES, "mean"))),
        ("Emotion", grid("{metric}", metric={"accuracy": "accuracy", "uar": "UAR"}, target="emotion")),
    )
)


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
        return next(iter(results.filter(**self.primary)), None)


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


@torch.no_grad()
def evaluate_features(run: Run, *, force: bool = False, progress: Progress = silent) -> tuple[Results, Path]:
    """Evaluate a model on features, or an adapter: its predictions for the test part, from all modalities and from each one.

    Writes CCC, Pearson's r and mean absolute error of each axis, and the accuracy and UAR of emotions where the model
    predicts them. Predictions are in the units of the row's corpus. Floors beside them: the mean absolute error of the mean
    of train, and the share of the most frequent emotion. Intervals are over people, or over documents or rows without them.

    Raises
    ------
    RunError
        The test part is empty, or has no labels.
    """
    started = time.perf_counter()
    model = run.model()
    data = run.dataset(model.reads, progress)
    batch, table = data.batch("test"), data.table.iloc[data.rows("test")]
    if not len(table):
        raise RunError(f"{run.folder} has no test rows; train with a split that leaves rows for the test part")
    output = _represent(model, data, progress)
    predictions = {"all": output.fused, **(output.affect if len(data.modalities) > 1 else {})}
    results = Results()
    people, unit = row_groups(table)
    proxies = "transferred" in data.label_kind
    columns: dict[str, Any] = {
        "study": "run", "experiment": "test", "protocol": "test part", "seeds": (run.config.fit.seed,),
        "note": "some labels are transferred from emotions: proxies, not ratings" if proxies else "",
    }  # fmt: skip
    recorder = Recorder(results, columns)
    truth, corpora = batch.affect.double().numpy(), table["corpus"].to_numpy(str)
    groups = {"": np.ones(len(table), bool)}
    groups |= {name: corpora == name for name in data.corpora} if len(data.corpora) > 1 else {}
    for modality, affect in predictions.items():
        shown = np.isfinite(affect.numpy()).all(axis=1)
        shown &= batch.present[modality].numpy() if modality in batch.present else True
        values = _in_corpus_units(model, affect, batch.corpus).double().numpy()
        for corpus, rows in groups.items():
            rows = rows & shown
            _measure_axes(recorder.under(modality=modality, condition=corpus), truth[rows], values[rows], people[rows])
    if output.log_emotion is not None:
        guess, category = output.log_emotion.argmax(dim=1).numpy(), batch.category.numpy()
        for corpus, rows in groups.items():
            rows = rows & (category >= 0)
            if len(np.unique(people[rows])) > 1:
                for metric in EMOTION_METRICS:
                    score = interval(metric, category[rows], guess[rows], people[rows])
                    recorder.add(metric, score, modality="all", target="emotion", condition=corpus)
    if not len(results):
        raise RunError(
            f"{run.folder}: no test rows of two people or more have valence, arousal or dominance; train with a split that "
            "leaves labelled rows of several people for the test part"
        )
    _measure_floors(recorder, data, predicts_emotions=output.log_emotion is not None)
    name = run.folder.resolve().name
    run_facts = {"run": name, "kind": run.facts["kind"], "corpora": ", ".join(data.corpora)}

    def report(_: Mapping[str, Picture], facts: dict[str, Any]) -> Report:
        settings = {"configuration": run.config.model_dump(mode="json")}
        report = Report(f"Run {name}", "Predictions for the test part", {**run_facts, **facts, **settings})
        report.key_figures(key_figures(results, {FEATURES.title: dict(FEATURES.primary)}))
        report.section(
            "Predictions",
            f"Intervals are over {unit}. `condition` names one corpus; without it, all rows count. `{CONSTANT}` is the "
            "floor: the mean of train, and its most frequent emotion.",
        )
        if proxies:
            report.callout("warning", "Labels that are transferred from emotions are proxies, not ratings.")
        Renderer(report, results, {}, run.folder).add(*TABLES)
        return report

    return results, write_study(run.folder, results, (), report, started, progress)


def _represent(model: Any, data: Dataset, progress: Progress) -> Representation:
    """What a model says about the test part."""
    if isinstance(model, Adapter):
        affect = predict_part(model, data, "test", progress)
        unknown = torch.full_like(affect, torch.nan)
        return Representation({}, {}, {}, {}, affect, unknown)
    progress(0, 1, "predicting the test part")
    batch = data.batch("test")
    return model.represent(batch.features, batch.present)


def _in_corpus_units(model: Any, affect: torch.Tensor, corpus: torch.Tensor) -> torch.Tensor:
    """Convert pooled affect to the units of each row's corpus, where the model knows them."""
    if not hasattr(model, "in_corpus_units"):
        return affect
    converted = affect.clone()
    for index in corpus.unique().tolist():
        rows = corpus == index
        converted[rows] = model.in_corpus_units(affect[rows], torch.ones_like(affect[rows]), index)[0]
    return converted


def _measure_axes(recorder: Recorder, truth: np.ndarray, predictions: np.ndarray, people: np.ndarray) -> None:
    """Record the metrics of the axes on which the truth of two people or more varies, and their mean over these axes."""
    known = [axis for axis in range(len(AXES)) if _varies(truth[:, axis], people)]
    for name, metric in AXIS_METRICS.items():
        for axis in known:
            recorder.add(name, interval(metric, truth[:, axis], predictions[:, axis], people), target=AXES[axis])
        if known:
            recorder.add(name, interval(metric, truth[:, known], predictions[:, known], people), target="mean")


def _measure_floors(recorder: Recorder, data: Dataset, *, predicts_emotions: bool) -> None:
    """Record what a constant gives: the mean of train on each axis, and its most frequent emotion."""
    train, test = (data.table.iloc[data.rows(part)] for part in ("train", "test"))
    floor = recorder.under(modality=CONSTANT, note="every row gets the mean of train")
    for axis in AXES:
        if train[axis].notna().any() and test[axis].notna().any():
            floor.add("mae", constant_floor(train[axis], test[axis])["mae"], int(test[axis].notna().sum()), target=axis)
    emotions = int(test["emotion"].notna().sum())
    if predicts_emotions and emotions and train["emotion"].notna().any():
        floor = recorder.under(
            modality=CONSTANT, target="emotion", note="every row gets the most frequent emotion of train"
        )
        for metric, value in majority_floor(train["emotion"], test["emotion"]).items():
            if metric in EMOTION_METRICS:
                floor.add(metric, value, emotions)


def _varies(values: np.ndarray, people: np.ndarray) -> bool:
    rows = np.isfinite(values)
    return len(np.unique(values[rows])) > 1 and len(np.unique(people[rows])) > 1


IMAGES = Evaluator(
    "UAR of emotions on test people, linear probe on valence and arousal",
    {"experiment": "probes", "latent": "va", "metric": "uar", "versus": ""},
    evaluate_images,
)
CLASSIFIER = replace(IMAGES, title="UAR of emotions on test people")
FEATURES = Evaluator(
    "CCC on the test part, mean over axes",
    {"experiment": "test", "target": "mean", "metric": "ccc", "modality": "all"},
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
