"""Training on features end to end in small: run folders, the same numbers after a kill, clear stops, all kinds of model."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import affectspace
from affectspace.data.batches import Batch
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, RunError
from affectspace.models import MODELS, AffectModel, FeatureModelConfig, LossTerms, Representation
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run


def changed(config: TrainConfig, *overrides: str) -> TrainConfig:
    return build_config(config.model_dump(), overrides=overrides)


@pytest.mark.parametrize("kind", sorted(name for name, model in MODELS.items() if issubclass(model, AffectModel)))
def test_every_kind_trains_and_loads(sentences: Path, union: TrainConfig, tmp_path: Path, kind: str) -> None:
    fields = {**union.model_dump(), "model": {"kind": kind}}
    fields["fit"]["epochs"] = 2
    run = fit(build_config(fields), tmp_path / "run")
    assert np.isfinite(run.history["validation_total"]).all()
    model = affectspace.load(run.folder)
    assert isinstance(model, MODELS[kind])
    assert model.config.categories == ("happiness", "sadness", "anger")
    batch = run.dataset("features").batch("test")
    with torch.inference_mode():
        outputs = model.represent(batch.features, batch.present)
    assert torch.isfinite(outputs.fused[:, 0]).all()


def test_a_run_folder_holds_what_it_promises(union: TrainConfig, tmp_path: Path) -> None:
    seen = []
    run = fit(union, tmp_path / "run", progress=lambda done, total, text: seen.append((done, total, text)))
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"config.yaml", "run.json", "split.csv", "model", "checkpoints", "history.csv", "log.txt"}
    assert isinstance(run.config, TrainConfig)
    assert run.config == union
    facts = run.facts
    assert facts["modalities"]["audio"]["name"] == "audio:drawn"
    assert facts["modalities"]["audio"]["dimension"] == 6
    assert facts["corpora"]["voices"]["label_kind"] == ["transferred"]
    assert facts["corpora"]["sentences"]["licence"] == "as its owner states"
    assert sum(facts["rows"].values()) == 160
    assert list(run.split.columns) == ["id", "corpus", "person", "part"]
    assert len(run.history) == 3
    assert any("rows/s" in text for _, _, text in seen)
    assert not list(run.folder.rglob("*.partial"))


KILLED = """
import sys, os, signal
from pathlib import Path
from affectspace.training.configuration import read_config
from affectspace.training.fit import fit
def die(done, total, text):
    if text.startswith("epoch") and done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
fit(read_config(Path(sys.argv[1])), Path(sys.argv[2]), progress=die)
"""


def test_a_killed_training_ends_with_the_uninterrupted_numbers(union: TrainConfig, tmp_path: Path) -> None:
    config = changed(union, "model.inputs.modality_dropout=0.3", "model.encoder.dropout=0.2", "fit.balance=0.5")
    whole = fit(config, tmp_path / "whole")
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    steps = 96 // 16
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(tmp_path / "killed"), str(steps + steps // 2)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    killed = open_run(tmp_path / "killed")
    assert not killed.finished
    assert len(killed.history) == 1
    seen: list[str] = []
    continued = fit(config, tmp_path / "killed", progress=lambda done, total, text: seen.append(text))
    assert next(text for text in seen if text.startswith("epoch")).startswith("epoch 2/")
    pd.testing.assert_frame_equal(continued.history, whole.history, check_exact=True)
    first, second = (load_file(run.folder / "model" / "model.safetensors") for run in (whole, continued))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_set_of_arrays_trains_without_files(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    affect = random.uniform(-0.8, 0.8, (200, 3))
    text = np.concatenate([affect, random.normal(size=(200, 3))], axis=1)
    part = np.where(np.arange(200) < 120, "train", np.where(np.arange(200) < 160, "validation", "test"))
    data = Dataset.from_arrays({"text": text}, part, affect=affect)
    config = build_config(
        {
            "model": {
                "kind": "manifold",
                "hidden": (16,),
                "private": 2,
                "skip": "none",
                "dropout": 0,
                "feature_dropout": 0,
            },
            "fit": {"epochs": 30, "batch_size": 40, "accelerator": "cpu", "learning_rate": 0.01},
        },
        modalities=data.modalities,
    )
    run = fit(config, tmp_path / "run", data=data)
    history = run.history
    assert history["validation_anchor"].iloc[-1] < 0.5 * history["validation_anchor"].iloc[0]
    test = data.batch("test")
    with torch.inference_mode():
        fused = run.model().represent(test.features, test.present).fused
    assert np.corrcoef(fused[:, 0], test.affect[:, 0])[0, 1] > 0.9
    assert run.facts["modalities"] == {"text": None}
    with pytest.raises(ConfigError, match=r"data\.corpora is empty"):
        run.dataset("features")


def test_a_part_of_the_modalities_takes_the_rows_that_have_them(union: TrainConfig, tmp_path: Path) -> None:
    data = Dataset.of_config(union)
    config = changed(union, "model.modalities={audio: 6}", "fit.epochs=1")
    run = fit(config, tmp_path / "run", data=data)
    assert sum(run.facts["rows"].values()) == 60
    assert set(run.facts["modalities"]) == {"audio"}
    with pytest.raises(ConfigError, match=r"model.modalities.audio is 7; the features have 6"):
        fit(changed(union, "model.modalities={audio: 7}"), tmp_path / "other", data=data)


def test_early_stopping_and_keep_last(union: TrainConfig, tmp_path: Path) -> None:
    fast = changed(union, "fit.patience=2", "fit.epochs=60", "fit.learning_rate=0.3", "fit.schedule=constant")
    facts = fit(fast, tmp_path / "stopped").facts
    assert facts["epochs"] < 60
    assert facts["kept_epoch"] == facts["epochs"] - 3
    assert fit(changed(union, "fit.keep=last"), tmp_path / "last").facts["kept_epoch"] == 2


def test_checkpoints_are_not_written_oftener_than_asked(union: TrainConfig, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if text.startswith("epoch 3/"):
            raise KeyboardInterrupt

    seldom = changed(union, "fit.checkpoint_seconds=1000")
    with pytest.raises(KeyboardInterrupt):
        fit(seldom, tmp_path / "run", progress=stop)
    assert len(open_run(tmp_path / "run").history) == 2
    assert not (tmp_path / "run" / "checkpoints").exists()
    run = fit(seldom, tmp_path / "run")
    assert run.finished
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    often = fit(changed(union, "fit.checkpoint_seconds=0"), tmp_path / "often")
    pd.testing.assert_frame_equal(run.history, often.history, check_exact=True)


def test_a_training_that_ended_but_was_not_saved_is_saved(union: TrainConfig, tmp_path: Path) -> None:
    run = fit(union, tmp_path / "run")
    first = load_file(run.folder / "model" / "model.safetensors")
    run.record(state="training")
    (run.folder / "model" / "model.safetensors").unlink()
    again = load_file(fit(union, tmp_path / "run").folder / "model" / "model.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)


class TinyConfig(FeatureModelConfig):
    kind: Literal["tiny"] = "tiny"


class Tiny(AffectModel):
    """A linear model whose loss says which moments it saw."""

    config_class = TinyConfig
    seen: list[tuple[float, bool]]
    bad_row: str | None = None

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(sum(config.modalities.values()), 3)
        self.seen, self.fitted = [], (0, 0)

    def loss(self, batch: Batch, generator: torch.Generator | None = None, *, progress: float = 1.0) -> LossTerms:
        self.seen.append((progress, self.training))
        guess = self.head(torch.cat([batch.features[name] for name in self.config.modalities], dim=1))
        error = (guess - batch.affect).square().nansum() / len(batch)
        noise = torch.randn((), generator=generator)
        if self.training and progress > 0.5 and Tiny.bad_row:
            error = error * float("nan")
        return LossTerms(error + 0 * noise, {"error": error, "noise": noise})

    def represent(self, features: dict, present: dict) -> Representation:
        affect = self.head(torch.cat([features[name] for name in self.config.modalities], dim=1))
        return Representation({}, {}, {}, {}, affect, torch.ones_like(affect))

    def after_training(self, train: Batch, validation: Batch) -> None:
        assert not self.training
        self.head.bias.data.fill_(len(train))
        assert len(validation)
        TRACES.append(self.seen)


TRACES: list[list[tuple[float, bool]]] = []


def tiny(union: TrainConfig, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> TrainConfig:
    monkeypatch.setitem(MODELS, "tiny", Tiny)
    return build_config({**union.model_dump(), "model": {"kind": "tiny"}}, overrides=overrides)


def test_the_model_hears_of_the_progress_and_of_the_end(
    union: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TRACES.clear()
    run = fit(tiny(union, monkeypatch), tmp_path / "run")
    seen = TRACES[0]
    training = [progress for progress, train in seen if train]
    np.testing.assert_allclose(training, np.arange(18) / 18)
    assert {progress for progress, train in seen if not train} == {1.0}
    assert (run.model().head.bias == run.facts["rows"]["train"]).all()
    assert run.history["validation_noise"].nunique() == 1  # the same in every epoch
    assert run.history["train_noise"].nunique() == 3


def test_a_nan_stops_and_names_the_rows(union: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "bad_row", "yes")
    message = (
        r"the loss is nan in epoch 1, step 4 \(error nan, noise .*\); rows of that batch: [sv]\d+, .*learning_rate"
    )
    with pytest.raises(RunError, match=message):
        fit(tiny(union, monkeypatch), tmp_path / "run")
    assert not open_run(tmp_path / "run").finished


def test_images_and_features_are_told_apart(union: TrainConfig, squares: Path, tmp_path: Path, config: object) -> None:
    run = fit(changed(union, "fit.epochs=1"), tmp_path / "run")
    message = r"kind manifold, which reads features and no images; `affectspace predict .*`affectspace evaluate"
    with pytest.raises(RunError, match=message):
        run.dataset("images")
    with pytest.raises(RunError, match=message):
        _ = run.image_config
    from affectspace.walks.runs import walkable_model

    with pytest.raises(RunError, match=message):
        walkable_model(run)
    images = build_config({"data": {"corpus": "table", "path": str(squares / "index.csv")}})
    with pytest.raises(ConfigError, match="levasa is trained on images, and a Dataset of features was passed"):
        fit(images, tmp_path / "images", data=Dataset.of_config(union))


def test_the_caller_s_random_state_stays(union: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(changed(union, "fit.epochs=1"), tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)
