"""Comparisons in words: the same frozen language model gets a request, or a template precedes the sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from affectspace.progress import Progress, silent
from affectspace.steering.decoding import Sampling, one_line, sample
from affectspace.steering.language_model import LanguageModel
from affectspace.steering.ranking import Candidates

QUOTES = "\"'“”‘’ "


LEVELS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # sd of the corpus that the words stand for
PROMPT = {
    "valence": ("utterly hopeless", "sad", "neutral", "happy", "absolutely thrilled"),
    "arousal": ("drowsy and still", "calm", "neither calm nor excited", "excited", "frantic"),
    "dominance": ("helpless", "insecure", "neither weak nor strong", "confident", "all-powerful"),
}
TEMPLATE = {
    "valence": ("I am devastated:", "I am sad:", "", "I am happy:", "I am thrilled:"),
    "arousal": ("I am half asleep:", "I am calm:", "", "I am excited:", "I am frantic:"),
    "dominance": ("I am helpless:", "I am insecure:", "", "I am confident:", "I am all-powerful:"),
}


def level_of(target: float) -> int:
    """Return the index of the nearest level."""
    return min(range(len(LEVELS)), key=lambda place: abs(LEVELS[place] - target))


def request(seed: str, axis: str | None, target: float) -> str:
    """Write a request to rewrite a sentence; without an axis, in other words only."""
    how = "in other words" if axis is None else f"so that it sounds {PROMPT[axis][level_of(target)]}"
    return f"Rewrite this sentence {how}. Keep what it is about. Answer with one sentence only.\n\nSentence: {seed}"


def templated(seed: str, axis: str, target: float) -> str:
    """Put the template's words for a level before the sentence."""
    return f"{TEMPLATE[axis][level_of(target)]} {seed}".strip()


def prompt_tokens(model: LanguageModel, request_text: str) -> list[int]:
    """Encode a request in the model's chat template, or in plain words where it has none."""
    if getattr(model.tokenizer, "chat_template", None):
        text = model.tokenizer.apply_chat_template(
            [{"role": "user", "content": request_text}], tokenize=False, add_generation_prompt=True
        )
        return model.encode(str(text))
    return model.encode(f"{request_text}\nRewritten sentence:")


@torch.inference_mode()
def prompted(
    model: LanguageModel,
    seeds: Sequence[str],
    axis: str | None,
    targets: Sequence[float],
    candidates: int,
    sampling: Sampling,
    seed: int,
    progress: Progress = silent,
) -> Candidates:
    """Sample answers without quotation marks: [seed][step][candidate]."""
    prompts: list[list[int]] = []
    last: list[Tensor] = []
    draws = []
    for row, text in enumerate(seeds):
        for step, value in enumerate(targets):
            tokens = prompt_tokens(model, request(text, axis, value))
            prompts += [tokens[:-1]] * candidates
            last += [model.embed(tokens[-1:])] * candidates
            draws += [np.random.default_rng([seed, row, step, candidate]) for candidate in range(candidates)]
    answers = iter(sample(model, prompts, last, draws, sampling, None, progress, "answers to prompts"))
    return [[[bare(next(answers)) for _ in range(candidates)] for _ in targets] for _ in seeds]


def bare(answer: str) -> str:
    """Remove the label and the quotation marks that chat models often add to an answer."""
    text = one_line(answer)
    for label in ("Sentence:", "Rewritten sentence:", "Rewritten:"):
        text = text.removeprefix(label).strip()
    return text.strip(QUOTES) if text[:1] in QUOTES and text[-1:] in QUOTES else text
