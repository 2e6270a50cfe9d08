"""`reproduce manifold`: makes vectors, trains what is missing, continues where it stopped, writes tables and the report."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from affectspace.progress import Progress, silent
from affectspace.studies.manifold.members import Member, members, needed_trainings
from affectspace.studies.manifold.plan import TRAININGS, Budget
from affectspace.studies.manifold.preparation import possible_experiments, prepare
from affectspace.studies.manifold.sources import Places, Source
from affectspace.studies.manifold.study import Study
from affectspace.studies.trainings import (
    claim_folder,
    prefixed,
    require_same_members,
    train_side_by_side,
    unfinished,
)
from affectspace.training.configuration import FeatureTrainConfig
from affectspace.training.feature_set import FeatureSet
from affectspace.training.fit import fit


def reproduce(
    out: Path,
    places: Places | None = None,
    *,
    only: Sequence[str] = (),
    table: int | None = None,
    budget: Budget | None = None,
    progress: Progress = silent,
) -> Path:
    """Train every member that is not finished yet, judge them, and return the path of the report.

    places : where corpora and stores are; by default synthetic people alone, with stores below `out`
    only, table : the experiments that are made, or the paper's table that they stand beside; by default all that can be
    Raises RunError where `out` holds a study that was started otherwise, ConfigError where a corpus is missing.
    """
    from affectspace.studies.manifold.report import write_results

    budget = budget or Budget()
    places = places or Places(features=out / "features", own=out)
    experiments = possible_experiments(places, only, table)
    claim_folder(out, {"budget": _kept(budget)})
    started = time.perf_counter()
    places = prepare(places, experiments, budget, progress)
    study = Study(out, places, budget, experiments, progress=progress)
    trainings = needed_trainings(experiments)
    sources: dict[str, Source] = {
        name: study.source(name) for training in trainings for name in TRAININGS[training].splits
    }
    plan = list(members(trainings, sources, places, budget))
    require_same_members(out, plan)
    train_all(out, plan, budget.workers, progress)
    seconds = sum(float(study.run_of(member).facts.get("seconds", 0)) for member in plan)
    study.facts.update({"training seconds": round(seconds), "trainings": len(plan)})
    study.facts["wall seconds to the last training"] = round(time.perf_counter() - started)
    return write_results(study)


def train_all(out: Path, plan: Sequence[Member], workers: int, progress: Progress = silent) -> None:
    """Train the members that are not finished: one after another, or several processes of one thread each."""
    todo = unfinished(out, plan)
    if workers > 1 and len(todo) > 1:
        train_side_by_side(out, todo, _train_alone, workers, progress)
        return
    for index, member in enumerate(todo):
        prefix = f"[{index + 1}/{len(todo)}] {member.folder}: "
        folder = out / "runs" / member.folder
        fit(member.config, folder, data=_rows_of(member.config), threads=1, progress=prefixed(progress, prefix))


def _train_alone(config: FeatureTrainConfig, folder: Path) -> None:
    """One training in a process of its own, on one thread."""
    fit(config, folder, data=_rows_of(config), threads=1)


_LAST: dict[str, FeatureSet] = {}


def _rows_of(config: FeatureTrainConfig) -> FeatureSet:
    """The rows of a training; those of the last one where they are the same, as seeds and variants follow each other."""
    data, modalities = config.data.model_dump(mode="json"), sorted(config.model.modalities.items())
    key = json.dumps([data, modalities, config.model.categories])
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = FeatureSet(config)
    return _LAST[key]


def _kept(budget: Budget) -> dict[str, object]:
    """What of a budget must not change when a study is continued; more seeds, ablations and experiments may come."""
    return budget.model_dump(mode="json", exclude={"workers", "seeds", "ablation_seeds", "perturbations"})
