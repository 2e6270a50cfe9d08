"""One image file to a square of RGB pixels."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 80_000_000  # an image that claims more is refused before it is unpacked
FITS = ("resize", "crop")


class UnreadableImageError(ValueError):
    """An image that cannot be decoded; the message is the reason. One row's failure, never the job's."""


def decode_image(data: bytes, size: int, fit: str = "resize") -> np.ndarray:
    """The image in a file's bytes as (size, size, 3) uint8 RGB, upright.

    fit: "resize" squeezes what is not square, "crop" takes its centre. Raises UnreadableImageError with the reason.
    """
    return _guarded(data, size, fit)


def decode_picture(data: bytes) -> np.ndarray:
    """The same in its own size, (height, width, 3) uint8 RGB, upright."""
    return _guarded(data, None, "resize")


def _guarded(data: bytes, size: int | None, fit: str) -> np.ndarray:
    if not data:
        raise UnreadableImageError("empty file")
    try:
        return _decode(data, size, fit)
    except UnreadableImageError:
        raise
    except UnidentifiedImageError:
        raise UnreadableImageError(
            "text, not an image" if _is_text(data) else "no image format that is known"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImageError(f"more than {MOST_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # decoders raise nearly anything for damaged bytes
        raise UnreadableImageError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _decode(data: bytes, size: int | None, fit: str) -> np.ndarray:
    image: Image.Image = Image.open(BytesIO(data))
    if image.width * image.height > MOST_PIXELS:
        raise UnreadableImageError(f"{image.width} x {image.height}: more than {MOST_PIXELS // 10**6} million pixels")
    if image.format == "JPEG" and size is not None:
        image.draft("RGB", (2 * size, 2 * size))  # unpacked at 1/2, 1/4, 1/8 where that is still twice what is asked
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
    if image.mode.startswith("I"):  # 16 bits a pixel, which `convert` would clip
        levels = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.clip(levels >> 8, 0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise UnreadableImageError("pixels are fractions without a stated range")
    if image.mode == "P":  # a palette with transparency as bytes is converted with a warning otherwise
        image = image.convert("RGBA")
    return image.convert("RGB")


def _is_text(data: bytes) -> bool:
    start = data[:512]
    return b"\0" not in start and sum(byte >= 32 or byte in b"\t\r\n\f" for byte in start) > 0.9 * len(start)
