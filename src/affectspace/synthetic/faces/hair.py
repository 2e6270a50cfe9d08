"""Hair and scarf of a person, behind and in front of the face."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.synthetic.faces.geometry import Head, ellipse, mirror, ribbon, smooth
from affectspace.synthetic.faces.paint import Canvas, ink, lit, mix
from affectspace.synthetic.faces.parameters import Identity, stream


@dataclass(frozen=True)
class Cut:
    """Shape of a hair style in head units: its volume over the skull, and where the hair starts and ends."""

    top: float = 0.10  # above the skull
    sides: float = 0.05  # beside it
    line: float = -0.84  # height of the hair line over the nose
    temple: float = -0.50  # its height at the temples
    ends: float = -0.10  # where it ends in front of the ears
    part: float = 0.0  # horizontal position of the parting; 0: none
    back: float | None = None  # where the hair behind the head ends
    flare: float = 0.0  # additional width there
    curls: float = 0.0  # radius of curls
    waves: float = 0.0


CUTS = {
    "buzz": Cut(top=0.07, sides=0.005, line=-0.88, temple=-0.58, ends=-0.22),
    "short": Cut(top=0.13, sides=0.035, line=-0.82, temple=-0.52, ends=-0.12),
    "parted": Cut(top=0.15, sides=0.045, line=-0.80, temple=-0.48, ends=-0.08, part=0.42),
    "quiff": Cut(top=0.26, sides=0.015, line=-0.86, temple=-0.56, ends=-0.18),
    "curly": Cut(top=0.20, sides=0.14, line=-0.80, temple=-0.50, ends=0.05, curls=0.17),
    "fringe": Cut(top=0.13, sides=0.08, line=-0.60, temple=-0.48, ends=0.35, back=0.75, flare=0.06),
    "bob": Cut(top=0.14, sides=0.11, line=-0.82, temple=-0.40, ends=0.55, part=0.35, back=0.85, flare=0.12),
    "long": Cut(top=0.13, sides=0.10, line=-0.84, temple=-0.42, ends=0.75, part=0.02, back=2.1, flare=0.12),
    "wavy": Cut(
        top=0.16, sides=0.14, line=-0.82, temple=-0.42, ends=0.60, part=0.40, back=1.75, flare=0.26, waves=0.05
    ),
    "bun": Cut(top=0.06, sides=0.02, line=-0.86, temple=-0.52, ends=-0.10),
}


@lru_cache(maxsize=256)
def _rim(person: Identity, cut: Cut) -> np.ndarray:
    """The outer edge over the skull in the plane of the outline, from the left end to the right one."""
    w, top = person.width, 1.32 * person.length
    x = w * 0.99 + cut.sides
    side = person.hair_side
    lean = 0.10 * side if cut.top > 0.22 else 0.05 * side * (cut.part > 0.1)
    right = [(0.56 * x, -0.885 * top - 0.82 * cut.top), (0.91 * x, -0.82), (x + 0.01, -0.35), (x, cut.ends)]
    rim = smooth([*mirror(right), (lean, -0.97 * top - cut.top), *right], 6, closed=False)
    _wave(rim, cut, -0.6)
    return rim


def _wave(points: np.ndarray, cut: Cut, below: float) -> None:
    """Move the edge of wavy hair outwards and inwards, below a height."""
    if cut.waves:
        points[:, 0] += np.sign(points[:, 0]) * cut.waves * np.sin(9.0 * points[:, 1]) * (points[:, 1] > below)


@lru_cache(maxsize=256)
def _line(person: Identity, cut: Cut) -> np.ndarray:
    """The hair line on the face from the right to the left end, in head units."""
    w = person.width
    side = person.hair_side
    inner = 0.93 * w if cut.ends < 0.2 else 0.86 * w
    if cut.part:
        px = side * cut.part
        half = [(inner, cut.ends), (0.90 * w, 0.5 * (cut.ends + cut.temple)), (0.80 * w, cut.temple - 0.10)]
        middle = [
            (0.5 * (0.8 * w + px), cut.line + 0.06),
            (px, cut.line - 0.16),
            (0.5 * (px - 0.8 * w), cut.line + 0.06),
        ]
    else:
        half = [(inner, cut.ends), (0.88 * w, 0.5 * (cut.ends + cut.temple)), (0.78 * w, cut.temple)]
        half.append((0.52 * w, cut.line + 0.07))
        middle = [(0.0, cut.line)]
    return smooth([*half, *middle, *mirror(half)], 6, closed=False)


@lru_cache(maxsize=256)
def _locks(person: Identity) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Strands of hair: curves (18, n, 2), widths (18, n), opacities."""
    cut, random, n = CUTS[person.hair_style], stream("strands", person), 18
    rim, line = _rim(person, cut), _line(person, cut)[::-1]
    at = ((np.arange(n) + random.uniform(0.2, 0.8, n)) / n * len(rim)).astype(int).clip(0, len(rim) - 1)
    start, end = 0.97 * rim[at], line[at]
    curves = smooth(np.stack([start, 0.505 * (start + end), end], axis=1), 4, closed=False)
    widths = random.uniform(0.02, 0.06, (n, 1)) * np.linspace(1.0, 0.5, curves.shape[1])
    return curves, widths, random.integers(60, 150, n).tolist()


@lru_cache(maxsize=256)
def _ringlets(person: Identity) -> np.ndarray:
    """Curls: circles (k, 14, 2)."""
    cut, random = CUTS[person.hair_style], stream("curls", person)
    rim, line = _rim(person, cut)[::3], _line(person, cut)[::-3]
    n = min(len(rim), len(line))
    rows = np.array([0.0, 0.35, 0.68, 0.92])[:, None, None]
    centres = ((1 - rows) * rim[:n] + rows * line[:n]).reshape(-1, 1, 2)
    centres = centres + random.normal(0.0, 0.025, centres.shape)
    radii = (
        cut.curls * random.uniform(0.6, 0.95, (len(centres), 1, 1)) * np.repeat(1.0 - 0.35 * rows, n).reshape(-1, 1, 1)
    )
    return random.permutation(centres + radii * ellipse(0.0, 0.0, 1.0, 1.0, 14))


class Hair:
    """The hair of a head: `paint_behind` comes before the face is painted, `paint_in_front` after it."""

    def __init__(self, head: Head, shade: np.ndarray, side: int) -> None:
        self.head, self.person = head, head.person
        person = head.person
        self.cut = CUTS.get(person.hair_style)
        self.colour = person.accent if person.hair_style == "scarf" else person.hair_colour
        self.layer = lit(self.colour, shade, side, shadow=(0.50, 0.48, 0.50), gain=1.18)
        self.deep = lit(self.colour, shade * 0.6, side, shadow=(0.42, 0.40, 0.42), gain=0.95)

    def paint_behind(self, canvas: Canvas) -> None:
        """Paint the hair around and below the head."""
        head, person, cut = self.head, self.head.person, self.cut
        if person.hair_style == "scarf":
            self._scarf_behind(canvas)
        if cut is None:
            return
        w, top = person.width, 1.32 * person.length
        if person.hair_style == "bun":
            canvas.fill(head.plane(ellipse(0, -top - 0.16, 0.36, 0.34), -0.35), self.deep)
        if cut.back is not None:
            x = w * (1.0 + cut.sides)
            right = [
                (0.62 * x, -1.12 * top / 1.32 - cut.top),
                (1.02 * x, -0.55),
                (1.06 * x, 0.0),
                (x + cut.flare, 0.55 * cut.back),
                (x + cut.flare * 0.9, cut.back),
                (0.5 * x, cut.back + 0.12),
            ]
            points = smooth([(0, -top - cut.top), *right, *mirror(right)], 8)
            _wave(points, cut, -0.4)
            canvas.fill(head.plane(points, -0.28), self.deep)
        if cut.curls:
            for angle in np.linspace(-0.15, np.pi + 0.15, 15):
                x, y = -(w + cut.sides) * np.cos(angle), -0.32 - (top - 0.32 + cut.top) * np.sin(angle)
                canvas.fill(head.plane(ellipse(x, y, 1.25 * cut.curls, 1.25 * cut.curls, 14), -0.2), self.deep)

    def paint_in_front(self, canvas: Canvas) -> None:
        """Paint the hair over skull and forehead, and its strands."""
        person, cut = self.person, self.cut
        if person.hair_style == "scarf":
            self._scarf_before(canvas)
        if cut is None:
            return
        shape = self._cap(cut)
        if person.hair_style == "buzz":
            canvas.fill(shape, self.layer, 170)
            return
        canvas.fill(shape, self.layer)
        if cut.curls:
            self._curls(canvas, cut)
        else:
            self._strands(canvas)

    def _cap(self, cut: Cut) -> np.ndarray:
        rim, line = _rim(self.person, cut), _line(self.person, cut)
        return np.concatenate([self.head.plane(rim, 0.05), self.head.surface(line, 0.02)])

    def _strands(self, canvas: Canvas) -> None:
        """Paint locks from the edge to the hair line, lighter and darker than the hair."""
        curves, widths, opacities = _locks(self.person)
        placed = ribbon(self.head.surface(curves, 0.04), widths * self.head.scale)
        strokes = list(zip(placed, opacities, strict=True))
        canvas.soft(strokes[::2], ink(self.colour, 0.55), 0.004)
        canvas.soft(strokes[1::2], ink(mix(self.colour, (1.0, 0.9, 0.75), 0.16), 1.1), 0.005)

    def _curls(self, canvas: Canvas, cut: Cut) -> None:
        circles = self.head.surface(_ringlets(self.person), 0.03)
        canvas.fill(circles, self.layer)
        middle = circles.mean(axis=1, keepdims=True)
        gleams = middle + 0.38 * (circles - middle) - 0.26 * cut.curls * self.head.scale
        shadows = middle + 0.42 * (circles - middle) + 0.5 * cut.curls * self.head.scale
        canvas.soft([(s, 120) for s in shadows[::2]], ink(self.colour, 0.6), 0.006)
        canvas.soft([(g, 120) for g in gleams[1::2]], ink(mix(self.colour, (1.0, 0.9, 0.8), 0.12), 1.15), 0.005)

    def _scarf_behind(self, canvas: Canvas) -> None:
        w, top = self.head.person.width, 1.32 * self.head.person.length
        right = [(0.72 * w, -1.18), (1.10 * w, -0.5), (1.14 * w, 0.3), (1.02 * w, 1.0), (1.25, 1.75), (1.3, 2.3)]
        points = smooth([(0, -top - 0.14), *right, *mirror(right)], 8)
        canvas.fill(self.head.plane(points, -0.1), self.deep)

    def _scarf_before(self, canvas: Canvas) -> None:
        head = self.head
        w, top = head.person.width, 1.32 * head.person.length
        right = [(0.70 * w, -1.16), (1.08 * w, -0.5), (1.10 * w, 0.3), (0.98 * w, 1.0), (1.02, 1.75)]
        outer = smooth([*mirror(right), (0, -top - 0.12), *right], 6, closed=False)
        low = head.chin - 0.02
        right = [(0.50 * w, low - 0.20), (0.80 * w, 0.45), (0.86 * w, -0.1), (0.76 * w, -0.58), (0.42 * w, -0.86)]
        inner = smooth([(0.0, low), *right, (0, -0.93), *mirror(right)], 6)
        edge = head.surface(inner, 0.02)
        ring = np.concatenate([head.plane(outer, 0.05), edge, edge[:1]])
        canvas.fill(ring, self.layer)
        folds = []
        for s in (-1, 1):
            for k, shift in enumerate((0.0, 0.10)):
                upper = [(s * 0.30, -1.18 + shift), (s * (0.80 + 0.06 * k) * w, -0.72 + shift)]
                line = smooth([*upper, (s * 0.97 * w, 0.1), (s * 0.84 * w, 0.8)], 5, closed=False)
                folds.append((ribbon(head.plane(line, 0.25), 0.03 * head.scale), 120))
            line = smooth([(s * 0.9, 0.85), (s * 0.4, 1.36), (-s * 0.2, 1.55)], 5, closed=False)
            folds.append((ribbon(head.plane(line, 0.2), 0.05 * head.scale), 120))
        canvas.soft(folds, ink(self.colour, 0.5), 0.006)
