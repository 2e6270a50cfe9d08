"""Long inputs: where sentences end, which windows cover an input, and predictions over time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.prediction import Failure, Prediction, Predictor, Sample, Trajectory
from affectspace.prediction.trajectory import seconds_of, sentences, text_windows, time_windows, windows_of

from .conftest import RATE, Loudness, clip, tone
from .small_runs import SMALL, MakeRun


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        (
            "Mr. Smith met Dr. Who at 5 p.m. on Monday. He left.",
            ["Mr. Smith met Dr. Who at 5 p.m. on Monday.", "He left."],
        ),
        ("It cost 3.50 dollars. Cheap.", ["It cost 3.50 dollars.", "Cheap."]),
        ("J. R. R. Tolkien wrote. We read.", ["J. R. R. Tolkien wrote.", "We read."]),
        ("So did I. Then we left.", ["So did I.", "Then we left."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ('"Stop!" she said. "No."', ['"Stop!"', "she said.", '"No."']),
        ("A title\n\nA text without an end\nover two lines", ["A title", "A text without an end over two lines"]),
        ("\u4eca\u65e5\u306f\u3002\u6674\u308c\uff01", ["\u4eca\u65e5\u306f\u3002", "\u6674\u308c\uff01"]),
        ("... !!! \n\n ?", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_windows_of_a_text_cover_it_to_its_end() -> None:
    text = " ".join(f"Sentence {word}." for word in ("aa", "bb", "cc", "dd", "ee", "ff", "gg"))
    windows = text_windows(text, 3, 2)
    assert [(window.start, window.end) for window in windows] == [(0, 3), (2, 5), (4, 7)]
    assert windows[1].sample.text == "Sentence cc. Sentence dd. Sentence ee."
    assert [(window.start, window.end) for window in text_windows(text, 4, 2)] == [(0, 4), (2, 6), (3, 7)]
    assert [(window.start, window.end) for window in text_windows(text, 20, 1)] == [(0, 7)]
    assert text_windows("  ", 3, 1) == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (10.0, [(0, 4), (2, 6), (4, 8), (6, 10)]),
        (9.0, [(0, 4), (2, 6), (4, 8), (6, 9)]),
        (7.5, [(0, 4), (2, 6), (4, 7.5)]),
        (3.0, [(0, 3)]),
        (4.5, [(0, 4), (2, 4.5)]),
    ],
)
def test_windows_of_time(seconds: float, expected: list[tuple[float, float]]) -> None:
    windows = list(time_windows(Sample(audio=Path("a.wav")), seconds, 4.0, 2.0))
    assert [(window.start, window.end) for window in windows] == expected
    assert [(window.sample.start, window.sample.end) for window in windows] == expected


def test_windows_start_where_the_cut_does_and_a_short_rest_is_left_out() -> None:
    cut = Sample(audio=Path("a.wav"), text="goes with all", start=100.0, end=110.0)
    windows = list(time_windows(cut, 10.0, 5.0, 5.0))
    assert [(window.start, window.end) for window in windows] == [(100, 105), (105, 110)]
    assert {window.sample.text for window in windows} == {"goes with all"}
    assert [window.end for window in time_windows(Sample(audio=Path("a.wav")), 11.0, 5.0, 5.0)] == [5, 10]


def test_many_windows_are_made_one_by_one() -> None:
    windows = time_windows(Sample(audio=Path("a.wav")), 1e9, 4.0, 2.0)
    assert next(windows).end == 4.0


def test_lengths(tmp_path: Path) -> None:
    sound = tone(tmp_path / "a.wav", 3.5)
    assert seconds_of(Sample(audio=sound)) == pytest.approx(3.5)
    assert seconds_of(Sample(audio=sound, start=1.0)) == pytest.approx(2.5)
    assert seconds_of(Sample(audio=sound, start=1.0, end=2.0)) == pytest.approx(1.0)
    assert seconds_of(Sample(audio=sound, end=99.0)) == pytest.approx(3.5)
    assert seconds_of(Sample(video=clip(tmp_path / "a.mp4", 2.0))) == pytest.approx(2.0, abs=0.3)
    assert seconds_of(Sample(text="none")) == 0.0
    (tmp_path / "b.wav").touch()
    (tmp_path / "c.mp4").write_bytes(np.random.default_rng(0).bytes(3000))
    for name, reason in (("b.wav", "empty"), ("c.mp4", "not a clip that can be read"), ("d.wav", "no such file")):
        with pytest.raises(UnreadableItem, match=reason):
            seconds_of(Sample(audio=tmp_path / name))


@pytest.mark.parametrize(("window", "step"), [(0, 1), (4, 0), (4, 5), (-1, -1), (float("nan"), 1), (0.01, None)])
def test_steps_that_make_no_sense(window: float, step: float | None) -> None:
    with pytest.raises(ConfigError, match=r"the shortest window is 0\.1 s|it must be above 0, and at most the window"):
        windows_of(Sample("A text."), window, step)


def test_a_trajectory_of_a_sound(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("text", "audio", **SMALL)
    predictor = Predictor.of_run(run)
    wave = np.concatenate(
        [0.2 * np.sin(np.arange(8 * RATE) / 5), np.zeros(6 * RATE), 0.5 * np.sin(np.arange(6 * RATE) / 3)]
    )
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    trajectory = predictor.over_time(audio=tmp_path / "a.wav")
    table = trajectory.table
    assert table["start"].tolist() == list(range(0, 18, 2))
    assert table["end"].tolist() == list(range(4, 22, 2))
    silent = table["reason"].notna()
    assert table.loc[silent, "start"].tolist() == [8, 10]
    assert table.loc[silent, "valence"].isna().all()
    at = predictor.predict(audio=tmp_path / "a.wav", start=4.0, end=8.0)
    assert table.loc[table["start"] == 4, "arousal"].item() == pytest.approx(at.arousal)
    assert table.loc[table["start"] == 4, "audio_arousal_sd"].item() == pytest.approx(
        at.by_modality["audio"].deviation.arousal
    )
    whole = trajectory.whole
    assert whole.valence == pytest.approx(table["valence"].mean())
    assert whole.deviation.valence == pytest.approx(np.sqrt((table["valence_sd"] ** 2).mean()))
    assert whole.notes[0] == "the mean of 7 windows, 2 had no prediction"
    assert set(trajectory.dynamics.summary["axis"]) == {"valence", "arousal", "dominance"}
    assert trajectory.dynamics.summary["steps"].tolist() == [7, 7, 7]
    assert len(trajectory.figure().axes) == 3


def test_a_trajectory_of_a_text(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", **SMALL))
    text = "It was good. It was bad. It was long. It was over."
    trajectory = predictor.over_time(text=text, window=2, step=1)
    assert trajectory.unit == "sentence"
    assert trajectory.table["text"].tolist()[1] == "It was bad. It was long."
    assert trajectory.table["valence"].iloc[1] == pytest.approx(
        predictor.predict(text="It was bad. It was long.").valence
    )
    with pytest.raises(ConfigError, match="whole numbers of sentences"):
        predictor.over_time(text=text, window=2.5)
    with pytest.raises(DataError, match="the text is empty"):
        predictor.over_time(text="...")
    with pytest.raises(DataError, match="dynamics need two"):
        predictor.over_time(text="One sentence only.").figure()


def test_long_inputs_are_predicted_in_windows(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("text", "audio", **SMALL))
    sound = tone(tmp_path / "a.wav", 90.0)
    long = predictor.predict(audio=sound)
    assert long.mean == pytest.approx(predictor.over_time(audio=sound).whole.mean)
    assert long.notes[0] == "the mean of 44 windows"
    text = "It was a good day. " * 150
    assert predictor.predict(text=text).notes[0].startswith("the mean of 148 windows")
    assert not [note for note in predictor.predict(audio=sound, start=10.0, end=20.0).notes if "windows" in note]
    outcomes = predictor.predict_many([Sample(audio=sound), Sample(text="x" * 3000), Sample(text="short")])
    assert [isinstance(outcome, Prediction) for outcome in outcomes] == [True, True, True]
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(70 * RATE), RATE)
    [outcome] = predictor.predict_many([Sample(audio=silent)])
    assert isinstance(outcome, Failure)
    assert outcome.reason.count("silent.wav") == 1
    assert outcome.reason.endswith("the sound is silent")


def test_mistakes_in_trajectories(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("text", "video", **SMALL))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="predictions over time need a sound, a clip or a text"):
        predictor.over_time(image=tmp_path / "a.png")
    with pytest.raises(DataError, match="has no modality that reads audio"):
        predictor.over_time(audio=tmp_path / "a.wav")
    with pytest.raises(ConfigError, match="at most the window"):
        predictor.over_time(text="a. b.", window=1, step=2)
    with pytest.raises(DataError, match=r"absent\.mp4: there is no such file"):
        predictor.over_time(video=tmp_path / "absent.mp4")


def test_memory_does_not_grow_with_the_length(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than one window of an hour is read at a time, and no more than a few are held."""
    predictor = Predictor.of_run(make_run("audio", **SMALL))
    cuts: list[tuple[float | None, float | None]] = []

    def load(self: Loudness, item: Any) -> np.ndarray:
        cuts.append((item.start, item.end))
        return np.ones(3, np.float32)

    monkeypatch.setattr(Loudness, "load", load)
    monkeypatch.setattr("affectspace.prediction.trajectory.seconds_of", lambda sample: 3600.0)
    trajectory = predictor.over_time(audio=tmp_path / "hour.wav")
    assert isinstance(trajectory, Trajectory)
    assert len(trajectory.outcomes) == 1799
    assert max(float(end or 0) - float(start or 0) for start, end in cuts) == 4.0
