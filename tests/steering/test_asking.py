"""What may be asked, in which unit, and what is refused."""

import numpy as np
import pytest

from affectspace.errors import ConfigError
from affectspace.steering.asking import ask, in_deviations, parse_path, parse_steps

MEAN, SCALE = np.array([0.1, 0.0, -0.1]), np.array([0.2, 0.1, 0.1])
OWN = np.array([[1.0, -1.0, 0.5], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("-2:2:1", [-2, -1, 0, 1, 2]), ("1:-1:-1", [1, 0, -1]), ("0:0.3:0.1", [0, 0.1, 0.2, 0.3]),
        ("-1,0.5", [-1, 0.5]), ("2", [2]), ("1:1:1", [1]),
    ],
)  # fmt: skip
def test_steps(text: str, values: list[float]) -> None:
    assert parse_steps(text, "--valence") == values


@pytest.mark.parametrize("text", ["", "a", "1:2", "1:2:0", "1:2:-1", "0:1:0.001", "nan", "1:inf:1", "1,,2"])
def test_steps_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--valence"):
        parse_steps(text, "--valence")


def test_axes_go_together() -> None:
    points = ask(valence=[-1, 1], dominance=2)
    assert np.array_equal(points, [[-1, np.nan, 2], [1, np.nan, 2]], equal_nan=True)
    with pytest.raises(ConfigError, match="different numbers of steps"):
        ask(valence=[1, 2], arousal=[1, 2, 3])
    with pytest.raises(ConfigError, match="pleasure"):
        ask(pleasure=1)
    with pytest.raises(ConfigError, match="no axis"):
        ask()


def test_a_path_has_even_steps() -> None:
    points = parse_path("-1,0,0;1,0,0;1,1,0", 4)
    assert points.tolist() == [[-1, 0, 0], [0, 0, 0], [1, 0, 0], [1, 1, 0]]
    for bad in ("1,0,0", "1,0;0,1", "a,0,0;1,1,1", "1,1,1;1,1,1"):
        with pytest.raises(ConfigError, match="corners"):
            parse_path(bad, 4)
    with pytest.raises(ConfigError, match="--steps 1"):
        parse_path("-1,0,0;1,0,0", 1)


def test_units_and_origins() -> None:
    points = ask(valence=[0.3])
    assert in_deviations(points, "sd", False, MEAN, SCALE, OWN)[:, 0, 0].tolist() == [0.3, 0.3]
    assert in_deviations(points, "sd", True, MEAN, SCALE, OWN)[:, 0, 0].tolist() == [1.3, 0.3]
    assert in_deviations(points, "canonical", False, MEAN, SCALE, OWN)[:, 0, 0] == pytest.approx([1.0, 1.0])
    assert in_deviations(points, "canonical", True, MEAN, SCALE, OWN)[:, 0, 0] == pytest.approx([2.5, 1.5])
    assert np.isnan(in_deviations(points, "sd", True, MEAN, SCALE, OWN)[:, :, 1:]).all()


@pytest.mark.parametrize(
    ("points", "units", "relative", "message"),
    [
        (ask(valence=4.5), "sd", False, "within 4 standard deviations"),
        (ask(arousal=-1.2), "canonical", False, r"lie on \[-1, 1\]"),
        (ask(arousal=2.2), "canonical", True, r"lie on \[-2, 2\]"),
        (ask(valence=1), "stevens", False, "units"),
        (np.zeros((2, 2)), "sd", False, "shape"),
        (np.full((1, 3), np.nan), "sd", False, "no axis"),
        (np.array([[np.inf, 0, 0]]), "sd", False, "infinite"),
    ],
)
def test_what_is_beyond_the_range_is_refused(points: np.ndarray, units: str, relative: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        in_deviations(points, units, relative, MEAN, SCALE, OWN)
