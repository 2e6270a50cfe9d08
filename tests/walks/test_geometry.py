"""The geometry of walks and the read-out for models without heads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa, LevasaConfig
from affectspace.walks import WalkGeometry, fit_geometry, fit_readout

RANDOM = np.random.default_rng(0)


def make_model(**fields: Any) -> Levasa:
    return Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,), chunk=4, **fields)).eval()


def test_covariances_are_those_of_the_chunks() -> None:
    codes = RANDOM.normal(size=(500, 12)) * np.arange(1, 13)
    geometry = fit_geometry(make_model(), codes)
    for index, part in enumerate((codes[:, :4], codes[:, 4:8])):
        expected = np.cov(part, rowvar=False)
        np.testing.assert_allclose(geometry.covariance[index], expected, atol=2e-3 * np.trace(expected) / 4)
        assert np.linalg.eigvalsh(geometry.covariance[index]).min() > 0
    assert geometry.readout is None


def test_a_collapsed_chunk_still_has_an_inverse() -> None:
    geometry = fit_geometry(make_model(), np.zeros((3, 12)))
    assert np.linalg.eigvalsh(geometry.covariance).min() > 0


def test_it_is_saved_and_read(tmp_path: Path) -> None:
    codes = RANDOM.normal(size=(50, 12))
    for readout in (None, RANDOM.normal(size=(2, 5))):
        geometry = fit_geometry(make_model(), codes, readout)
        geometry.save(tmp_path / "geometry.safetensors")
        read = WalkGeometry.read(tmp_path / "geometry.safetensors", (2, 4, 4))
        assert np.array_equal(read.covariance, geometry.covariance)
        assert (read.readout is None) if readout is None else np.array_equal(read.readout, readout)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "geometry.safetensors"
    path.write_bytes(b"not a tensor")
    with pytest.raises(RunError, match=r"geometry\.safetensors is damaged .* delete it"):
        WalkGeometry.read(path, (2, 4, 4))


@pytest.mark.parametrize("alignment", ["none", "categories"])
def test_a_model_without_heads_needs_a_readout(alignment: Any) -> None:
    model = make_model(alignment=alignment, categories=("neutral", "anger"))
    codes = RANDOM.normal(size=(50, 12))
    with pytest.raises(DataError, match="give readout=fit_readout"):
        fit_geometry(model, codes)
    assert fit_geometry(model, codes, np.zeros((2, 5))).readout is not None


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        (np.zeros((5, 11)), r"\(5, 11\); give \(n, 12\)"),
        (np.zeros((1, 12)), "at least 2"),
        (np.where(np.arange(60).reshape(5, 12) == 40, np.nan, 0.0), "row 3 is not finite"),
    ],
)
def test_impossible_codes_are_refused(codes: np.ndarray, text: str) -> None:
    with pytest.raises(DataError, match=text):
        fit_geometry(make_model(), codes)


def test_a_readout_of_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match=r"\(2, 4\); give \(2, 5\)"):
        fit_geometry(make_model(), np.zeros((5, 12)), np.zeros((2, 4)))


def test_the_readout_is_scikit_learns_ridge() -> None:
    codes, affect = RANDOM.normal(size=(80, 8)) * 3 + 1, RANDOM.uniform(-1, 1, size=(80, 2))
    affect[:20, 0] = np.nan
    readout = fit_readout(codes, affect, alpha=2.0)
    for axis, part in enumerate((codes[:, :4], codes[:, 4:8])):
        present = np.isfinite(affect[:, axis])
        scaler = StandardScaler().fit(part[present])
        ridge = Ridge(alpha=2.0).fit(scaler.transform(part[present]), affect[present, axis])
        expected = ridge.predict(scaler.transform(part))
        np.testing.assert_allclose(part @ readout[axis, :-1] + readout[axis, -1], expected)


def test_a_readout_without_labels_is_refused() -> None:
    affect = np.full((5, 2), np.nan)
    affect[:, 0] = 0.5
    with pytest.raises(DataError, match="arousal is annotated in 0 of 5 rows"):
        fit_readout(np.zeros((5, 8)), affect)
    with pytest.raises(DataError, match="do not fit"):
        fit_readout(np.zeros((5, 8)), np.zeros((4, 2)))
