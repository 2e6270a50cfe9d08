"""Calibration: lines of planted responses, and the projector's inputs that they give."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, RunError
from affectspace.steering import Steerer
from affectspace.steering.calibration import Calibration, Line, calibrate
from affectspace.steering.judges import Judge

LINE = Line(0.5, 0.25)


def valence(*values: float) -> np.ndarray:
    """Targets of one sentence, (1, values, 3)."""
    return np.array([[[value, np.nan, np.nan] for value in values]])


def test_the_line_of_a_planted_response() -> None:
    inputs = np.array([-2.0, 0.0, 2.0])
    line = Line.fit(inputs, 0.4 * inputs + np.array([[0.1], [0.5]]))
    assert (line.slope, line.intercept) == (pytest.approx(0.4), pytest.approx(0.3))
    weak = Line.fit(inputs, -0.2 * inputs[None])
    assert (weak.slope, weak.measured_slope) == (0.1, pytest.approx(-0.2))
    with pytest.raises(ConfigError, match="two different values"):
        Line.fit(np.array([1.0, 1.0]), np.zeros((2, 2)))


def test_one_sd_more_of_target_gives_one_sd_more_by_the_judge(
    steerer: Steerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A steerer that responds with half of its input, plus .3, responds with its target after calibration."""

    @dataclass
    class Result:
        texts: list[str]

    def read(texts: Sequence[str]) -> np.ndarray:
        return np.array([[1.0 + float(text or 0)] for text in texts])

    def steer(self: Steerer, seeds: list[str], points: np.ndarray, **options: object) -> list[Result]:
        return [Result([str(0.5 * value + 0.3) for value in points[:, 0]]) for _ in seeds]

    monkeypatch.setattr(Steerer, "steer", steer)
    calibration = calibrate(steerer, ["", ""], Judge("planted", ("valence",), np.ones(1), read), (-2.0, 0.0, 2.0))
    reach = steerer.projector.config.reach
    assert calibration.reach == reach
    inputs = calibration.inputs(valence(-1, 1), np.zeros((1, 3)), relative=False)
    assert 0.5 * reach * np.arctanh(inputs[0, :, 0] / reach) + 0.3 == pytest.approx([-1.0, 1.0])
    far = calibration.inputs(valence(-4, -2, 0, 2, 4), np.zeros((1, 3)), relative=False)
    assert (np.diff(far[0, :, 0]) > 0).all()  # in the order of the targets
    assert (np.abs(far) < reach).all()
    assert "one sd of input measures as +0.50 sd by planted" in calibration.summary()[0]


def test_a_difference_of_zero_keeps_the_sentences_own_affect() -> None:
    calibration = Calibration({"valence": LINE}, "judge", 3, reach=2.5)
    seed_affect = np.array([[2.0, 0.3, 0.0], [-1.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    targets = seed_affect[:, None] + np.array([[-1.0], [0.0], [1.0]]) * [1, np.nan, np.nan]
    inputs = calibration.inputs(targets, seed_affect, relative=True)
    assert inputs[:2, 1, 0] == pytest.approx([2.0, -1.0])
    assert inputs[0, :, 1] == pytest.approx([0.3] * 3)
    assert (np.diff(inputs[..., 0], axis=1) > 0).all()
    assert (np.abs(inputs[..., 0]) < 2.5).all()


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    calibration = Calibration({"valence": LINE}, "ridge", 1, 2.5)
    calibration.write(tmp_path / "c.json")
    assert Calibration.read(tmp_path / "c.json") == calibration
    assert Calibration.read(tmp_path / "none.json") == Calibration({})
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(RunError, match="damaged"):
        Calibration.read(tmp_path / "c.json")
