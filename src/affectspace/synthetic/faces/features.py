"""Paint nose, mouth, folds of the skin, beard and glasses on a head."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affectspace.synthetic.faces.geometry import SIDES, Head, Stroke, ellipse, mirror, ribbon, smooth
from affectspace.synthetic.faces.movements import Expression
from affectspace.synthetic.faces.paint import Canvas, Layer, ink, mix
from affectspace.synthetic.faces.parameters import Colour, Identity


def paint_beard(canvas: Canvas, head: Head, face: Expression, layer: Layer) -> None:
    """Paint a beard, which moves with the mouth."""
    person = head.person
    if person.beard == "none":
        return
    mouth = mouth_of(person, face)
    w, chin = person.width, head.chin
    above, below = float(mouth.outer_upper[12, 1]), float(mouth.outer_lower[12, 1])
    corner = float(mouth.outer_upper[-1, 0])
    height = float(mouth.inner_upper[0, 1])
    strokes = []
    if person.beard in ("stubble", "full"):
        strength = 95 if person.beard == "stubble" else 255
        outer = head.outline[head.outline[:, 1] > 0.22]
        order = np.argsort(np.arctan2(outer[:, 0], outer[:, 1]))
        jaw = head.contour(outer[order], -0.03 if person.beard == "stubble" else 0.0)
        right = [(0.86 * w, 0.20), (0.72 * w, 0.48), (corner + 0.13, above - 0.02), (0.10, above - 0.075)]
        inner = smooth([*right, *mirror(right)], 5, closed=False)
        strokes.append((np.concatenate([jaw, head.surface(inner)]), strength))
        upper = [(-corner - 0.01, height), (0, above + 0.01), (corner + 0.01, height)]
        hole = smooth([*upper, (0.13, below + 0.055), (-0.13, below + 0.055)], 5)
        strokes.append((head.surface(hole, 0.03), 0 if person.beard == "full" else 30))
    if person.beard in ("moustache", "goatee"):
        right = [(0.18, above - 0.05), (corner + 0.06, height + 0.02)]
        bar = smooth([*mirror(right), (0, above - 0.035), *right], 5, closed=False)
        widths = 0.115 * head.scale * (0.35 + 0.65 * np.sin(np.pi * np.linspace(0, 1, len(bar))))
        strokes.append((ribbon(head.surface(bar, 0.05), widths), 245))
    if person.beard == "goatee":
        upper = [(-0.30, below + 0.06), (0, below + 0.05), (0.30, below + 0.06)]
        tuft = smooth([*upper, (0.24, chin + 0.02), (0, chin + 0.07), (-0.24, chin + 0.02)], 5)
        strokes.append((head.surface(tuft), 240))
    canvas.soft(strokes, layer, 0.007)


def paint_glasses(canvas: Canvas, head: Head) -> None:
    """Paint the frames, bridge and temples of glasses."""
    person = head.person
    if person.glasses == "none":
        return
    colour = ink(person.accent, 0.8)
    x0 = 0.395 * person.eye_distance * person.width
    power = 1.0 if person.glasses == "round" else 0.55
    for side in (-1, 1):
        ring = ellipse(0, 0, 1, 1, 32)
        ring = np.sign(ring) * np.abs(ring) ** power * (0.305, 0.27 if power == 1.0 else 0.235) + (side * x0, -0.06)
        closed = np.concatenate([ring, ring[:1]])
        temple = head.surface([(side * (x0 + 0.29), -0.12), (side * 1.0 * person.width, -0.16)])
        canvas.polygon(ribbon(temple, 0.045 * head.scale), colour)
        canvas.polygon(ribbon(head.surface(closed, 0.10), 0.042 * head.scale), colour)
        gleam = [(side * x0 - 0.16, 0.02), (side * x0 + 0.02, -0.24)]
        canvas.soft([(ribbon(head.surface(gleam, 0.1), 0.07 * head.scale), 70)], (255, 255, 255), 0.006)
    bridge = smooth([(-x0 + 0.30, -0.10), (0, -0.15), (x0 - 0.30, -0.10)], 5, closed=False)
    canvas.polygon(ribbon(head.surface(bridge, 0.12), 0.042 * head.scale), colour)


_T = np.linspace(-1.0, 1.0, 25)
_ARCH = 1.0 - _T**2
_DARK: Colour = (0.10, 0.07, 0.07)


@dataclass(frozen=True)
class Mouth:
    """The lines of a mouth in head units, 25 points from the left to the right corner."""

    outer_upper: np.ndarray
    inner_upper: np.ndarray
    inner_lower: np.ndarray
    outer_lower: np.ndarray

    @property
    def curvature(self) -> float:
        """Height of the corners above the middle of the mouth, in head units: positive in a smile."""
        return float(0.5 * (self.inner_upper[12, 1] + self.inner_lower[12, 1]) - self.inner_upper[0, 1])

    @property
    def gap(self) -> float:
        """Opening in the middle, in head units."""
        return float(self.inner_lower[12, 1] - self.inner_upper[12, 1])


@lru_cache(maxsize=4)
def mouth_of(person: Identity, face: Expression) -> Mouth:
    """Return the lips of a person in an expression."""
    middle = 0.665 * person.length
    x = 0.395 * person.mouth_width * face.mouth_width * _T
    curve = face.mouth_curve
    line = middle + curve * (0.080 - 0.250 * _T**2)
    sneer = 0.105 * face.upper_lip * (1.0 - _T**4)
    round_ = max(0.0, 1.05 - face.mouth_width)
    inner_upper = line - sneer - (0.10 + 0.45 * round_) * face.mouth_open * _ARCH**0.7
    inner_lower = line + (0.36 * face.mouth_open + 0.05 * face.upper_lip * (face.teeth - 0.7)) * (
        1.0 - np.abs(_T) ** (2.4 + 2.5 * round_)
    )
    bow = 1.0 - 0.16 * np.exp(-((_T / 0.12) ** 2))
    thin = 1.0 - 0.35 * max(curve, 0.0) - 0.25 * face.upper_lip
    outer_upper = inner_upper - 0.078 * person.lips * thin * bow * _ARCH**0.85
    outer_lower = inner_lower + 0.105 * person.lips * (1.0 - 0.2 * face.mouth_open) * _ARCH**0.75
    lines = (np.column_stack([x, y]) for y in (outer_upper, inner_upper, inner_lower, outer_lower))
    return Mouth(*lines)


def paint_folds(canvas: Canvas, head: Head, face: Expression, light_x: float) -> None:
    """Paint the skin: eye sockets, flush, nose, smile lines, frown lines, chin; soft and without outlines."""
    person = head.person
    dark = ink(person.skin, 0.55)
    shadow = ink(mix(person.skin, (0.45, 0.12, 0.10), 0.30), 0.62)
    nose = 0.36 * person.nose_length
    wide = 0.165 * person.nose_width
    red = ink(mix(person.skin, (0.86, 0.25, 0.22), 0.5), 0.95)
    flush = int(40 + 130 * face.flush)
    cheeks: list[Stroke] = [(ellipse(s * 0.56, 0.30 - 0.06 * face.cheek, 0.22, 0.15, 16), 0.0, flush) for s in (-1, 1)]
    cheeks.append((ellipse(0, nose - 0.05, 0.13, 0.09, 12), 0.25, flush // 2))
    canvas.soft(head.strokes(cheeks), red, 0.045)
    soft: list[Stroke] = []
    for side in (-1, 1):
        soft.append((ellipse(side * 0.38, -0.13, 0.27, 0.15, 16), 0.0, 74))
        soft.append((ellipse(side * 0.36, 0.12, 0.19, 0.05, 12), 0.0, int(34 + 50 * person.age + 40 * face.squint)))
    shade_side = -1 if light_x > 0 else 1
    lift = 0.12
    upper = [(shade_side * 0.05, -0.20), (shade_side * 0.11, 0.10)]
    flank = smooth([*upper, (shade_side * wide * 1.15, nose - 0.02), (shade_side * 0.04, nose + 0.02)], 4)
    soft.append((flank, lift, int(60 + 60 * abs(light_x))))
    soft.append((ellipse(0, nose + 0.085, wide * 0.95, 0.045, 14), 0.06, 100))
    mouth = mouth_of(person, face)
    below = float(mouth.outer_lower[12, 1])
    soft.append((ellipse(0, below + 0.065, 0.19, 0.05, 14), 0.0, 92))
    if face.cheek > 0.05:
        for side in (-1, 1):
            soft.append((ellipse(side * 0.50, 0.42, 0.17, 0.05, 14), 0.0, int(56 * face.cheek)))
    canvas.soft(head.strokes(soft), shadow, 0.020)

    fine: list[Stroke] = []
    corner = mouth.inner_upper[-1]
    depth = int(min(230, 26 + 60 * person.age + 165 * face.fold))
    for side in (-1, 1):
        start = (side * (wide + 0.035), nose - 0.05 - 0.05 * face.nose_wrinkle)
        middle = (side * (0.5 * (wide + corner[0]) + 0.12 + 0.05 * face.cheek), 0.5 * (nose + corner[1]) - 0.03)
        line = smooth([start, middle, (side * (corner[0] + 0.10), corner[1] - 0.02)], 6, closed=False)
        fine.append((ribbon(line, 0.042 * tapered(len(line))), 0.0, depth))
        if face.brow_pinch > 0.08:
            frown = smooth([(side * 0.075, -0.47), (side * 0.060, -0.36), (side * 0.085, -0.25)], 4, closed=False)
            fine.append((ribbon(frown, 0.040), 0.05, int(190 * face.brow_pinch)))
        if face.nose_wrinkle > 0.08:
            for y in (-0.13, -0.05, 0.03):
                wrinkle = np.array([(side * 0.02, y), (side * 0.09, y - 0.012), (side * 0.15, y + 0.035)])
                fine.append((ribbon(wrinkle, 0.034), lift, int(170 * face.nose_wrinkle)))
    lines = max(0.0, face.brow_raise - 0.15) + 0.35 * max(0.0, person.age - 0.5)
    if lines > 0.02:
        for y in (-0.66, -0.76):
            line = smooth([(-0.42, y + 0.035), (-0.2, y), (0.2, y), (0.42, y + 0.035)], 4, closed=False)
            fine.append((ribbon(line, 0.03), 0.0, int(min(120, 110 * lines))))
    canvas.soft(head.strokes(fine), dark, 0.006)
    glow = ink(mix(person.skin, (1.0, 0.98, 0.94), 0.55))
    side = -shade_side
    gleams: list[Stroke] = [
        (ellipse(side * 0.02, nose - 0.03, 0.055, 0.05, 12), 0.24, 150),
        (ellipse(side * 0.015, 0.06, 0.028, 0.15, 12), 0.16, 84),
        (ellipse(side * 0.54, 0.17 - 0.06 * face.cheek, 0.15, 0.09, 14), 0.0, int(50 + 80 * face.cheek)),
        (ellipse(side * 0.22, -0.70, 0.25, 0.13, 14), 0.0, 52),
        (ellipse(0, head.chin - 0.15, 0.13, 0.07, 12), 0.0, 46),
    ]
    canvas.soft(head.strokes(gleams), glow, 0.018)
    _nostrils(canvas, head, face, nose, wide)
    if person.freckles:
        spot = ink(person.skin, 0.80)
        k = np.arange(14)
        centres = np.column_stack([((k * 0.618) % 1.0 - 0.5) * 1.25, 0.10 + 0.24 * ((k * 0.377) % 1.0)])
        for dot in head.surface(centres[:, None] + ellipse(0.0, 0.0, 0.013, 0.012, 6)):
            canvas.polygon(dot, spot)


@lru_cache(maxsize=32)
def tapered(n: int) -> np.ndarray:
    return 0.25 + 0.75 * np.sin(np.pi * np.linspace(0.0, 1.0, n))


def _nostrils(canvas: Canvas, head: Head, face: Expression, nose: float, wide: float) -> None:
    skin, low = head.person.skin, nose - 0.035 * face.nose_wrinkle
    for hole in head.surface(ellipse(wide * 0.48, low + 0.035, 0.042, 0.020, 12) * SIDES, 0.10):
        canvas.polygon(hole, ink(skin, 0.34))
    wing = smooth([(wide * 0.98, low - 0.075), (wide * 1.14, low - 0.005), (wide * 0.92, low + 0.045)], 5, closed=False)
    for stroke in ribbon(head.surface(wing * SIDES, 0.05), 0.026 * head.scale * tapered(len(wing))):
        canvas.polygon(stroke, ink(skin, 0.56))


def paint_mouth(canvas: Canvas, head: Head, face: Expression) -> None:
    """Paint the lips, and teeth, tongue and dark between them."""
    person = head.person
    mouth = mouth_of(person, face)
    outer_upper, inner_upper, inner_lower, outer_lower = (
        head.surface(line, 0.06)
        for line in (mouth.outer_upper, mouth.inner_upper, mouth.inner_lower, mouth.outer_lower)
    )
    canvas.polygon(np.concatenate([outer_upper, inner_upper[::-1]]), ink(person.lip_colour, 0.82))
    canvas.polygon(np.concatenate([inner_lower, outer_lower[::-1]]), ink(person.lip_colour, 1.02))
    gloss = mouth.inner_lower[8:17] * 0.5 + mouth.outer_lower[8:17] * 0.5
    canvas.polygon(
        ribbon(head.surface(gloss, 0.06), 0.028 * head.scale * tapered(len(gloss))),
        ink(mix(person.lip_colour, (1, 1, 1), 0.22)),
    )
    if mouth.gap > 0.03:
        hole = np.concatenate([inner_upper, inner_lower[::-1]])
        inside = [(hole, ink((0.24, 0.06, 0.07)))]
        tongue = ellipse(0.0, float(mouth.inner_lower[12, 1]) + 0.015, 0.20 * person.mouth_width, 0.35 * mouth.gap, 16)
        inside.append((head.surface(tongue, 0.0), ink((0.70, 0.32, 0.33))))
        white = ink((0.95, 0.93, 0.89))
        height = min(0.135, 0.75 * mouth.gap) * face.teeth
        if height > 0.008:
            edge = mouth.inner_upper + np.column_stack([np.zeros(25), height * (1.0 - 0.6 * _T**4)])
            inside.append((head.surface(np.concatenate([mouth.inner_upper - (0, 0.02), edge[::-1]]), 0.03), white))
        lower = min(0.07, 0.4 * mouth.gap) * min(1.0, 1.6 * max(0.0, face.teeth - 1.5 * face.cheek))
        if lower > 0.008:
            edge = mouth.inner_lower - np.column_stack([np.zeros(25), lower * (1.0 - 0.6 * _T**4)])
            teeth = np.concatenate([mouth.inner_lower - (0, -0.02), edge[::-1]])
            inside.append((head.surface(teeth, 0.03), ink((0.88, 0.85, 0.80))))
        canvas.through(hole, inside)
    left, right = mouth.inner_upper[:1], mouth.inner_upper[-1:]
    step = 0.012 * face.mouth_curve
    line = np.concatenate([left - (0.03, step), mouth.inner_upper, right - (-0.03, step)])
    widths = 0.030 * head.scale * (0.5 + 0.5 * np.abs(np.linspace(-1, 1, len(line))))
    canvas.polygon(ribbon(head.surface(line, 0.06), widths), ink(mix(person.lip_colour, _DARK, 0.62)))
