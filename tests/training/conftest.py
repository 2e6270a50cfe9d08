"""A tiny corpus of coloured squares as files: red says happiness, blue says sadness, and each person has a brightness."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

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
