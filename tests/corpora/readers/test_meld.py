"""The reader of MELD: apostrophes, numbers that restart in each list, times, clips."""

from pathlib import Path

import pytest

from affectspace.corpora import leakage, read_corpus
from affectspace.errors import DataError

HEAD = ["Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"]
HEAD += ["Season", "Episode", "StartTime", "EndTime"]


def row(text: str, utterance: int = 0, emotion: str = "joy", sentiment: str = "positive", end: str = "") -> list:
    return [1, text, "Ann", emotion, sentiment, 0, utterance, 4, 7, "0:20:57,256", end or "00:21:00,049"]


@pytest.fixture
def meld(tmp_path: Path, write_csv) -> Path:
    train = [row("It’s here"), row("It\x92s “there”, too", 1, "anger", "negative", "0:21:01,28")]
    write_csv(tmp_path / "train_sent_emo.csv", [HEAD, *train])
    write_csv(tmp_path / "dev_sent_emo.csv", [HEAD, row("NA", 0, "neutral", "neutral")])
    write_csv(tmp_path / "test_sent_emo.csv", [HEAD, row("it's HERE!", 0, "surprise")])
    for name in ("train/train_splits/dia0_utt0", "train/train_splits/._dia0_utt1", "dev/dev_splits_complete/dia0_utt0"):
        path = tmp_path / "MELD.Raw" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def test_everything_is_read(meld: Path) -> None:
    corpus = read_corpus("meld", meld, media=meld / "MELD.Raw")
    table = corpus.table
    assert table["id"].tolist() == ["train_dia0_utt0", "train_dia0_utt1", "dev_dia0_utt0", "test_dia0_utt0"]
    assert table["dialogue"].nunique() == 3
    assert table["session"].unique().tolist() == ["s04e07"]
    assert table["text"].tolist() == ["It’s here", "It’s “there”, too", "NA", "it's HERE!"]
    assert table["emotion"].tolist() == ["happiness", "anger", "neutral", "surprise"]
    assert table["sentiment"].tolist() == [1, -1, 0, 1]
    assert table["valence"].isna().all()
    assert table["start"][0] == pytest.approx(1257.256)
    assert table["end"][1] == pytest.approx(1261.028)
    assert corpus.report.repaired == {
        "typographic characters that were saved as Latin-1 controls": 1,
        "a time with fewer than three digits after the comma, read as milliseconds": 1,
    }
    clips = ["train/train_splits/dia0_utt0.mp4", "dev/dev_splits_complete/dia0_utt0.mp4"]
    assert table["video"].dropna().tolist() == clips
    assert corpus.media == meld / "MELD.Raw"
    split = corpus.split("published")
    assert split.tolist() == ["train", "train", "validation", "test"]
    assert leakage(table, split)["text"] == {}.fromkeys(["train/test"], ["it s here"])


def test_the_lists_may_be_where_the_releases_have_them(meld: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (meld / "train_sent_emo.csv").rename(tmp_path / "train" / "train_sent_emo.csv")
    assert len(read_corpus("meld", tmp_path)) == 4
    (tmp_path / "data" / "MELD").mkdir(parents=True)
    (meld / "dev_sent_emo.csv").rename(tmp_path / "data" / "MELD" / "dev_sent_emo.csv")
    assert len(read_corpus("meld", tmp_path)) == 4


def test_one_list_is_enough_and_noted(meld: Path) -> None:
    (meld / "dev_sent_emo.csv").unlink()
    (meld / "test_sent_emo.csv").unlink()
    corpus = read_corpus("meld", meld)
    assert len(corpus) == 2
    assert "no dev_sent_emo.csv found" in corpus.report.notes


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (row("a", 0, "joyy"), "unknown emotion 'joyy' in the spelling of meld; did you mean 'joy'"),
        (row("a", 0, "joy", "good"), "row 1: sentiment is 'good'; known are negative"),
        (row("a", 0, end="soon"), "row 1: EndTime is 'soon'; expected HH:MM:SS"),
    ],
)
def test_wrong_cells(tmp_path: Path, write_csv, cells: list, message: str) -> None:
    write_csv(tmp_path / "dev_sent_emo.csv", [HEAD, cells])
    with pytest.raises(DataError, match=message):
        read_corpus("meld", tmp_path)


def test_real(shared_data: Path) -> None:
    corpus = read_corpus("meld", shared_data / "meld")
    assert len(corpus) == 13_708
    assert corpus.split("published").value_counts().to_dict() == {"train": 9989, "validation": 1109, "test": 2610}
    assert corpus.table["person"].nunique() > 260
    assert corpus.table["emotion"].nunique() == 7
    assert corpus.table["text"].str.contains("’").sum() == 298 + 725 + 2598
    assert corpus.report.repaired == {"a time with fewer than three digits after the comma, read as milliseconds": 3}
