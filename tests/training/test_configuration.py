"""Configurations: unknown keys are refused with the nearest known one, and YAML round-trips."""

from pathlib import Path

import pytest

from affectspace.errors import ConfigError
from affectspace.training.configuration import (
    FeatureTrainConfig,
    ProjectorTrainConfig,
    TrainConfig,
    build_config,
    read_config,
)
from affectspace.training.image_configuration import FitConfig

DATA = {"corpus": "table", "path": "index.csv"}


def test_defaults_round_trip_through_yaml(tmp_path: Path) -> None:
    config = build_config(
        {"data": DATA, "model": {"alignment": "discrete"}}, overrides=["fit.epochs=3", "data.where=x > 1"]
    )
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    assert read_config(path) == config
    assert (config.fit.epochs, config.data.where, config.model.alignment) == (3, "x > 1", "discrete")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"data": DATA, "fit": {"epoch": 3}}, r"unknown key 'fit.epoch'; did you mean fit.epochs"),
        (
            {"data": DATA, "model": {"kind": "levasa", "aligment_weight": 3}},
            r"'model.aligment_weight'.*alignment_weight",
        ),
        ({"data": DATA, "trainer": {}}, r"unknown key 'trainer'"),
        ({"data": {**DATA, "split": {"sede": 1}}}, r"'data.split.sede'; did you mean data.split.seed"),
        ({"data": DATA, "fit": {"epochs": 0}}, r"fit.epochs: .*greater than or equal to 1.*0"),
        ({"data": DATA, "model": {"kind": "levasa", "image_size": 50}}, r"model.image_size: .*multiple of 16.*50"),
        ({"data": DATA, "model": {"kind": "gan"}}, r"model: .*gan.*levasa"),
        ({"fit": {}}, r"data: Field required"),
        ({"data": DATA, "model": {"kind": "levasa", "alignment": "categories"}}, r"at least two names"),
    ],
)
def test_what_is_wrong_is_named(fields: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build_config(fields)


@pytest.mark.parametrize("text", ["fit.epochs", "=3"])
def test_an_override_without_a_value_tells_its_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write it as key.key=value"):
        build_config({"data": DATA}, overrides=[text])


@pytest.mark.parametrize(
    ("override", "told"),
    [("fit.epochs=[", "is not YAML"), ("fit.epochs.x=3", "epochs is a value, not a group of keys")],
)
def test_an_override_that_is_nonsense(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build_config({"data": DATA, "fit": {"epochs": 2}}, overrides=[override])


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.yaml: cannot be read"):
        read_config(tmp_path / "nowhere.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected the keys data"):
        read_config(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError, match="not YAML"):
        read_config(tmp_path / "broken.yaml")


def test_the_examples_are_valid() -> None:
    folder = Path(__file__).resolve().parents[2] / "configs"
    found = [read_config(path) for path in sorted(folder.glob("*.yaml"))]
    assert {config.kind for config in found} >= {"levasa", "manifold", "projector"}
    assert all(isinstance(config, TrainConfig | FeatureTrainConfig | ProjectorTrainConfig) for config in found)
    plain = read_config(folder / "levasa.yaml")
    assert plain.fit.model_dump(exclude={"epochs"}) == FitConfig().model_dump(exclude={"epochs"})
