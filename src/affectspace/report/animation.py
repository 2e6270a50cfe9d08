"""Animations of a walk, as GIF or MP4: the face, and beside it the map with the target."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from affectspace.errors import ConfigError, DataError
from affectspace.report.checks import checked_array, checked_images
from affectspace.report.formatting import signed
from affectspace.report.theme import write_bytes

SIDE = 256  # pixels of the face and of the map
MARGIN = 34  # of the map, for the names of its axes
INK, MUTED, GRID, TRAIL, MARK = "#22262b", "#80868e", "#dfe2e6", "#b9c4d6", "#c8452f"


def walk_frames(
    images: np.ndarray,
    points: np.ndarray,
    loop: bool = False,
    *,
    readings: np.ndarray | None = None,
    legend: str = "",
) -> list[np.ndarray]:
    """Draw the frames of a walk, (SIDE, 2 * SIDE, 3) uint8 each, with the point of the map marked.

    images : (n, size, size, 3) uint8; points : (n, 2), valence and arousal on [-1, 1]
    loop : whether the path closes; otherwise the frames return the same way
    readings : (n, 2), what a judge reads in each image; legend : what the colours of the images mean

    Raises DataError if images and points do not fit or are not finite.
    """
    images = checked_images(images, ("n", "size", "size", 3), "images of a walk")
    points = checked_array(points, (len(images), 2), "points of a walk, one per image")
    background = _map(points, loop)
    frames = []
    for image, point, read in zip(images, points, [None] * len(images) if readings is None else readings, strict=True):
        sheet = Image.new("RGB", (2 * SIDE, SIDE), "white")
        sheet.paste(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC), (0, 0))
        sheet.paste(background, (SIDE, 0))
        draw = ImageDraw.Draw(sheet)
        x, y = _place(*point)
        x += SIDE
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=MARK, outline="white", width=2)
        text = f"valence {signed(point[0])}   arousal {signed(point[1])}"
        draw.text((SIDE + SIDE / 2, 8), text, INK, _font(14), "mt")
        if read is not None and np.isfinite(read).all():
            text = f"read: valence {signed(read[0])}   arousal {signed(read[1])}"
            draw.text((SIDE + SIDE / 2, 26), text, MUTED, _font(12), "mt")
        draw.text((SIDE + SIDE / 2, SIDE - 6), legend, MUTED, _font(11), "mb")
        frames.append(np.asarray(sheet))
    return frames if loop or len(frames) < 3 else frames + frames[-2:0:-1]


def save_gif(frames: Sequence[np.ndarray], path: str | Path, rate: float = 12) -> Path:
    """Write an endless GIF. frames : (height, width, 3) uint8 each; rate : frames per second"""
    checked = _checked(frames)
    palette = _palette(checked)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in checked]
    buffer = io.BytesIO()
    duration = max(20, round(1000 / rate))  # browsers slow down shorter ones
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=False
    )
    return write_bytes(path, buffer.getvalue())


def _palette(frames: list[np.ndarray]) -> Image.Image:
    """Choose 256 colours for all frames, among them that of the mark, which covers few pixels."""
    chosen = [frames[place] for place in np.unique(np.linspace(0, len(frames) - 1, 6).round().astype(int))]
    mark = np.empty((24, chosen[0].shape[1], 3), dtype=np.uint8)
    mark[:] = ImageColor.getrgb(MARK)
    return Image.fromarray(np.concatenate([*chosen, mark])).quantize(256, dither=Image.Dither.NONE)


def save_mp4(frames: Sequence[np.ndarray], path: str | Path, rate: int = 12, times: int = 3) -> Path:
    """Write an H.264 film that plays the frames several times. Raises ConfigError if PyAV, or its encoder, is missing."""
    try:
        import av
    except ImportError as error:
        raise ConfigError("films need PyAV: pip install 'affectspace[video]', or write a GIF (--gif)") from error
    pictures = _checked(frames)
    height, width = (side - side % 2 for side in pictures[0].shape[:2])  # the format halves the colours
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = container.add_stream(_encoder(av), rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures * times:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return write_bytes(path, buffer.getvalue())


def _encoder(av: Any) -> str:
    for name in ("libx264", "libopenh264", "mpeg4"):
        try:
            av.codec.Codec(name, "w")
        except ValueError:
            continue
        return name
    raise ConfigError("this PyAV cannot encode films for browsers; install another version, or write a GIF (--gif)")


def _checked(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    pictures = list(frames)
    if not pictures:
        raise DataError("there are no frames to write")
    for frame in pictures:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != pictures[0].shape:
            raise DataError(
                f"a frame is {frame.shape} of {frame.dtype}; give (height, width, 3) of uint8, all of the same size"
            )
    return pictures


def _map(points: np.ndarray, loop: bool) -> Image.Image:
    """Draw the circumplex with its axes and the path."""
    scale = 3  # drawn larger and shrunk, for smooth lines
    sheet = Image.new("RGB", (SIDE * scale, SIDE * scale), "white")
    draw = ImageDraw.Draw(sheet)

    def at(valence: float, arousal: float) -> tuple[float, float]:
        x, y = _place(valence, arousal)
        return x * scale, y * scale

    draw.ellipse((*at(-1, 1), *at(1, -1)), outline=GRID, width=scale)
    draw.line((*at(-1, 0), *at(1, 0)), MUTED, scale)
    draw.line((*at(0, -1), *at(0, 1)), MUTED, scale)
    trail = [at(*point) for point in (np.concatenate([points, points[:1]]) if loop else points)]
    draw.line(trail, TRAIL, 3 * scale, joint="curve")
    sheet = sheet.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    draw, small = ImageDraw.Draw(sheet), _font(12)
    left, middle_y = _place(-1, 0)
    right, _ = _place(1, 0)
    middle_x, bottom = _place(0, -1)
    draw.text((right, middle_y + 4), "valence", MUTED, small, "rt")
    draw.text((left, middle_y + 4), "−1", MUTED, small, "lt")
    draw.text((middle_x + 5, _place(0, 1)[1]), "arousal", MUTED, small, "lt")
    draw.text((middle_x + 5, bottom), "−1", MUTED, small, "lb")
    return sheet


def _place(valence: float, arousal: float) -> tuple[float, float]:
    """Return the pixel of a point of the map."""
    half = SIDE / 2 - MARGIN
    return SIDE / 2 + half * float(valence), SIDE / 2 + 6 - half * float(arousal)


def _font(size: int) -> Any:
    """Load the font of our figures, which matplotlib ships. Pillow's default font lacks some signs."""
    from matplotlib import get_data_path

    try:
        return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
    except OSError:
        return ImageFont.load_default(size)
