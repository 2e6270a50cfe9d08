"""A folder one level too high or too low: the error names the right one."""

from pathlib import Path

import pytest

from affectspace.corpora import read_corpus
from affectspace.corpora.registry import elsewhere
from affectspace.errors import DataError

INSIDE = {
    "imfdb": "IMFDB_final/actor/movie/images/a.jpg",
    "afew_va": "001/001.json",
    "affectnet": "training.csv",
    "iemocap": "Session1/dialog/EmoEvaluation/a.txt",
    "mosi": "CMU_MOSI_Opinion_Labels.csd",
    "mosei": "CMU_MOSEI_Labels.csd",
    "ch_sims": "label.csv",
    "emobank": "emobank.csv",
    "meld": "train_sent_emo.csv",
    "cremad": "SentenceFilenames.csv",
    "vreg": "2018-Valence-reg-En-train.txt",
    "faces": "faces.zip",
    "speakers": "text/1/a.txt",
}


@pytest.mark.parametrize("name", list(INSIDE))
def test_too_high_and_too_low(tmp_path: Path, name: str) -> None:
    right = tmp_path / "data" / "my corpus"
    file = right / INSIDE[name]
    file.parent.mkdir(parents=True)
    (tmp_path / "data" / "another" / "deeper").mkdir(parents=True)
    file.write_bytes(b"")
    low = right / "somewhere"
    low.mkdir()
    assert elsewhere(name, right) is None
    if name not in ("iemocap", "imfdb"):  # these readers and their patterns look deeper themselves
        assert elsewhere(name, tmp_path) == right
    assert elsewhere(name, tmp_path / "data") == right
    assert elsewhere(name, low) == right
    with pytest.raises(DataError, match=rf"my corpus looks like {name}: name that folder"):
        read_corpus(name, tmp_path / "data")


def test_nothing_like_it(tmp_path: Path) -> None:
    assert elsewhere("emobank", tmp_path) is None
    assert elsewhere("table", tmp_path) is None
    with pytest.raises(DataError, match=r"emobank.csv: there is no such file; copy it from the corpus$"):
        read_corpus("emobank", tmp_path)


def test_recordings_are_found_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "Actor_01").mkdir(parents=True)
    (tmp_path / "a" / "Actor_01" / "03-01-05-02-01-01-01.wav").write_bytes(b"")
    assert len(read_corpus("ravdess", tmp_path)) == 1


def test_real(shared_data: Path) -> None:
    for name, folder in (("emobank", "emobank"), ("vreg", "semeval_vreg"), ("cremad", "cremad"), ("meld", "meld")):
        with pytest.raises(DataError, match=rf"{folder} looks like {name}: name that folder"):
            read_corpus(name, shared_data)
