"""Ready-made vectors in files of three kinds, matched by id or by file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.errors import ConfigError, DataError
from affectspace.features import extract
from affectspace.features.backbones.vectors import read_vectors


def test_npz_by_file_names(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["A/one.wav", "A/two.wav", "A/three.wav"])
    numbers = np.arange(8, dtype=np.float64).reshape(4, 2)
    numbers[1, 1] = np.nan
    np.savez(tmp_path / "v.npz", au=numbers, files=["x/two.flac", "one.flac", "four.flac", "five.flac"])
    backbone, items = read_vectors(tmp_path / "v.npz", "units", corpus)
    done = extract(corpus, backbone, tmp_path / "s", items=items)
    assert (done.made, done.failed, done.without) == (1, 1, 1)
    assert done.reasons == {"the ready-made vector has missing or infinite numbers": 1}
    vectors, present = done.store.read(["m0", "m1", "m2"])
    assert present.tolist() == [False, True, False]
    assert vectors[1].tolist() == [0, 1]
    assert done.store.modality == "units"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_by_id(tmp_path: Path, media_corpus, kind: str) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", "b.wav"])
    frame = pd.DataFrame({"id": ["m1", "m0"], "smile": [1.0, 2.0], "frown": [3, 4]})
    path = tmp_path / f"v.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    backbone, items = read_vectors(path, "units", corpus)
    assert backbone.columns == ("smile", "frown")
    assert [item.vector.tolist() for item in items] == [[2, 4], [1, 3]]


def test_errors(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", "b.wav"])
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 3)), files=["a", "b"])
    np.savez(tmp_path / "twice.npz", a=np.ones((2, 2)), files=["a.wav", "x/a.flac"])
    np.savez(tmp_path / "other.npz", a=np.ones((2, 2)), files=["q", "r"])
    np.savez(tmp_path / "pickled.npz", a=np.ones((2, 2)), files=np.array(["a", "b"], dtype=object))
    np.savez(tmp_path / "short.npz", a=np.ones((3, 2)), files=["a", "b"])
    (tmp_path / "t.csv").write_text("id,x\nm0,high\n")
    (tmp_path / "n.csv").write_text("name,x\nm0,1\n")
    for name, message in (
        ("two.npz", r"2 arrays of vectors \(a, b\); choose one"),
        ("twice.npz", "1 names occur twice"),
        ("other.npz", r"none of its 2 names \(q, ...\) is an id or a file of corpus media \(m0, ...\)"),
        ("pickled.npz", "cannot be loaded|without unpickling"),
        ("short.npz", "3 vectors for 2 names"),
        ("t.csv", "x besides id must hold numbers"),
        ("n.csv", "no column 'id'; it has name, x"),
        ("gone.npz", "there is no such file"),
    ):
        with pytest.raises(DataError, match=message):
            read_vectors(tmp_path / name, "units", corpus)
    with pytest.raises(ConfigError, match="a modality name of their own, not 'audio'"):
        read_vectors(tmp_path / "two.npz", "audio", corpus)
