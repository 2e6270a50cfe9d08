"""Which words are hidden, and where a prompt has its blanks."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, RunError
from affectspace.lexicon import Lexicon
from affectspace.steering.masking import BLANK, Masker, lexicon_masker, ridge_masker, words_of

MASKER = Masker(frozenset({"inspire", "awful", "love"}))


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("The business does inspire me.", "The business does ___ me."),
        ("The business does not inspire me.", "The business does ___ me."),
        ("An awful, awful day!", "An ___, ___ day!"),
        ("She loves it and can’t stop.", "She ___ it and ___ stop."),
        ("Yes. On this I would.", "Yes. On this I would ___"),
    ],
)
def test_blanks_stand_for_affect_bearing_words(text: str, prompt: str) -> None:
    assert MASKER.prompt(text) == prompt


def test_a_blank_at_the_start_or_end_is_added_to_the_others() -> None:
    assert MASKER.prompt("I love it.", "end") == "I ___ it ___"
    assert MASKER.prompt("I love it.", "start") == "___ I ___ it."
    assert MASKER.prompt("Love it.", "start") == "___ it."
    with pytest.raises(ConfigError, match="inside, end, start"):
        MASKER.prompt("I love it.", "middle")


def test_negators_may_stay() -> None:
    assert Masker(frozenset({"inspire"}), negators=False).prompt("It does not inspire.") == "It does not ___."


@pytest.mark.parametrize("text", ["", "...", "One", "Awful", "a b", "Nothing at all here was said of it, was it?"])
def test_training_prompts_never_fail_and_are_functions_of_their_draws(text: str) -> None:
    for seed in range(20):
        first, again = (MASKER.training_prompt(text, np.random.default_rng(seed), 0.5) for _ in range(2))
        assert first == again
        if len(words_of(text)) > 1:
            assert BLANK in first


def test_spans_hide_other_words_at_any_place() -> None:
    prompts = {MASKER.training_prompt("We met on the road.", np.random.default_rng(seed), 1.0) for seed in range(60)}
    assert any(prompt.startswith(BLANK) for prompt in prompts)
    assert any(prompt.endswith(BLANK) for prompt in prompts)
    assert any(not prompt.startswith(BLANK) and prompt.endswith("road.") for prompt in prompts)


def test_a_lexicons_farthest_words_are_hidden() -> None:
    terms = {"death": (-0.9, 0.5, 0.0), "joy": (0.9, 0.5, 0.1), "table": (0.0, 0.0, 0.0), "chair": (0.02, 0.0, 0.0)}
    masker = lexicon_masker(Lexicon.from_terms(terms), share=0.5)
    assert masker.words == {"death", "joy"}


def test_a_ridge_finds_the_words_that_weigh() -> None:
    texts = [f"it was {word} {place}" for word in ("good", "bad") for place in ("here", "there", "in", "out")] * 3
    value = np.array([1.0 if "good" in text else -1.0 for text in texts])
    affect = np.stack([value, value * 0.5, value], axis=1)
    affect[0] = np.nan
    assert ridge_masker(texts, affect, share=0.3).words == {"good", "bad"}
    with pytest.raises(ConfigError, match=r"name mask\.lexicon"):
        ridge_masker(["each", "word", "once"], affect[1:4], share=0.3)


def test_a_masker_is_read_as_it_was_written(tmp_path: Path) -> None:
    MASKER.write(tmp_path / "mask.json")
    assert Masker.read(tmp_path / "mask.json") == MASKER
    (tmp_path / "mask.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        Masker.read(tmp_path / "mask.json")
