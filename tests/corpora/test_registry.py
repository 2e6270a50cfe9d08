"""Reading by name, wrong layouts, and folders too high or too low, for which the error names the right one."""

import subprocess
import sys
from pathlib import Path

import pytest

from affectspace.corpora import CORPORA, read_corpus
from affectspace.corpora.registry import find_root
from affectspace.errors import ConfigError, DataError

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


def test_unknown_corpora_files_and_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown corpus 'imfbd'; did you mean 'imfdb'"):
        read_corpus("imfbd", tmp_path)
    with pytest.raises(DataError, match=r"nowhere: there is no such file or folder; afew_va needs NNN/NNN.json"):
        read_corpus("afew_va", tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="the reader 'afew_va' does not take media; it takes only the folder"):
        read_corpus("afew_va", tmp_path, media=tmp_path)
    with pytest.raises(ConfigError, match="the reader 'table' does not take scael; it takes media, columns"):
        read_corpus("table", tmp_path, scael="sam")


def test_every_reader_loads() -> None:
    assert all(callable(reader.load()) for reader in CORPORA.values())


def test_the_list_of_corpora_imports_nothing_heavy() -> None:
    code = "import sys; from affectspace.corpora import CORPORA; print({'pandas', 'torch', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imfdb", r"no IMFDB here; expected IMFDB_final/<actor>/<movie>/"),
        ("afew_va", r"no AFEW-VA here; expected NNN/NNN.json"),
        ("affectnet", r"no AffectNet here; expected training.csv"),
        ("iemocap", r"no IEMOCAP here; expected Session1/dialog"),
        ("emobank", r"emobank.csv: there is no such file"),
        ("meld", r"no MELD here; expected train_sent_emo.csv"),
        ("ravdess", r"no RAVDESS here; expected Actor_NN/03-01-EE"),
        ("emodb", r"no EmoDB here; expected files such as wav/03a01Fa.wav"),
        ("cremad", r"no CREMA-D here; expected SentenceFilenames.csv"),
        ("vreg", r"no V-reg here; expected files such as Valence-reg-En-train.txt"),
        ("mosi", r"no label.csv and no CMU_MOSI_Opinion_Labels.csd here"),
        ("faces", r"no corpus.json, index.csv, faces.zip: not a folder of drawn faces"),
        ("speakers", r"no corpus.json, index.csv: not a folder of synthetic speakers"),
    ],
)
def test_another_layout_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_corpus(name, tmp_path)


@pytest.mark.parametrize("name", list(INSIDE))
def test_too_high_and_too_low(tmp_path: Path, name: str) -> None:
    right = tmp_path / "data" / "my corpus"
    file = right / INSIDE[name]
    file.parent.mkdir(parents=True)
    (tmp_path / "data" / "another" / "deeper").mkdir(parents=True)
    file.write_bytes(b"")
    low = right / "somewhere"
    low.mkdir()
    assert find_root(name, right) is None
    if name not in ("iemocap", "imfdb"):  # these readers and their patterns look deeper themselves
        assert find_root(name, tmp_path) == right
    assert find_root(name, tmp_path / "data") == right
    assert find_root(name, low) == right
    with pytest.raises(DataError, match=rf"my corpus looks like {name}: use that folder"):
        read_corpus(name, tmp_path / "data")


def test_nothing_like_it(tmp_path: Path) -> None:
    assert find_root("emobank", tmp_path) is None
    assert find_root("table", tmp_path) is None
    with pytest.raises(DataError, match=r"emobank.csv: there is no such file$"):
        read_corpus("emobank", tmp_path)


def test_real(shared_data: Path) -> None:
    for name, folder in (("emobank", "emobank"), ("vreg", "semeval_vreg"), ("cremad", "cremad"), ("meld", "meld")):
        with pytest.raises(DataError, match=rf"{folder} looks like {name}: use that folder"):
            read_corpus(name, shared_data)


@pytest.mark.parametrize(
    ("file", "wanted", "likely"),
    [
        ("Session1/dialog/EmoEvaluation/a.txt", "mosi", "iemocap"),
        ("CMU_MOSI_Opinion_Labels.csd", "iemocap", "mosi"),
        ("label.csv", "emobank", "mosi or mosei or ch_sims"),
        ("Actor_01/a.wav", "emobank", "ravdess"),
        ("012/012.json", "mosi", "afew_va"),
    ],
)
def test_a_folder_of_another_corpus_is_recognised(tmp_path: Path, file: str, wanted: str, likely: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(DataError, match=f"the folder looks like {likely}: use that reader"):
        read_corpus(wanted, tmp_path)
