"""The reader of EmoDB: names, and how listeners judged in either of the two lists."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import DataError

NAMES = ("03a01Fa", "03a02Wb", "08b10Lc", "11a04Ad", "15b09Ta")


@pytest.fixture
def emodb(tmp_path: Path) -> Path:
    (tmp_path / "wav").mkdir()
    for name in (*NAMES, "._03a01Fa", "silence"):
        (tmp_path / "wav" / f"{name}.wav").write_bytes(b"")
    lines = [
        "Nr.\tSatz\terkannt\tnatuerlich",
        *(f"{i}\xa0\t{name}.wav\t9{i},50\xa0 \t7{i},00\xa0" for i, name in enumerate(NAMES[:3])),
    ]
    (tmp_path / "erkennung.txt").write_bytes("\r\n".join(lines).encode("latin-1"))
    return tmp_path


def test_official_layout(emodb: Path) -> None:
    corpus = read_corpus("emodb", emodb)
    table = corpus.table
    assert table["id"].tolist() == list(NAMES)
    assert table["person"].tolist() == ["03", "03", "08", "11", "15"]
    assert table["gender"].tolist() == ["male", "male", "female", "male", "male"]
    assert table["emotion"].tolist() == ["happiness", "anger", "boredom", "fear", "sadness"]
    assert table["sentence"].tolist() == ["a01", "a02", "b10", "a04", "b09"]
    assert table["audio"][0] == "wav/03a01Fa.wav"
    assert table["recognised"][:3].tolist() == pytest.approx([0.905, 0.915, 0.925])
    assert np.isnan(table["natural"][4])
    assert corpus.report.left_out == {"a file whose name is not speaker, sentence, emotion, version": 1}
    (emodb / "erkennung.txt").unlink()
    assert "neither erkennung.txt nor manifest.csv" in read_corpus("emodb", emodb).report.notes[0]


def test_wrong_files(emodb: Path) -> None:
    (emodb / "wav" / "03a01Xa.wav").write_bytes(b"")
    with pytest.raises(DataError, match="row 03a01Xa: unknown emotion 'X' in the spelling of emodb"):
        read_corpus("emodb", emodb)
    (emodb / "wav" / "03a01Xa.wav").rename(emodb / "03a01Fa.flac")
    report = read_corpus("emodb", emodb).report
    assert report.left_out["a recording that is read from a file of another format"] == 1
    (emodb / "03a01Fa.flac").rename(emodb / "03a01Fa.wav")
    assert read_corpus("emodb", emodb).report.left_out["a copy of a file in another folder"] == 1
    (emodb / "03a01Fa.wav").rename(emodb / "03a01Fa.flac")
    (emodb / "high").mkdir()
    (emodb / "wav").rename(emodb / "high" / "wav")
    assert "files were read from subfolders: high (4), . (1)" in read_corpus("emodb", emodb).report.notes
    (emodb / "high" / "wav").rename(emodb / "wav")
    (emodb / "03a01Fa.flac").unlink()
    (emodb / "erkennung.txt").write_text("head\n1 2 3\n")
    with pytest.raises(DataError, match=r"erkennung.txt: every line needs number, recording"):
        read_corpus("emodb", emodb)


def test_real(shared_data: Path) -> None:
    corpus = read_corpus("emodb", shared_data / "emodb")
    table = corpus.table
    assert len(table) == 535
    assert table["person"].nunique() == 10
    counts = {"anger": 127, "boredom": 81, "neutral": 79, "happiness": 71, "fear": 69, "sadness": 62, "disgust": 46}
    assert table["emotion"].value_counts().to_dict() == counts
    assert table["recognised"].between(0.5, 1).all()
