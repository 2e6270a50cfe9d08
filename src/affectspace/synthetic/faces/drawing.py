"""Draw the picture of a face from its parameters."""

from dataclasses import replace

import numpy as np

from affectspace.synthetic.faces.eyes import paint_brows, paint_eyes
from affectspace.synthetic.faces.features import paint_beard, paint_folds, paint_glasses, paint_mouth
from affectspace.synthetic.faces.geometry import SIDES, Head, ellipse, mirror, ribbon, smooth
from affectspace.synthetic.faces.hair import Hair
from affectspace.synthetic.faces.movements import expression
from affectspace.synthetic.faces.paint import Canvas, backdrop, exposed, ink, lit, mix, shading
from affectspace.synthetic.faces.parameters import FaceParameters, rgb

SIZES = (16, 1024)  # pixels of a side, from and to
_SPEECH = 0.45  # opening of the mouth by speech, as a share of the widest


def _supersampling(size: int) -> int:
    return 4 if size <= 40 else 2 if size <= 72 or size > 128 else 3


def render_face(parameters: FaceParameters, size: int = 64, *, opening: float = 0.0) -> np.ndarray:
    """Draw a face.

    Parameters
    ----------
    parameters : FaceParameters
        The same parameters give the same picture.
    size : int
        Pixels of each side, 16..1024.
    opening : float
        How far speech opens the mouth, on [0, 1], in addition to the expression.

    Returns
    -------
    ndarray of shape (size, size, 3)
        uint8, RGB.

    Raises
    ------
    ValueError
        If the size is out of range.

    Examples
    --------
    >>> from affectspace.synthetic.faces import render_face, sample_parameters
    >>> render_face(sample_parameters(0.7, 0.3, person="ada"), size=32).shape
    (32, 32, 3)
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size must be in {SIZES[0]}..{SIZES[1]} pixels, got {size}")
    p, person = parameters, parameters.identity
    face = expression(p.valence, p.arousal, p.dominance)
    face = replace(face, mouth_open=min(1.0, face.mouth_open + _SPEECH * float(opening)))
    side = size * _supersampling(size)
    head = Head(person, p.pose, side, face.mouth_open)
    shade = shading(head, p.light)
    canvas = Canvas(side, backdrop(p.background, side).copy())
    hair = Hair(head, shade, side)
    skin = lit(person.skin, shade, side)
    hair.paint_behind(canvas)
    _shoulders(canvas, head, p, shade)
    if person.hair_style != "scarf":
        _ears(canvas, head, shade)
    canvas.fill(head.contour(), skin)
    _hair_shadow(canvas, head)
    paint_folds(canvas, head, face, p.light.x)
    paint_beard(
        canvas, head, face, hair.layer if person.hair_style != "scarf" else lit(person.hair_colour, shade, side)
    )
    paint_mouth(canvas, head, face)
    paint_eyes(canvas, head, face, p.pose.gaze)
    brow = mix(person.hair_colour, (0.16, 0.10, 0.08), 0.45)
    paint_brows(canvas, head, face, mix(brow, person.skin, 0.12))
    hair.paint_in_front(canvas)
    paint_glasses(canvas, head)
    return exposed(canvas.picture, p.light, size)


def _shoulders(canvas: Canvas, head: Head, p: FaceParameters, shade: np.ndarray) -> None:
    """Neck and clothes."""
    person = head.person
    long = 1.205 * person.length
    neck = [(-0.50, 0.5), (-0.48, long + 0.15), (-0.62, long + 0.45)]
    canvas.fill(
        head.body(smooth([*neck, *mirror(neck)], 5)), lit(mix(person.skin, (0.35, 0.14, 0.10), 0.20), shade, head.side)
    )
    chin = smooth([(-0.36, 0.9), (0.36, 0.9), (0.34, long + 0.08), (0.0, long + 0.22), (-0.34, long + 0.08)], 5)
    canvas.soft([(head.body(chin), 150)], ink(person.skin, 0.42), 0.016)
    b = p.background
    cloth = rgb(b.clothes_hue, b.clothes_lightness, 0.32)
    right = [(0.44, long + 0.13), (0.72, long + 0.20), (1.35, long + 0.42), (1.75, long + 0.9), (1.8, long + 1.6)]
    neckline = [(-0.30, long + 0.30), (0, long + 0.37), (0.30, long + 0.30)]
    canvas.fill(
        head.body([*right, *mirror(right), *neckline]),
        lit(cloth, np.clip(shade + 0.35, 0, 1), head.side, shadow=(0.55, 0.55, 0.6)),
    )
    collar = smooth([(-0.46, long + 0.12), *neckline, (0.46, long + 0.12)], 5, closed=False)
    canvas.polygon(ribbon(head.body(collar), 0.06 * head.scale), ink(cloth, 0.72))


def _ears(canvas: Canvas, head: Head, shade: np.ndarray) -> None:
    person = head.person
    layer = lit(mix(person.skin, (0.6, 0.2, 0.15), 0.12), shade, head.side)
    ear = ellipse(1.0 * person.width, 0.08, 0.13 * person.ears, 0.25 * person.ears) * SIDES
    canvas.fill(head.plane(ear, -0.06), layer)
    inner = ellipse(1.02 * person.width, 0.07, 0.065 * person.ears, 0.16 * person.ears) * SIDES
    for points in head.plane(inner, -0.06):
        canvas.polygon(points, ink(person.skin, 0.62))


def _hair_shadow(canvas: Canvas, head: Head) -> None:
    """The soft shadow of the hair on the forehead."""
    if head.person.hair_style in ("bald", "buzz"):
        return
    band = smooth([(-0.95, -0.2), (-0.75, -0.62), (0, -0.80), (0.75, -0.62), (0.95, -0.2)], 5, closed=False)
    canvas.soft([(ribbon(head.surface(band), 0.16 * head.scale), 70)], ink(head.person.skin, 0.5), 0.022)
