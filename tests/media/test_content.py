"""Files are known by their content, and what is wrong with them has a name."""

import os
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from affectspace.errors import UnreadableItem
from affectspace.media.clips import CUT_OFF, read_frames
from affectspace.media.content import kind_of, read_content, require_content, require_times
from affectspace.media.images import decode_image
from affectspace.media.sound import length_of, read_sound

RATE = 16_000
TONE = 0.5 * np.sin(np.arange(RATE) / 10)


def picture(form: str, mode: str = "RGB", **options: object) -> bytes:
    content = BytesIO()
    Image.new(mode, (24, 16), 100).save(content, form, **options)
    return content.getvalue()


def sound(form: str) -> bytes:
    content = BytesIO()
    soundfile.write(content, TONE, RATE, format=form)
    return content.getvalue()


def clip(form: str, *, picture: bool = True, tone: bool = False, begin: float = 0.0, seekable: bool = True) -> bytes:
    """Two seconds; frame k is grey 10 * k. begin : time of the first frame; seekable : else no header has the duration"""
    content = BytesIO()
    target = content if seekable else type("Pipe", (), {"write": lambda self, data: content.write(data)})()
    codecs = {"webm": ("libvpx", "libopus")}.get(form, ("mpeg4", "aac"))
    with av.open(target, "w", format=form) as container:
        if picture:
            stream = container.add_stream(codecs[0], rate=10)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
        if tone:
            heard = container.add_stream(codecs[1], rate=48_000, layout="mono")
        for number in range(20 if picture else 0):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 10 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round((begin + number / 10) * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if picture:
            container.mux(stream.encode())
        if tone:
            samples = 0.5 * np.sin(2 * np.pi * 300 * np.arange(96_000) / 48_000).astype(np.float32)
            for start in range(0, 96_000, 960):
                part = av.AudioFrame.from_ndarray(samples[None, start : start + 960], format="fltp", layout="mono")
                part.rate, part.pts = 48_000, round(begin * 48_000) + start
                container.mux(heard.encode(part))
            container.mux(heard.encode())
    return content.getvalue()


def greys(frames: list[np.ndarray]) -> list[int]:
    return [round(float(frame.mean()) / 10) for frame in frames]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((picture(form), "image") for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF")),
        *((sound(form), "audio") for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF")),
        *((clip(form), "video") for form in ("mp4", "matroska", "webm", "avi", "mov")),
        (picture("GIF", save_all=True, append_images=[Image.new("RGB", (24, 16), 9)]), "video"),
        (b"Dear diary, today", None),
        (b"", None),
        (bytes(600), None),
    ],
)
def test_the_content_tells_the_kind(content: bytes, kind: str | None, tmp_path: Path) -> None:
    for name in ("clip", f"a.{'x' * 100}"):
        (tmp_path / name).write_bytes(content)
        assert kind_of(tmp_path / name) == kind
    if kind == "image":  # also under the name of another kind
        (tmp_path / "a.mp4").write_bytes(content)
        assert kind_of(tmp_path / "a.mp4") == "image"
        assert read_frames(tmp_path / "a.mp4", 1)[0].shape == decode_image(content).shape == (16, 24, 3)


@pytest.mark.parametrize(("form", "suffix"), [("mp4", "m4a"), ("ogg", "ogg"), ("webm", "webm"), ("webm", "ogg")])
def test_the_suffix_chooses_between_sound_and_clip(form: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(sound("OGG") if form == "ogg" else clip(form, tone=True))
    assert kind_of(path) == ("video" if suffix == "webm" else "audio")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html><h1>404</h1></html>", "a web page, not"),
        (b"\n <html lang='en'>", "a web page, not"),
        (b"no media at all", "text, not"),
        (bytes(2000), "begins with zeros only"),
        (b"\x93\x01\x02\x00\x85" * 100, "that can be read"),
        (clip("mp4")[:700], "the clip is cut off: its index|not an image"),
        (b"", r"the file is empty \(0 bytes\)"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "text, not"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n", "text, not"),
    ],
)
@pytest.mark.parametrize("suffix", ["wav", "mp4", "jpg"])
def test_what_is_no_recording_has_a_name(content: bytes, reason: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    read = {
        "wav": lambda: read_sound(path),
        "mp4": lambda: read_frames(path, 2),
        "jpg": lambda: decode_image(read_content(path)),
    }
    with pytest.raises(UnreadableItem, match=reason):
        read[suffix]()


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path, reason in (
        (tmp_path / "pipe.wav", "a pipe or a device, not a regular file"),
        (Path("/dev/zero"), "a pipe or a device, not a regular file"),
        (tmp_path, "a folder, not a regular file"),
        (tmp_path / "gone.wav", "there is no such file"),
        (tmp_path / "pipe.wav" / "a.wav", "there is no such file"),
        (tmp_path / "https://example.org/a.wav", "a web address, and nothing is downloaded"),
        (tmp_path / ("x" * 300), "no file can have a name of 300 characters"),
        (tmp_path / "a\0b", "has a null character"),
    ):
        for check in (require_content, read_content, read_sound, lambda path: read_frames(path, 1), length_of):
            with pytest.raises(UnreadableItem, match=reason):
                check(path)


@pytest.mark.parametrize(
    "times", [(float("inf"), None), (-1.0, None), (0.0, float("nan")), (2.0, 1.0), (1.0, 1.0), (0, -1e300)]
)
def test_times_that_no_file_has(times: tuple[float, float | None]) -> None:
    with pytest.raises(UnreadableItem, match=r"give seconds from 0 on|before it starts"):
        require_times(*times)


@pytest.mark.parametrize("end", [5.0, 1e300])
def test_a_part_ends_with_its_file(end: float) -> None:
    assert len(read_sound(sound("WAV"), start=0.25, end=end)) == 0.75 * RATE
    assert greys(read_frames(clip("mp4"), 2, start=1.0, end=end)) == [12, 17]


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"])
def test_a_recording_to_a_stream_is_read_to_its_end(size: bytes) -> None:
    content = sound("WAV")
    streamed = content[:4] + size + content[8:40] + size + content[44:]
    np.testing.assert_array_equal(read_sound(streamed), read_sound(content))
    assert length_of(streamed) == pytest.approx(1)


@pytest.mark.parametrize("form", ["webm", "matroska"])
def test_a_clip_without_a_duration(form: str) -> None:
    content = clip(form, tone=True, seekable=False)
    assert greys(read_frames(content, 4)) == [2, 7, 12, 17]
    assert length_of(content) == pytest.approx(2, abs=0.1)
    assert len(read_sound(content)) / RATE == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("form", ["mp4", "matroska", "webm"])
@pytest.mark.parametrize("begin", [0.0, 10.0, 3600.0])
def test_time_counts_from_the_first_frame(form: str, begin: float) -> None:
    content = clip(form, tone=True, begin=begin)
    assert greys(read_frames(content, 4)) == [2, 7, 12, 17]
    assert greys(read_frames(content, 2, start=1.05, end=1.45)) == [11, 13]
    assert len(read_sound(content, start=0.5, end=1.5)) / RATE == pytest.approx(1, abs=0.03)
    assert length_of(content) == pytest.approx(2, abs=0.1)
    with pytest.raises(UnreadableItem, match="starts at 3 s, but the clip ends at"):
        read_frames(content, 2, start=3.0)


def test_a_clip_that_ends_before_its_header_says(tmp_path: Path) -> None:
    content = clip("matroska")
    notes: list[str] = []
    frames = greys(read_frames(content[: len(content) // 2], 4, note=notes.append))
    assert frames[0] < frames[1] < frames[2] < frames[3] < 17
    assert notes == [CUT_OFF]
    read_frames(content, 4, note=notes.append)
    assert len(notes) == 1


def test_an_animated_picture_is_a_clip() -> None:
    still = [Image.new("RGB", (24, 16), (value,) * 3) for value in (0, 50, 100, 150)]
    for form, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        content = BytesIO()
        still[0].save(content, form, save_all=True, append_images=still[1:], duration=[100, 100, 100, 700], **options)
        assert greys(read_frames(content.getvalue(), 3, end=0.3)) == [0, 5, 10]
        assert greys(read_frames(content.getvalue(), 2)) == [10, 15]
        assert length_of(content.getvalue()) == pytest.approx(1)
        with pytest.raises(UnreadableItem, match="it has no sound track"):
            read_sound(content.getvalue())


@pytest.mark.parametrize(("peak", "scaled"), [(1.0, 1.0), (3.9, 3.9), (32_768.0, 1.0), (5e5, 1.0)])
def test_samples_without_a_scale_are_divided_by_their_peak(peak: float, scaled: float) -> None:
    content = BytesIO()
    soundfile.write(content, TONE / np.abs(TONE).max() * peak, RATE, format="WAV", subtype="FLOAT")
    notes: list[str] = []
    assert np.abs(read_sound(content.getvalue(), note=notes.append)).max() == pytest.approx(scaled, rel=1e-5)
    assert any("divided by it" in text for text in notes) == (scaled != peak)


@pytest.mark.parametrize("peak", [1e7, 1e30, 3e38, float("nan"), float("inf")])
@pytest.mark.parametrize("channels", [1, 2])
def test_damaged_samples_are_refused(peak: float, channels: int) -> None:
    content, samples = BytesIO(), np.full((RATE, channels), 0.1, np.float32)
    samples[7:9] = peak
    soundfile.write(content, samples, RATE, format="WAV", subtype="FLOAT")
    with pytest.raises(UnreadableItem, match=r"not numbers|should lie between -1 and 1"):
        read_sound(content.getvalue())


DAMAGED = {
    **{form: picture(form) for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF")},
    **{form: sound(form) for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF")},
    **{form: clip(form, tone=True) for form in ("mp4", "webm", "avi", "mpegts")},
}


@pytest.mark.parametrize("form", DAMAGED)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(form: str, data: st.DataObject) -> None:
    """Bytes that change, are missing, or are added anywhere: nothing but UnreadableItem is raised."""
    content = bytearray(DAMAGED[form])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, min(len(content) - 1, 100)))
        size = data.draw(st.integers(0, 30))
        content[place : place + size] = data.draw(st.binary(max_size=30))
        content = content or bytearray(b"0")
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    source = bytes(content)
    for read in (kind_of, decode_image, read_sound, length_of, lambda source: read_frames(source, 2, 0.2, 0.9)):
        with suppress(UnreadableItem):
            read(source)
    assert source == bytes(content)  # and nothing is changed


@pytest.mark.parametrize(("codec", "reason"), [(b"A_OPUS", "its sound"), (b"V_VP8", "its picture")])
def test_a_codec_that_is_not_known(codec: bytes, reason: str) -> None:
    content = clip("webm", tone=True).replace(codec, codec[:2] + b"ZZZZ"[: len(codec) - 2])
    with pytest.raises(UnreadableItem, match=f"{reason} is in an unknown format"):
        read_sound(content) if codec == b"A_OPUS" else read_frames(content, 1)
