"""Sampling: reproducible row by row, guided, and independent of the rest of the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError
from affectspace.steering import LanguageModel, Sampling, decoding
from affectspace.steering.decoding import draw_tokens, guided_logits, one_line, sample

TEXTS = ("The dog", "Our street was long and", "A")


def write(model: LanguageModel, texts: tuple[str, ...], sampling: Sampling, guided: bool = False) -> list[str]:
    """Continue texts; the last token of each is given as an embedding."""
    ids = [model.encode(text) for text in texts]
    soft = [model.embed(row[-1:]) for row in ids]
    neutral = [row.flip(1) for row in soft] if guided else None
    generators = [np.random.default_rng([5, len(text)]) for text in texts]
    return sample(model, [row[:-1] for row in ids], soft, generators, sampling, neutral)


def transformers_greedy(model: LanguageModel, ids: list[int]) -> list[str]:
    output = model.network.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=10,
        pad_token_id=model.end, eos_token_id=sorted(model.stops),
    )  # fmt: skip
    return [one_line(model.decode(output[0, len(ids) :].tolist()))]


@pytest.mark.parametrize("guided", [False, True])
def test_a_row_does_not_depend_on_the_others(language_model: LanguageModel, guided: bool) -> None:
    sampling = Sampling(longest=12, guidance=3.0)
    together = write(language_model, TEXTS, sampling, guided)
    assert together == write(language_model, TEXTS, sampling, guided)
    assert together == [write(language_model, (text,), sampling, guided)[0] for text in TEXTS]
    assert together == write(language_model, TEXTS, sampling.model_copy(update={"batch": 1}), guided)


@pytest.mark.parametrize("prompt", [0, 1, -1])  # tokens of the prompt; the rest are embeddings
def test_greedy_is_what_transformers_writes(language_model: LanguageModel, prompt: int) -> None:
    ids = language_model.encode("The long road seems")
    greedy, soft = Sampling(temperature=0, longest=10), [language_model.embed(ids[prompt:])]
    written = sample(language_model, [ids[:prompt]], soft, [np.random.default_rng([0])], greedy)
    assert written == transformers_greedy(language_model, ids)


def test_rows_with_the_same_prompt_share_its_reading(language_model: LanguageModel) -> None:
    ids, sampling = language_model.encode("Our street was long and"), Sampling(longest=10)
    soft = [language_model.embed(ids[place : place + 2]) for place in range(3)]
    together = sample(language_model, [ids] * 3, soft, [np.random.default_rng([row]) for row in range(3)], sampling)
    alone = [
        sample(language_model, [ids], [soft[row]], [np.random.default_rng([row])], sampling)[0] for row in range(3)
    ]
    assert together == alone
    assert len(set(together)) > 1


def test_guidance_of_one_is_none(language_model: LanguageModel) -> None:
    plain = write(language_model, TEXTS, Sampling(longest=12, guidance=1.0))
    assert write(language_model, TEXTS, Sampling(longest=12, guidance=1.0), guided=True) == plain
    assert write(language_model, TEXTS, Sampling(longest=12, guidance=5.0), guided=True) != plain


def test_guidance_draws_only_tokens_that_are_plausible_behind_the_target() -> None:
    target = torch.log(torch.tensor([[0.6, 0.3, 0.09, 0.01]]))
    neutral = torch.log(torch.tensor([[0.7, 0.29, 0.0099, 0.0001]]))
    both = torch.cat([target, neutral])

    def probabilities(plausible: float) -> list[float]:
        return guided_logits(both, 2, Sampling(guidance=3.0, plausible=plausible)).softmax(dim=1)[0].tolist()

    assert probabilities(0.0)[3] > 0.9  # hardly likely behind either, and yet nearly certain
    assert probabilities(0.2)[2:] == [0, 0]
    assert probabilities(0.1)[2] > 0.9
    unbounded = neutral + 3 * (target - neutral)
    assert probabilities(0.2)[:2] == pytest.approx(unbounded[0, :2].softmax(dim=0).tolist(), abs=1e-6)
    assert guided_logits(both, 1, Sampling(plausible=0.2)) is both


def test_forbidden_tokens_are_never_drawn(language_model: LanguageModel) -> None:
    ids = language_model.encode("Our street was long and")
    hot = Sampling(longest=60, temperature=3.0, top_p=1.0, guidance=1.0)
    vowels = [token for letter in "ae" for token in language_model.tokens_with(letter)]
    assert not set(vowels) & language_model.stops

    def text(forbidden: list[int]) -> str:
        soft = [language_model.embed(ids[-1:])]
        return sample(language_model, [ids[:-1]], soft, [np.random.default_rng([0])], hot, forbidden=forbidden)[0]

    assert set("ae") & set(text([]))
    assert text(vowels)
    assert not set("ae") & set(text(vowels))


def test_rows_that_end_leave_the_others_alone(language_model: LanguageModel) -> None:
    sampling = Sampling(longest=15, temperature=1.5, top_p=1.0)
    stopping = replace(language_model, stops=frozenset(range(0, 340, 7)))  # rows end at different steps
    texts = write(stopping, TEXTS, sampling)
    assert texts == [write(stopping, (text,), sampling)[0] for text in TEXTS]
    assert len({len(text) for text in texts}) > 1
    assert texts != write(language_model, TEXTS, sampling)


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    generators = [np.random.default_rng(row) for row in range(4000)]
    tokens = draw_tokens(logits, generators, Sampling(temperature=1.0, top_p=1.0))
    assert np.bincount(tokens, minlength=4) / 4000 == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    tokens = draw_tokens(logits, generators, Sampling(temperature=1.0, top_p=0.7))
    assert np.bincount(tokens, minlength=4) / 4000 == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    for cold in (0, 1e-300, 1e-6):
        assert set(draw_tokens(logits[:5], generators[:5], Sampling(temperature=cold))) == {0}


@pytest.mark.parametrize("top_p", [0.5, 0.9, 1.0])  # 64 tokens suffice, suffice for most rows, do not suffice
def test_the_top_tokens_alone_give_the_draws_of_all(top_p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 900)).astype(np.float32)) * 4
    draws = []
    for count in (64, 10_000):
        monkeypatch.setattr(decoding, "TOP_TOKENS", count)
        generators = [np.random.default_rng(row) for row in range(300)]
        draws.append(draw_tokens(logits, generators, Sampling(temperature=1.0, top_p=top_p)))
    assert draws[0] == draws[1]
    assert len(set(draws[0])) > 50


def test_more_tokens_than_the_model_reads_are_refused(language_model: LanguageModel) -> None:
    prompt, soft = [[5] * 100], [language_model.embed([5] * 6)]
    message = r"prompt of 106 tokens and longest = 151 exceed the 256 tokens .*; set longest to at most 150"
    with pytest.raises(ConfigError, match=message):
        sample(language_model, prompt, soft, [np.random.default_rng([0])], Sampling(longest=151))
    with pytest.raises(ConfigError, match="give shorter sentences"):
        sample(language_model, [[5] * 256], soft, [np.random.default_rng([0])], Sampling())
    assert sample(language_model, [], [], [], Sampling()) == []


def test_one_line() -> None:
    assert one_line("\n  a b \nc") == "a b"
    assert one_line(" \n") == ""
