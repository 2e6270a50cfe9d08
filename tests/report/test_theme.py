"""The colours: one per category, message apart with and without full colour vision."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from affectspace.affect import CATEGORIES
from affectspace.report import EMOTION_COLOURS, colours_for, markers_for

BASIC = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB
VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def as_seen(colour: str, vision: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(VISION[vision]) @ linear, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None, None])


def test_every_category_has_a_colour_in_order() -> None:
    assert tuple(EMOTION_COLOURS) == tuple(CATEGORIES)


@pytest.mark.parametrize("vision", VISION)
def test_basic_emotions_are_told_apart(vision: str) -> None:
    for first, second in combinations(BASIC, 2):
        pair = (as_seen(EMOTION_COLOURS[name], vision) for name in (first, second))
        assert float(deltaE_ciede2000(*pair).item()) > 9, (first, second)


def test_order_and_spare_colours() -> None:
    assert list(colours_for({"zeal", "fear", "awe", "neutral"})) == ["neutral", "fear", "awe", "zeal"]
    assert len(set(markers_for(EMOTION_COLOURS).values())) == len(EMOTION_COLOURS)
