"""Sounds of every kind become one channel at one rate; unreadable ones have a reason."""

import os
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from affectspace.errors import UnreadableItem
from affectspace.media.sound import CHANNELS_CANCEL, NARROW, read_sound
from affectspace.synthetic.speakers.writing import write_clip

RATE = 16_000
GREY = np.full((30, 32, 32, 3), 20, np.uint8)


def tone(seconds: float = 1.0, rate: int = RATE, hertz: float = 200.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    sound = np.stack([tone(1, rate)] * channels, axis=1)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="PCM_16")
    read = read_sound(tmp_path / "a.wav")
    assert read.dtype == np.float32
    assert len(read) == RATE
    np.testing.assert_allclose(read[1000:-1000], tone()[1000:-1000], atol=2e-3)


@pytest.mark.parametrize(("gains", "expected"), [
    ((1, 1), 1), ((1, 0.5), 0.75), ((1, 0), 0.5), ((1, -0.1), 0.45), ((1, -1), 1), ((0.5, -0.6), -0.6), ((0.2, -0.2, 0.1), 0.2),
])  # fmt: skip
def test_channels_are_averaged_unless_they_cancel(tmp_path: Path, gains: tuple[float, ...], expected: float) -> None:
    """A swapped wire leaves nothing of a voice in the mean but noise."""
    soundfile.write(tmp_path / "a.wav", np.stack([gain * tone() for gain in gains], axis=1), RATE, subtype="FLOAT")
    notes: list[str] = []
    read = read_sound(tmp_path / "a.wav", note=notes.append)
    np.testing.assert_allclose(read, expected * tone(), atol=1e-6)
    assert [text for text in notes if text != NARROW] == (
        [CHANNELS_CANCEL] if np.mean(gains) ** 2 < 0.1 * np.mean(np.square(gains)) else []
    )


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_other_kinds(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"a.{suffix}", tone(), RATE)
    read = read_sound(tmp_path / f"a.{suffix}")
    spectrum = np.abs(np.fft.rfft(read[:RATE]))
    assert abs(np.argmax(spectrum) * RATE / len(read[:RATE]) - 200) < 3


def test_only_the_part_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.r_[tone(1), np.zeros(RATE), tone(1)], RATE, subtype="FLOAT")
    assert not read_sound(tmp_path / "a.wav", start=1.0, end=2.0).any()
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", start=2.5), tone()[RATE // 2 :], atol=1e-5)


def test_the_sound_of_a_clip(tmp_path: Path) -> None:
    path, silence = tmp_path / "a.mp4", np.zeros(RATE)
    write_clip(path, GREY, 10, np.r_[silence, tone(1), silence], RATE)
    middle = read_sound(path, start=1.1, end=1.9)
    assert abs(len(middle) - 0.8 * RATE) < 5
    assert middle.std() > 0.25
    assert read_sound(path, start=2.2).std() < 0.02


def test_unreadable_sounds_have_a_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:30])
    (tmp_path / "none.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("not a sound " * 20)
    write_clip(tmp_path / "mute.mp4", GREY, 10, None, RATE)
    shutil.copy(tmp_path / "text.wav", tmp_path / "text.mp4")
    for name, part, reason in (
        ("gone.wav", {}, "there is no such file"),
        ("none.wav", {}, r"the file is empty \(0 bytes\)"),
        ("text.wav", {}, "text, not a sound"),
        ("text.mp4", {}, "text, not a clip"),
        ("cut.wav", {}, "not a sound that can be read|no samples"),
        ("mute.mp4", {}, "it has no sound track"),
        ("a.wav", {"start": 5.0}, "there is no sound in this part"),
        ("a.wav", {"start": 0.5, "end": 0.2}, r"ends \(0.2 s\) before it starts \(0.5 s\)"),
        ("a.wav", {"longest": 0.5}, "longer than 0.5 s"),
    ):
        with pytest.raises(UnreadableItem, match=reason):
            read_sound(tmp_path / name, **part)


def test_a_truncated_recording_gives_what_is_left(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    assert 0.45 * RATE < len(read_sound(tmp_path / "cut.wav")) < 0.55 * RATE


def test_the_decoder_of_mp3_files_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, 0.3 * np.sin(np.arange(16_000) / 20), 16_000)
    content = path.read_bytes()
    path.write_bytes(content[:1500] + bytes(777) + content[1500:] + b"TAGjunk" * 40)  # read well, with remarks
    soundfile.read(path)
    assert "Illegal Audio-MPEG-Header" in capfd.readouterr().err
    with ThreadPoolExecutor(4) as pool:
        assert len(set(map(len, pool.map(read_sound, [path] * 8)))) == 1
    assert capfd.readouterr().err == ""
    os.write(2, b"other messages")
    assert capfd.readouterr().err == "other messages"


@pytest.mark.parametrize(("stored", "narrow"), [(8_000, True), (11_025, False), (16_000, False), (44_100, False)])
@pytest.mark.parametrize("again", [16_000, 48_000])
def test_telephone_sound_is_noted_whatever_its_rate(tmp_path: Path, stored: int, narrow: bool, again: int) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(stored)
    notes: list[str] = []
    for name, sound, rate in (("a", noise, stored), ("b", soxr.resample(noise, stored, again), again)):
        soundfile.write(tmp_path / f"{name}.wav", sound, rate)
        read_sound(tmp_path / f"{name}.wav", note=notes.append)
    assert notes == [NARROW] * 2 * narrow


def test_real_recordings_are_not_taken_for_telephone_calls(shared_data: Path, tmp_path: Path) -> None:
    recordings = {name: sorted((shared_data / name).rglob("*.flac")) for name in ("ravdess", "emodb")}
    for path in recordings["ravdess"][::60] + recordings["emodb"][::30]:
        notes: list[str] = []
        sound = read_sound(path, note=notes.append)
        assert notes == []
        soundfile.write(tmp_path / "a.wav", soxr.resample(sound, RATE, 8_000), 8_000, subtype="ULAW")
        read_sound(tmp_path / "a.wav", note=notes.append)
        assert notes == [NARROW]


def wav(
    seconds: float = 1.0, *, stated: float | None = None, channels: int = 1, align: int = 2, after: bytes = b""
) -> bytes:
    """A WAV of 16 kHz; stated : seconds in its header; after : what follows the sound."""
    samples = (np.random.default_rng(0).uniform(-0.5, 0.5, round(16_000 * seconds)) * 32767).astype("<i2").tobytes()
    size = len(samples) if stated is None else round(32_000 * stated)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, channels, 16_000, 16_000 * align, align, 16)
    body = b"WAVE" + form + b"data" + struct.pack("<I", size) + samples + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_header_that_states_less_sound_than_there_is_is_noted() -> None:
    notes: list[str] = []
    assert len(read_sound(wav(stated=0.5), note=notes.append)) == 8000
    assert notes == ["the header of the sound states less than the file holds; only that part is read"]


@pytest.mark.parametrize("after", [b"", *(name + struct.pack("<I", 8000) + bytes(8000) for name in (b"LIST", b"id3 "))])
def test_a_right_header_is_not_noted(after: bytes) -> None:
    notes: list[str] = []
    assert len(read_sound(wav(after=after), note=notes.append)) == 16_000
    assert notes == []


def test_a_header_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(UnreadableItem, match="2 channels of 16 bits, but 2 bytes a sample"):
        read_sound(wav(channels=2, align=2))
