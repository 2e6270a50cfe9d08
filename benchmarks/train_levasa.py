"""LeVAsa training through `fit` against a bare PyTorch loop of the same network, batches, augmentation and validation.

    python benchmarks/train_levasa.py [--images 4096] [--epochs 3] [--threads 2] [--repeats 1] [--network residual]

Both are timed from the last batch of the first epoch, which warms up, to the last batch of the last one, with the same number
of validations between; the cost of writing checkpoints in every epoch (by default they are written every 30 s) is separate.
Prints images per second and the ratios, of the clock and of the processor (on a busy machine only the latter says anything);
the least of the repeats counts. Images are random pixels. `--network residual` takes the model and the losses of
configs/levasa_drawn.yaml, in bfloat16.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from affectspace.data.batches import Batches
from affectspace.data.dataset import Dataset
from affectspace.data.images import augment
from affectspace.data.labels import step_seed
from affectspace.models import Levasa
from affectspace.training.configuration import TrainConfig, build_config, read_yaml
from affectspace.training.fit import fit
from affectspace.training.loop import VALIDATION, seed_global_state

DRAWN = Path(__file__).parents[1] / "configs" / "levasa_drawn.yaml"


def make_corpus(folder: Path, number: int) -> None:
    """Random pictures of twenty people with two emotions."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir()
    rows = []
    for index in range(number):
        Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / "images" / f"{index}.png")
        rows.append({"image": f"{index}.png", "person": f"p{index % 20}", "emotion": ("anger", "happiness")[index % 2]})
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)


def now() -> np.ndarray:
    """Seconds of the clock and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def bare_loop(config: TrainConfig, data: Dataset) -> np.ndarray:
    """Time from the end of the first epoch's batches to the end of the last epoch's."""
    settings = config.fit
    model = Levasa(config.model).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    started = np.zeros(2)
    for epoch in range(settings.epochs):
        model.train()
        batches = Batches(data, "train", settings.batch_size, seed=0, epoch=epoch, balance=settings.balance)
        for step, batch in enumerate(batches):
            seed = step_seed(0, epoch, step)
            seed_global_state(seed, torch.device("cpu"))
            image = augment(batch.image, settings.augmentation, torch.Generator().manual_seed(seed))
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16-mixed"):
                terms = model.loss(batch.with_image(image), torch.Generator().manual_seed(seed))
            optimizer.zero_grad()
            terms.total.backward()
            optimizer.step()
        if epoch == 0:
            started = now()
        if epoch == settings.epochs - 1:
            break
        model.eval()
        with torch.no_grad():
            for step, batch in enumerate(Batches(data, "validation", settings.batch_size, seed=0, shuffle=False)):
                model.loss(batch, torch.Generator().manual_seed(step_seed(0, VALIDATION, step)))
    return now() - started


def through_fit(config: TrainConfig, data: Dataset) -> np.ndarray:
    """Time from the end of the first epoch's batches to the end of the last epoch's."""
    moments: dict[int, np.ndarray] = {}
    steps = len(Batches(data, "train", config.fit.batch_size, seed=0, epoch=0))
    with tempfile.TemporaryDirectory() as out:
        fit(config, Path(out) / "run", data=data, progress=lambda done, total, text: moments.setdefault(done, now()))
    return moments[steps * config.fit.epochs] - moments[steps]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--network", choices=("convolutional", "residual"), default="convolutional")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_corpus(root, asked.images)
        place = {"path": root / "index.csv", "media": root / "images", "cache": root / "cache"}

        def config(seconds: float) -> TrainConfig:
            settings = {"epochs": asked.epochs, "accelerator": "cpu", "threads": asked.threads}
            drawn = read_yaml(DRAWN) if asked.network == "residual" else {"model": {}, "fit": {}}
            fit_fields = {**drawn["fit"], **settings, "checkpoint_seconds": seconds}
            return build_config({"data": {"corpus": "table", **place}, "model": drawn["model"], "fit": fit_fields})

        data = Dataset.of_config(config(0))
        contenders: dict[str, Callable[[], np.ndarray]] = {
            "bare loop": lambda: bare_loop(config(1e9), data),
            "fit": lambda: through_fit(config(1e9), data),
            "fit, saved every epoch": lambda: through_fit(config(0), data),
        }
        least = {name: np.full(2, np.inf) for name in contenders}
        for _ in range(asked.repeats):
            for name, run in contenders.items():
                least[name] = np.minimum(least[name], run())
        counted = len(data.rows("train")) * (asked.epochs - 1)
        for name, taken in least.items():
            ratios = taken / least["bare loop"]
            print(
                f"{name:<24} {counted / taken[0]:6.0f} images/s, time of the bare loop's {ratios[0]:.3f}, "
                f"of the processor {ratios[1]:.3f} (the aim is 1.05)"
            )


if __name__ == "__main__":
    main()
