"""Where sentences end, and which windows cover a long input."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.prediction import Sample
from affectspace.prediction.trajectory import seconds_of, sentences, text_windows, time_windows, windows_of

from .conftest import clip, tone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        (
            "Mr. Smith met Dr. Who at 5 p.m. on Monday. He left.",
            ["Mr. Smith met Dr. Who at 5 p.m. on Monday.", "He left."],
        ),
        ("It cost 3.50 dollars. Cheap.", ["It cost 3.50 dollars.", "Cheap."]),
        ("J. R. R. Tolkien wrote. We read.", ["J. R. R. Tolkien wrote.", "We read."]),
        ("So did I. Then we left.", ["So did I.", "Then we left."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ('"Stop!" she said. "No."', ['"Stop!"', "she said.", '"No."']),
        ("A title\n\nA text without an end\nover two lines", ["A title", "A text without an end over two lines"]),
        ("\u4eca\u65e5\u306f\u3002\u6674\u308c\uff01", ["\u4eca\u65e5\u306f\u3002", "\u6674\u308c\uff01"]),
        ("... !!! \n\n ?", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_windows_of_a_text_cover_it_to_its_end() -> None:
    text = " ".join(f"Sentence {word}." for word in ("aa", "bb", "cc", "dd", "ee", "ff", "gg"))
    found = text_windows(text, 3, 2)
    assert [(one.start, one.end) for one in found] == [(0, 3), (2, 5), (4, 7)]
    assert found[1].sample.text == "Sentence cc. Sentence dd. Sentence ee."
    assert [(one.start, one.end) for one in text_windows(text, 4, 2)] == [(0, 4), (2, 6), (3, 7)]
    assert [(one.start, one.end) for one in text_windows(text, 20, 1)] == [(0, 7)]
    assert text_windows("  ", 3, 1) == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (10.0, [(0, 4), (2, 6), (4, 8), (6, 10)]),
        (9.0, [(0, 4), (2, 6), (4, 8), (6, 9)]),
        (7.5, [(0, 4), (2, 6), (4, 7.5)]),
        (3.0, [(0, 3)]),
        (4.5, [(0, 4), (2, 4.5)]),
    ],
)
def test_windows_of_time(seconds: float, expected: list[tuple[float, float]]) -> None:
    found = list(time_windows(Sample(audio=Path("a.wav")), seconds, 4.0, 2.0))
    assert [(one.start, one.end) for one in found] == expected
    assert [(one.sample.start, one.sample.end) for one in found] == expected


def test_windows_start_where_the_cut_does_and_a_short_rest_is_left_out() -> None:
    cut = Sample(audio=Path("a.wav"), text="goes with all", start=100.0, end=110.0)
    found = list(time_windows(cut, 10.0, 5.0, 5.0))
    assert [(one.start, one.end) for one in found] == [(100, 105), (105, 110)]
    assert {one.sample.text for one in found} == {"goes with all"}
    assert [one.end for one in time_windows(Sample(audio=Path("a.wav")), 11.0, 5.0, 5.0)] == [5, 10]


def test_many_windows_are_made_one_by_one() -> None:
    windows = time_windows(Sample(audio=Path("a.wav")), 1e9, 4.0, 2.0)
    assert next(windows).end == 4.0


def test_lengths(tmp_path: Path) -> None:
    sound = tone(tmp_path / "a.wav", 3.5)
    assert seconds_of(Sample(audio=sound)) == pytest.approx(3.5)
    assert seconds_of(Sample(audio=sound, start=1.0)) == pytest.approx(2.5)
    assert seconds_of(Sample(audio=sound, start=1.0, end=2.0)) == pytest.approx(1.0)
    assert seconds_of(Sample(audio=sound, end=99.0)) == pytest.approx(3.5)
    assert seconds_of(Sample(video=clip(tmp_path / "a.mp4", 2.0))) == pytest.approx(2.0, abs=0.3)
    assert seconds_of(Sample(text="none")) == 0.0
    (tmp_path / "b.wav").touch()
    (tmp_path / "c.mp4").write_bytes(np.random.default_rng(0).bytes(3000))
    for name, reason in (("b.wav", "empty"), ("c.mp4", "not a sound or clip"), ("d.wav", "no such file")):
        with pytest.raises(UnreadableItem, match=reason):
            seconds_of(Sample(audio=tmp_path / name))


@pytest.mark.parametrize(("window", "step"), [(0, 1), (4, 0), (4, 5), (-1, -1), (float("nan"), 1)])
def test_steps_that_make_no_sense(window: float, step: float) -> None:
    with pytest.raises(ConfigError, match="both must be above 0, and the step at most the window"):
        windows_of(Sample("A text."), window, step)
