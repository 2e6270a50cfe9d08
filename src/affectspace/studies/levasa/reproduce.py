"""`reproduce levasa`: trains what is missing, continues after an interruption, writes tables, figures and the report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from affectspace.data.configuration import CorpusConfig
from affectspace.data.labels import encode_categories
from affectspace.data.reading import open_corpus
from affectspace.progress import Progress, silent
from affectspace.studies.engine import claim_folder, dataset_of, run_folder, train_missing
from affectspace.studies.levasa.plan import Budget, members
from affectspace.studies.levasa.report import write_results
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.levasa.study import Study, Trained
from affectspace.synthetic.faces import labels_from_levels, make_faces
from affectspace.training.runs import open_run


def reproduce(
    out: Path | str,
    data: CorpusConfig,
    *,
    cache: Path | None = None,
    level_labels: Path | None = None,
    budget: Budget | None = None,
    progress: Progress = silent,
) -> Path:
    """Reproduce the LeVAsa paper: train what has no finished run, measure, and report.

    Parameters
    ----------
    out
        Folder of the study. The same call continues it; seeds and weights of the curve may be added later.
    data
        The corpus and its split.
    cache
        Folder for decoded images.
    level_labels
        AFEW-VA's ``labels.json``. Its valence and arousal are drawn as faces, which train the discrete models.
    budget
        How much is trained.
    progress
        Callback for progress.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    RunError
        ``out`` holds a study with other settings, or something else.
    """
    out, budget = Path(out), budget or Budget()
    fixed = budget.fixed("curve_weights", "without")
    claim_folder(out, {"data": data.model_dump(mode="json"), "budget": fixed, "level_labels": str(level_labels or "")})
    corpus = open_corpus(data)
    categories, _ = encode_categories(corpus.table["emotion"])
    drawn = draw_levels(out, level_labels, data, progress) if level_labels else None
    rated = bool(corpus.table[["valence", "arousal"]].notna().any(axis=None))
    plan = list(members(data, drawn, categories, budget, cache=cache, rated=rated))
    train_missing(out, plan, budget.workers, progress, threads=None)
    afew = next((member for member in plan if member.name.startswith("afew")), None)
    drawn_set: Any = dataset_of(afew.config, progress) if afew else None
    progress(0, 1, "decoding images")
    main = dataset_of(plan[0].config, progress)
    trained: dict[str, list[Trained]] = {}
    for member in plan:
        run, where = open_run(run_folder(out, member)), drawn_set if member.name.startswith("afew") else main
        trained.setdefault(member.name, []).append(Trained(member, run, Representations.of(run, where, progress)))
    seconds = sum(float(one.run.facts.get("seconds", 0)) for group in trained.values() for one in group)
    return write_results(Study(out, main, drawn_set, trained, budget, {"training seconds": round(seconds)}), progress)


def draw_levels(out: Path, level_labels: Path, data: CorpusConfig, progress: Progress = silent) -> CorpusConfig:
    """Draw the faces of a file of labels once; under a limit, only every n-th frame."""
    labels = labels_from_levels(level_labels)
    if data.limit is not None and data.limit < len(labels):
        labels = labels.iloc[:: math.ceil(len(labels) / data.limit)].reset_index(drop=True)
    make_faces(out / "drawn", labels=labels, progress=progress)  # faces that are drawn already are only read
    return CorpusConfig(corpus="faces", path=out / "drawn", split=data.split)
