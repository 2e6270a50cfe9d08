"""Paths over the map."""

import numpy as np
import pytest

from affectspace.errors import ConfigError
from affectspace.walks.paths import is_closed, path_points

VALENCES, AROUSALS = [-0.8, 0.0, 0.8], [-0.6, 0.8]


def test_a_circle_lies_inside_the_ranges_and_closes() -> None:
    points = path_points("circle", VALENCES, AROUSALS, 48)
    assert points.shape == (48, 2)
    np.testing.assert_allclose(points[0], [0.8, 0.1])
    np.testing.assert_allclose(points[12], [0.0, 0.8], atol=1e-12)  # anticlockwise: arousal rises first
    np.testing.assert_allclose(points.min(axis=0), [-0.8, -0.6], atol=1e-12)
    assert is_closed(points)


def test_a_path_along_one_axis_leaves_the_other() -> None:
    points = path_points("arousal", VALENCES, AROUSALS, 8)
    assert np.isnan(points[:, 0]).all()
    np.testing.assert_allclose(points[:, 1], np.linspace(-0.6, 0.8, 8))
    assert path_points("valence", VALENCES[::-1], AROUSALS, 3)[0, 0] == 0.8
    assert not is_closed(points)


def test_corners_are_joined_at_even_steps() -> None:
    points = path_points("0,0; 0.6,0 ;0.6,-0.2", VALENCES, AROUSALS, 9)
    steps = np.abs(np.diff(points, axis=0)).sum(axis=1)
    np.testing.assert_allclose(steps, 0.1)
    np.testing.assert_allclose(points[[0, 6, 8]], [[0, 0], [0.6, 0], [0.6, -0.2]], atol=1e-12)
    assert is_closed(path_points("0,0;0.5,0;0.5,0.5;0,0", VALENCES, AROUSALS, 60))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("square", "write circle, valence, arousal, or at least two corners"),
        ("0.1,0.2", "two or more corners that differ"),
        ("0.1,0.2;0.1,0.2", "two or more corners that differ"),
        ("0.1;0.3", "'0.1' needs 2 numbers: valence, arousal"),
        ("0,0;a,b", "write circle"),
        ("", "write circle"),
        ("0,0;1.5,0", r"1.5 is outside \[-1, 1\]"),
        ("0,0;nan,0", "nan is outside"),
    ],
)
def test_impossible_paths_are_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        path_points(text, VALENCES, AROUSALS)


@pytest.mark.parametrize("frames", [1, 401])
def test_numbers_of_frames(frames: int) -> None:
    with pytest.raises(ConfigError, match="give 2 to 400"):
        path_points("circle", VALENCES, AROUSALS, frames)
