"""What probes read from the latents: emotion, speaker, gender, topic (Table 3), and affect from the private ones.

Each probe is chosen on validation rows, classes have equal weight, and every part of a latent is read by the same probes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import (
    boosted_probe,
    boosted_readout,
    interval,
    linear_probe,
    linear_readout,
    majority_floor,
    reduced,
)
from affectspace.evaluation.folds import Fold
from affectspace.evaluation.results import Recorder, Results
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.evaluation_rows import EvaluationRows, fold_of
from affectspace.studies.manifold.paper import PUBLISHED
from affectspace.studies.manifold.representations import Representations

LATENTS = ("full", "shared", "private", "private_3")
BOUNDS = ("raw", "labels")  # the most that the vectors allow, and what the labels alone reveal
GAPS = (("shared", "full"), ("shared", "private"), ("shared", "private_3"))
PROBES: dict[str, Callable[..., Any]] = {"linear": linear_probe, "boosted": boosted_probe}
READOUTS: dict[str, Callable[..., Any]] = {"linear": linear_readout, "boosted": boosted_readout}


def is_known(labels: np.ndarray) -> np.ndarray:
    """Say which labels are not None."""
    return np.array([label is not None for label in labels], dtype=bool)


@dataclass(frozen=True, eq=False)
class Task:
    """Something that probes read from latents.

    labels : (n,) names, None where a row has none; parts : rows that fit, choose and test, one for each fold of the rows
    groups : (n,) over which intervals are taken
    """

    name: str
    labels: np.ndarray
    parts: list[Fold]
    groups: np.ndarray


def column_task(rows: EvaluationRows, name: str, column: str | None = None, *, least: int = 1) -> Task:
    """Make a task of a column of the table on the rows' own parts; values of fewer than `least` rows are left out."""
    labels = rows.names(column or name)
    values, counts = np.unique(labels[is_known(labels)].astype(str), return_counts=True)
    frequent = set(values[counts >= least])
    kept = np.array([label if label in frequent else None for label in labels], dtype=object)
    return Task(name, kept, rows.folds, rows.groups)


def speaker_task(rows: EvaluationRows, by: str, *, least: int = 8) -> Task:
    """Make the task of recognising speakers that the encoder has not seen: the probe's parts share people and differ in `by`.

    by : a column such as sentence or dialogue; three fifths of its values of each person fit, one fifth chooses, one tests.
        Where there are only two values, the first fits and chooses, by alternate repetitions, and the second tests.
    least : rows that a speaker must have
    """
    people, values = rows.names("person"), rows.names(by)
    parts = []
    for fold in rows.folds:
        part = np.full(len(rows.table), "", dtype=object)
        for person in dict.fromkeys(people[fold.test]):
            own = fold.test[people[fold.test] == person]
            if person is None or len(own) < least:
                people[own] = None
            else:
                part[own] = _split_by_value(values[own])
        parts.append(fold_of(part))
    return Task("speaker", people, parts, np.where(is_known(people), people, ""))


def _split_by_value(values: np.ndarray) -> np.ndarray:
    """Assign each row of a person to train, validation or test by its value, in the order of first appearance."""
    names = list(dict.fromkeys(values))
    part = np.full(len(values), "train", dtype=object)
    if len(names) < 3:
        part[np.flatnonzero(values == names[0])[1::2]] = "validation"
        part[values == names[-1]] = "test"
        return part
    fifth = max(1, len(names) // 5)
    part[np.isin(values, names[-fifth:])] = "test"
    part[np.isin(values, names[-2 * fifth : -fifth])] = "validation"
    return part


def latent_of(rows: EvaluationRows, representations: Representations, modality: str, latent: str) -> np.ndarray | None:
    """Return a part of one modality's latents, (n, k); None where the model has none. The probe itself reduces `private_3`."""
    shared, private = representations.shared.get(modality), representations.private.get(modality)
    if latent == "shared":
        return shared
    if latent == "raw":
        return rows.features.get(modality)
    if latent == "labels":
        return np.nan_to_num(rows.truth)
    if private is None or shared is None:
        return None
    return np.concatenate([shared, private], axis=1) if latent == "full" else private


def probe_table(
    results: Results,
    rows: EvaluationRows,
    task: Task,
    models: Sequence[str],
    modalities: Sequence[str],
    *,
    probe: str = "linear",
    seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    progress: Progress = silent,
) -> None:
    """Record accuracy and UAR of a task from each part of each modality's latents, the gaps between parts, and the bounds.

    seeds : how many of each model's; bounds do not depend on a model and have rows of their own
    """
    published = PUBLISHED.filter(experiment="table_3") if task.name == "emotion" and probe == "linear" else None
    recorder = rows.recorder(results, task.name, published, condition=probe)
    for modality in modalities:
        for model in models:
            named = recorder.under(model=model, modality=modality)
            predictions: dict[str, list[np.ndarray]] = {}
            converged: list[bool] = []
            for latent in latents:
                progress(0, 0, f"{rows.experiment}: {probe} probe of {task.name} from {modality} {latent}, {model}")
                by_seed, ended = _probe_predictions(rows, task, model, modality, latent, probe, seeds)
                converged += ended
                if by_seed:
                    predictions[latent] = by_seed
                    _record_accuracy(named, rows, task, model, latent, by_seed)
            if converged:
                named.add("converged", float(np.mean(converged)), len(converged), note="share of the fits of the row")
            for latent, versus in GAPS:
                if latent in predictions and versus in predictions:
                    _record_gap(named, rows, task, model, latent, versus, predictions)
        for bound in BOUNDS if probe == "linear" else ():
            by_seed, _ = _probe_predictions(rows, task, models[0], modality, bound, probe, 1)
            if by_seed:
                _record_accuracy(recorder.under(model=bound, modality=modality), rows, task, bound, "full", by_seed)
    _record_floors(recorder, task)


def _probe_predictions(
    rows: EvaluationRows, task: Task, model: str, modality: str, latent: str, probe: str, seeds: int | None
) -> tuple[list[np.ndarray], list[bool]]:
    """Predict each tested row, (n,) names and None elsewhere, one array per seed; and whether each fit converged.

    Both are empty without the latent.
    """
    fit = reduced(PROBES[probe], len(AXES)) if latent == "private_3" else PROBES[probe]
    by_seed: list[np.ndarray] = []
    converged: list[bool] = []
    for by_fold in rows.of(model)[:seeds]:
        values = [latent_of(rows, one, modality, latent) for one in by_fold]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return [], []
        predictions, ended = probed(task, known, [one.present[modality] for one in by_fold], fit)
        by_seed.append(predictions)
        converged += ended
    return (by_seed, converged) if converged else ([], [])


def probed(
    task: Task, features: Sequence[np.ndarray], present: Sequence[np.ndarray], probe: Callable[..., Any]
) -> tuple[np.ndarray, list[bool]]:
    """Predict each row that a fold tests, (n,) names, None for the others; and say whether the fit of each fold converged.

    features : (n, k) for each fold; present : which rows have the modality, (n,) for each fold
    """
    predictions, converged = np.full(len(task.labels), None, dtype=object), []
    for part, values, known in zip(task.parts, features, present, strict=True):
        train, validation, test = (rows[known[rows]] for rows in (part.train, part.validation, part.test))
        labelled = [rows[is_known(task.labels[rows])] for rows in (train, validation)]
        if not len(test) or any(len(np.unique(task.labels[rows].astype(str))) < 2 for rows in labelled):
            continue
        output = probe(values[train], task.labels[train], values[validation], task.labels[validation], values[test])
        predictions[test] = output.predictions
        converged.append(bool(output.converged))
    return predictions, converged


def _common_rows(task: Task, predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Return positions of the labelled rows that all predictions cover."""
    return np.flatnonzero(np.all([is_known(one) for one in (task.labels, *predictions)], axis=0))


def _seeds(rows: EvaluationRows, model: str, predictions: Sequence[np.ndarray]) -> tuple[int, ...]:
    return rows.seeds.get(model, ())[: len(predictions)]


def _record_accuracy(
    recorder: Recorder, rows: EvaluationRows, task: Task, model: str, latent: str, predictions: list[np.ndarray]
) -> None:
    known = _common_rows(task, predictions)
    truth, guesses, groups = task.labels[known], [one[known] for one in predictions], task.groups[known]
    named: dict[str, Any] = {"latent": latent, "seeds": _seeds(rows, model, predictions)}
    recorder.add("accuracy", interval("accuracy", truth, guesses, groups), **named)
    recorder.add("uar", interval("uar", truth, guesses, groups), **named)


def _record_gap(
    recorder: Recorder,
    rows: EvaluationRows,
    task: Task,
    model: str,
    latent: str,
    versus: str,
    predictions: dict[str, list[np.ndarray]],
) -> None:
    known = _common_rows(task, [*predictions[latent], *predictions[versus]])
    truth, groups = task.labels[known], task.groups[known]
    ours, theirs = ([one[known] for one in predictions[name]] for name in (latent, versus))
    right = [[(guess == truth).astype(float) for guess in guesses] for guesses in (ours, theirs)]
    named: dict[str, Any] = {"latent": latent, "versus": versus, "seeds": _seeds(rows, model, ours)}
    recorder.add("accuracy", interval("mean", None, right[0], groups, right[1]), **named)
    recorder.add("uar", interval("uar", truth, ours, groups, theirs), **named)


def _record_floors(recorder: Recorder, task: Task) -> None:
    tested = np.sort(np.concatenate([part.test for part in task.parts]))
    fitted = np.concatenate([part.train for part in task.parts])
    truth, known = task.labels[tested], task.labels[fitted]
    if not is_known(truth).any() or not is_known(known).any():
        return
    floor, n = majority_floor(known, truth), int(is_known(truth).sum())
    named = {"model": "majority", "latent": "full", "note": f"predicts {floor['label']} for every row"}
    recorder.add("accuracy", floor["accuracy"], n, **named)
    recorder.add("uar", floor["uar"], n, **named)
    recorder.add("accuracy", floor["share_of_part"], n, model="most frequent of the part", latent="full")


def private_affect_table(
    results: Results, rows: EvaluationRows, models: Sequence[str], modalities: Sequence[str], seeds: int | None = None
) -> None:
    """Record r of valence, arousal and dominance read from the private latents, linearly and not: affect that leaks."""
    recorder, tested = rows.recorder(results, "private affect"), rows.tested
    for modality in modalities:
        for model in models:
            for kind, readout in READOUTS.items():
                by_seed = [_private_affect(rows, by_fold, modality, readout) for by_fold in rows.of(model)[:seeds]]
                predictions = [one for one in by_seed if one is not None]
                for axis, target in enumerate(AXES) if predictions else ():
                    known = tested[np.all([np.isfinite(one[tested, axis]) for one in predictions], axis=0)]
                    columns = [one[known, axis] for one in predictions]
                    r = interval("pearson", rows.truth[known, axis], columns, rows.groups[known])
                    named = {"modality": modality, "target": target, "condition": kind}
                    recorder.add("r", r, model=model, seeds=_seeds(rows, model, predictions), **named)


def _private_affect(
    rows: EvaluationRows, by_fold: Sequence[Representations], modality: str, readout: Callable[..., Any]
) -> np.ndarray | None:
    """Read affect from the private latents of the tested rows, (n, 3), NaN elsewhere; None where a fold cannot be fitted."""
    predictions = np.full(rows.truth.shape, np.nan)
    for fold, representations in zip(rows.folds, by_fold, strict=True):
        if modality not in representations.private:
            return None
        values, present = representations.private[modality], representations.present[modality]
        train, validation, test = (part[present[part]] for part in (fold.train, fold.validation, fold.test))
        if not len(train) or not len(validation) or not np.isfinite(rows.truth[train]).any(axis=0).all():
            return None
        output = readout(values[train], rows.truth[train], values[validation], rows.truth[validation], values[test])
        predictions[test] = output.predictions
    return predictions
