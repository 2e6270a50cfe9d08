"""Training of a projector: the run, examples and batches, the frozen language model, continuation, clear errors."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from affectspace import load
from affectspace.data.dataset import Dataset
from affectspace.errors import AffectspaceError, ConfigError, DataError, RunError
from affectspace.models import Projector, ProjectorConfig
from affectspace.steering import LanguageModel, fit_projector, load_language_model, training
from affectspace.steering.examples import ExampleBatches, Examples
from affectspace.steering.masking import Masker
from affectspace.steering.training import ProjectorTraining
from affectspace.training.configuration import ProjectorTrainConfig, build_projector_config, read_config
from affectspace.training.runs import Run, open_run

Config = Callable[..., ProjectorTrainConfig]
Fit = Callable[..., Run]


@pytest.fixture
def fit(make_config: Config, rows: Dataset, language_model: LanguageModel, tmp_path: Path) -> Fit:
    """``fit("fit.epochs=1", out="run")``: a small training without calibration, with overrides."""

    def run(*overrides: str, out: str = "run", **options: Any) -> Run:
        config = make_config("fit.epochs=1", "calibration.sentences=0", *overrides)
        return fit_projector(config, tmp_path / out, **{"data": rows, "language_model": language_model, **options})

    return run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load(run.folder).state_dict()


def examples(model: LanguageModel, count: int = 12) -> Examples:
    random = np.random.default_rng(0)
    texts = [f"The dog is {'very ' * (row % 3)}good {row}." for row in range(count)]
    rated = random.normal(size=(count, 3))
    rated[0] = np.nan
    tokens = [[*model.encode(text), model.end] for text in texts]
    ids = np.array([f"s{row}" for row in range(count)], dtype=object)
    return Examples(texts, ids, tokens, random.normal(size=(count, 3)), rated, random.normal(size=(count, 2)))


def test_a_run_is_complete(steering_run: Run, language_model: LanguageModel) -> None:
    folder = steering_run.folder
    assert {path.name for path in folder.iterdir()} >= {
        "config.yaml", "run.json", "split.csv", "model", "encoder", "mask.json", "calibration.json", "history.csv", "log.txt",
    }  # fmt: skip
    facts = steering_run.facts
    assert facts["state"] == "finished"
    assert facts["unchanged"] is True
    assert facts["language_model"]["digest"] == language_model.digest()
    assert open_run(folder / "encoder").finished
    assert isinstance(load(folder), Projector)
    assert {"train_total", "validation_total", "validation_shuffled_latents", "validation_shuffled_affect"} < set(
        steering_run.history
    )
    assert "calibration: valence" in (folder / "log.txt").read_text(encoding="utf-8")
    stored = [path.suffix for path in (folder / "model").iterdir()]
    assert set(stored) <= {".safetensors", ".json", ".md"}


def test_a_projector_learns_to_use_the_latent(language_model: LanguageModel, make_config: Config) -> None:
    """Only the latent tells two sentences apart, so the true latent must give a lower loss than the shuffled one."""
    texts = ["The dog is good.", "A garden was awful."] * 8  # neighbours are of different kinds
    sign = np.tile([[1.0], [-1.0]], (8, 3))
    tokens = [[*language_model.encode(text), language_model.end] for text in texts]
    rows = Examples(texts, np.arange(16).astype(object), tokens, sign, sign, np.zeros((16, 0)))
    projector = Projector(ProjectorConfig(tokens=4, hidden=(16,), private=0, width=language_model.width))
    projector.start(language_model.embed(language_model.encode("The house.")), language_model.embedding_size)
    optimizer = torch.optim.Adam(projector.parameters(), 0.05)
    config = make_config("fit.batch_size=16")
    [batch] = ExampleBatches(rows, language_model, None, config, training=False)
    batch = replace(batch, affect=torch.from_numpy(sign).float(), targets=tokens)
    module = ProjectorTraining(projector, config, rows, rows, language_model, None)
    for step in range(60):
        optimizer.zero_grad()
        module.loss(batch, step, 0.0, True).total.backward()
        optimizer.step()
    losses = module.loss(batch, 0, 1.0, False)
    assert losses.total < losses.terms["shuffled_affect"] - 0.05


def test_accumulated_batches_equal_one_large_batch(language_model: LanguageModel, make_config: Config) -> None:
    rows = examples(language_model)
    projector = Projector(ProjectorConfig(tokens=2, hidden=(4,), private=2, width=language_model.width))
    gradients = []
    for size in (12, 4):
        config = make_config(f"fit.batch_size={size}", "fit.label_share=1.0")
        module = ProjectorTraining(projector, config, rows, rows, language_model, None)
        projector.zero_grad()
        for batch in ExampleBatches(rows, language_model, None, config, training=False):
            (module.loss(batch, 0, 1.0, True).total * size / 12).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in projector.parameters()]))
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7)


def test_batches_are_functions_of_seed_and_epoch(language_model: LanguageModel, make_config: Config) -> None:
    rows, masker = examples(language_model), Masker(frozenset({"good"}))
    config = make_config("fit.batch_size=4", "model.affect_dropout=0.2", "model.private_dropout=0.2")

    def drawn(epoch: int) -> list[tuple[list[list[int]], list[float]]]:
        batches = ExampleBatches(rows, language_model, masker, config, epoch=epoch)
        assert sorted(np.concatenate(batches.parts).tolist()) == list(range(12))
        return [(batch.prompts, batch.affect.flatten().tolist()) for batch in batches]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert np.isfinite([value for _, affect in drawn(1) for value in affect]).all()  # rows without a label too


def test_sentences_of_strong_affect_are_drawn_more_often(language_model: LanguageModel) -> None:
    rows = examples(language_model, 60)
    distance = np.linalg.norm((np.where(np.isnan(rows.rated), rows.affect, rows.rated) + rows.affect) / 2, axis=1)

    def places(number: int, power: float, seed: int) -> list[int]:
        return [int(name[1:]) for name in rows.strong(number, power, seed).ids]

    def mean_distance(power: float) -> float:
        return float(np.mean([distance[places(20, power, seed)].mean() for seed in range(40)]))

    assert mean_distance(0.01) == pytest.approx(distance.mean(), rel=0.05)
    assert mean_distance(3.0) > mean_distance(1.0) > distance.mean() * 1.05
    assert (np.diff(places(20, 1.0, 0)) > 0).all()
    assert len(places(20, 1.0, 0)) == 20
    assert places(100, 1.0, 0) == list(range(60))


def test_an_interrupted_training_ends_with_the_same_numbers(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ("fit.epochs=3", "fit.accumulate=2")
    complete = fit(*overrides, out="complete")

    class Interrupt(Exception):
        pass

    real, count = ProjectorTraining.loss, [0]

    def step(self: ProjectorTraining, *arguments: Any) -> Any:
        count[0] += 1
        if count[0] == 12:
            raise Interrupt
        return real(self, *arguments)

    monkeypatch.setattr(ProjectorTraining, "loss", step)
    with pytest.raises(Interrupt):
        fit(*overrides)
    continued = fit(*overrides)
    assert count[0] > 12
    pd.testing.assert_frame_equal(complete.history, continued.history)
    for name, weight in weights(complete).items():
        assert torch.equal(weight, weights(continued)[name]), name


def test_reconstruction_has_no_prompt_and_no_mask(fit: Fit) -> None:
    run = fit("model.mode=reconstruction", "model.private=0")
    assert not (run.folder / "mask.json").exists()
    assert not (run.folder / "calibration.json").exists()
    model = load(run.folder)
    assert isinstance(model, Projector)
    assert model.config.private == 0


def test_a_loss_that_is_not_finite_stops_with_the_rows(fit: Fit) -> None:
    with pytest.raises(RunError, match=r"the loss is nan.*rows of that batch: s\d+"):
        fit("fit.learning_rate=1e30", "fit.gradient_clip=null", "fit.schedule=constant", "fit.epochs=2")


def test_a_language_model_that_changes_is_noticed(
    fit: Fit, make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_language_model(str(make_model(seed=5)))
    real = training.train_kept

    def changes_the_model(*arguments: Any) -> int:
        kept = real(*arguments)
        with torch.no_grad():
            next(iter(model.network.parameters())).add_(1e-3)
        return kept

    monkeypatch.setattr(training, "train_kept", changes_the_model)
    with pytest.raises(RunError, match="changed during the training"):
        fit(language_model=model)
    with pytest.raises(RunError, match="was started with other weights"):
        fit(language_model=model)


def test_auto_is_the_dtype_of_the_start_when_a_training_continues(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    override = "language_model.dtype=auto"
    monkeypatch.setattr("affectspace.steering.language_model.native_dtype", lambda device: torch.bfloat16)
    run = fit(override, language_model=None)
    assert run.facts["language_model"]["dtype"] == "bfloat16"
    run.record(state="training")
    monkeypatch.setattr("affectspace.steering.language_model.native_dtype", lambda device: torch.float32)
    assert fit(override, language_model=None).facts["language_model"] == run.facts["language_model"]


def test_long_sentences_are_left_out_and_counted(fit: Fit, rows: Dataset, language_model: LanguageModel) -> None:
    lengths = [len(language_model.encode(text)) for text in rows.table["text"]]
    limit = int(np.median(lengths)) + 1
    run = fit(f"fit.longest={limit}", "fit.rows=null")
    assert 0 < run.facts["sentences"]["train"] < len(rows.rows("train"))
    assert f"have over {limit} tokens: left out" in (run.folder / "log.txt").read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"raise fit\.longest"):
        fit("fit.longest=4", out="none")


@pytest.mark.parametrize(
    ("override", "message"),
    [("model.private=7", "private codes have 4 dimensions"), ("model.width=8", "has embeddings of 16")],
)
def test_widths_that_do_not_fit(fit: Fit, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(override)


def test_rows_without_texts(fit: Fit) -> None:
    vectors, affect = np.random.default_rng(0).normal(size=(20, 27)), np.random.default_rng(1).normal(size=(20, 3)) / 4
    data = Dataset.from_arrays({"text": vectors}, ["train", "validation"] * 10, affect=affect)
    with pytest.raises(DataError, match="text"):
        fit(data=data)


def test_configurations_round_trip_and_name_what_is_wrong(make_config: Config, tmp_path: Path) -> None:
    config = make_config()
    path = tmp_path / "steering.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert read_config(path) == config
    with pytest.raises(ConfigError, match=r"unknown key 'model.token'; did you mean model.tokens"):
        make_config("model.token=3")
    with pytest.raises(ConfigError, match=r"fit\.accumulate"):
        make_config("fit.accumulate=0")
    with pytest.raises(ConfigError, match="run"):
        build_projector_config({"model": {"kind": "projector"}})


@pytest.mark.parametrize("points", ["[1]", "[2, 2]", "[]", "[-5, 5]", "[.nan, 1]"])
def test_calibration_points_that_make_no_line_are_refused(make_config: Config, points: str) -> None:
    with pytest.raises(ConfigError, match=r"calibration.*points"):
        make_config(f"calibration.points={points}")


def test_a_training_does_not_continue_with_another_encoder(fit: Fit, text_run: Path, tmp_path: Path) -> None:
    encoder = shutil.copytree(text_run, tmp_path / "encoder")
    override = f"run={json.dumps(str(encoder))}"
    for _ in range(2):
        fit(override).record(state="training")  # as if it had been interrupted at the end
    model = load(encoder)
    with torch.no_grad():
        next(iter(model.parameters())).add_(0.1)
    model.save_pretrained(encoder / "model")
    with pytest.raises(RunError, match=r"was trained again after .*--force"):
        fit(override)


def test_a_run_of_the_wrong_kind(make_config: Config, steering_run: Run, tmp_path: Path) -> None:
    for folder, message in (
        (steering_run.folder, "of kind projector, which reads no text"),
        (tmp_path / "no", "not a run"),
    ):
        with pytest.raises(AffectspaceError, match=message):
            fit_projector(make_config(f"run={json.dumps(str(folder))}"), tmp_path / "run")
    with pytest.raises(RunError, match="affectspace steer"):
        steering_run.feature_config  # noqa: B018
    with pytest.raises(RunError, match="affectspace steer"):
        steering_run.image_config  # noqa: B018
