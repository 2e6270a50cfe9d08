"""Parameters of a drawn face: affect, identity, pose, light and background, and how they are sampled."""

import colorsys
import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from affectspace.affect import AXES

Colour = tuple[float, float, float]

HAIR_STYLES = ("bald", "buzz", "short", "parted", "quiff", "curly", "fringe", "bob", "long", "wavy", "bun", "scarf")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square")

_SKIN = ((0.98, 0.86, 0.78), (0.95, 0.79, 0.68), (0.89, 0.70, 0.56), (0.79, 0.58, 0.43), (0.65, 0.45, 0.32),
         (0.50, 0.33, 0.23), (0.37, 0.24, 0.17))  # fmt: skip
_HAIR = ((0.10, 0.09, 0.10), (0.20, 0.13, 0.10), (0.34, 0.21, 0.14), (0.50, 0.32, 0.19), (0.55, 0.25, 0.13),
         (0.80, 0.62, 0.36), (0.66, 0.64, 0.63), (0.90, 0.88, 0.85))  # fmt: skip
_EYES = ((0.22, 0.13, 0.08), (0.36, 0.22, 0.12), (0.48, 0.36, 0.18), (0.30, 0.44, 0.28), (0.26, 0.45, 0.60),
         (0.42, 0.50, 0.55))  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """A person: everything that does not change with the expression, the pose, the light and the place.

    Lengths are factors of the average face; colours are sRGB on [0, 1]; tone and age are on [0, 1].
    """

    width: float = 1.0
    length: float = 1.0
    jaw: float = 0.86
    chin: float = 0.42
    tone: float = 0.3
    skin: Colour = (0.92, 0.74, 0.62)
    age: float = 0.2
    freckles: bool = False
    hair_style: str = "short"
    hair_colour: Colour = (0.34, 0.21, 0.14)
    hair_side: int = 1
    eye_colour: Colour = (0.36, 0.22, 0.12)
    eye_size: float = 1.0
    eye_distance: float = 1.0
    eye_tilt: float = 0.0
    brow_thickness: float = 1.0
    brow_height: float = 0.0
    nose_width: float = 1.0
    nose_length: float = 1.0
    mouth_width: float = 1.0
    lips: float = 1.0
    lip_colour: Colour = (0.76, 0.42, 0.40)
    lashes: float = 0.5
    ears: float = 1.0
    beard: str = "none"
    glasses: str = "none"
    accent: Colour = (0.2, 0.2, 0.25)


@dataclass(frozen=True)
class Pose:
    """Yaw, pitch and roll in degrees (positive: right, up, clockwise), shift in head units, zoom, gaze."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    zoom: float = 1.0
    gaze: float = 0.0


@dataclass(frozen=True)
class Light:
    """x, y: direction of the light (-1 left or above, 1 right or below); contrast; warmth and exposure, around 0."""

    x: float = -0.4
    y: float = -0.5
    contrast: float = 0.8
    warmth: float = 0.0
    exposure: float = 0.0


@dataclass(frozen=True)
class Background:
    """A gradient of two colours with blurred shapes, and the clothes. Hues, saturation, lightness are on [0, 1]."""

    hue: float = 0.58
    saturation: float = 0.25
    lightness: float = 0.70
    angle: float = 0.8
    shapes: int = 0
    clothes_hue: float = 0.6
    clothes_lightness: float = 0.35


@dataclass(frozen=True)
class FaceParameters:
    """All parameters of a drawn face. Valence, arousal and dominance (None: no effect) are canonical, on [-1, 1]."""

    valence: float = 0.0
    arousal: float = 0.0
    dominance: float | None = None
    identity: Identity = field(default_factory=Identity)
    pose: Pose = field(default_factory=Pose)
    light: Light = field(default_factory=Light)
    background: Background = field(default_factory=Background)

    def __post_init__(self) -> None:
        for name in AXES:
            value = getattr(self, name)
            if value is not None and not -1.0 <= value <= 1.0:
                raise ValueError(f"{name} must be on [-1, 1], got {value}")

    def at(self, valence: float, arousal: float, dominance: float | None = None) -> "FaceParameters":
        """Return the same picture of the same person with another expression."""
        return replace(self, valence=valence, arousal=arousal, dominance=dominance)


def stream(*names: object) -> np.random.Generator:
    """Return a random generator that depends only on the names, the same on every machine and in every process."""
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def rgb(hue: float, lightness: float, saturation: float) -> Colour:
    """Return the sRGB colour of a hue, lightness and saturation on [0, 1]."""
    return colorsys.hls_to_rgb(hue % 1.0, min(max(lightness, 0.0), 1.0), min(max(saturation, 0.0), 1.0))


def _between(palette: tuple[Colour, ...], position: float) -> Colour:
    index = min(int(position * (len(palette) - 1)), len(palette) - 2)
    share = position * (len(palette) - 1) - index
    red, green, blue = ((1 - share) * p + share * q for p, q in zip(palette[index], palette[index + 1], strict=True))
    return red, green, blue


def _jittered(random: np.random.Generator, colour: Colour, sd: float) -> Colour:
    red, green, blue = np.clip(np.asarray(colour) * (1.0 + sd * random.standard_normal()), 0.02, 0.99).tolist()
    return red, green, blue


def identity(seed: object) -> Identity:
    """Return the person of a seed, which is a number or a name. The same seed is the same person on every machine."""
    random = stream("identity", seed)
    tone, age = random.random(), random.random() ** 1.5
    dark = max(0.0, tone - 0.35)
    weights = np.array([0.22 + dark, 0.22 + dark, 0.16, 0.10, 0.09, 0.13, 0.05, 0.03]) - dark * np.arange(8) * 0.06
    weights = np.where(np.arange(8) >= 6, weights + 0.5 * max(0.0, age - 0.5), weights).clip(0.004)
    eyes = np.array([0.30 + dark, 0.26 + dark, 0.12, 0.12, 0.14, 0.06]) - dark * np.arange(6) * 0.08
    eyes = eyes.clip(0.01)
    style = str(
        random.choice(HAIR_STYLES, p=_shares(0.05, 0.08, 0.13, 0.12, 0.09, 0.11, 0.08, 0.09, 0.09, 0.08, 0.06, 0.04))
    )
    bearded = random.random() < (0.42 if style in HAIR_STYLES[:6] else 0.0)
    skin = _jittered(random, _between(_SKIN, tone), 0.03)
    redness = random.uniform(0.25, 0.75)
    lip = tuple((1 - redness) * s * f + redness * r * s**0.5 for s, f, r in
                zip(skin, (0.86, 0.68, 0.68), (0.80, 0.34, 0.38), strict=True))  # fmt: skip
    return Identity(
        width=random.uniform(0.90, 1.05),
        length=random.uniform(0.95, 1.06),
        jaw=random.uniform(0.76, 0.92),
        chin=random.uniform(0.34, 0.52),
        tone=tone,
        skin=skin,
        age=age,
        freckles=bool(tone < 0.45 and random.random() < 0.25),
        hair_style=style,
        hair_colour=_jittered(random, _HAIR[int(random.choice(8, p=weights / weights.sum()))], 0.08),
        hair_side=int(random.choice([-1, 1])),
        eye_colour=_jittered(random, _EYES[int(random.choice(6, p=eyes / eyes.sum()))], 0.08),
        eye_size=random.uniform(0.90, 1.12),
        eye_distance=random.uniform(0.94, 1.06),
        eye_tilt=random.uniform(-0.03, 0.05),
        brow_thickness=random.uniform(0.65, 1.35),
        brow_height=random.uniform(-0.025, 0.025),
        nose_width=random.uniform(0.82, 1.22),
        nose_length=random.uniform(0.90, 1.10),
        mouth_width=random.uniform(0.90, 1.10),
        lips=random.uniform(0.75, 1.30),
        lip_colour=(lip[0], lip[1], lip[2]),
        lashes=random.uniform(0.2, 1.0) * (0.45 if bearded else 1.0),
        ears=random.uniform(0.85, 1.15),
        beard=str(random.choice(BEARDS[1:], p=_shares(0.35, 0.15, 0.2, 0.3))) if bearded else "none",
        glasses=str(random.choice(GLASSES, p=_shares(0.78, 0.11, 0.11))),
        accent=rgb(random.random(), random.uniform(0.15, 0.42), random.uniform(0.05, 0.42)),
    )


def _shares(*weights: float) -> np.ndarray:
    return np.asarray(weights) / sum(weights)


def sample_pose(random: np.random.Generator) -> Pose:
    """Return a random pose of a face that looks roughly at the camera."""
    normal = np.clip(random.standard_normal(7), -2.0, 2.0)
    return Pose(
        yaw=8.0 * normal[0],
        pitch=3.5 * normal[1],
        roll=3.5 * normal[2],
        shift_x=0.04 * normal[3],
        shift_y=0.03 * normal[4],
        zoom=1.0 + 0.03 * normal[5],
        gaze=0.25 * normal[6],
    )


def sample_light(random: np.random.Generator) -> Light:
    """Return a random light from the front, the side or above, cool or warm, dim or bright."""
    return Light(
        x=random.uniform(-1.0, 1.0),
        y=random.uniform(-0.9, 0.1),
        contrast=random.uniform(0.45, 1.0),
        warmth=random.uniform(-1.0, 1.0),
        exposure=float(np.clip(random.normal(0.0, 0.5), -1.0, 1.0)),
    )


def sample_background(random: np.random.Generator) -> Background:
    """Return a random place and random clothes."""
    return Background(
        hue=random.random(),
        saturation=random.uniform(0.06, 0.36),
        lightness=random.uniform(0.28, 0.88),
        angle=random.uniform(0.0, 2.0 * np.pi),
        shapes=int(random.integers(1 << 30)),
        clothes_hue=random.random(),
        clothes_lightness=random.uniform(0.15, 0.75),
    )
