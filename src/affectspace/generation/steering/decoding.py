"""Sampling from the frozen language model behind prefixes of embeddings, reproducible row by row, with guidance.

Guidance moves the logits away from those of a neutral prefix: neutral + g (asked - neutral); 1 is none (Ho & Salimans 2022,
for language models Sanchez et al. 2023).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affectspace.generation.steering.language_model import LanguageModel, padded, positions
from affectspace.models.pretrained import ModelConfig
from affectspace.training.progress import Progress, silent

BATCH = 64  # rows that are sampled together


class Sampling(ModelConfig):
    """How tokens are drawn."""

    temperature: float = Field(0.7, ge=0, description="0: the likeliest token")
    top_p: float = Field(0.9, gt=0, le=1, description="only the likeliest tokens that together have this probability")
    guidance: float = Field(2.0, ge=0, le=20, description="how far beyond the neutral prefix; 1: not at all")
    longest: int = Field(48, ge=1, description="tokens of a generated sentence")
    batch: int = Field(BATCH, ge=1, description="sentences that are sampled together")


def uniform_draws(*key: int) -> np.random.Generator:
    """A generator of its own for one sentence, a function of these whole numbers."""
    return np.random.default_rng(list(key))


@torch.inference_mode()
def sample(
    model: LanguageModel,
    prefixes: Sequence[Tensor],
    draws: Sequence[np.random.Generator],
    sampling: Sampling,
    neutral: Sequence[Tensor] | None = None,
    progress: Progress = silent,
    what: str = "sentences",
) -> list[str]:
    """A text behind each prefix (places, width), in their order.

    draws : one generator a row, of which one number a token is taken; neutral : a prefix a row that guidance moves away from
    """
    order = sorted(range(len(prefixes)), key=lambda row: len(prefixes[row]))
    texts = [""] * len(order)
    guided = neutral is not None and sampling.guidance != 1
    for start in range(0, len(order), sampling.batch):
        part = order[start : start + sampling.batch]
        away = [neutral[row] for row in part] if guided and neutral is not None else None
        rows = _sample_batch(model, [prefixes[row] for row in part], [draws[row] for row in part], sampling, away)
        for row, tokens in zip(part, rows, strict=True):
            texts[row] = one_line(model.decode(tokens))
        progress(min(start + sampling.batch, len(order)), len(order), what)
    return texts


def one_line(text: str) -> str:
    """The first line that is not empty, without white space around it."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _sample_batch(
    model: LanguageModel,
    prefixes: list[Tensor],
    draws: list[np.random.Generator],
    sampling: Sampling,
    neutral: list[Tensor] | None,
) -> list[list[int]]:
    """Tokens of each row, without the one that ends it. With a neutral prefix each row has two streams, asked and neutral."""
    streams = 1 if neutral is None else 2
    embeddings, mask = padded([*prefixes, *(neutral or [])])
    output = _forward(model, {"inputs_embeds": embeddings.to(model.dtype)}, mask, positions(mask), None)
    found: list[list[int]] = [[] for _ in prefixes]
    alive = list(range(len(prefixes)))
    for step in range(sampling.longest):
        logits = _guided(output.logits[:, -1].float(), streams, sampling.guidance)
        tokens = draw_tokens(logits, [draws[row] for row in alive], sampling)
        keep = [place for place, token in enumerate(tokens) if token not in model.stops]
        for place in keep:
            found[alive[place]].append(tokens[place])
        if not keep or step + 1 == sampling.longest:
            break
        cache, count = getattr(output, _cache_name(model)), len(alive)
        chosen = torch.tensor(
            [place + stream * count for stream in range(streams) for place in keep], device=mask.device
        )
        if len(keep) < count:
            cache.batch_select_indices(chosen)
            mask = mask[chosen]
        alive = [alive[place] for place in keep]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        ids = torch.tensor([[tokens[place]] for place in keep] * streams, device=mask.device)
        output = _forward(model, {"input_ids": ids}, mask, positions(mask)[:, -1:], cache)
    return found


def _forward(model: LanguageModel, given: dict[str, Tensor], mask: Tensor, places: Tensor, cache: Any) -> Any:
    return model.network(
        **given,
        **{_cache_name(model): cache},
        attention_mask=mask.long(),
        position_ids=places,
        use_cache=True,
        logits_to_keep=1,
    )


def _cache_name(model: LanguageModel) -> str:
    """What this release of transformers calls the cache of keys and values: `past_key_values` until 5.23, then `cache`."""
    return "cache" if "cache" in inspect.signature(model.network.forward).parameters else "past_key_values"


def _guided(logits: Tensor, streams: int, guidance: float) -> Tensor:
    """Log-probabilities of the next token, (rows, vocabulary), up to a constant a row."""
    if streams == 1:
        return logits
    asked, neutral = logits.log_softmax(dim=1).chunk(2)
    return neutral + guidance * (asked - neutral)


def draw_tokens(logits: Tensor, draws: Sequence[np.random.Generator], sampling: Sampling) -> list[int]:
    """One token a row: by inverting the distribution function of the likeliest tokens, at one number of the row's generator."""
    if sampling.temperature == 0:
        return logits.argmax(dim=1).tolist()
    places = torch.tensor([one.random() for one in draws], dtype=torch.float64, device=logits.device)
    ordered, tokens = (logits / sampling.temperature).softmax(dim=1).double().sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(dim=1) - ordered
    kept = torch.where(before < sampling.top_p, ordered, 0.0)  # the likeliest is always among them
    reached = kept.cumsum(dim=1)
    chosen = (reached < places[:, None] * reached[:, -1:]).sum(dim=1).clamp(max=logits.shape[1] - 1)
    return tokens.gather(1, chosen[:, None]).squeeze(1).tolist()
