"""Decode images to RGB pixels: one, or all of a corpus as squares in a memory-mapped cache."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.files import cache_folder, parse_json, partial_path
from affectspace.media.content import ignore_warnings_of_size, unreadable
from affectspace.media.files import Media, open_media, plain_name
from affectspace.processes import in_order
from affectspace.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

MOST_PIXELS = 80_000_000  # an image that claims more is refused before it is decompressed
MOST_SAMPLED = 320_000_000  # pixels of all frames that are sampled from one file
MOST_FRAMES = 10_000  # of an animated picture
USUAL_MILLISECONDS = 100  # of a frame that does not say how long it is shown
FITS = ("resize", "crop")


def decode_image(data: bytes, size: int | None = None, fit: str = "resize") -> np.ndarray:
    """Return the image in a file's bytes, upright, (height, width, 3) uint8 RGB.

    size: pixels of the sides of a square; None: the image's own size. fit: "resize" stretches what is not square, "crop" takes
    its centre. Raises UnreadableItem with the reason.
    """
    if not data:
        raise UnreadableItem("the file is empty (0 bytes)")
    with _reasons(data):
        return _pixels(_open(data), size, fit)


def animation_frames(data: bytes, moments: Sequence[float] | np.ndarray) -> tuple[list[np.ndarray], float]:
    """Return the frames of an animated picture that are shown at these moments, in seconds, and its length.

    Raises UnreadableItem with the reason.
    """
    with _reasons(data):
        image, seconds = _open(data), 0.0
        shown: list[np.ndarray] = []
        width, height = image.size
        if width * height * len(moments) > MOST_SAMPLED:
            raise UnreadableItem(f"{width} x {height}: too large for an animated picture")
        if getattr(image, "n_frames", 1) > MOST_FRAMES:
            raise UnreadableItem(f"more than {MOST_FRAMES:,} frames")
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()  # a WebP knows how long a frame lasts when it is decoded
            milliseconds: Any = image.info.get("duration") or USUAL_MILLISECONDS
            seconds += float(milliseconds) / 1000
            count = sum(moment < seconds for moment in moments[len(shown) :])
            if count:
                shown += [_pixels(image.copy(), None, "resize")] * count
        return shown + [shown[-1]] * (len(moments) - len(shown)) if shown else shown, seconds


@contextmanager
def _reasons(data: bytes) -> Iterator[None]:
    """Turn what a decoder raises into UnreadableItem with the reason."""
    try:
        yield
    except UnreadableItem:
        raise
    except UnidentifiedImageError:
        raise unreadable(data, "image", "unknown format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableItem(f"more than {MOST_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # decoders raise almost anything for damaged bytes
        raise unreadable(data, "image", error if str(error) else type(error).__name__) from error


def _open(data: bytes) -> Image.Image:
    ignore_warnings_of_size()
    image: Image.Image = Image.open(BytesIO(data))
    if image.width * image.height > MOST_PIXELS:
        raise UnreadableItem(f"{image.width} x {image.height}: more than {MOST_PIXELS // 10**6} million pixels")
    return image


def _pixels(image: Image.Image, size: int | None, fit: str) -> np.ndarray:
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
    if image.mode.startswith("I"):  # more than 8 bits per pixel, which `convert` would clip
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 0xFFFF:
            raise UnreadableItem("pixels are whole numbers of unknown range")
        image = Image.fromarray((levels >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise UnreadableItem("pixels are floating-point numbers of unknown range")
    if image.has_transparency_data:  # shown on white, as pages and viewers show it
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).any():  # a picture that is nowhere visible has an unused channel
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
    return image.convert("RGB")


_CHUNK = 256  # rows that a thread decodes at a time
_VERSION = 2  # of the decoding; a new number invalidates every cache


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
        raise ConfigError(f"unknown fit {fit!r}; choose from {', '.join(FITS)}")
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
    import pandas as pd

    try:
        failures = parse_json(path.with_suffix(".json").read_text(encoding="utf-8"))["failures"]
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
