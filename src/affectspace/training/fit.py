"""Training from a configuration to a finished run folder, or on from where it stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import ValidationError

from affectspace.configuration import explain
from affectspace.data.batches import Batch, Batches
from affectspace.data.dataset import Dataset
from affectspace.data.images import augment
from affectspace.data.labels import few_of_a_kind
from affectspace.devices import physical_memory
from affectspace.errors import ConfigError
from affectspace.files import write_atomic
from affectspace.models import MODELS, AffectModel, Levasa, LossTerms, Pretrained, training_statistics
from affectspace.progress import Progress, silent
from affectspace.training.adapters import AdapterTraining
from affectspace.training.configuration import MOST_THREADS, FitConfig, ImageFitConfig, TrainConfig
from affectspace.training.distributed import train
from affectspace.training.loop import Training
from affectspace.training.people import people_network
from affectspace.training.recorder import best_path, fitting, last_path, read_checkpoint
from affectspace.training.runs import Run, require_split, started_run
from affectspace.training.validation import validation_scores

log = logging.getLogger(__name__)


def fit(
    config: TrainConfig,
    out: Path,
    *,
    force: bool = False,
    data: Dataset | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Train a model on images or features, or continue an interrupted training.

    Parameters
    ----------
    config : TrainConfig
        Made by `build_config` or `read_config`.
    out : Path
        Folder of the run. The same call continues an unfinished one.
    force : bool
        Replace a run that is there.
    data : Dataset, optional
        The rows, if they are loaded already; their labels are made again as the configuration says.
    threads : int, optional
        Threads of PyTorch on the CPU, instead of `fit.threads`.
    progress : callable
        Called with (done, total, message).

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    RunError, DataError, ConfigError
        With the remedy.

    Examples
    --------
    >>> from affectspace.training.configuration import read_config             # doctest: +SKIP
    >>> run = fit(read_config(Path("configs/levasa.yaml")), Path("runs/mine"))  # doctest: +SKIP
    >>> run.model()                                                            # doctest: +SKIP
    """
    with started_run(out, config, force=force) as run:
        rows = Dataset.of_config(config, progress) if data is None else data.for_config(config)
        keep_split(run, rows.split_table())
        with training_of(run, threads or config.fit.threads):
            _train(config, run, rows, progress)
    return run


class ModelTraining(Training):
    """Training of a model on the rows of a dataset. Augmentation is a function of (seed, epoch, step)."""

    def __init__(self, config: TrainConfig, data: Dataset) -> None:
        settings = config.fit
        batches = Batches(data, "train", settings.batch_size, seed=0)
        if min(map(len, batches.whole)) < 2 * settings.devices or len(data.rows("validation")) < settings.devices:
            raise ConfigError(f"{len(data.rows('train'))} training rows are too few for {settings.devices} devices")
        complete = _model_config(config, data)
        require_memory(MODELS[config.kind], complete)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = MODELS[config.kind](complete)
        if isinstance(model, AffectModel):
            model.prepare(training_statistics(data.batch("train"), complete, data.batch("validation")))
        if isinstance(settings, ImageFitConfig) and settings.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(model, settings, len(batches), sum(map(len, batches.whole)))
        self.data, self.unit = data, "images" if config.reads_images else "rows"

    def to(self, device: torch.device) -> None:
        super().to(device)
        for network in getattr(self.model, "people_networks", ()):
            last = isinstance(self.config, ImageFitConfig) and self.config.channels_last
            network.to(device, memory_format=torch.channels_last if last else torch.preserve_format)

    def batches(self, epoch: int, rank: int, ranks: int) -> Batches:
        return self._batches("train", epoch, self.config.balance, True, rank, ranks)

    def validation_batches(self, rank: int, ranks: int) -> Batches:
        return self._batches("validation", 0, 0.0, False, rank, ranks)

    def _batches(self, part: str, epoch: int, balance: float, shuffle: bool, rank: int, ranks: int) -> Batches:
        config: FitConfig = self.config
        return Batches(
            self.data, part, config.batch_size, seed=config.seed, epoch=epoch, balance=balance, shuffle=shuffle,
            rank=rank, ranks=ranks,
        )  # fmt: skip

    def loss(self, batch: Batch, seed: int, progress: float, training: bool) -> LossTerms:
        if training and isinstance(self.config, ImageFitConfig):
            generator = torch.Generator().manual_seed(seed)
            batch = batch.with_image(augment(batch.image, self.config.augmentation, generator))
        generator = torch.Generator(batch.affect.device).manual_seed(seed)
        return self.model.loss(batch, generator, progress=progress)


def _model_config(config: TrainConfig, data: Dataset) -> Any:
    """The model's configuration with the categories and corpora of the data."""
    model: Any = config.model
    if config.reads_images:
        if config.kind != "classifier" and model.alignment != "categories":
            return model
        unknown = [name for name in data.categories if name not in model.categories]
        if unknown:
            raise ConfigError(
                f"model.categories lacks {', '.join(unknown)}, which the corpus has; add them, leave model.categories out to "
                "take those of the corpus, or leave the rows out with data.where"
            )
        return type(model).model_validate(model.model_dump() | {"categories": data.categories})
    kind = type(model)
    try:
        return kind.model_validate(model.model_dump() | {"categories": data.categories, "corpora": data.corpora})
    except ValidationError as error:
        emotions = ", ".join(data.categories) or "none"
        raise ConfigError(f"{explain(error, kind, ('model',))}; emotions in the corpora: {emotions}") from None


def require_memory(model: type[Pretrained], config: Any) -> None:
    """Raise ConfigError for a model whose training cannot fit into this machine's memory."""
    size, memory = model.size_of(config), physical_memory()
    needed = 5 * size  # weights, gradients, two moments of the optimiser, and the weights that are kept
    if needed > memory:
        raise ConfigError(
            f"model: it has {size / 4:,.0f} weights, and training them needs about {needed / 2**30:,.0f} GB; this machine has "
            f"{memory / 2**30:,.0f} GB: make its layers narrower or fewer"
        )


def keep_split(run: Run, table: pd.DataFrame) -> None:
    """Write split.csv. Raises RunError if a training is continued and its parts have changed."""
    if (run.folder / "split.csv").is_file() and (run.folder / "checkpoints").is_dir():
        require_split(run, table)
    write_atomic(run.folder / "split.csv", lambda path: table.to_csv(path, index=False))


@contextmanager
def training_of(run: Run, threads: int | None) -> Iterator[None]:
    """Write log.txt, and threads and seconds in run.json; set the threads, and restore the caller's random state afterwards.

    threads : None takes the number of the first part of an interrupted training, on which the last digits of sums depend
    """
    with _log_file(run.folder / "log.txt"), _threads(threads or run.facts.get("threads")):
        started = time.perf_counter()
        run.record(threads=torch.get_num_threads())
        with torch.random.fork_rng(devices=[]):
            yield
        run.record(seconds=run.facts.get("seconds", 0) + round(time.perf_counter() - started, 1))


def _train(config: TrainConfig, run: Run, data: Dataset, progress: Progress) -> None:
    training: Training = AdapterTraining(config, data) if config.reads == "items" else ModelTraining(config, data)
    if isinstance(training.model, Levasa) and training.model.config.identity_weight:
        training.model.people_networks = (people_network(data, run.folder, config.fit.seed, progress),)
    facts = data.run_facts()
    facts["warnings"] = few_of_a_kind(data.categories, data.category[data.rows("train")])
    state = "continued" if last_path(run.folder).is_file() else "new"
    log.info("%d %s an epoch, validation on %d; %s", training.rows, training.unit, facts["rows"]["validation"], state)
    notes = [f"{name}: {note}" for name, corpus in facts["corpora"].items() for note in corpus.get("notes", [])]
    unreadable = [f"left out: {row.image}: {row.reason}" for row in data.unreadable.itertuples()]
    for note in [*facts["warnings"], *notes, *unreadable]:
        log.info("%s", note)
    kept = train_kept(training, run, progress)
    model = training.model.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    if isinstance(training, AdapterTraining):
        facts |= training.facts()
    if isinstance(model, AffectModel):
        model.after_training(data.batch("train"), data.batch("validation"))
    model.save_pretrained(run.folder / "model")
    facts["validation"] = validation_scores(model, data, progress)
    epochs = len(run.history)
    run.record(state="finished", epochs=epochs, kept_epoch=kept, **facts)
    log.info("finished after %d epochs; kept epoch %d", epochs, kept + 1)


def train_kept(training: Training, run: Run, progress: Progress) -> int:
    """Train to the end in a run folder and load the weights that are kept. Returns their epoch."""
    train(training, run.folder, progress, log.info)
    if not training.config.keeps_best:
        return len(run.history) - 1
    path = best_path(run.folder)
    best = read_checkpoint(path)
    with fitting(path):
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
    torch.set_num_threads(min(number or before, MOST_THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before)
