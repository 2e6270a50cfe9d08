"""Runs on features: every subset of modalities, emotions, what fails and why."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import affectspace
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.prediction import Failure, Prediction, Predictor, Sample, table_of
from affectspace.prediction.result import VAD, note_beyond
from affectspace.training.runs import load

from .conftest import RATE, Loudness, clip, tone
from .small_runs import SMALL, MakeRun, expected, letters


def test_three_lines(make_run: MakeRun) -> None:
    run = make_run("text", "audio", **SMALL)
    predictor = affectspace.Predictor.of_run(run)
    prediction = predictor.predict(text="What a wonderful day!")
    representation = expected(run, text=letters("What a wonderful day!"))
    assert prediction.valence == pytest.approx(float(representation.fused[0, 0]), abs=1e-5)
    np.testing.assert_allclose(prediction.mean, representation.fused[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(prediction.deviation, representation.fused_deviation[0].numpy(), atol=1e-5)
    assert prediction.modalities == ("text",)
    np.testing.assert_allclose(prediction.by_modality["text"].mean, representation.affect["text"][0].numpy(), atol=1e-5)
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
        inputs = {("image" if name == "video" else name): given[name] for name in names}
        prediction = predictor.predict(**inputs)  # type: ignore[arg-type]
        representation = expected(run, **{name: vectors[name] for name in names})
        np.testing.assert_allclose(prediction.mean, representation.fused[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(prediction.deviation, representation.fused_deviation[0].numpy(), atol=1e-4)
        assert prediction.modalities == tuple(names)


@pytest.mark.parametrize(("kind", "members"), [("manifold", 1), ("ensemble", 3)])
def test_a_sentence_passes_one_encoder_of_each_member_once(make_run: MakeRun, kind: str, members: int) -> None:
    ensemble = {"members": members} if kind == "ensemble" else {}
    names = {"categories": ("anger", "calm"), "prototypes": {"heads": ("text", "audio")}}
    predictor = Predictor.of_run(make_run("text", "audio", "video", kind=kind, **SMALL, **names, **ensemble))
    model: Any = predictor._reader.model  # type: ignore[attr-defined]
    passes: Counter[str] = Counter()
    for manifold in getattr(model, "manifolds", [model]):
        for name, encoder in manifold.encoders.items():
            encoder.register_forward_hook(lambda *_, name=name: passes.update([name]))
    assert predictor.predict("hello").modalities == ("text",)
    assert passes == {"text": members}


def _item(path: Path) -> Any:
    from affectspace.features import Item

    return Item("x", path=path)


def test_a_clip_gives_picture_and_sound(make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("audio", "video", **SMALL))
    both = predictor.predict(video=clip(tmp_path / "a.mp4", 2.0))
    assert both.modalities == ("audio", "video")
    silent = predictor.predict(video=clip(tmp_path / "b.mp4", 2.0, sound=False))
    assert silent.modalities == ("video",)
    note = silent.notes[0]
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
    representation = expected(run, units=units[None])
    np.testing.assert_allclose(
        predictor.predict(vectors={"units": units}).mean, representation.fused[0].numpy(), atol=1e-5
    )
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
        DataError, match="accepts no vectors of 'voice'; it reads text, and ready-made vectors of text, units"
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
    outcomes = predictor.predict_many(samples, progress=lambda done, total, text: calls.append((done, total)))
    assert calls == [(151, 152), (152, 152)]  # texts alone are predicted in larger parts
    for row in (0, 77, 149, 150, 151):
        [alone] = predictor.predict_many([samples[row]])
        together = outcomes[row]
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
        "text, not a sound": Sample(audio=tmp_path / "text.wav"),
        "the sound is silent": Sample(text="with a good text", audio=tmp_path / "silent.wav"),
        "the cut ends (1 s) before it starts (2 s)": Sample(audio=sound, start=2.0, end=1.0),
        "there is no sound in this part": Sample(audio=sound, start=20.0, end=21.0),
        "has no modality that reads image; it reads text, audio, video": Sample(image=tmp_path / "a.png"),
        "no input is given": Sample(),
    }
    outcomes = predictor.predict_many([*samples.values(), Sample(text="good", audio=sound)])
    assert isinstance(outcomes[-1], Prediction)
    for (reason, sample), outcome in zip(samples.items(), outcomes[:-1], strict=True):
        assert isinstance(outcome, Failure)
        assert reason in outcome.reason
        if sample.audio is not None and "cut ends" not in reason:
            assert str(sample.audio) in outcome.reason
        with pytest.raises(DataError, match=r"\w"):
            predictor.predict(**{name: getattr(sample, name) for name in ("text", "audio", "image", "start", "end")})


def test_emotions_are_the_models_own_or_published(make_run: MakeRun) -> None:
    plain = Predictor.of_run(make_run("text", **SMALL)).predict(text="hello")
    assert len(plain.probabilities) == 7
    run = make_run("audio", "text", categories=("anger", "calm", "sadness"), **SMALL)
    own = Predictor.of_run(run).predict(text="hello")
    assert set(own.probabilities) == {"anger", "calm", "sadness"}
    model: Any = load(run)
    probabilities = model.emotion_probabilities(expected(run, text=letters("hello")).fused)[0].tolist()
    assert own.probabilities == pytest.approx(
        dict(zip(("anger", "calm", "sadness"), probabilities, strict=True)), abs=1e-5
    )
    baseline = Predictor.of_run(make_run("text", kind="mvae", hidden=(8,), categories=("anger", "calm")))
    assert set(baseline.predict(text="hello").probabilities) == {"anger", "calm"}


def test_heads_that_tell_emotions_apart_say_which(make_run: MakeRun, tmp_path: Path) -> None:
    names = ("anger", "calm", "fear")
    run = make_run("text", "audio", "units", categories=names, prototypes={"heads": ("text", "audio")}, **SMALL)
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
        present = {**dict.fromkeys(vectors, there), "units": ~there}
        encodings = model.encode_present(vectors, present)
        log_emotion = model.modality_outputs(encodings, model.distances(vectors, present)).log_emotion
    product = (log_emotion["text"] + log_emotion["audio"]).softmax(dim=1)[0]
    both = predictor.predict(text="hello", audio=sound)
    for place, name in enumerate(names):
        assert both.probabilities[name] == pytest.approx(float(product[place]), abs=1e-5)
        alone = predictor.predict(text="hello").probabilities[name]
        assert alone == pytest.approx(float(log_emotion["text"][0].softmax(dim=0)[place]), abs=1e-5)
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


def test_runs_that_predict_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run of affectspace"):
        Predictor.of_run(tmp_path)
    with pytest.raises(RunError, match="its training has not finished"):
        Predictor.of_run(make_run("text", state="training", **SMALL))
    with pytest.raises(ConfigError, match="device 'cuda:9' is not available"):
        Predictor.of_run(make_run("audio", **SMALL), device="cuda:9")


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


@pytest.mark.parametrize(
    ("mean", "noted"),
    [
        (VAD(1.11, 0.2, -0.3), "valence"), (VAD(0.5, -1.2, 1.01), "arousal and dominance"), (VAD(-2.0, 0.0), "valence"),
        (VAD(1.0, -1.0, 0.0), ""), (VAD(1 + 1e-9, 0.0), ""), (VAD(0.2, float("nan")), ""),
    ],
)  # fmt: skip
def test_a_value_beyond_the_scale_is_kept_and_noted(mean: VAD, noted: str) -> None:
    prediction = Prediction(mean, VAD(0.1, 0.1), {}, None, 0.0, {}, ("a note",))
    checked = note_beyond(prediction)
    assert checked.mean is mean
    assert checked.notes == (("a note", f"{noted} {BEYOND}") if noted else ("a note",))


BEYOND = "beyond the end of the scale (the value is not cut off)"
