"""Weights and read-outs that have changed since they were written, or are no numbers, are refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from affectspace.errors import RunError
from affectspace.models import Levasa, LevasaConfig
from affectspace.prediction.emotions import kept_moments
from affectspace.prediction.faces import Readout
from affectspace.studies.manifold.representations import Representations
from affectspace.tensors import UNSEALED, require_unchanged, write_sealed
from affectspace.walks.geometry import WalkGeometry


def written(path: Path, **metadata: str) -> bytes:
    tensors = {"a": np.arange(12, dtype=np.float32), "b": np.ones((2, 2))}
    write_sealed(path, lambda partial: save_file(tensors, partial, {**metadata, **UNSEALED}))
    return path.read_bytes()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_flipped_byte_never_changes_a_number(tmp_path: Path, place: int, flip: int) -> None:
    path = tmp_path / "x.safetensors"
    content = bytearray(written(path, names='["a\\"sha256\\":\\"0"]'))
    require_unchanged(path, "make it again")
    assert load_file(path)["a"][3] == 3
    place %= len(content)
    content[place] ^= flip
    path.write_bytes(content)
    try:
        require_unchanged(path, "make it again")
        read = load_file(path)
    except (RunError, SafetensorError):
        return
    assert read.keys() == {"a", "b"}  # the name of the hash was hit, and nothing else
    np.testing.assert_array_equal(read["a"], np.arange(12, dtype=np.float32))


def test_a_file_of_an_earlier_version_passes(tmp_path: Path) -> None:
    save_file({"a": np.ones(3)}, tmp_path / "x.safetensors")
    require_unchanged(tmp_path / "x.safetensors", "")
    assert load_file(tmp_path / "x.safetensors")["a"].tolist() == [1, 1, 1]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,), chunk=4)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_damaged_weights_of_a_model_are_refused(model: Path) -> None:
    path = model / "model.safetensors"
    assert path.stat().st_mode & 0o044 == 0o044
    content = path.read_bytes()
    path.write_bytes(content[:-8] + b"\0\0\0?" + content[-4:])
    with pytest.raises(RunError, match="its content has changed since it was written; save or train it again"):
        Levasa.from_pretrained(model)
    with pytest.raises(RunError, match="its content has changed since it was written; train the run again"):
        kept_moments(path)
    path.write_bytes(content[:-8])
    with pytest.raises(RunError, match=r"model.safetensors is damaged"):
        Levasa.from_pretrained(model)
    path.write_bytes(content)
    tensors = load_file(path)
    name = next(name for name, value in tensors.items() if name.endswith("weight"))
    save_file({**tensors, name: np.full_like(tensors[name], np.nan)}, path)  # of a program that knows the format
    with pytest.raises(RunError, match=rf"the weights {name} have missing or infinite numbers"):
        Levasa.from_pretrained(model)


def test_damaged_readouts_and_geometries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "readout.safetensors"
    readout = Readout(np.ones((4, 2)), np.zeros(2), np.ones(2), None, {"model": "m"})
    readout.save(path)
    np.testing.assert_array_equal(Readout.read(path).weight, readout.weight)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(
        RunError, match="its content has changed since it was written; delete it, and it is created again"
    ):
        Readout.read(path)
    Readout(np.full((4, 2), np.nan), np.zeros(2), np.ones(2), None, {}).save(path)
    with pytest.raises(RunError, match=r"it has missing or infinite numbers.*; delete it"):
        Readout.read(path)
    geometry = WalkGeometry(np.ones((2, 3, 3)))
    geometry.save(tmp_path / "geometry.safetensors")
    assert WalkGeometry.read(tmp_path / "geometry.safetensors", (2, 3, 3)).readout is None
    WalkGeometry(np.full((2, 3, 3), np.inf)).save(tmp_path / "geometry.safetensors")
    with pytest.raises(RunError, match="it has missing or infinite numbers; delete it, and it is computed again"):
        WalkGeometry.read(tmp_path / "geometry.safetensors", (2, 3, 3))


def test_damaged_representations_of_a_study_are_made_again(tmp_path: Path) -> None:
    path, made = tmp_path / "r.safetensors", []

    def make() -> Representations:
        made.append(1)
        return Representations({}, {}, {}, np.ones((3, 3)), np.ones((3, 3)))

    for _ in range(2):
        Representations.kept(path, 3, make)
    assert len(made) == 1
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    np.testing.assert_array_equal(Representations.kept(path, 3, make).fused, np.ones((3, 3)))
    assert len(made) == 2


def test_a_version_is_hashed_once_and_a_new_file_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, hashed = tmp_path / "x.safetensors", []
    written(path)
    monkeypatch.setattr("affectspace.tensors._hashes", lambda path: hashed.append(path) or (None, b"", b""))
    for _ in range(2):  # written a moment ago: another change could have the same time
        require_unchanged(path, "")
    assert len(hashed) == 2
    os.utime(path, (10**9, 10**9))
    for _ in range(2):
        require_unchanged(path, "")
    assert len(hashed) == 3
