"""From valence, arousal and dominance to movements of the face: a smooth map, the same for every person.

The movements are those of the Facial Action Coding System for the emotions at AffectNet's centres (Ekman, Friesen & Hager,
2002): raised cheeks and lip corners for happiness, raised inner brows and lowered corners for sadness, lowered brows and bared
teeth for anger, a wrinkled nose and raised upper lip for disgust, raised brows, wide eyes, an open mouth for surprise, the
same with drawn brows and stretched lips for fear.
"""

from dataclasses import dataclass
from math import exp, sqrt


@dataclass(frozen=True)
class Expression:
    """Movements of the parts of a face; 0 is at rest unless another value is stated.

    mouth_curve: height of the lip corners, -1 (down) to 1 (up), strictly increasing in valence. eye_opening: gap between the
    lids as a multiple of the gap at rest (1), strictly increasing in arousal.
    """

    mouth_curve: float
    mouth_open: float
    mouth_width: float  # 1 at rest
    teeth: float
    upper_lip: float
    eye_opening: float
    squint: float
    pupil: float  # 1 at rest
    gaze_down: float
    brow_raise: float
    brow_inner: float
    brow_pinch: float
    cheek: float
    fold: float
    nose_wrinkle: float
    flush: float


def _positive(x: float) -> float:
    """A smooth max(x, 0)."""
    return 0.5 * (x + sqrt(x * x + 0.01)) - 0.05 * exp(-8.0 * x * x)


def _near(valence: float, arousal: float, centre: tuple[float, float], width: float, height: float) -> float:
    return exp(-0.5 * (((valence - centre[0]) / width) ** 2 + ((arousal - centre[1]) / height) ** 2))


def expression(valence: float, arousal: float, dominance: float | None = None) -> Expression:
    """Return the expression at a point of the map.

    valence, arousal, dominance: canonical, on [-1, 1]. Dominance lowers the brows; None has the effect of 0.
    """
    v, a = float(valence), float(arousal)
    d = 0.0 if dominance is None else float(dominance)
    pleasant, unpleasant = _positive(v), _positive(-v)
    active, passive = _positive(a), _positive(-a)
    anger = _near(v, a, (-0.42, 0.55), 0.18, 0.25) + 0.45 * unpleasant * active
    disgust = _near(v, a, (-0.84, 0.42), 0.19, 0.34)
    fear = _near(v, a, (-0.14, 0.84), 0.21, 0.21)
    surprise = _near(v, a, (0.26, 0.74), 0.25, 0.25)
    sadness = _near(v, a, (-0.66, -0.30), 0.32, 0.32) + 0.4 * unpleasant * passive
    squint = 0.50 * pleasant + 0.58 * disgust + 0.15 * anger
    return Expression(
        mouth_curve=0.95 * v,
        mouth_open=min(
            1.0, 0.42 * active**2 + 0.10 * active + pleasant * (0.22 + 0.40 * active) + 0.38 * surprise + 0.22 * fear
        ),
        mouth_width=1.0 + 0.24 * pleasant - 0.06 * unpleasant - 0.26 * surprise + 0.16 * fear + 0.08 * anger,
        teeth=min(1.0, 1.5 * pleasant + 0.8 * anger + 0.5 * fear + 0.25 * disgust),
        upper_lip=min(1.0, 0.95 * disgust + 0.30 * anger),
        eye_opening=1.0 + 0.68 * a - 0.28 * squint,
        squint=squint,
        pupil=1.0 + 0.30 * a,
        gaze_down=min(1.0, 0.8 * sadness),
        brow_raise=0.52 * a + 0.60 * surprise + 0.35 * fear - 0.75 * anger - 0.45 * disgust - 0.25 * d,
        brow_inner=0.95 * sadness + 0.85 * fear - 0.85 * anger - 0.30 * disgust - 0.25 * d,
        brow_pinch=min(1.0, 0.70 * anger + 0.55 * disgust + 0.55 * fear + 0.45 * sadness + 0.15 * max(d, 0.0)),
        cheek=pleasant,
        fold=min(1.0, 0.85 * pleasant + 0.85 * disgust + 0.30 * anger + 0.25 * sadness),
        nose_wrinkle=min(1.0, 0.95 * disgust + 0.25 * anger),
        flush=0.20 + 0.30 * active + 0.25 * pleasant,
    )
