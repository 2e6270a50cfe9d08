"""Small corpora of texts and sounds, and a backbone that needs no network."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affectspace.corpora import Corpus, build_table
from affectspace.errors import UnreadableItem
from affectspace.features import Item


class Letters:
    """Counts of letters: a backbone that tests can read."""

    modality, dimension, licence, revision, columns = "text", 27, "none", "1", None
    shard_rows = 10

    def __init__(self, **settings: Any) -> None:
        self.name, self.settings = "text:letters", settings
        self.encoded: list[int] = []
        self.counts: Counter[str] = Counter()

    def load(self, item: Item) -> str:
        if "?" in (item.text or ""):
            raise UnreadableItem("it asks something")
        return item.text or ""

    def length(self, loaded: str) -> float:
        return len(loaded)

    def encode(self, batch: list[str]) -> np.ndarray:
        self.encoded.append(len(batch))
        return np.array([[text.count(chr(97 + k)) for k in range(26)] + [len(text)] for text in batch], np.float32)


@pytest.fixture
def letters() -> type[Letters]:
    return Letters


@pytest.fixture
def text_corpus() -> Callable[..., Corpus]:
    """``text_corpus(n, seed=0)``: n rows of random letters, ids r000, r001, ..."""

    def make(n: int, seed: int = 0) -> Corpus:
        random = np.random.default_rng(seed)
        texts = ["".join(random.choice(list("abcdefg "), size=random.integers(1, 60))) + "x" for _ in range(n)]
        table = build_table("texts", {"id": [f"r{i:03d}" for i in range(n)], "text": texts}, where="here")
        return Corpus("texts", table)

    return make


@pytest.fixture
def media_corpus() -> Callable[..., Corpus]:
    """``media_corpus(folder, audio=[...])``: a row a file name."""

    def make(folder: Path, **columns: list) -> Corpus:
        n = len(next(iter(columns.values())))
        fields = {
            name: values for name, values in columns.items() if name in ("audio", "video", "image", "start", "end")
        }
        extras = {name: pd.Series(values, dtype=object) for name, values in columns.items() if name not in fields}
        table = build_table("media", {"id": [f"m{i}" for i in range(n)], **fields}, extras, where="here")
        return Corpus("media", table, media=folder)

    return make


@pytest.fixture(scope="session")
def tiny_vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a ViT of random weights for pictures of 16 pixels."""
    import torch
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        image_size=16, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    place = tmp_path_factory.mktemp("vit") / "tiny"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ViTModel(config).save_pretrained(place)
    (place / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}')
    return str(place)
