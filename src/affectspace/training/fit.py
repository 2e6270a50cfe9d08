"""Training from a configuration to a finished run folder, or on from where it stopped; images and features alike."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import torch
from filelock import FileLock, Timeout

from affectspace.errors import ConfigError, RunError
from affectspace.files import write_atomic
from affectspace.progress import Progress, silent
from affectspace.training.distributed import train
from affectspace.training.feature_configuration import FeatureTrainConfig
from affectspace.training.feature_set import FeatureSet
from affectspace.training.image_configuration import TrainConfig
from affectspace.training.loop import Training
from affectspace.training.projector_configuration import ProjectorTrainConfig
from affectspace.training.recorder import best_path, last_path, read_checkpoint
from affectspace.training.runs import Run, start_run
from affectspace.training.split_record import require_split
from affectspace.training.tasks import Task, feature_task, image_task
from affectspace.training.training_set import TrainingSet

log = logging.getLogger(__name__)

AnyTrainConfig = TrainConfig | FeatureTrainConfig | ProjectorTrainConfig


def fit(
    config: TrainConfig | FeatureTrainConfig,
    out: Path,
    *,
    force: bool = False,
    data: TrainingSet | FeatureSet | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Train, or continue, and leave a finished run folder. Raises RunError, DataError or ConfigError with the remedy.

    data : what is trained on, where the caller has it already, in the parts that the configuration names; labels of images
        are made anew
    threads : of PyTorch on the CPU, before what the configuration says
    """
    with started_run(config, out, force=force) as run:
        rows = _data_for(config, data, progress)
        keep_split(run, rows.split_table())
        with training_of(run, threads or config.fit.threads):
            _train(config, run, rows, progress)
    return run


@contextmanager
def started_run(config: AnyTrainConfig, out: Path, *, force: bool = False) -> Iterator[Run]:
    """A run folder that is this process' alone, new or to be continued. Raises RunError and ConfigError as `fit`."""
    if config.fit.logger == "tensorboard" and find_spec("tensorboard") is None:
        raise ConfigError(
            "fit.logger: tensorboard is not installed; pip install 'affectspace[tensorboard]', or use csv"
        )
    run = start_run(out, config, force=force)
    try:
        with FileLock(run.folder / ".lock", timeout=0):
            yield run
    except Timeout:
        raise RunError(
            f"{out}: another process is training in this folder; wait for it, or choose another --out"
        ) from None


def keep_split(run: Run, table: pd.DataFrame) -> None:
    """Write split.csv. Raises RunError where a training is continued and its parts were others."""
    if (run.folder / "split.csv").is_file() and (run.folder / "checkpoints").is_dir():
        require_split(run, table)
    write_atomic(run.folder / "split.csv", lambda path: table.to_csv(path, index=False))


@contextmanager
def training_of(run: Run, threads: int | None) -> Iterator[None]:
    """What surrounds the work of a training: log.txt, threads, the caller's random state, and the seconds in run.json."""
    with _log_file(run.folder / "log.txt"), _threads(threads):
        started = time.perf_counter()
        with torch.random.fork_rng(devices=[]):  # steps seed the global state, which is the caller's
            yield
        run.record(seconds=run.facts.get("seconds", 0) + round(time.perf_counter() - started, 1))


def _data_for(
    config: TrainConfig | FeatureTrainConfig, data: TrainingSet | FeatureSet | None, progress: Progress
) -> TrainingSet | FeatureSet:
    if isinstance(config, TrainConfig):
        if isinstance(data, FeatureSet):
            raise ConfigError(f"model.kind: {config.model.kind} is trained on images, and a FeatureSet was passed")
        return TrainingSet(config, progress=progress) if data is None else data.relabelled(config)
    if isinstance(data, TrainingSet):
        raise ConfigError(f"model.kind: {config.kind} is trained on features, and a TrainingSet of images was passed")
    return FeatureSet(config, progress) if data is None else data.relabelled(config)


def _train(
    config: TrainConfig | FeatureTrainConfig, run: Run, data: TrainingSet | FeatureSet, progress: Progress
) -> None:
    task: Task
    if isinstance(config, TrainConfig):
        assert isinstance(data, TrainingSet)
        task = image_task(config, data)
    else:
        assert isinstance(data, FeatureSet)
        task = feature_task(config, data)
    continued = "continued" if last_path(run.folder).is_file() else "new"
    training = task.training
    log.info(
        "%d %s an epoch, validation on %d; %s", training.rows, training.unit, len(data.rows("validation")), continued
    )
    for note in task.notes:
        log.info("%s", note)
    kept = train_kept(training, run, progress)
    model = training.model.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    task.finish()
    model.save_pretrained(run.folder / "model")
    epochs = len(run.history)
    run.record(state="finished", epochs=epochs, kept_epoch=kept, **task.facts)
    log.info("finished after %d epochs; kept epoch %d", epochs, kept)


def train_kept(training: Training, run: Run, progress: Progress) -> int:
    """Train to the end in a run folder and load the weights that are kept. Returns their epoch."""
    train(training, run.folder, progress, log.info)
    if not training.config.keeps_best:
        return len(run.history) - 1
    best = read_checkpoint(best_path(run.folder))
    training.model.load_state_dict(best["model"])
    return int(best["epoch"])


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
