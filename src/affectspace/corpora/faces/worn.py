"""Beard and glasses."""

import numpy as np

from affectspace.corpora.faces.features import mouth_of
from affectspace.corpora.faces.geometry import Head, ellipse, ribbon, smooth
from affectspace.corpora.faces.movements import Expression
from affectspace.corpora.faces.paint import Canvas, Layer, ink


def paint_beard(canvas: Canvas, head: Head, face: Expression, layer: Layer) -> None:
    """A beard that the mouth moves."""
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
        inner = smooth(
            [
                (0.86 * w, 0.20),
                (0.72 * w, 0.48),
                (corner + 0.13, above - 0.02),
                (0.10, above - 0.075),
                (-0.10, above - 0.075),
                (-corner - 0.13, above - 0.02),
                (-0.72 * w, 0.48),
                (-0.86 * w, 0.20),
            ],
            5,
            closed=False,
        )
        strokes.append((np.concatenate([jaw, head.surface(inner)]), strength))
        hole = smooth(
            [
                (-corner - 0.01, height),
                (0, above + 0.01),
                (corner + 0.01, height),
                (0.13, below + 0.055),
                (-0.13, below + 0.055),
            ],
            5,
        )
        strokes.append((head.surface(hole, 0.03), 0 if person.beard == "full" else 30))
    if person.beard in ("moustache", "goatee"):
        bar = smooth(
            [
                (-corner - 0.06, height + 0.02),
                (-0.18, above - 0.05),
                (0, above - 0.035),
                (0.18, above - 0.05),
                (corner + 0.06, height + 0.02),
            ],
            5,
            closed=False,
        )
        strokes.append(
            (
                ribbon(
                    head.surface(bar, 0.05),
                    0.115 * head.scale * (0.35 + 0.65 * np.sin(np.pi * np.linspace(0, 1, len(bar)))),
                ),
                245,
            )
        )
    if person.beard == "goatee":
        tuft = smooth(
            [
                (-0.30, below + 0.06),
                (0, below + 0.05),
                (0.30, below + 0.06),
                (0.24, chin + 0.02),
                (0, chin + 0.07),
                (-0.24, chin + 0.02),
            ],
            5,
        )
        strokes.append((head.surface(tuft), 240))
    canvas.soft(strokes, layer, 0.007)


def paint_glasses(canvas: Canvas, head: Head) -> None:
    """Frames, bridge and temples."""
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
        canvas.polygon(
            ribbon(
                head.surface(np.array([(side * (x0 + 0.29), -0.12), (side * 1.0 * person.width, -0.16)])),
                0.045 * head.scale,
            ),
            colour,
        )
        canvas.polygon(ribbon(head.surface(closed, 0.10), 0.042 * head.scale), colour)
        gleam = np.array([(side * x0 - 0.16, 0.02), (side * x0 + 0.02, -0.24)])
        canvas.soft([(ribbon(head.surface(gleam, 0.1), 0.07 * head.scale), 70)], (255, 255, 255), 0.006)
    bridge = smooth([(-x0 + 0.30, -0.10), (0, -0.15), (x0 - 0.30, -0.10)], 5, closed=False)
    canvas.polygon(ribbon(head.surface(bridge, 0.12), 0.042 * head.scale), colour)
