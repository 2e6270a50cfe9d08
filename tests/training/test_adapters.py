"""Adapters on a text encoder with tiny random weights: they learn, they are saved small, and they continue exactly."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import pearsonr
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.data.batches import of_like_length
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, RunError
from affectspace.features import FeatureStore, Item, make_backbone
from affectspace.features.backbone import remake_backbone
from affectspace.models.adapter.model import Adapter, discordance
from affectspace.training.adapters import predict_part
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.fit import fit
from affectspace.training.loop import Loop
from affectspace.training.runs import open_run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 texts on scale 1..5; valence counts good against bad days. Some rows lack arousal, and no row has dominance."""
    random, rows = np.random.default_rng(0), []
    for number in range(240):
        words = random.choice(["good", "bad", "a", "b", "day"], size=random.integers(3, 12))
        valence = 3 + 4 * ((words == "good").sum() - (words == "bad").sum()) / 12
        arousal = 3 + random.normal() / 4 if number % 3 else np.nan
        rows.append(
            {
                "said": " ".join(words),
                "v": np.clip(valence, 1, 5),
                "a": np.clip(arousal, 1, 5),
                "who": f"p{number % 12}",
            }
        )
    path = tmp_path_factory.mktemp("rated") / "rated.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def settings(table: Path, tiny_text: Path) -> dict[str, Any]:
    columns = {"text": "said", "valence": "v", "arousal": "a", "person": "who"}
    return {
        "data": {"corpora": {"rated": {"corpus": "table", "path": str(table), "columns": columns, "scale": "emobank"}}},
        "model": {"kind": "adapter", "encoder": str(tiny_text), "settings": {"pooling": "mean", "marks": True}},
        "fit": {"epochs": 2, "precision": "32-true", "learning_rate": 0.01, "accelerator": "cpu"},
    }


@pytest.fixture
def config(settings: dict[str, Any]) -> TrainConfig:
    return build_config(settings)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def items(*texts: str) -> list[Item]:
    return [Item(str(number), text=text) for number, text in enumerate(texts)]


def test_full_fine_tuning_learns_what_words_mean(settings: dict[str, Any], tmp_path: Path) -> None:
    changes = ["model.method=full", "fit.epochs=12", "fit.learning_rate=0.02"]
    run = fit(build_config(settings, overrides=changes), tmp_path / "run")
    data = run.dataset("items")
    guess = predict_part(run.model(), data, "test")
    assert pearsonr(guess[:, 0], data.affect[data.rows("test"), 0])[0] > 0.9
    assert run.facts["label_kind"] == "rated"


def test_the_adapter_is_small_and_a_backbone(config: TrainConfig, tmp_path: Path, tiny_text: Path) -> None:
    fit(config, tmp_path / "run")
    names = weights(tmp_path / "run")
    assert {name for name in names if "lora" not in name} == {
        "head.weight", "head.bias", "mean", "spread", "shift", "scale",
    }  # fmt: skip
    adapter = open_run(tmp_path / "run").model()
    assert isinstance(adapter, Adapter)
    backbone, base = make_backbone("text", str(tmp_path / "run")), make_backbone("text", str(tiny_text), pooling="mean")
    loaded = [backbone.load(item) for item in items("good day", "bad bad bad!")]
    with torch.inference_mode():
        expected = adapter.backbone.vectors(loaded).numpy()
    np.testing.assert_allclose(backbone.encode(loaded), expected, atol=1e-5)
    assert backbone.name == f"text:{tiny_text.name}+adapter"
    assert backbone.revision != base.revision
    plain = base.encode([base.load(item) for item in items("good day", "bad bad bad!")])
    assert np.abs(backbone.encode(loaded)[:, : base.dimension] - plain).max() > 1e-3
    assert backbone.settings["marks"]
    assert make_backbone("text", str(tmp_path / "run" / "model")).revision == backbone.revision


def test_merged_changes_are_those_of_peft(config: TrainConfig, tmp_path: Path) -> None:
    from peft.tuners.lora import LoraLayer

    adapter = fit(config, tmp_path / "run").model()
    backbone: Any = make_backbone("text", str(tmp_path / "run"))
    merged = dict(backbone.model.named_parameters())
    layers = {name: layer for name, layer in adapter.encoder.named_modules() if isinstance(layer, LoraLayer)}
    assert layers
    for name, layer in layers.items():
        expected = layer.get_base_layer().weight + layer.get_delta_weight("default")
        torch.testing.assert_close(merged[f"{name}.weight"], expected, atol=1e-6, rtol=1e-5)


def test_a_training_that_was_stopped_ends_with_the_same_weights(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(config, tmp_path / "whole")
    validate, calls = Loop._validate, []

    def stop_in_the_second_epoch(self: Loop) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(self)

    monkeypatch.setattr(Loop, "_validate", stop_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "parts")
    monkeypatch.setattr(Loop, "_validate", validate)
    fit(config, tmp_path / "parts")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_other_weights_of_the_encoder_are_refused(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(config, tmp_path / "run")
    path = tmp_path / "run" / "model" / "config.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"revision": "0" * 16}))
    with pytest.raises(ConfigError, match=r"adapts revision 0000.*adapt again"):
        make_backbone("text", str(tmp_path / "run"))
    with pytest.raises(RunError, match=r"revision 0000.*was adapted"):
        open_run(tmp_path / "run").model()
    (tmp_path / "run" / "model" / "model.safetensors").write_bytes(b"no")
    path.write_text(json.dumps(fields))
    with pytest.raises(RunError, match=r"is damaged"):
        make_backbone("text", str(tmp_path / "run"))


def test_an_encoder_without_weights_cannot_be_adapted(settings: dict[str, Any], tmp_path: Path) -> None:
    settings["model"] = {"kind": "adapter", "modality": "video", "encoder": "gradients"}
    with pytest.raises(ConfigError, match=r"gradients is not an encoder of transformers"):
        Adapter(build_config(settings).model)


def test_masked_labels_equal_a_subset(config: TrainConfig) -> None:
    data = Dataset.of_config(config)
    adapter = Adapter(config.model).eval()
    adapter.prepare(data.batch("train"))
    torch.nn.init.normal_(adapter.head.weight)
    from affectspace.models.adapter.model import ItemBatch

    rows = data.rows("train")[:9]
    loaded = [adapter.backbone.load(data.items[row][0]) for row in rows]  # type: ignore[index]
    labels = data.take(rows)
    known = ~labels.affect[:, 1].isnan()
    whole = adapter.loss(ItemBatch(loaded, labels)).terms["squared_error"]
    target, guess = adapter.standardise(labels), adapter.standard_scores(loaded)
    squares = torch.cat([(guess - target)[:, 0].square(), (guess - target)[known, 1].square()])
    torch.testing.assert_close(whole, squares.mean())


def test_discordance_of_perfect_constant_and_shifted_guesses() -> None:
    truth = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, torch.nan]])
    known = ~truth.isnan()
    perfect = truth.nan_to_num(7.0)
    assert float(discordance(perfect, perfect, known)) == pytest.approx(0.0, abs=1e-6)
    assert float(discordance(torch.zeros(3, 2), perfect, known)) == pytest.approx(1.0)
    shifted = discordance(perfect[:, :1] + 1, perfect[:, :1], known[:, :1])
    variance = 2 / 3
    assert float(shifted) == pytest.approx(1 - 2 * variance / (2 * variance + 1))
    assert float(discordance(perfect, perfect, torch.zeros(3, 2, dtype=torch.bool))) == 0.0


def test_batches_of_like_length_hold_every_row_once() -> None:
    lengths = np.random.default_rng(1).integers(1, 50, 95)
    batches = np.array_split(np.random.default_rng(2).permutation(95), 12)
    mixed = of_like_length(batches, lengths, np.random.default_rng(3))
    assert sorted(np.concatenate(mixed)) == list(range(95))
    assert sorted(map(len, mixed)) == sorted(map(len, batches))
    assert (
        np.mean([np.ptp(lengths[batch]) for batch in mixed])
        < np.mean([np.ptp(lengths[batch]) for batch in batches]) / 3
    )
    in_order = of_like_length(batches, lengths, None)
    assert (np.diff(lengths[np.concatenate(in_order)]) >= 0).all()


def test_the_command_adapts_extracts_and_evaluates(table: Path, tiny_text: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    out, features = str(tmp_path / "mine"), str(tmp_path / "features")
    command = [
        "adapt", "text", str(table), "--text-column", "said", "--valence", "v", "--scale", "emobank", "--encoder",
        str(tiny_text), "--out", out, "--epochs", "1", "--set", "fit.precision=32-true", "--set", "fit.threads=1",
    ]  # fmt: skip
    result = run(app, command)
    assert result.exit_code == 0, result.output
    assert "labels are rated" in result.output
    assert "parameters trained" in result.output
    assert "warning: the encoder has hardly learned" in result.output
    hint = next(line for line in result.output.splitlines() if line.startswith("features: "))
    assert hint == (
        f"features: affectspace extract table {table} --columns text=said,valence=v --scale emobank --modality text --backbone "
        f"{out} --out FOLDER"
    )
    assert open_run(Path(out)).config.data.corpora["rated"].split.scheme == "auto"
    facts = open_run(Path(out)).facts
    assert facts["encoder"]["trained_parameters"] < facts["encoder"]["parameters"]
    result = run(app, shlex.split(hint.replace("FOLDER", features))[2:])
    assert result.exit_code == 0, result.output
    identity = FeatureStore(features).backbone
    assert identity["name"].endswith("+adapter")
    assert remake_backbone(identity).revision == identity["revision"]
    result = run(app, ["evaluate", out])
    assert result.exit_code == 0, result.output
    assert "CCC on the test part" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smell", "x.csv"], "unknown modality 'smell'"),
        (["text", "corpus"], "READER=FOLDER"),
        (["text", "nosuch=here"], "nosuch"),
        (["text", "missing.csv"], "missing.csv"),
        (["text", "{table}", "--text-column", "nosuch", "--valence", "v"], "nosuch"),
        (
            [
                "text",
                "{table}",
                "--text-column",
                "said",
                "--valence",
                "v",
                "--scale",
                "1:5",
                "--encoder",
                "nosuch/encoder",
            ],
            "nosuch/encoder",
        ),
    ],
)
def test_what_cannot_be_adapted_is_said(arguments: list[str], message: str, table: Path, tmp_path: Path) -> None:
    arguments = [part.format(table=table) for part in arguments]
    result = CliRunner().invoke(app, ["adapt", *arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert message in str(result.exception) + result.output
    assert not (tmp_path / "out").exists()
