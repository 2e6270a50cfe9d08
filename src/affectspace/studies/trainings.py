"""What every study does with its members: claims its folder, trains what is missing side by side, refuses what differs."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any, Protocol, TypeVar

from affectspace.errors import RunError
from affectspace.files import write_text
from affectspace.processes import worker_pool
from affectspace.training.runs import differences, has_trained, open_run, require_same_config
from affectspace.training.training_set import Progress, silent


class Trainable(Protocol):
    """A member of a study: its folder below `runs` and the configuration of its training."""

    @property
    def folder(self) -> str: ...

    @property
    def config(self) -> Any: ...


Member = TypeVar("Member", bound=Trainable)


def claim_folder(out: Path, asked: dict[str, object]) -> None:
    """Mark a folder as this study's. Raises RunError where it holds one that was started otherwise, or what is not ours."""
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


def is_finished(folder: Path) -> bool:
    return (folder / "run.json").is_file() and open_run(folder).finished


def require_same_members(out: Path, plan: Sequence[Trainable]) -> None:
    """Raises RunError where a member below `out` was trained with another configuration, by the rule of `start_run`."""
    for member in plan:
        folder = out / "runs" / member.folder
        if has_trained(folder):
            require_same_config(open_run(folder), member.config, "choose another --out for this study")


def unfinished(out: Path, plan: Sequence[Member]) -> list[Member]:
    """The members that have no finished run below `out`."""
    return [member for member in plan if not is_finished(out / "runs" / member.folder)]


def train_side_by_side(
    out: Path, todo: Sequence[Trainable], train: Callable[[Any, Path], None], workers: int, progress: Progress = silent
) -> None:
    """Each member by `train(config, folder)` in one of several processes, which a training on one thread uses best.

    train : a function that can be sent to another process
    """
    with worker_pool(workers) as pool:
        jobs = {pool.submit(train, member.config, out / "runs" / member.folder) for member in todo}
        try:
            while jobs:
                finished, jobs = wait(jobs, timeout=2, return_when=FIRST_COMPLETED)
                for job in finished:
                    job.result()
                _tell_epochs(out, todo, progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what is under way ends its run, which is kept
            raise


def prefixed(progress: Progress, prefix: str) -> Progress:
    """Progress whose texts begin with a prefix."""
    return lambda done, total, text: progress(done, total, prefix + text)


def _tell_epochs(out: Path, todo: Sequence[Trainable], progress: Progress) -> None:
    """How many epochs of all members are done, counted in their histories."""
    total = sum(member.config.fit.epochs for member in todo)
    done, active = 0, []
    for member in todo:
        folder = out / "runs" / member.folder
        history = folder / "history.csv"
        rows = max(history.read_text("utf-8").count("\n") - 1, 0) if history.is_file() else 0
        finished = rows and is_finished(folder)
        done += member.config.fit.epochs if finished else rows
        if (folder / "run.json").is_file() and not finished:
            active.append(member.folder)
    progress(done, total, f"epochs of {len(todo)} trainings; now {', '.join(active) or 'none'}")
