"""Sounds made again under disturbances: other functionals, of the same width, and stores that only count when complete."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.features import Item, make_backbone
from affectspace.studies.manifold.perturbed import PERTURBATIONS, RATE, Disturbed, perturbed_stores, store_name
from affectspace.studies.manifold.sources import Places

soundfile = pytest.importorskip("soundfile")


def test_every_disturbance_changes_the_functionals(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * (140 + 30 * time) * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone.astype(np.float32), RATE)
    plain = make_backbone("audio", "functionals")
    item = Item("tone", path=path)
    before = plain.load(item)
    seen = set()
    for key, change in PERTURBATIONS.items():
        disturbed = Disturbed(plain, key, change)
        after = disturbed.load(item)
        assert after.shape == before.shape == (disturbed.dimension,)
        assert np.isfinite(after).all()
        if "louder" not in key and "softer" not in key:  # level is normalised by the backbone itself
            assert not np.allclose(after, before, atol=1e-3), key
        np.testing.assert_array_equal(after, disturbed.load(item))
        assert disturbed.settings["disturbance"] == key
        seen.add(store_name(key))
    assert len(seen) == len(PERTURBATIONS)


def test_only_complete_stores_count(tmp_path: Path) -> None:
    places = Places(features=tmp_path, own=tmp_path)
    assert perturbed_stores(places) == {}
    folder = tmp_path / store_name("telephone")
    folder.mkdir()
    assert perturbed_stores(places) == {}
    (folder / "index.parquet").touch()
    assert perturbed_stores(places) == {"telephone": folder}
