"""`reproduce manifold`: prepares vectors, trains what is missing, continues after an interruption, writes tables and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from affectspace.errors import counted
from affectspace.progress import Progress, silent
from affectspace.studies.engine import claim_folder, require_settings, train_missing
from affectspace.studies.manifold.corpora import Folders
from affectspace.studies.manifold.members import KINDS
from affectspace.studies.manifold.plan import Budget
from affectspace.studies.manifold.preparation import possible_experiments, prepare
from affectspace.studies.manifold.report import write_results
from affectspace.studies.manifold.study import Study


def reproduce(
    out: Path | str,
    folders: Folders | None = None,
    *,
    only: Sequence[str] = (),
    table: int | None = None,
    budget: Budget | None = None,
    progress: Progress = silent,
    tell: Callable[[str], None] = lambda message: None,
) -> Path:
    """Reproduce the affective-manifold paper: train what has no finished run, measure, and report.

    Parameters
    ----------
    out
        Folder of the study. The same call continues it; more seeds, ablations and experiments may be added later.
    folders
        Folders of corpora and stores. By default, synthetic people alone, with stores below ``out``.
    only
        Experiments to make. By default, all whose corpora are there.
    table
        Make only the experiments that stand beside this table of the paper.
    budget
        How much is trained and measured.
    progress
        Callback for progress.
    tell
        Callback for messages, before anything is trained: which backbone made which vectors, what is left out and why.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    RunError
        ``out`` holds a study with other settings, or something else.
    ConfigError
        A corpus is missing, or two corpora of an experiment have vectors of different backbones.
    """
    out, budget = Path(out), budget or Budget()
    folders = folders or Folders(features=out / "features", out=out)
    experiments = possible_experiments(folders, only, table)
    require_settings(KINDS, budget.overrides)
    claim_folder(out, {"budget": budget.fixed("ablation_seeds", "perturbations")})
    started = time.perf_counter()
    folders = prepare(folders, experiments, budget, progress, tell)
    plan = Study(out, folders, budget, experiments, progress).plan
    models = ", ".join(dict.fromkeys(member.name for member in plan))
    tell(f"{counted(len(plan), 'training')} for {', '.join(experiments)}: {models}")
    train_missing(out, plan, budget.workers, progress)
    study = Study(out, folders, budget, experiments, progress)
    seconds = sum(float(study.run_of(member).facts.get("seconds", 0)) for member in plan)
    study.facts.update({"training seconds": round(seconds), "trainings": len(plan)})
    study.facts["wall seconds to the last training"] = round(time.perf_counter() - started)
    return write_results(study)
