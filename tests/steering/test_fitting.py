"""Training of a projector: what it leaves, that the language model is not touched, continuation, clear stops."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from affectspace import load
from affectspace.errors import AffectspaceError, ConfigError, DataError, RunError
from affectspace.models import Projector, ProjectorConfig
from affectspace.steering import LanguageModel, fit_projector, fitting
from affectspace.steering.masking import Masker
from affectspace.steering.objective import ExampleBatches, Examples, ProjectorTraining, sentence_loss
from affectspace.training.configuration import ProjectorTrainConfig, build_projector_config, read_config
from affectspace.training.feature_set import FeatureSet
from affectspace.training.projector_configuration import ProjectorFitConfig
from affectspace.training.runs import Run, open_run

Config = Callable[..., ProjectorTrainConfig]


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load(run.folder).state_dict()


def examples(model: LanguageModel, count: int = 12) -> Examples:
    random = np.random.default_rng(0)
    texts = [f"The dog is {'very ' * (row % 3)}good {row}." for row in range(count)]
    labels = random.normal(size=(count, 3))
    labels[0] = np.nan
    tokens = [[*model.encode(text), model.end] for text in texts]
    ids = np.array([f"s{row}" for row in range(count)], dtype=object)
    return Examples(texts, ids, tokens, random.normal(size=(count, 3)), labels, random.normal(size=(count, 2)))


def test_leaves_a_run_that_is_complete_in_itself(steering_run: Run, language_model: LanguageModel) -> None:
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


def test_learns_what_a_latent_tells(language_model: LanguageModel) -> None:
    """Two sentences of which only the latent says which one it is: the true latent must win against the shuffled one."""
    texts = ["The dog is good.", "A garden was awful."] * 8  # the row before is always of the other kind
    sign = np.tile([[1.0], [-1.0]], (8, 3))
    tokens = [[*language_model.encode(text), language_model.end] for text in texts]
    rows = Examples(texts, np.arange(16).astype(object), tokens, sign, sign, np.zeros((16, 0)))
    projector = Projector(ProjectorConfig(tokens=4, hidden=(16,), private=0, width=language_model.width))
    projector.start(language_model.embed(language_model.encode("The house.")), language_model.embedding_size)
    optimizer = torch.optim.Adam(projector.parameters(), 0.05)
    settings = ProjectorFitConfig(batch_size=16)
    [batch] = ExampleBatches(rows, language_model, None, settings, 0.0, shuffle=False)
    batch = replace(batch, affect=torch.from_numpy(sign).float(), targets=tokens)
    for _ in range(60):
        losses, counts = sentence_loss(projector, language_model, batch, batch.affect, batch.private)
        optimizer.zero_grad()
        (losses.sum() / counts.sum()).backward()
        optimizer.step()
    training = ProjectorTraining(projector, settings, 1, language_model, (rows.mean_tokens,) * 2, [])
    terms = training.step_loss(batch, 0, 1.0, False)
    assert terms.total < terms.terms["shuffled_affect"] - 0.05


def test_accumulated_batches_are_one_large_one(language_model: LanguageModel) -> None:
    rows = examples(language_model)
    projector = Projector(ProjectorConfig(tokens=2, hidden=(4,), private=2, width=language_model.width))
    gradients = []
    for size in (12, 4):
        settings = ProjectorFitConfig(batch_size=size, accumulate=12 // size, label_share=1.0)
        training = ProjectorTraining(projector, settings, 1, language_model, (rows.mean_tokens,) * 2, [])
        projector.zero_grad()
        for batch in ExampleBatches(rows, language_model, None, settings, 0.0, shuffle=False):
            (training.step_loss(batch, 0, 1.0, True).total / settings.accumulate).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in projector.parameters()]))
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7)


def test_batches_are_functions_of_seed_and_epoch(language_model: LanguageModel) -> None:
    rows, masker = examples(language_model), Masker(frozenset({"good"}))
    settings = ProjectorFitConfig(batch_size=4)

    def drawn(epoch: int) -> list[tuple[list[list[int]], list[float]]]:
        batches = ExampleBatches(rows, language_model, masker, settings, 0.5, epoch=epoch, dropout=(0.2, 0.2))
        return [(batch.prompts, batch.affect.flatten().tolist()) for batch in batches]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    batches = ExampleBatches(rows, language_model, masker, settings, 0.5, epoch=1)
    assert sorted(np.concatenate(batches.parts).tolist()) == list(range(12))
    assert all(torch.isfinite(batch.affect).all() for batch in batches)  # a row without a label has the encoder's word


def test_an_interrupted_training_ends_with_the_same_numbers(
    make_config: Config,
    rows: FeatureSet,
    language_model: LanguageModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = make_config("calibration.sentences=0", "fit.epochs=3", "fit.accumulate=2")
    whole = fit_projector(config, tmp_path / "whole", data=rows, language_model=language_model)

    class Interrupt(Exception):
        pass

    real, count = ProjectorTraining.step_loss, [0]

    def step(self: ProjectorTraining, *given: object) -> object:
        count[0] += 1
        if count[0] == 12:
            raise Interrupt
        return real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(ProjectorTraining, "step_loss", step)
    with pytest.raises(Interrupt):
        fit_projector(config, tmp_path / "cut", data=rows, language_model=language_model)
    assert not open_run(tmp_path / "cut").finished
    cut = fit_projector(config, tmp_path / "cut", data=rows, language_model=language_model)
    pd.testing.assert_frame_equal(whole.history, cut.history)
    for name, weight in weights(whole).items():
        assert torch.equal(weight, weights(cut)[name]), name


def test_reconstruction_has_no_prompt_and_no_mask(
    make_config: Config, rows: FeatureSet, language_model: LanguageModel, tmp_path: Path
) -> None:
    config = make_config("model.mode=reconstruction", "fit.epochs=1", "calibration.sentences=0", "model.private=0")
    run = fit_projector(config, tmp_path / "run", data=rows, language_model=language_model)
    assert not (run.folder / "mask.json").exists()
    assert not (run.folder / "calibration.json").exists()
    model = load(run.folder)
    assert isinstance(model, Projector)
    assert model.config.private == 0


def test_a_loss_that_is_not_finite_stops_with_the_rows(
    make_config: Config, rows: FeatureSet, language_model: LanguageModel, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"the loss is nan.*rows of that batch: s\d+"):
        fit_projector(
            make_config("fit.learning_rate=1e30", "fit.gradient_clip=null", "fit.schedule=constant"),
            tmp_path / "run", data=rows, language_model=language_model,
        )  # fmt: skip


def test_a_language_model_that_changes_is_noticed(
    make_config: Config,
    rows: FeatureSet,
    make_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from affectspace.steering import load_language_model

    model = load_language_model(str(make_model(seed=5)))
    real = fitting.run_trainer

    def trainer(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        with torch.no_grad():
            next(iter(model.network.parameters())).add_(1e-3)

    monkeypatch.setattr(fitting, "run_trainer", trainer)
    config = make_config("fit.epochs=1")
    with pytest.raises(RunError, match="have changed during the training"):
        fit_projector(config, tmp_path / "run", data=rows, language_model=model)
    with pytest.raises(RunError, match="started on another language model"):
        fit_projector(config, tmp_path / "run", data=rows, language_model=model)


def test_long_sentences_are_left_out_and_counted(
    make_config: Config, rows: FeatureSet, language_model: LanguageModel, tmp_path: Path
) -> None:
    lengths = [len(language_model.encode(text)) for text in rows.table["text"]]
    limit = int(np.median(lengths)) + 1
    config = make_config(f"fit.longest={limit}", "fit.epochs=1", "calibration.sentences=0", "fit.rows=null")
    run = fit_projector(config, tmp_path / "run", data=rows, language_model=language_model)
    assert 0 < run.facts["sentences"]["train"] < len(rows.rows("train"))
    assert f"have over {limit} tokens: left out" in (run.folder / "log.txt").read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"raise fit\.longest"):
        fit_projector(make_config("fit.longest=4"), tmp_path / "none", data=rows, language_model=language_model)


@pytest.mark.parametrize(
    ("override", "message"),
    [("model.private=7", "private codes have 4 dimensions"), ("model.width=8", "has embeddings of 16")],
)
def test_widths_that_do_not_fit(
    override: str, message: str, make_config: Config, rows: FeatureSet, language_model: LanguageModel, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        fit_projector(make_config(override), tmp_path / "run", data=rows, language_model=language_model)


def test_rows_without_texts(make_config: Config, language_model: LanguageModel, tmp_path: Path) -> None:
    vectors, affect = np.random.default_rng(0).normal(size=(20, 27)), np.random.default_rng(1).normal(size=(20, 3)) / 4
    data = FeatureSet.from_arrays({"text": vectors}, ["train", "validation"] * 10, affect=affect)
    with pytest.raises(DataError, match="text"):
        fit_projector(make_config(), tmp_path / "run", data=data, language_model=language_model)


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
def test_points_that_make_no_line_are_refused_before_the_training(make_config: Config, points: str) -> None:
    with pytest.raises(ConfigError, match=r"calibration.*points"):
        make_config(f"calibration.points={points}")


def test_another_encoder_does_not_go_on_with_what_one_began(
    make_config: Config, rows: FeatureSet, language_model: LanguageModel, text_run: Path, tmp_path: Path
) -> None:
    encoder = shutil.copytree(text_run, tmp_path / "encoder")
    config = make_config(f"run={json.dumps(str(encoder))}", "fit.epochs=1", "calibration.sentences=0")
    out = tmp_path / "run"
    fit_projector(config, out, data=rows, language_model=language_model)
    Run(out).record(state="training")  # as if it had been interrupted at the end
    fit_projector(config, out, data=rows, language_model=language_model)
    Run(out).record(state="training")
    model = load(encoder)
    with torch.no_grad():
        next(iter(model.parameters())).add_(0.1)
    model.save_pretrained(encoder / "model")
    with pytest.raises(RunError, match=r"was trained again after .*--force"):
        fit_projector(config, out, data=rows, language_model=language_model)


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


def test_sentences_of_strong_affect_are_drawn_oftener(language_model: LanguageModel) -> None:
    given = examples(language_model, 60)
    far = np.linalg.norm((np.where(np.isnan(given.labels), given.encoded, given.labels) + given.encoded) / 2, axis=1)

    def mean_distance(power: float) -> float:
        return float(np.mean([far[fitting.strong_rows(given, 20, power, seed)].mean() for seed in range(40)]))

    assert mean_distance(0.01) == pytest.approx(far.mean(), rel=0.05)
    assert mean_distance(3.0) > mean_distance(1.0) > far.mean() * 1.05
    rows = fitting.strong_rows(given, 20, 1.0, 0)
    assert (np.diff(rows) > 0).all()
    assert len(rows) == 20
    assert fitting.strong_rows(given, 100, 1.0, 0).tolist() == list(range(60))
