"""`reproduce levasa`: trains what is missing, continues where it stopped, writes tables, figures and the report."""

import json
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from affectspace.errors import RunError
from affectspace.experiments.levasa.codes import codes_of
from affectspace.experiments.levasa.plan import Budget, Member, members
from affectspace.experiments.levasa.study import Study, Trained
from affectspace.files import write_text
from affectspace.training.configuration import DataConfig, TrainConfig
from affectspace.training.fit import fit
from affectspace.training.labels import encode_categories
from affectspace.training.runs import Run, differences, open_run
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
    from affectspace.experiments.levasa.report import write_results

    budget = budget or Budget()
    _claim(
        out, {"data": data.model_dump(mode="json"), "budget": _kept(budget), "level_labels": str(level_labels or "")}
    )
    corpus = open_corpus(data)
    categories, _ = encode_categories(corpus.table["emotion"])
    drawn = _drawn(out, level_labels, data, progress) if level_labels else None
    rated = bool(corpus.table[["valence", "arousal"]].notna().any(axis=None))
    plan = list(members(data, drawn, categories, budget, rated=rated))
    progress(0, 1, "decoding images")
    main = TrainingSet(plan[0].config, corpus, progress)
    afew = next((member for member in plan if member.name.startswith("afew")), None)
    drawn_set = TrainingSet(afew.config, progress=progress) if afew else None
    for member in plan:
        _must_match(out / "runs" / member.folder, member.config)
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
    todo = [member for member in plan if not _finished(out / "runs" / member.folder)]
    if workers <= 1:
        for index, member in enumerate(todo):
            prefix = f"[{index + 1}/{len(todo)}] {member.folder}: "
            where = data["afew" if member.name.startswith("afew") else ""]
            fit(member.config, out / "runs" / member.folder, data=where, progress=_prefixed(progress, prefix))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(_train_alone, member.config, out / "runs" / member.folder) for member in todo}
        try:
            while jobs:
                finished, jobs = wait(jobs, timeout=2, return_when=FIRST_COMPLETED)
                for job in finished:
                    job.result()
                _tell_epochs(out, todo, progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what is under way ends its run, which is kept
            raise


def _tell_epochs(out: Path, todo: list[Member], progress: Progress) -> None:
    """How many epochs of all members are done, counted in their histories."""
    total = sum(member.config.fit.epochs for member in todo)
    done, active = 0, []
    for member in todo:
        folder = out / "runs" / member.folder
        history = folder / "history.csv"
        rows = max(history.read_text("utf-8").count("\n") - 1, 0) if history.is_file() else 0
        done += member.config.fit.epochs if rows and _finished(folder) else rows
        if (folder / "run.json").is_file() and not _finished(folder):
            active.append(member.folder)
    progress(done, total, f"epochs of {len(todo)} trainings; now {', '.join(active) or 'none'}")


def _train_alone(config: TrainConfig, folder: Path) -> None:
    """One training in a process of its own, on one thread."""
    fit(config, folder, threads=1)


def _prefixed(progress: Progress, prefix: str) -> Progress:
    return lambda done, total, text: progress(done, total, prefix + text)


def _drawn(out: Path, level_labels: Path, data: DataConfig, progress: Progress) -> DataConfig:
    """The drawn faces of a file of labels, made once."""
    from affectspace.corpora.faces import labels_from_levels, make_faces

    folder = out / "drawn"
    make_faces(folder, labels=labels_from_levels(level_labels), progress=progress)  # what is drawn already is only read
    return DataConfig(corpus="faces", path=folder, cache=data.cache, split=data.split)


def _finished(folder: Path) -> bool:
    return (folder / "run.json").is_file() and open_run(folder).finished


def _must_match(folder: Path, config: TrainConfig) -> None:
    if (folder / "checkpoints").is_dir():  # a start that failed before it trained binds nobody
        run: Run = open_run(folder)
        changed = differences(run.config.model_dump(mode="json"), config.model_dump(mode="json"))
        if changed:
            raise RunError(
                f"{folder} was trained with another configuration ({', '.join(changed)}); choose another --out"
            )


def _kept(budget: Budget) -> dict[str, object]:
    """What of a budget must not change when a study is continued."""
    return budget.model_dump(mode="json", exclude={"workers", "seeds", "curve_weights"})


def _claim(out: Path, asked: dict[str, object]) -> None:
    """Mark a folder as this study's, or check that it is."""
    path = out / "study.json"
    if path.is_file():
        changed = differences(json.loads(path.read_text("utf-8")), asked)
        if changed:
            raise RunError(
                f"{out} holds a study that was started otherwise ({', '.join(changed)}); choose another --out"
            )
    elif out.is_dir() and any(out.iterdir()):
        raise RunError(f"{out} is not empty and holds no study of ours; choose another --out (nothing was changed)")
    else:
        write_text(path, json.dumps(asked, indent=2) + "\n")
