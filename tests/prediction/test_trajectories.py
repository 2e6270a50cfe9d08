"""Long inputs: trajectories of sounds, clips and texts, windows, and what is wrong with them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from affectspace.errors import ConfigError, DataError
from affectspace.prediction import Failure, Prediction, Predictor, Sample, Trajectory

from .conftest import RATE, Loudness, tone
from .small_runs import SMALL, MakeRun


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
    assert predictor.predict(audio=sound, start=10.0, end=20.0).notes == ()
    found = predictor.predict_many([Sample(audio=sound), Sample(text="x" * 3000), Sample(text="short")])
    assert [isinstance(one, Prediction) for one in found] == [True, True, True]
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
    with pytest.raises(ConfigError, match="the step at most the window"):
        predictor.over_time(text="a. b.", window=1, step=2)
    with pytest.raises(DataError, match=r"absent\.mp4: there is no such file"):
        predictor.over_time(video=tmp_path / "absent.mp4")


def test_memory_does_not_grow_with_the_length(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than one window of an hour is read at a time, and no more than a few are held."""
    predictor = Predictor.of_run(make_run("audio", **SMALL))
    asked: list[tuple[float | None, float | None]] = []

    def load(self: Loudness, item: Any) -> np.ndarray:
        asked.append((item.start, item.end))
        return np.ones(3, np.float32)

    monkeypatch.setattr(Loudness, "load", load)
    monkeypatch.setattr("affectspace.prediction.trajectory.seconds_of", lambda sample: 3600.0)
    trajectory = predictor.over_time(audio=tmp_path / "hour.wav")
    assert isinstance(trajectory, Trajectory)
    assert len(trajectory.outcomes) == 1799
    assert max(float(end or 0) - float(start or 0) for start, end in asked) == 4.0
