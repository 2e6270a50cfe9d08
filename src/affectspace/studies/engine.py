"""The engine of every study: claim the folder, train what is missing, encode once, measure side by side, write the results."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import Field
from safetensors import SafetensorError

from affectspace.configuration import Configuration
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, RunError, counted
from affectspace.evaluation.results import Results
from affectspace.files import read_object, write_text
from affectspace.models import MODELS
from affectspace.processes import result_of, worker_pool
from affectspace.progress import Progress, silent
from affectspace.report import Report
from affectspace.studies.figures import Picture
from affectspace.training.fit import fit
from affectspace.training.runs import differences, has_trained, open_run, require_same_config


class StudyBudget(Configuration):
    """What every study's budget has. All models that are compared share it."""

    seeds: tuple[int, ...] = Field((0,), min_length=1)
    overrides: tuple[str, ...] = Field((), description="settings of every training, such as fit.batch_size=64")
    workers: int = Field(2, ge=1, description="trainings and measurements at the same time, one thread each")

    def fixed(self, *free: str) -> dict[str, Any]:
        """Return the settings that must not change when a study is continued: all but workers, seeds and those named."""
        return self.model_dump(mode="json", exclude={"workers", "seeds", *free})


def overrides_of(kind: str, kinds: Iterable[str], overrides: Iterable[str]) -> tuple[str, ...]:
    """Return the overrides for one of the kinds of models of a study, without keys of `model` that only others have.

    A key that no kind has is kept, so that it is refused by name.

    Examples
    --------
    >>> overrides_of("classifier", ("levasa", "classifier"), ["model.kl_power=2", "model.width=8", "fit.epochs=3"])
    ('model.width=8', 'fit.epochs=3')
    """
    known = {name: MODELS[name].config_class.model_fields for name in kinds}
    kept = []
    for override in overrides:
        group, _, key = override.partition("=")[0].partition(".")
        having = [name for name, fields in known.items() if key.partition(".")[0] in fields]
        if group != "model" or kind in having or not having:
            kept.append(override)
    return tuple(kept)


def require_settings(kinds: Iterable[str], overrides: Iterable[str]) -> None:
    """Raise ConfigError, with the nearest keys, for an override of `model` that no kind of model of a study has."""
    known = dict.fromkeys(f"model.{name}" for kind in kinds for name in MODELS[kind].config_class.model_fields)
    for override in overrides:
        key = ".".join(override.partition("=")[0].split(".")[:2])
        if key.startswith("model.") and key not in known:
            near = difflib.get_close_matches(key, known, n=3) or list(known)
            raise ConfigError(f"--set {override}: no model of this study has {key}; did you mean {', '.join(near)}?")


class Trainable(Protocol):
    """A member of a study: the name of its folder below ``runs``, and the configuration of its training."""

    @property
    def folder(self) -> str: ...

    @property
    def config(self) -> Any: ...


T = TypeVar("T")


def claim_folder(out: Path, settings: Mapping[str, object]) -> None:
    """Mark a folder as the folder of a study with these settings.

    Raises RunError where it holds a study with other settings, or something else.
    """
    path = out / "study.json"
    if path.is_file():
        changed = differences(read_object(path, "delete the folder, or choose another --out"), settings)
        if changed:
            raise RunError(f"{out} holds a study with other settings ({', '.join(changed)}); choose another --out")
    elif out.is_dir() and any(out.iterdir()):
        raise RunError(f"{out} is not empty and holds no study; choose another --out (nothing was changed)")
    else:
        write_text(path, json.dumps(settings, indent=2) + "\n")


def is_finished(folder: Path) -> bool:
    return (folder / "run.json").is_file() and open_run(folder).finished


def run_folder(out: Path, member: Trainable) -> Path:
    return out / "runs" / member.folder


def require_same_members(out: Path, members: Iterable[Trainable]) -> None:
    """Raise RunError where a member below `out` was trained with another configuration."""
    for member in members:
        folder = run_folder(out, member)
        if has_trained(folder):
            require_same_config(open_run(folder), member.config, "choose another --out for this study")


def train_missing(
    out: Path, members: Sequence[Trainable], workers: int, progress: Progress = silent, threads: int | None = 1
) -> None:
    """Train the members that have no finished run: several processes with one thread each, or one after another.

    threads : of a training that runs alone. Raises RunError where a member was trained with another configuration.
    """
    require_same_members(out, members)
    missing = [member for member in members if not is_finished(run_folder(out, member))]
    if workers > 1 and len(missing) > 1:
        jobs = {member.folder: (member.config, run_folder(out, member)) for member in missing}
        run_side_by_side(_train, jobs, workers, lambda left: _report_epochs(out, missing, progress))
        return
    for number, member in enumerate(missing):
        own = prefixed(progress, f"[{number + 1}/{len(missing)}] {member.folder}: ")
        _train(member.config, run_folder(out, member), threads, own)


def _train(config: Any, folder: Path, threads: int | None = 1, progress: Progress = silent) -> None:
    fit(config, folder, data=dataset_of(config, progress), threads=threads, progress=progress)


_LAST_DATASET: dict[str, Any] = {}


def dataset_of(config: Any, progress: Progress = silent) -> Any:
    """Read the rows of a training. The last ones are kept, because members with equal rows follow each other."""
    data, model = config.data.model_dump(mode="json"), config.model
    if config.reads_images:  # labels are made again for each member
        inputs = [{name: {**corpus, "labels": None} for name, corpus in data["corpora"].items()}, model.image_size]
    else:
        inputs = [data, sorted(model.modalities.items()), model.categories]
    key = json.dumps(inputs)
    if key not in _LAST_DATASET:
        _LAST_DATASET.clear()
        _LAST_DATASET[key] = Dataset.of_config(config, progress if config.reads_images else silent)
    return _LAST_DATASET[key]


def run_side_by_side(
    work: Callable[..., None], jobs: Mapping[str, tuple[Any, ...]], workers: int, report: Callable[[list[str]], None]
) -> None:
    """Call a function with the arguments of each job (name -> arguments) in several processes.

    report : is called every two seconds with the names of the jobs that are left
    """
    with worker_pool(workers) as pool:
        names = {pool.submit(work, *arguments): name for name, arguments in jobs.items()}
        waiting = set(names)
        try:
            while waiting:
                finished, waiting = wait(waiting, timeout=2, return_when=FIRST_COMPLETED)
                for job in finished:
                    result_of(job)
                report([names[job] for job in waiting])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # running trainings end and their runs are kept
            raise


def _report_epochs(out: Path, members: Sequence[Trainable], progress: Progress) -> None:
    """Report the finished epochs of all members, counted in their histories."""
    done, active = 0, []
    for member in members:
        folder = run_folder(out, member)
        history = folder / "history.csv"
        epochs = max(history.read_text("utf-8").count("\n") - 1, 0) if history.is_file() else 0
        finished = epochs and is_finished(folder)
        done += member.config.fit.epochs if finished else epochs
        if (folder / "run.json").is_file() and not finished:
            active.append(member.folder)
    total = sum(member.config.fit.epochs for member in members)
    text = f"epochs of {counted(len(members), 'training')}"
    progress(done, total, f"{text}; now {', '.join(active)}" if active else text)


def prefixed(progress: Progress, prefix: str) -> Progress:
    """Return a progress callback whose texts begin with a prefix."""
    return lambda done, total, text: progress(done, total, prefix + text)


def keep_on_disk(
    path: Path, read: Callable[[Path], T | None], make: Callable[[], T], write: Callable[[T, Path], None]
) -> T:
    """Read what a file holds, or make it and write it.

    read : returns None, or raises what a damaged file raises, where the content cannot be used
    """
    if path.is_file():
        try:
            content = read(path)
        except (SafetensorError, KeyError, ValueError):
            content = None
        if content is not None:
            return content
    content = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    write(content, path)
    return content


def write_study(
    out: Path,
    results: Results,
    pictures: Iterable[Picture],
    report: Callable[[Mapping[str, Picture], dict[str, Any]], Report],
    started: float,
    progress: Progress = silent,
    name: str = "",
    *,
    pdf: bool = False,
) -> Path:
    """Write metrics.json, figures/*.png and report.html into a study's folder; return the report's path.

    report : makes the report from the saved pictures and the facts; started : time.perf_counter() before the measurements
    name : of both files instead, where a folder holds the results of several studies; pdf : of every figure, too
    """
    out.mkdir(parents=True, exist_ok=True)
    results.write(out / f"{name or 'metrics'}.json")
    made: dict[str, Picture] = {}
    for picture in pictures:
        progress(0, 0, f"figure {picture.name}")
        picture.save(out, pdf=pdf)
        made[picture.name] = picture
    facts = {"evaluation seconds": round(time.perf_counter() - started)}
    return report(made, facts).write(out / f"{name or 'report'}.html")
