"""`reproduce levasa`: trains what is missing, continues after an interruption, writes tables, figures and the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affectspace.data.configuration import CorpusConfig
from affectspace.data.labels import encode_categories
from affectspace.data.reading import open_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.progress import Progress, silent
from affectspace.studies.engine import claim_folder, dataset_of, run_folder, train_missing
from affectspace.studies.levasa.plan import LEVELS, Budget, Member, members
from affectspace.studies.levasa.report import write_results
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.levasa.study import Arm, Study, Trained
from affectspace.synthetic.faces import labels_from_levels, make_faces
from affectspace.training.runs import open_run


def reproduce(
    out: Path | str,
    data: CorpusConfig,
    second: CorpusConfig | None = None,
    *,
    cache: Path | None = None,
    level_labels: Path | None = None,
    budget: Budget | None = None,
    progress: Progress = silent,
) -> Path:
    """Reproduce the LeVAsa paper: train what has no finished run, measure, and report.

    A corpus with emotions, such as IMFDB, trains the models with continuous and with discrete labels. A corpus with valence and
    arousal and no emotions, such as AFEW-VA, trains the models with discrete labels; both together are the paper's five.

    Parameters
    ----------
    out
        Folder of the study. The same call continues it; seeds and weights of the curve may be added later.
    data, second
        The corpora and their splits: one, or one of each kind.
    cache
        Folder for decoded images.
    level_labels
        AFEW-VA's ``labels.json``. Its valence and arousal are drawn as faces, in place of a second corpus.
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
    ConfigError
        Both corpora are of the same kind.
    DataError
        A corpus has neither emotions, nor valence and arousal.
    RunError
        ``out`` holds a study with other settings, or something else.
    """
    out, budget = Path(out), budget or Budget()
    if second is not None and level_labels is not None:
        raise ConfigError("level labels are drawn in place of a second corpus; leave one of them out")
    fixed = budget.fixed("curve_weights", "ablations", "without")
    corpora = [data, *([second] if second is not None else [])]
    settings = {"data": [config.model_dump(mode="json") for config in corpora], "budget": fixed}
    claim_folder(out, {**settings, "level_labels": str(level_labels or "")})
    if level_labels is not None:
        corpora.append(draw_levels(out, level_labels, data, progress))
    plans: dict[str, list[Member]] = {}
    for config in corpora:
        prefix, categories, rated = _kind(config)
        if prefix in plans:
            what = "valence and arousal and no emotions" if prefix else "emotions"
            raise ConfigError(f"both corpora have {what}; the study needs one of each kind, or one corpus alone")
        plan = members(config, categories, budget, prefix=prefix, cache=cache, rated=rated)
        plans[prefix] = list(plan)
    train_missing(out, [member for plan in plans.values() for member in plan], budget.workers, progress, threads=None)
    arms = [_arm(out, prefix, plan, progress) for prefix, plan in plans.items() if plan]
    study = Study(out, tuple(arms), budget)
    seconds = sum(float(entry.run.facts.get("seconds", 0)) for entry in study.trained)
    return write_results(replace(study, facts={"training seconds": round(seconds)}), progress)


def _kind(config: CorpusConfig) -> tuple[str, tuple[str, ...], bool]:
    """Return the prefix of a corpus, its emotions, and whether it has valence and arousal."""
    table = open_corpus(config).table
    categories, _ = encode_categories(table["emotion"])
    rated = bool(table[["valence", "arousal"]].notna().any(axis=None))
    if not categories and not rated:
        raise DataError(f"{config.path}: {config.corpus} has neither emotions, nor valence and arousal")
    return "" if categories else LEVELS, categories, rated and bool(categories)


def _arm(out: Path, prefix: str, plan: Sequence[Member], progress: Progress) -> Arm:
    """Read the images of one corpus, and encode them with its members."""
    progress(0, 1, "decoding images")
    data = dataset_of(plan[0].config, progress)
    trained: dict[str, list[Trained]] = {}
    for member in plan:
        run = open_run(run_folder(out, member))
        trained.setdefault(member.name, []).append(Trained(member, run, Representations.of(run, data, progress)))
    return Arm(data, trained, prefix)


def draw_levels(out: Path, level_labels: Path, data: CorpusConfig, progress: Progress = silent) -> CorpusConfig:
    """Draw the faces of a file of labels once; under a limit, only every n-th frame."""
    labels = labels_from_levels(level_labels)
    if data.limit is not None and data.limit < len(labels):
        labels = labels.iloc[:: math.ceil(len(labels) / data.limit)].reset_index(drop=True)
    make_faces(out / "drawn", labels=labels, progress=progress)  # faces that are drawn already are only read
    return CorpusConfig(corpus="faces", path=out / "drawn", split=data.split)
