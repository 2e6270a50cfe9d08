"""Training of an image model on a corpus: from a configuration to a finished run folder, or on from where it stopped."""

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import torch
from filelock import FileLock, Timeout
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from affectspace.errors import ConfigError, RunError
from affectspace.files import write_atomic
from affectspace.models import MODELS, Pretrained
from affectspace.training.batches import EpochBatches
from affectspace.training.checkpoints import WholeCheckpoints, read_checkpoint
from affectspace.training.configuration import TrainConfig
from affectspace.training.module import ImageData, ImageTraining
from affectspace.training.runs import Run, start_run
from affectspace.training.training_set import PARTS, Progress, TrainingSet, silent

log = logging.getLogger(__name__)


def fit(
    config: TrainConfig,
    out: Path,
    *,
    force: bool = False,
    data: TrainingSet | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Train, or continue, and leave a finished run folder. Raises RunError, DataError or ConfigError with the remedy.

    data : the corpus where the caller has it already, in the parts that the configuration names; labels are made anew
    threads : of PyTorch on the CPU, before what the configuration says
    """
    if config.fit.logger == "tensorboard" and find_spec("tensorboard") is None:
        raise ConfigError(
            "fit.logger: tensorboard is not installed; pip install 'affectspace[tensorboard]', or use csv"
        )
    run = start_run(out, config, force=force)
    try:
        with FileLock(run.folder / ".lock", timeout=0):
            return _fit_locked(config, run, data, threads, progress)
    except Timeout:
        raise RunError(
            f"{out}: another process is training in this folder; wait for it, or choose another --out"
        ) from None


def _fit_locked(
    config: TrainConfig, run: Run, data: TrainingSet | None, threads: int | None, progress: Progress
) -> Run:
    data = TrainingSet(config, progress=progress) if data is None else data.relabelled(config)
    if (run.folder / "split.csv").is_file() and (run.folder / "checkpoints").is_dir():
        data.require_split(run)
    table = data.split_table()
    write_atomic(run.folder / "split.csv", lambda path: table.to_csv(path, index=False))
    handler = logging.FileHandler(run.folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with _threads(threads or config.fit.threads):
            started = time.perf_counter()
            _train(config, run, data, progress)
            run.record(seconds=run.facts.get("seconds", 0) + round(time.perf_counter() - started, 1))
    finally:
        log.removeHandler(handler)
        handler.close()
    return run


def _train(config: TrainConfig, run: Run, data: TrainingSet, progress: Progress) -> None:
    settings = config.fit
    training, validation = data.samples("train"), data.samples("validation")
    if config.model.kind == "classifier" or config.model.alignment == "categories":
        expected = tuple(config.model.categories)
        if expected != data.labels.categories:
            raise ConfigError(f"model.categories is {expected}, the corpus has {data.labels.categories}")
    steps = len(EpochBatches(training, settings.batch_size, seed=0, epoch=0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model: Pretrained = MODELS[config.model.kind](config.model)
    if settings.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module = ImageTraining(model, settings, steps)
    checkpoints = run.folder / "checkpoints"
    history = History(run.folder / "history.csv", len(training), progress)
    best = ModelCheckpoint(
        checkpoints, "best", "validation_total", save_weights_only=True, save_on_train_epoch_end=True,
        enable_version_counter=False,
    )  # fmt: skip
    newest = ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks: list[Callback] = [history, best, newest]
    if settings.patience:
        callbacks.append(EarlyStopping("validation_total", patience=settings.patience, check_finite=False))
    name = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}[settings.logger]
    last = checkpoints / "last.ckpt"
    log.info(
        "train %d, validation %d images; %s", len(training), len(validation), "continued" if last.is_file() else "new"
    )
    with _quiet():
        try:
            trainer = L.Trainer(
                max_epochs=settings.epochs,
                accelerator=settings.accelerator,
                devices=settings.devices,
                precision=settings.precision,  # type: ignore[arg-type]
                gradient_clip_val=settings.gradient_clip,
                callbacks=callbacks,
                logger=name(run.folder / "logs", name="", version=""),
                plugins=[WholeCheckpoints()],
                reload_dataloaders_every_n_epochs=1,
                num_sanity_val_steps=0,
                enable_progress_bar=False,
                enable_model_summary=False,
                log_every_n_steps=steps,
            )
        except (ValueError, MisconfigurationException) as error:
            raise ConfigError(f"fit.accelerator, fit.devices or fit.precision cannot be had here: {error}") from error
        try:
            trainer.fit(
                module,
                datamodule=ImageData(training, validation, settings),
                ckpt_path=str(last) if last.is_file() else None,
                weights_only=True,
            )
        except SystemExit:  # what the trainer makes of Ctrl-C
            raise KeyboardInterrupt from None
    if settings.keep == "best":
        state = read_checkpoint(checkpoints / "best.ckpt")["state_dict"]
        module.load_state_dict(state)
    kept = int(history.frame["validation_total"].argmin()) if settings.keep == "best" else len(history.frame) - 1
    model = model.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    model.save_pretrained(run.folder / "model")
    run.record(
        state="finished", epochs=len(history.frame), kept_epoch=kept, label_kind=data.labels.kind,
        categories=list(data.labels.categories), images={part: len(data.rows(part)) for part in PARTS},
        people={part: int(data.table["person"].iloc[data.rows(part)].nunique()) for part in PARTS},
        unreadable=len(data.unreadable), licence=data.corpus.licence, citation=data.corpus.citation,
    )  # fmt: skip
    log.info("finished after %d epochs; kept epoch %d", len(history.frame), kept)


class History(Callback):
    """history.csv, a row an epoch, and progress with images per second. Kept in the checkpoint, so that it continues."""

    def __init__(self, path: Path, images: int, progress: Progress) -> None:
        self.path, self.images, self.progress = path, images, progress
        self.rows: list[dict[str, float]] = []
        self.started = time.perf_counter()

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        epoch, total = trainer.current_epoch, pl_module.steps_per_epoch
        rate = (batch_idx + 1) * len(batch.image) / max(time.perf_counter() - self.started, 1e-9)
        text = f"epoch {epoch + 1}/{trainer.max_epochs}, {rate:.0f} images/s"
        self.progress(epoch * total + batch_idx + 1, (trainer.max_epochs or 0) * total, text)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        values = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        seconds = time.perf_counter() - self.started
        row = {"epoch": trainer.current_epoch, **values}
        self.rows.append(row)
        write_atomic(self.path, lambda path: self.frame.to_csv(path, index=False))
        log.info(
            "epoch %d: %.1f s, %s", trainer.current_epoch, seconds, ", ".join(f"{k} {v:.5g}" for k, v in values.items())
        )


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's hints about loaders and devices are of no use to our users."""
    noisy = logging.getLogger("lightning.pytorch")
    before = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*|.*isinstance\\(treespec.*")
            yield
    finally:
        noisy.setLevel(before)
