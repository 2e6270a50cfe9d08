"""A made-up study: random latents in which emotion, valence and arousal are planted, and no training."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.data.dataset import Dataset
from affectspace.data.images import Pixels
from affectspace.files import write_text
from affectspace.report import save_figure
from affectspace.studies.levasa.plan import Budget, Member, changes
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.levasa.study import Study, Trained
from affectspace.training.configuration import build_config
from affectspace.training.runs import Run


@pytest.fixture(autouse=True)
def coarse_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw figures coarsely, which takes a third of the time."""
    monkeypatch.setattr("affectspace.studies.figures.save_figure", partial(save_figure, dpi=20))


EMOTIONS = ("neutral", "happiness", "sadness", "anger")
PARTS = ("train", "validation", "test")
PEOPLE = {"train": 12, "validation": 4, "test": 10}
EACH = 20
SIZE = 16


def made_up_data(seed: int = 0) -> Dataset:
    """Images of noise with emotions and transferred labels."""
    random = np.random.default_rng(seed)
    part = np.repeat(PARTS, [EACH * PEOPLE[part] for part in PARTS])
    n = len(part)
    person = np.char.add("person ", (np.arange(n) // EACH).astype(str))
    names = np.array(EMOTIONS, dtype=object)[random.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])]
    transfer = AnnotationTransfer.reference("affectnet")
    sampled = np.column_stack([transfer.sample(names, random_state=seed), np.full(n, np.nan)]).astype(np.float32)
    valence, arousal = transfer.centres(names).T
    table = pd.DataFrame(
        {
            "id": np.arange(n).astype(str), "corpus": "made up", "person": person, "part": part, "emotion": names,
            "valence": valence, "arousal": arousal, "dominance": np.nan, "label_kind": "transferred",
        }
    )  # fmt: skip
    pixels = random.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
    facts = {"corpora": {"made up": {"name": "made up", "licence": "CC0", "citation": "nobody"}}, "modalities": {}}
    return Dataset(
        table, {}, {"image": np.ones(n, bool)}, corpora=("made up",), categories=EMOTIONS, draws=lambda epoch: sampled,
        facts=facts, pixels=Pixels((pixels,), np.zeros(n, int), np.arange(n)),
    )  # fmt: skip


def make_representations(data: Dataset, kind: str, seed: int, chunk: int = 24) -> Representations:
    """kind: "useless", noise; "perfect", z_v and z_a hold the labels in every dimension; "cnn", logits."""
    random = np.random.default_rng([seed, len(kind)])
    mean, log_variance, affect, levels = {}, {}, {}, {}
    for part in PARTS:
        rows = data.rows(part)
        truth = data.affect[rows, :2].astype(np.float64)
        z = random.normal(size=(len(rows), 3 * chunk))
        if kind in ("perfect", "discrete"):
            z[:, :chunk] = truth[:, [0]] + 0.02 * z[:, :chunk]
            z[:, chunk : 2 * chunk] = truth[:, [1]] + 0.02 * z[:, chunk : 2 * chunk]
            affect[part] = truth.astype(np.float32)
        if kind == "discrete":
            levels[part] = np.log(np.full((len(rows), 2, 21), 1 / 21, dtype=np.float32))
        if kind == "cnn":
            z = 5.0 * np.eye(4)[data.category[rows]]
        mean[part] = z.astype(np.float32)
        log_variance[part] = np.full(z.shape, -2.0, dtype=np.float32)
    n = len(data.rows("test"))
    error = (0.02 if kind == "useless" else 0.021) + 0.001 * random.random(n)
    errors = {"mse": error, "psnr": -10 * np.log10(error), "ssim": np.full(n, 0.5)}
    shown = data.images(data.rows("test")[:8])
    return Representations(
        mean, log_variance, affect, levels, {k: v.astype(np.float32) for k, v in errors.items()}, shown, shown
    )


def make_trained(folder: Path, data: Dataset, name: str, kind: str, seed: int) -> Trained:
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
        data = made_up_data()
        drawn = made_up_data(1) if any(name.startswith("afew") for name in members) else None
        trained = {
            name: [make_trained(tmp_path, drawn if "afew" in name else data, name, kind, seed) for seed in seeds]  # type: ignore[arg-type]
            for name, (kind, seeds) in members.items()
        }
        return Study(tmp_path, data, drawn, trained, Budget(), {"command": "made up"})  # type: ignore[arg-type]

    return make
