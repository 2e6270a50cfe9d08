"""`reproduce levasa`: trains what is missing, continues where it stopped, writes tables, figures and the report."""

import math
from pathlib import Path

from affectspace.studies.levasa.codes import codes_of
from affectspace.studies.levasa.plan import Budget, Member, members
from affectspace.studies.levasa.study import Study, Trained
from affectspace.studies.trainings import (
    claim_folder,
    prefixed,
    require_same_members,
    train_side_by_side,
    unfinished,
)
from affectspace.training.configuration import DataConfig, TrainConfig
from affectspace.training.fit import fit
from affectspace.training.labels import encode_categories
from affectspace.training.runs import open_run
from affectspace.training.training_set import Progress, TrainingSet, open_corpus, silent


def reproduce(
    out: Path,
    data: DataConfig,
    *,
    level_labels: Path | None = None,
    budget: Budget | None = None,
    progress: Progress = silent,
) -> Path:
    """Train every member that is not finished yet, judge them, and return the path of the report.

    level_labels : AFEW-VA's labels.json; its valence and arousal are drawn as faces and train the discrete models
    Raises RunError where `out` holds a study that was started otherwise.
    """
    from affectspace.studies.levasa.report import write_results

    budget = budget or Budget()
    claim_folder(
        out, {"data": data.model_dump(mode="json"), "budget": _kept(budget), "level_labels": str(level_labels or "")}
    )
    corpus = open_corpus(data)
    categories, _ = encode_categories(corpus.table["emotion"])
    drawn = draw_levels(out, level_labels, data, progress) if level_labels else None
    rated = bool(corpus.table[["valence", "arousal"]].notna().any(axis=None))
    plan = list(members(data, drawn, categories, budget, rated=rated))
    progress(0, 1, "decoding images")
    main = TrainingSet(plan[0].config, corpus, progress)
    afew = next((member for member in plan if member.name.startswith("afew")), None)
    drawn_set = TrainingSet(afew.config, progress=progress) if afew else None
    require_same_members(out, plan)
    train_all(out, plan, {"afew": drawn_set, "": main}, budget.workers, progress)
    trained: dict[str, list[Trained]] = {}
    for member in plan:
        run = open_run(out / "runs" / member.folder)
        where = drawn_set if member.name.startswith("afew") else main
        assert where is not None
        trained.setdefault(member.name, []).append(Trained(member, run, codes_of(run, where, progress)))
    seconds = sum(float(one.run.facts.get("seconds", 0)) for group in trained.values() for one in group)
    return write_results(Study(out, main, drawn_set, trained, budget, {"training seconds": round(seconds)}), progress)


def train_all(
    out: Path, plan: list[Member], data: dict[str, TrainingSet | None], workers: int, progress: Progress = silent
) -> None:
    """Train the members that are not finished: one after another, or several processes of one thread each."""
    todo = unfinished(out, plan)
    if workers > 1:
        train_side_by_side(out, todo, _train_alone, workers, progress)
        return
    for index, member in enumerate(todo):
        prefix = f"[{index + 1}/{len(todo)}] {member.folder}: "
        where = data["afew" if member.name.startswith("afew") else ""]
        fit(member.config, out / "runs" / member.folder, data=where, progress=prefixed(progress, prefix))


def _train_alone(config: TrainConfig, folder: Path) -> None:
    """One training in a process of its own, on one thread."""
    fit(config, folder, threads=1)


def draw_levels(out: Path, level_labels: Path, data: DataConfig, progress: Progress = silent) -> DataConfig:
    """The drawn faces of a file of labels, made once; under a limit only every n-th frame."""
    from affectspace.synthetic.faces import labels_from_levels, make_faces

    folder = out / "drawn"
    labels = labels_from_levels(level_labels)
    if data.limit is not None and data.limit < len(labels):
        labels = labels.iloc[:: math.ceil(len(labels) / data.limit)].reset_index(drop=True)
    make_faces(folder, labels=labels, progress=progress)  # what is drawn already is only read
    return DataConfig(corpus="faces", path=folder, cache=data.cache, split=data.split)


def _kept(budget: Budget) -> dict[str, object]:
    """What of a budget must not change when a study is continued."""
    return budget.model_dump(mode="json", exclude={"workers", "seeds", "curve_weights", "without"})
