"""Decoding images: readable and unreadable ones, and a cache that is complete or absent."""

import errno
import io
import os
import struct
import threading
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.media import images as module
from affectspace.media.images import decode_image, decode_images


@pytest.fixture
def bad_images(tmp_path: Path, image_bytes) -> Path:
    """Two good images and one of each kind that cannot be read."""
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(image_bytes(1))
    (folder / "good.png").write_bytes(image_bytes(2, kind="PNG"))
    (folder / "torn.jpg").write_bytes(image_bytes(3, (200, 200))[:2000])
    (folder / "torn.png").write_bytes(image_bytes(3, (50, 50), kind="PNG")[:2000])
    (folder / "text.jpg").write_text("<html>404 not found</html>")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "bytes.jpg").write_bytes(bytes(range(256)) * 4)
    for name, size in (("bomb", (30_000, 20_000)), ("large", (9_100, 9_000)), ("warned", (10_000, 10_000))):
        (folder / f"{name}.png").write_bytes(claiming(image_bytes(1, kind="PNG"), *size))
    return folder


def claiming(png: bytes, width: int, height: int) -> bytes:
    """A small PNG whose header claims another size."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


NAMES = ["good.jpg", "torn.jpg", "torn.png", "text.jpg", "empty.jpg", "bytes.jpg"]
NAMES += ["bomb.png", "large.png", "warned.png", "gone.jpg"]


@pytest.mark.parametrize("zipped", [False, True])
def test_unreadable_images_are_listed(bad_images: Path, tmp_path: Path, zipped: bool) -> None:
    media = bad_images
    if zipped:
        media = tmp_path / "media.zip"
        with zipfile.ZipFile(media, "w") as archive:
            for i, path in enumerate(sorted(bad_images.iterdir())):
                archive.write(path, path.name, zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED)
    names = pd.Series([*NAMES, None, "good.png", "../media/nul\0.jpg"], dtype=object)
    for _ in range(2):  # the second time from the cache
        found = decode_images(media, names, 16, cache=tmp_path / "cache")
        assert np.flatnonzero(found.ok).tolist() == [0, 11]
        reasons = dict(zip(found.failures["image"], found.failures["reason"], strict=True))
        assert "truncated" in reasons["torn.jpg"]
        assert reasons["text.jpg"] == "a web page, not an image; download the file again"
        assert reasons["empty.jpg"] == "the file is empty (0 bytes)"
        assert reasons["bytes.jpg"] == "not an image that can be read (unknown format)"
        assert "more than 80 million pixels" in reasons["bomb.png"]
        assert "9100 x 9000: more than 80 million pixels" in reasons["large.png"]
        assert reasons["gone.jpg"] in ("there is no such file", "not in media.zip")
        assert found.failures.set_index("row")["reason"][10] == "the table names no image"
        assert (found.pixels[~found.ok] == 0).all()
        assert found.pixels[[0, 11]].any()
        assert found.failures["row"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]


def test_pixels_are_the_images(tmp_path: Path, image_bytes) -> None:
    (tmp_path / "a.png").write_bytes(image_bytes(5, (16, 16), "PNG"))
    found = decode_images(tmp_path, pd.Series(["a.png"]), 16)
    expected = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(found.pixels[0], expected)
    assert isinstance(found.pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.pixels[0] = 0


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA", "CMYK", "I;16"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    deep = Image.fromarray(np.full((8, 8), 200 * 257, dtype=np.uint16))
    image = deep if mode == "I;16" else Image.new("RGB", (8, 8), (200, 200, 200)).convert(mode)
    file = io.BytesIO()
    image.save(file, "TIFF" if mode == "CMYK" else "PNG")
    pixels = decode_image(file.getvalue(), 8)
    assert pixels.shape == (8, 8, 3)
    assert abs(int(pixels.mean()) - (200 if mode != "1" else pixels.mean())) <= 3


def test_a_palette_with_transparency_and_fractions() -> None:
    file = io.BytesIO()
    Image.new("P", (8, 8)).save(file, "PNG", transparency=b"\x00\x80")
    assert decode_image(file.getvalue(), 4).shape == (4, 4, 3)
    file = io.BytesIO()
    Image.new("F", (8, 8)).save(file, "TIFF")
    with pytest.raises(UnreadableItem, match="floating-point numbers of unknown range"):
        decode_image(file.getvalue(), 4)


def test_the_camera_s_orientation_is_used() -> None:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:4] = 255  # bright above
    image, file = Image.fromarray(pixels), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 3  # turned by 180 degrees
    image.save(file, "JPEG", exif=exif, quality=95)
    upright = decode_image(file.getvalue(), 8)
    assert upright[:3].mean() < 20
    assert upright[5:].mean() > 235


def test_not_square() -> None:
    pixels = np.zeros((8, 24, 3), dtype=np.uint8)
    pixels[:, 8:16] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert (decode_image(file.getvalue(), 8, "crop") == 255).all()
    squeezed = decode_image(file.getvalue(), 12)
    assert (squeezed[:, 5:7] == 255).all()
    assert (squeezed[:, [0, 1, -2, -1]] == 0).all()
    with pytest.raises(ConfigError, match="unknown fit 'pad'; choose from resize, crop"):
        decode_images(Path(), pd.Series(["a"]), 8, fit="pad")


def test_the_cache_depends_on_content_size_and_fit(tmp_path: Path, image_bytes) -> None:
    media, names = tmp_path / "m.zip", pd.Series(["a.jpg"])

    def path_of(seed: int, size: int = 16, **more) -> Path:
        with zipfile.ZipFile(media, "w") as archive:
            archive.writestr("a.jpg", image_bytes(seed))
        return decode_images(media, names, size, **more).path

    first = path_of(1)
    assert path_of(1) == first
    assert len({first, path_of(2), path_of(1, 32), path_of(1, fit="crop")}) == 4
    media.rename(tmp_path / "moved.zip")
    assert decode_images(tmp_path / "moved.zip", names, 32).path == path_of(1, 32)


def test_a_changed_file_in_a_folder_is_decoded_again(tmp_path: Path, image_bytes) -> None:
    (tmp_path / "a.png").write_bytes(image_bytes(1, kind="PNG"))
    before = decode_images(tmp_path, pd.Series(["a.png"]), 20)
    (tmp_path / "a.png").write_bytes(image_bytes(2, kind="PNG"))
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert not np.array_equal(before.pixels, decode_images(tmp_path, pd.Series(["a.png"]), 20).pixels)


def many(folder: Path, image_bytes, n: int = 600) -> pd.Series:
    data = image_bytes(1)
    for i in range(n):
        (folder / f"{i}.jpg").write_bytes(data)
    return pd.Series([f"{i}.jpg" for i in range(n)])


def test_an_interruption_leaves_no_cache(tmp_path: Path, image_bytes) -> None:
    cache = tmp_path / "cache"
    names = many(tmp_path, image_bytes)

    def interrupt(done: int, total: int, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_images(tmp_path, names, 16, cache=cache, progress=interrupt)
    assert list((cache / "images").iterdir()) == []
    seen: list[tuple[int, int, str]] = []
    decode_images(tmp_path, names, 16, cache=cache, progress=lambda *step: seen.append(step))
    assert [step[0] for step in seen] == [256, 512, 600]
    assert seen[-1][1] == 600


def test_a_full_disk_is_an_error_with_the_remedy(tmp_path: Path, image_bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(image_bytes(1))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_decoded_chunks", full)
    with pytest.raises(DataError, match=r"the cache of 1 kB cannot .*No space left on device.*AFFECTSPACE_CACHE"):
        decode_images(tmp_path, pd.Series(["a.jpg"]), 16, cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "images").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        decode_images(tmp_path, pd.Series(["a.jpg"]), 16, cache=tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_truly_full_device(tmp_path: Path, image_bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    names = many(tmp_path, image_bytes, 20)
    monkeypatch.setattr(Path, "open", lambda self, *args: open("/dev/full", "wb"))  # noqa: SIM115
    monkeypatch.setattr("affectspace.media.files.FolderMedia.read", lambda self, name: image_bytes(1))
    with pytest.raises(DataError, match="No space left on device"):
        decode_images(tmp_path, names, 64, cache=tmp_path / "cache")


def test_a_damaged_cache_is_rebuilt(tmp_path: Path, image_bytes) -> None:
    names = many(tmp_path, image_bytes, 3)
    found = decode_images(tmp_path, names, 16)
    expected = np.array(found.pixels)
    for damage in (b"", found.path.read_bytes()[:200]):
        found.path.write_bytes(damage)
        assert np.array_equal(decode_images(tmp_path, names, 16).pixels, expected)
    found.path.with_suffix(".json").write_text("{")
    assert np.array_equal(decode_images(tmp_path, names, 16).pixels, expected)


def test_several_may_decode_at_once(tmp_path: Path, image_bytes) -> None:
    names = many(tmp_path, image_bytes, 300)
    found: list[np.ndarray] = []

    def decode() -> None:
        slow = lambda *_: time.sleep(0.02)  # noqa: E731
        found.append(decode_images(tmp_path, names, 16, cache=tmp_path / "cache", progress=slow).pixels)

    threads = [threading.Thread(target=decode) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(np.array_equal(found[0], other) for other in found)
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 2


def test_missing_and_damaged_media(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder or zip"):
        decode_images(tmp_path / "gone", pd.Series(["a"]), 8)
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(DataError, match="neither a folder nor a readable zip"):
        decode_images(tmp_path / "a.zip", pd.Series(["a"]), 8)


def test_a_damaged_member_of_a_zip(tmp_path: Path, image_bytes) -> None:
    media = tmp_path / "m.zip"
    with zipfile.ZipFile(media, "w") as archive:
        archive.writestr("a.jpg", image_bytes(1))
        archive.writestr(zipfile.ZipInfo("b.jpg"), image_bytes(2), zipfile.ZIP_LZMA)
    data = bytearray(media.read_bytes())
    data[200] ^= 255
    media.write_bytes(data)
    found = decode_images(media, pd.Series(["a.jpg", "b.jpg"]), 16)
    assert found.failures["reason"].tolist() == ["the zip is damaged here (wrong checksum)"]
    assert found.ok.tolist() == [False, True]
