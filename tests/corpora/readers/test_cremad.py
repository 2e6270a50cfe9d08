"""The reader of CREMA-D: acted emotions, and perceived ones by channel, with ties."""

from pathlib import Path

import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import DataError

VOTES = ["", *"ADFHNS", "fileName", "numResponses", "agreement", "emoVote", "meanEmoResp"]
SUMMARY = ["", "FileName", "VoiceVote", "VoiceLevel", "FaceVote", "FaceLevel", "MultiModalVote", "MultiModalLevel"]


@pytest.fixture
def cremad(tmp_path: Path, write_csv) -> Path:
    names = ["1001_DFA_ANG_HI", "1002_IEO_NEU_XX"]
    write_csv(tmp_path / "SentenceFilenames.csv", [["Stimulus_Number", "Filename"], *enumerate(names, 1)])
    people = [[1001, 51, "Male", "A", "B"], [1002, 21, "Female", "A", "C"]]
    write_csv(tmp_path / "VideoDemographics.csv", [["ActorID", "Age", "Sex", "Race", "Ethnicity"], *people])
    votes = [
        [100001, 5, 5, 0, 0, 0, 0, names[0], 10, 0.5, "A:D", 70.5],
        [200001, 8, 1, 0, 0, 0, 0, names[0], 9, 0.8889, "A", 80],
        [300001, 9, 0, 0, 0, 0, 1, names[0], 10, 0.9, "A", 90],
        [100002, 0, 0, 0, 0, 9, 1, names[1], 10, 0.9, "N", 60],
        [300002, 0, 0, 0, 0, 9, 1, "1003_IEO_NEU_XX", 10, 0.9, "N", 60],
    ]
    write_csv(tmp_path / "tabulatedVotes.csv", [VOTES, *votes])
    write_csv(tmp_path / "summaryTable.csv", [SUMMARY, [1, names[0], "A:D", "70:71", "A", 80, "A", 90]])
    for name in ("AudioWAV/1001_DFA_ANG_HI.wav", "AudioWAV/._1002_IEO_NEU_XX.wav", "VideoFlash/1001_DFA_ANG_HI.flv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_clips_and_ratings(cremad: Path) -> None:
    corpus = read_corpus("cremad", cremad)
    table = corpus.table
    assert table["emotion"].tolist() == ["anger", "neutral"]
    assert table["level"].tolist() == ["HI", "XX"]
    assert table["gender"].tolist() == ["male", "female"]
    assert table["age"].tolist() == [51, 21]
    assert table["audio"].dropna().tolist() == ["AudioWAV/1001_DFA_ANG_HI.wav"]
    assert table["video"].dropna().tolist() == ["VideoFlash/1001_DFA_ANG_HI.flv"]
    ratings = corpus.ratings
    assert ratings is not None
    assert ratings["channel"].tolist() == ["voice", "face", "both", "voice"]
    assert ratings["emotion"].isna().tolist() == [True, False, False, False]
    assert ratings["vote"].tolist() == ["A:D", "A", "A", "N"]
    assert ratings.loc[0, ["anger", "disgust", "fear", "n"]].tolist() == [5, 5, 0, 10]
    assert ratings["level"].tolist() == [70.5, 80, 90, 60]
    assert "1 rating is of clips that SentenceFilenames.csv does not list" in corpus.report.notes
    assert "without 2 ratings of a clip and channel" in corpus.report.notes


def test_summary_alone_and_nothing(cremad: Path) -> None:
    (cremad / "tabulatedVotes.csv").unlink()
    ratings = read_corpus("cremad", cremad).ratings
    assert ratings is not None
    assert ratings["vote"].tolist() == ["A:D", "A", "A"]
    assert ratings["level"].isna().tolist() == [True, False, False]
    (cremad / "summaryTable.csv").unlink()
    assert read_corpus("cremad", cremad).ratings is None


def test_wrong_files(cremad: Path, write_csv) -> None:
    write_csv(
        cremad / "VideoDemographics.csv", [["ActorID", "Age", "Sex", "Race", "Ethnicity"], [1001, 1, "F", "", ""]]
    )
    with pytest.raises(DataError, match="no row for actor 1002"):
        read_corpus("cremad", cremad)
    write_csv(cremad / "SentenceFilenames.csv", [["Stimulus_Number", "Filename"], [1, "1001-DFA"]])
    with pytest.raises(DataError, match="row 1: '1001-DFA' is not ACTOR_SENTENCE_EMOTION_LEVEL"):
        read_corpus("cremad", cremad)


def test_real(shared_data: Path) -> None:
    import pandas as pd

    corpus = read_corpus("cremad", shared_data / "cremad")
    assert len(corpus) == 7442
    assert corpus.table["person"].nunique() == 91
    assert corpus.table["emotion"].nunique() == 6
    ratings = corpus.ratings
    assert ratings is not None
    assert ratings["channel"].value_counts().to_dict() == {"voice": 7442, "face": 7442, "both": 7442}
    summary = pd.read_csv(shared_data / "cremad" / "summaryTable.csv").set_index("FileName")
    for channel, column in (("voice", "VoiceVote"), ("face", "FaceVote"), ("both", "MultiModalVote")):
        votes = ratings[ratings["channel"] == channel].set_index("id")["vote"]
        assert (votes == summary.loc[votes.index, column]).mean() > 0.99
