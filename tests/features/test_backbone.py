"""Backbones come back from what their stores say, and nothing else does."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from affectspace.errors import ConfigError, RunError
from affectspace.features import FeatureStore, Item, extract, make_backbone, remake_backbone
from affectspace.features.backbones.vectors import read_vectors


def written(store: Path) -> dict:
    return FeatureStore(store).backbone


def test_functionals_come_back(tmp_path: Path, media_corpus) -> None:
    sound = np.sin(2 * np.pi * 150 * np.arange(16_000) / 16_000) * 0.1
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    backbone = make_backbone("audio", longest=30.0)
    extract(media_corpus(tmp_path, audio=["a.wav"]), backbone, tmp_path / "s")
    again = remake_backbone(written(tmp_path / "s"))
    item = Item("x", path=tmp_path / "a.wav")
    np.testing.assert_array_equal(again.load(item), backbone.load(item))
    assert again.settings["longest"] == 30.0


def test_a_store_without_a_recipe_names_settings_enough(tmp_path: Path, media_corpus) -> None:
    facts = {"name": "audio:functionals", "modality": "audio", "settings": {"rate": 16_000, "longest": 30.0}}
    known = make_backbone("audio", longest=30.0)
    facts |= {"dimension": known.dimension, "licence": known.licence, "revision": known.revision}
    assert remake_backbone(facts).settings == known.settings
    with pytest.raises(
        ConfigError, match=r"cannot run here: revision '0' of the acoustic functionals; choose one of 1, 2"
    ):
        remake_backbone({**facts, "revision": "0"})
    with pytest.raises(ConfigError, match=r"computes other vectors now \(dimension: 9 before, 276 now\)"):
        remake_backbone({**facts, "dimension": 9})


def test_a_store_of_an_earlier_revision(tmp_path: Path, media_corpus) -> None:
    """It is read and its backbone made again; only more rows of the new revision are refused."""
    sound = np.sin(2 * np.pi * 150 * np.arange(16_000) / 16_000) * 0.1
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, sound, 16_000)
    first, both = media_corpus(tmp_path, audio=["a.wav"]), media_corpus(tmp_path, audio=["a.wav", "b.wav"])
    extract(first, make_backbone("audio", revision=1), tmp_path / "s")
    facts = {key: value for key, value in written(tmp_path / "s").items() if key != "recipe"}
    again = remake_backbone(facts)  # as stores say it that were made before there was a choice
    vectors, present = FeatureStore(tmp_path / "s").read(["m0"])
    assert present.all()
    np.testing.assert_array_equal(again.load(Item("x", path=tmp_path / "a.wav")), vectors[0])
    summary = (
        r"was made by revision '1' of audio:functionals, whose vectors have 277 numbers; this is revision '2' with 276"
    )
    with pytest.raises(RunError, match=summary):
        extract(both, make_backbone("audio"), tmp_path / "s")
    assert extract(both, make_backbone("audio", revision=1), tmp_path / "s").made == 1


def test_a_folder_is_remembered_with_its_place(tmp_path: Path, text_corpus, tiny_text: Path, monkeypatch) -> None:
    monkeypatch.chdir(tiny_text.parent)
    backbone = make_backbone("text", tiny_text.name, pooling="mean", layers=[-2])
    extract(text_corpus(3), backbone, tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    again = remake_backbone(written(tmp_path / "s"))
    loaded = [again.load(Item("x", text="good day"))]
    np.testing.assert_array_equal(again.encode(loaded), backbone.encode(loaded))
    recipe = {**written(tmp_path / "s")["recipe"], "name": str(tmp_path / "gone")}
    with pytest.raises(ConfigError, match=r"cannot run here: .*cannot be loaded"):
        remake_backbone({**written(tmp_path / "s"), "recipe": recipe})


def test_a_backbone_of_another_package_is_found_by_its_name(tmp_path: Path, text_corpus, letters, monkeypatch) -> None:
    def factory(name: str, device: str, dtype: str, tokens: int = 3):
        assert (name, device, dtype) == ("mine", "cpu", "float32")
        return letters(tokens=tokens)

    point = SimpleNamespace(name="text:mine", load=lambda: factory)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    backbone = make_backbone("text", "mine", tokens=4)
    extract(text_corpus(3), backbone, tmp_path / "s")
    assert remake_backbone(written(tmp_path / "s")).settings == {"tokens": 4}
    with pytest.raises(ConfigError, match=r"backbone text:mine has no setting 'colour'; its settings are tokens"):
        make_backbone("text", "mine", colour=1)


def test_ready_made_vectors_are_not_made_here(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav"])
    pd.DataFrame({"id": ["m0"], "smile": [1.0]}).to_csv(tmp_path / "v.csv", index=False)
    backbone, items = read_vectors(tmp_path / "v.csv", "units", corpus)
    extract(corpus, backbone, tmp_path / "s", items=items)
    with pytest.raises(ConfigError, match="units:vectors were computed elsewhere"):
        remake_backbone(written(tmp_path / "s"))


@pytest.mark.parametrize(
    ("modality", "name", "settings", "message"),
    [
        ("text", "minilm", {"tokens": -1}, "backbone text:minilm: setting tokens is -1; input should be greater than"),
        ("text", "minilm", {"tokens": "abc"}, "setting tokens is 'abc'; input should be a valid integer"),
        ("text", "minilm", {"layers": "abc"}, "setting layers is 'abc'; "),
        ("audio", "functionals", {"longest": "abc"}, "setting longest is 'abc'; input should be a valid number"),
        ("audio", "functionals", {"longest": -5}, "setting longest is -5; input should be greater than 0"),
        ("audio", "any", {"seconds": float("inf")}, "setting seconds is inf; input should be a finite number"),
        ("words", "lexicon", {"contextual": {"negation": "abc"}}, "setting contextual is {'negation': 'abc'}; input"),
        ("video", "levasa", {"frames": "abc"}, "setting frames is 'abc'; input should be a valid integer"),
        ("video", "levasa", {"frames": -1}, "setting frames is -1; input should be greater than or equal to 1"),
        (
            "video",
            "gradients",
            {"frames": 10**6},
            "setting frames is 1000000; input should be less than or equal to 1000",
        ),
        (
            "video",
            "gradients",
            {"size": 8 * 10**5},
            "setting size is 800000; input should be less than or equal to 1024",
        ),
    ],
)
def test_a_setting_of_another_type_or_range_is_named(modality: str, name: str, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_backbone(modality, name, **settings)


@pytest.mark.parametrize(
    ("modality", "name", "message"),
    [
        ("text", "lexicon", "is of the modality words, not text (--modality words)"),
        ("text", "functionals", "is of the modality audio, not text"),
        ("text", "levasa", "is of the modality video, not text"),
        ("audio", "minilm", "is of the modality text, not audio"),
        ("video", "functionals", "is of the modality audio, not video"),
    ],
)
def test_a_backbone_of_another_modality_is_named(modality: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"the backbone {name!r} {message}")):
        make_backbone(modality, name)


@pytest.mark.parametrize("dtype", ["int8", "banana", "float8_e4m3fn", "torch.float32"])
@pytest.mark.parametrize("modality", ["text", "audio", "words"])
def test_an_impossible_precision_is_refused_by_every_backbone(modality: str, dtype: str) -> None:
    with pytest.raises(ConfigError, match=f"dtype '{dtype}'; choose float32, bfloat16, float16 or float64"):
        make_backbone(modality, dtype=dtype)


@pytest.mark.parametrize(
    ("modality", "name", "settings"),
    [("words", "lexicon", "lexicons, contextual"), ("audio", "functionals", "longest, revision"),
     ("video", "gradients", "frames, size, crop")],
)  # fmt: skip
def test_an_unknown_setting_lists_those_of_the_backbone(modality: str, name: str, settings: str) -> None:
    with pytest.raises(ConfigError, match=f"{modality}:{name} has no setting 'foo'; its settings are {settings}"):
        make_backbone(modality, name, foo=3)
