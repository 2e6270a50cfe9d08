"""Configurations on features: widths come from the stores, and what is wrong is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from affectspace.errors import ConfigError
from affectspace.models import ManifoldConfig
from affectspace.training.configuration import (
    FeatureTrainConfig,
    TrainConfig,
    build_feature_config,
    is_feature_kind,
    read_config,
)

from .conftest import make_store, union_fields


@pytest.fixture
def fields(sentences: Path, voices: Path) -> dict:
    return union_fields(sentences, voices)


def test_what_is_left_out_is_filled_in(fields: dict) -> None:
    config = build_feature_config(fields)
    assert isinstance(config.model, ManifoldConfig)
    assert config.model.modalities == {"text": 8, "audio": 6, "face": 4}
    assert config.model.corpora == ("sentences", "voices")
    assert "anger" in config.model.categories
    assert config.data.lexicon is not None
    assert config.data.lexicon.method == "contextual"
    assert (config.fit.devices, config.fit.strategy) == (1, "auto")


def test_it_round_trips_through_yaml_and_the_kind_tells_which_it_is(fields: dict, tmp_path: Path) -> None:
    (tmp_path / "features.yaml").write_text(yaml.safe_dump(yaml.safe_load(build_feature_config(fields).to_yaml())))
    weights = ["data.corpora.voices.weight=2", "data.corpora.sentences.weight=1"]
    config = read_config(tmp_path / "features.yaml", ["fit.epochs=7", *weights])
    assert isinstance(config, FeatureTrainConfig)
    assert (config.fit.epochs, config.data.corpora["voices"].weight) == (7, 2)
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert read_config(tmp_path / "again.yaml") == config
    (tmp_path / "images.yaml").write_text("data: {corpus: table, path: index.csv}\n")
    assert isinstance(read_config(tmp_path / "images.yaml"), TrainConfig)
    assert is_feature_kind("manifold")
    assert not is_feature_kind("levasa")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("fit.epoch=3", r"unknown key 'fit.epoch'; did you mean fit.epochs"),
        ("fit.channels_last=true", r"unknown key 'fit.channels_last'"),
        ("model.privat=3", r"unknown key 'model.privat'; did you mean model.private"),
        ("model.private=0", r"model.private.size: .*greater than or equal to 1.*0"),
        ("data.corpora.voices.feature=1", r"'data.corpora.voices.feature'; did you mean data.corpora.voices.features"),
        ("data.corpora.voices.split.sede=1", r"did you mean data.corpora.voices.split.seed"),
        ("data.corpora.voices.weight=1", r"give every corpus a weight, or none; without one: sentences"),
        ("data.lexicon.pth=x", r"data.lexicon"),
        ("fit.devices=2", r"devices: 2 needs strategy: ddp"),
        ("model.kind=manifolt", r"'manifolt' is no kind of model; did you mean 'manifold'"),
        ("model.kind=levasa", r"model.kind: 'levasa' is a model on images"),
        ("data.corpora.voices.features.face=nowhere", r"voices.features.face: nowhere is not a store of features"),
    ],
)
def test_what_is_wrong_is_named(fields: dict, override: str, told: str) -> None:
    if override.startswith("data.lexicon"):
        fields["data"]["lexicon"] = {}
    with pytest.raises(ConfigError, match=told):
        build_feature_config(fields, overrides=[override])


def test_one_modality_has_one_backbone(fields: dict, tmp_path: Path) -> None:
    ids = pd.Series([f"s{row:03d}" for row in range(100)])
    make_store(tmp_path / "audio", "audio", ids, np.ones((100, 6)), settings={"rate": 8000})
    fields["data"]["corpora"]["sentences"]["features"]["audio"] = str(tmp_path / "audio")
    with pytest.raises(
        ConfigError, match=r"audio of sentences and of voices were made by different backbones \(settings"
    ):
        build_feature_config(fields)


def test_a_store_under_the_name_of_another_modality(fields: dict, sentences: Path) -> None:
    fields["data"]["corpora"]["sentences"]["features"] = {"audio": str(sentences / "text")}
    with pytest.raises(
        ConfigError, match=r"features.audio: .*text holds vectors of text .*, not of audio; write text: "
    ):
        build_feature_config(fields)
    fields["data"]["corpora"]["sentences"]["features"] = {"sayings": str(sentences / "text")}  # a name of one's own
    assert build_feature_config(fields).model.modalities["sayings"] == 8


def test_without_files_the_caller_says_what_there_is() -> None:
    config = build_feature_config({"model": {"kind": "manifold"}}, modalities={"text": 8}, corpora=("one",))
    assert (config.model.modalities, config.model.corpora) == ({"text": 8}, ("one",))
    with pytest.raises(ConfigError, match=r"no modality: name stores in data\.corpora"):
        build_feature_config({"model": {"kind": "manifold"}})
    with pytest.raises(ConfigError, match="model: give its kind and settings; found NoneType"):
        build_feature_config({})
