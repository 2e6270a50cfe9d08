"""A frozen causal language model: loading, embeddings, logits, the surprise of texts, and a hash that shows it unchanged."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affectspace.errors import ConfigError
from affectspace.features.backbones.pretrained import require, torch_type
from affectspace.steering.loading import require_memory

OFFLINE = "smollm2"
LICENCES = {OFFLINE: "Apache-2.0"}
ENDS = ("<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>")  # where the configuration names none
SCORED = 16  # texts whose surprise is computed at once
NEEDED = ("inputs_embeds", "attention_mask", "use_cache", "logits_to_keep")  # of a network's arguments
_NONE = -100  # in place of a token


@dataclass(frozen=True, eq=False)
class Behind:
    """What rows have read so far: the network's keys and values, and where there were tokens, (rows, places) bool."""

    cache: Any
    mask: Tensor

    def take(self, rows: Tensor) -> Behind:
        """Of the rows at these positions, which may come again. The cache is changed in place: use what is returned."""
        self.cache.batch_select_indices(rows)
        return Behind(self.cache, self.mask[rows])


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A network of `transformers` and its tokenizer, in evaluation mode; none of its weights takes a gradient.

    end : the token that ends a text in training; stops : all tokens that end a generated text; start : the token before a
    text whose surprise is measured
    """

    name: str
    network: Any
    tokenizer: Any
    end: int
    stops: frozenset[int]
    start: int

    @property
    def width(self) -> int:
        """Of the input embeddings."""
        return int(self._table.shape[1])

    @property
    def device(self) -> torch.device:
        return self._table.device

    @property
    def dtype(self) -> torch.dtype:
        return self._table.dtype

    @property
    def _table(self) -> Tensor:
        return self.network.get_input_embeddings().weight

    @property
    def context(self) -> int:
        """Tokens that it can read at once."""
        return int(getattr(self.network.config, "max_position_embeddings", None) or 1_000_000)

    @property
    def embedding_size(self) -> float:
        """Root mean square of its input embeddings."""
        return float(self._table.float().square().mean().sqrt())

    def to(self, device: torch.device | str) -> None:
        """Move it, in place. Raises ConfigError where it does not fit there."""
        try:
            self.network.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"{self.name} cannot be moved to {device}: {str(error).splitlines()[0]}") from error

    def encode(self, text: str) -> list[int]:
        """Its tokens, without any that the tokenizer would add."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def tokens_with(self, letters: str) -> list[int]:
        """The tokens that show these letters; none of the special ones."""
        count = int(self._table.shape[0])
        named = sorted(place for place in self.tokenizer.get_vocab().values() if place < count)
        texts = self.tokenizer.batch_decode([[one] for one in named], skip_special_tokens=True)
        return [one for one, text in zip(named, texts, strict=True) if letters in text]

    def embed(self, tokens: Sequence[int]) -> Tensor:
        """Input embeddings (n, width)."""
        ids = torch.tensor(list(tokens), dtype=torch.long, device=self.device)
        return self.network.get_input_embeddings()(ids)

    @torch.no_grad()
    def read(self, prompts: Sequence[list[int]]) -> Behind:
        """What stands before the rows of a batch, (rows, places), padded on the left; it takes no gradient."""
        ids, mask = padded_ids(self, prompts)
        output = self._forward({"input_ids": ids}, mask, None, 1, True)
        return Behind(getattr(output, self._cache_name), mask)

    def logits(
        self, given: dict[str, Tensor], mask: Tensor, behind: Behind | None, *, last: int, keep: bool
    ) -> tuple[Tensor, Behind | None]:
        """Logits of the last places, (rows, last, vocabulary), float32; with `keep` also what the next places stand behind.

        given : `input_ids` (rows, places) or `inputs_embeds` (rows, places, width); mask : (rows, places), true where there is
        a token; behind : what the rows have read before, or None
        """
        whole = mask if behind is None else torch.cat([behind.mask, mask], dim=1)
        cache = None if behind is None else behind.cache
        output = self._forward(given, whole, cache, last, keep or cache is not None)
        return output.logits[:, -last:].float(), Behind(getattr(output, self._cache_name), whole) if keep else None

    def _forward(self, given: dict[str, Tensor], mask: Tensor, cache: Any, last: int, use_cache: bool) -> Any:
        places = next(iter(given.values())).shape[1]
        return self.network(
            **given,
            **{self._cache_name: cache},
            attention_mask=mask.long(),
            position_ids=positions(mask)[:, -places:],
            use_cache=use_cache,
            logits_to_keep=last,
        )

    @property
    def _cache_name(self) -> str:
        """What this release of transformers calls the cache of keys and values: `past_key_values` until 5.23, then `cache`."""
        known = inspect.signature(self.network.forward).parameters
        return "cache" if "cache" in known else "past_key_values"

    @torch.inference_mode()
    def surprise(self, texts: Sequence[str]) -> np.ndarray:
        """Mean negative log-likelihood of each text's tokens, nats, (n,); its exponential is the perplexity.

        Of an empty text it is that of the token that ends it.
        """
        rows = [self.encode(text)[: self.context - 2] or [self.end] for text in texts]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        found = np.zeros(len(rows))
        for begin in range(0, len(order), SCORED):
            part = order[begin : begin + SCORED]
            prefix = self.embed([self.start]).expand(len(part), 1, -1)
            losses, counts = token_losses(self, prefix, [rows[row] for row in part])
            found[part] = (losses / counts).cpu().numpy()
        return found

    def digest(self) -> str:
        """A hash of all weights, as they are in memory."""
        digest = hashlib.sha256()
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
            plain = weight.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().data)
        return digest.hexdigest()


def positions(mask: Tensor) -> Tensor:
    """Places of the tokens in their rows, counted from the first one that is there; (rows, places)."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def padded_ids(model: LanguageModel, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Tokens of rows of unequal length as (rows, most), padded on the left, and where they are."""
    most = max(map(len, rows))
    ids = torch.tensor([[model.start] * (most - len(row)) + list(row) for row in rows], device=model.device)
    lengths = torch.tensor([len(row) for row in rows], device=model.device)
    return ids, torch.arange(most, device=model.device) >= most - lengths[:, None]


def token_losses(
    model: LanguageModel, prefix: Tensor, targets: Sequence[list[int]], prompts: Sequence[list[int]] | None = None
) -> tuple[Tensor, Tensor]:
    """Summed negative log-likelihood of each target behind its prefix, nats, (rows,), and how many tokens it has, (rows,).

    prefix : embeddings (rows, places, width), at least one place; they take the gradient. prompts : tokens before the prefix
    """
    most = max(len(target) for target in targets)
    ids = torch.tensor([target + [_NONE] * (most - len(target)) for target in targets], device=model.device)
    seen = ids[:, :-1]
    body = torch.cat([prefix.to(model.dtype), model.network.get_input_embeddings()(seen.clamp(min=0))], dim=1)
    mask = torch.cat([torch.ones_like(prefix[..., 0], dtype=torch.bool), seen != _NONE], dim=1)
    behind = model.read(prompts) if prompts and any(prompts) else None
    logits, _ = model.logits({"inputs_embeds": body}, mask, behind, last=most, keep=False)
    losses = F.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=_NONE, reduction="none")
    return losses.view(ids.shape).sum(dim=1), (ids != _NONE).sum(dim=1)


def load_language_model(
    name: str = OFFLINE, *, dtype: str = "float32", device: str | torch.device = "cpu"
) -> LanguageModel:
    """A causal language model, frozen: "smollm2" from its package, a folder, or a name of the model hub.

    Raises ConfigError with the remedy where it cannot be had or steered, does not fit into memory, or has no token that ends a
    text.
    """
    require("transformers", "llm", "language models")
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    from affectspace.steering.loading import offline_model

    logging.disable_progress_bar()
    number = torch_type(dtype)
    folder = str(offline_model() if name == OFFLINE else name)
    try:
        config = AutoConfig.from_pretrained(folder)
        require_memory(name, config, dtype, device)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if not tokenizer("A word.", add_special_tokens=False)["input_ids"]:
            raise OSError(
                "it has no tokenizer, or one with an empty vocabulary"
            )  # which is not missed when it is loaded
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=number, output_loading_info=True, use_safetensors=True
        )
        network, told = loaded
        if told["missing_keys"]:  # they would be random numbers
            raise OSError(f"its files lack the weights {min(told['missing_keys'])}")
    except ConfigError:
        raise
    except MemoryError as error:
        raise ConfigError(
            f"language model {name!r} does not fit into memory; name a smaller one, such as smollm2"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"language model {name!r} cannot be loaded ({reason}); give a folder that save_pretrained wrote, as "
            f"safetensors and with its tokenizer, a name of the model hub while it can be reached, or {OFFLINE}"
        ) from error
    known = inspect.signature(network.forward).parameters
    lacking = [one for one in NEEDED if one not in known]
    if lacking or getattr(network, "_is_stateful", False):
        reason = f"its network takes no {lacking[0]}" if lacking else "it keeps a state in place of keys and values"
        raise ConfigError(f"language model {name!r} cannot be steered: {reason}; name a transformer such as {OFFLINE}")
    network.eval().requires_grad_(False)
    _read_out_contiguous(network)
    model = LanguageModel(name, network, tokenizer, *_ends(name, network, tokenizer))
    model.to(device)
    return model


def _read_out_contiguous(network: Any) -> None:
    """The last places of a batch are a view with gaps: in bfloat16 each row would get a copy of the vocabulary's weights."""
    head = network.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(lambda module, given: (given[0].contiguous(), *given[1:]))


def _ends(name: str, network: Any, tokenizer: Any) -> tuple[int, frozenset[int], int]:
    """The token that ends a text, all that do, and the one that a text begins behind. A padding token is not needed."""
    found: list[int] = []
    count = int(network.get_input_embeddings().weight.shape[0])
    for source in (getattr(network, "generation_config", None), network.config, tokenizer):
        value = getattr(source, "eos_token_id", None)
        found += [int(one) for one in (value if isinstance(value, list | tuple) else [value]) if one is not None]
    # some tokenizers bring ends of their own that the network has never had a place for
    vocabulary = {word: place for word, place in tokenizer.get_vocab().items() if place < count}
    found = [one for one in found if one < count] + [vocabulary[word] for word in ENDS if word in vocabulary]
    if not found:
        raise ConfigError(
            f"language model {name!r} names no token that ends a text, so that no sentence would ever end; set eos_token in "
            "its tokenizer_config.json or eos_token_id in its config.json"
        )
    end = tokenizer.eos_token_id if tokenizer.eos_token_id in found else found[0]
    # what parts documents in training; the first token of a chat would announce a speaker's name
    starts = (vocabulary.get("<|endoftext|>"), tokenizer.bos_token_id, end)
    start = next(one for one in starts if one is not None and one < count)
    return int(end), frozenset(found), int(start)


def licence_of(name: str) -> str:
    """Of a language model's weights."""
    return LICENCES.get(name) or f"see the card of {Path(name).name}"
