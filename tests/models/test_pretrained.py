"""Saving and loading."""

import json
from pathlib import Path

import pytest
import torch

from affectspace.errors import ConfigError, RunError
from affectspace.models import ClassifierConfig, EmotionClassifier, Levasa, LevasaConfig

SMALL = {"image_size": 32, "width": 4, "hidden": (16,), "chunk": 4}


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Levasa, Path]:
    model = Levasa(LevasaConfig(**SMALL, alignment="discrete", level_low=-9))
    model.train().encode(torch.rand(4, 3, 32, 32))  # moves the statistics of batch norm
    folder = tmp_path / "model"
    model.eval().save_pretrained(folder)
    return model, folder


def test_outputs_and_configuration_come_back(saved: tuple[Levasa, Path]) -> None:
    model, folder = saved
    loaded = Levasa.from_pretrained(folder)
    assert loaded.config == model.config
    assert not loaded.training
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded.encode(image).mean, model.encode(image).mean)
        code = model.encode(image).mean
        assert torch.equal(loaded.decode(code), model.decode(code))
        assert torch.equal(loaded.read_affect(code), model.read_affect(code))


def test_channels_last_weights_are_saved_as_they_are(saved: tuple[Levasa, Path], tmp_path: Path) -> None:
    model, _ = saved
    model.to(memory_format=torch.channels_last).save_pretrained(tmp_path / "turned")
    loaded = Levasa.from_pretrained(tmp_path / "turned")
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_nothing_is_pickled_and_nothing_partial_is_left(saved: tuple[Levasa, Path]) -> None:
    names = {path.name for path in saved[1].iterdir()}
    assert {"config.json", "model.safetensors"} <= names <= {"config.json", "model.safetensors", "README.md"}
    assert json.loads((saved[1] / "config.json").read_text(encoding="utf-8"))["kind"] == "levasa"


def test_a_model_of_another_kind_is_refused(saved: tuple[Levasa, Path]) -> None:
    with pytest.raises(RunError, match="holds a model of kind 'levasa', not 'classifier'"):
        EmotionClassifier.from_pretrained(saved[1])


def test_an_unknown_key_is_refused(saved: tuple[Levasa, Path]) -> None:
    path = saved[1] / "config.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**fields, "colour": "blue"}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config\.json.*\n?colour"):
        Levasa.from_pretrained(saved[1])


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(saved: tuple[Levasa, Path], name: str) -> None:
    (saved[1] / name).unlink()
    with pytest.raises(RunError, match=f"{name} is missing; save one with save_pretrained"):
        Levasa.from_pretrained(saved[1])


def test_a_classifier_comes_back(tmp_path: Path) -> None:
    config = ClassifierConfig(image_size=32, width=4, hidden=(16,), categories=("neutral", "anger"))
    model = EmotionClassifier(config).eval()
    model.save_pretrained(tmp_path)
    image = torch.rand(2, 3, 32, 32)
    loaded = EmotionClassifier.from_pretrained(tmp_path)
    assert loaded.config == config
    assert torch.equal(loaded(image), model(image))
