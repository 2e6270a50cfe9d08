"""The reader of AFEW-VA's official layout and of its labels alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import DataError


def test_official_layout(afew_va: Path) -> None:
    corpus = read_corpus("afew_va", afew_va)
    table = corpus.table
    assert list(table["id"]) == [f"001_0000{i}" for i in range(3)] + ["002_00000"] + [f"003_0000{i}" for i in range(3)]
    assert corpus.report.left_out == {"a frame without valence and arousal": 1, "the frame's image is missing": 1}
    assert np.allclose(table["valence"][:3], [0, 0.2, 0.4])
    assert np.allclose(table["arousal"][:3], [-1, -0.9, -0.8])
    assert set(table["label_kind"]) == {"rated"}
    assert list(table["person"][2:5]) == ["An Actor", "An Actor", "unknown actor of clip 003"]
    assert sum(corpus.report.repaired.values()) == 3
    assert corpus.images(20).ok.all()


def test_the_clip_and_the_parts_of_the_release(afew_va: Path, tmp_path: Path) -> None:
    assert len(read_corpus("afew_va", afew_va / "001").table) == 3
    (tmp_path / "release").mkdir()
    afew_va.rename(tmp_path / "release" / "01")
    assert len(read_corpus("afew_va", tmp_path / "release").table) == 7


def test_out_of_range_names_the_frame(afew_va: Path) -> None:
    path = afew_va / "001" / "001.json"
    document = json.loads(path.read_text())
    document["frames"]["00001"]["valence"] = 11
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"row 001_00001: valence is 11, outside -10..10"):
        read_corpus("afew_va", afew_va)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "001.json: cannot be read"),
        ("[]", "001.json: no frames"),
        ('{"frames": {"00000": {"valence": "much", "arousal": 1}}}', "frame 00000: valence is 'much'"),
    ],
)
def test_bad_json_names_the_file(afew_va: Path, text: str, message: str) -> None:
    (afew_va / "001" / "001.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_corpus("afew_va", afew_va)


def test_labels_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"001_00000": [10, -10], "002_00000": [0, 5.0]}')
    corpus = read_corpus("afew_va", tmp_path)
    assert corpus.table[["valence", "arousal"]].to_numpy().tolist() == [[1, -1], [0, 0.5]]
    assert list(corpus.table["person"]) == ["001", "002"]
    with pytest.raises(DataError, match="read without images; give their folder or zip"):
        corpus.images()
    (tmp_path / "labels.json").write_text('{"001_00000": [10]}')
    with pytest.raises(DataError, match="'001_00000' -> \\[10\\]; expected NNN_FFFFF"):
        read_corpus("afew_va", tmp_path)
    (tmp_path / "labels.json").write_text('{"001_00000": [10, 3]')
    with pytest.raises(DataError, match=r"cannot be read: the JSON breaks off, .* line 1, column 22"):
        read_corpus("afew_va", tmp_path)


def test_real_labels_and_sample(shared_data: Path) -> None:
    table = read_corpus("afew_va", shared_data / "afew_va").table
    assert len(table) == 30_051
    assert table["session"].nunique() == 600
    sample = read_corpus("afew_va", shared_data / "afew_va" / "layout_sample_001")
    assert sample.media is None
    assert len(sample.table) == 1
