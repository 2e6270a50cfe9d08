"""Sampling from the frozen language model behind prefixes of embeddings, reproducible row by row, with guidance.

Guidance moves the logits away from those of a neutral prefix: neutral + g (asked - neutral); 1 is none (Ho & Salimans 2022,
for language models Sanchez et al. 2023). So far beyond, a token may lead that neither prefix calls for; therefore only
those count that the asked prefix itself finds plausible beside its likeliest (Li et al. 2023, contrastive decoding).
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

BATCH = 64  # rows that are sampled together
LIKELIEST = 256  # tokens that are looked at first
COLD = 1e-4  # a lower temperature is 0: logits divided by it would overflow


class Sampling(Configuration):
    """How tokens are drawn."""

    temperature: float = Field(0.8, ge=0, description="0: the likeliest token")
    top_p: float = Field(0.9, gt=0, le=1, description="only the likeliest tokens that together have this probability")
    guidance: float = Field(3.0, ge=0, le=20, description="how far beyond the neutral prefix; 1: not at all")
    plausible: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="with guidance, least probability behind the asked prefix, share of its likeliest token's",
    )
    longest: int = Field(48, ge=1, description="tokens of a generated sentence")
    batch: int = Field(BATCH, ge=1, description="sentences that are sampled together")


def uniform_draws(*key: int) -> np.random.Generator:
    """A generator of its own for one sentence, a function of these whole numbers."""
    return np.random.default_rng(list(key))


@torch.inference_mode()
def sample(
    model: LanguageModel,
    prompts: Sequence[list[int]],
    soft: Sequence[Tensor],
    draws: Sequence[np.random.Generator],
    sampling: Sampling,
    neutral: Sequence[Tensor] | None = None,
    progress: Progress = silent,
    what: str = "sentences",
    forbidden: Sequence[int] = (),
) -> list[str]:
    """A text of each row, behind its prompt and then its embeddings (places, width).

    prompts : tokens, empty for all rows or for none; rows with the same one read it together. soft : at least one place, the
    same number for all. draws : one generator a row, of which one number a token is taken; neutral : embeddings a row that
    guidance moves away from; forbidden : tokens that are never drawn
    Raises ConfigError where the language model cannot read so many tokens at once.
    """
    _require_room(model, prompts, soft, sampling)
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), prompts[row]))
    texts = [""] * len(order)
    guided = neutral is not None and sampling.guidance != 1
    for start in range(0, len(order), sampling.batch):
        part = order[start : start + sampling.batch]
        rows = [soft[row] for row in part]
        if guided and neutral is not None:
            rows += [neutral[row] for row in part]
        found = _sample_batch(
            model, [prompts[row] for row in part], torch.stack(rows), [draws[row] for row in part], sampling, forbidden
        )
        for row, tokens in zip(part, found, strict=True):
            texts[row] = one_line(model.decode(tokens))
        progress(min(start + sampling.batch, len(order)), len(order), what)
    return texts


def _require_room(
    model: LanguageModel, prompts: Sequence[list[int]], soft: Sequence[Tensor], sampling: Sampling
) -> None:
    before = max((len(prompt) + len(places) for prompt, places in zip(prompts, soft, strict=True)), default=0)
    if before + sampling.longest > model.context:
        left = model.context - before
        remedy = (
            f"set longest to {left} at most" if left > 0 else "give shorter sentences, or name another language model"
        )
        raise ConfigError(
            f"{before} tokens of a prompt and longest = {sampling.longest} are more than {model.name} reads at once, "
            f"{model.context}; {remedy}"
        )


def one_line(text: str) -> str:
    """The first line that is not empty, without white space around it."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _sample_batch(
    model: LanguageModel,
    prompts: list[list[int]],
    soft: Tensor,
    draws: list[np.random.Generator],
    sampling: Sampling,
    forbidden: Sequence[int],
) -> list[list[int]]:
    """Tokens of each row, without the one that ends it. With guidance each row has two streams, asked and neutral."""
    streams = len(soft) // len(prompts)
    behind = None
    if any(prompts):
        distinct = {tuple(prompt): place for place, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        own = [distinct[tuple(prompt)] for prompt in prompts]
        behind = model.read([list(prompt) for prompt in distinct]).take(
            torch.tensor(own * streams, device=model.device)
        )
    given = {"inputs_embeds": soft.to(model.dtype)}
    mask = torch.ones(soft.shape[:2], dtype=torch.bool, device=model.device)
    found: list[list[int]] = [[] for _ in prompts]
    alive = list(range(len(prompts)))
    never = torch.tensor(list(forbidden), dtype=torch.long, device=model.device)
    for step in range(sampling.longest):
        logits, behind = model.logits(given, mask, behind, last=1, keep=True)
        assert behind is not None
        wanted = guided(logits[:, -1], streams, sampling)
        wanted[:, never] = -torch.inf
        tokens = draw_tokens(wanted, [draws[row] for row in alive], sampling)
        keep = [place for place, token in enumerate(tokens) if token not in model.stops]
        for place in keep:
            found[alive[place]].append(tokens[place])
        if not keep or step + 1 == sampling.longest:
            break
        if len(keep) < len(alive):
            chosen = [place + stream * len(alive) for stream in range(streams) for place in keep]
            behind = behind.take(torch.tensor(chosen, device=model.device))
        alive = [alive[place] for place in keep]
        given = {"input_ids": torch.tensor([[tokens[place]] for place in keep] * streams, device=model.device)}
        mask = mask.new_ones(len(behind.mask), 1)
    return found


def guided(logits: Tensor, streams: int, sampling: Sampling) -> Tensor:
    """Log-probabilities of the next token, (rows, vocabulary), up to a constant a row."""
    if streams == 1:
        return logits
    asked, neutral = logits.chunk(2)
    wanted = torch.lerp(neutral, asked, sampling.guidance)
    if sampling.plausible:
        least = asked.amax(dim=1, keepdim=True) + math.log(sampling.plausible)
        wanted.masked_fill_(asked < least, -torch.inf)
    return wanted


def draw_tokens(logits: Tensor, draws: Sequence[np.random.Generator], sampling: Sampling) -> list[int]:
    """One token a row: by inverting the distribution function of the likeliest tokens, at one number of the row's generator."""
    if sampling.temperature < COLD:
        return logits.argmax(dim=1).tolist()
    if logits.device.type == "mps":
        logits = logits.cpu()  # there are no doubles there
    places = torch.tensor([one.random() for one in draws], dtype=torch.float64, device=logits.device)
    ordered, tokens = _likeliest(logits / sampling.temperature, sampling.top_p)
    before = ordered.cumsum(dim=1) - ordered
    kept = torch.where(before < sampling.top_p, ordered, 0.0)  # the likeliest is always among them
    reached = kept.cumsum(dim=1)
    chosen = (reached < places[:, None] * reached[:, -1:]).sum(dim=1).clamp(max=tokens.shape[1] - 1)
    return tokens.gather(1, chosen[:, None]).squeeze(1).tolist()


def _likeliest(logits: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Probabilities in descending order, in doubles, with their tokens: so many that every row's sum reaches top_p, or all.

    To sort a vocabulary costs half of what the network costs, to make doubles of it a tenth; a few hundred tokens nearly
    always suffice.
    """
    count = logits.shape[1]
    most = logits.amax(dim=1, keepdim=True)
    whole = (logits - most).exp_().sum(dim=1, keepdim=True).double()
    if count > LIKELIEST:
        values, tokens = logits.topk(LIKELIEST, dim=1)
        ordered = (values - most).double().exp() / whole
        if bool((ordered.sum(dim=1) >= top_p).all()):
            return ordered, tokens
    values, tokens = logits.sort(dim=1, descending=True, stable=True)
    return (values - most).double().exp() / whole, tokens
