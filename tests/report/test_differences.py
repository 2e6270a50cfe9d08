"""Pictures of what changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.errors import DataError
from affectspace.report import image_grid, walk_figure
from affectspace.report.differences import LEAST, difference_images

FACE = np.full((8, 8, 3), 100, dtype=np.uint8)


def test_identical_faces_are_white() -> None:
    pictures, limit = difference_images(np.stack([FACE, FACE])[None], FACE)
    assert pictures.shape == (1, 2, 8, 8, 3)
    assert (pictures == 255).all()
    assert limit == LEAST


@given(st.integers(-100, 155).filter(bool))
def test_brighter_is_red_and_darker_is_blue(change: int) -> None:
    (picture,), limit = difference_images((FACE.astype(int) + change).astype(np.uint8)[None], FACE)
    assert limit == pytest.approx(max(abs(change) / 255, LEAST))
    red, _, blue = picture[0, 0].astype(int)
    assert (red > blue) == (change > 0) or abs(change) < 3
    if abs(change) / 255 >= LEAST:
        assert picture[0, 0].tolist() == ([178, 24, 43] if change > 0 else [33, 102, 172])


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match="pictures of the same size"):
        difference_images(np.zeros((1, 4, 4, 3), np.uint8), FACE)


def test_figures_have_captions_and_a_legend() -> None:
    texts = [["read a", "read b"]]
    figure = image_grid(np.stack([FACE, FACE])[None], captions=texts)
    assert {"read a", "read b"} <= {text.get_text() for text in figure.axes[0].texts}
    figure = walk_figure(np.stack([FACE, FACE])[None], [1, -1], [0], captions=texts, limit=0.2)
    drawn = {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}
    assert drawn["read b"] < drawn["read a"]  # valence rises to the right
    assert {"−20%", "0", "+20%"} <= set(drawn)
    with pytest.raises(DataError, match="give one caption for each image"):
        image_grid(np.stack([FACE, FACE])[None], captions=[["one"]])
