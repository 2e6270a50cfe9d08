"""Tiny corpora as files.

Coloured squares: red says happiness, blue says sadness, and each person has a brightness. Sentences with ratings and a store
of text vectors, and voices with emotions only and stores of two modalities, both with the affect in their first three numbers.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectspace.features.store import FeatureStore, Shard
from affectspace.training.configuration import TrainConfig, build_config

COLOURS = {"happiness": (220, 60, 60), "sadness": (60, 60, 220), "anger": (60, 200, 60)}


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with index.csv and images/: 10 people, 3 emotions, 120 images of 32 x 32."""
    folder = tmp_path_factory.mktemp("squares")
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for index in range(120):
        emotion = list(COLOURS)[index % 3]
        person = f"p{index % 10}"
        pixels = np.full((32, 32, 3), COLOURS[emotion]) * (0.6 + 0.04 * (index % 10)) + random.normal(0, 8, (32, 32, 3))
        name = f"{index:03d}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / name)
        rows.append({"path": name, "who": person, "emotion": emotion})
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture
def config(squares: Path) -> TrainConfig:
    """A training of two epochs that takes a second."""
    return build_config(fields_for(squares))


def fields_for(squares: Path) -> dict:
    return {
        "data": {
            "corpus": "table",
            "path": str(squares / "index.csv"),
            "media": str(squares / "images"),
            "columns": {"image": "path", "person": "who"},
            "split": {"fractions": (0.6, 0.2, 0.2)},
        },
        "model": {"image_size": 32, "width": 4, "hidden": (16,), "chunk": 4, "alignment_weight": 0.3},
        "fit": {"epochs": 3, "batch_size": 16, "threads": 1, "accelerator": "cpu", "checkpoint_seconds": 0},
    }


PAD = {"happiness": (0.8, 0.5, 0.4), "sadness": (-0.6, -0.3, -0.3), "anger": (-0.5, 0.6, 0.3)}


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with index.csv, 100 rated sentences of 10 people, and text/, a store of vectors of width 8."""
    folder = tmp_path_factory.mktemp("sentences")
    random = np.random.default_rng(1)
    affect = random.uniform(-0.6, 0.6, (100, 3)).round(3)
    words = np.array(["awful", "plain", "lovely"])[np.digitize(affect[:, 0], [-0.2, 0.2])]
    table = pd.DataFrame(affect, columns=["valence", "arousal", "dominance"])
    table.insert(0, "id", [f"s{row:03d}" for row in range(100)])
    table["text"] = [f"a {word} day" for word in words]
    table["person"] = [f"p{row % 10}" for row in range(100)]
    table.to_csv(folder / "index.csv", index=False)
    make_store(folder / "text", "text", table["id"], vectors(affect, 8, random))
    (folder / "lexicon.tsv").write_text(
        "term\tvalence\tarousal\tdominance\nawful\t-0.8\t0.3\t-0.1\nlovely\t0.9\t0.4\t0.2\n"
    )
    return folder


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with index.csv, 60 voices of 10 people with emotions only, and the stores audio/ and face/; 20 have no face."""
    folder = tmp_path_factory.mktemp("voices")
    random = np.random.default_rng(2)
    emotions = [list(PAD)[row % 3] for row in range(60)]
    table = pd.DataFrame({"id": [f"v{row:03d}" for row in range(60)], "emotion": emotions})
    table["person"] = [f"p{row % 10}" for row in range(60)]
    table.to_csv(folder / "index.csv", index=False)
    affect = np.array([PAD[name] for name in emotions])
    make_store(folder / "audio", "audio", table["id"], vectors(affect, 6, random))
    make_store(folder / "face", "face", table["id"][:40], vectors(affect[:40], 4, random))
    return folder


def vectors(affect: np.ndarray, width: int, random: np.random.Generator) -> np.ndarray:
    made = random.normal(size=(len(affect), width))
    made[:, :3] = 3 * affect + 0.3 * made[:, :3]
    return made


def make_store(folder: Path, modality: str, ids: pd.Series, features: np.ndarray, **identity: object) -> FeatureStore:
    """A store of ready-made vectors, whole."""
    written = {
        "name": f"{modality}:drawn", "modality": modality, "dimension": features.shape[1], "licence": "free",
        "revision": "1", "settings": {}, "columns": None, "versions": {}, **identity,
    }  # fmt: skip
    store = FeatureStore.create(folder, written)
    store.add(Shard(list(ids), [""] * len(ids), np.asarray(features, np.float32), []))
    store.write_index()
    return store


def union_fields(sentences: Path, voices: Path) -> dict:
    """The configuration of a training on both corpora that takes a second."""
    return {
        "data": {
            "corpora": {
                "sentences": {
                    "corpus": "table", "path": str(sentences / "index.csv"), "scale": "canonical",
                    "features": {"text": str(sentences / "text")}, "split": {"fractions": (0.6, 0.2, 0.2)},
                },
                "voices": {
                    "corpus": "table", "path": str(voices / "index.csv"),
                    "features": {"audio": str(voices / "audio"), "face": str(voices / "face")},
                    "split": {"fractions": (0.6, 0.2, 0.2)},
                },
            },
            "lexicon": str(sentences / "lexicon.tsv"),
        },
        "model": {"kind": "manifold", "hidden": (8,), "private": 2},
        "fit": {"epochs": 3, "batch_size": 16, "threads": 1, "accelerator": "cpu", "checkpoint_seconds": 0},
    }  # fmt: skip


@pytest.fixture
def union(sentences: Path, voices: Path) -> TrainConfig:
    return build_config(union_fields(sentences, voices))
