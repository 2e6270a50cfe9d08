"""The canvas: flat and shaded fills through masks, soft strokes, and light."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from affectspace.synthetic.faces.geometry import Head
from affectspace.synthetic.faces.parameters import Background, Colour, Light, rgb, stream

_LOW = 24  # side of the grid on which smooth shading is computed before it is enlarged


def ink(colour: Colour | np.ndarray, factor: float = 1.0) -> tuple[int, int, int]:
    """Return an 8-bit colour, `factor` times as bright."""
    red, green, blue = (min(max(round(255 * c * factor), 0), 255) for c in colour)
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return a mixture of two colours, with a share of the second."""
    red, green, blue = ((1 - share) * p + share * q for p, q in zip(first, second, strict=True))
    return red, green, blue


class Layer:
    """A shaded material over the whole canvas. It is kept small, and only the part in use is enlarged."""

    def __init__(self, grid: np.ndarray, side: int) -> None:
        self.small = Image.fromarray(np.clip(grid * 255.0 + 0.5, 0, 255).astype(np.uint8))
        self.ratio = self.small.size[0] / side

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """Return the part of the layer in a box of the canvas."""
        part = (box[0] * self.ratio, box[1] * self.ratio, box[2] * self.ratio, box[3] * self.ratio)
        return self.small.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR, part)


Fill = Layer | tuple[int, int, int]


class Canvas:
    """An RGB picture of side `side` on which layers are painted over each other."""

    def __init__(self, side: int, picture: Image.Image) -> None:
        self.side = side
        self.picture = picture
        self.draw = ImageDraw.Draw(picture)

    def polygon(self, points: np.ndarray, colour: tuple[int, int, int]) -> None:
        """Fill a polygon with a flat colour."""
        self.draw.polygon(points.ravel().tolist(), fill=colour)

    def box(self, points: np.ndarray, margin: int = 1, step: int = 1) -> tuple[int, int, int, int] | None:
        """Return the box of the canvas around the points, its edges multiples of `step`; None if it is outside."""
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        x0, y0 = (max(int(low - margin) // step * step, 0) for low in (left, top))
        x1, y1 = (min(-int(-(high + margin + 1) // step) * step, self.side) for high in (right, bottom))
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def fill(self, points: np.ndarray, layer: Layer, opacity: int = 255) -> None:
        """Fill a polygon (n, 2), or several (k, n, 2), with a layer."""
        polygons = points.reshape(-1, *points.shape[-2:])
        box = self.box(polygons.reshape(-1, 2))
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        draw = ImageDraw.Draw(mask)
        for outline in (polygons - box[:2]).reshape(len(polygons), -1).tolist():
            draw.polygon(outline, fill=opacity)
        self.picture.paste(layer.crop(box), box, mask)

    def through(self, points: np.ndarray, strokes: list[tuple[np.ndarray, tuple[int, int, int]]]) -> None:
        """Paint flat polygons, in order, visible only in the hole `points`, which the first colour fills."""
        box = self.box(points)
        if box is None:
            return
        size = (box[2] - box[0], box[3] - box[1])
        sheet = Image.new("RGB", size, strokes[0][1])
        draw = ImageDraw.Draw(sheet)
        for polygon, colour in strokes[1:]:
            draw.polygon((polygon - box[:2]).ravel().tolist(), fill=colour)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon((points - box[:2]).ravel().tolist(), fill=255)
        self.picture.paste(sheet, box, mask)

    def soft(self, strokes: list[tuple[np.ndarray, int]], fill: Fill, radius: float) -> None:
        """Paint polygons with opacities (0..255), in order, blurred together, in one fill. radius: share of the side."""
        step = 3 if radius >= 0.012 else 2
        blur = radius * self.side / step
        box = self.box(np.concatenate([points for points, _ in strokes]), int(2.5 * radius * self.side) + step, step)
        if box is None:
            return
        mask = Image.new("L", (-(-(box[2] - box[0]) // step), -(-(box[3] - box[1]) // step)))
        draw = ImageDraw.Draw(mask)
        for points, opacity in strokes:
            draw.polygon(((points - box[:2]) / step).ravel().tolist(), fill=opacity)
        mask = mask.filter(ImageFilter.BoxBlur(blur))
        if blur > 1.5:
            mask = mask.filter(ImageFilter.BoxBlur(0.7 * blur))
        mask = mask.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
        self.picture.paste(fill.crop(box) if isinstance(fill, Layer) else fill, box, mask)


@lru_cache(maxsize=4)
def _grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    line = (np.arange(n) + 0.5) / n
    return np.meshgrid(line, line)


def shading(head: Head, light: Light) -> np.ndarray:
    """Return the light, 0..1, on a head-shaped ellipsoid, on a coarse grid over the canvas (Lambert's cosine law)."""
    x, y = _grid(_LOW)
    u = (x * head.side - head.centre[0]) / (1.16 * head.scale)
    v = (y * head.side - head.centre[1]) / (1.55 * head.scale)
    z = np.sqrt(np.maximum(1.0 - u * u - v * v, 0.02))
    norm = np.sqrt(u * u + v * v + z * z)
    towards = np.array([light.x, light.y, 1.1])
    towards /= np.sqrt(towards @ towards)
    lambert = (u * towards[0] + v * towards[1] + z * towards[2]) / norm
    return np.clip(1.0 - light.contrast * (1.0 - lambert) * 0.95, 0.0, 1.0)


def lit(colour: Colour, shade: np.ndarray, side: int, shadow: Colour = (0.52, 0.40, 0.40), gain: float = 1.02) -> Layer:
    """A layer of one material in light and shadow."""
    low, high = np.asarray(colour) * shadow, np.asarray(colour) * gain
    return Layer(low + (high - low) * shade[..., None], side)


@lru_cache(maxsize=16)
def backdrop(background: Background, side: int) -> Image.Image:
    """Return the background: a gradient and blurred shapes."""
    random = stream("backdrop", background.shapes)
    n = 2 * _LOW
    x, y = _grid(n)
    ramp = 0.5 + 0.5 * ((x - 0.5) * np.cos(background.angle) + (y - 0.5) * np.sin(background.angle)) * 1.4
    h, s, lightness = background.hue, background.saturation, background.lightness
    first, second = rgb(h, lightness + 0.10, s), rgb(h + random.uniform(-0.12, 0.12), lightness - 0.16, s)
    grid = np.asarray(first) + (np.asarray(second) - np.asarray(first)) * ramp[..., None]
    small = Image.fromarray(np.clip(grid * 255, 0, 255).astype(np.uint8))
    for _ in range(int(random.integers(0, 6))):
        mask = Image.new("L", (n, n))
        draw = ImageDraw.Draw(mask)
        cx, cy = random.uniform(-0.1, 1.1, 2) * n
        size = random.uniform(0.06, 0.28) * n
        box = (cx - size, cy - size * random.uniform(0.6, 1.6), cx + size, cy + size * random.uniform(0.6, 1.6))
        opacity = int(random.integers(50, 150))
        if random.random() < 0.55:
            draw.ellipse(box, fill=opacity)
        else:
            draw.rectangle(box, fill=opacity)
        colour = rgb(h + random.uniform(-0.2, 0.2), lightness + random.uniform(-0.2, 0.2), s + random.uniform(0.0, 0.2))
        small.paste(ink(colour), None, mask.filter(ImageFilter.BoxBlur(random.uniform(0.02, 0.06) * n)))
    small = small.filter(ImageFilter.BoxBlur(0.02 * n))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def exposed(picture: Image.Image, light: Light, size: int) -> np.ndarray:
    """Return the picture (size, size, 3) uint8 under the light: a weak gradient, warmth and exposure."""
    pixels = np.asarray(picture.reduce(picture.size[0] // size), dtype=np.float32)
    x, y = _grid(size)
    fall = 1.0 + 0.10 * light.contrast * ((2 * x - 1) * light.x + (2 * y - 1) * light.y)
    tint = np.array([1.0 + 0.055 * light.warmth, 1.0, 1.0 - 0.075 * light.warmth]) * 2.0 ** (0.20 * light.exposure)
    return np.clip(pixels * (fall[..., None] * tint).astype(np.float32) + 0.5, 0, 255).astype(np.uint8)
