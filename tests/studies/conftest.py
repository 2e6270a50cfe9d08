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
from affectspace.studies.levasa.plan import LEVELS, Budget, Member, changes
from affectspace.studies.levasa.representations import Representations
from affectspace.studies.levasa.study import Arm, Study, Trained
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


def made_up_data(seed: int = 0, *, emotions: bool = True, drawn: bool = False) -> Dataset:
    """Images of noise with emotions and transferred labels; without emotions, these labels are the ratings."""
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
    if not emotions:
        table = table.assign(emotion=None, valence=sampled[:, 0], arousal=sampled[:, 1], label_kind="rated")
    pixels = random.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
    about = {"name": "made up", "licence": "CC0", "citation": "nobody", "synthetic": drawn}
    facts = {"corpora": {"made up": about}, "modalities": {}}
    return Dataset(
        table, {}, {"image": np.ones(n, bool)}, corpora=("made up",), categories=EMOTIONS, facts=facts,
        draws=(lambda epoch: sampled) if emotions else None, pixels=Pixels((pixels,), np.zeros(n, int), np.arange(n)),
    )  # fmt: skip


def make_representations(data: Dataset, kind: str, seed: int, chunk: int = 24, levels: int = 21) -> Representations:
    """Make latents of one kind.

    "useless", noise; "misled", z_z holds valence, but not on validation; "perfect", z_v and z_a hold the labels in every
    dimension; "discrete", also heads that guess; "wide", noise in a larger z_z; "cnn", logits.
    """
    random = np.random.default_rng([seed, len(kind)])
    mean, log_variance, affect, logits = {}, {}, {}, {}
    for part in PARTS:
        rows = data.rows(part)
        truth = data.affect[rows, :2].astype(np.float64)
        z = random.normal(size=(len(rows), 3 * chunk))
        if kind in ("perfect", "discrete"):
            z[:, :chunk] = truth[:, [0]] + 0.02 * z[:, :chunk]
            z[:, chunk : 2 * chunk] = truth[:, [1]] + 0.02 * z[:, chunk : 2 * chunk]
            affect[part] = truth.astype(np.float32)
        if kind == "misled" and part != "validation":
            z[:, 2 * chunk :] = truth[:, [0]] + 0.02 * z[:, 2 * chunk :]
        if kind == "discrete":
            logits[part] = np.log(np.full((len(rows), 2, levels), 1 / levels, dtype=np.float32))
        if kind == "cnn":
            z = 5.0 * np.eye(4)[data.category[rows]]
        mean[part] = z.astype(np.float32)
        log_variance[part] = np.full(z.shape, -2.0, dtype=np.float32)
    n = len(data.rows("test"))
    error = (0.02 if kind == "useless" else 0.021) + 0.001 * random.random(n)
    errors = {"mse": error, "psnr": -10 * np.log10(error), "ssim": np.full(n, 0.5)}
    shown = data.images(data.rows("test")[:8])
    errors = {name: values.astype(np.float32) for name, values in errors.items()}
    sizes = (chunk - 8, chunk - 8, chunk + 16) if kind == "wide" else (chunk,) * 3
    return Representations(sizes, mean, log_variance, affect, logits, errors, shown, shown)


def make_trained(folder: Path, data: Dataset, name: str, kind: str, seed: int, prefix: str = "") -> Trained:
    fields = {"data": {"corpus": "table", "path": "faces.csv"}}
    change = changes(name, Budget(), EMOTIONS, prefix)
    config = build_config({**fields, **change, "fit": {**change.get("fit", {}), "seed": seed}})
    member = Member(name, seed, config, prefix)
    run = Run(folder / "runs" / member.folder)
    run.record(kind=config.model.kind, state="finished", epochs=2, kept_epoch=1, seconds=3.0)
    write_text(run.folder / "config.yaml", config.to_yaml())
    write_text(run.folder / "history.csv", "epoch,train_total,validation_total\n0,2.0,2.1\n1,1.0,1.2\n")
    return Trained(member, run, make_representations(data, kind, seed, levels=getattr(config.model, "levels", 21)))


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Study]:
    """Members as name -> (kind of latents, seeds); those that begin with afew_ are of a corpus without emotions."""

    def make(drawn: bool = False, **members: Any) -> Study:
        arms = []
        for prefix in ("", LEVELS):
            own = {
                name.removeprefix(LEVELS): m for name, m in members.items() if name.startswith(LEVELS) == bool(prefix)
            }
            data = made_up_data(len(arms), emotions=not prefix, drawn=drawn)
            trained = {
                name: [make_trained(tmp_path, data, name, kind, seed, prefix) for seed in seeds]
                for name, (kind, seeds) in own.items()
            }
            if trained:
                arms.append(Arm(data, trained, prefix))
        return Study(tmp_path, tuple(arms), Budget(), {"command": "made up"})

    return make
