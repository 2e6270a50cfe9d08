"""Which words are hidden, and where a prompt has its blanks."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, RunError
from affectspace.lexicon import Lexicon
from affectspace.steering.masking import BLANK, Masker, lexicon_masker, ridge_masker, words_of

MASKER = Masker(frozenset({"inspire", "awful", "love"}))


@pytest.mark.parametrize(
    ("text", "pattern", "prompt"),
    [
        ("The business does inspire me.", "inside", "The business does ___ me."),
        ("The business does not inspire me.", "inside", "The business does ___ me."),
        ("An awful, awful day!", "inside", "An ___, ___ day!"),
        ("She loves it and can’t stop.", "inside", "She ___ it and ___ stop."),
        ("Yes. On this I would.", "inside", "Yes. On this I would ___"),
        ("I love it.", "end", "I ___ it ___"),
        ("I love it.", "start", "___ I ___ it."),
        ("Love it.", "start", "___ it."),
    ],
)
def test_blanks_replace_affect_bearing_words(text: str, pattern: str, prompt: str) -> None:
    assert MASKER.prompt(text, pattern) == prompt


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(ConfigError, match="inside, end, start"):
        MASKER.prompt("I love it.", "middle")


def test_negators_may_stay() -> None:
    assert Masker(frozenset({"inspire"}), negators=False).prompt("It does not inspire.") == "It does not ___."


@pytest.mark.parametrize("text", ["", "...", "One", "Awful", "a b", "Nothing at all here was said of it, was it?"])
def test_training_prompts_are_functions_of_the_generator(text: str) -> None:
    for seed in range(20):
        first, second = (MASKER.training_prompt(text, np.random.default_rng(seed), 0.5) for _ in range(2))
        assert first == second
        if len(words_of(text)) > 1:
            assert BLANK in first


def test_spans_hide_other_words_at_any_place() -> None:
    prompts = {MASKER.training_prompt("We met on the road.", np.random.default_rng(seed), 1.0) for seed in range(60)}
    assert any(prompt.startswith(BLANK) for prompt in prompts)
    assert any(prompt.endswith(BLANK) for prompt in prompts)
    assert any(not prompt.startswith(BLANK) and prompt.endswith("road.") for prompt in prompts)


def test_a_lexicon_hides_its_farthest_words() -> None:
    terms = {"death": (-0.9, 0.5, 0.0), "joy": (0.9, 0.5, 0.1), "table": (0.0, 0.0, 0.0), "chair": (0.02, 0.0, 0.0)}
    assert lexicon_masker(Lexicon.from_terms(terms), share=0.5).words == {"death", "joy"}


def test_a_ridge_hides_the_words_that_weigh_most() -> None:
    texts = [f"it was {word} {place}" for word in ("good", "bad") for place in ("here", "there", "in", "out")] * 3
    value = np.array([1.0 if "good" in text else -1.0 for text in texts])
    affect = np.stack([value, value * 0.5, value], axis=1)
    affect[0] = np.nan
    assert ridge_masker(texts, affect, share=0.3).words == {"good", "bad"}
    with pytest.raises(ConfigError, match=r"set mask\.lexicon"):
        ridge_masker(["each", "word", "once"], affect[1:4], share=0.3)


def test_a_masker_is_read_as_it_was_written(tmp_path: Path) -> None:
    MASKER.write(tmp_path / "mask.json")
    assert Masker.read(tmp_path / "mask.json") == MASKER
    (tmp_path / "mask.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        Masker.read(tmp_path / "mask.json")
