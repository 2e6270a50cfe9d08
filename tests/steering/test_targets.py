"""Targets: how a path is written, in which units, and what is refused."""

import numpy as np
import pytest

from affectspace.errors import ConfigError
from affectspace.steering.targets import absolute_targets, parse_path, parse_steps, target_points

MEAN, SCALE = np.array([0.1, 0.0, -0.1]), np.array([0.2, 0.1, 0.1])
SEED_AFFECT = np.array([[1.0, -1.0, 0.5], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("-2:2:1", [-2, -1, 0, 1, 2]), ("1:-1:-1", [1, 0, -1]), ("0:0.3:0.1", [0, 0.1, 0.2, 0.3]),
        ("-1,0.5", [-1, 0.5]), ("2", [2]), ("1:1:1", [1]),
    ],
)  # fmt: skip
def test_parse_steps(text: str, values: list[float]) -> None:
    assert parse_steps(text, "--valence") == values


@pytest.mark.parametrize("text", ["", "a", "1:2", "1:2:0", "1:2:-1", "0:1:0.001", "nan", "1:inf:1", "1,,2"])
def test_steps_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--valence"):
        parse_steps(text, "--valence")


def test_axes_are_combined_into_points() -> None:
    points = target_points(valence=[-1, 1], dominance=2)
    assert np.array_equal(points, [[-1, np.nan, 2], [1, np.nan, 2]], equal_nan=True)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"valence": [1, 2], "arousal": [1, 2, 3]}, "different numbers of steps"),
        ({"pleasure": 1}, "unknown axis 'pleasure'"), ({}, "no axis is given"), ({"valence": [0.0] * 101}, "101 steps"),
    ],
)  # fmt: skip
def test_axes_that_are_refused(axes: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        target_points(**axes)


def test_a_path_has_even_steps() -> None:
    points = parse_path("-1,0,0;1,0,0;1,1,0", 4)
    assert points.tolist() == [[-1, 0, 0], [0, 0, 0], [1, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize("text", ["1,0,0", "1,0;0,1", "a,0,0;1,1,1", "1,1,1;1,1,1"])
def test_paths_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="corners"):
        parse_path(text, 4)


def test_a_path_needs_two_steps() -> None:
    with pytest.raises(ConfigError, match="--steps 1"):
        parse_path("-1,0,0;1,0,0", 1)


@pytest.mark.parametrize(
    ("units", "relative", "values"),
    [
        ("sd", False, [0.3, 0.3]),
        ("sd", True, [1.3, 0.3]),
        ("canonical", False, [1, 1]),
        ("canonical", True, [2.5, 1.5]),
    ],
)
def test_units_and_origins(units: str, relative: bool, values: list[float]) -> None:
    targets = absolute_targets(target_points(valence=[0.3]), units, relative, MEAN, SCALE, SEED_AFFECT)
    assert targets[:, 0, 0] == pytest.approx(values)
    assert np.isnan(targets[:, :, 1:]).all()


@pytest.mark.parametrize(
    ("points", "units", "relative", "message"),
    [
        (target_points(valence=4.5), "sd", False, "within 4 standard deviations"),
        (target_points(arousal=-1.2), "canonical", False, r"must lie on \[-1, 1\]"),
        (target_points(arousal=2.2), "canonical", True, r"must lie on \[-2, 2\]"),
        (target_points(valence=1), "stevens", False, "unknown units"),
        (np.zeros((2, 2)), "sd", False, "shape"),
        (np.full((1, 3), np.nan), "sd", False, "no axis has a target"),
        (np.array([[np.inf, 0, 0]]), "sd", False, "infinite"),
    ],
)
def test_targets_that_are_refused(points: np.ndarray, units: str, relative: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        absolute_targets(points, units, relative, MEAN, SCALE, SEED_AFFECT)
