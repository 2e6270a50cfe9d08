"""Sampling from the frozen language model behind soft tokens, reproducible row by row, with guidance.

Guidance moves the logits away from those of neutral soft tokens: neutral + g (target - neutral), where g = 1 is none (Ho &
Salimans 2022; for language models Sanchez et al. 2023). At large g a token may lead that is unlikely behind both. Therefore
only tokens count that are plausible behind the target's soft tokens (Li et al. 2023, contrastive decoding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affectspace.configuration import Configuration
from affectspace.errors import ConfigError
from affectspace.progress import Progress, silent
from affectspace.steering.language_model import LanguageModel

TOP_TOKENS = 256  # are sorted first; the whole vocabulary only where these do not reach top_p
GREEDY_BELOW = 1e-4  # logits divided by a lower temperature would overflow


class Sampling(Configuration):
    """How tokens are drawn.

    Examples
    --------
    >>> Sampling(temperature=0, longest=20).guidance
    3.0
    """

    temperature: float = Field(0.8, ge=0, description="sampling temperature; 0 is greedy decoding")
    top_p: float = Field(
        0.9, gt=0, le=1, description="draw from the likeliest tokens that together have this probability"
    )
    guidance: float = Field(3.0, ge=0, le=20, description="guidance away from neutral soft tokens; 1 is none")
    plausible: float = Field(
        0.05, ge=0, lt=1, description="with guidance, least probability of a token as a share of the likeliest one's"
    )  # fmt: skip
    longest: int = Field(48, ge=1, description="most tokens of a generated sentence")
    batch: int = Field(64, ge=1, description="sentences that are sampled together")


@torch.inference_mode()
def sample(
    model: LanguageModel,
    prompts: Sequence[list[int]],
    soft: Sequence[Tensor],
    generators: Sequence[np.random.Generator],
    sampling: Sampling,
    neutral: Sequence[Tensor] | None = None,
    progress: Progress = silent,
    label: str = "sentences",
    forbidden: Sequence[int] = (),
) -> list[str]:
    """Generate one line of text a row, behind its prompt and then its soft tokens.

    prompts : tokens, empty for all rows or for none; equal prompts are read once. soft : embeddings (places, width), at least
    one place, the same number for all. generators : a random generator a row, which gives one number a token
    neutral : embeddings that guidance moves away from. forbidden : tokens that are never drawn
    """
    _require_context(model, prompts, soft, sampling)
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), prompts[row]))
    texts = [""] * len(order)
    for start in range(0, len(order), sampling.batch):
        batch = order[start : start + sampling.batch]
        streams = [soft] if neutral is None or sampling.guidance == 1 else [soft, neutral]
        embeddings = torch.stack([stream[row] for stream in streams for row in batch])
        rows = _sample_batch(
            model, [prompts[row] for row in batch], embeddings, [generators[row] for row in batch], sampling, forbidden
        )
        for row, tokens in zip(batch, rows, strict=True):
            texts[row] = one_line(model.decode(tokens))
        progress(min(start + sampling.batch, len(order)), len(order), label)
    return texts


def _require_context(
    model: LanguageModel, prompts: Sequence[list[int]], soft: Sequence[Tensor], sampling: Sampling
) -> None:
    longest = max((len(prompt) + len(places) for prompt, places in zip(prompts, soft, strict=True)), default=0)
    room = model.context - longest
    if sampling.longest > room:
        remedy = (
            f"set longest to at most {room}" if room > 0 else "give shorter sentences, or use another language model"
        )
        raise ConfigError(
            f"a prompt of {longest} tokens and longest = {sampling.longest} exceed the {model.context} tokens that "
            f"{model.name} reads at once; {remedy}"
        )


def one_line(text: str) -> str:
    """Return the first line that is not empty, without surrounding white space."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _sample_batch(
    model: LanguageModel,
    prompts: list[list[int]],
    soft: Tensor,
    generators: list[np.random.Generator],
    sampling: Sampling,
    forbidden: Sequence[int],
) -> list[list[int]]:
    """Tokens of each row, without the one that ends it. soft : of all rows, with guidance once more for the neutral stream."""
    streams = len(soft) // len(prompts)
    prefix = None
    if any(prompts):
        distinct = {prompt: place for place, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        places = [distinct[tuple(prompt)] for prompt in prompts]
        prefix = model.read([list(prompt) for prompt in distinct])
        prefix = prefix.take(torch.tensor(places * streams, device=model.device))
    inputs = {"inputs_embeds": soft.to(model.dtype)}
    mask = torch.ones(soft.shape[:2], dtype=torch.bool, device=model.device)
    rows: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))
    never = torch.tensor(list(forbidden), dtype=torch.long, device=model.device)
    for step in range(sampling.longest):
        logits, prefix = model.logits(inputs, mask, prefix, last=1)
        scores = guided_logits(logits[:, -1], streams, sampling)
        scores[:, never] = -torch.inf
        tokens = draw_tokens(scores, [generators[row] for row in active], sampling)
        going_on = [place for place, token in enumerate(tokens) if token not in model.stops]
        for place in going_on:
            rows[active[place]].append(tokens[place])
        if not going_on or step + 1 == sampling.longest:
            break
        if len(going_on) < len(active):
            kept = [place + stream * len(active) for stream in range(streams) for place in going_on]
            prefix = prefix.take(torch.tensor(kept, device=model.device))
        active = [active[place] for place in going_on]
        inputs = {"input_ids": torch.tensor([[tokens[place]] for place in going_on] * streams, device=model.device)}
        mask = mask.new_ones(len(prefix.mask), 1)
    return rows


def guided_logits(logits: Tensor, streams: int, sampling: Sampling) -> Tensor:
    """Combine the streams' logits, (streams * rows, vocabulary), by guidance, (rows, vocabulary)."""
    if streams == 1:
        return logits
    target, neutral = logits.chunk(2)
    guided = torch.lerp(neutral, target, sampling.guidance)
    if sampling.plausible:
        least = target.amax(dim=1, keepdim=True) + math.log(sampling.plausible)
        guided.masked_fill_(target < least, -torch.inf)
    return guided


def draw_tokens(logits: Tensor, generators: Sequence[np.random.Generator], sampling: Sampling) -> list[int]:
    """Draw one token a row, by inverting the distribution function at one number of the row's generator."""
    if sampling.temperature < GREEDY_BELOW:
        return logits.argmax(dim=1).tolist()
    if logits.device.type == "mps":
        logits = logits.cpu()  # MPS has no float64
    uniform = torch.tensor([generator.random() for generator in generators], dtype=torch.float64, device=logits.device)
    ordered, tokens = _likeliest(logits / sampling.temperature, sampling.top_p)
    before = ordered.cumsum(dim=1) - ordered
    cumulative = torch.where(before < sampling.top_p, ordered, 0.0).cumsum(dim=1)  # the likeliest is always included
    chosen = (cumulative < uniform[:, None] * cumulative[:, -1:]).sum(dim=1).clamp(max=tokens.shape[1] - 1)
    return tokens.gather(1, chosen[:, None]).squeeze(1).tolist()


def _likeliest(logits: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Probabilities in descending order, float64, and their tokens: enough for every row's sum to reach top_p, or all.

    Sorting a vocabulary costs half of what the network costs, and a few hundred tokens nearly always suffice.
    """
    count = logits.shape[1]
    largest = logits.amax(dim=1, keepdim=True)
    total = (logits - largest).exp_().sum(dim=1, keepdim=True).double()
    if count > TOP_TOKENS:
        values, tokens = logits.topk(TOP_TOKENS, dim=1)
        ordered = (values - largest).double().exp() / total
        if bool((ordered.sum(dim=1) >= top_p).all()):
            return ordered, tokens
    values, tokens = logits.sort(dim=1, descending=True, stable=True)
    return (values - largest).double().exp() / total, tokens
