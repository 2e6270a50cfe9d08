"""The same people in the official layouts, read back by the readers of those."""

import wave
from pathlib import Path

import numpy as np
import pytest

from affectspace.corpora import rater_correlations, read_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.speakers import (
    Utterance,
    make_official,
    make_speakers,
    plan,
    write_iemocap,
    write_mosei,
    write_mosi,
)
from affectspace.synthetic.speakers.layouts import mosei_strengths

pytest.importorskip("av", reason="clips need PyAV")
h5py = pytest.importorskip("h5py", reason="computational sequences need h5py")


@pytest.fixture(scope="module")
def people() -> list[Utterance]:
    return plan(16, 4, seed=1, turns=4)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def frames_of(path: Path) -> list[np.ndarray]:
    import av

    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def test_iemocap(people: list[Utterance], tmp_path: Path) -> None:
    corpus = read_corpus("iemocap", write_iemocap(people, tmp_path, size=32, fps=3))
    table = corpus.table
    assert len(table) == 16
    assert corpus.report.left_out == {}
    dialogues = {"Ses01F_impro01": 0, "Ses02F_impro01": 4, "Ses01M_impro02": 8, "Ses02M_impro02": 12}
    assert set(table["dialogue"]) == set(dialogues)
    for dialogue, first in dialogues.items():
        rows = table[table["dialogue"] == dialogue].sort_values("start")
        spoken = people[first : first + 4]
        assert rows["text"].tolist() == [item.text for item in spoken]
        assert np.allclose(rows[["valence", "arousal", "dominance"]], [item.affect for item in spoken], atol=1e-4)
        letters = ["FM"[item.session.split("-").index(item.speaker.name)] for item in spoken]
        assert [name[-4] for name in rows["id"]] == letters
        assert rows["person"].tolist() == [dialogue[:5] + letter for letter in letters]
        assert rows["half"].tolist() == ["left" if letter == dialogue[5] else "right" for letter in letters]
        lasting = [seconds(tmp_path / name) for name in rows["audio"]]
        assert np.allclose(rows["end"] - rows["start"], lasting, atol=2e-4)
        pictures = frames_of(tmp_path / rows["video"].iloc[0])
        assert pictures[0].shape == (32, 64, 3)
        assert len(pictures) / 3 >= rows["end"].max()
        for _, row in rows.iterrows():  # who speaks moves more than who listens
            part = np.stack(pictures[int(row["start"] * 3) + 1 : int(row["end"] * 3)]).astype(float)
            moved = np.abs(np.diff(part, axis=0)).mean(axis=(0, 1, 3)).reshape(2, 32).mean(axis=1)
            assert moved.argmax() == ("left", "right").index(row["half"])
    assert corpus.ratings is not None
    assert corpus.ratings.groupby("id")["own"].agg(["sum", "size"]).eq([1, 3]).all(axis=None)


def test_mosi(people: list[Utterance], tmp_path: Path) -> None:
    corpus = read_corpus("mosi", write_mosi(people, tmp_path, size=32, fps=2))
    table = corpus.table
    assert corpus.report.left_out == {}
    for name, rows in table.groupby("person"):
        spoken = [item for item in people if item.speaker.name == name]
        assert rows["id"].tolist() == [f"{name}_{k}" for k in range(1, len(spoken) + 1)]
        assert np.allclose(rows["sentiment"], [3 * item.affect[0] for item in spoken], atol=1e-6)
        assert rows["text"].tolist() == [item.text.upper() for item in spoken]
        assert np.allclose(rows["end"] - rows["start"], [seconds(tmp_path / p) for p in rows["audio"]], atol=1e-4)
        assert (rows["start"].to_numpy()[1:] > rows["end"].to_numpy()[:-1]).all()
        assert len(frames_of(tmp_path / rows["video"].iloc[0])) >= 2


def test_mosei(people: list[Utterance], tmp_path: Path) -> None:
    corpus = read_corpus("mosei", write_mosei(people, tmp_path, video=False))
    table = corpus.table
    assert corpus.report.left_out == {}
    assert table["video"].isna().all()
    for name, rows in table.groupby("person"):
        spoken = [item for item in people if item.speaker.name == name]
        assert rows["clip"].tolist() == [str(k) for k in range(len(spoken))]
        assert np.allclose(rows["sentiment"], [3 * item.affect[0] for item in spoken], atol=1e-6)
        strengths = mosei_strengths(np.array([item.affect for item in spoken]))
        names = ["happy", "sad", "anger", "surprise", "disgust", "fear"]
        assert np.allclose(rows[names], strengths, atol=1e-6)
        assert rows["text"].tolist() == [item.text for item in spoken]
        assert set(rows["audio"]) == {f"Raw/Audio/Full/WAV_16000/{name}.wav"}
        assert seconds(tmp_path / rows["audio"].iloc[0]) > rows["end"].max()


def test_of_a_corpus(tmp_path: Path) -> None:
    corpus = make_speakers(tmp_path / "made", n=4, people=2, modalities=("text", "audio"))
    read = read_corpus("mosi", write_mosi(corpus, tmp_path / "mosi", video=False)).table
    assert sorted(read["text"]) == sorted(corpus.table["text"].str.upper())
    with pytest.raises(DataError, match="corpus mosi: only a corpus that make_speakers wrote"):
        write_mosi(read_corpus("mosi", tmp_path / "mosi"), tmp_path / "other")


def test_official_layouts_have_people_of_their_own_and_raters_who_disagree(tmp_path: Path) -> None:
    tables = {
        name: read_corpus(name, make_official(name, tmp_path / name, n=100 if name == "iemocap" else 20, video=False))
        for name in ("iemocap", "mosi", "mosei")
    }
    texts = [set(corpus.table["text"].str.lower()) for corpus in tables.values()]
    assert len(texts[0] & texts[1]) < 5
    assert len(texts[1] & texts[2]) < 5
    assert set(tables["iemocap"].table["scenario"]) == {"impro01", "impro02"}
    assert all(0.4 < r < 0.95 for r in rater_correlations(tables["iemocap"].ratings)["r"])
    assert all(corpus.synthetic for corpus in tables.values())
    make_official("mosi", tmp_path / "mosi", n=20, video=False)  # finished: nothing is made again
    with pytest.raises(DataError, match="other settings"):
        make_official("mosi", tmp_path / "mosi")
    with pytest.raises(ConfigError, match="choose from iemocap, mosi, mosei"):
        make_official("meld", tmp_path / "meld")
