"""Paint eyes and brows on a head, both sides at once."""

from dataclasses import dataclass

import numpy as np

from affectspace.synthetic.faces.features import tapered
from affectspace.synthetic.faces.geometry import SIDES, Head, ellipse, ribbon, smooth
from affectspace.synthetic.faces.movements import Expression
from affectspace.synthetic.faces.paint import Canvas, ink, mix
from affectspace.synthetic.faces.parameters import Colour, Identity

_HALF = np.linspace(0.0, 1.0, 17)
_DARK: Colour = (0.10, 0.07, 0.07)
_TAPER = 0.35 + 0.65 * _HALF


@dataclass(frozen=True)
class Eye:
    """An eye in head units: the lines of the lids from the inner to the outer corner, 17 points each, and its middle."""

    side: int
    upper: np.ndarray
    lower: np.ndarray
    middle: tuple[float, float]
    width: float

    @property
    def opening(self) -> float:
        """Gap between the lids in the middle of the eye, in head units."""
        return float(self.lower[8, 1] - self.upper[8, 1])


def eye_of(person: Identity, face: Expression, side: int) -> Eye:
    """Return the lids of a person in an expression. side: -1 is the left of the picture."""
    x0, y0 = 0.395 * person.eye_distance * person.width, -0.075
    half = 0.232 * person.eye_size
    x = side * (x0 + half * (2.0 * _HALF - 1.0))
    tilt = person.eye_tilt * (1.0 - 2.0 * _HALF) + 0.03 * face.brow_inner * (0.5 - _HALF) * (face.brow_inner < 0)
    arch = np.sin(np.pi * _HALF**0.92) ** 0.75
    droop = 0.035 * max(face.brow_inner, 0.0) * _HALF**2
    upper = y0 + tilt + droop - 0.140 * person.eye_size * face.eye_opening * arch
    low = 0.088 * person.eye_size * (0.55 + 0.45 * face.eye_opening) - 0.075 * face.squint
    lower = y0 + tilt + droop + low * np.sin(np.pi * _HALF**1.1) ** 0.9
    return Eye(side, np.column_stack([x, upper]), np.column_stack([x, lower]), (side * x0, y0), half)


def brow_of(person: Identity, face: Expression, side: int) -> np.ndarray:
    """Return the middle line (n, 2) of a brow from its inner to its outer end, in head units."""
    x0 = 0.395 * person.eye_distance * person.width
    pinch = 0.075 * face.brow_pinch
    base = -0.375 + person.brow_height - 0.115 * face.brow_raise
    inner, outer = base - 0.145 * face.brow_inner, base + 0.055 + 0.055 * face.brow_inner
    arch = base - 0.055 + 0.02 * face.brow_inner
    points = [
        (x0 - 0.225 - pinch, inner + 0.015),
        (x0 - 0.09 - 0.5 * pinch, 0.6 * inner + 0.4 * arch - 0.01),
        (x0 + 0.09, arch),
        (x0 + 0.265, outer),
    ]
    return smooth(points, 5, closed=False) * (side, 1)


def paint_eyes(canvas: Canvas, head: Head, face: Expression, gaze: float) -> None:
    """Paint whites, irises with pupils that grow with arousal, lids and lashes."""
    person, scale = head.person, head.scale
    eye = eye_of(person, face, 1)
    upper, lower = head.surface(eye.upper * SIDES), head.surface(eye.lower * SIDES)
    shadows = ribbon(upper + np.array([0.0, 0.02 * scale]), 0.075 * scale)
    holes = np.concatenate([upper, lower[:, ::-1]], axis=1)
    white, shade = ink((0.93, 0.92, 0.90)), ink((0.70, 0.67, 0.67))
    irises = (
        ink(person.eye_colour, 0.45),
        ink(person.eye_colour),
        ink(mix(person.eye_colour, (1.0, 0.95, 0.85), 0.30)),
        ink((0.05, 0.04, 0.05)),
        (250, 250, 248),
    )
    for hole, shadow, rings in zip(holes, shadows, _irises(head, face, eye, gaze), strict=True):
        canvas.through(hole, [(hole, white), (shadow, shade), *zip(rings, irises, strict=True)])
    tip = eye.upper[-1:] + np.array([0.045 * person.lashes, -0.02 * person.lashes])
    lashes = head.surface(np.concatenate([eye.upper, tip]) * SIDES)
    crease = head.surface((eye.upper[2:-1] + np.array([0.0, -0.050 - 0.015 * face.squint])) * SIDES)
    widths = (0.030 + 0.026 * person.lashes) * scale * np.append(_TAPER, 0.15)
    lash = ink(mix((0.30, 0.20, 0.16), _DARK, 0.3 + 0.7 * person.lashes))
    lid = ink(mix(person.skin, _DARK, 0.62), 0.8)
    for strokes, colour in (
        (ribbon(lower, 0.020 * scale * _TAPER), ink(person.skin, 0.58)),
        (ribbon(lashes, widths), lash),
        (ribbon(crease, 0.020 * scale * tapered(crease.shape[1])), lid),
    ):
        for stroke in strokes:
            canvas.polygon(stroke, colour)


def _irises(head: Head, face: Expression, eye: Eye, gaze: float) -> np.ndarray:
    """Rim, iris, its lower highlight, pupil and glint of both eyes: canvas points (2, 5, n, 2)."""
    radius, pupil = 0.128 * head.person.eye_size**0.5, 0.052 * face.pupil
    y = eye.middle[1] - 0.018 + 0.045 * face.gaze_down
    rings = np.stack(
        [
            ellipse(0.0, y, radius, radius),
            ellipse(0.0, y, 0.84 * radius, 0.84 * radius),
            ellipse(0.0, y + 0.028, 0.62 * radius, 0.48 * radius),
            ellipse(0.0, y, pupil, pupil),
            ellipse(-0.038, y - 0.042, 0.027, 0.027),
        ]
    )
    x = SIDES[:, :, :1] * (eye.middle[0] - 0.01) + 0.055 * gaze
    both = np.stack([rings, rings])
    both[..., 0] += x
    return head.surface(both)


def paint_brows(canvas: Canvas, head: Head, face: Expression, colour: Colour) -> None:
    """Paint the brows, which are thickest at the inner end."""
    line = brow_of(head.person, face, 1)
    along = np.linspace(0.0, 1.0, len(line))
    widths = 0.105 * head.person.brow_thickness * (0.72 + 0.50 * along - 1.08 * along**2.2) * head.scale
    for stroke in ribbon(head.surface(line * SIDES, 0.02), widths):
        canvas.polygon(stroke, ink(colour))
