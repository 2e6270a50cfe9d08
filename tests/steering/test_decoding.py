"""Sampling: reproducible row by row, guided, and the same whatever else is in the batch."""

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError
from affectspace.steering import LanguageModel, Sampling, decoding
from affectspace.steering.decoding import draw_tokens, guided, one_line, sample, uniform_draws

TEXTS = ("The dog", "Our street was long and", "A")


def write(model: LanguageModel, texts: tuple[str, ...], sampling: Sampling, guided: bool = False) -> list[str]:
    ids = [model.encode(text) for text in texts]
    last = [model.embed(row[-1:]) for row in ids]
    away = [one.flip(1) for one in last] if guided else None
    draws = [uniform_draws(5, len(text)) for text in texts]
    return sample(model, [row[:-1] for row in ids], last, draws, sampling, away)


@pytest.mark.parametrize("guided", [False, True])
def test_a_row_does_not_depend_on_the_others(language_model: LanguageModel, guided: bool) -> None:
    sampling = Sampling(longest=12, guidance=3.0)
    together = write(language_model, TEXTS, sampling, guided)
    assert together == write(language_model, TEXTS, sampling, guided)
    assert together == [write(language_model, (text,), sampling, guided)[0] for text in TEXTS]
    assert together == write(language_model, TEXTS, sampling.model_copy(update={"batch": 1}), guided)


def test_greedy_is_what_transformers_writes(language_model: LanguageModel) -> None:
    ids = language_model.encode("The long road seems")
    greedy = Sampling(temperature=0, longest=10)
    for split in (len(ids) - 1, 1, 0):  # wherever the prompt ends and the embeddings begin
        soft = [language_model.embed(ids[split:])]
        assert sample(language_model, [ids[:split]], soft, [uniform_draws(0)], greedy) == expected(language_model, ids)


def test_rows_that_share_a_prompt_read_it_as_rows_that_do_not(language_model: LanguageModel) -> None:
    ids, sampling = language_model.encode("Our street was long and"), Sampling(longest=10)
    soft = [language_model.embed(ids[place : place + 2]) for place in range(3)]
    together = sample(language_model, [ids] * 3, soft, [uniform_draws(row) for row in range(3)], sampling)
    assert together == [
        sample(language_model, [ids], [one], [uniform_draws(row)], sampling)[0] for row, one in enumerate(soft)
    ]
    assert len(set(together)) > 1


def expected(language_model: LanguageModel, ids: list[int]) -> list[str]:
    theirs = language_model.network.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=10,
        pad_token_id=language_model.end, eos_token_id=sorted(language_model.stops),
    )  # fmt: skip
    return [one_line(language_model.decode(theirs[0, len(ids) :].tolist()))]


def test_guidance_of_one_is_none_and_more_is_another_text(language_model: LanguageModel) -> None:
    plain = write(language_model, TEXTS, Sampling(longest=12, guidance=1.0))
    assert write(language_model, TEXTS, Sampling(longest=12, guidance=1.0), guided=True) == plain
    assert write(language_model, TEXTS, Sampling(longest=12, guidance=5.0), guided=True) != plain


def test_guidance_draws_only_what_the_asked_prefix_finds_plausible() -> None:
    asked = torch.log(torch.tensor([[0.6, 0.3, 0.09, 0.01]]))
    neutral = torch.log(torch.tensor([[0.7, 0.29, 0.0099, 0.0001]]))
    both = torch.cat([asked, neutral])

    def plausible(least: float) -> list[float]:
        return guided(both, 2, Sampling(guidance=3.0, plausible=least)).softmax(dim=1)[0].tolist()

    assert plausible(0.0)[3] > 0.9  # hardly likely behind either, and yet nearly certain
    assert plausible(0.2)[2:] == [0, 0]
    assert plausible(0.1)[2] > 0.9
    free = neutral + 3 * (asked - neutral)
    assert plausible(0.2)[:2] == pytest.approx(free[0, :2].softmax(dim=0).tolist(), abs=1e-6)
    assert guided(both, 1, Sampling(plausible=0.2)) is both


def test_forbidden_tokens_are_never_drawn(language_model: LanguageModel) -> None:
    ids = language_model.encode("Our street was long and")
    soft, draws = [language_model.embed(ids[-1:])], [uniform_draws(0)]
    hot = Sampling(longest=60, temperature=3.0, top_p=1.0, guidance=1.0)
    vowels = [token for letter in "ae" for token in language_model.tokens_with(letter)]
    assert not set(vowels) & language_model.stops
    [free] = sample(language_model, [ids[:-1]], soft, [uniform_draws(0)], hot)
    [text] = sample(language_model, [ids[:-1]], soft, draws, hot, forbidden=vowels)
    assert set("ae") & set(free)
    assert not set("ae") & set(text)
    assert text


def test_rows_that_end_leave_the_others_alone(language_model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sampling = Sampling(longest=15, temperature=1.5, top_p=1.0)
    free = write(language_model, TEXTS, sampling)
    ends = frozenset(range(0, 340, 7))  # so many that rows end at different steps
    cut = LanguageModel(
        "cut", language_model.network, language_model.tokenizer, language_model.end, ends, language_model.start
    )
    some = write(cut, TEXTS, sampling)
    assert some == [write(cut, (text,), sampling)[0] for text in TEXTS]
    assert len({len(text) for text in some}) > 1
    assert some != free


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    draws = [np.random.default_rng(row) for row in range(4000)]
    tokens = draw_tokens(logits, draws, Sampling(temperature=1.0, top_p=1.0))
    assert np.bincount(tokens, minlength=4) / 4000 == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    tokens = draw_tokens(logits, draws, Sampling(temperature=1.0, top_p=0.7))
    assert np.bincount(tokens, minlength=4) / 4000 == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    for cold in (0, 1e-300, 1e-6):
        assert set(draw_tokens(logits[:5], draws[:5], Sampling(temperature=cold))) == {0}


def test_what_the_model_cannot_read_at_once_is_refused(language_model: LanguageModel) -> None:
    prompt, soft = [[5] * 100], [language_model.embed([5] * 6)]
    with pytest.raises(
        ConfigError, match=r"106 tokens of a prompt and longest = 151 .* 256; set longest to 150 at most"
    ):
        sample(language_model, prompt, soft, [uniform_draws(0)], Sampling(longest=151))
    with pytest.raises(ConfigError, match="give shorter sentences"):
        sample(language_model, [[5] * 256], soft, [uniform_draws(0)], Sampling())
    assert sample(language_model, [], [], [], Sampling()) == []


def test_the_likeliest_tokens_alone_give_the_draws_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 900)).astype(np.float32)) * 4
    for top_p in (0.5, 0.9, 1.0):  # few suffice, few suffice for most rows, all are needed
        sampling = Sampling(temperature=1.0, top_p=top_p)
        found = []
        for first in (64, 10_000):
            monkeypatch.setattr(decoding, "LIKELIEST", first)
            found.append(draw_tokens(logits, [np.random.default_rng(row) for row in range(300)], sampling))
        assert found[0] == found[1]
        assert len(set(found[0])) > 50


def test_one_line() -> None:
    assert one_line("\n  a b \nc") == "a b"
    assert one_line(" \n") == ""
