"""Models that ship: tiny runs in place of the real ones; what is combined, what is missing, and licences."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import affectspace
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.prediction import VAD, Estimate, Failure, Prediction, Predictor, Sample, pretrained, shipped_models
from affectspace.prediction.inputs import _opened
from affectspace.prediction.readers import multiply

from .conftest import clip, tone

SMALL: dict[str, Any] = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}
FACTS = {
    "text": ("text", "CC BY-SA 4.0", ""),
    "voice": ("audio", "CC BY-NC-SA 4.0", "voice may not be used commercially"),
    "face": ("video", "MIT", ""),
}


@pytest.fixture
def shipped(make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with three untrained models in place of those that ship."""
    folder = tmp_path / "shipped"
    for name, (modality, licence, notice) in FACTS.items():
        shutil.copytree(make_run(modality, **SMALL), folder / name)
        facts = {
            "title": f"a {name}", "modalities": [modality], "base": {"bytes": 10}, "licence": licence, "notice": notice,
            "training": ["nothing"], "scores": [{"data": "d", "metric": "r", "value": 0.5, "n": 3, "seeds": 1}],
            "limits": ["x"],
        }  # fmt: skip
        (folder / name / "pretrained.json").write_text(json.dumps(facts))
    (folder / "text/model/README.md").write_text("# The card\n")
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    _opened.cache_clear()  # predictors that affectspace.predict keeps
    yield folder
    _opened.cache_clear()


def test_the_list(shipped: Path) -> None:
    models = {model.name: model for model in shipped_models()}
    assert list(models) == ["text", "voice", "face"]
    assert models["voice"].kinds == ("audio", "video")
    assert models["text"].size == sum(path.stat().st_size for path in (shipped / "text").rglob("*") if path.is_file())
    assert models["text"].card == "# The card\n"
    (shipped / "voice/model/README.md").unlink(missing_ok=True)
    with pytest.raises(RunError, match="has no model card"):
        _ = models["voice"].card
    (shipped / "face/pretrained.json").write_text("{}")
    with pytest.raises(RunError, match=r"pretrained\.json is damaged .*'title'.*; install affectspace again"):
        shipped_models()


def test_one_model(shipped: Path, tmp_path: Path) -> None:
    predictor = Predictor.pretrained("voice")
    assert predictor.notices == ["voice may not be used commercially"]
    prediction = predictor.predict(audio=tone(tmp_path / "a.wav", 1.0))
    assert prediction.licence == "CC BY-NC-SA 4.0"
    with pytest.raises(DataError, match="voice has no modality that reads text"):
        predictor.predict("a")
    with pytest.raises(
        ConfigError, match=r"no model 'voise'; choose from any, text, voice, face .`affectspace models`."
    ):
        Predictor.pretrained("voise")


def test_each_input_goes_to_the_model_that_reads_it(shipped: Path, tmp_path: Path) -> None:
    sound, film = tone(tmp_path / "a.wav", 1.0), clip(tmp_path / "b.mp4", 1.0)
    predictor = Predictor.pretrained()
    alone = {name: Predictor.pretrained(name) for name in FACTS}
    samples = [Sample("good"), Sample(audio=sound), Sample("good", audio=sound), Sample(video=film)]
    text, voice, both, seen = [predictor.predict_many([sample])[0] for sample in samples]
    assert isinstance(text, Prediction)
    assert text == alone["text"].predict("good")
    assert voice == alone["voice"].predict(audio=sound)
    assert predictor.notices == ["voice may not be used commercially"]
    assert isinstance(both, Prediction)
    assert both.modalities == ("text", "audio")
    assert both.licence == "CC BY-NC-SA 4.0"
    assert both.notes[0] == "the product of the models text and voice"
    assert isinstance(voice, Prediction)
    for axis in range(3):
        weights = [1 / one.deviation[axis] ** 2 for one in (text, voice)]
        mean = (weights[0] * text.mean[axis] + weights[1] * voice.mean[axis]) / sum(weights)
        assert both.mean[axis] == pytest.approx(mean)
        assert both.deviation[axis] == pytest.approx(sum(weights) ** -0.5)
    assert isinstance(seen, Prediction)
    assert seen.modalities == ("audio", "video")
    assert affectspace.predict("good") == text


def test_a_clip_may_lack_sound_and_a_named_file_must_be_readable(shipped: Path, tmp_path: Path) -> None:
    silent = clip(tmp_path / "silent.mp4", 1.0, sound=False)
    (tmp_path / "broken.wav").touch()
    seen, failed = Predictor.pretrained().predict_many(
        [Sample(video=silent), Sample("good", audio=tmp_path / "broken.wav")]
    )
    assert isinstance(seen, Prediction)
    assert seen.modalities == ("video",)
    assert [note for note in seen.notes if note.startswith("voice left out: ") and "it has no sound track" in note]
    assert isinstance(failed, Failure)
    assert "broken.wav: the file is empty" in failed.reason


def test_a_missing_model_is_left_out_with_the_remedy(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shipped / "voice/run.json"
    facts = json.loads(path.read_text())
    facts["modalities"]["audio"]["recipe"]["name"] = "gone"
    path.write_text(json.dumps(facts))
    sound = tone(tmp_path / "a.wav", 1.0)
    predictor = Predictor.pretrained()
    both, alone = predictor.predict_many([Sample("good", audio=sound), Sample(audio=sound)])
    assert isinstance(both, Prediction)
    assert both.modalities == ("text",)
    assert both.notes[0].startswith("voice left out: modality audio: ")
    assert [notice for notice in predictor.notices if notice.startswith("the model voice is left out: ")]
    assert isinstance(alone, Failure)
    assert "modality audio: " in alone.reason


def test_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(RunError, match="holds no model; install affectspace again, or predict with a run"):
        Predictor.pretrained()


def test_products() -> None:
    def make(mean: VAD, deviation: VAD, emotions: dict[str, float], licence: str) -> Prediction:
        name = max(emotions, key=lambda emotion: emotions[emotion])
        alone = {licence: Estimate(mean, deviation)}
        return Prediction(mean, deviation, alone, name, emotions[name], emotions, (licence,), licence)

    one = make(VAD(0.0, 0.5, 0.2), VAD(0.3, 0.1, 0.2), {"anger": 0.5, "calm": 0.3, "joy": 0.2}, "MIT")
    two = make(VAD(0.6, 0.5), VAD(0.3, math.nan), {"anger": 0.1, "calm": 0.7, "fear": 0.2}, "CC BY-SA 4.0")
    product = multiply([one, two])
    assert product.mean == pytest.approx(VAD(0.3, 0.5, 0.2))
    assert product.deviation == pytest.approx(VAD(0.3, 0.1, 0.2))  # chi-squared of .0 and .6 is 2: sqrt(2) wider
    near = make(VAD(0.1, 0.5), VAD(0.3, math.nan), {"calm": 1.0}, "MIT")
    assert multiply([one, near]).deviation.valence == pytest.approx(0.3 / 2**0.5)  # they agree
    assert product.probabilities == pytest.approx({"calm": 1.0 / 1.6, "anger": 0.6 / 1.6})
    assert (product.emotion, product.probability) == ("calm", pytest.approx(0.625))
    assert (product.notes, product.licence) == (("MIT", "CC BY-SA 4.0"), "CC BY-SA 4.0")
    assert multiply([one]) is one
    three = make(VAD(0.0, 0.0), VAD(math.nan, math.nan), {"fear": 1.0}, "MIT")
    apart = multiply([make(VAD(1.0, 1.0), VAD(math.nan, math.nan), {"joy": 1.0}, "MIT"), three])
    assert apart.mean[:2] == (0.5, 0.5)
    assert math.isnan(apart.deviation[0])
    assert math.isnan(apart.mean[2])
    assert apart.probabilities == {"joy": 0.5, "fear": 0.5}
