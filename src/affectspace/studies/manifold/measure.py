"""Every figure of a study: an experiment a process, its measurements kept beside the study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

from affectspace.evaluation import MetricsFile
from affectspace.processes import worker_pool
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.dialogues import measure_iemocap, measure_zero_shot_sentiment
from affectspace.studies.manifold.people import measure_trimodal
from affectspace.studies.manifold.plan import Budget
from affectspace.studies.manifold.sources import Places
from affectspace.studies.manifold.speech import measure_audio_face, measure_zero_shot_audio
from affectspace.studies.manifold.study import Study
from affectspace.studies.manifold.text import measure_text_axes, measure_text_probes, measure_zero_shot_text
from affectspace.studies.manifold.union import measure_union

MEASURES: dict[str, Callable[[Study, MetricsFile], None]] = {
    "text_axes": measure_text_axes,
    "zero_shot_text": measure_zero_shot_text,
    "text_probes": measure_text_probes,
    "audio_face": measure_audio_face,
    "zero_shot_audio": measure_zero_shot_audio,
    "union": measure_union,
    "trimodal": measure_trimodal,
    "iemocap": measure_iemocap,
    "zero_shot_sentiment": measure_zero_shot_sentiment,
}
LONGEST = ("audio_face", "trimodal", "text_probes", "text_axes")  # begun first, so that processes end together


def measure(study: Study) -> MetricsFile:
    """The measurements of all experiments of a study, in the order of the plan."""
    todo = sorted(study.experiments, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
    if study.budget.workers > 1 and len(todo) > 1:
        _side_by_side(study, todo)
    else:
        for name in todo:
            study.progress(0, 0, f"measuring {name}")
            measure_one(study.out, study.places, study.budget, study.experiments, name, study.progress)
    metrics = MetricsFile()
    for name in study.experiments:
        for experiment, row, metric, one in MetricsFile.read(_path(study.out, name)):
            metrics.set(experiment, row, metric, one)
    return metrics


def measure_one(
    out: Path, places: Places, budget: Budget, experiments: Sequence[str], name: str, progress: Progress = silent
) -> None:
    """One experiment, into measured/<name>.json."""
    metrics = MetricsFile()
    MEASURES[name](Study(out, places, budget, tuple(experiments), progress=progress), metrics)
    path = _path(out, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics.write(path)


def _path(out: Path, name: str) -> Path:
    return out / "measured" / f"{name}.json"


def _side_by_side(study: Study, todo: Sequence[str]) -> None:
    with worker_pool(study.budget.workers) as pool:
        arguments = (study.out, study.places, study.budget, study.experiments)
        jobs = {pool.submit(_alone, *arguments, name): name for name in todo}
        waiting = set(jobs)
        try:
            while waiting:
                finished, waiting = wait(waiting, timeout=2, return_when=FIRST_COMPLETED)
                for job in finished:
                    job.result()
                left = [jobs[job] for job in waiting]
                study.progress(len(todo) - len(left), len(todo), f"measuring; left: {', '.join(left) or 'none'}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _alone(out: Path, places: Places, budget: Budget, experiments: Sequence[str], name: str) -> None:
    """One experiment in a process of its own, on one thread."""
    import torch

    torch.set_num_threads(1)
    measure_one(out, places, budget, experiments, name)
