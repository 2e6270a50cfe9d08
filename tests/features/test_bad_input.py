"""Everything that can be wrong with a file or a text, in one corpus: each costs its row at most, and says why."""

import json
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import DataError
from affectspace.features import FeatureStore

RATE = 16_000


def voice(rate: int = RATE, seconds: float = 1.5) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 12)) * (
        0.06 + 0.04 * np.sin(2 * np.pi * 3 * time)
    )


def write_clip(path: Path, picture: bool, sound: bool) -> None:
    """An mp4 of noise, in which nobody has a face."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        if picture:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
        track = container.add_stream("aac", rate=RATE, layout="mono") if sound else None
        for _ in range(8 if picture else 0):
            pixels = random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        if picture:
            container.mux(stream.encode())
        if track is not None:
            samples = voice().astype(np.float32)
            for start in range(0, len(samples), 1024):
                frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
                frame.rate, frame.pts = RATE, start
                container.mux(track.encode(frame))
            container.mux(track.encode())


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad") / "media"
    folder.mkdir()
    for name, sound, rate in (
        ("good", voice(), RATE),
        ("8 kHz", voice(8_000), 8_000),
        ("96 kHz", voice(96_000), 96_000),
        ("stereo", np.stack([voice()] * 2, axis=1), RATE),
        ("six channels", np.stack([voice()] * 6, axis=1), RATE),
        ("silent", np.zeros(RATE), RATE),
    ):
        soundfile.write(folder / f"{name}.wav", sound, rate)
    whole = (folder / "good.wav").read_bytes()
    (folder / "half.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "header.wav").write_bytes(whole[:30])
    (folder / "nothing.wav").write_bytes(b"")
    write_clip(folder / "no face.mp4", picture=True, sound=True)
    write_clip(folder / "no picture.mp4", picture=False, sound=True)
    write_clip(folder / "no sound.mp4", picture=True, sound=False)
    (folder / "half.mp4").write_bytes((folder / "no face.mp4").read_bytes()[:2_000])
    return folder


def extract(media: Path, out: Path, modality: str, rows: dict[str, list], *more: object) -> tuple[dict, dict[str, str]]:
    """What the command says, and id -> reason ("" for a vector)."""
    table = out.with_suffix(".csv")
    pd.DataFrame(rows).to_csv(table, index=False)
    of_files = () if "text" in rows else ("--media", media)
    command = ["extract", "table", table, *of_files, "--modality", modality, "--out", out, "--json", *more]
    result = CliRunner().invoke(app, [str(word) for word in command])
    if result.exception is not None:
        raise result.exception
    index = FeatureStore(out).index
    return json.loads(result.stdout), dict(zip(index["id"], index["reason"], strict=True))


def test_sounds(media: Path, tmp_path: Path) -> None:
    names = [*sorted(path.name for path in media.iterdir()), "gone.wav"]
    facts, reasons = extract(media, tmp_path / "sounds", "audio", {"id": names, "audio": names})
    good = {"good.wav", "8 kHz.wav", "96 kHz.wav", "stereo.wav", "six channels.wav", "half.wav"}
    assert {name for name, reason in reasons.items() if not reason} == good | {"no face.mp4", "no picture.mp4"}
    cut = "the clip is cut off: its index (the box moov) is missing; copy or download the file again"
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "silent.wav": "the sound is silent",
        "nothing.wav": "the file is empty (0 bytes)",
        "header.wav": "not a sound that can be read (Invalid data found when processing input)",
        "half.mp4": cut,
        "no sound.mp4": "it has no sound track",
        "gone.wav": "there is no such file",
    }
    assert facts["reasons"][cut] == 1
    store = FeatureStore(tmp_path / "sounds")
    assert store.columns is not None
    pitch = store.columns.index("pitch_median")
    vectors, _ = store.read(sorted(good))
    np.testing.assert_allclose(vectors[:, pitch], 12 * np.log2(120 / 27.5), atol=0.3)


def test_clips(media: Path, tmp_path: Path, tiny_vit: str) -> None:
    names = ["no face.mp4", "no picture.mp4", "half.mp4", "gone.mp4"]
    facts, reasons = extract(media, tmp_path / "clips", "video", {"id": names, "video": names}, "--backbone", tiny_vit)
    assert reasons == {
        "no face.mp4": "",
        "no picture.mp4": "it has no picture",
        "half.mp4": "the clip is cut off: its index (the box moov) is missing; copy or download the file again",
        "gone.mp4": "there is no such file",
    }
    assert facts["remarks"] == {"a clip where no face was found: the middle of the picture was taken": 1}


def test_texts(media: Path, tmp_path: Path, tiny_text: Path) -> None:
    texts = {"long": "good day " * 50_000, "empty": "", "blank": "  ", "odd": "😀‮\x07", "word": "good"}
    rows = {"id": list(texts), "text": list(texts.values())}
    facts, reasons = extract(media, tmp_path / "texts", "text", rows, "--backbone", tiny_text)
    assert reasons == {"long": "", "blank": "the text is empty", "odd": "", "word": ""}
    assert facts["without"] == 1  # the empty cell
    assert facts["remarks"] == {"a text of more than 32 tokens, cut": 1}
    (tmp_path / "norms.tsv").write_text(
        "good\t.9\t.5\t.5\ngood\t.1\t.1\t.1\nday\thigh\t.5\t.5\nsad\t.1\t.2\t.3\nbad\t.2\t.5\t.4\n"
    )
    _, reasons = extract(media, tmp_path / "words", "words", rows, "--lexicon", f"norms={tmp_path / 'norms.tsv'}")
    assert reasons == {"long": "", "blank": "the text is empty", "odd": "", "word": ""}
    vectors, _ = FeatureStore(tmp_path / "words").read(["long", "odd", "word"])
    assert vectors[2, 0] == pytest.approx(0.8)  # the first of the two rows
    assert vectors[0, -1] == pytest.approx(0.5)  # "day" has no number in the lexicon
    assert not vectors[1].any()


def test_two_rows_of_one_id_are_named(media: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the id 'a' is in rows 1, 3 .*ids must be unique: remove the copies"):
        extract(
            media, tmp_path / "s", "audio", {"id": ["a", "b", "a"], "audio": ["good.wav", "half.wav", "stereo.wav"]}
        )
