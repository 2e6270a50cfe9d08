"""Disturbed recordings have other vectors of the same width, and only complete stores count."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.features import FeatureStore, Item, extract, make_backbone
from affectspace.studies.manifold.corpora import Folders, Source
from affectspace.studies.manifold.disturbances import (
    FACES,
    SAMPLE_RATE,
    SOUNDS,
    DisturbedBackbone,
    complete_disturbed_stores,
    disturbed_stores,
    make_disturbed_stores,
)
from affectspace.synthetic.speakers import make_speakers

soundfile = pytest.importorskip("soundfile")


def test_every_disturbance_changes_the_functionals(tmp_path: Path) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.3 * np.sin(2 * np.pi * (140 + 30 * time) * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone.astype(np.float32), SAMPLE_RATE)
    plain = make_backbone("audio", "functionals")
    item = Item("tone", path=path)
    before = plain.load(item)
    for key in SOUNDS:
        disturbed = DisturbedBackbone(plain, key)
        after = disturbed.load(item)
        assert after.shape == before.shape == (disturbed.dimension,)
        assert np.isfinite(after).all()
        if "louder" not in key and "softer" not in key:  # level is normalised by the backbone itself
            assert not np.allclose(after, before, atol=1e-3), key
        np.testing.assert_array_equal(after, disturbed.load(item))
        assert disturbed.settings["disturbance"] == key


def test_faces_of_synthetic_people_are_blurred(tmp_path: Path) -> None:
    folders = Folders(features=tmp_path / "features", out=tmp_path)
    make_speakers(folders.people, n=6, people=3, seed=0)
    folders = folders.model_copy(update={"corpora": {"people": folders.people}})
    source = Source.read("people", folders)
    extract(source.corpus, make_backbone("video", "gradients", crop=False), folders.store("people", "video"))
    make_disturbed_stores(folders, Source.read("people", folders))
    stores = complete_disturbed_stores(folders, "people")
    assert set(stores) == {("video", name) for name in FACES}  # there is no store of the voices
    ids = source.table["id"]
    plain, *blurred = (
        FeatureStore(folder).read(ids)[0] for folder in (folders.store("people", "video"), *stores.values())
    )
    changes = [np.abs(vectors - plain).mean() for vectors in blurred]
    assert 0 < changes[0] < changes[1]


def test_only_complete_stores_count(tmp_path: Path) -> None:
    folders = Folders(features=tmp_path, out=tmp_path)
    assert complete_disturbed_stores(folders, "ravdess") == {}
    stores = disturbed_stores(folders, "ravdess")
    assert len(set(stores.values())) == len(SOUNDS)
    folder = stores["audio", "telephone"]
    folder.mkdir()
    assert complete_disturbed_stores(folders, "ravdess") == {}
    (folder / "index.parquet").touch()
    assert complete_disturbed_stores(folders, "ravdess") == {("audio", "telephone"): folder}
