"""The face walker: pictures in, walked pictures with readings out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError, DataError
from affectspace.models import Levasa, LevasaConfig
from affectspace.training.configuration import build_config
from affectspace.training.networks import AffectRegressor, RegressorConfig
from affectspace.training.runs import Run, start_run
from affectspace.walks import AffectDirections, FaceWalker, example_faces

from .test_strength import calibrated

SIZE, CHUNK = 32, 2


@pytest.fixture
def walker(tmp_path: Path) -> FaceWalker:
    return FaceWalker.of_run(make_run(tmp_path / "run").folder)


def make_run(folder: Path, usual_error: float = 1.0) -> Run:
    """A finished run of an untrained model on drawn faces, with directions, a strength and its reader."""
    fields = {"image_size": SIZE, "width": 4, "chunk": CHUNK}
    config = build_config({"data": {"corpus": "faces", "path": str(folder / "gone")}, "model": fields})
    run = start_run(folder, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Levasa(LevasaConfig(**fields)).eval().save_pretrained(folder / "model")
        AffectRegressor(RegressorConfig(image_size=SIZE, width=4)).save_pretrained(folder / "judges" / "chooser")
    ways = np.random.default_rng(0).normal(size=(2, 2 * CHUNK))
    directions = AffectDirections(ways, np.column_stack([np.linalg.pinv(ways).T, np.zeros(2)]), np.zeros(2))
    directions.save(folder / "directions.safetensors")
    calibrated(usual_error=usual_error).save(folder)
    run.record(state="finished", corpora={"faces": {"synthetic": True}})
    return run


def test_a_face_is_walked_and_read(walker: FaceWalker) -> None:
    face = walker.examples(1)[0].pixels
    walked = walker.walk(face, [(0.5, -0.5), (-0.5, 0.5), (0, 0)])
    assert walked.images.shape == (3, SIZE, SIZE, 3)
    assert walked.reconstruction.shape == face.shape
    np.testing.assert_allclose(walked.reached, walked.targets, atol=1e-4)
    assert walker.reader is not None
    np.testing.assert_allclose(walked.readings, walker.reader.read(walked.images), atol=1e-6)
    np.testing.assert_allclose(walked.start, walker.reader.read(face[None])[0], atol=1e-6)
    assert walked.notes == ()


def test_the_strength_of_the_run_is_used(walker: FaceWalker, tmp_path: Path) -> None:
    face, points = walker.examples(1)[0].pixels, [(0.5, -0.5)]
    twice = walker.walk(face, points).codes
    (tmp_path / "run" / "strength.json").unlink()
    plain = FaceWalker.of_run(tmp_path / "run")
    assert plain.reader is None
    start = plain.walk(face, [(np.nan, np.nan)]).codes
    once = plain.walk(face, points)
    assert np.isnan(once.readings).all()
    assert not np.allclose(twice, once.codes)
    assert np.linalg.norm(twice - start) > np.linalg.norm(once.codes - start)


def test_a_picture_unlike_the_training_faces_gets_a_note(tmp_path: Path) -> None:
    walker = FaceWalker.of_run(make_run(tmp_path / "run", usual_error=0.0).folder)
    (note,) = walker.walk(walker.examples(1)[0].pixels, [(0.5, 0.5)]).notes
    assert note.startswith("this picture is unlike the drawn faces that the model was trained on")


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "I;16", "CMYK"])
def test_any_kind_of_picture_is_read(mode: str, walker: FaceWalker, image_bytes: Callable[..., bytes]) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    face, notes = walker.face(image_bytes(size=(40, 30), kind=kind, mode=mode))
    assert face.shape == (SIZE, SIZE, 3)
    assert face.dtype == np.uint8
    assert notes == []


def test_an_animated_picture_gives_its_first_frame_and_a_note(walker: FaceWalker) -> None:
    import io

    from PIL import Image

    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    face, notes = walker.face(buffer.getvalue())
    assert face[..., 0].min() > 200
    assert notes == ["the picture is animated: its first frame was used"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the picture: the file is empty \(0 bytes\); give a JPEG or PNG of one face"),
        (b"hello, I am a text", "the picture: .*give a JPEG or PNG of one face"),
        ((15, 40), "the picture has 15 x 40 pixels; give a face of at least 16 x 16"),
    ],
)
def test_what_is_no_face_is_refused(
    content: Any, message: str, walker: FaceWalker, image_bytes: Callable[..., bytes]
) -> None:
    picture = content if isinstance(content, bytes) else image_bytes(size=content, kind="PNG")
    with pytest.raises(DataError, match=message):
        walker.face(picture)


def test_examples_are_the_same_faces_each_time_and_differ_from_each_other() -> None:
    first, again = example_faces(SIZE, 3), example_faces(SIZE, 3)
    assert [face.name for face in first] == ["person-1", "person-2", "person-3"]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].pixels, first[1].pixels)
    assert all(max(abs(face.valence), abs(face.arousal)) <= 0.2 for face in first)
    with pytest.raises(ConfigError, match="ask for 1 or more"):
        example_faces(SIZE, 0)
