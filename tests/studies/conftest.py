"""A made-up study: random latents in which emotion, valence and arousal are planted, and no training."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.files import write_text
from affectspace.studies.levasa.plan import Budget, Member, changes
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.levasa.study import Study, Trained
from affectspace.training.configuration import build_config
from affectspace.training.labels import Labels
from affectspace.training.runs import Run

EMOTIONS = ("neutral", "happiness", "sadness", "anger")
PARTS = ("train", "validation", "test")
PEOPLE = {"train": 12, "validation": 4, "test": 10}
EACH = 20
SIZE = 16


class MadeUpData:
    """The part of a dataset that tables and figures read."""

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.part = np.repeat(PARTS, [EACH * PEOPLE[part] for part in PARTS])
        n = len(self.part)
        person = np.char.add("person ", (np.arange(n) // EACH).astype(str))
        category = np.where(np.arange(n) < n, random.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]), 0)
        names = np.array(EMOTIONS, dtype=object)[category]
        self.table = pd.DataFrame({"id": np.arange(n).astype(str), "person": person, "emotion": names})
        transfer = AnnotationTransfer.reference("affectnet")
        sampled = transfer.sample(names, random_state=seed).astype(np.float32)
        centres = transfer.centres(names).astype(np.float32)
        self.labels = Labels(EMOTIONS, category, lambda epoch: sampled, centres, "transferred")
        self.pixels = random.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
        self.pixel_rows = np.arange(n)
        self.unreadable = pd.DataFrame()
        self.corpus = SimpleNamespace(name="made up", licence="CC0", citation="nobody", table=self.table)

    def rows(self, part: str) -> np.ndarray:
        return np.flatnonzero(self.part == part)


def make_representations(data: MadeUpData, kind: str, seed: int, chunk: int = 24) -> Representations:
    """kind: "useless", noise; "perfect", z_v and z_a hold the labels in every dimension; "cnn", logits."""
    random = np.random.default_rng([seed, len(kind)])
    mean, log_variance, affect, levels = {}, {}, {}, {}
    for part in PARTS:
        rows = data.rows(part)
        truth = data.labels.evaluation[rows].astype(np.float64)
        z = random.normal(size=(len(rows), 3 * chunk))
        if kind in ("perfect", "discrete"):
            z[:, :chunk] = truth[:, [0]] + 0.02 * z[:, :chunk]
            z[:, chunk : 2 * chunk] = truth[:, [1]] + 0.02 * z[:, chunk : 2 * chunk]
            affect[part] = truth.astype(np.float32)
        if kind == "discrete":
            levels[part] = np.log(np.full((len(rows), 2, 21), 1 / 21, dtype=np.float32))
        if kind == "cnn":
            z = 5.0 * np.eye(4)[data.labels.category[rows]]
        mean[part] = z.astype(np.float32)
        log_variance[part] = np.full(z.shape, -2.0, dtype=np.float32)
    n = len(data.rows("test"))
    error = (0.02 if kind == "useless" else 0.021) + 0.001 * random.random(n)
    errors = {"mse": error, "psnr": -10 * np.log10(error), "ssim": np.full(n, 0.5)}
    shown = data.pixels[data.rows("test")[:8]]
    return Representations(
        mean, log_variance, affect, levels, {k: v.astype(np.float32) for k, v in errors.items()}, shown, shown
    )


def make_trained(folder: Path, data: MadeUpData, name: str, kind: str, seed: int) -> Trained:
    fields = {"data": {"corpus": "table", "path": "faces.csv"}, "fit": {"seed": seed}}
    config = build_config({**fields, **changes(name, Budget(), EMOTIONS)})
    member = Member(name, seed, config)
    run = Run(folder / "runs" / member.folder)
    run.record(kind=config.model.kind, state="finished", epochs=2, kept_epoch=1, seconds=3.0)
    write_text(run.folder / "config.yaml", config.to_yaml())
    write_text(run.folder / "history.csv", "epoch,train_total,validation_total\n0,2.0,2.1\n1,1.0,1.2\n")
    return Trained(member, run, make_representations(data, kind, seed))


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Study]:
    """Members as name -> (kind of latents, seeds)."""

    def make(**members: Any) -> Study:
        data = MadeUpData()
        drawn = MadeUpData(1) if any(name.startswith("afew") for name in members) else None
        trained = {
            name: [make_trained(tmp_path, drawn if "afew" in name else data, name, kind, seed) for seed in seeds]  # type: ignore[arg-type]
            for name, (kind, seeds) in members.items()
        }
        return Study(tmp_path, data, drawn, trained, Budget(), {"command": "made up"})  # type: ignore[arg-type]

    return make
