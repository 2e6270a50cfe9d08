"""CMU-MOSI and CMU-MOSEI in their raw folders, and the label.csv form that CH-SIMS has too."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import DataError


def touch(root: Path, *names: str, text: str = "") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


@pytest.fixture
def write_csd() -> Callable[[Path, str, dict], None]:
    h5py = pytest.importorskip("h5py", reason="computational sequences need h5py")

    def write(path: Path, name: str, data: dict) -> None:
        with h5py.File(path, "w") as file:
            for video, (features, intervals) in data.items():
                group = file.create_group(f"{name}/data/{video}")
                group["features"] = np.array(features, dtype=np.float32)
                group["intervals"] = np.array(intervals, dtype=np.float32)
            file.create_group(f"{name}/metadata")

    return write


@pytest.fixture
def mosi(tmp_path: Path, write_csd) -> Path:
    labels = {
        "-a_b": ([[2.4], [-3.0], [np.nan]], [[0, 1.5], [1.5, 4], [4, 5]]),
        "v2": ([[0.0]], [[10, 12]]),
        "v3": ([[1.0]], [[0, 1]]),
    }
    write_csd(tmp_path / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    transcripts = tmp_path / "Raw" / "Transcript" / "Segmented"
    touch(
        transcripts,
        "-a_b.annotprocessed",
        text="1_DELIM_A GOOD ONE\n2_DELIM_BAD\n3_DELIM_EH\n9_DELIM_NO SUCH SEGMENT\n",
    )
    touch(transcripts, "v2.annotprocessed", text="1_DELIM_NA\n")
    touch(transcripts, "unlabelled.annotprocessed", text="1_DELIM_ALONE\n")
    touch(transcripts, "._v2.annotprocessed", text="debris")
    touch(tmp_path / "Raw", "Audio/WAV_16000/Segmented/-a_b_2.wav", "Video/Segmented/-a_b_1.mp4")
    return tmp_path


def test_mosi_raw(mosi: Path) -> None:
    corpus = read_corpus("mosi", mosi)
    table = corpus.table.set_index("id")
    assert list(table.index) == ["-a_b_1", "-a_b_2", "v2_1", "v3_1"]
    assert table["sentiment"].tolist() == pytest.approx([2.4, -3, 0, 1])
    assert table["valence"].isna().all()
    assert table["label_kind"].isna().all()
    assert table["text"].iloc[:3].tolist() == ["A GOOD ONE", "BAD", "NA"]
    assert table["start"].tolist() == [0, 1.5, 10, 0]
    assert table["audio"].dropna().to_dict() == {"-a_b_2": "Raw/Audio/WAV_16000/Segmented/-a_b_2.wav"}
    assert table["video"].dropna().to_dict() == {"-a_b_1": "Raw/Video/Segmented/-a_b_1.mp4"}
    assert corpus.report.left_out == {"a segment without sentiment": 1, "a transcript of a segment without labels": 2}
    assert "1 segments have no transcript" in corpus.report.notes
    assert corpus.table["person"].nunique() == 3


def test_published_folds_are_the_users(mosi: Path) -> None:
    folds = mosi / "folds.json"
    folds.write_text(json.dumps({"train": ["-a_b"], "validation": ["v2"], "test": ["v3"]}))
    corpus = read_corpus("mosi", mosi, published_folds=folds)
    assert corpus.split("published").tolist() == ["train", "train", "validation", "test"]
    folds.write_text(json.dumps({"train": ["v3"], "validation": [], "test": ["v3"]}))
    with pytest.raises(DataError, match="video 'v3' is in train and in test"):
        read_corpus("mosi", mosi, published_folds=folds)
    folds.write_text(json.dumps({"train": ["x"], "validation": [], "test": []}))
    with pytest.raises(DataError, match="none of the videos is in any part"):
        read_corpus("mosi", mosi, published_folds=folds)
    folds.write_text("[]")
    with pytest.raises(DataError, match=r'expected \{"train"'):
        read_corpus("mosi", mosi, published_folds=folds)


def test_mosi_faults(mosi: Path, write_csd, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mosi / "CMU_MOSI_Opinion_Labels.csd"
    write_csd(path, "Opinion Segment Labels", {"v2": ([[4.0]], [[0, 1]])})
    with pytest.raises(DataError, match=r"row v2_1: sentiment is 4, outside -3..3"):
        read_corpus("mosi", mosi)
    write_csd(path, "Opinion Segment Labels", {"v2": ([[4.0, 1.0]], [[0, 1]])})
    with pytest.raises(DataError, match=r"video 'v2' has features \(1, 2\)"):
        read_corpus("mosi", mosi)
    path.write_bytes(b"not HDF5")
    with pytest.raises(DataError, match="not a readable computational sequence"):
        read_corpus("mosi", mosi)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"needs h5py: pip install 'affectspace\[video\]'"):
        read_corpus("mosi", mosi)
    path.unlink()
    with pytest.raises(DataError, match=r"no label.csv and no CMU_MOSI_Opinion_Labels.csd here"):
        read_corpus("mosi", mosi)


@pytest.fixture
def mosei(tmp_path: Path, write_csd) -> Path:
    happy, none, tie = [2.0, 3, 0, 0, 0, 0, 0.5], [-1.0, 0, 0, 0, 0, 0, 0], [0.0, 0, 1, 1, 0, 0, 0]
    labels = {
        "a_b": ([tie, happy, none], [[20, 30.5], [0, 10.004], [10, 20]]),  # in no order
        "-c": ([happy, none], [[0, 5], [50, 60]]),
        "silent": ([none], [[0, 1]]),
    }
    write_csd(tmp_path / "CMU_MOSEI_Labels.csd", "All Labels", labels)
    combined = tmp_path / "Raw" / "Transcript" / "Segmented" / "Combined"
    spoken = ["a_b___0___0.0___10.0___one", "a_b___1___10.0___20.0___two ___ with lines", "a_b___2___20.0___30.5___NA"]
    touch(combined, "a_b.txt", text="\n".join(spoken) + "\n")
    touch(combined, "-c.txt", text="-c___0___0___5___it’s\n-c___1___5___9___without labels\n")
    touch(combined, "unlabelled.txt", text="unlabelled___0___0___5___alone\n")
    touch(combined, "._a_b.txt", text="debris")
    touch(tmp_path / "Raw", "Audio/Full/WAV_16000/a_b.wav", "Videos/Segmented/Combined/a_b_1.mp4")
    return tmp_path


def test_mosei_raw(mosei: Path) -> None:
    corpus = read_corpus("mosei", mosei)
    table = corpus.table.set_index("id").sort_index()
    assert list(table.index) == ["-c_0", "a_b_0", "a_b_1", "a_b_2"]
    assert table["sentiment"].tolist() == [2, 2, -1, 0]
    assert table["emotion"].tolist()[:2] == ["happiness", "happiness"]
    assert table["emotion"].isna().tolist() == [False, False, True, True]
    assert table["text"].tolist() == ["it’s", "one", "two ___ with lines", "NA"]
    assert table["happy"].tolist() == [3, 3, 0, 0]
    assert table["fear"].tolist() == [0.5, 0.5, 0, 0]
    assert table["cut"].tolist()[1:] == ["audio"] * 3
    assert table["audio"].tolist()[1:] == ["Raw/Audio/Full/WAV_16000/a_b.wav"] * 3
    assert table["video"].dropna().to_dict() == {"a_b_1": "Raw/Videos/Segmented/Combined/a_b_1.mp4"}
    assert (table.loc["a_b_2", "start"], table.loc["a_b_2", "end"]) == (20, 30.5)
    assert corpus.report.left_out == {
        "a clip of a video without labels": 1,
        "a clip whose interval has no labels": 1,
        "labels of an interval that is no clip": 1,
        "labels of a video without transcript": 1,
    }


def test_mosei_faults(mosei: Path) -> None:
    touch(mosei / "Raw/Transcript/Segmented/Combined", "-c.txt", text="-c___0___soon___5___it\n")
    with pytest.raises(DataError, match=r"-c.txt: line 1: .* is not <video>___<clip>"):
        read_corpus("mosei", mosei)


HEAD = ["video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"]


def test_label_csv(tmp_path: Path, write_csv) -> None:
    rows = [
        ["video_0001", "0001", "NA", -0.8, -1, 0.2, -0.4, "Negative", "train"],
        ["video_0001", "0002", "fine", 0.8, 1, 0.2, 0.4, "Positive", "valid"],
        ["-x_y", "0001", "so", 1, "", "", "", "Positive", "test"],
    ]
    write_csv(tmp_path / "label.csv", [HEAD, *rows])
    touch(tmp_path / "Raw", "video_0001/0001.mp4", "video_0001/._0002.mp4")
    corpus = read_corpus("ch_sims", tmp_path)
    assert corpus.table["id"].tolist() == ["video_0001_0001", "video_0001_0002", "-x_y_0001"]
    assert corpus.table["text"][0] == "NA"
    assert corpus.table["video"].dropna().tolist() == ["Raw/video_0001/0001.mp4"]
    assert corpus.table["sentiment"].tolist() == [-0.8, 0.8, 1]
    assert corpus.split("published").tolist() == ["train", "validation", "test"]
    assert corpus.ratings is not None
    assert corpus.ratings["channel"].tolist() == ["text", "text", "audio", "audio", "video", "video"]
    assert len(read_corpus("mosei", tmp_path)) == len(read_corpus("mosi", tmp_path)) == 3
    write_csv(tmp_path / "label.csv", [HEAD, ["v", "1", "t", 2.5, "", "", "", "", "train"]])
    assert read_corpus("mosi", tmp_path).table["sentiment"][0] == 2.5
    with pytest.raises(DataError, match=r"row v_1: sentiment is 2.5, outside -1..1"):
        read_corpus("ch_sims", tmp_path)
    write_csv(tmp_path / "label.csv", [HEAD, ["v", "1", "t", 0.5, "", "", "", "", "dev"]])
    with pytest.raises(DataError, match="mode is 'dev'; modes are train, valid, test"):
        read_corpus("ch_sims", tmp_path)
    (tmp_path / "label.csv").unlink()
    with pytest.raises(DataError, match=r"label.csv: there is no such file"):
        read_corpus("ch_sims", tmp_path)
