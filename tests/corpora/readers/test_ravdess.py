"""The reader of RAVDESS: one row for each performance, with the files that exist."""

from pathlib import Path

import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError


@pytest.fixture
def ravdess(tmp_path: Path) -> Path:
    """The archives of sound and of picture unpacked beside each other; one copy, one song, one stranger."""
    for name in (
        "Audio_Speech_Actors_01-24/Actor_01/03-01-05-02-01-01-01.wav",
        "Audio_Speech_Actors_01-24/Actor_01/._03-01-05-02-01-01-01.wav",
        "Audio_Speech_Actors_01-24/Actor_02/03-01-02-01-02-02-02.wav",
        "Audio_Speech_Actors_01-24/Actor_02/notes.wav",
        "Audio_Song_Actors_01-24/Actor_02/03-02-03-01-02-02-02.wav",
        "Copy/Actor_01/03-01-05-02-01-01-01.wav",
        "Video_Speech_Actor_01/Actor_01/01-01-05-02-01-01-01.mp4",
        "Video_Speech_Actor_01/Actor_01/02-01-05-02-01-01-01.mp4",
        "Video_Speech_Actor_02/Actor_02/02-01-02-01-02-02-02.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def test_sound_and_picture_of_a_performance_are_one_row(ravdess: Path) -> None:
    corpus = read_corpus("ravdess", ravdess)
    table = corpus.table
    assert table["id"].tolist() == ["01-05-02-01-01-01", "01-02-01-02-02-02"]
    assert table["person"].tolist() == ["01", "02"]
    assert table["gender"].tolist() == ["male", "female"]
    assert table["emotion"].tolist() == ["anger", "calm"]
    assert table["intensity"].tolist() == ["strong", "normal"]
    assert table["sentence"].tolist() == ["01", "02"]
    assert table["text"].isna().all()
    assert table["audio"][0] == "Audio_Speech_Actors_01-24/Actor_01/03-01-05-02-01-01-01.wav"
    assert table["video"].tolist() == [
        "Video_Speech_Actor_01/Actor_01/01-01-05-02-01-01-01.mp4",
        "Video_Speech_Actor_02/Actor_02/02-01-02-01-02-02-02.mp4",
    ]
    assert corpus.report.left_out == {
        "a file whose name is not seven known numbers": 1,
        "a file of song, the other channel": 1,
        "a copy of a file in another folder": 1,
        "a silent clip of a performance whose clip with sound is read": 1,
    }
    assert corpus.report.notes == [
        "files were read from subfolders: Audio_Speech_Actors_01-24 (2), "
        "Video_Speech_Actor_01 (2), Video_Speech_Actor_02 (1)"
    ]


def test_files_where_they_belong_need_no_note(ravdess: Path) -> None:
    """The archives' folders hold the actors; a second format of a sound is no copy of it in another folder."""
    folder = ravdess / "Audio_Speech_Actors_01-24"
    (folder / "Actor_02" / "03-01-02-01-02-02-02.flac").write_bytes(b"")
    report = read_corpus("ravdess", folder).report
    assert not any("subfolders" in note for note in report.notes)
    assert report.left_out["a recording that is read from a file of another format"] == 1
    assert "a copy of a file in another folder" not in report.left_out


def test_songs_on_request(ravdess: Path) -> None:
    assert read_corpus("ravdess", ravdess, channel="song").table["emotion"].tolist() == ["happiness"]
    assert read_corpus("ravdess", ravdess, channel="both").table["channel"].tolist() == ["speech", "speech", "song"]
    with pytest.raises(ConfigError, match="unknown channel 'music'; choose from speech, song, both"):
        read_corpus("ravdess", ravdess, channel="music")


def test_real(shared_data: Path) -> None:
    corpus = read_corpus("ravdess", shared_data / "ravdess")
    table = corpus.table
    assert len(table) == 1440
    assert table["person"].nunique() == 24
    counts = table["emotion"].value_counts()
    assert counts["neutral"] == 96
    assert (counts.drop("neutral") == 192).all()
    assert table["text"].nunique() == 2
    assert corpus.report.left_out == {}
    split = corpus.split("person")
    assert table.groupby(split)["person"].nunique().sum() == 24
