"""Runs on faces: the calibrated read-out, what is cut out of a picture, clips, and runs whose corpus is gone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from typer.testing import CliRunner

from affectspace.annotation import AnnotationTransfer
from affectspace.cli import app
from affectspace.data.dataset import Dataset
from affectspace.errors import DataError, RunError
from affectspace.media.clips import read_frames
from affectspace.media.faces import resized, square
from affectspace.media.images import decode_image
from affectspace.models import MODELS, Levasa
from affectspace.prediction import Failure, Prediction, Predictor, Sample, faces, photos
from affectspace.prediction.faces import FILE, Readout, fit_readout, kept_readout, make_readout
from affectspace.prediction.photos import Framing
from affectspace.prediction.tables import TableColumns, predict_table
from affectspace.training.configuration import build_config
from affectspace.training.runs import Run, load, start_run

from .conftest import clip


def labelled(n: int, seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of 12 dimensions, labels that are linear in two of them, and an emotion by the sign of valence."""
    random = np.random.default_rng(seed)
    codes = random.normal(size=(n, 12)) * np.arange(1, 13) + 5
    codes[:, 7] = 3.0  # constant
    labels = np.column_stack([codes[:, 0] / 4 - 1, 0.5 - codes[:, 1] / 10]) + random.normal(0, noise, (n, 2))
    return codes, labels, np.where(labels[:, 0] > 0.25, "happiness", "sadness").astype(object)


def test_the_readout_finds_what_is_linear_and_knows_its_error() -> None:
    (x, y, _), (vx, vy, emotion), (tx, ty, _) = labelled(2000, 0), labelled(1000, 1), labelled(4000, 2)
    readout = fit_readout((x, vx), (y, vy), emotion)
    guess = tx @ readout.weight + readout.bias
    errors = guess - ty
    np.testing.assert_allclose(errors.std(axis=0), 0.1, rtol=0.1)
    np.testing.assert_allclose(readout.deviation, errors.std(axis=0), rtol=0.1)
    assert (readout.weight[7] == 0).all()
    assert readout.facts["valence_r2_validation"] > 0.8
    covered = np.abs(errors) < 1.645 * readout.deviation
    np.testing.assert_allclose(covered.mean(axis=0), 0.9, atol=0.02)


def test_it_is_calibrated_on_validation() -> None:
    """Validation people whose labels lie higher and spread less than what training says."""
    (x, y, _), (vx, vy, _) = labelled(2000, 0), labelled(1000, 1)
    readout = fit_readout((x, vx), (y, 0.5 * vy + 0.3))
    guess = vx @ readout.weight + readout.bias
    np.testing.assert_allclose(guess.mean(axis=0), (0.5 * vy + 0.3).mean(axis=0), atol=1e-6)
    slope = [np.polyfit(guess[:, axis], 0.5 * vy[:, axis] + 0.3, 1)[0] for axis in (0, 1)]
    np.testing.assert_allclose(slope, 1, atol=1e-6)


def test_codes_that_say_nothing_give_the_mean_and_its_spread() -> None:
    random = np.random.default_rng(0)
    y, vy = random.normal(0.2, 0.3, (500, 2)), random.normal(0.2, 0.3, (300, 2))
    for x, vx in (
        (np.ones((500, 4)), np.ones((300, 4))),
        (random.normal(size=(500, 4)), random.normal(size=(300, 4))),
    ):
        readout = fit_readout((x, vx), (y, vy))
        np.testing.assert_allclose(vx @ readout.weight + readout.bias, np.tile(vy.mean(axis=0), (300, 1)), atol=0.1)
        np.testing.assert_allclose(readout.deviation, vy.std(axis=0), rtol=0.05)
        assert readout.emotions is None


def test_missing_labels_are_left_out_and_too_few_refused() -> None:
    (x, y, _), (vx, vy, _) = labelled(500, 0), labelled(300, 1)
    gaps = y.copy()
    gaps[::2, 0] = np.nan
    assert np.isfinite(fit_readout((x, vx), (gaps, vy)).weight).all()
    with pytest.raises(DataError, match="fewer than 10 labelled rows of arousal"):
        fit_readout((x, vx), (y, np.column_stack([vy[:, 0], np.full(300, np.nan)])))


def test_emotions_lie_where_the_readout_puts_their_faces(tmp_path: Path) -> None:
    (x, y, _), (vx, vy, emotion) = labelled(2000, 0), labelled(1000, 1)
    emotion[:5] = "fear"  # too few
    emotion[5:20] = None
    readout = fit_readout((x, vx), (y, vy), emotion)
    assert readout.emotions is not None
    assert readout.emotions.names == ("happiness", "sadness")
    guess = vx @ readout.weight + readout.bias
    probabilities = readout.emotions.probabilities(np.column_stack([guess, guess[:, 0] * np.nan]), np.zeros((1000, 3)))
    right = np.array(readout.emotions.names)[probabilities.argmax(axis=1)] == emotion
    assert right[20:].mean() > 0.85
    readout.save(tmp_path / FILE)
    again = Readout.read(tmp_path / FILE)
    assert again.emotions is not None
    np.testing.assert_array_equal(again.weight, readout.weight)
    np.testing.assert_array_equal(again.emotions.centres, readout.emotions.centres)
    np.testing.assert_array_equal(again.emotions.covariances, readout.emotions.covariances)
    assert (again.facts, again.emotions.names) == (readout.facts, readout.emotions.names)
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"is damaged .* delete it, and it is created again"):
        Readout.read(tmp_path / FILE)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 people with 8 pictures each, rated: the brighter, the higher valence; the redder, the higher arousal."""
    folder = tmp_path_factory.mktemp("faces")
    random, rows = np.random.default_rng(0), []
    for number in range(160):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        pixels = np.full((40, 32, 3), 128 + 60 * valence)
        pixels[..., 0] += 60 * arousal
        name = f"{number}.png"
        Image.fromarray((pixels + random.normal(0, 5, pixels.shape)).clip(0, 255).astype(np.uint8)).save(folder / name)
        emotion = "happiness" if valence > 0 else "sadness"
        rows.append([f"f{number}", name, f"p{number // 8}", emotion, round(valence, 3), round(arousal, 3)])
    names = ["id", "image", "person", "emotion", "valence", "arousal"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "index.csv", index=False)
    return folder


def make_run(folder: Path, corpus: Path, kind: str = "levasa", **model: Any) -> Run:
    """A finished run of an untrained model."""
    fields = {"image_size": 32, "width": 4, "hidden": (16,), "kind": kind, **model}
    if kind == "levasa":
        fields.setdefault("chunk", 4)
    data = {"corpus": "table", "path": str(corpus / "index.csv"), "media": str(corpus)}
    config = build_config({"data": {**data, "split": {"fractions": (0.5, 0.3, 0.2)}}, "model": fields})
    run = start_run(folder, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        MODELS[config.model.kind](config.model).eval().save_pretrained(folder / "model")  # type: ignore[arg-type]
    if (corpus / "index.csv").is_file():
        Dataset.of_config(config).split_table().to_csv(folder / "split.csv", index=False)
    run.record(state="finished")
    return run


def test_a_run_predicts_from_pictures(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", corpus, alignment="none")
    seen: list[str] = []
    predictor = Predictor.of_run(run.folder, crop=False, progress=lambda done, total, text: seen.append(text))
    assert any("read-out" in text for text in seen)
    table = pd.read_csv(corpus / "index.csv")
    outcomes = predictor.predict_many([Sample(image=corpus / name) for name in table["image"]])
    means = np.array([prediction.mean for prediction in outcomes if isinstance(prediction, Prediction)])
    assert np.corrcoef(means[:, 0], table["valence"])[0, 1] > 0.5  # of a network that has learnt nothing
    prediction = outcomes[0]
    assert isinstance(prediction, Prediction)
    assert np.isnan(prediction.dominance)
    assert np.isnan(prediction.deviation.dominance)
    assert 0 < prediction.deviation.valence < 1
    assert set(prediction.probabilities) == {"happiness", "sadness"}
    assert (prediction.modalities, prediction.notes) == (("image",), ())
    monkeypatch.setattr(Run, "dataset", lambda *given: pytest.fail("the read-out was kept"))
    again = Predictor.of_run(run.folder, crop=False).predict(image=corpus / "0.png")
    assert again.mean == pytest.approx(prediction.mean, abs=1e-6, nan_ok=True)


def test_the_readout_is_made_anew_for_other_weights_and_from_kept_codes(tmp_path: Path, corpus: Path) -> None:
    run = make_run(tmp_path / "run", corpus)
    assert kept_readout(run) is None
    data, model = run.dataset("images"), load(run.folder)
    assert isinstance(model, Levasa)
    first = make_readout(run, model, data)
    kept = kept_readout(run)
    assert kept is not None
    np.testing.assert_array_equal(first.weight, kept.weight)
    assert kept.facts["labels"] == "rated"
    model.to_posterior.weight.data += 0.1
    model.save_pretrained(run.folder / "model")
    assert kept_readout(run) is None
    random = np.random.default_rng(0)
    codes = {f"mean/{part}": random.normal(size=(len(data.rows(part)), 12)) for part in ("train", "validation")}
    save_file(
        {name: value.astype(np.float32) for name, value in codes.items()}, run.folder / "representations.safetensors"
    )
    assert make_readout(run, model, data).facts["valence_r2_validation"] < 0.3  # of codes that are noise
    (run.folder / FILE).write_bytes(b"damaged")
    with pytest.raises(RunError, match="is damaged"):
        Predictor.of_run(run.folder, crop=False)


def test_a_run_that_cannot_be_written_predicts(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", corpus)
    expected = Predictor.of_run(run.folder, crop=False).predict(image=corpus / "0.png")
    (run.folder / FILE).unlink()

    def refuse(path: Path, save: object) -> None:
        raise RunError(f"cannot write {path}: Read-only file system; choose another place")

    monkeypatch.setattr(faces, "write_sealed", refuse)
    prediction = Predictor.of_run(run.folder, crop=False).predict(image=corpus / "0.png")
    np.testing.assert_array_equal(prediction.mean, expected.mean)
    np.testing.assert_array_equal(prediction.deviation, expected.deviation)
    assert not (run.folder / FILE).exists()


def test_without_the_corpus_the_heads_are_read_and_it_is_told(tmp_path: Path, corpus: Path) -> None:
    run = make_run(tmp_path / "run", tmp_path / "gone")
    prediction = Predictor.of_run(run.folder, crop=False).predict(image=corpus / "0.png")
    [note] = prediction.notes
    assert note.startswith(f"{faces.UNCALIBRATED}: ")
    assert "gone" in note
    assert np.isnan(prediction.deviation).all()
    assert len(prediction.probabilities) == 7
    model: Any = load(run.folder)
    pixels = decode_image((corpus / "0.png").read_bytes(), 32)
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = model.read_affect(model.encode(image).mean)[0].tolist()
    assert prediction.mean[:2] == pytest.approx(expected, abs=1e-5)
    vanilla = make_run(tmp_path / "vanilla", tmp_path / "gone", alignment="none")
    with pytest.raises(RunError, match=r"alignment 'none' needs a read-out, which is fitted on its corpus, .*gone"):
        Predictor.of_run(vanilla.folder)


def test_a_classifier_predicts_emotions_and_their_mixture(tmp_path: Path, corpus: Path) -> None:
    run = make_run(tmp_path / "classifier", corpus, kind="classifier", categories=("happiness", "sadness", "fear"))
    predictor = Predictor.of_run(run.folder, crop=False)
    prediction = predictor.predict(image=corpus / "0.png")
    image = torch.tensor(decode_image((corpus / "0.png").read_bytes(), 32)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = load(run.folder)(image)[0].softmax(0).numpy()
    assert list(prediction.probabilities) == [("happiness", "sadness", "fear")[k] for k in np.argsort(-expected)]
    assert prediction.probability == pytest.approx(expected.max(), abs=1e-5)
    reference = AnnotationTransfer.reference("affectnet")
    mean = expected @ reference.centres(["happiness", "sadness", "fear"])
    assert prediction.mean[:2] == pytest.approx(mean, abs=1e-5)
    assert np.isnan(prediction.dominance)
    assert (predictor.label_kinds, predictor.kinds) == (("transferred",), ("video", "image"))
    whole = predictor.predict(video=clip(tmp_path / "a.mp4", 1.0))
    assert whole.modalities == ("image",)
    with pytest.raises(RunError, match="needs no backbone"):
        Predictor.of_run(run.folder, backbones={"image": "somewhere"})


def test_refusals(tmp_path: Path, corpus: Path) -> None:
    run = make_run(tmp_path / "run", corpus)
    with pytest.raises(RunError, match="needs no backbone"):
        Predictor.of_run(run.folder, backbones={"image": "somewhere"})
    predictor = Predictor.of_run(run.folder, crop=False)
    assert predictor.kinds == ("video", "image")
    with pytest.raises(DataError, match="has no modality that reads text; it reads video, image"):
        predictor.predict(text="hello")
    with pytest.raises(DataError, match="accepts no vectors of 'units'"):
        predictor.predict(vectors={"units": np.zeros(3)})
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture " * 20)
    for name, reason in (
        ("empty", "the file is empty"),
        ("text", "text, not an image"),
        ("absent", "there is no such file"),
    ):
        [outcome] = predictor.predict_many([Sample(image=tmp_path / f"{name}.png")])
        assert isinstance(outcome, Failure)
        assert outcome.reason.startswith(f"{tmp_path / name}.png: ")
        assert reason in outcome.reason


def test_clips_are_the_mean_of_their_frames(tmp_path: Path, corpus: Path) -> None:
    run = make_run(tmp_path / "run", corpus)
    predictor = Predictor.of_run(run.folder, crop=False)
    path = clip(tmp_path / "a.mp4", 4.0, sound=False)
    prediction = predictor.predict(video=path)
    reader: Any = predictor._reader
    frames = [resized(square(frame), 32) for frame in read_frames(path, photos.FRAMES)]
    np.testing.assert_allclose(prediction.mean[:2], reader.read_pixels(np.stack(frames)).mean(axis=0), atol=1e-6)
    trajectory = predictor.over_time(video=path, window=2, step=1)
    assert len(trajectory.table) == 3
    assert trajectory.table["dominance"].isna().all()
    assert len(trajectory.figure().axes) == 2


FRAMING = Framing(side=2.0, right=0.1, down=-0.2)
WHOLE = (slice(None), slice(None))


@pytest.mark.parametrize(
    ("box", "framing", "always", "expected", "note"),
    [
        ((100.0, 60.0, 20.0), FRAMING, False, (slice(36, 76), slice(82, 122)), ""),
        ((100.0, 60.0, 55.0), FRAMING, False, WHOLE, ""),
        ((100.0, 60.0, 55.0), FRAMING, True, (slice(0, 110), slice(50, 160)), ""),
        (None, FRAMING, False, WHOLE, photos.NO_FACE),
        ((100.0, 60.0, 20.0), None, False, WHOLE, ""),
    ],
    ids=["a face in a picture", "a picture that is a face", "cut all the same", "no face", "none is sought"],
)
def test_what_is_cut_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: Any, framing: Any, always: bool, expected: Any, note: str
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    monkeypatch.setattr(photos, "face_boxes", lambda frame: [] if box is None else [box])
    notes: list[str] = []
    cut = photos.FaceCut(32, framing, always).picture(tmp_path / "a.png", notes.append)
    filter_ = Image.Resampling.BILINEAR if expected is WHOLE else Image.Resampling.LANCZOS
    wanted = np.asarray(Image.fromarray(picture[expected]).resize((32, 32), filter_))
    np.testing.assert_array_equal(cut.pixels, wanted[None])
    assert cut.found == (note == "")
    assert notes == ([note] if note else [])


@pytest.mark.parametrize(
    ("with_face", "note"),
    [({0, 1, 2, 3, 4, 5, 6, 7}, []), ({2, 3}, [photos.SOME_FACES]), (set(), [photos.NO_FACES])],
)
def test_frames_without_a_face_take_the_nearest_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_face: set[int], note: list[str]
) -> None:
    frames = [np.random.default_rng(k).integers(0, 256, (60, 80, 3), dtype=np.uint8) for k in range(8)]
    places = iter(range(8))
    monkeypatch.setattr(photos, "read_frames", lambda *given, note: frames)

    def face_boxes(frame: np.ndarray) -> Any:
        place = next(places)
        return [(30.0 + place, 30.0, 10.0)] if place in with_face else []

    monkeypatch.setattr(photos, "face_boxes", face_boxes)
    notes: list[str] = []
    cuts = photos.FaceCut(16, Framing()).clip(tmp_path / "a.mp4", None, None, notes.append)
    assert notes == note
    assert cuts.found == bool(with_face)
    for place, (face, frame) in enumerate(zip(cuts.pixels, frames, strict=True)):
        nearest = min(with_face, key=lambda other: abs(other - place)) if with_face else None
        box = None if nearest is None else (30.0 + nearest, 30.0, 15.0)
        np.testing.assert_array_equal(face, resized(square(frame, box), 16))


def test_of_several_faces_the_largest_is_used_or_the_one_in_the_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    monkeypatch.setattr(photos, "face_boxes", lambda frame: [(100.0, 60.0, 20.0), (30.0, 60.0, 16.0)])
    notes: list[str] = []
    cutter = photos.FaceCut(32, Framing(side=2.0))
    largest = cutter.picture(tmp_path / "a.png", notes.append)
    np.testing.assert_array_equal(largest.pixels[0], resized(picture[40:80, 80:120], 32))
    assert notes == ["2 faces were found: the largest was used; --faces all predicts each of them"]
    notes.clear()
    second = cutter.picture(tmp_path / "a.png", notes.append, (30.0, 60.0, 16.0))
    assert notes == ["the face around column 30 and row 60, 16 pixels wide"]
    np.testing.assert_array_equal(second.pixels[0], resized(picture[44:76, 14:46], 32))
    monkeypatch.setattr(photos, "read_frames", lambda *given, note: [picture] * 8)
    notes.clear()
    assert cutter.clip(tmp_path / "a.mp4", None, None, notes.append).pixels.shape == (8, 32, 32, 3)
    assert notes == [photos.CROWD]


def test_faces_are_framed_as_in_training(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", corpus)
    monkeypatch.setattr(faces, "framing_of", lambda run, data: FRAMING)
    reader: Any = Predictor.of_run(run.folder)._reader
    assert (reader._cut.framing, reader._cut.always) == (FRAMING, False)
    (run.folder / photos.FRAMING).write_text(json.dumps({"side": 1.1, "right": 0.0, "down": 0.1}))
    monkeypatch.setattr(Run, "dataset", lambda *given: pytest.fail("everything was kept"))
    again: Any = Predictor.of_run(run.folder, crop=True)._reader
    assert (again._cut.framing, again._cut.always) == (Framing(1.1, 0.0, 0.1), True)
    gone: Any = Predictor.of_run(run.folder, crop=False)._reader
    assert gone._cut.framing is None


def test_a_picture_lies_upright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(photos, "face_boxes", lambda frame: seen.append(frame.shape) or [])
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    Image.new("RGB", (60, 40), (200, 100, 50)).save(tmp_path / "a.jpg", exif=exif)
    photos.FaceCut(32, FRAMING).picture(tmp_path / "a.jpg", lambda note: None)
    assert seen == [(60, 40, 3)]


def test_a_table_with_the_pictures_in_its_cells(tmp_path: Path, corpus: Path) -> None:
    predictor = Predictor.of_run(make_run(tmp_path / "run", corpus).folder, crop=False)
    content = (corpus / "0.png").read_bytes()
    cells = [{"bytes": content, "path": "0.png"}, {"bytes": None, "path": "0.png"}, {"bytes": b"", "path": None}, None]
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    pq.write_table(pa.table({"image": [content, content[:200]]}), tmp_path / "b.parquet")
    tables = {name: TableColumns(image="image") for name in ("t", "b")}
    for name, columns in tables.items():
        predict_table(
            predictor, tmp_path / f"{name}.parquet", columns, out=tmp_path / f"{name}_out.parquet", media=corpus
        )
    structures, plain = (pd.read_parquet(tmp_path / f"{name}_out.parquet") for name in tables)
    expected = predictor.predict(image=corpus / "0.png").valence
    np.testing.assert_allclose([*structures["valence"][:2], plain["valence"][0]], expected, atol=1e-4)
    assert structures["reason"].tolist()[2:] == ["the file is empty (0 bytes)", "its cells are empty"]
    assert plain["reason"][1].startswith("not an image that can be read")


def test_drawn_faces_are_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = build_config({"data": {"corpus": "faces", "path": str(tmp_path)}, "model": {"image_size": 32, "width": 4}})
    run = start_run(tmp_path / "run", config)
    MODELS["levasa"](config.model).save_pretrained(run.folder / "model")  # type: ignore[arg-type]
    run.record(state="finished")
    monkeypatch.setattr(photos, "face_boxes", lambda frame: pytest.fail("it was looked for"))
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    assert Predictor.of_run(run.folder).predict(image=tmp_path / "a.png").modalities == ("image",)


def test_on_the_command_line(tmp_path: Path, corpus: Path) -> None:
    run = make_run(tmp_path / "run", corpus)
    result = CliRunner().invoke(app, ["predict", "--run", str(run.folder), str(corpus / "0.png"), "--no-crop"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:4]] == ["valence", "arousal", "emotion"]
    result = CliRunner().invoke(app, ["predict", "--run", str(run.folder), str(corpus), "--no-crop", "--json"])
    assert result.exit_code == 0
    predictions = json.loads(result.stdout)["predictions"]
    assert len(predictions) == 160
    assert predictions[0]["dominance"] == {"mean": None, "deviation": None}
    assert CliRunner().invoke(app, ["predict", str(run.folder), "--text", "hello"]).exit_code == 1
