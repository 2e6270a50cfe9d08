"""What probes read off shared, private and both latents: emotion, speaker, gender, topic (Table 3), and VAD off the private.

Each probe is chosen on validation rows, classes weigh alike, and every part of a latent meets the same probes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import (
    MetricsFile,
    accuracy_interval,
    boosted_probe,
    boosted_readout,
    linear_probe,
    linear_readout,
    majority_floor,
    paired_mean_difference,
    paired_uar_difference,
    pearson_interval,
    reduced,
    uar_interval,
)
from affectspace.evaluation.folds import Fold
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.panel import Panel, fold_of
from affectspace.studies.manifold.published import published
from affectspace.studies.manifold.sheet import Sheet

LATENTS = ("full", "shared", "private", "private_3")
BOUNDS = ("raw", "labels")  # the most that the vectors allow, and what the labels alone tell
GAPS = (("shared", "full"), ("shared", "private"), ("shared", "private_3"))
PROBES: dict[str, Callable[..., Any]] = {"linear": linear_probe, "boosted": boosted_probe}
ANALOGUES = {"text": "text", "audio": "audio", "video": "video", "action_units": "video"}  # rows of the paper's table


@dataclass(frozen=True, eq=False)
class Task:
    """Something that is read off latents.

    labels : (n,) names, None where a row has none; parts : rows that fit, choose and test, one a fold of the panel
    groups : (n,) over which intervals are taken
    """

    name: str
    labels: np.ndarray
    parts: list[Fold]
    groups: np.ndarray

    @property
    def tested(self) -> np.ndarray:
        return np.sort(np.concatenate([part.test for part in self.parts]))


def column_task(panel: Panel, name: str, column: str | None = None) -> Task:
    """A column of the table on the panel's own parts: who is tested has trained neither the encoder nor the probe."""
    return Task(name, _names(panel, column or name), panel.folds, panel.groups)


def speaker_task(panel: Panel, by: str, *, least: int = 8) -> Task:
    """Who speaks, among people that the encoder has not seen: probe rows share people and differ in `by`.

    by : a column such as sentence or dialogue; three fifths of its values of each person fit, one fifth each chooses and tests.
        Where there are two values only, the first fits and chooses, by repetitions in turn, and the second tests.
    least : rows that a speaker must have
    """
    people, apart = _names(panel, "person"), _names(panel, by)
    parts = []
    for fold in panel.folds:
        part = np.full(len(panel.table), "", dtype=object)
        for person in dict.fromkeys(people[fold.test]):
            rows = fold.test[people[fold.test] == person]
            if person is None or len(rows) < least:
                people[rows] = None
                continue
            part[rows] = _dealt(apart[rows])
        parts.append(fold_of(part))
    return Task("speaker", people, parts, np.where(people == None, "", people))  # noqa: E711


def frequent_task(panel: Panel, name: str, column: str, groups: str, least: int) -> Task:
    """A column on the panel's own parts, values of fewer than `least` rows left out."""
    labels = _names(panel, column)
    values, counts = np.unique([label for label in labels if label is not None], return_counts=True)
    kept = set(values[counts >= least])
    labels = np.array([label if label in kept else None for label in labels], dtype=object)
    return Task(name, labels, panel.folds, _names(panel, groups))


def _names(panel: Panel, column: str) -> np.ndarray:
    values = panel.table[column]
    return values.astype(object).where(values.notna(), None).to_numpy().copy()


def _dealt(values: np.ndarray) -> np.ndarray:
    """train, validation or test for each of a person's rows, by their values in the order of first appearance."""
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


def latent(panel: Panel, codes: Codes, modality: str, what: str) -> np.ndarray | None:
    """A part of one modality's latents, (n, k); None where the model has none. `private_3` is to be reduced by the probe."""
    shared, private = codes.shared.get(modality), codes.private.get(modality)
    if what == "shared":
        return shared
    if what == "raw":
        return panel.features.get(modality)
    if what == "labels":
        return np.nan_to_num(panel.truth)
    if private is None or shared is None:
        return None
    return np.concatenate([shared, private], axis=1) if what == "full" else private


def probed(
    task: Task, features: Sequence[np.ndarray], there: Sequence[np.ndarray], probe: Callable[..., Any], **options: Any
) -> np.ndarray:
    """What a probe says of each row that a fold tests, (n,) names, None for the others.

    features : one (n, k) a fold; there : which rows have the modality, one (n,) a fold
    """
    said = np.full(len(task.labels), None, dtype=object)
    for part, values, known in zip(task.parts, features, there, strict=True):
        train, validation, test = (rows[known[rows]] for rows in (part.train, part.validation, part.test))
        named = [rows[task.labels[rows] != None] for rows in (train, validation)]  # noqa: E711
        if not len(test) or any(len(np.unique(task.labels[rows].astype(str))) < 2 for rows in named):
            continue
        found = probe(
            values[train], task.labels[train], values[validation], task.labels[validation], values[test], **options
        )
        said[test] = found.predictions
    return said


def probe_table(
    metrics: MetricsFile,
    panel: Panel,
    task: Task,
    models: Sequence[str],
    modalities: Sequence[str],
    *,
    probe: str = "linear",
    seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    progress: Progress = silent,
) -> None:
    """Accuracy and UAR of a task from each part of each modality's latents, the gaps between them, and the bounds.

    seeds : so many of each model's; the bounds do not depend on a model and are told once, in rows of their own
    """
    sheet = Sheet(metrics, f"{panel.name}_{task.name}_{probe}", panel.protocol)
    paper = "table_3" if task.name == "emotion" and probe == "linear" and panel.real else ""
    for modality in modalities:
        for model in models:
            hits: dict[str, list[np.ndarray]] = {}
            for what in latents:
                progress(0, 0, f"{panel.name}: {probe} probe of {task.name} from {modality} {what}, {model}")
                said = _over_seeds(panel, task, model, modality, what, probe, seeds)
                if said is not None:
                    hits[what] = said
                    told = panel.seeds.get(model, ())[: len(said)]
                    figure = published(paper, ANALOGUES.get(modality, ""), what) if model == "manifold" else None
                    _record(sheet, task, f"{model} {modality}", what, said, told, figure)
            for one, other in GAPS:
                if one in hits and other in hits:
                    _gap(sheet, task, f"{model} {modality}", (one, other), hits, panel.seeds.get(model, ()))
        for bound in BOUNDS:
            said = _over_seeds(panel, task, models[0], modality, bound, probe, 1)
            if said is not None and probe == "linear":
                _record(sheet, task, f"{bound} {modality}", "full", said, (), None)
    _floors(sheet, task)


def _over_seeds(
    panel: Panel, task: Task, model: str, modality: str, what: str, probe: str, seeds: int | None
) -> list[np.ndarray] | None:
    said = []
    chosen = reduced(PROBES[probe], len(AXES)) if what == "private_3" else PROBES[probe]
    for place, each in enumerate(panel.of(model)[:seeds]):
        values = [latent(panel, codes, modality, what) for codes in each]
        if any(one is None for one in values):
            return None
        there = [codes.present[modality] for codes in each]
        options = {"seed": place} if probe == "boosted" else {}
        said.append(probed(task, [one for one in values if one is not None], there, chosen, **options))
    return said if said and any((one != None).any() for one in said) else None  # noqa: E711


def _truth(task: Task, said: Sequence[np.ndarray]) -> np.ndarray:
    """Labels of the rows that were tested, None elsewhere."""
    known = np.all([one != None for one in said], axis=0)  # noqa: E711
    labels = task.labels.copy()
    labels[~known] = None
    return labels


def _record(
    sheet: Sheet, task: Task, row: str, what: str, said: list[np.ndarray], seeds: Sequence[int], paper: float | None
) -> None:
    rows = np.flatnonzero(_truth(task, said) != None)  # noqa: E711
    truth, guesses, groups = task.labels[rows], [one[rows] for one in said], task.groups[rows]
    sheet.interval(row, f"accuracy_{what}", accuracy_interval(truth, guesses, groups), seeds, paper=paper)
    sheet.interval(row, f"uar_{what}", uar_interval(truth, guesses, groups), seeds)


def _gap(
    sheet: Sheet, task: Task, row: str, pair: tuple[str, str], hits: dict[str, list[np.ndarray]], seeds: Sequence[int]
) -> None:
    one, other = (hits[name] for name in pair)
    rows = np.flatnonzero(_truth(task, [*one, *other]) != None)  # noqa: E711
    truth, groups = task.labels[rows], task.groups[rows]
    a, b = ([each[rows] for each in said] for said in (one, other))
    right = [[(guess == truth).astype(float) for guess in said] for said in (a, b)]
    name = f"{pair[0]} - {pair[1]}"
    told = tuple(seeds)[: len(a)]
    sheet.interval(row, f"accuracy {name}", paired_mean_difference(right[0], right[1], groups), told)
    sheet.interval(row, f"uar {name}", paired_uar_difference(truth, a, b, groups), told)


def _floors(sheet: Sheet, task: Task) -> None:
    rows, fitted = task.tested, np.concatenate([part.train for part in task.parts])
    truth, known = task.labels[rows], task.labels[fitted]
    if not (truth != None).any() or not (known != None).any():  # noqa: E711
        return
    floor = majority_floor(known, truth)
    n = int((truth != None).sum())  # noqa: E711
    note = f"{floor['label']} said of every row"
    sheet.value("majority", "accuracy_full", floor["accuracy"], n, note=note)
    sheet.value("majority", "uar_full", floor["uar"], n, note=note)
    sheet.value("most frequent of the part", "accuracy_full", floor["share_of_part"], n)


def private_affect(
    metrics: MetricsFile, panel: Panel, models: Sequence[str], modalities: Sequence[str], seeds: int | None = None
) -> None:
    """r of valence, arousal and dominance read off the private latents, linearly and not: what leaks of affect."""
    sheet = Sheet(metrics, f"{panel.name}_private_affect", panel.protocol)
    readouts: dict[str, Callable[..., Any]] = {"linear": linear_readout, "boosted": boosted_readout}
    for modality in modalities:
        for model in models:
            for kind, readout in readouts.items():
                said: list[np.ndarray] = []
                for place, each in enumerate(panel.of(model)[:seeds]):
                    options = {"seed": place} if kind == "boosted" else {}
                    one = _affect_of(panel, each, modality, readout, options)
                    if one is not None:
                        said.append(one)
                if not said:
                    continue
                for axis, name in enumerate(AXES):
                    rows = panel.tested[np.all([np.isfinite(one[panel.tested, axis]) for one in said], axis=0)]
                    columns = [one[rows, axis] for one in said]
                    interval = pearson_interval(panel.truth[rows, axis], columns, panel.groups[rows])
                    sheet.interval(f"{model} {modality}", f"r_{name}_{kind}", interval, panel.seeds[model][: len(said)])


def _affect_of(
    panel: Panel, each: Sequence[Codes], modality: str, readout: Callable[..., Any], options: dict[str, Any]
) -> np.ndarray | None:
    said = np.full(panel.truth.shape, np.nan)
    for fold, codes in zip(panel.folds, each, strict=True):
        if modality not in codes.private:
            return None
        there = codes.present[modality]
        train, validation, test = (rows[there[rows]] for rows in (fold.train, fold.validation, fold.test))
        if not len(train) or not len(validation) or not np.isfinite(panel.truth[train]).any(axis=0).all():
            return None
        values = codes.private[modality]
        found = readout(
            values[train], panel.truth[train], values[validation], panel.truth[validation], values[test], **options
        )
        said[test] = found.predictions
    return said
