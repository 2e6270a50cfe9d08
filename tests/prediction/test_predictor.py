"""Runs on features: every subset of modalities, what fails and why, long inputs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import affectspace
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.features.registry import make_backbone
from affectspace.models import Manifold, ManifoldConfig
from affectspace.models.affect_model import AffectModel
from affectspace.prediction import Failure, Prediction, Predictor, Sample, Trajectory, table_of
from affectspace.training.runs import load

from .conftest import RATE, Letters, Loudness, clip, spread, tone, written

MakeRun = Callable[..., Path]
SMALL = {"hidden": (16,), "private": 4}


def expected(run: Path, **given: np.ndarray) -> Any:
    """What the model itself says of vectors; modality -> (n, width)."""
    model = load(run)
    assert isinstance(model, AffectModel)
    n = len(next(iter(given.values())))
    with torch.inference_mode():
        return model.represent(
            {name: torch.from_numpy(value.astype(np.float32)) for name, value in given.items()},
            {name: torch.ones(n, dtype=torch.bool) for name in given},
        )


def letters(text: str) -> np.ndarray:
    return Letters(400).encode([text.lower()])


def test_three_lines(make_run: MakeRun) -> None:
    run = make_run("text", "audio", **SMALL)
    predictor = affectspace.Predictor.of_run(run)
    prediction = predictor.predict(text="What a wonderful day!")
    said = expected(run, text=letters("What a wonderful day!"))
    assert prediction.valence == pytest.approx(float(said.fused[0, 0]), abs=1e-5)
    np.testing.assert_allclose(prediction.mean, said.fused[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(prediction.deviation, said.fused_deviation[0].numpy(), atol=1e-5)
    assert prediction.modalities == ("text",)
    np.testing.assert_allclose(prediction.by_modality["text"].mean, said.affect["text"][0].numpy(), atol=1e-5)
    assert prediction.emotion == next(iter(prediction.probabilities))
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert list(prediction.probabilities.values()) == sorted(prediction.probabilities.values(), reverse=True)


def test_every_subset(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("text", "audio", "video", **SMALL)
    predictor = Predictor.of_run(run)
    sound, picture = tone(tmp_path / "a.wav", 1.0), tmp_path / "a.png"
    Image.new("RGB", (8, 8), (10, 200, 30)).save(picture)
    vectors = {
        "text": letters("hello"),
        "audio": Loudness().encode([np.array(Loudness().load(_item(sound)))]),
        "video": np.array([[10.0, 200.0, 30.0]]),
    }
    given = {"text": "hello", "audio": sound, "video": picture}
    for names in (["text"], ["audio"], ["video"], ["text", "video"], ["audio", "video"], ["text", "audio", "video"]):
        asked = {("image" if name == "video" else name): given[name] for name in names}
        prediction = predictor.predict(**asked)  # type: ignore[arg-type]
        said = expected(run, **{name: vectors[name] for name in names})
        np.testing.assert_allclose(prediction.mean, said.fused[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(prediction.deviation, said.fused_deviation[0].numpy(), atol=1e-4)
        assert prediction.modalities == tuple(names)


def _item(path: Path) -> Any:
    from affectspace.features import Item

    return Item("x", path=path)


def test_a_clip_gives_picture_and_sound(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("audio", "video", **SMALL))
    both = predictor.predict(video=clip(tmp_path / "a.mp4", 2.0))
    assert both.modalities == ("audio", "video")
    silent = predictor.predict(video=clip(tmp_path / "b.mp4", 2.0, sound=False))
    assert silent.modalities == ("video",)
    [note] = silent.notes
    assert note.startswith("audio left out: ")
    assert note.endswith("b.mp4: it has no sound track")
    other = predictor.predict(video=tmp_path / "a.mp4", audio=tone(tmp_path / "other.wav", 1.0, loudness=0.9))
    assert other.by_modality["audio"].mean != both.by_modality["audio"].mean
    assert other.by_modality["video"].mean == pytest.approx(both.by_modality["video"].mean)


def test_a_run_of_sound_alone_takes_a_clip(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("audio", **SMALL))
    assert predictor.kinds == ("audio", "video")
    assert predictor.predict(video=clip(tmp_path / "a.mp4", 1.0)).modalities == ("audio",)
    with pytest.raises(DataError, match=r"a\.mp4: it has no sound track"):
        predictor.predict(video=clip(tmp_path / "a.mp4", 1.0, sound=False))


def test_ready_made_vectors(make_run: MakeRun) -> None:
    run = make_run("text", "units", **SMALL)
    predictor = Predictor.of_run(run)
    units = np.array([0.5, -1.0, 2.0, 0.1])
    said = expected(run, units=units[None])
    np.testing.assert_allclose(predictor.predict(vectors={"units": units}).mean, said.fused[0].numpy(), atol=1e-5)
    with_text = predictor.predict(text="hello", vectors={"units": units})
    assert with_text.modalities == ("text", "units")
    own = predictor.predict(vectors={"text": letters("hello")[0], "units": units})
    np.testing.assert_allclose(own.mean, with_text.mean, atol=1e-6)
    for vector, reason in (
        (units[:3], r"the vector of units has shape \(3,\); the run was trained on 4"),
        (np.array([1, 2, np.nan, 4]), "missing or infinite numbers"),
        (np.array(["a", "b", "c", "d"]), "is not numbers"),
    ):
        with pytest.raises(DataError, match=reason):
            predictor.predict(vectors={"units": vector})
    with pytest.raises(
        DataError, match="takes no vectors of 'voice'; it reads text, and ready-made vectors of text, units"
    ):
        predictor.predict(vectors={"voice": units})


def test_many_are_those_one_by_one(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("text", "audio", **SMALL))
    sound = tone(tmp_path / "a.wav", 1.0)
    samples = [Sample(text=f"word {'ab' * k}") for k in range(150)] + [
        Sample(audio=sound),
        Sample(text="x", audio=sound),
    ]
    calls: list[tuple[int, int]] = []
    found = predictor.predict_many(samples, progress=lambda done, total, text: calls.append((done, total)))
    assert calls == [(128, 152), (152, 152)]
    for row in (0, 77, 149, 150, 151):
        [alone] = predictor.predict_many([samples[row]])
        together = found[row]
        assert isinstance(alone, Prediction)
        assert isinstance(together, Prediction)
        np.testing.assert_allclose(together.mean, alone.mean, atol=1e-5)
        assert together.modalities == alone.modalities
    assert predictor.predict_many([]) == []
    assert len(predictor.predict_many(iter(samples[:3]))) == 3


def test_errors_cost_their_row(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("text", "audio", **SMALL))
    sound = tone(tmp_path / "good.wav", 1.0)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound at all, whatever its name says")
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    samples = {
        "the text is empty": Sample(text="  \n"),
        "it asks something": Sample(text="what?"),
        "no such file": Sample(audio=tmp_path / "absent.wav"),
        "the file is empty (0 bytes)": Sample(audio=tmp_path / "empty.wav"),
        "not a sound that can be read": Sample(audio=tmp_path / "text.wav"),
        "the sound is silent": Sample(text="with a good text", audio=tmp_path / "silent.wav"),
        "the cut ends (1 s) before it starts (2 s)": Sample(audio=sound, start=2.0, end=1.0),
        "there is no sound in this cut": Sample(audio=sound, start=20.0, end=21.0),
        "has no modality that reads image; it reads text, audio, video": Sample(image=tmp_path / "a.png"),
        "nothing is given": Sample(),
    }
    found = predictor.predict_many([*samples.values(), Sample(text="good", audio=sound)])
    assert isinstance(found[-1], Prediction)
    for (reason, sample), outcome in zip(samples.items(), found[:-1], strict=True):
        assert isinstance(outcome, Failure)
        assert reason in outcome.reason
        if sample.audio is not None and "cut ends" not in reason:
            assert str(sample.audio) in outcome.reason
        with pytest.raises(DataError, match=r"\w"):
            predictor.predict(**{name: getattr(sample, name) for name in ("text", "audio", "image", "start", "end")})


def test_what_the_backbone_noticed_is_told(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", **SMALL))
    first, second = predictor.predict_many([Sample(text="short"), Sample(text="a" * 500)])
    assert isinstance(first, Prediction)
    assert isinstance(second, Prediction)
    assert (first.notes, second.notes) == ((), ("a text that was cut",))


def test_emotions_are_the_models_own_or_published(make_run: MakeRun) -> None:
    plain = Predictor.of_run(make_run("text", **SMALL)).predict(text="hello")
    assert len(plain.probabilities) == 12
    run = make_run("audio", "text", categories=("anger", "calm", "sadness"), **SMALL)
    own = Predictor.of_run(run).predict(text="hello")
    assert set(own.probabilities) == {"anger", "calm", "sadness"}
    model: Any = load(run)
    said = model.emotion_probabilities(expected(run, text=letters("hello")).fused)[0].tolist()
    assert own.probabilities == pytest.approx(dict(zip(("anger", "calm", "sadness"), said, strict=True)), abs=1e-5)
    baseline = Predictor.of_run(make_run("text", kind="mvae", hidden=(8,), categories=("anger", "calm")))
    assert set(baseline.predict(text="hello").probabilities) == {"anger", "calm"}


def test_heads_that_tell_emotions_apart_say_which(make_run: MakeRun, tmp_path: Path) -> None:
    names = ("anger", "calm", "fear")
    run = make_run("text", "audio", "units", categories=names, prototype_heads=("text", "audio"), **SMALL)
    model: Any = load(run)
    model.prototypes.centres[2] = np.nan  # an emotion that no training row had
    model.save_pretrained(run / "model")
    sound, predictor = tone(tmp_path / "a.wav", 1.0), Predictor.of_run(run)
    vectors = {
        "text": torch.from_numpy(letters("hello")),
        "audio": torch.from_numpy(Loudness().encode([Loudness().load(_item(sound))])),
    }
    there = torch.ones(1, dtype=torch.bool)
    with torch.inference_mode():
        views = model.views({**vectors, "units": torch.zeros(1, 4)}, {**dict.fromkeys(vectors, there), "units": ~there})
    product = (views.log_emotion["text"] + views.log_emotion["audio"]).exp()[0]
    both = predictor.predict(text="hello", audio=sound)
    for place, name in enumerate(names):
        assert both.probabilities[name] == pytest.approx(float(product[place] / product.sum()), abs=1e-5)
        alone = predictor.predict(text="hello").probabilities[name]
        assert alone == pytest.approx(float(views.log_emotion["text"][0, place].exp()), abs=1e-5)
    assert both.probabilities["fear"] == 0
    units = predictor.predict(vectors={"units": np.ones(4)})  # has no such head: by the distance of its point
    with torch.inference_mode():
        expected_ = model.emotion_probabilities(torch.tensor([units.mean]))[0]
    assert [units.probabilities[name] for name in names] == pytest.approx(expected_.tolist(), abs=1e-5)


def test_an_axis_that_was_never_labelled_is_nan(make_run: MakeRun) -> None:
    run = make_run("text", kind="mvae", hidden=(8,))
    model: Any = load(run)
    model.labelled[2] = False
    model.save_pretrained(run / "model")
    prediction = Predictor.of_run(run).predict(text="hello")
    assert np.isnan(prediction.dominance)
    assert np.isfinite([prediction.valence, prediction.arousal]).all()
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.to_dict()["dominance"]["mean"] is None


def test_a_backbone_that_cannot_run_is_refused_with_its_remedy(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("text", "audio", **SMALL)
    facts = json.loads((run / "run.json").read_text())
    sound = tone(tmp_path / "a.wav", 1.0)

    def with_text(**changes: Any) -> Predictor:
        changed = {**facts, "modalities": {**facts["modalities"], "text": {**facts["modalities"]["text"], **changes}}}
        (run / "run.json").write_text(json.dumps(changed))
        return Predictor.of_run(run)

    gone = with_text(name="text:no/such/encoder", recipe=None)
    assert gone.predict(audio=sound).modalities == ("audio",)  # only what is asked for must be there
    with pytest.raises(RunError, match=r"modality text: .*no/such/encoder.* cannot run here: .*--backbone text=\.\.\."):
        gone.predict(text="hello")
    with pytest.raises(RunError, match=r"modality text: .* makes other vectors now \(revision: '0' there, '1' here\)"):
        with_text(revision="0").predict(text="hello")
    settings = {"longest": 7}
    other = {**facts["modalities"]["text"]["recipe"], "settings": settings}
    cut = with_text(settings=settings, recipe=other).predict(text="hello hello")
    assert cut.notes == ("a text that was cut",)


def test_another_source_of_the_same_weights(make_run: MakeRun) -> None:
    run = make_run("text", **SMALL)
    assert Predictor.of_run(run, backbones={"text": "letters"}).predict(text="hello")
    with pytest.raises(RunError, match="has no modality 'voice'; it has text"):
        Predictor.of_run(run, backbones={"voice": "somewhere"})
    with pytest.raises(RunError, match=r"modality text: .*somewhere.*--backbone text="):
        Predictor.of_run(run, backbones={"text": "somewhere"}).predict(text="hello")


def test_a_run_on_arrays_reads_vectors_only(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", facts={}, **SMALL))
    assert predictor.predict(vectors={"text": letters("hello")[0]}).modalities == ("text",)
    with pytest.raises(DataError, match="has no modality that reads text; it reads ready-made vectors of text"):
        predictor.predict(text="hello")


def test_runs_that_predict_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run of affectspace"):
        Predictor.of_run(tmp_path)
    with pytest.raises(RunError, match="its training has not finished"):
        Predictor.of_run(make_run("text", state="training", **SMALL))
    with pytest.raises(ConfigError, match="device 'cuda:9' cannot be had here"):
        Predictor.of_run(make_run("audio", **SMALL), device="cuda:9")


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
    with pytest.raises(DataError, match="a trajectory needs a sound, a clip or a text"):
        predictor.over_time(image=tmp_path / "a.png")
    with pytest.raises(DataError, match="has no modality that reads audio"):
        predictor.over_time(audio=tmp_path / "a.wav")
    with pytest.raises(ConfigError, match="the step is at most the window"):
        predictor.over_time(text="a. b.", window=1, step=2)
    with pytest.raises(DataError, match=r"absent\.mp4: there is no such file"):
        predictor.over_time(video=tmp_path / "absent.mp4")


def test_tables(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", "audio", **SMALL))
    table = table_of(predictor.predict_many([Sample(text="good"), Sample(text="")]), predictor.modalities)
    assert table["reason"].isna().tolist() == [True, False]
    assert table["reason"].iloc[1] == "the text is empty"
    assert table["modalities"].iloc[0] == "text"
    assert table["audio_valence"].isna().all()
    assert table["text_valence"].notna().tolist() == [True, False]
    assert table.columns[:6].tolist() == [
        "valence", "arousal", "dominance", "valence_sd", "arousal_sd", "dominance_sd",
    ]  # fmt: skip


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
    monkeypatch.setattr("affectspace.prediction.predictor.seconds_of", lambda sample: 3600.0)
    trajectory = predictor.over_time(audio=tmp_path / "hour.wav")
    assert isinstance(trajectory, Trajectory)
    assert len(trajectory.outcomes) == 1799
    assert max(float(end or 0) - float(start or 0) for start, end in asked) == 4.0


def test_a_lexicon_beside_the_text(make_run: MakeRun, tmp_path: Path) -> None:
    lexicon = tmp_path / "norms.csv"
    lexicon.write_text("term,valence,arousal\ngood,0.8,0.1\nbad,-0.8,0.4\n")
    columns = {"term": "term", "valence": "valence", "arousal": "arousal"}
    options = {"path": str(lexicon), "columns": columns, "scale": "canonical"}
    recorded = written("words:lexicon", lexicons={"norms": options})
    run = make_run("text", "words", facts={"text": written("text:letters"), "words": recorded}, **SMALL)
    model = Manifold(ManifoldConfig(modalities={"text": 27, "words": recorded["dimension"]}, **SMALL))
    spread(model)
    model.eval().save_pretrained(run / "model")
    prediction = Predictor.of_run(run).predict(text="a good day")
    assert prediction.modalities == ("text", "words")
    vector = make_backbone("words", lexicons={"norms": options}).encode(["a good day"])
    said = expected(run, text=letters("a good day"), words=vector)
    np.testing.assert_allclose(prediction.mean, said.fused[0].numpy(), atol=1e-5)
    moved = lexicon.rename(tmp_path / "moved.csv")
    with pytest.raises(RunError, match=r"modality words: .*norms\.csv.*--backbone words="):
        Predictor.of_run(run).predict(text="a good day")
    for source in (str(moved), f"norms={moved}"):
        again = Predictor.of_run(run, backbones={"words": source}).predict(text="a good day")
        assert again.mean == prediction.mean
    with pytest.raises(RunError, match="no lexicon is called 'other'; write norms=FILE"):
        Predictor.of_run(run, backbones={"words": f"other={moved}"}).predict(text="a good day")
    moved.write_text("term,valence,arousal\ngood,-0.8,0.1\n")
    with pytest.raises(RunError, match="is not the lexicon norms that was used before"):
        Predictor.of_run(run, backbones={"words": str(moved)}).predict(text="a good day")
