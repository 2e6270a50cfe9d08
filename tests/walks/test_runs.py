"""What a walk takes from a run folder."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa, LevasaConfig
from affectspace.training.runs import Run
from affectspace.walks import WalkGeometry
from affectspace.walks.runs import SAMPLE, dataset_faces, run_directions, run_head_geometry

MODEL = Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,), chunk=4)).eval()


class Data:
    """The part of a dataset that walks read: n images of 3 people, the first unreadable."""

    def __init__(self, n: int) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (n + 1, 32, 32, 3), dtype=np.uint8)
        self.table = pd.DataFrame({"id": [f"i{k}" for k in range(n)], "person": [f"p{k * 3 // n}" for k in range(n)]})
        self.affect = np.random.default_rng(1).uniform(-1, 1, (n, 3)).astype(np.float32)

    def rows(self, part: str) -> np.ndarray:
        return np.arange(len(self.table)) if part != "validation" else np.arange(0)

    def images(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows + 1]


def geometry(run: Path, data: Any = None) -> WalkGeometry:
    return run_head_geometry(Run(run), MODEL, data=data)


def test_the_runs_own_codes_come_first(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    save_file({"mean/train": codes, "mean/test": codes * 9}, tmp_path / "representations.safetensors")
    result = geometry(tmp_path, SimpleNamespace())
    np.testing.assert_allclose(result.covariance[1], np.cov(codes[:, 4:8], rowvar=False), atol=2e-3)
    (tmp_path / "representations.safetensors").unlink()
    assert np.array_equal(geometry(tmp_path).covariance, result.covariance)  # kept at first use


def test_without_codes_training_images_are_sampled(tmp_path: Path) -> None:
    data = Data(SAMPLE + 100)
    seen: list[int] = []
    run_head_geometry(Run(tmp_path), MODEL, lambda done, total, text: seen.append(total), data)  # type: ignore[arg-type]
    assert set(seen) == {SAMPLE}


def test_a_geometry_of_another_model_is_refused(tmp_path: Path) -> None:
    WalkGeometry(np.zeros((2, 3, 3))).save(tmp_path / "geometry.safetensors")
    with pytest.raises(RunError, match=r"belongs to another model .* delete it"):
        geometry(tmp_path)


def test_faces_of_a_part_are_one_a_person_while_people_last() -> None:
    data: Any = Data(12)
    names, pixels = dataset_faces(data, "test", 5)
    assert names == ["i0", "i4", "i8", "i1", "i5"]
    assert np.array_equal(pixels[1], data.pixels[5])
    assert len(dataset_faces(data, "test", 99)[0]) == 12
    with pytest.raises(DataError, match="unknown part 'exam'; choose one of train, validation, test"):
        dataset_faces(data, "exam", 1)
    with pytest.raises(DataError, match="the run's validation part has no images"):
        dataset_faces(data, "validation", 1)


def test_directions_are_made_of_labelled_training_images_and_kept(tmp_path: Path) -> None:
    data: Any = Data(40)
    result = run_directions(Run(tmp_path), MODEL, data=data)
    assert result.directions.shape == (2, 8)
    assert np.array_equal(run_directions(Run(tmp_path), MODEL).directions, result.directions)  # kept at first use
    result.__class__(np.ones((2, 6)), np.ones((2, 7)), np.zeros(2)).save(tmp_path / "directions.safetensors")
    with pytest.raises(RunError, match=r"belongs to another model .* delete it"):
        run_directions(Run(tmp_path), MODEL)


def test_codes_of_the_run_save_the_encoding_where_they_are_its_training_rows(tmp_path: Path) -> None:
    data: Any = Data(40)
    codes = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
    save_file({"mean/train": codes}, tmp_path / "representations.safetensors")
    kept = run_directions(Run(tmp_path), MODEL, data=data)
    (tmp_path / "directions.safetensors").unlink()
    save_file({"mean/train": codes[:30]}, tmp_path / "representations.safetensors")
    assert not np.allclose(run_directions(Run(tmp_path), MODEL, data=data).directions, kept.directions)


def test_labels_that_tell_nothing_name_the_other_method(tmp_path: Path) -> None:
    data: Any = Data(40)
    data.affect[:] = 0.5
    with pytest.raises(RunError, match=r"do not vary independently .* --method heads needs no labels"):
        run_directions(Run(tmp_path), MODEL, data=data)
