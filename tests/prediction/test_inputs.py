"""What arguments name, and `affectspace.predict` for one input and for many."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import affectspace
from affectspace.errors import ConfigError, DataError
from affectspace.media.content import stored_file
from affectspace.prediction import Prediction, Predictor, Sample
from affectspace.prediction.inputs import resolve, samples_of_folder

from .conftest import tone

SMALL = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}


def test_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("voice.wav").touch()
    Path("calls").mkdir()
    assert resolve("voice.wav") == Path("voice.wav")
    assert resolve("calls") == Path("calls")
    for text in (
        "What a day",
        "",
        "he said and/or she",
        "word",
        "a" * 5000,
        "\0",
        "so good!\nnot a.wav",
        "3 / 4 is fine",
    ):
        assert resolve(text) == text
    with pytest.raises(DataError, match=r"voise\.wav: there is no such file or folder; did you mean voice\.wav\?"):
        resolve("voise.wav")
    with pytest.raises(DataError, match=r"calls/today: there is no such file or folder; --text predicts it as a text"):
        resolve("calls/today")
    with pytest.raises(DataError, match="nothing is downloaded"):
        resolve("https://example.org/a.wav")


def test_files_of_runs_and_stores_are_not_inputs(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run("text", **SMALL)
    predictor = Predictor.of_run(run)
    (run / "log.txt").write_text("of the run")
    (tmp_path / "store").mkdir()
    for name in ("backbone.json", "index.parquet", "notes.txt"):
        (tmp_path / "store" / name).touch()
    (tmp_path / "b.txt").write_text("an input")
    assert [name for name, _ in samples_of_folder(tmp_path, predictor)[0]] == ["b.txt"]
    with pytest.raises(DataError, match="is a run, not an input; predict with it: affectspace predict --run"):
        samples_of_folder(run, predictor)


def test_one_input_and_many(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run, sound = make_run("text", "audio", **SMALL), tone(tmp_path / "a.wav", 1.0)
    one = affectspace.predict("good", run=run)
    assert isinstance(one, Prediction)
    assert one == Predictor.of_run(run).predict("good")
    assert affectspace.predict(str(sound), run=run).modalities == ("audio",)
    assert affectspace.predict(Sample("good", audio=sound), run=run).modalities == ("text", "audio")
    frame = pd.DataFrame({"said": ["good", None, str(sound), "no.wav"]}, index=[3, 5, 7, 9])
    table = affectspace.predict(frame["said"], run=run)
    assert table.index.tolist() == [3, 5, 7, 9]
    assert table["valence"][3] == one.valence
    assert table["modalities"].tolist()[::2] == ["text", "audio"]
    assert table["reason"][5] == "its cell is empty"
    assert table["reason"][9].startswith("no.wav: there is no such file or folder")
    texts = affectspace.predict(frame["said"].iloc[2:].tolist(), run=run, kind="text")
    assert texts["modalities"].tolist() == ["text", "text"]
    assert affectspace.predict(np.array([str(sound)]), run=run, kind="audio")["valence"].notna().all()


def test_inputs_that_cannot_be_predicted(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run("text", **SMALL)
    with pytest.raises(DataError, match="the text is empty"):
        affectspace.predict("", run=run)
    with pytest.raises(DataError, match=r"gone: there is no such file"):
        affectspace.predict(tmp_path / "gone", run=run)
    with pytest.raises(DataError, match="is a folder; give its files"):
        affectspace.predict(tmp_path, run=run)
    (tmp_path / "t.csv").touch()
    with pytest.raises(DataError, match="is a table; read it, and predict one of its columns"):
        affectspace.predict(tmp_path / "t.csv", run=run)
    with pytest.raises(
        ConfigError, match=r"these inputs have columns; predict one column, for example frame\['message'\]"
    ):
        affectspace.predict(pd.DataFrame({"a": ["b"]}), run=run)
    with pytest.raises(ConfigError, match="unknown kind 'face'; choose from text, audio, video, image"):
        affectspace.predict("a", run=run, kind="face")
    assert affectspace.predict([3], run=run)["reason"].tolist() == ["not a text or a path: 3"]


@pytest.mark.parametrize("argument", ["messages.cvs", "report.docx", "song.xyz"])
def test_one_word_with_a_suffix_is_a_path(argument: str) -> None:
    from affectspace.prediction.inputs import _looks_like_path

    assert _looks_like_path(argument)
    assert not _looks_like_path(f"I wrote {argument}")
    assert not _looks_like_path("Really?!")
    assert not _looks_like_path("Well...")


@pytest.mark.parametrize("value", [None, 3, 0.5])
def test_what_is_no_input_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="is no input; give a text, a path, a list"):
        affectspace.predict(value, model="face")


def test_the_content_of_a_file_is_an_input(make_run: Callable[..., Path], tmp_path: Path) -> None:
    """Also in the form in which datasets of Hugging Face give media."""
    run, sound = make_run("audio", **SMALL), tone(tmp_path / "a.wav", 1.0)
    content = sound.read_bytes()
    expected = affectspace.predict(sound, run=run)
    for given in (content, {"bytes": content, "path": "other.wav"}, {"bytes": None, "path": str(sound)}):
        assert affectspace.predict(given, run=run).mean == pytest.approx(expected.mean, nan_ok=True)
    table = affectspace.predict([content, b"no media", b"", {"bytes": None, "path": None}], run=run)
    assert table["reason"].tolist()[1:3] == ["its bytes are no sound, clip or picture in a known format"] * 2
    assert table["reason"].notna().tolist() == [False, True, True, True]


@pytest.mark.parametrize("cell", [None, float("nan"), pd.NA, np.float32("nan"), " "])
def test_a_cell_without_a_file_is_empty(cell: object) -> None:
    assert stored_file(cell) == (None, None)


def test_arrays_and_missing_cells_are_failures() -> None:
    table = affectspace.predict(pd.Series(["good day", pd.NA, np.zeros(3)], dtype=object))
    assert table["valence"].notna().tolist() == [True, False, False]
    assert table["reason"].tolist()[1] == "its cell is empty"
    assert table["reason"].tolist()[2].startswith("not a text or a path: array")
