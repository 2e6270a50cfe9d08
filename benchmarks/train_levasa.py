"""LeVAsa training through `fit` against a bare PyTorch loop of the same network, batches, augmentation and validation.

    python benchmarks/train_levasa.py [--images 8192] [--epochs 3]

Prints images per second of both and their ratio. Both are timed from the last batch of the first epoch, which warms up, to the
last batch of the last one, with the validations and (ours) the checkpoints between. Images are random pixels.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from affectspace.models import ImageBatch, Levasa
from affectspace.training.batches import EpochBatches, augment
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.fit import fit
from affectspace.training.module import VALIDATION
from affectspace.training.training_set import TrainingSet


def make_corpus(folder: Path, number: int) -> None:
    """Random pictures of twenty people with two emotions."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir()
    rows = []
    for index in range(number):
        Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / "images" / f"{index}.png")
        rows.append({"image": f"{index}.png", "person": f"p{index % 20}", "emotion": ("anger", "happiness")[index % 2]})
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)


def bare_loop(config: TrainConfig, data: TrainingSet) -> float:
    """Seconds from the end of the first epoch's batches to the end of the last epoch's."""
    settings, training, validation = config.fit, data.samples("train"), data.samples("validation")
    model = Levasa(config.model).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    started = 0.0
    for epoch in range(settings.epochs):
        model.train()
        for step, batch in enumerate(EpochBatches(training, settings.batch_size, seed=0, epoch=epoch, balance=1.0)):
            image = augment(batch.image, settings.augmentation, torch.Generator().manual_seed(step))
            terms = model.loss(ImageBatch(image, batch.affect, batch.category), torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            terms.total.backward()
            optimizer.step()
        if epoch == 0:
            started = time.perf_counter()
        if epoch == settings.epochs - 1:
            break
        model.eval()
        with torch.no_grad():
            for batch in EpochBatches(validation, settings.batch_size, seed=0, epoch=VALIDATION, shuffle=False):
                model.loss(batch)
    return time.perf_counter() - started


def through_fit(config: TrainConfig, data: TrainingSet, out: Path) -> float:
    """Seconds from the end of the first epoch's batches to the end of the last epoch's."""
    moments: dict[int, float] = {}
    steps = len(EpochBatches(data.samples("train"), config.fit.batch_size, seed=0, epoch=0))
    fit(config, out, data=data, progress=lambda done, total, text: moments.setdefault(done, time.perf_counter()))
    return moments[steps * config.fit.epochs] - moments[steps]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=8192)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_corpus(root, asked.images)
        config = build_config(
            {
                "data": {
                    "corpus": "table",
                    "path": root / "index.csv",
                    "media": root / "images",
                    "cache": root / "cache",
                },
                "fit": {"epochs": asked.epochs, "accelerator": "cpu"},
            }
        )
        data = TrainingSet(config)
        counted = (len(data.samples("train"))) * (asked.epochs - 1)
        bare = bare_loop(config, data)
        ours = through_fit(config, data, root / "run")
        print(f"bare loop  {counted / bare:7.0f} images/s")
        print(f"fit        {counted / ours:7.0f} images/s, with two checkpoints an epoch")
        print(f"time of fit / time of the bare loop: {ours / bare:.3f} (the aim is 1.1)")


if __name__ == "__main__":
    main()
