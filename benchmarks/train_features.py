"""Training on features through `fit` against a bare PyTorch loop of the same model, batches and validation.

    python benchmarks/train_features.py [--rows 10000] [--epochs 4] [--threads 2] [--repeats 2]

Three modalities of random vectors, batch 128: of width 768 with hidden 512 (the size of the paper's features), and of width
64 with hidden 32, whose steps are so short that the machinery shows. Both are timed from the last batch of the first epoch,
which warms up, to the last batch of the last one, with the validations between; the cost of checkpoints is separate.
Prints milliseconds a step, of the clock and of the processor (on a busy machine only the latter says anything), and the ratio
of each; the least of the repeats counts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from affectspace.data.batches import Batches
from affectspace.data.dataset import Dataset
from affectspace.data.labels import step_seed
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.fit import ModelTraining, fit
from affectspace.training.loop import VALIDATION, seed_global_state

SIZES = ((768, 512, 64), (64, 32, 8))  # width of the vectors, hidden, private
CPU = torch.device("cpu")


def make_set(rows: int, width: int) -> Dataset:
    """Random vectors; four fifths train, one fifth validates."""
    random = np.random.default_rng(0)
    features = {name: random.normal(size=(rows, width)).astype(np.float32) for name in ("text", "audio", "video")}
    part = np.where(np.arange(rows) % 5 == 0, "validation", "train")
    return Dataset.from_arrays(features, part, affect=random.uniform(-1, 1, (rows, 3)))


def now() -> np.ndarray:
    """Seconds of the clock and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def bare_loop(config: TrainConfig, data: Dataset) -> np.ndarray:
    """Time from the end of the first epoch's batches to the end of the last epoch's."""
    settings, model = config.fit, ModelTraining(config, data).model
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )

    def loss(batch: object, epoch: int, step: int) -> torch.Tensor:
        seed = step_seed(settings.seed, epoch, step)
        seed_global_state(seed, CPU)  # dropout
        return model.loss(batch, torch.Generator().manual_seed(seed)).total

    started = np.zeros(2)
    for epoch in range(settings.epochs):
        model.train()
        for step, batch in enumerate(Batches(data, "train", settings.batch_size, seed=0, epoch=epoch)):
            optimizer.zero_grad()
            loss(batch, epoch, step).backward()
            optimizer.step()
        if epoch == 0:
            started = now()
        if epoch == settings.epochs - 1:
            break
        model.eval()
        with torch.no_grad():
            for step, batch in enumerate(Batches(data, "validation", settings.batch_size, seed=0, shuffle=False)):
                loss(batch, VALIDATION, step)
    return now() - started


def through_fit(config: TrainConfig, data: Dataset) -> np.ndarray:
    """Time from the end of the first epoch's batches to the end of the last epoch's."""
    moments: dict[int, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as out:
        fit(config, Path(out) / "run", data=data, progress=lambda done, total, text: moments.setdefault(done, now()))
    steps = steps_of(config, data)
    return moments[steps * config.fit.epochs] - moments[steps]


def steps_of(config: TrainConfig, data: Dataset) -> int:
    return len(Batches(data, "train", config.fit.batch_size, seed=0, epoch=0))


def compare(width: int, hidden: int, private: int, asked: argparse.Namespace) -> None:
    """Print the times of one size."""
    data = make_set(asked.rows, width)

    def config(seconds: float) -> TrainConfig:
        fields = {
            "model": {"kind": "manifold", "hidden": (hidden,), "private": private},
            "fit": {
                "epochs": asked.epochs,
                "accelerator": "cpu",
                "threads": asked.threads,
                "checkpoint_seconds": seconds,
            },
        }
        return build_config(fields, modalities=data.modalities, corpora=data.corpora)

    contenders: dict[str, Callable[[], np.ndarray]] = {
        "bare loop": lambda: bare_loop(config(1e9), data),
        "fit": lambda: through_fit(config(1e9), data),
        "fit, saved every epoch": lambda: through_fit(config(0), data),
    }
    least = {key: np.full(2, np.inf) for key in contenders}
    for _ in range(asked.repeats):
        for key, run in contenders.items():
            least[key] = np.minimum(least[key], run())
    steps = steps_of(config(0), data) * (asked.epochs - 1)
    print(f"width {width}, hidden {hidden}; {steps} steps, {asked.threads} threads")
    for key, taken in least.items():
        clock, processor = 1e3 * taken / steps
        ratios = taken / least["bare loop"]
        print(
            f"  {key:<24} {clock:7.2f} ms a step, {processor:7.2f} ms of the processor; "
            f"of the bare loop's {ratios[0]:.3f} and {ratios[1]:.3f} (the aim is 1.1)"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    for size in SIZES:
        compare(*size, asked)


if __name__ == "__main__":
    main()
