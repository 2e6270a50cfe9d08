"""Preparation: disturbed sounds have other functionals of the same width, and only complete stores count."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.features import Item, make_backbone
from affectspace.studies.manifold.corpora import Folders
from affectspace.studies.manifold.preparation import (
    DISTURBANCES,
    SAMPLE_RATE,
    DisturbedBackbone,
    disturbed_store,
    disturbed_stores,
)

soundfile = pytest.importorskip("soundfile")


def test_every_disturbance_changes_the_functionals(tmp_path: Path) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.3 * np.sin(2 * np.pi * (140 + 30 * time) * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone.astype(np.float32), SAMPLE_RATE)
    plain = make_backbone("audio", "functionals")
    item = Item("tone", path=path)
    before = plain.load(item)
    seen = set()
    for key in DISTURBANCES:
        disturbed = DisturbedBackbone(plain, key)
        after = disturbed.load(item)
        assert after.shape == before.shape == (disturbed.dimension,)
        assert np.isfinite(after).all()
        if "louder" not in key and "softer" not in key:  # level is normalised by the backbone itself
            assert not np.allclose(after, before, atol=1e-3), key
        np.testing.assert_array_equal(after, disturbed.load(item))
        assert disturbed.settings["disturbance"] == key
        seen.add(disturbed_store(Folders(features=tmp_path, out=tmp_path), key))
    assert len(seen) == len(DISTURBANCES)


def test_only_complete_stores_count(tmp_path: Path) -> None:
    folders = Folders(features=tmp_path, out=tmp_path)
    assert disturbed_stores(folders) == {}
    folder = disturbed_store(folders, "telephone")
    folder.mkdir()
    assert disturbed_stores(folders) == {}
    (folder / "index.parquet").touch()
    assert disturbed_stores(folders) == {"telephone": folder}
