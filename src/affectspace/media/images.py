"""Decode images to RGB pixels: one, or all of a corpus as squares in a memory-mapped cache."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps, UnidentifiedImageError

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.files import cache_folder, partial_path
from affectspace.media.files import Media, open_media, plain_name
from affectspace.processes import in_order
from affectspace.progress import Progress, silent

MOST_PIXELS = 80_000_000  # an image that claims more is refused before it is decompressed
FITS = ("resize", "crop")


def decode_image(data: bytes, size: int | None = None, fit: str = "resize") -> np.ndarray:
    """Return the image in a file's bytes, upright, (height, width, 3) uint8 RGB.

    size: pixels of the sides of a square; None: the image's own size. fit: "resize" stretches what is not square, "crop" takes
    its centre. Raises UnreadableItem with the reason.
    """
    if not data:
        raise UnreadableItem("empty file")
    try:
        return _decode(data, size, fit)
    except UnreadableItem:
        raise
    except UnidentifiedImageError:
        raise UnreadableItem("text, not an image" if _is_text(data) else "unknown image format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableItem(f"more than {MOST_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # decoders raise almost anything for damaged bytes
        raise UnreadableItem(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _decode(data: bytes, size: int | None, fit: str) -> np.ndarray:
    image: Image.Image = Image.open(BytesIO(data))
    if image.width * image.height > MOST_PIXELS:
        raise UnreadableItem(f"{image.width} x {image.height}: more than {MOST_PIXELS // 10**6} million pixels")
    if image.format == "JPEG" and size is not None:
        image.draft("RGB", (2 * size, 2 * size))  # decodes at 1/2, 1/4 or 1/8 if that is still twice the size
    if image.getexif().get(0x0112, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode != "RGB":
        image = _to_rgb(image)
    if size is not None and image.size != (size, size):
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side) if fit == "crop" else None
        image = image.resize((size, size), Image.Resampling.BILINEAR, box)
    return np.asarray(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits per pixel, which `convert` would clip
        levels = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.clip(levels >> 8, 0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise UnreadableItem("pixels are floating-point numbers of unknown range")
    if image.mode == "P":  # otherwise Pillow warns of a palette with transparency as bytes
        image = image.convert("RGBA")
    return image.convert("RGB")


def _is_text(data: bytes) -> bool:
    start = data[:512]
    return b"\0" not in start and sum(byte >= 32 or byte in b"\t\r\n\f" for byte in start) > 0.9 * len(start)


_CHUNK = 256  # rows that a thread decodes at a time
_VERSION = 1  # of the decoding; a new number invalidates every cache


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded images, one for each row of a corpus' table.

    pixels: (n, size, size, 3) uint8 RGB, memory-mapped, read only; zeros for unreadable images. ok: (n,) bool.
    failures: table with columns row, image, reason. path: the cache file.
    """

    pixels: np.ndarray
    ok: np.ndarray
    failures: pd.DataFrame
    path: Path

    def __len__(self) -> int:
        return len(self.pixels)


def decode_images(
    media: Path,
    images: pd.Series,
    size: int,
    *,
    cache: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
    fit: str = "resize",
) -> ImageSet:
    """Decode the named images of a folder or zip to squares of `size` pixels, or open what was decoded before.

    images: n names relative to `media`; an image that is missing or unreadable is listed in `failures`. workers: threads,
    default one for each processor, at most 16. An interrupted decoding leaves nothing behind, and several processes may decode
    the same images at once. Raises DataError if the cache cannot be written.
    """
    if fit not in FITS:
        raise ConfigError(f"unknown fit {fit!r}; there are {', '.join(FITS)}")
    if isinstance(size, bool) or not 1 <= size <= 4096:
        raise ConfigError(f"image size {size}: it must be 1 to 4096 pixels")
    names = [plain_name(name) if isinstance(name, str) else None for name in images.tolist()]
    with open_media(media) as opened:
        folder = cache_folder(cache) / "images"
        path = folder / f"{_key(opened, names, size, fit)}.npy"
        decoded = _open_cache(path, names, size)
        if decoded is not None:
            return decoded
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_cache(path, opened, names, size, fit, workers, progress)
        except OSError as error:
            raise DataError(
                f"{folder}: the cache of {_amount(len(names) * size * size * 3)} cannot be written "
                f"({error.strerror or error}); free some space, or set AFFECTSPACE_CACHE to a folder with more space"
            ) from error
        decoded = _open_cache(path, names, size)
    if decoded is None:
        raise DataError(f"{path}: the cache of decoded images is not what was written; remove it and try again")
    return decoded


def _amount(n: int) -> str:
    return f"{n / 1e6:,.0f} MB" if n >= 1_000_000 else f"{max(n / 1e3, 1):.0f} kB"


def _key(media: Media, names: list[str | None], size: int, fit: str) -> str:
    """Name of the cache: depends on the checksums in a zip; in a folder on its path and the files' sizes and times."""
    digest = hashlib.sha256(f"{_VERSION} {size} {fit} {type(media).__name__}".encode())
    if media.path.is_dir():
        digest.update(str(media.path.resolve()).encode())
    marks = np.array(list(media.marks(name or "" for name in names)), dtype=np.int64)
    digest.update(marks.tobytes())
    digest.update("\n".join(name or "" for name in names).encode())
    return f"{size}-{digest.hexdigest()[:32]}"


def _open_cache(path: Path, names: list[str | None], size: int) -> ImageSet | None:
    """The content of a finished cache; None if it is absent or damaged."""
    try:
        failures = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["failures"]
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        rows = np.array([int(row) for row, _ in failures], dtype=np.int64)
        ok = np.ones(len(names), dtype=bool)
        ok[rows] = False
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError):
        return None
    if pixels.shape != (len(names), size, size, 3) or pixels.dtype != np.uint8:
        return None
    table = pd.DataFrame(
        {"row": rows, "image": [names[row] for row in rows], "reason": [str(reason) for _, reason in failures]}
    )
    return ImageSet(pixels, ok, table, path)


def _write_cache(
    path: Path, media: Media, names: list[str | None], size: int, fit: str, workers: int | None, progress: Progress
) -> None:
    """Write pixels and failures under names of this process, then rename them, the pixels last."""
    partial, sidecar = partial_path(path), partial_path(path.with_suffix(".json"))
    failures: list[tuple[int, str]] = []
    done, started = 0, time.perf_counter()
    try:
        with partial.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(names), size, size, 3)}
            np.lib.format.write_array_header_1_0(file, header)
            for pixels, failed in _decoded_chunks(media, names, size, fit, workers or min(os.cpu_count() or 1, 16)):
                file.write(pixels.data)
                failures += failed
                done += len(pixels)
                rate = done / max(time.perf_counter() - started, 1e-9)
                progress(done, len(names), f"decoding images, {rate:,.0f}/s")
        sidecar.write_text(json.dumps({"media": str(media.path), "failures": failures}), encoding="utf-8")
        os.replace(sidecar, path.with_suffix(".json"))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        sidecar.unlink(missing_ok=True)


def _decoded_chunks(
    media: Media, names: list[str | None], size: int, fit: str, workers: int
) -> Iterator[tuple[np.ndarray, list[tuple[int, str]]]]:
    """Yield (pixels, [(row, reason)]) in the order of the rows, decoding only a few chunks ahead to bound the memory."""

    def decode(first: int) -> tuple[np.ndarray, list[tuple[int, str]]]:
        chunk = names[first : first + _CHUNK]
        pixels, failed = np.zeros((len(chunk), size, size, 3), dtype=np.uint8), []
        for i, name in enumerate(chunk):
            reason = _decode_one(media, name, size, fit, pixels[i])
            if reason:
                failed.append((first + i, reason))
        return pixels, failed

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode") as pool:
        yield from in_order(pool, decode, range(0, len(names), _CHUNK), 2 * workers)


def _decode_one(media: Media, name: str | None, size: int, fit: str, into: np.ndarray) -> str | None:
    """Decode one image into its place; return the reason if that is impossible."""
    if name is None:
        return "the table names no image"
    try:
        into[:] = decode_image(media.read(name), size, fit)
    except FileNotFoundError:
        return "there is no such file"
    except OSError as error:
        return error.strerror or str(error)
    except (UnreadableItem, ValueError) as error:  # ValueError: a name with a null character
        return str(error)
    return None
