"""The corpus of speakers on disk: made, continued, read; rows that lack modalities."""

import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.speakers import make_speakers, speak, utterance

SMALL = {"n": 8, "people": 4, "size": 32, "fps": 2.0}
SOUND = {"n": 12, "people": 4, "turns": 4, "modalities": ("text", "audio")}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("av", reason="clips need PyAV")
    out = tmp_path_factory.mktemp("speakers") / "corpus"
    seen: list[tuple[int, int, str]] = []
    make_speakers(out, **SMALL, sound_in_video=True, progress=lambda *state: seen.append(state))
    assert seen[-1] == (8, 8, "utterances made")
    return out


def test_files_and_table(made: Path) -> None:
    corpus = read_corpus("speakers", made)
    table = corpus.table
    assert len(table) == 8
    assert table["person"].nunique() == 4
    assert corpus.media == made
    assert table[["text", "audio", "video", "emotion", "topic", "dialogue"]].notna().all(axis=None)
    assert set(table["label_kind"]) == {"rated"}
    for _, row in table.iterrows():
        spoken = utterance(0, row["id"])
        assert row[["valence", "arousal", "dominance"]].tolist() == pytest.approx(spoken.affect)
        assert row["text"] == spoken.text
        assert (made / "text" / spoken.session / f"{spoken.id}.txt").read_text() == spoken.text + "\n"
        with wave.open(str(made / row["audio"])) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
        assert np.abs(heard - speak(spoken)).max() < 1e-4
        assert row["seconds"] == pytest.approx(len(heard) / 16000, abs=1e-4)
    assert not [name for name in contents(made) if name.endswith(".partial")]


def test_clips(made: Path) -> None:
    import av

    row = read_corpus("speakers", made).table.iloc[0]
    with av.open(str(made / row["video"])) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        assert file.streams.audio[0].rate == 16000
    with av.open(str(made / row["video"])) as file:
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    assert len(pictures) == int(row["seconds"] * 2)
    assert pictures[0].shape == (32, 32, 3)
    from affectspace.synthetic.speakers import frames

    assert np.abs(np.stack(pictures).astype(float) - frames(utterance(0, row["id"]), 2, 32)).mean() < 12
    sound = speak(utterance(0, row["id"]))
    assert abs(len(heard) - len(sound)) < 4096
    assert heard.std() == pytest.approx(sound.std(), rel=0.1)


def test_clips_are_equal_wherever_they_are_made(made: Path, tmp_path: Path) -> None:
    again = make_speakers(tmp_path / "again", **SMALL, sound_in_video=True, workers=1)
    assert contents(made) == contents(tmp_path / "again")
    assert again.table.equals(read_corpus("speakers", made).table)


def test_continues_where_it_stopped_and_grows(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    make_speakers(whole, **SOUND)

    def stop(done: int, total: int, what: str) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_speakers(stopped, **SOUND, progress=stop)
    with pytest.raises(DataError, match="are not finished"):
        read_corpus("speakers", stopped)
    kept = {path: path.stat().st_mtime_ns for path in stopped.rglob("*.wav")}
    assert len(kept) == 5
    make_speakers(stopped, **SOUND)
    assert contents(whole) == contents(stopped)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    grown = make_speakers(stopped, **(SOUND | {"n": 16}))
    assert len(grown) == 16
    assert grown.table.iloc[:12].equals(read_corpus("speakers", whole).table)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    with pytest.raises(DataError, match=r"other settings \(rows\)"):
        make_speakers(stopped, **SOUND)
    make_speakers(stopped, **SOUND, force=True)
    assert contents(whole) == contents(stopped)


def test_missing_modalities(tmp_path: Path) -> None:
    settings = {"n": 24, "people": 4, "turns": 4, "modalities": ("text", "audio")}
    corpus = make_speakers(tmp_path / "a", **settings, missing={"text": 0.5, "audio": 0.3})
    table = corpus.table
    assert table["text"].isna().mean() == pytest.approx(0.5, abs=0.3)
    assert table["audio"].isna().mean() == pytest.approx(0.3, abs=0.3)
    assert (table["text"].notna() | table["audio"].notna()).all()
    assert table["video"].isna().all()
    assert len(list((tmp_path / "a").rglob("*.wav"))) == table["audio"].notna().sum()
    assert len(list((tmp_path / "a").rglob("*.txt"))) == table["text"].notna().sum()
    assert any("rows without text, as requested" in note for note in corpus.report.notes)
    full = make_speakers(tmp_path / "b", **settings)
    assert full.table.drop(columns=["text", "audio"]).equals(table.drop(columns=["text", "audio"]))
    assert full.table["text"][table["text"].notna()].equals(table["text"].dropna())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"modalities": ("smell",)}, "modalities smell: choose from text, audio, video"),
        ({"modalities": ()}, "modalities none"),
        ({"missing": {"text": 1.0}}, "missing text=1.0: give a share"),
        ({"missing": {"video": 0.5}, "modalities": ("text",)}, "of a modality that is made"),
        ({"size": 33}, "size=33"),
        ({"fps": 0}, "fps=0"),
        ({"workers": 0}, "workers=0"),
        ({"people": 30}, "n=8 utterances of people=30"),
    ],
)
def test_impossible_settings(tmp_path: Path, wrong: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_speakers(tmp_path / "x", **(SMALL | wrong))
    assert not (tmp_path / "x").exists()


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'affectspace\[video\]'"):
        make_speakers(tmp_path / "x", **SMALL)
    assert not (tmp_path / "x").exists()
    assert len(make_speakers(tmp_path / "x", n=4, people=2, modalities=("audio",))) == 4


def test_command(tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, ["corpus", *map(str, arguments)])
        if result.exception is not None:
            raise result.exception
        return result.output

    options = ["--n", 8, "--people", 2, "--modalities", "text,audio", "--missing", "text=.25"]
    assert "8 utterances of 2 people" in run("make", "speakers", tmp_path / "s", *options)
    assert json.loads(run("describe", "speakers", tmp_path / "s", "--json"))["audio"] == 8
    with pytest.raises(ConfigError, match="write it as MODALITY=SHARE"):
        run("make", "speakers", tmp_path / "s", "--missing", "text")
