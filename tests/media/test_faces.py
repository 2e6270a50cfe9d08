"""The detector sees pictures of every shape."""

import numpy as np
import pytest

from affectspace.media.faces import face_boxes


@pytest.mark.parametrize(
    "shape", [(1, 1000), (1000, 1), (3, 4000), (1, 20_000), (2, 100_000), (1, 1), (200, 9000)], ids=str
)
def test_long_strips_are_searched(shape: tuple[int, int]) -> None:
    """dlib kills the process for a picture of much more than 100,000 pixels on a side."""
    assert face_boxes(np.full((*shape, 3), 128, np.uint8)) == []
