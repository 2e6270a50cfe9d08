"""Configurations: unknown keys are refused with the nearest known one, and YAML round-trips."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from affectspace.errors import ConfigError
from affectspace.models import ManifoldConfig
from affectspace.training.configuration import (
    ImageFitConfig,
    ProjectorTrainConfig,
    TrainConfig,
    build_config,
    read_config,
)
from affectspace.training.fit import fit

from ..data.conftest import make_store, union_fields

DATA = {"corpus": "table", "path": "index.csv"}


def test_defaults_round_trip_through_yaml(tmp_path: Path) -> None:
    config = build_config(
        {"data": DATA, "model": {"alignment": "discrete"}}, overrides=["fit.epochs=3", "data.where=x > 1"]
    )
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    assert read_config(path) == config
    assert (config.fit.epochs, config.data.first.where, config.model.alignment) == (3, "x > 1", "discrete")


@pytest.mark.parametrize(
    ("text", "name"), [("1:7", "1:7"), ("-3:3", "-3:3"), ("1:5.5", "1:5.5"), ("'0:1,-1:1'", "0:1,-1:1")]
)
def test_own_scales_in_yaml_and_overrides(tmp_path: Path, text: str, name: str) -> None:
    axes = "arousal,valence" if "," in name else "valence,arousal,dominance"
    (tmp_path / "own.yaml").write_text(f"data: {{corpus: table, path: t.csv, scale: {text}, axes: '{axes}'}}\n")
    config = read_config(tmp_path / "own.yaml")  # YAML 1.1 reads 1:7 as 67
    assert (config.data.first.scale, config.data.first.axes) == (name, tuple(axes.split(",")))
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert read_config(tmp_path / "again.yaml") == config
    if "," not in name:
        assert build_config({"data": DATA}, overrides=[f"data.scale={text}"]).data.first.scale == name


@pytest.mark.parametrize(
    ("fields", "message"),
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
        ({"data": DATA, "model": {"kind": "gan"}}, r"model.kind: unknown kind 'gan'; choose from levasa"),
        ({"data": {"path": "index.csv"}}, r"data.corpus: Field required"),
        ({"data": {"corpus": "imfbd", "path": "x"}}, r"data.corpus: unknown corpus 'imfbd'; did you mean 'imfdb'"),
        ({"data": {**DATA, "wher": "x"}}, r"'data.wher'; did you mean data.where"),
        ({"data": {**DATA, "scale": "7:1"}}, r"low must be below high"),
        ({"data": {**DATA, "axes": ["banana"]}}, r"'banana' is no axis"),
        ({"data": {"corpora": {"a": DATA, "b": DATA}}, "labels": {"permute": 1}}, r"labels belong to one corpus"),
        (
            {"data": DATA, "model": {"kind": "levasa", "alignment": "categories", "categories": ["anger"]}},
            r"at least two names",
        ),
        (
            {"data": {"corpora": {"a": {**DATA, "features": {"text": "t"}}}}, "model": {}},
            r"model.kind is missing.*manifold",
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_config(fields)


SETTINGS = {  # key -> values of a wrong type, size or range
    "fit.seed": ["-1", str(2**70), "0.5", "x", "[1]"],
    "fit.epochs": ["0", "1e30", str(10**9), "true and", "{}"],
    "fit.batch_size": ["1", str(2**31), ".inf", ".nan"],
    "fit.learning_rate": ["0", ".inf", ".nan", "-1", "fast"],
    "fit.threads": ["0", "100000", str(10**30)],
    "fit.devices": ["0", "100000"],
    "fit.precision": ["64-true", "16", "null"],
    "fit.accelerator": ["tpu", "0", "[cpu]"],
    "model.kind": ["[manifold]", "{a: 1}", "5", "null", "other"],
    "data.corpora.sentences.weight": [".inf", ".nan", "0", "-1", "x"],
    "data.corpora.sentences.split.seed": ["-5", str(2**64)],
    "data.corpora.sentences.split.folds": ["1", str(10**9)],
    "data.corpora.sentences.limit": ["0", str(2**63), "1.5"],
    "data": ["5", "x", "[1]", "true"],
    "data.corpora": ["5", "x", "[1]", "{sentences: 5}", "{sentences: null}"],
    "data.corpora.sentences.path": ["x" * 300, "5", "[a]"],
    "data.corpora.sentences.features": ["5", "{text: 5}", f"{{text: {'x' * 300}}}"],
    "labels": ["5", "{permute: -1}", "{source: x}"],
    "model.private": ["0", str(2**63), ".inf", "[1]"],
    "model.hidden": ["[0]", "[-1, 3]", "x", f"[{', '.join('1' * 40)}]", f"[{2**63}]"],
    "model.inputs.noise": [".inf", "-0.1"],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in SETTINGS.items() for value in values])
def test_settings_of_a_wrong_type_or_size_are_named(fields: dict, key: str, value: str) -> None:
    fields["data"]["corpora"]["voices"]["weight"] = 1.0
    fields["data"]["corpora"]["sentences"]["weight"] = 1.0
    key_shown = {"model.private": "model.private.size", "model.hidden": "model.encoder.hidden"}.get(key, key)
    with pytest.raises(ConfigError, match=f"{key_shown}|{key}"):
        build_config(fields, overrides=[f"{key}={value}"])


def test_a_model_that_no_memory_can_hold_is_refused(sentences: Path, fields: dict, tmp_path: Path) -> None:
    for override in ("model.private=1000000000", "model.hidden=[1000000, 1000000]", f"model.private={2**62}"):
        with pytest.raises(
            ConfigError, match=r"it has [\dinf,]+ weights, .* this machine has .* make its layers narrower"
        ):
            fit(build_config(fields, overrides=[override]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["fit.epochs", "=3"])
def test_an_override_without_a_value_tells_its_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write it as key.key=value"):
        build_config({"data": DATA}, overrides=[text])


@pytest.mark.parametrize(
    ("override", "message"),
    [("fit.epochs=[", "is not YAML"), ("fit.epochs.x=3", "epochs is a value, not a group of keys")],
)
def test_an_override_that_is_nonsense(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
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
    stores = {
        "manifold_emobank": ["model.modalities={text: 8}"],
        "manifold_ravdess": ["model.modalities={audio: 8, action_units: 35}"],
        "manifold_union": ["model.modalities={text: 8, audio: 8, action_units: 35}"],
        "manifold_paper": ["model.modalities={text: 8, audio: 8, video: 8}"],
    }
    found = [read_config(path, stores.get(path.stem, [])) for path in sorted(folder.glob("*.yaml"))]
    assert {config.kind for config in found} >= {"levasa", "manifold", "projector"}
    assert all(isinstance(config, TrainConfig | ProjectorTrainConfig) for config in found)
    plain = read_config(folder / "levasa.yaml")
    assert plain.fit.model_dump(exclude={"epochs"}) == ImageFitConfig().model_dump(exclude={"epochs"})


def test_one_corpus_may_stand_at_the_level_of_data() -> None:
    short = build_config({"data": DATA, "labels": {"permute": 1}})
    whole = build_config({"data": {"corpora": {"table": {**DATA, "labels": {"permute": 1}}}}})
    assert short == whole
    again = build_config(short.model_dump(), overrides=["data.split.fold=2", "data.cache=cache", "labels.permute=3"])
    assert (again.data.first.split.fold, str(again.data.cache), again.data.first.labels.permute) == (2, "cache", 3)
    with pytest.raises(ConfigError, match=r"write corpora\.<name>\.limit"):
        build_config({"data": {"corpora": {"a": DATA, "b": DATA}}}, overrides=["data.limit=3"])


@pytest.fixture
def fields(sentences: Path, voices: Path) -> dict:
    return union_fields(sentences, voices)


def test_what_is_left_out_is_filled_in(fields: dict) -> None:
    config = build_config(fields)
    assert isinstance(config.model, ManifoldConfig)
    assert config.model.modalities == {"text": 8, "audio": 6, "face": 4}
    assert config.model.corpora == ("sentences", "voices")
    assert "anger" in config.model.categories
    assert config.data.lexicon is not None
    assert config.data.lexicon.method == "contextual"
    assert (config.fit.devices, config.fit.strategy) == (1, "auto")


def test_it_round_trips_through_yaml_and_the_kind_tells_which_it_is(fields: dict, tmp_path: Path) -> None:
    (tmp_path / "features.yaml").write_text(yaml.safe_dump(yaml.safe_load(build_config(fields).to_yaml())))
    weights = ["data.corpora.voices.weight=2", "data.corpora.sentences.weight=1"]
    config = read_config(tmp_path / "features.yaml", ["fit.epochs=7", *weights])
    assert isinstance(config, TrainConfig)
    assert (config.fit.epochs, config.data.corpora["voices"].weight) == (7, 2)
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert read_config(tmp_path / "again.yaml") == config
    (tmp_path / "images.yaml").write_text("data: {corpus: table, path: index.csv}\n")
    assert isinstance(read_config(tmp_path / "images.yaml"), TrainConfig)
    assert read_config(tmp_path / "images.yaml").reads_images
    assert not config.reads_images


@pytest.mark.parametrize(
    ("override", "message"),
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
        ("model.kind=manifolt", r"unknown kind 'manifolt'; did you mean 'manifold'"),
        ("model.kind=projector", r"a projector is trained on the latents of a run"),
        ("data.corpora.voices.features.face=nowhere", r"voices.features.face: nowhere is not a store of features"),
    ],
)
def test_what_is_wrong_with_features_is_named(fields: dict, override: str, message: str) -> None:
    if override.startswith("data.lexicon"):
        fields["data"]["lexicon"] = {}
    with pytest.raises(ConfigError, match=message):
        build_config(fields, overrides=[override])


def test_one_modality_has_one_backbone(fields: dict, tmp_path: Path) -> None:
    ids = pd.Series([f"s{row:03d}" for row in range(100)])
    make_store(tmp_path / "audio", "audio", ids, np.ones((100, 6)), settings={"rate": 8000})
    fields["data"]["corpora"]["sentences"]["features"]["audio"] = str(tmp_path / "audio")
    with pytest.raises(
        ConfigError, match=r"audio of sentences and of voices were made by different backbones \(settings"
    ):
        build_config(fields)


def test_a_store_under_the_name_of_another_modality(fields: dict, sentences: Path) -> None:
    fields["data"]["corpora"]["sentences"]["features"] = {"audio": str(sentences / "text")}
    with pytest.raises(
        ConfigError, match=r"features.audio: .*text holds vectors of text .*, not of audio; write text: "
    ):
        build_config(fields)
    fields["data"]["corpora"]["sentences"]["features"] = {"sayings": str(sentences / "text")}  # a name of one's own
    assert build_config(fields).model.modalities["sayings"] == 8


def test_without_files_the_caller_says_what_there_is() -> None:
    config = build_config({"model": {"kind": "manifold"}}, modalities={"text": 8}, corpora=("one",))
    assert (config.model.modalities, config.model.corpora) == ({"text": 8}, ("one",))
    with pytest.raises(ConfigError, match=r"data names no corpus; write data\.corpora"):
        build_config({"model": {"kind": "manifold"}})
    with pytest.raises(ConfigError, match="model: give its kind and settings; found str"):
        build_config({"model": "manifold"})
