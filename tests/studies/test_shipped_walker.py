"""The model of drawn faces that ships: its settings are those of the example, and its files are small and unchanged."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from affectspace.evaluation import image_mse, psnr_of
from affectspace.prediction.pretrained import WALKER, shipped_models, shipped_walker
from affectspace.studies.walks.shipped import TRAINING
from affectspace.tensors import require_unchanged
from affectspace.walks import FaceWalker, Strength

CONFIGS = Path(__file__).parents[2] / "configs"
pytestmark = pytest.mark.skipif(
    WALKER not in [model.name for model in shipped_models()], reason="the model of drawn faces is not in this checkout"
)


def test_the_settings_are_those_of_the_example() -> None:
    example = yaml.safe_load((CONFIGS / "levasa_drawn.yaml").read_text("utf-8"))
    assert {"model": example["model"], "fit": example["fit"]} == TRAINING


def test_it_is_small_whole_and_without_places_of_a_machine() -> None:
    model = shipped_walker()
    assert model.size < 5_000_000
    assert model.licence == "Apache-2.0"
    assert "Drawn faces only" in model.card
    for path in model.folder.rglob("*.safetensors"):
        require_unchanged(path, "install affectspace again")
    for path in model.folder.rglob("*"):
        if path.suffix in {".json", ".yaml", ".md"}:
            assert "/work" not in path.read_text("utf-8")
            assert "/home" not in path.read_text("utf-8")
    assert Strength.read(model.folder) is not None


def test_it_shows_unseen_drawn_people_and_what_is_asked_is_read() -> None:
    walker = FaceWalker.pretrained()
    faces = walker.examples(4)
    walks = [walker.walk(face.pixels, [(-0.7, 0.5), (0.7, 0.5), (0.0, -0.4)]) for face in faces]
    assert all(walk.notes == () for walk in walks)
    pixels = np.stack([face.pixels for face in faces])
    assert psnr_of(image_mse(pixels, np.stack([walk.reconstruction for walk in walks]))).mean() > 24
    read = np.stack([walk.readings for walk in walks])
    assert (read[:, 1, 0] - read[:, 0, 0] > 0.8).all()
    assert (read[:, 0, 1] - read[:, 2, 1] > 0.4).all()


def test_what_is_no_drawn_face_gets_a_note() -> None:
    walker = FaceWalker.pretrained()
    noise = np.random.default_rng(0).integers(0, 256, (walker.size, walker.size, 3), dtype=np.uint8)
    assert walker.walk(noise, [(0.5, 0.5)]).notes[0].startswith("this picture is unlike the drawn faces")
