"""Frozen text encoders of transformers, alone or followed by lexicon statistics."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import BaseBackbone, Item, make_recipe
from affectspace.features.backbones.pretrained import (
    NO_CODE,
    PretrainedBackbone,
    loading_error,
    short_name,
    weights_folder,
)
from affectspace.progress import note

if TYPE_CHECKING:
    from torch import Tensor

    from affectspace.features.backbones.words import WordsBackbone

LICENCES = {
    "minilm": "Apache-2.0",
    "sentence-transformers/all-mpnet-base-v2": "Apache-2.0",
    "roberta-base": "MIT",
    "FacebookAI/roberta-base": "MIT",
}
SENTENCE_ENCODERS = ("minilm", "sentence-transformers/all-mpnet-base-v2")  # trained with the mean over the tokens
CHARACTERS = 40  # per token; longer texts are cut before they are tokenised, so that a book costs no more than a page
MARKS = ("exclamation", "question", "capitals", "length", "repeated", "dots")  # what `marks_of` counts
Loaded = tuple[list[int], tuple[float, ...]]  # tokens, and marks


def marks_of(text: str) -> tuple[float, ...]:
    """Count what a tokenizer loses: exclamation and question marks, capitals, length, repeated letters, dots.

    Each number lies between 0 and about 1. Counts are logarithms, so that "!!!!!!" says little more than "!!!".

    Examples
    --------
    >>> [round(mark, 2) for mark in marks_of("NOOO!")]
    [0.35, 0.0, 1.0, 0.36, 0.35, 0.0]
    """
    letters = [letter for letter in text if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters) - 1  # the first letter of a sentence says nothing
    counts = text.count("!"), text.count("?"), len(_REPEATED.findall(text)), text.count("...") + text.count("\u2026")
    exclamation, question, repeated, dots = (min(math.log1p(count) / 2, 1.0) for count in counts)
    share = 0.0 if len(letters) < 2 else max(capitals, 0) / (len(letters) - 1)
    return exclamation, question, share, min(math.log1p(len(text)) / 5, 1.5), repeated, dots


_REPEATED = re.compile(r"([^\W\d_])\1\1", re.IGNORECASE)


def token_limit(config: Any, tokenizer: Any, tokens: int) -> int:
    """Return how many tokens of a text a model reads, at most `tokens`. RoBERTa's positions begin behind that of padding."""
    limit = int(getattr(tokenizer, "model_max_length", tokens) or tokens)
    positions = int(getattr(config, "max_position_embeddings", tokens))
    offset = int(getattr(config, "pad_token_id", 0) or 0) + 1 if "roberta" in config.model_type else 0
    return min(tokens, limit, positions - offset)


class TextBackbone(PretrainedBackbone):
    """A text encoder of transformers.

    Each of `layers` (as in Python, -1 is the last) is pooled over the tokens by "first" or masked "mean", and the
    results are concatenated; with `marks`, `marks_of` the text follow. Texts of more than `tokens` tokens are cut and
    counted.
    """

    modality = kind = "text"
    shard_rows = 1024  # sorted by length, 3 % of the tokens of a batch are padding; in shards of 256 rows 14 %

    def __init__(
        self,
        name: str,
        folder: str | Path,
        layers: tuple[int, ...],
        pooling: str,
        tokens: int,
        marks: bool,
        device: str,
        dtype: str,
    ) -> None:
        if pooling not in ("first", "mean"):
            raise ConfigError(f"pooling {pooling!r}; choose first or mean")
        super().__init__(name, folder, device, dtype)
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder), **NO_CODE)
        except Exception as error:  # of any kind, where a file of the folder is damaged
            raise loading_error(self.kind, name, error, folder) from error
        config = self.model.config
        count = config.num_hidden_layers
        if count < 1:
            raise ConfigError(
                f"text encoder {name!r} has no layers (num_hidden_layers is {count} in {folder}/config.json)"
            )
        if not layers or not all(-count - 1 <= layer <= count for layer in layers):
            raise ConfigError(f"layers {list(layers)}; {name} has layers 0 (embeddings) to {count}, or -1 backwards")
        self._tokens = token_limit(config, self._tokenizer, tokens)
        self._layers, self._pooling, self._marks = layers, pooling, marks
        self._parameters = self.model.num_parameters(exclude_embeddings=True)
        self.dimension = config.hidden_size * len(layers) + (len(MARKS) if marks else 0)
        self.licence = LICENCES.get(name, self.licence)
        self.settings: dict[str, Any] = {
            "layers": list(layers), "pooling": pooling, "tokens": self._tokens, "dtype": dtype,
            **({"marks": True} if marks else {}),
        }  # fmt: skip

    def load(self, item: Item) -> Loaded:
        """Return the tokens and the marks. Raises UnreadableItem for an empty text."""
        text = item.text or ""
        if not text.strip():
            raise UnreadableItem("the text is empty")
        cut = text[: CHARACTERS * self._tokens]
        ids, more = self._tokenise(cut)
        if more or len(cut) < len(text):
            note(self.counts, f"a text of more than {self._tokens} tokens, cut")
        return ids, marks_of(cut) if self._marks else ()

    def _tokenise(self, text: str) -> tuple[list[int], bool]:
        """Return the tokens, and whether there are more. Threads share the tokenizer, so its limit must not change."""
        result = self._tokenizer(text, truncation=True, max_length=self._tokens)
        ids = list(result["input_ids"])
        if result.encodings:
            return ids, bool(result.encodings[0].overflowing)
        return ids, len(ids) == self._tokens < len(self._tokenizer(text)["input_ids"])  # a tokenizer in Python

    def length(self, loaded: Loaded) -> float:
        return len(loaded[0])

    def vectors(self, batch: list[Loaded]) -> Tensor:
        """Return (batch, dimension). Padding is masked."""
        import torch

        tokens = [ids for ids, _ in batch]
        width = max(map(len, tokens))
        ids = torch.full((len(batch), width), int(self._tokenizer.pad_token_id or 0))
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = torch.tensor(own)
            mask[row, : len(own)] = 1
        marks = torch.tensor([own for _, own in batch], device=self.device) if self._marks else None
        return self.pooled(ids.to(self.device), mask.to(self.device), marks)

    def operations(self, batch: list[Loaded]) -> float:
        return 2.0 * self._parameters * len(batch) * max(len(ids) for ids, _ in batch)

    def pooled(self, ids: Tensor, mask: Tensor, marks: Tensor | None = None) -> Tensor:
        """Encode tokens (batch, length), (batch, dimension) float32.

        mask : 1 for a token, 0 for padding; marks : (batch, numbers) to append
        """
        import torch

        hidden = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        if self._pooling == "first":
            parts = [hidden[layer][:, 0].float() for layer in self._layers]
        else:
            weights = (mask / mask.sum(dim=1, keepdim=True))[..., None].float()
            parts = [(hidden[layer].float() * weights).sum(dim=1) for layer in self._layers]
        return torch.cat(parts if marks is None else [*parts, marks], dim=1)

    def pieces(self, words: Sequence[str]) -> list[int]:
        """Count the tokens of each word."""
        return [len(self._tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) for word in words]

    def tokenizer_json(self) -> str | None:
        """Return the tokenizer as the package `tokenizers` reads it; None for one that is written in Python."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        return None if backend is None else backend.to_str()


class TextAndWordsBackbone(BaseBackbone):
    """A text encoder and lexicon statistics in one vector: (dimension of the text encoder + statistics).

    One head reads both and can learn which words to trust. As two modalities they meet only where they are fused. On
    EmoBank one vector gains 0.02 of Pearson's r (docs/results/features.md).
    """

    modality = "text"
    shard_rows = TextBackbone.shard_rows

    def __init__(self, text: TextBackbone, words: WordsBackbone) -> None:
        self._text, self._words = text, words
        self.name, self.dimension = f"{text.name}+lexicon", text.dimension + words.dimension
        self.licence, self.revision = f"{text.licence}; {words.licence}", f"{text.revision}+{words.revision}"
        self.settings: dict[str, Any] = {**text.settings, **words.settings}
        self.counts = text.counts

    def load(self, item: Item) -> tuple[Loaded, str]:
        """Return what the text encoder reads, and the text. Raises UnreadableItem for an empty text."""
        return self._text.load(item), self._words.load(item)

    def length(self, loaded: tuple[Loaded, str]) -> float:
        return self._text.length(loaded[0])

    def encode(self, batch: list[tuple[Loaded, str]]) -> np.ndarray:
        """Return (batch, dimension) float32."""
        tokens, texts = zip(*batch, strict=True)
        return np.concatenate([self._text.encode(list(tokens)), self._words.encode(list(texts))], axis=1)


def text_backbone(
    name: str = "minilm",
    *,
    layers: tuple[int, ...] | list[int] | int | None = None,
    pooling: str | None = None,
    tokens: Annotated[int, Field(ge=3)] = 512,
    marks: bool = False,
    lexicons: Mapping[str, Any] | None = None,
    contextual: Mapping[str, float | bool] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> TextBackbone | TextAndWordsBackbone:
    """Load a text encoder: "minilm", or another by folder or hub name, for example "roberta-base".

    layers : default the last three of minilm, the last of others
    tokens : of a text that are read, at least 3, as the first and the last one are marks
    pooling : default "mean" for sentence encoders that are known here, "first" for others
    marks : append numbers about punctuation and capitals, see `marks_of`
    lexicons, contextual : append statistics of these lexicons, see `words_backbone`
    Raises ConfigError, with the remedy, if it cannot be loaded.
    """
    if isinstance(layers, int):
        layers = (layers,)
    chosen = tuple(layers) if layers is not None else ((-3, -2, -1) if name == "minilm" else (-1,))
    default = "mean" if name in SENTENCE_ENCODERS else "first"
    text = TextBackbone(
        short_name(name), weights_folder(name), chosen, pooling or default, tokens, marks, device, dtype
    )
    if not lexicons:
        return text
    from affectspace.features.backbones.words import words_backbone

    words = words_backbone(lexicons=lexicons, contextual=contextual)
    assert words.recipe is not None
    both = TextAndWordsBackbone(text, words)
    both.recipe = make_recipe("text", name, {**text.settings, **words.recipe["settings"]})
    return both


def has_minilm() -> bool:
    """Return whether the weights of MiniLM are on this machine, in their package."""
    return Path(weights_folder("minilm")).is_dir()
