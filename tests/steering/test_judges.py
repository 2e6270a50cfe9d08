"""Judges and the calibration by them, on texts whose affect is planted."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.lexicon import Lexicon
from affectspace.steering.calibration import Calibration, calibrate, fit_line
from affectspace.steering.judges import lexicon_judge, measured, ridge_judge
from affectspace.steering.steerer import Steerer

WORDS = {"awful": -1.0, "sad": -0.5, "dull": 0.0, "fine": 0.5, "lovely": 1.0}
TEXTS = [f"the {thing} is {word}" for thing in ("dog", "street", "house", "road") for word in WORDS] * 2
LABELS = np.array([[WORDS[text.split()[-1]], abs(WORDS[text.split()[-1]]), len(text) / 20] for text in TEXTS])


def test_the_ridge_reads_planted_affect_in_its_own_spread() -> None:
    judge = ridge_judge(TEXTS, LABELS)
    scores = judge.score(["a cat is awful", "a cat is dull", "a cat is lovely"])
    assert scores[0, 0] < scores[1, 0] < scores[2, 0]
    assert measured(judge, ["a cat is lovely"])[0] == pytest.approx(scores[2] / judge.spread)
    assert judge.axes == ("valence", "arousal", "dominance")


def test_the_ridge_leaves_out_unlabelled_rows_and_keeps_groups_apart() -> None:
    labels = LABELS.copy()
    labels[:3] = np.nan
    judge = ridge_judge(TEXTS, labels, np.arange(len(TEXTS)) // 4)
    assert np.isfinite(judge.score(TEXTS)).all()
    with pytest.raises(DataError, match="ten labelled texts"):
        ridge_judge(TEXTS[:5], LABELS[:5])
    with pytest.raises(DataError, match="vary"):
        ridge_judge(TEXTS, np.zeros_like(LABELS))


def test_a_lexicon_judges_by_its_words_and_else_says_the_mean() -> None:
    lexicon = Lexicon.from_terms({word: (value, 0.5 * value**2, 0.0 + 0.1 * value) for word, value in WORDS.items()})
    judge = lexicon_judge("mine", lexicon, TEXTS)
    scores = judge.score(["it is lovely", "it is awful", "nothing of it"])
    assert scores[0, 0] > scores[2, 0] > scores[1, 0]
    assert scores[2] == pytest.approx(judge.mean)
    with pytest.raises(DataError, match="hardly any"):
        lexicon_judge("mine", lexicon, ["no word of it", "none"])


def test_an_axis_that_a_judge_does_not_know_is_nan() -> None:
    judge = lexicon_judge("v", Lexicon.from_terms({"awful": -3.0, "lovely": 2.0}, "vader"), TEXTS)
    found = measured(judge, ["awful"])
    assert np.isfinite(found[0, 0])
    assert np.isnan(found[0, 1:]).all()


def test_the_line_of_a_planted_response() -> None:
    inputs = np.array([-2.0, 0.0, 2.0])
    line = fit_line(inputs, 0.4 * inputs + np.array([[0.1], [0.5]]))
    assert (line.slope, line.intercept, line.responds) == (pytest.approx(0.4), pytest.approx(0.3), True)
    weak = fit_line(inputs, -0.2 * inputs[None])
    assert (weak.slope, weak.measured_slope, weak.responds) == (0.1, pytest.approx(-0.2), False)
    with pytest.raises(ConfigError, match="two different values"):
        fit_line(np.array([1.0, 1.0]), np.zeros((2, 2)))


def test_asking_for_one_sd_more_gives_one_sd_more_by_the_judge(
    steerer: Steerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A steerer that responds with half of its input, plus .3: calibrated, it responds with what is asked."""
    judge = ridge_judge(TEXTS, LABELS)
    texts = ["the dog is dull", "the house is dull"]
    zero = measured(judge, texts)[:, 0].mean()

    class Found:
        def __init__(self, points: np.ndarray) -> None:
            self.texts = [f"#{0.5 * value + 0.3}" for value in points[:, 0]]

    monkeypatch.setattr(Steerer, "steer", lambda self, seeds, points, **options: [Found(points) for _ in seeds])

    class Reads:
        name, axes, spread = "reads", ("valence",), np.ones(1)

        def score(self, given: list[str]) -> np.ndarray:
            said = [float(text[1:]) + zero if text.startswith("#") else zero for text in given]
            return np.array(said)[:, None]

    found = calibrate(steerer, texts, Reads(), (-2.0, 0.0, 2.0))
    asked = np.array([[[-1.0, np.nan, np.nan], [1.0, np.nan, np.nan]]])
    given = found.input_of(asked, np.zeros((1, 3)), relative=False)
    reach = steerer.projector.config.reach
    assert found.reach == reach
    unbent = reach * np.arctanh(given[0, :, 0] / reach)
    assert 0.5 * unbent + 0.3 == pytest.approx([-1.0, 1.0])
    far = found.input_of(np.array([[[value, np.nan, np.nan] for value in (-4, -2, 0, 2, 4)]]), np.zeros((1, 3)), False)
    assert (np.diff(far[0, :, 0]) > 0).all()  # in the order of what is asked
    assert (np.abs(far) < reach).all()
    assert "one sd of input measures as +0.50 sd by reads" in found.lines()[0]


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Calibration({"valence": fit_line(np.array([-1.0, 1.0]), np.array([[-0.5, 0.7]]))}, "ridge", 1, 2.5)
    made.write(tmp_path / "c.json")
    assert Calibration.read(tmp_path / "c.json") == made
    assert Calibration.read(tmp_path / "none.json") == Calibration({})
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(RunError, match="damaged"):
        Calibration.read(tmp_path / "c.json")
