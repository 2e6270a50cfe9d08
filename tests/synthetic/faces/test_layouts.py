"""Drawn faces in the official layouts, read back by the readers of those, and marked as drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectspace.annotation import AnnotationTransfer
from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.faces import write_afew_va, write_imfdb


def test_imfdb(tmp_path: Path) -> None:
    out = write_imfdb(tmp_path / "IMFDB", n=40, people=4, size=32)
    corpus = read_corpus("imfdb", out, where="min(width, height) >= 32")
    table = corpus.table
    assert corpus.report.left_out == corpus.report.repaired == {}
    assert (len(table), table["person"].nunique(), table["session"].nunique()) == (40, 4, 8)
    assert table["emotion"].notna().all()
    assert table[["valence", "arousal"]].isna().all(axis=None)
    with Image.open(corpus.media / table["image"][0]) as image:  # type: ignore[operator]
        assert image.size == (32, 32)
    for folder in (out, out / "IMFDB_final"):  # both are the corpus, and neither has a real person
        read = read_corpus("imfdb", folder)
        assert read.synthetic
        assert "no real person" in read.licence
    line = next(out.rglob("*.txt")).read_bytes().split(b"\r\n")[0]
    assert len(line.split(b"\t")) == 17


def test_afew_va(tmp_path: Path) -> None:
    out = write_afew_va(tmp_path, n=30, people=2, size=32)
    corpus = read_corpus("afew_va", out)
    table = corpus.table
    assert corpus.synthetic
    assert (len(table), table["session"].nunique(), table["person"].nunique()) == (30, 3, 2)
    levels = 10 * table[["valence", "arousal"]].to_numpy()
    assert np.allclose(levels, np.rint(levels))
    first = levels[(table["session"] == "001").to_numpy()]
    steps = np.abs(np.diff(first, axis=0)).max()
    assert 0 < steps <= np.abs(first[-1] - first[0]).max() / 11 + 1, "the expression moves smoothly"
    assert len(set(AnnotationTransfer.reference("affectnet").predict(levels / 10))) > 1
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    write_afew_va(tmp_path, n=30, people=2, size=32)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.*")} == before, "finished faces are kept"
    with pytest.raises(DataError, match="with other settings"):
        write_imfdb(tmp_path, n=30, people=2, size=32)
    with pytest.raises(ConfigError, match="3 clips, too few for 5 people"):
        write_afew_va(tmp_path / "new", n=30, people=5)
